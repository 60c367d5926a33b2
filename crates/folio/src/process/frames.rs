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
    ///
    /// ```
    /// use folio::process::{FrameFlags, Frames, PagesVia, Process};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let shared = folio::Shared::open(&path)?;
    /// assert_eq!(shared.load::<u8>(0)?, b'h'); // now its page is mapped
    /// let address = shared.as_ptr().addr() as u64;
    /// let entry = Process::current()?.pages(PagesVia::Best)?.entries(address..address + 1)?[0];
    /// if let (Ok(frames), Some(frame)) = (Frames::open(), entry.frame()) { // as root
    ///     assert!(!frames.flags(frame)?.contains(FrameFlags::ANON)); // it is the file's
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
///
/// ```
/// use folio::process::{Frames, PagesVia, Process};
/// let value = 7_u8;
/// let address = (&raw const value).addr() as u64;
/// let entry = Process::current()?.pages(PagesVia::Best)?.entries(address..address + 1)?[0];
/// if let (Ok(frames), Some(frame)) = (Frames::open(), entry.frame()) { // as root
///     println!("mapped {} times: {:?}", frames.mapped(frame)?, frames.flags(frame)?);
/// }
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Debug)]
pub struct Frames {
    counts: File,
    flags: File,
}

impl Frames {
    /// Open both files.
    ///
    /// ```
    /// use folio::ErrorKind;
    /// use folio::process::Frames;
    /// match Frames::open() {
    ///     Ok(frames) => println!("{} mappings have frame 1", frames.mapped(1)?),
    ///     // Not root, or a kernel without CONFIG_PROC_PAGE_MONITOR.
    ///     Err(error) => assert!(matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::NotFound)),
    /// }
    /// # Ok::<(), folio::Error>(())
    /// ```
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
    /// ```
    /// use folio::process::{Frames, PagesVia, Process};
    /// let value = 7_u8;
    /// let address = (&raw const value).addr() as u64;
    /// let entry = Process::current()?.pages(PagesVia::Best)?.entries(address..address + 1)?[0];
    /// if let (Ok(frames), Some(frame)) = (Frames::open(), entry.frame()) { // as root
    ///     assert_eq!(frames.mapped(frame)?, 1); // nobody else has this stack
    ///     assert!(frames.mapped(u64::MAX / 8).is_err()); // no machine has so many
    /// }
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the kernel answers: there may be no such frame.
    pub fn mapped(&self, frame: u64) -> Result<u64> {
        read(&self.counts, frame)
    }

    /// What the frame is used for.
    ///
    /// ```
    /// use folio::process::{FrameFlags, Frames, PagesVia, Process};
    /// let value = 7_u8;
    /// let address = (&raw const value).addr() as u64;
    /// let entry = Process::current()?.pages(PagesVia::Best)?.entries(address..address + 1)?[0];
    /// if let (Ok(frames), Some(frame)) = (Frames::open(), entry.frame()) { // as root
    ///     assert!(frames.flags(frame)?.contains(FrameFlags::ANON)); // a stack is no file
    /// }
    /// # Ok::<(), folio::Error>(())
    /// ```
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
