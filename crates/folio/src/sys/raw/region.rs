//! An owned range of whole pages, mapped exactly as asked, and every system call on it.
//!
//! Unlike [`Region`](crate::sys::region::Region) it makes no promise that a page can be touched: any protection, any
//! sharing, guard pages, pages beyond the end of the file. The calls take positions as they are and round nothing, so that
//! the kernel's own answers are seen.

use core::ffi::c_void;
use core::ptr;
use std::io;
use std::os::fd::BorrowedFd;

use rustix::mm::{
    MapFlags, MlockFlags, MprotectFlags, MremapFlags, MsyncFlags, ProtFlags, mmap, mmap_anonymous,
};

use super::{done, touch};
use crate::page::{MemRange, PageSize};

/// The number of mseal(2): the same on every architecture since they share numbers.
const SYS_MSEAL: libc::c_long = 462;

/// Pages that folio mapped and will unmap.
///
/// Invariant (clause R1): `base..base + len` was mapped by this value, belongs to it alone, and stays mapped until it is
/// dropped; for `len == 0` nothing is mapped. `len` is a multiple of `page`.
#[derive(Debug)]
pub(crate) struct RawRegion {
    base: *mut u8,
    len: usize,
    page: PageSize,
    /// Whether the kernel was asked to let nobody unmap it; mseal(2).
    sealed: bool,
}

// SAFETY: clause T1: the region owns its addresses, and none of its methods hands out a reference to the bytes.
unsafe impl Send for RawRegion {}
// SAFETY: clause T1: methods through `&self` are system calls that the kernel orders, or touches in assembly.
unsafe impl Sync for RawRegion {}

/// What is behind a region.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behind<'fd> {
    /// The file, from this offset on.
    File(BorrowedFd<'fd>, u64),
    /// Nothing.
    Nothing,
}

impl RawRegion {
    /// Map `len` bytes, rounded up to whole pages of `page`, at addresses that the kernel chooses; mmap(2).
    pub(crate) fn map(
        behind: Behind<'_>,
        len: usize,
        page: PageSize,
        protection: ProtFlags,
        flags: MapFlags,
    ) -> io::Result<Self> {
        let Some(len) = len.checked_next_multiple_of(page.bytes()) else {
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        };
        debug_assert!(!flags.intersects(MapFlags::FIXED | MapFlags::FIXED_NOREPLACE));
        let base = match behind {
            Behind::File(fd, offset) => {
                // SAFETY: clause S1: without MAP_FIXED the kernel takes addresses that nobody uses.
                unsafe { mmap(ptr::null_mut(), len, protection, flags, fd, offset) }
            }
            Behind::Nothing => {
                // SAFETY: clause S1: without MAP_FIXED the kernel takes addresses that nobody uses.
                unsafe { mmap_anonymous(ptr::null_mut(), len, protection, flags) }
            }
        }?;
        Ok(Self { base: base.cast(), len, page, sealed: false })
    }

    /// The length of the pages, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The first address.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base
    }

    fn at(&self, range: MemRange) -> *mut c_void {
        debug_assert!(range.end() <= self.len);
        self.base.wrapping_add(range.start()).cast()
    }

    /// Load the byte at `position`, which lies within.
    #[inline]
    pub(crate) fn load(&self, position: MemRange, index: usize) -> u8 {
        debug_assert!(index < position.len() && position.end() <= self.len);
        // SAFETY: clause R1: the range lies within the region, and the byte within the range.
        unsafe { touch::load(self.base.wrapping_add(position.start() + index)) }
    }

    /// Store `byte` at `position`, which lies within.
    #[inline]
    pub(crate) fn store(&self, position: MemRange, index: usize, byte: u8) {
        debug_assert!(index < position.len() && position.end() <= self.len);
        // SAFETY: clause R1: the range lies within the region, and the byte within the range.
        unsafe { touch::store(self.base.wrapping_add(position.start() + index), byte) }
    }

    /// msync(2)
    pub(crate) fn sync(&self, range: MemRange, flags: MsyncFlags) -> io::Result<()> {
        // SAFETY: clause R1: the pages are this region's own, or the call is for none.
        Ok(unsafe { rustix::mm::msync(self.at(range), range.len(), flags) }?)
    }

    /// madvise(2) with the number of an advice that concerns these addresses alone.
    pub(crate) fn madvise(&self, range: MemRange, advice: i32) -> io::Result<()> {
        crate::sys::region::note_advice(advice);
        // SAFETY: clause R2: the pages are this region's own, and no reference to their bytes exists.
        done(unsafe { libc::madvise(self.at(range), range.len(), advice) })
    }

    /// mprotect(2)
    pub(crate) fn protect(&self, range: MemRange, protection: MprotectFlags) -> io::Result<()> {
        // SAFETY: clause R2: the pages are this region's own, and no reference to their bytes exists.
        Ok(unsafe { rustix::mm::mprotect(self.at(range), range.len(), protection) }?)
    }

    /// mlock2(2)
    pub(crate) fn lock(&self, range: MemRange, flags: MlockFlags) -> io::Result<()> {
        // SAFETY: clause R1: the pages are this region's own.
        Ok(unsafe { rustix::mm::mlock_with(self.at(range), range.len(), flags) }?)
    }

    /// munlock(2)
    pub(crate) fn unlock(&self, range: MemRange) -> io::Result<()> {
        // SAFETY: clause R1: the pages are this region's own.
        Ok(unsafe { rustix::mm::munlock(self.at(range), range.len()) }?)
    }

    /// mincore(2), a byte for each page.
    pub(crate) fn resident(&self, range: MemRange) -> io::Result<Vec<u8>> {
        let mut pages = vec![0u8; range.len().div_ceil(PageSize::base().bytes())];
        // SAFETY: clause S1: the vector has a byte for each page.
        done(unsafe { libc::mincore(self.at(range), range.len(), pages.as_mut_ptr()) })?;
        Ok(pages)
    }

    /// Take the pages of `range` away; munmap(2). Gives what is left before and behind, or the region as it was.
    pub(crate) fn unmap(
        self,
        range: MemRange,
    ) -> Result<(Option<Self>, Option<Self>), (Self, io::Error)> {
        // SAFETY: clause R1: the pages are this region's own, nobody has a reference to their bytes, and below only the
        // rest stays owned.
        let answer = unsafe { rustix::mm::munmap(self.at(range), range.len()) };
        if let Err(errno) = answer {
            return Err((self, errno.into()));
        }
        // The kernel took whole pages; a start that is none's it refuses.
        let end = range.end().next_multiple_of(self.page.bytes());
        let part = |start: usize, end: usize| {
            (start < end).then(|| Self {
                base: self.base.wrapping_add(start),
                len: end - start,
                page: self.page,
                sealed: false,
            })
        };
        let rest = (part(0, range.start()), part(end, self.len));
        core::mem::forget(self);
        Ok(rest)
    }

    /// Make it `len` bytes long, rounded up to whole pages; mremap(2).
    pub(crate) fn remap(&mut self, len: usize, flags: MremapFlags) -> io::Result<()> {
        let Some(len) = len.checked_next_multiple_of(self.page.bytes()) else {
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        };
        // SAFETY: clause R1: the old pages are this region's own, and `&mut self` says that nobody uses them now.
        let base = unsafe { rustix::mm::mremap(self.base.cast(), self.len, len, flags) }?;
        self.base = base.cast();
        self.len = len;
        Ok(())
    }

    /// mseal(2) of all pages. From then on they stay until the process ends.
    pub(crate) fn seal(&mut self) -> io::Result<()> {
        // SAFETY: clause R1: the pages are this region's own; the call takes two integers and no flags.
        let answer = unsafe { libc::syscall(SYS_MSEAL, self.base, self.len, 0) };
        if answer != 0 {
            return Err(io::Error::last_os_error());
        }
        self.sealed = true;
        Ok(())
    }
}

impl Drop for RawRegion {
    fn drop(&mut self) {
        if self.len == 0 || self.sealed {
            return;
        }
        // SAFETY: clause R1: the addresses are this region's own and nobody borrows from a value that is being dropped.
        let answer = unsafe { rustix::mm::munmap(self.base.cast(), self.len) };
        if answer.is_err() {
            // A part is sealed, or it would be a mapping too many. The addresses are never used again.
        }
    }
}
