//! What folio needs to know of the file system that a file is on, by the magic numbers of statfs(2).

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;

use rustix::fs::MemfdFlags;
use rustix::io::Errno;

use crate::page::PageSize;

/// The kind of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileSystemType(u32);

/// File systems whose bytes change through this kernel alone, and whether device and inode number name one file. Network
/// and FUSE file systems are not among them: their servers can change a file without asking for a lease. On overlays and
/// some others two files may show the same number.
const LOCAL: [(u32, Inodes); 16] = [
    (EXT, Inodes::Unique),
    (0x5846_5342, Inodes::Unique), // xfs
    (0x9123_683e, Inodes::Unique), // btrfs, where each subvolume has a device number of its own
    (TMPFS, Inodes::Unique),       // and memfds
    (0xf2f5_2010, Inodes::Unique), // f2fs
    (HUGETLBFS, Inodes::Unique),
    (0x8584_58f6, Inodes::Unknown), // ramfs
    (0xca45_1a4e, Inodes::Unknown), // bcachefs
    (0x2fc1_2fc1, Inodes::Unknown), // zfs
    (0x3434, Inodes::Unknown),      // nilfs2
    (0x3153_464a, Inodes::Unknown), // jfs
    (0x2011_bab0, Inodes::Unknown), // exfat
    (0x4d44, Inodes::Unknown),      // vfat
    (OVERLAY, Inodes::Unknown),
    (0x7371_7368, Inodes::Unknown), // squashfs
    (0xe0f5_e1e2, Inodes::Unknown), // erofs
];

/// ext2, ext3, ext4.
const EXT: u32 = 0xef53;
const TMPFS: u32 = 0x0102_1994;
const OVERLAY: u32 = 0x794c_7630;
const HUGETLBFS: u32 = 0x9584_58f6;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inodes {
    /// Device and inode number name one file.
    Unique,
    Unknown,
}

impl FileSystemType {
    /// That of the file behind `fd`.
    pub(crate) fn of(fd: impl AsFd) -> rustix::io::Result<Self> {
        Ok(Self(Self::magic_of(&rustix::fs::fstatfs(fd)?)))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "magic numbers are 32 bits"
    )]
    fn magic_of(stat: &rustix::fs::StatFs) -> u32 {
        stat.f_type as u32
    }

    /// The magic number.
    pub(crate) fn magic(self) -> u32 {
        self.0
    }

    /// Whether files change through this kernel alone.
    pub(crate) fn is_local(self) -> bool {
        LOCAL.iter().any(|&(magic, _)| magic == self.0)
    }

    /// Whether device and inode number name one file.
    pub(crate) fn has_unique_inodes(self) -> bool {
        LOCAL.contains(&(self.0, Inodes::Unique))
    }

    /// Whether its files may be memfds, and sealed.
    pub(crate) fn may_be_sealed(self) -> bool {
        self.0 == TMPFS
    }

    /// Whether it is known that no two files can share blocks there.
    pub(crate) fn never_shares_blocks(self) -> bool {
        matches!(self.0, EXT | TMPFS)
    }

    /// The size of the pages that the file behind `fd` is mapped in: its file system's block on hugetlbfs, and the base page elsewhere.
    pub(crate) fn page_size(fd: impl AsFd) -> PageSize {
        let huge = rustix::fs::fstatfs(fd).ok().filter(|stat| Self::magic_of(stat) == HUGETLBFS);
        huge.and_then(|stat| PageSize::new(usize::try_from(stat.f_bsize).ok()?))
            .unwrap_or_else(PageSize::base)
    }

    /// Whether what is read of its files, and mapped of them, are the pages of other files: those of the layers.
    pub(crate) fn has_pages_in_layers(self) -> bool {
        self.0 == OVERLAY
    }

    /// Whether its pages are huge.
    pub(crate) fn is_hugetlbfs(self) -> bool {
        self.0 == HUGETLBFS
    }
}

/// Why a lease on the file behind `fd` would prove nothing; `None` if the kernel asks the holder before every change.
pub(crate) fn why_lease_proves_nothing(fd: BorrowedFd<'_>) -> rustix::io::Result<Option<String>> {
    why_lease_proves_nothing_on(FileSystemType::of(fd)?, fd)
}

/// The same where the file system of the file is known.
pub(crate) fn why_lease_proves_nothing_on(
    kind: FileSystemType,
    fd: BorrowedFd<'_>,
) -> rustix::io::Result<Option<String>> {
    if !kind.is_local() {
        let magic = kind.magic();
        return Ok(Some(format!(
            "the file system (type {magic:#x}) may change files without asking this kernel, so a lease proves nothing"
        )));
    }
    if kind.0 == OVERLAY {
        let why = "an overlay does not count a writable mapping whose descriptor is closed, so a lease proves nothing";
        return Ok(Some(why.into()));
    }
    // The kernel makes these files itself, open for reading and writing, and does not count them among the open ones.
    let uncounted = kind.is_hugetlbfs() || kind.0 == TMPFS && is_memfd(fd)?;
    Ok(uncounted.then(|| "it is a memfd, whose writers the kernel does not count: seal it".into()))
}

/// Whether the file is on the tmpfs of the kernel's own, which no path leads to: memfds, System V shared memory.
fn is_memfd(fd: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    static DEVICE: OnceLock<Option<u64>> = OnceLock::new();
    let device = DEVICE.get_or_init(|| {
        let memfd = rustix::fs::memfd_create("folio", MemfdFlags::CLOEXEC).ok()?;
        Some(rustix::fs::fstat(memfd).ok()?.st_dev)
    });
    let device = device.ok_or(Errno::NOSYS)?;
    Ok(rustix::fs::fstat(fd)?.st_dev == device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{PageRange, PageSize};
    use crate::sys::region::{Access, Mode, Region, Sharing};

    #[test]
    fn procfs_is_not_local() {
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        let procfs = FileSystemType::of(&file).unwrap();
        assert_eq!(procfs.magic(), 0x9fa0);
        assert!(!procfs.is_local() && !procfs.has_unique_inodes() && !procfs.is_hugetlbfs());
        assert!(why_lease_proves_nothing(file.as_fd()).unwrap().unwrap().contains("0x9fa0"));
    }

    /// FUSE, NFS, CIFS and 9p: some have unnamed files, which are no snapshot there.
    #[test]
    fn what_a_server_keeps_is_not_local() {
        for magic in [0x6573_5546, 0x6969, 0xff53_4d42, 0xfe53_4d42, 0x0102_1997] {
            assert!(!FileSystemType(magic).is_local(), "{magic:#x}");
        }
    }

    #[test]
    fn a_lease_on_a_memfd_proves_nothing() {
        let memfd = rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        assert!(why_lease_proves_nothing(memfd.as_fd()).unwrap().unwrap().contains("memfd"));
    }

    /// A mapping of an overlay's file holds the file of the layer open, not the overlay's, which is asked for the lease.
    #[test]
    fn a_writable_mapping_on_an_overlay_changes_nothing() {
        testfs::each(&[testfs::Kind::Overlay], |fs| {
            let path = fs.path().join("file");
            std::fs::write(&path, vec![1; 1 << 20]).unwrap();
            let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
            let range = PageRange::new(PageSize::base(), 0, 1 << 20).unwrap();
            let mode =
                Mode { access: Access::ReadWrite, sharing: Sharing::Shared, no_reserve: false };
            let writable = Region::map(file.as_fd(), &range, 0, mode).unwrap();
            drop(file);
            let frozen = crate::Frozen::open(&path).unwrap();
            assert_eq!(writable.fill(writable.whole(), 2), 1 << 20);
            assert!(frozen.iter().all(|&byte| byte == 1), "{:?}", frozen.guarantee());
        });
    }

    #[test]
    fn the_list_names_each_once() {
        for (index, (magic, _)) in LOCAL.iter().enumerate() {
            assert!(LOCAL[index + 1..].iter().all(|(other, _)| other != magic), "{magic:#x}");
        }
    }
}
