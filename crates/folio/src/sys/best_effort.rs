//! [`BestEffort`]: pages and raw pointers to them, for an owner that answers for the bytes.
//!
//! Its pages are either *live*, mapped as the caller said, in the handler's table where a file stands behind them; or
//! *kept* by a guarantee ([`cheap`](super::stable)). Whatever a kept mapping cannot be, another protection or a greater length,
//! makes it a live one.

use core::fmt;
use core::ptr;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rustix::mm::{MapFlags, MprotectFlags, MremapFlags, MsyncFlags, ProtFlags};

use super::fault::{self, Answer, Entry, Span, Touch};
use super::lease::Lease;
use super::region::{Access, Mode, Region, Sharing, note_advice};
use super::stable::{Apart, Purpose, Stable, Terms, keep};
use super::{copy, fork, pagemap};
use crate::best_effort::{Anonymous, BestEffortOptions, Move, Protection};
use crate::error::Cause;
use crate::guarantee::{Guarantee, Guarantees};
use crate::options::LockPages;
use crate::page::{MemRange, PageSize};

/// A mapping whose bytes its owner answers for; see [the module](crate::best_effort).
pub struct BestEffort {
    start: *mut u8,
    len: usize,
    pages: Pages,
}

enum Pages {
    Live(Live),
    Kept(Arc<Stable>, Mode, Answer),
}

/// Pages as the caller wanted them.
///
/// Invariant (clause B2): `base..base + map_len` was mapped by this value, belongs to it alone, and stays mapped until it
/// is dropped. `map_len` is at least 1 and need not be whole pages: the kernel rounds.
struct Live {
    base: *mut u8,
    map_len: usize,
    mode: Mode,
    answer: Answer,
    /// Its place in the handler's table, if a file stands behind it.
    entry: Option<Entry>,
    /// Of the pages that zeros took the place of while another entry had them, the lowest; bytes from the base.
    lost: Option<usize>,
    backing: Backing,
    /// One page of the file, to grow from, where the pages are a copy of it.
    anchor: Option<Region>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Backing {
    /// Mapped as the mode says.
    File,
    /// Mapped private, in place of a shared mapping that could not have been stored to either.
    PrivateFile,
    Memory,
}

// SAFETY: clause T1: it owns its addresses, and gives out raw pointers alone.
unsafe impl Send for BestEffort {}
// SAFETY: clause T1: methods through `&self` are system calls that the kernel orders.
unsafe impl Sync for BestEffort {}

impl BestEffort {
    pub(crate) fn map(fd: BorrowedFd<'_>, options: &BestEffortOptions) -> io::Result<Self> {
        fork::prepare();
        let page = PageSize::base();
        let len = options.len.unwrap_or(0);
        // Whether there is such a range the kernel says, which takes none that its offsets or addresses cannot hold.
        let lead = page.lead(options.offset);
        let end = lead.checked_add(len);
        let end = end.ok_or_else(|| io::Error::from_raw_os_error(libc::EOVERFLOW))?;
        let (map_len, mode) = (end.max(1), options.mode());
        // SAFETY: clause S1: without MAP_FIXED the kernel takes addresses that nobody uses.
        let base = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                map_len,
                prot(mode.access),
                flags(options, mode.sharing),
                fd,
                page.floor(options.offset),
            )
        }?;
        let base = base.cast::<u8>();
        let pages = Live::new((base, map_len), mode, options.answer(), Backing::File);
        Ok(Self { start: base.wrapping_add(lead), len, pages: Pages::Live(pages) })
    }

    pub(crate) fn keep(
        fd: BorrowedFd<'_>,
        options: &BestEffortOptions,
        allowed: Guarantees,
    ) -> Result<Self, Cause> {
        let live = options.mode();
        let purpose = match (live.access, live.sharing) {
            (Access::Read, _) => Purpose::Frozen,
            (Access::ReadWrite, Sharing::Private) => Purpose::Private,
            _ => {
                let why = "what is stored to a file or executed is mapped as it is";
                return Err(Cause::Unsupported(why.into()));
            }
        };
        let answer = options.answer();
        let terms = Terms {
            offset: options.offset,
            len: options.len,
            purpose,
            allowed,
            answer,
            no_reserve: options.no_reserve,
            live,
        };
        let stable = keep(fd, &terms)?;
        if options.populate {
            // As MAP_POPULATE does, which passes by what cannot be had.
            let _ = stable.region().populate(stable.region().whole(), false);
        }
        let (start, len) = (stable.region().as_ptr(), stable.region().len());
        Ok(Self { start, len, pages: Pages::Kept(stable, live, answer) })
    }

    pub(crate) fn anonymous(options: &BestEffortOptions, anonymous: Anonymous) -> io::Result<Self> {
        let len = options.len.unwrap_or(0);
        if isize::try_from(len).is_err() {
            return Err(io::Error::from_raw_os_error(libc::EOVERFLOW));
        }
        let mut extra = flags(options, Sharing::Private);
        if anonymous.stack {
            extra |= MapFlags::STACK;
        }
        if let Some(bits) = anonymous.huge {
            let size = (u32::from(bits) & HUGE_MASK) << HUGE_SHIFT;
            extra |= MapFlags::HUGETLB | MapFlags::from_bits_retain(size);
        }
        let mode = Mode { sharing: Sharing::Private, ..options.mode() };
        let map_len = len.max(1);
        // SAFETY: clause S1: without MAP_FIXED the kernel takes addresses that nobody uses.
        let base = unsafe {
            rustix::mm::mmap_anonymous(ptr::null_mut(), map_len, prot(mode.access), extra)
        }?;
        let base = base.cast::<u8>();
        let pages = Live::new((base, map_len), mode, options.answer(), Backing::Memory);
        Ok(Self { start: base, len, pages: Pages::Live(pages) })
    }

    /// The address of the first byte. It stays until the mapping is dropped or moves in [`resize`](Self::resize).
    #[inline]
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.start
    }

    /// The same, for stores.
    #[inline]
    #[must_use]
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.start
    }

    /// The number of bytes.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Why nobody else changes the bytes; `None` where they are the file's as it changes, or a guarantee was lost.
    #[must_use]
    pub fn guarantee(&self) -> Option<Guarantee> {
        match &self.pages {
            Pages::Live(_) => None,
            Pages::Kept(stable, ..) => {
                // A child of fork(2) has the pages and not the lease.
                let elsewhere = stable.lease().is_some_and(|lease| !Lease::is_own(lease))
                    && stable.guarantee() == Guarantee::Lease;
                (!stable.is_lost() && !elsewhere).then(|| stable.guarantee())
            }
        }
    }

    /// The first byte that zeros took the place of, a position in the mapping; `None` if none did. One load.
    #[must_use]
    pub fn poisoned(&self) -> Option<usize> {
        let (page, base) = match &self.pages {
            Pages::Live(live) => (live.poisoned_at(), live.base),
            Pages::Kept(stable, ..) => {
                (stable.entry().and_then(Entry::poisoned_at), stable.region().base())
            }
        };
        let page = page?;
        Some((base.addr() + page).saturating_sub(self.start.addr()))
    }

    /// Write stores of the `len` bytes from `start` on to the file; msync(2) with `MS_SYNC`, or with `MS_ASYNC`, which does not
    /// wait.
    ///
    /// # Errors
    /// `InvalidInput` for a range that reaches past the end, and what msync(2) answers.
    pub fn sync(&self, start: usize, len: usize, wait: Wait) -> io::Result<()> {
        let (address, len) = self.part(start, len)?;
        let flags = match wait {
            Wait::Yes => MsyncFlags::SYNC,
            Wait::No => MsyncFlags::ASYNC,
        };
        // SAFETY: clause P2: the pages are this mapping's own; writing them back changes no byte.
        unsafe { rustix::mm::msync(address.cast(), len, flags) }?;
        Ok(())
    }

    /// Give `advice` of madvise(2), by its number, for the `len` bytes from `start` on. Some advice changes bytes, or makes
    /// them inaccessible: who has a slice of them answers for that. Bytes under a guarantee stay what they are: advice to
    /// forget them is taken where they can be had again, and otherwise does nothing.
    ///
    /// # Errors
    /// `InvalidInput` for a range that reaches past the end, and what madvise(2) answers.
    pub fn advise(&self, start: usize, len: usize, advice: i32) -> io::Result<()> {
        let (address, len) = self.part(start, len)?;
        if let Pages::Kept(stable, ..) = &self.pages
            && stable.guarantee() == Guarantee::Copied
        {
            match advice {
                libc::MADV_DONTNEED => return Ok(()),
                // What the kernel says of a mapping of a file.
                libc::MADV_FREE => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
                libc::MADV_REMOVE => return Err(io::Error::from_raw_os_error(libc::EACCES)),
                _ => {}
            }
        }
        note_advice(advice);
        // SAFETY: clause E2: the pages are this mapping's own, and whoever made a slice of them answers for the advice.
        let answer = unsafe { libc::madvise(address.cast(), len, advice) };
        if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Lock the pages in memory; mlock(2).
    ///
    /// # Errors
    /// What mlock(2) answers.
    pub fn lock(&self) -> io::Result<()> {
        // SAFETY: clause P2: the pages are this mapping's own; locking changes no byte.
        unsafe { rustix::mm::mlock(self.start.cast(), self.len) }?;
        self.remember_lock(Some(LockPages::Now));
        Ok(())
    }

    /// The opposite; munlock(2).
    ///
    /// # Errors
    /// What munlock(2) answers.
    pub fn unlock(&self) -> io::Result<()> {
        // SAFETY: clause P2: the pages are this mapping's own; unlocking changes no byte.
        unsafe { rustix::mm::munlock(self.start.cast(), self.len) }?;
        self.remember_lock(None);
        Ok(())
    }

    /// For the pages that may come in place of these.
    fn remember_lock(&self, lock: Option<LockPages>) {
        if let Pages::Kept(stable, ..) = &self.pages {
            stable.set_lock(lock);
        }
    }

    /// Allow something else with the pages; mprotect(2). A guarantee ends, though the bytes stay what they are now unless
    /// somebody writes to the file.
    ///
    /// # Errors
    /// What mprotect(2) answers: above all `EACCES` for stores to a shared mapping of a file that is open for reading alone.
    pub fn protect(&mut self, protection: Protection) -> io::Result<()> {
        let access = protection.access();
        if let Pages::Kept(_, mode, _) = &self.pages
            && access == Access::ReadWrite
            && mode.sharing == Sharing::Shared
        {
            // Kept pages are private; the mapping that was asked for would not take stores.
            return Err(io::Error::from_raw_os_error(libc::EACCES));
        }
        let live = self.live();
        if access == Access::ReadWrite && live.backing == Backing::PrivateFile {
            return Err(io::Error::from_raw_os_error(libc::EACCES));
        }
        // The handler must know it before a fault can come, and no other thread has a slice while this one owns it.
        live.leave();
        // SAFETY: clause E2: the pages are this mapping's own, and `&mut self` says that nobody has a slice of them.
        let answer =
            unsafe { rustix::mm::mprotect(live.base.cast(), live.map_len, allowed(access)) };
        if answer.is_ok() {
            live.mode.access = access;
        }
        live.enter();
        Ok(answer?)
    }

    /// Make it `len` bytes long; mremap(2). What lies past the end of the file faults. A mapping under a guarantee that
    /// grows shows the file as it changes from then on.
    ///
    /// # Errors
    /// What mremap(2) answers: `ENOMEM` where it cannot grow in place and may not move.
    pub fn resize(&mut self, len: usize, may: Move) -> io::Result<()> {
        let lead = self.start.addr() % PageSize::base().bytes();
        let Some(end) = lead.checked_add(len) else {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        };
        if let Pages::Kept(stable, ..) = &self.pages
            && len <= stable.origin().range.len()
        {
            // The pages behind it stay mapped and unused: the guarantee is worth more.
            self.len = len;
            return Ok(());
        }
        let (map_len, grows) = (end.max(1), len > self.len);
        let has_no_file = matches!(&self.pages, Pages::Kept(stable, ..) if !stable.has_file());
        if grows && self.shows_a_copy() && (may == Move::No || has_no_file) {
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        }
        let old_len = (lead + self.len).max(1);
        let live = self.live();
        live.shorten(old_len);
        if !grows || live.anchor.is_none() {
            live.remap(map_len, may)?;
        } else if may == Move::May {
            live.follow(map_len)?;
        } else {
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        }
        let base = live.base;
        self.start = base.wrapping_add(lead);
        self.len = len;
        Ok(())
    }

    /// The pages and bytes from `start` on, as system calls are told.
    fn part(&self, start: usize, len: usize) -> io::Result<(*mut u8, usize)> {
        let range = MemRange::at(start, len, self.len)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let page = PageSize::base();
        let lead = self.start.addr() % page.bytes();
        let outer = range.start_of_page_on(page, lead);
        // Within the mapping's pages, or one past them (B2).
        Ok((self.start.wrapping_sub(lead).wrapping_add(outer.start), outer.len()))
    }

    /// Whether the pages are a copy of the file's, which does not grow with it.
    fn shows_a_copy(&self) -> bool {
        match &self.pages {
            Pages::Live(live) => live.anchor.is_some(),
            Pages::Kept(stable, ..) => {
                matches!(stable.guarantee(), Guarantee::Snapshot | Guarantee::Copied)
            }
        }
    }

    /// The pages without a guarantee, as they are.
    fn live(&mut self) -> &mut Live {
        if let &Pages::Kept(_, mode, answer) = &self.pages {
            let nothing = Pages::Live(Live::nothing(mode, answer));
            let Pages::Kept(stable, ..) = core::mem::replace(&mut self.pages, nothing) else {
                unreachable!("it was kept just now")
            };
            self.pages = Pages::Live(Live::after(stable, mode, answer));
        }
        match &mut self.pages {
            Pages::Live(live) => live,
            Pages::Kept(..) => unreachable!("it was let go of just now"),
        }
    }
}

/// Whether to wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// Until the bytes are there.
    Yes,
    /// No.
    No,
}

impl Live {
    /// The pages `base..base + map_len`, which were just mapped, and are this value's from now on.
    fn new(
        (base, map_len): (*mut u8, usize),
        mode: Mode,
        answer: Answer,
        backing: Backing,
    ) -> Self {
        let (entry, lost, anchor) = (None, None, None);
        let mut live = Self { base, map_len, mode, answer, entry, lost, backing, anchor };
        live.enter();
        live
    }

    /// Stands in while pages change hands.
    fn nothing(mode: Mode, answer: Answer) -> Self {
        let base = ptr::without_provenance_mut(PageSize::base().bytes());
        Self::new((base, 0), mode, answer, Backing::Memory)
    }

    /// The pages of `stable`, whose guarantee ends.
    fn after(stable: Arc<Stable>, mode: Mode, answer: Answer) -> Self {
        let Apart { region, anchor, lost, guarantee } = Stable::take_apart(stable);
        let backing = match (guarantee, mode.sharing) {
            (Guarantee::Copied, _) => Backing::Memory,
            (_, Sharing::Shared) => Backing::PrivateFile,
            (_, Sharing::Private) => Backing::File,
        };
        let (base, map_len, _) = region.into_pages();
        let mut live = Self { base, map_len, mode, answer, entry: None, lost, backing, anchor };
        live.enter();
        live
    }

    /// Unmap what is behind the first `len` bytes: the pages that a kept mapping that became shorter had in reserve, which
    /// need not be of one kind with those before them (mremap(2), EFAULT).
    fn shorten(&mut self, len: usize) {
        let page = PageSize::base().bytes();
        let (end, kept) = (self.map_len.next_multiple_of(page), len.next_multiple_of(page));
        if kept < end {
            self.leave();
            let tail = self.base.wrapping_add(kept);
            // SAFETY: clause B2: the pages are this value's own, and nobody has seen them since it became shorter.
            let _ = unsafe { rustix::mm::munmap(tail.cast(), end - kept) };
            self.map_len = len;
            self.enter();
        }
    }

    /// Into the handler's table, where a file stands behind the pages.
    fn enter(&mut self) {
        if self.backing != Backing::Memory {
            let page = PageSize::base();
            let span = Span {
                base: self.base.addr(),
                len: self.map_len.next_multiple_of(page.bytes()),
                page,
                access: self.mode.access,
            };
            let entry = Entry::of(span, Touch::Slices, self.answer);
            if let Some(lost) = self.lost {
                entry.poison(lost);
                entry.was_told();
            }
            self.entry = Some(entry);
        }
    }

    /// Out of the handler's table. What was lost stays so.
    fn leave(&mut self) {
        self.lost = self.poisoned_at();
        self.entry = None;
    }

    /// The lowest page that zeros took the place of, in bytes from the base.
    fn poisoned_at(&self) -> Option<usize> {
        self.entry.as_ref().map_or(self.lost, Entry::poisoned_at)
    }

    /// mremap(2).
    fn remap(&mut self, map_len: usize, may: Move) -> io::Result<()> {
        let flags = match may {
            Move::No => MremapFlags::empty(),
            Move::May => MremapFlags::MAYMOVE,
        };
        self.leave();
        // SAFETY: clause E2: the pages are this mapping's own, and `&mut self` says that nobody has a slice of them.
        let answer = unsafe { rustix::mm::mremap(self.base.cast(), self.map_len, map_len, flags) };
        if let Ok(base) = answer {
            self.base = base.cast();
            self.map_len = map_len;
        }
        self.enter();
        answer?;
        Ok(())
    }

    /// Show the file itself in place of a copy of it, `map_len` bytes, with what was stored to private pages. If that fails, all
    /// is as it was.
    fn follow(&mut self, map_len: usize) -> io::Result<()> {
        let Some(mut file) = self.anchor.take() else {
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        };
        let done = file.resize(map_len).and_then(|()| self.copy_stores_to(&file));
        if done.is_err() {
            self.anchor = Some(file);
            return done;
        }
        self.leave();
        let (mode, answer, lost, backing) = (self.mode, self.answer, self.lost, Backing::File);
        let (base, map_len, _) = file.into_pages();
        // The old pages go with the old value.
        *self = Self { base, map_len, mode, answer, entry: None, lost, backing, anchor: None };
        self.enter();
        Ok(())
    }

    /// Give `file`, which is at least as long, what was stored to these pages, and their protection.
    fn copy_stores_to(&self, file: &Region) -> io::Result<()> {
        let protect = |access| {
            // SAFETY: clause B2: the pages are the region's own, and nobody else knows them.
            unsafe { rustix::mm::mprotect(file.base().cast(), file.map_len(), allowed(access)) }
        };
        if self.mode.sharing == Sharing::Private {
            fault::install();
            protect(Access::ReadWrite)?;
            let len = self.map_len.next_multiple_of(PageSize::base().bytes());
            let start = self.base.addr();
            for pages in pagemap::anonymous_pages(start..start + len) {
                let position = pages.start - start;
                let from = self.base.wrapping_add(position);
                let to = file.base().wrapping_add(position);
                // SAFETY: clause L2: both ranges are mapped, the one by this value, the other by a longer region that takes stores.
                let count = unsafe { copy::copy_out(to, from, pages.len()) };
                if count < pages.len() {
                    return Err(io::Error::from_raw_os_error(libc::EFAULT));
                }
            }
        }
        Ok(protect(self.mode.access)?)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // Out of the handler's table before the addresses can be somebody else's.
        self.entry = None;
        if self.map_len > 0 {
            // SAFETY: clause B2: the pages are this value's own, and nobody borrows from a value that is being dropped. What the
            // kernel refuses (part of a huge page) stays mapped.
            let _ = unsafe { rustix::mm::munmap(self.base.cast(), self.map_len) };
        }
    }
}

impl fmt::Debug for BestEffort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BestEffort")
            .field("ptr", &self.start)
            .field("len", &self.len)
            .field("guarantee", &self.guarantee())
            .finish()
    }
}

/// Whether this kernel knows the advice of madvise(2) with that number.
#[must_use]
pub fn knows_advice(advice: i32) -> bool {
    // SAFETY: clause P2: no bytes, no pages.
    unsafe { libc::madvise(ptr::null_mut(), 0, advice) == 0 }
}

/// `MAP_HUGE_MASK` and `MAP_HUGE_SHIFT` of mmap(2).
const HUGE_MASK: u32 = 0x3f;
const HUGE_SHIFT: u32 = 26;

fn prot(access: Access) -> ProtFlags {
    match access {
        Access::Read => ProtFlags::READ,
        Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        Access::ReadExec => ProtFlags::READ | ProtFlags::EXEC,
    }
}

fn allowed(access: Access) -> MprotectFlags {
    match access {
        Access::Read => MprotectFlags::READ,
        Access::ReadWrite => MprotectFlags::READ | MprotectFlags::WRITE,
        Access::ReadExec => MprotectFlags::READ | MprotectFlags::EXEC,
    }
}

fn flags(options: &BestEffortOptions, sharing: Sharing) -> MapFlags {
    let mut flags = match sharing {
        Sharing::Shared => MapFlags::SHARED,
        Sharing::Private => MapFlags::PRIVATE,
    };
    if options.populate {
        flags |= MapFlags::POPULATE;
    }
    if options.no_reserve {
        flags |= MapFlags::NORESERVE;
    }
    flags
}
