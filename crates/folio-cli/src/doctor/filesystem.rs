//! What is known of a file system by asking: its name, its magic number, how it is mounted.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, StatxFlags};

/// A file system, as the kernel has it mounted.
#[derive(Clone, Debug)]
pub(crate) struct FileSystem {
    /// As in proc_pid_mountinfo(5): `ext4`, `fuse.bindfs`. Where that is not to be had, the magic number in hexadecimal.
    pub(crate) name: String,
    /// `f_type` of statfs(2).
    pub(crate) magic: u32,
    /// The options of the mount, those of the file system after them: `rw`, `noexec`, `relatime` …
    pub(crate) options: Vec<String>,
}

/// Who keeps the bytes of a file system's files when they leave the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// A device of this machine.
    Device,
    /// Nobody: they are in memory for as long as there is power.
    Memory,
    /// The file systems that are its layers.
    Layers,
    /// Another machine.
    Server,
    /// A program, by way of FUSE.
    Program,
    /// Not known.
    Unknown,
}

/// By the magic numbers of statfs(2) and linux/magic.h.
const KEEPERS: &[(u32, Keeper)] = &[
    (0xef53, Keeper::Device),      // ext2, ext3, ext4
    (0x5846_5342, Keeper::Device), // xfs
    (BTRFS, Keeper::Device),
    (0xf2f5_2010, Keeper::Device), // f2fs
    (BCACHEFS, Keeper::Device),
    (ZFS, Keeper::Device),
    (NILFS, Keeper::Device),
    (0x3153_464a, Keeper::Device),  // jfs
    (0x2011_bab0, Keeper::Device),  // exfat
    (0x4d44, Keeper::Device),       // vfat
    (0x7371_7368, Keeper::Device),  // squashfs
    (0xe0f5_e1e2, Keeper::Device),  // erofs
    (0x9660, Keeper::Device),       // iso9660
    (0x0102_1994, Keeper::Memory),  // tmpfs
    (0x8584_58f6, Keeper::Memory),  // ramfs
    (0x9584_58f6, Keeper::Memory),  // hugetlbfs
    (0x9fa0, Keeper::Memory),       // proc
    (0x6265_6572, Keeper::Memory),  // sysfs
    (0x794c_7630, Keeper::Layers),  // overlayfs
    (0xf15f, Keeper::Layers),       // ecryptfs
    (0x6969, Keeper::Server),       // nfs
    (0xff53_4d42, Keeper::Server),  // cifs
    (0xfe53_4d42, Keeper::Server),  // smb2
    (0x517b, Keeper::Server),       // smbfs
    (0x0102_1997, Keeper::Server),  // 9p
    (0x00c3_6400, Keeper::Server),  // ceph
    (0x7375_7245, Keeper::Server),  // coda
    (0x2003_0528, Keeper::Server),  // orangefs
    (0x5346_414f, Keeper::Server),  // afs
    (0x6b41_4653, Keeper::Server),  // kafs
    (0x0bd0_0bd0, Keeper::Server),  // lustre
    (0x4750_4653, Keeper::Server),  // gpfs
    (0x0116_1970, Keeper::Server),  // gfs2: a disk that several machines share
    (0x7461_636f, Keeper::Server),  // ocfs2, likewise
    (0x6573_5546, Keeper::Program), // FUSE, virtiofs
];

const BTRFS: u32 = 0x9123_683e;
const BCACHEFS: u32 = 0xca45_1a4e;
const ZFS: u32 = 0x2fc1_2fc1;
const NILFS: u32 = 0x3434;

impl FileSystem {
    /// Who keeps its bytes.
    pub(crate) fn keeper(&self) -> Keeper {
        let known = KEEPERS.iter().find(|(magic, _)| *magic == self.magic);
        known.map_or(Keeper::Unknown, |(_, keeper)| *keeper)
    }

    /// Whether it writes a page to a new place each time, so that space allocated for a range is used up by the first
    /// write to it.
    pub(crate) fn copies_on_write(&self) -> bool {
        [BTRFS, BCACHEFS, ZFS, NILFS].contains(&self.magic)
    }

    /// That of `path`.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let statfs = rustix::fs::statfs(path)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "magic numbers are 32 bits, whatever the word of the machine"
        )]
        let magic = statfs.f_type as u32;
        let mounted = mount_id(path)
            .and_then(|id| named_in(&fs::read_to_string("/proc/self/mountinfo").ok()?, id));
        let (name, options) = mounted.unwrap_or_else(|| (format!("{magic:#x}"), Vec::new()));
        Ok(Self { name, magic, options })
    }

    /// Whether it is mounted with this option.
    pub(crate) fn has_option(&self, option: &str) -> bool {
        self.options.iter().any(|have| have == option)
    }
}

/// The mount that `path` is in; `None` before Linux 5.8.
fn mount_id(path: &Path) -> Option<u64> {
    let statx = rustix::fs::statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
    (statx.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(statx.stx_mnt_id)
}

/// Name and options of mount `id` in the text of /proc/self/mountinfo, whose lines are
/// `ID PARENT MAJ:MIN ROOT MOUNTPOINT OPTIONS [TAG…] - TYPE SOURCE SUPEROPTIONS`.
fn named_in(mountinfo: &str, id: u64) -> Option<(String, Vec<String>)> {
    let line = mountinfo
        .lines()
        .find(|line| line.split(' ').next().and_then(|first| first.parse().ok()) == Some(id))?;
    let (mount, file_system) = line.split_once(" - ")?;
    let mut fields = file_system.split(' ');
    let name = fields.next()?.to_owned();
    let of_mount = mount.split(' ').nth(5)?;
    let of_file_system = fields.nth(1).unwrap_or_default();
    let options = of_mount.split(',').chain(of_file_system.split(','));
    Some((name, options.map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_names_file_system_and_options() {
        let text = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
                    35 21 0:40 / /mnt/a\\040b ro,noexec - fuse.bindfs /x rw,user_id=0\n";
        let (name, options) = named_in(text, 35).unwrap();
        assert_eq!(name, "fuse.bindfs");
        assert_eq!(options, ["ro", "noexec", "rw", "user_id=0"]);
        assert_eq!(named_in(text, 21).unwrap().0, "ext4");
        assert!(named_in(text, 2).is_none());
    }

    #[test]
    fn magic_numbers_tell_who_keeps_the_bytes() {
        let keeper =
            |magic| FileSystem { name: String::new(), magic, options: Vec::new() }.keeper();
        assert_eq!(keeper(0xef53), Keeper::Device); // ext4
        assert_eq!(keeper(0x0102_1994), Keeper::Memory); // tmpfs
        assert_eq!(keeper(0x6969), Keeper::Server); // nfs
        assert_eq!(keeper(0x6573_5546), Keeper::Program); // FUSE
        assert_eq!(keeper(0x794c_7630), Keeper::Layers); // overlayfs
        assert_eq!(keeper(1), Keeper::Unknown);
        for (index, (magic, _)) in KEEPERS.iter().enumerate() {
            assert!(
                KEEPERS[..index].iter().all(|(other, _)| other != magic),
                "{magic:#x} is there twice"
            );
        }
    }

    #[test]
    fn proc_is_known_by_name() {
        let proc = FileSystem::of(Path::new("/proc")).unwrap();
        assert_eq!((proc.name.as_str(), proc.magic), ("proc", 0x9fa0));
    }
}
