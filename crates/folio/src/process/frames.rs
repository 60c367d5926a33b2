//! The frames of memory that pages are in: `/proc/kpagecount` and `/proc/kpageflags`, for root.
//!
//! Linux `Documentation/admin-guide/mm/pagemap.rst`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bitflags::bitflags;

use crate::{Error, Result};

bitflags! {
    /// What a frame is used for, in the bits of linux/kernel-page-flags.h (`KPF_…`). The kernel has more.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct FrameFlags: u64 {
        /// Held by somebody who reads or writes it now.
        const LOCKED = 1;
        /// Touched since the kernel last looked.
        const REFERENCED = 1 << 2;
        /// Holds what its file or swap space says.
        const UPTODATE = 1 << 3;
        /// Changed, and not written out.
        const DIRTY = 1 << 4;
        /// On a list of pages to be evicted.
        const LRU = 1 << 5;
        /// On the list of those that are used.
        const ACTIVE = 1 << 6;
        /// Being written out.
        const WRITEBACK = 1 << 8;
        /// Mapped by some process.
        const MMAP = 1 << 11;
        /// Of no file.
        const ANON = 1 << 12;
        /// In swap space as well.
        const SWAPCACHE = 1 << 13;
        /// Has swap space.
        const SWAPBACKED = 1 << 14;
        /// The first of a folio of several.
        const COMPOUND_HEAD = 1 << 15;
        /// Not the first of a folio of several.
        const COMPOUND_TAIL = 1 << 16;
        /// Of the pool of huge pages.
        const HUGE = 1 << 17;
        /// Cannot be evicted, because it is locked.
        const UNEVICTABLE = 1 << 18;
        /// Has failed.
        const HWPOISON = 1 << 19;
        /// Merged with equal pages; ksm(7).
        const KSM = 1 << 21;
        /// In a transparent huge page.
        const THP = 1 << 22;
        /// The page of zeros.
        const ZERO_PAGE = 1 << 24;
    }
}

/// Tells of frames, by their numbers; [`PageEntry::frame`](super::PageEntry::frame) has them.
#[derive(Debug)]
pub struct Frames {
    counts: File,
    flags: File,
}

impl Frames {
    /// Open both files.
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) for all but root.
    pub fn open() -> Result<Self> {
        let open =
            |path: &str| File::open(path).map_err(|error| Error::os("open", error).with_path(path));
        Ok(Self { counts: open("/proc/kpagecount")?, flags: open("/proc/kpageflags")? })
    }

    /// How many times the frame is mapped, by all processes together.
    ///
    /// # Errors
    /// What the kernel answers: there may be no such frame.
    pub fn mapped(&self, frame: u64) -> Result<u64> {
        read(&self.counts, frame)
    }

    /// What the frame is used for.
    ///
    /// # Errors
    /// As [`mapped`](Self::mapped).
    pub fn flags(&self, frame: u64) -> Result<FrameFlags> {
        read(&self.flags, frame).map(FrameFlags::from_bits_retain)
    }
}

fn read(file: &File, frame: u64) -> Result<u64> {
    let mut bytes = [0; size_of::<u64>()];
    let answer = match frame.checked_mul(bytes.len() as u64) {
        Some(at) => file.read_exact_at(&mut bytes, at),
        None => Err(io::Error::from_raw_os_error(libc::EINVAL)),
    };
    answer.map_err(|error| Error::os("tell of a frame of memory", error))?;
    Ok(u64::from_ne_bytes(bytes))
}
