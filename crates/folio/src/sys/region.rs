//! An owned range of addresses, and every system call that works on one.
//!
//! A [`Region`] is what mmap(2) gave, from its first page to its last, together with where in it the user's bytes
//! stand. It hands out no reference to them: whoever wants bytes goes through `live` (copies that survive faults) or
//! `stable` (slices under a guarantee).

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;
use rustix::mm::{MapFlags, MlockFlags, MprotectFlags, MremapFlags, MsyncFlags, ProtFlags};

use crate::options::{HugePages, LockPages};
use crate::page::{MemRange, PageRange, PageSize};

/// Whether any pages of this process were ever kept from its children (`MADV_DONTFORK`).
static KEPT_FROM_CHILDREN: AtomicBool = AtomicBool::new(false);

/// To be called before madvise(2) is, with the advice.
pub(crate) fn note_advice(advice: i32) {
    if advice == libc::MADV_DONTFORK {
        KEPT_FROM_CHILDREN.store(true, Ordering::Relaxed);
    }
}

/// Whether a child of fork(2) may lack pages that values of folio own (clause R3).
#[cfg(feature = "raw")]
pub(crate) fn are_pages_kept_from_children() -> bool {
    KEPT_FROM_CHILDREN.load(Ordering::Relaxed)
}

/// Whether the pages may be stored to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    ReadWrite,
    /// Loads and instruction fetches, for code.
    ReadExec,
}

/// Whether stores reach the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    Shared,
    Private,
}

/// How to map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) access: Access,
    pub(crate) sharing: Sharing,
    /// `MAP_NORESERVE`
    pub(crate) no_reserve: bool,
}

impl Mode {
    fn prot(self) -> ProtFlags {
        match self.access {
            Access::Read => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
            Access::ReadExec => ProtFlags::READ | ProtFlags::EXEC,
        }
    }

    fn flags(self) -> MapFlags {
        let sharing = match self.sharing {
            Sharing::Shared => MapFlags::SHARED,
            Sharing::Private => MapFlags::PRIVATE,
        };
        if self.no_reserve { sharing | MapFlags::NORESERVE } else { sharing }
    }
}

/// Addresses that folio mapped and will unmap.
///
/// Invariants (clause B2):
/// 1. `base..base + map_len` was mapped by this value, belongs to it alone, and stays mapped until it is dropped; for
///    `map_len == 0` nothing is mapped and `base` is a well-aligned dangling pointer;
/// 2. `lead + len <= map_len`, and `len` only shrinks or grows within that while the value is shared;
/// 3. `base` is a multiple of `page`.
#[derive(Debug)]
pub(crate) struct Region {
    base: *mut u8,
    map_len: usize,
    lead: usize,
    len: AtomicUsize,
    page: PageSize,
    mode: Mode,
}

// SAFETY: clause T1: the region owns its addresses, and none of its methods hands out a reference to the bytes.
unsafe impl Send for Region {}
// SAFETY: clause T1: methods through `&self` are system calls that the kernel orders, or atomic accesses of `len`.
unsafe impl Sync for Region {}

impl Region {
    /// No bytes at all; nothing is mapped.
    pub(crate) fn empty(page: PageSize, mode: Mode) -> Self {
        let base = ptr::without_provenance_mut(page.bytes());
        Self { base, map_len: 0, lead: 0, len: AtomicUsize::new(0), page, mode }
    }

    /// Map `range` of the file behind `fd`, and `reserve` bytes of addresses counted from its first byte if that is
    /// more; the addresses past the end of the file fault until it grows (mmap(2)).
    pub(crate) fn map(
        fd: BorrowedFd<'_>,
        range: &PageRange,
        reserve: usize,
        mode: Mode,
    ) -> io::Result<Self> {
        let whole =
            match PageRange::new(range.page(), range.offset(), reserve.max(range.len()) as u64) {
                Ok(whole) => whole,
                Err(_) => return Err(io::Error::from_raw_os_error(libc::EOVERFLOW)),
            };
        if whole.map_len() == 0 {
            return Ok(Self::empty(range.page(), mode));
        }
        // SAFETY: clause S1: without MAP_FIXED the kernel takes addresses that nobody uses.
        let base = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                whole.map_len(),
                mode.prot(),
                mode.flags(),
                fd,
                whole.map_offset(),
            )
        }?;
        Ok(Self {
            base: base.cast(),
            map_len: whole.map_len(),
            lead: whole.lead(),
            len: AtomicUsize::new(range.len()),
            page: range.page(),
            mode,
        })
    }

    /// `len` bytes of zeros that no file stands behind, their first byte `lead` bytes into the first page.
    pub(crate) fn anonymous(len: usize, lead: usize, mode: Mode) -> io::Result<Self> {
        let page = PageSize::base();
        debug_assert!(lead < page.bytes());
        let range = match PageRange::new(page, lead as u64, len as u64) {
            Ok(range) => range,
            Err(_) => return Err(io::Error::from_raw_os_error(libc::ENOMEM)),
        };
        if range.map_len() == 0 {
            return Ok(Self::empty(page, mode));
        }
        // SAFETY: clause S1: without MAP_FIXED the kernel takes addresses that nobody uses.
        let base = unsafe {
            rustix::mm::mmap_anonymous(ptr::null_mut(), range.map_len(), mode.prot(), mode.flags())
        }?;
        Ok(Self {
            base: base.cast(),
            map_len: range.map_len(),
            lead,
            len: AtomicUsize::new(len),
            page,
            mode,
        })
    }

    /// The first of the user's bytes.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut u8 {
        // `lead <= map_len`, so this stays within or one past the mapping (B2).
        self.base.wrapping_add(self.lead)
    }

    /// The first page.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base
    }

    /// The pages, now the caller's to unmap: the address of the first, their length, and how far the user's bytes are into them.
    pub(crate) fn into_pages(self) -> (*mut u8, usize, usize) {
        let region = core::mem::ManuallyDrop::new(self);
        (region.base, region.map_len, region.lead)
    }

    /// The length of the whole pages, in bytes.
    pub(crate) fn map_len(&self) -> usize {
        self.map_len
    }

    /// How far the user's first byte is into the first page.
    pub(crate) fn lead(&self) -> usize {
        self.lead
    }

    /// The number of the user's bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// How many bytes there are addresses for, counted from the user's first byte.
    pub(crate) fn capacity(&self) -> usize {
        self.map_len - self.lead
    }

    pub(crate) fn page(&self) -> PageSize {
        self.page
    }

    pub(crate) fn access(&self) -> Access {
        self.mode.access
    }

    /// Set the number of the user's bytes within the addresses that there are; `false` if there are too few.
    pub(crate) fn set_len(&self, len: usize) -> bool {
        let fits = len <= self.capacity();
        if fits {
            self.len.store(len, Ordering::Release);
        }
        fits
    }

    /// Make the addresses hold `len` of the user's bytes, moving them if there is no room behind; mremap(2). What
    /// lies past the end of the file faults.
    pub(crate) fn resize(&mut self, len: usize) -> io::Result<()> {
        let range = match PageRange::new(self.page, self.lead as u64, len as u64) {
            Ok(range) if self.map_len > 0 && range.map_len() > 0 => range,
            _ => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
        };
        // SAFETY: clause B2: the old addresses are this region's own, and `&mut self` says that nobody uses them now.
        let base = unsafe {
            rustix::mm::mremap(
                self.base.cast(),
                self.map_len,
                range.map_len(),
                MremapFlags::MAYMOVE,
            )
        }?;
        self.base = base.cast();
        self.map_len = range.map_len();
        self.len.store(len, Ordering::Release);
        Ok(())
    }

    /// Whether the addresses behind the pages are free, so that there could be `map_len` bytes of them in place.
    pub(crate) fn has_room(&self, map_len: usize) -> bool {
        let Some(end) = map_len.checked_next_multiple_of(self.page.bytes()) else {
            return false;
        };
        if end <= self.map_len {
            return true;
        }
        let (wanted, len) = (self.base.wrapping_add(self.map_len).cast(), end - self.map_len);
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE;
        // SAFETY: clause S1: the kernel takes these addresses only if nobody uses them; before 4.17 it takes others then.
        let taken = unsafe { rustix::mm::mmap_anonymous(wanted, len, ProtFlags::empty(), flags) };
        let Ok(taken) = taken else {
            return false;
        };
        // SAFETY: clause B2: they were mapped just now, and nobody knows them.
        let given_back = unsafe { rustix::mm::munmap(taken, len) };
        taken == wanted && given_back.is_ok()
    }

    /// The pages that `range` touches, as an address and a length in bytes.
    fn pages(&self, range: MemRange) -> (*mut c_void, usize) {
        let outer = range.outer_pages(self.page, self.lead);
        debug_assert!(outer.end <= self.map_len);
        (self.base.wrapping_add(outer.start).cast(), outer.len())
    }

    /// madvise(2) with the raw advice, on the pages that `range` touches.
    ///
    /// # Safety
    /// The advice must not change what is read from pages that a slice or an atomic reference covers, or must not make
    /// them inaccessible (clause P1).
    pub(crate) unsafe fn madvise(&self, range: MemRange, advice: i32) -> io::Result<()> {
        let (address, len) = self.pages(range);
        if len == 0 {
            return Ok(());
        }
        note_advice(advice);
        // SAFETY: clause B2: the pages are this region's own; the caller answers for the advice.
        let answer = unsafe { libc::madvise(address, len, advice) };
        if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// `MADV_POPULATE_READ` or `_WRITE` (5.14): fault the pages in, without the signal. `EFAULT` where a page cannot be had.
    pub(crate) fn populate(&self, range: MemRange, write: bool) -> io::Result<()> {
        let advice = if write { libc::MADV_POPULATE_WRITE } else { libc::MADV_POPULATE_READ };
        // SAFETY: clause P1: faulting pages in changes no byte.
        unsafe { self.madvise(range, advice) }
    }

    /// `MADV_RANDOM`: faults read nothing ahead.
    pub(crate) fn expect_random(&self) -> io::Result<()> {
        // SAFETY: clause P1: what is read ahead changes no byte.
        unsafe { self.madvise(self.whole(), libc::MADV_RANDOM) }
    }

    /// Ask for huge pages or none, for the whole region.
    pub(crate) fn huge_pages(&self, huge_pages: HugePages) -> io::Result<()> {
        let advice = match huge_pages {
            HugePages::System => return Ok(()),
            HugePages::Advise => libc::MADV_HUGEPAGE,
            HugePages::Never => libc::MADV_NOHUGEPAGE,
        };
        // SAFETY: clause P1: the size of pages changes no byte.
        unsafe { self.madvise(self.whole(), advice) }
    }

    /// All of the user's bytes.
    pub(crate) fn whole(&self) -> MemRange {
        let len = self.len();
        match MemRange::at(0, len, len) {
            Ok(whole) => whole,
            Err(_) => unreachable!("0..len lies within len"),
        }
    }

    /// mlock2(2) on the pages that `range` touches.
    pub(crate) fn lock(&self, range: MemRange, lock: LockPages) -> io::Result<()> {
        let (address, len) = self.pages(range);
        if len == 0 {
            return Ok(());
        }
        let flags = match lock {
            LockPages::Now => MlockFlags::empty(),
            LockPages::OnFault => MlockFlags::ONFAULT,
        };
        // SAFETY: clause B2: the pages are this region's own; locking changes no byte.
        unsafe { rustix::mm::mlock_with(address, len, flags) }?;
        Ok(())
    }

    /// munlock(2) on the pages that `range` touches.
    pub(crate) fn unlock(&self, range: MemRange) -> io::Result<()> {
        let (address, len) = self.pages(range);
        if len == 0 {
            return Ok(());
        }
        // SAFETY: clause B2: the pages are this region's own; unlocking changes no byte.
        unsafe { rustix::mm::munlock(address, len) }?;
        Ok(())
    }

    /// msync(2) on the pages that `range` touches.
    pub(crate) fn sync(&self, range: MemRange, flags: MsyncFlags) -> io::Result<()> {
        let (address, len) = self.pages(range);
        if len == 0 {
            return Ok(());
        }
        // SAFETY: clause B2: the pages are this region's own; writing them back changes no byte.
        unsafe { rustix::mm::msync(address, len, flags) }?;
        Ok(())
    }

    /// mincore(2): for each page that `range` touches, whether it is in memory (bit 0).
    pub(crate) fn resident(&self, range: MemRange) -> io::Result<Vec<u8>> {
        let (address, len) = self.pages(range);
        let mut pages = vec![0u8; len.div_ceil(PageSize::base().bytes())];
        if len == 0 {
            return Ok(pages);
        }
        // SAFETY: clause S1: the vector has a byte for each page.
        let answer = unsafe { libc::mincore(address, len, pages.as_mut_ptr()) };
        if answer == 0 { Ok(pages) } else { Err(io::Error::last_os_error()) }
    }

    /// Write the bytes at `outer`, counted from the base, to `to` at `offset`; pwrite(2). No reference to them is made: the kernel
    /// reads them, and whether somebody changes them meanwhile is nothing to the abstract machine. `EFAULT`, or fewer bytes than asked for, where
    /// a page cannot be had.
    pub(crate) fn write_to(
        &self,
        to: BorrowedFd<'_>,
        outer: core::ops::Range<usize>,
        offset: u64,
    ) -> rustix::io::Result<usize> {
        debug_assert!(outer.end <= self.map_len);
        let from = self.base.wrapping_add(outer.start).cast::<c_void>();
        let offset = i64::try_from(offset).map_err(|_| Errno::OVERFLOW)?;
        // SAFETY: clauses B2 and S1: the pages are this region's own and stay mapped; the kernel alone reads them.
        let count = unsafe { libc::pwrite(to.as_raw_fd(), from, outer.len(), offset) };
        usize::try_from(count).map_err(|_| {
            let errno = io::Error::last_os_error();
            Errno::from_io_error(&errno).unwrap_or(Errno::IO)
        })
    }

    /// Allow only loads on the pages of `outer`, bytes from the base; mprotect(2).
    ///
    /// # Safety
    /// Whoever may store there must be able to bear the SIGSEGV (clause G6).
    pub(crate) unsafe fn forbid_stores(&self, outer: core::ops::Range<usize>) -> io::Result<()> {
        debug_assert!(outer.end <= self.map_len);
        // SAFETY: clause B2: the pages are this region's own; the caller answers for the stores.
        unsafe {
            rustix::mm::mprotect(
                self.base.wrapping_add(outer.start).cast(),
                outer.len(),
                MprotectFlags::READ,
            )
        }?;
        Ok(())
    }

    /// Allow stores again where they were forbidden; mprotect(2).
    pub(crate) fn allow_stores(&self, outer: core::ops::Range<usize>) -> io::Result<()> {
        debug_assert!(outer.end <= self.map_len && self.mode.access == Access::ReadWrite);
        let flags = MprotectFlags::READ | MprotectFlags::WRITE;
        let base = self.base.wrapping_add(outer.start).cast();
        // SAFETY: clause B2: the pages are this region's own, and were allowed it when they were mapped.
        unsafe { rustix::mm::mprotect(base, outer.len(), flags) }?;
        Ok(())
    }

    /// Make every page inaccessible for good; mprotect(2). Sound whoever reads: no byte is ever seen again (clause G5).
    pub(crate) fn fence(&self) -> io::Result<()> {
        if self.map_len == 0 {
            return Ok(());
        }
        // SAFETY: clause G5: a touch ends the process; it never shows another byte.
        unsafe { rustix::mm::mprotect(self.base.cast(), self.map_len, MprotectFlags::empty()) }?;
        Ok(())
    }

    /// Put the pages of `from`, a whole region of the same length as `outer`, over `outer` (bytes from the base) in
    /// one step: other threads see the old page or the new one and never a hole; mremap(2) with `MREMAP_FIXED`.
    ///
    /// # Safety
    /// The bytes must be the same, or not yet seen by anybody (clause G5).
    pub(crate) unsafe fn replace(
        &self,
        outer: core::ops::Range<usize>,
        from: Region,
    ) -> io::Result<()> {
        debug_assert!(outer.end <= self.map_len && outer.len() == from.map_len);
        let target = self.base.wrapping_add(outer.start);
        // SAFETY: clause G5: both ranges are folio's own; the kernel replaces the target under its map lock.
        unsafe {
            rustix::mm::mremap_fixed(
                from.base.cast(),
                from.map_len,
                from.map_len,
                MremapFlags::MAYMOVE,
                target.cast(),
            )
        }?;
        // The pages have another owner now.
        core::mem::forget(from);
        Ok(())
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.map_len == 0 {
            return;
        }
        // SAFETY: clause B2: the addresses are this region's own and nobody borrows from a value that is being dropped.
        let answer = unsafe { rustix::mm::munmap(self.base.cast(), self.map_len) };
        // ENOMEM can only mean that unmapping would split a mapping over vm.max_map_count, and a whole one never splits.
        debug_assert!(answer.is_ok(), "munmap: {answer:?}");
    }
}
