//! [`BestEffort`]: pages and raw pointers to them, for an owner that answers for the bytes.
//!
//! Its pages are either *live*, mapped as the caller said, in the handler's table where a file stands behind them; or
//! *kept* by a guarantee ([`cheap`](super::stable)). Whatever a kept mapping cannot be, another protection or a greater length,
//! makes it a live one.

mod live;

use core::fmt;
use core::ptr;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rustix::mm::MsyncFlags;

use self::live::Live;
use super::fault::{Answer, Entry};
use super::fork;
use super::lease::Lease;
use super::region::{Access, Mode, Sharing, note_advice};
use super::stable::{Purpose, Stable, Terms, keep};
use crate::best_effort::{Anonymous, BestEffortOptions, Move, Protection};
use crate::error::Cause;
use crate::guarantee::{Guarantee, Guarantees};
use crate::options::LockPages;
use crate::page::{MemRange, PageSize};

/// A mapping whose bytes its owner answers for; see [the module](crate::best_effort).
///
/// ```
/// use folio::best_effort::BestEffortOptions;
/// use folio::{Guarantee, Guarantees, Memfd, Seals};
/// use std::os::fd::AsFd;
/// let memory = Memfd::create("example")?;
/// memory.set_len(5)?;
/// memory.seal(Seals::FROZEN)?;
/// let map = BestEffortOptions::new().map_kept(memory.as_fd(), Guarantees::all())?;
/// assert_eq!(map.guarantee(), Some(Guarantee::Sealed));
/// // SAFETY: the guarantee keeps the bytes as they are.
/// assert_eq!(unsafe { std::slice::from_raw_parts(map.as_ptr(), map.len()) }, [0; 5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BestEffort {
    start: *mut u8,
    len: usize,
    pages: Pages,
}

enum Pages {
    Live(Live),
    Kept(Arc<Stable>, Mode, Answer),
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
        let map_len = end.max(1);
        let pages = Live::map(fd, options, page.floor(options.offset), map_len)?;
        Ok(Self { start: pages.base().wrapping_add(lead), len, pages: Pages::Live(pages) })
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
        let pages = Live::anonymous(options, anonymous, len.max(1))?;
        Ok(Self { start: pages.base(), len, pages: Pages::Live(pages) })
    }

    /// The address of the first byte. It stays until the mapping is dropped or moves in [`resize`](Self::resize).
    ///
    /// ```
    /// use folio::best_effort::{Anonymous, BestEffortOptions, Protection};
    /// # let options = BestEffortOptions::new().len(8).protection(Protection::ReadWrite);
    /// let map = options.map_anonymous(Anonymous::new())?;
    /// // SAFETY: nobody stores to these bytes.
    /// assert_eq!(unsafe { std::slice::from_raw_parts(map.as_ptr(), map.len()) }, [0; 8]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.start
    }

    /// The same, for stores.
    ///
    /// ```
    /// use folio::best_effort::{Anonymous, BestEffortOptions, Protection};
    /// # let options = BestEffortOptions::new().len(8).protection(Protection::ReadWrite);
    /// let map = options.map_anonymous(Anonymous::new())?;
    /// // SAFETY: the bytes may be stored to, and nobody else has their address.
    /// let bytes = unsafe { std::slice::from_raw_parts_mut(map.as_mut_ptr(), map.len()) };
    /// bytes.copy_from_slice(b"8 bytes.");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.start
    }

    /// The number of bytes.
    ///
    /// ```
    /// use folio::best_effort::{Anonymous, BestEffortOptions, Protection};
    /// # let options = BestEffortOptions::new().len(8).protection(Protection::ReadWrite);
    /// let mut map = options.map_anonymous(Anonymous::new())?;
    /// map.resize(3, folio::best_effort::Move::No)?;
    /// assert_eq!(map.len(), 3); // bytes, not whole pages
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no byte.
    ///
    /// ```
    /// use folio::best_effort::{Anonymous, BestEffortOptions};
    /// let map = BestEffortOptions::new().map_anonymous(Anonymous::new())?; // of no length, which is no error
    /// assert!(map.is_empty() && !map.as_ptr().is_null());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Why nobody else changes the bytes; `None` where they are the file's as it changes, or a guarantee was lost.
    ///
    /// ```
    /// use folio::best_effort::BestEffortOptions;
    /// use folio::{Guarantees, Memfd, Seals};
    /// use std::os::fd::AsFd;
    /// let memory = Memfd::create("example")?;
    /// memory.set_len(5)?;
    /// memory.seal(Seals::FROZEN)?;
    /// let options = BestEffortOptions::new().len(5);
    /// assert!(options.map_kept(memory.as_fd(), Guarantees::SEALED)?.guarantee().is_some());
    /// assert_eq!(options.map(memory.as_fd())?.guarantee(), None); // as the kernel shows it
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use folio::best_effort::{BestEffortOptions, OnFault};
    /// use std::os::fd::AsFd;
    /// let memory = folio::Memfd::create("empty")?;
    /// let map = BestEffortOptions::new().len(8).on_fault(OnFault::Zeros).map(memory.as_fd())?;
    /// // SAFETY: nobody stores to the byte.
    /// let byte = unsafe { map.as_ptr().add(5).read_volatile() }; // past the end of the file
    /// assert_eq!((byte, map.poisoned()), (0, Some(0))); // a whole page is lost
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn poisoned(&self) -> Option<usize> {
        let (page, base) = match &self.pages {
            Pages::Live(live) => (live.poisoned_at(), live.base()),
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
    /// ```
    /// use folio::best_effort::{BestEffortOptions, Protection, Wait};
    /// use std::os::fd::AsFd;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::options().read(true).write(true).open(&path)?;
    /// let map = BestEffortOptions::new().len(5).protection(Protection::ReadWrite).map(file.as_fd())?;
    /// // SAFETY: the byte may be stored to, and nobody else has its address.
    /// unsafe { map.as_mut_ptr().write(b'j') };
    /// map.sync(0, 1, Wait::Yes)?; // now it is on the device
    /// assert_eq!(map.sync(5, 1, Wait::Yes).unwrap_err().kind(), std::io::ErrorKind::InvalidInput); // past the end
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// use folio::best_effort::{Anonymous, BestEffortOptions, Protection};
    /// # let options = BestEffortOptions::new().len(8).protection(Protection::ReadWrite);
    /// let map = options.map_anonymous(Anonymous::new())?;
    /// // SAFETY: the byte may be stored to, and nobody else has its address.
    /// unsafe { map.as_mut_ptr().write(7) };
    /// map.advise(0, 8, libc::MADV_DONTNEED)?; // no file is behind it: the bytes are lost
    /// // SAFETY: nobody stores to the byte.
    /// assert_eq!(unsafe { map.as_ptr().read() }, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
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
    /// ```
    /// use folio::best_effort::{Anonymous, BestEffortOptions, Protection};
    /// # let options = BestEffortOptions::new().len(8).protection(Protection::ReadWrite);
    /// let map = options.map_anonymous(Anonymous::new())?;
    /// map.lock()?; // none of it goes to swap space
    /// map.unlock()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
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
    /// ```
    /// use folio::best_effort::{Anonymous, BestEffortOptions, Protection};
    /// # let options = BestEffortOptions::new().len(8).protection(Protection::ReadWrite);
    /// let map = options.map_anonymous(Anonymous::new())?;
    /// map.lock()?;
    /// map.lock()?;
    /// map.unlock()?; // locks are not counted: it is unlocked
    /// # Ok::<(), std::io::Error>(())
    /// ```
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
    /// ```
    /// use folio::best_effort::{Anonymous, BestEffortOptions, Protection};
    /// # let options = BestEffortOptions::new().len(8).protection(Protection::ReadWrite);
    /// let mut map = options.map_anonymous(Anonymous::new())?;
    /// // SAFETY: the byte may be stored to, and nobody else has its address.
    /// unsafe { map.as_mut_ptr().write(7) };
    /// map.protect(Protection::Read)?; // a store would raise SIGSEGV from here on
    /// // SAFETY: nobody stores to the byte.
    /// assert_eq!(unsafe { map.as_ptr().read() }, 7);
    /// # Ok::<(), std::io::Error>(())
    /// ```
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
        self.live().protect(access)
    }

    /// Make it `len` bytes long; mremap(2). What lies past the end of the file faults. A mapping under a guarantee that
    /// grows shows the file as it changes from then on.
    ///
    /// ```
    /// use folio::best_effort::Move;
    /// use folio::best_effort::{Anonymous, BestEffortOptions, Protection};
    /// # let options = BestEffortOptions::new().len(8).protection(Protection::ReadWrite);
    /// let mut map = options.map_anonymous(Anonymous::new())?;
    /// map.resize(1 << 20, Move::May)?;
    /// // SAFETY: nobody stores to the byte; the address was asked for after the move.
    /// assert_eq!(unsafe { map.as_ptr().add((1 << 20) - 1).read() }, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What mremap(2) answers: `ENOMEM` where it cannot grow in place and may not move, `EINVAL` where no whole pages are that
    /// long.
    pub fn resize(&mut self, len: usize, may: Move) -> io::Result<()> {
        let page = PageSize::base().bytes();
        let lead = self.start.addr() % page;
        let end = lead.checked_add(len);
        let Some(end) = end.filter(|end| end.checked_next_multiple_of(page).is_some()) else {
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
        // What is to fail shall leave the guarantee as it is.
        if grows && !self.can_grow(map_len, may) {
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        }
        let old_len = (lead + self.len).max(1);
        let live = self.live();
        live.shorten(old_len);
        if !grows || !live.has_anchor() {
            live.remap(map_len, may)?;
        } else if may == Move::May {
            live.follow(map_len)?;
        } else {
            // It became a copy just now.
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        }
        let base = live.base();
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

    /// Whether there is something to grow into, and room for it.
    fn can_grow(&self, map_len: usize, may: Move) -> bool {
        let copy = self.shows_a_copy();
        match (&self.pages, may) {
            (_, Move::No) if copy => false,
            (Pages::Kept(stable, ..), Move::No) => stable.region().has_room(map_len),
            (Pages::Kept(stable, ..), Move::May) => !copy || stable.has_file(),
            (Pages::Live(_), _) => true,
        }
    }

    /// Whether the pages are a copy of the file's, which does not grow with it.
    fn shows_a_copy(&self) -> bool {
        match &self.pages {
            Pages::Live(live) => live.has_anchor(),
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
///
/// ```
/// use folio::best_effort::{Anonymous, BestEffortOptions, Wait};
/// let map = BestEffortOptions::new().len(8).map_anonymous(Anonymous::new())?;
/// map.sync(0, 8, Wait::No)?; // no promise that anything is on a device
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// Until the bytes are there.
    Yes,
    /// No.
    No,
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
///
/// ```
/// use folio::best_effort::knows_advice;
/// assert!(knows_advice(libc::MADV_SEQUENTIAL));
/// assert!(!knows_advice(-1));
/// ```
#[must_use]
pub fn knows_advice(advice: i32) -> bool {
    // SAFETY: clause P2: no bytes, no pages.
    unsafe { libc::madvise(ptr::null_mut(), 0, advice) == 0 }
}
