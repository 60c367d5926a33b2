//! [`Live`]: pages of a file as the caller wanted them, in the handler's table, and memory without one.

use core::ptr;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rustix::mm::{MapFlags, MprotectFlags, MremapFlags, ProtFlags};

use crate::best_effort::{Anonymous, BestEffortOptions, Move};
use crate::filesystem::FileSystemType;
use crate::guarantee::Guarantee;
use crate::page::PageSize;
use crate::sys::fault::{self, Answer, Entry, Span, Touch};
use crate::sys::region::{Access, Mode, Region, Sharing};
use crate::sys::stable::{Apart, Stable};
use crate::sys::{copy, pagemap};

/// Pages as the caller wanted them.
///
/// Invariant (clause B2): `base..base + map_len` was mapped by this value, belongs to it alone, and stays mapped until it
/// is dropped. `map_len` is at least 1 and need not be whole pages: the kernel rounds up, to huge pages where these are.
pub(super) struct Live {
    base: *mut u8,
    map_len: usize,
    /// What the kernel replaces and unmaps as a whole.
    page: PageSize,
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

impl Live {
    /// `map_len` bytes of the file behind `fd` from `offset` on, a multiple of the page size.
    pub(super) fn map(
        fd: BorrowedFd<'_>,
        options: &BestEffortOptions,
        offset: u64,
        map_len: usize,
    ) -> io::Result<Self> {
        let mode = options.mode();
        // SAFETY: clause S1: without MAP_FIXED the kernel takes addresses that nobody uses.
        let base = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                map_len,
                prot(mode.access),
                flags(options, mode.sharing),
                fd,
                offset,
            )
        }?;
        let page = page_of(fd, base.addr());
        Ok(Self::new((base.cast(), map_len), page, mode, options.answer(), Backing::File))
    }

    /// `map_len` bytes of memory.
    pub(super) fn anonymous(
        options: &BestEffortOptions,
        anonymous: Anonymous,
        map_len: usize,
    ) -> io::Result<Self> {
        let mut extra = flags(options, Sharing::Private);
        if anonymous.stack {
            extra |= MapFlags::STACK;
        }
        if let Some(bits) = anonymous.huge {
            let size = (u32::from(bits) & HUGE_MASK) << HUGE_SHIFT;
            extra |= MapFlags::HUGETLB | MapFlags::from_bits_retain(size);
        }
        let mode = Mode { sharing: Sharing::Private, ..options.mode() };
        // SAFETY: clause S1: without MAP_FIXED the kernel takes addresses that nobody uses.
        let base = unsafe {
            rustix::mm::mmap_anonymous(ptr::null_mut(), map_len, prot(mode.access), extra)
        }?;
        let named = anonymous.huge.filter(|&bits| bits > 0);
        let huge = named.and_then(|bits| PageSize::new(1 << (u32::from(bits) & HUGE_MASK)));
        let page = huge.unwrap_or_else(PageSize::base);
        Ok(Self::new((base.cast(), map_len), page, mode, options.answer(), Backing::Memory))
    }

    /// The address of the first page.
    pub(super) fn base(&self) -> *mut u8 {
        self.base
    }

    /// Whether the pages are a copy of a file's, and there is the file to grow into.
    pub(super) fn has_anchor(&self) -> bool {
        self.anchor.is_some()
    }

    /// Allow something else with the pages; mprotect(2).
    pub(super) fn protect(&mut self, access: Access) -> io::Result<()> {
        if access == Access::ReadWrite && self.backing == Backing::PrivateFile {
            return Err(io::Error::from_raw_os_error(libc::EACCES));
        }
        // The handler must know it before a fault can come, and no other thread has a slice while this one owns it.
        self.leave();
        // SAFETY: clause E2: the pages are this mapping's own, and `&mut self` says that nobody has a slice of them.
        let answer =
            unsafe { rustix::mm::mprotect(self.base.cast(), self.whole_len(), allowed(access)) };
        if answer.is_ok() {
            self.mode.access = access;
        }
        self.enter();
        Ok(answer?)
    }

    /// The pages `base..base + map_len`, which were just mapped, and are this value's from now on.
    fn new(
        (base, map_len): (*mut u8, usize),
        page: PageSize,
        mode: Mode,
        answer: Answer,
        backing: Backing,
    ) -> Self {
        let (entry, lost, anchor) = (None, None, None);
        let mut live = Self { base, map_len, page, mode, answer, entry, lost, backing, anchor };
        live.enter();
        live
    }

    /// Stands in while pages change hands.
    pub(super) fn nothing(mode: Mode, answer: Answer) -> Self {
        let page = PageSize::base();
        let base = ptr::without_provenance_mut(page.bytes());
        Self::new((base, 0), page, mode, answer, Backing::Memory)
    }

    /// The pages of `stable`, whose guarantee ends.
    pub(super) fn after(stable: Arc<Stable>, mode: Mode, answer: Answer) -> Self {
        let Apart { region, anchor, lost, guarantee } = Stable::take_apart(stable);
        let backing = match (guarantee, mode.sharing) {
            (Guarantee::Copied, _) => Backing::Memory,
            (_, Sharing::Shared) => Backing::PrivateFile,
            (_, Sharing::Private) => Backing::File,
        };
        let page = region.page();
        let (base, map_len, _) = region.into_pages();
        let mut live =
            Self { base, map_len, page, mode, answer, entry: None, lost, backing, anchor };
        live.enter();
        live
    }

    /// Unmap what is behind the first `len` bytes: the pages that a kept mapping that became shorter had in reserve, which
    /// need not be of one kind with those before them (mremap(2), EFAULT).
    pub(super) fn shorten(&mut self, len: usize) {
        let (end, kept) = (self.whole_len(), len.next_multiple_of(self.page.bytes()));
        if kept < end {
            self.leave();
            let tail = self.base.wrapping_add(kept);
            // SAFETY: clause B2: the pages are this value's own, and nobody has seen them since it became shorter.
            let _ = unsafe { rustix::mm::munmap(tail.cast(), end - kept) };
            self.map_len = len;
            self.enter();
        }
    }

    /// The length of the whole pages, in bytes.
    fn whole_len(&self) -> usize {
        self.map_len.next_multiple_of(self.page.bytes())
    }

    /// Into the handler's table, where a file stands behind the pages.
    fn enter(&mut self) {
        if self.backing != Backing::Memory {
            let span = Span {
                base: self.base.addr(),
                len: self.whole_len(),
                page: self.page,
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
    pub(super) fn poisoned_at(&self) -> Option<usize> {
        self.entry.as_ref().map_or(self.lost, Entry::poisoned_at)
    }

    /// mremap(2).
    pub(super) fn remap(&mut self, map_len: usize, may: Move) -> io::Result<()> {
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
    pub(super) fn follow(&mut self, map_len: usize) -> io::Result<()> {
        let Some(mut file) = self.anchor.take() else {
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        };
        let done = file.resize(map_len).and_then(|()| self.copy_stores_to(&file));
        if done.is_err() {
            self.anchor = Some(file);
            return done;
        }
        self.leave();
        let (page, mode, answer) = (self.page, self.mode, self.answer);
        let (lost, backing) = (self.lost, Backing::File);
        let (base, map_len, _) = file.into_pages();
        // The old pages go with the old value.
        *self =
            Self { base, map_len, page, mode, answer, entry: None, lost, backing, anchor: None };
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
            let len = self.whole_len();
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
            // kernel refuses (memory in huge pages of a size that nobody named, and not whole ones) stays mapped.
            let _ = unsafe { rustix::mm::munmap(self.base.cast(), self.whole_len()) };
        }
    }
}

/// The size of the pages of a mapping of the file behind `fd` that begins at `base`. Only one that a huge page could begin is worth the
/// question: no architecture has smaller ones than 64 KiB.
fn page_of(fd: BorrowedFd<'_>, base: usize) -> PageSize {
    const SMALLEST: usize = 64 * 1024;
    if base.is_multiple_of(SMALLEST) { FileSystemType::page_size(fd) } else { PageSize::base() }
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
