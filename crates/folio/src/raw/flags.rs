//! How to map; mmap(2), mremap(2), msync(2).

use bitflags::bitflags;
use rustix::mm::{MprotectFlags, MsyncFlags, ProtFlags};

pub use crate::protection::{Protection, Sharing};

impl Protection {
    pub(super) fn prot(self) -> ProtFlags {
        ProtFlags::from_bits_truncate(u32::from(self.bits()))
    }

    pub(super) fn mprotect(self) -> MprotectFlags {
        MprotectFlags::from_bits_truncate(u32::from(self.bits()))
    }
}

bitflags! {
    /// More about a mapping; mmap(2). Never where: the kernel chooses the addresses.
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let rw = Protection::READ | Protection::WRITE;
    /// let mapping = Mapping::anonymous(1, rw, Sharing::Private, MapFlags::POPULATE | MapFlags::NORESERVE)?;
    /// assert!(mapping.pagemap(0..1)?[0].is_present()); // before the first touch
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct MapFlags: u8 {
        /// `MAP_POPULATE`: fault the pages in now.
        const POPULATE = 1;
        /// `MAP_NORESERVE`: promise no memory for private pages.
        const NORESERVE = 2;
        /// `MAP_LOCKED`: keep the pages in memory.
        const LOCKED = 4;
        /// `MAP_HUGETLB`: huge pages of the default size, from the pool that the administrator made.
        const HUGETLB = 8;
        /// `MAP_SHARED_VALIDATE | MAP_SYNC`, in place of `MAP_SHARED`: stores to persistent memory last when the CPU has
        /// written them out. Refused where the file is not on such memory. With [`Sharing::Private`] it is `MAP_SYNC` alone,
        /// of which the kernel takes no notice and some file systems do.
        const SYNC = 16;
    }
}

impl MapFlags {
    /// The kernel's flags.
    pub(super) fn with(self, sharing: Sharing) -> rustix::mm::MapFlags {
        use rustix::mm::MapFlags as Kernel;
        let mut flags = match sharing {
            Sharing::Shared if self.contains(Self::SYNC) => Kernel::SHARED_VALIDATE,
            Sharing::Shared => Kernel::SHARED,
            Sharing::Private => Kernel::PRIVATE,
        };
        for (ours, theirs) in [
            (Self::POPULATE, Kernel::POPULATE),
            (Self::NORESERVE, Kernel::NORESERVE),
            (Self::LOCKED, Kernel::LOCKED),
            (Self::HUGETLB, Kernel::HUGETLB),
            (Self::SYNC, Kernel::SYNC),
        ] {
            flags.set(theirs, self.contains(ours));
        }
        flags
    }
}

/// How a mapping is written out; msync(2).
///
/// ```
/// use folio::FilePages;
/// use folio::raw::{MapFlags, Mapping, Msync, Protection, Sharing};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
/// let file = std::fs::File::options().read(true).write(true).open(&path)?;
/// let rw = Protection::READ | Protection::WRITE;
/// let mapping = Mapping::file(&file, 0, 5, rw, Sharing::Shared, MapFlags::empty())?;
/// mapping.store(0, b'j');
/// mapping.sync(0..5, Msync::Async)?; // on Linux this starts nothing
/// mapping.sync(0..5, Msync::Sync)?; // and this waits
/// assert!(FilePages::of(&file)?.counts(..)?.states.is_none_or(|states| states.dirty == 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Msync {
    /// `MS_SYNC`
    Sync,
    /// `MS_ASYNC`
    Async,
}

impl Msync {
    pub(super) fn flags(self) -> MsyncFlags {
        match self {
            Self::Sync => MsyncFlags::SYNC,
            Self::Async => MsyncFlags::ASYNC,
        }
    }
}

/// Whether a mapping may change its addresses when it grows; mremap(2).
///
/// ```
/// use folio::raw::{Growth, MapFlags, Mapping, Protection, Sharing};
/// let mut mapping = Mapping::anonymous(1, Protection::READ, Sharing::Private, MapFlags::empty())?;
/// let (before, len) = (mapping.address(), 1 << 20);
/// if mapping.remap(len, Growth::InPlace).is_err() { // ENOMEM: something else is mapped behind
///     assert_eq!(mapping.address(), before);
///     mapping.remap(len, Growth::MayMove)?;
/// }
/// assert_eq!(mapping.len(), len);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Growth {
    /// `MREMAP_MAYMOVE`
    MayMove,
    /// No flags.
    InPlace,
}
