//! Who keeps the bytes of a file system, which decides what a flush can promise.

use crate::doctor::place::Place;

/// Who keeps the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeper {
    /// A device of this machine.
    Device,
    /// Memory alone.
    Memory,
    /// A server, on another machine or in a process of this one, which may change them without asking this kernel.
    Server,
    /// Other file systems, below it.
    Layers,
}

impl Keeper {
    /// Who keeps those of the place.
    pub(super) fn of(place: &Place) -> Self {
        Self::of_magic(place.file_system().magic)
    }

    /// By the magic number of statfs(2), linux/magic.h.
    fn of_magic(magic: u32) -> Self {
        match magic {
            0x0102_1994 | 0x8584_58f6 | 0x9584_58f6 => Self::Memory, // tmpfs, ramfs, hugetlbfs
            0x794c_7630 => Self::Layers,                             // overlayfs
            // NFS, CIFS, SMB2, SMB, FUSE, 9p, Ceph, AFS twice, Coda, Lustre, OrangeFS, GFS2, OCFS2
            0x6969 | 0xff53_4d42 | 0xfe53_4d42 | 0x517b | 0x6573_5546 | 0x0102_1997
            | 0x00c3_6400 | 0x5346_414f | 0x6b41_4653 | 0x7375_7245 | 0x0bd0_0bd0 | 0x2003_0528
            | 0x0116_1970 | 0x7461_636f => Self::Server,
            _ => Self::Device,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic_numbers() {
        assert_eq!(Keeper::of_magic(0xef53), Keeper::Device); // ext4
        assert_eq!(Keeper::of_magic(0x9123_683e), Keeper::Device); // btrfs
        assert_eq!(Keeper::of_magic(0x0102_1994), Keeper::Memory);
        assert_eq!(Keeper::of_magic(0x6969), Keeper::Server);
        assert_eq!(Keeper::of_magic(0x6573_5546), Keeper::Server);
        assert_eq!(Keeper::of_magic(0x794c_7630), Keeper::Layers);
    }
}
