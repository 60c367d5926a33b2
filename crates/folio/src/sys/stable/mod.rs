//! Bytes that a guarantee keeps as they are: the only slices that are ever made from a mapping.
//!
//! A [`Stable`] is made by one of the [`rungs`] alone, each of which establishes one of the clauses G1 to G4 before any
//! byte can be seen. [`Slice`] and [`SliceMut`] are the safe faces of it.

mod cheap;
#[cfg(feature = "stable_deref")]
mod deref;
mod rungs;

pub(crate) use cheap::{Apart, Terms, keep};
pub(crate) use rungs::{Purpose, acquire, anonymous};

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::io::Errno;

use super::fault::{Answer, Entry};
use super::lease::{Lease, watch};
use super::region::{Mode, Region};
use crate::cause::{FaultCause, Touched};
use crate::error::{Cause, Error, Result};
use crate::guarantee::{Guarantee, OnLoss};
use crate::options::LockPages;
use crate::page::{MemRange, PageRange};
use crate::pages::{Backing, FileBehind, Pages};

/// What the bytes are a copy or a mapping of.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The name, where folio opened the file by one.
    pub(crate) path: Option<PathBuf>,
    /// Which bytes of the file; for memory without a file, from 0.
    pub(crate) range: PageRange,
}

/// What becomes of the bytes when a lease is lost before its content could be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The process ends.
    Abort,
    /// Nobody sees them again.
    Fence,
    /// They change as the file does: whoever mapped it answers for that (clause E2).
    LetGo(Answer),
}

impl From<OnLoss> for Loss {
    fn from(on_loss: OnLoss) -> Self {
        match on_loss {
            OnLoss::Abort => Self::Abort,
            OnLoss::Fence => Self::Fence,
        }
    }
}

/// A file of the same bytes as the origin, out of everybody's reach.
#[derive(Debug)]
pub(crate) struct Base {
    fd: OwnedFd,
    /// The position in it of the first byte of the mapping's first page.
    start: u64,
}

/// Bytes that do not change but through their owner, while this value lives.
///
/// Invariant (clauses G1 to G4): the guarantee that `guarantee` names holds from before the first byte could be seen
/// until the value is dropped, or `lost` is set and no byte can be seen.
#[derive(Debug)]
pub(crate) struct Stable {
    /// The mapping; dropped by hand, because a child of fork(2) must not.
    region: ManuallyDrop<Region>,
    /// Its entry in the table of the fault handler, where a file stands behind the bytes.
    entry: Option<Entry>,
    lease: Option<Lease>,
    /// The bytes as they were at the start, readable again; the lock is held while they are read, so that a lease is
    /// not given up meanwhile, and while a window is replaced or pages are forgotten, so that not both happen at once.
    base: Mutex<Option<Base>>,
    guarantee: AtomicU8,
    lost: AtomicBool,
    /// Why the first page that is lost could not be had.
    cause: OnceLock<FaultCause>,
    purpose: Purpose,
    loss: Loss,
    /// How the file is mapped where the pages must follow it again.
    live: Option<Mode>,
    /// One page of the file as it is, to grow from where the region shows a copy of it (clause E2).
    anchor: Mutex<Option<Region>>,
    lock: Mutex<Option<LockPages>>,
    origin: Origin,
}

impl Stable {
    /// The guarantee that holds now: a lease becomes a snapshot when somebody wants to write.
    pub(crate) fn guarantee(&self) -> Guarantee {
        match self.guarantee.load(Ordering::Acquire) {
            bit if bit == Guarantee::Sealed.bit().bits() => Guarantee::Sealed,
            bit if bit == Guarantee::Lease.bit().bits() => Guarantee::Lease,
            bit if bit == Guarantee::Snapshot.bit().bits() => Guarantee::Snapshot,
            _ => Guarantee::Copied,
        }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    pub(crate) fn loss(&self) -> Loss {
        self.loss
    }

    /// Whether the guarantee was lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// How the pages are locked, which those that take their place shall be, too.
    pub(crate) fn lock(&self) -> Option<LockPages> {
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Note how the pages are locked from now on.
    pub(crate) fn set_lock(&self, lock: Option<LockPages>) {
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = lock;
    }

    /// The mapping.
    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    pub(crate) fn entry(&self) -> Option<&Entry> {
        self.entry.as_ref()
    }

    pub(crate) fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// The lock on the original bytes, for whoever replaces where they are.
    pub(crate) fn base(&self) -> MutexGuard<'_, Option<Base>> {
        self.base.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Note that a file of folio's own carries the bytes from now on.
    pub(crate) fn became_snapshot(&self) {
        self.guarantee.store(Guarantee::Snapshot.bit().bits(), Ordering::Release);
    }

    /// Note that the bytes cannot be seen any more.
    pub(crate) fn set_lost(&self) {
        self.lost.store(true, Ordering::Release);
    }

    /// Whether the bytes are all there: an error if a fault put zeros in place of some, or the guarantee was lost.
    pub(crate) fn check(&self, op: &'static str) -> Result<()> {
        if self.lost.load(Ordering::Acquire) {
            let why = "the lease on the file broke and its content could not be kept; the addresses are inaccessible";
            return Err(self
                .name(Error::new(op, Cause::Poisoned(Box::new(Cause::Unsupported(why.into()))))));
        }
        match self.entry.as_ref().and_then(Entry::poisoned_at) {
            None => Ok(()),
            Some(position) => Err(self.poisoned(op, position)),
        }
    }

    #[cold]
    fn poisoned(&self, op: &'static str, position: usize) -> Error {
        let first = self.origin.range.map_offset() + position as u64;
        let page = self.origin.range.page().bytes() as u64;
        let cause = self.why(position);
        self.name(Error::new(op, Cause::Poisoned(Box::new(cause))).with_range(first..first + page))
    }

    /// Why the page at `position` from the first could not be had, found out once.
    fn why(&self, position: usize) -> Cause {
        (*self.cause.get_or_init(|| self.find_cause(position))).into()
    }

    /// Find out why the first lost page could not be had, if one is lost, while the original can still be asked.
    pub(crate) fn remember_cause(&self) {
        if let Some(position) = self.entry.as_ref().and_then(Entry::poisoned_at) {
            self.cause.get_or_init(|| self.find_cause(position));
        }
    }

    /// What the original says of the page at `position`, where it still can be asked.
    fn find_cause(&self, position: usize) -> FaultCause {
        let ask = |fd: BorrowedFd<'_>, at: u64| {
            FaultCause::find(fd, at..at + 1, Touched::Load).unwrap_or(FaultCause::Passed)
        };
        let unknown = FaultCause::Io(Errno::IO.raw_os_error());
        match (&*self.base(), &self.lease) {
            (Some(base), _) => ask(base.fd.as_fd(), base.start + position as u64),
            (None, Some(lease)) if lease.is_held() => {
                let at = self.origin.range.map_offset() + position as u64;
                let cause = lease.descriptor().map(|fd| ask(fd, at));
                cause.ok().filter(|_| lease.descriptor().is_ok()).unwrap_or(unknown)
            }
            _ => unknown,
        }
    }

    /// The pages that carry the bytes of `part`.
    pub(crate) fn pages(&self, part: MemRange) -> Pages<'_> {
        let backing = match (self.purpose, &self.entry) {
            (_, None) => Backing::Memory,
            (Purpose::Private, _) => Backing::PrivateFile,
            (Purpose::Frozen, _) => Backing::StableFile,
        };
        let offset = self.origin.range.offset();
        // Given up, the lease's file is not what the pages show any more.
        let lease = self.lease.as_ref().filter(|lease| lease.is_held());
        let fd = lease.and_then(|lease| lease.descriptor().ok());
        let file = fd.map(|fd| FileBehind { fd, offset });
        Pages::new(&self.region, part, file, backing)
    }

    /// The error with the origin's name.
    pub(crate) fn name(&self, error: Error) -> Error {
        match &self.origin.path {
            Some(path) => error.with_path(path),
            None => error,
        }
    }

    /// Read the original bytes at `position` of the user's bytes. Fewer than asked for where the original ends.
    pub(crate) fn read_base(&self, position: usize, buf: &mut [u8]) -> io::Result<usize> {
        self.read_base_page(self.origin.range.lead() + position, buf)
    }

    /// Read the original bytes at `position` from the first page's first byte.
    fn read_base_page(&self, position: usize, buf: &mut [u8]) -> io::Result<usize> {
        let base = self.base();
        match (&*base, &self.lease) {
            (Some(base), _) => read_full(base.fd.as_fd(), base.start + position as u64, buf),
            (None, Some(lease)) if lease.is_held() => {
                let at = self.origin.range.map_offset() + position as u64;
                let fd = lease.descriptor().map_err(|_| Errno::BADF)?;
                let count = read_full(fd, at, buf)?;
                lease.descriptor().map_err(|_| Errno::BADF)?;
                Ok(count)
            }
            (None, Some(_)) => Err(Errno::BADF.into()),
            _ => Err(Errno::IO.into()),
        }
    }
}

impl Drop for Stable {
    fn drop(&mut self) {
        let mut inherited = false;
        if let Some(lease) = &self.lease {
            inherited = !lease.is_own();
            watch::remove(self);
        }
        // Out of the handler's table before the addresses can be somebody else's.
        self.entry = None;
        // In a child of fork(2) pages under a lease were not inherited, and the addresses may be used by others (G8); but for
        // those that are (E2).
        if !inherited || matches!(self.loss, Loss::LetGo(_)) {
            // SAFETY: clause B2: the region is dropped once, here, and nobody borrows from a value being dropped.
            unsafe { ManuallyDrop::drop(&mut self.region) };
        }
    }
}

impl Base {
    /// `fd` holds the bytes of the mapping's first page at `start`.
    pub(crate) fn new(fd: OwnedFd, start: u64) -> Self {
        Self { fd, start }
    }
}

impl AsFd for Base {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// pread(2) until `buf` is full or the file ends.
pub(crate) fn read_full(fd: BorrowedFd<'_>, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        match rustix::io::pread(fd, &mut buf[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(done)
}

/// A part of stable bytes that nobody changes, cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    start: *const u8,
    len: usize,
    stable: Arc<Stable>,
}

// SAFETY: clause T2: it gives out `&[u8]` alone, of bytes that nobody changes (G1 to G4).
unsafe impl Send for Slice {}
// SAFETY: clause T2: as above.
unsafe impl Sync for Slice {}

impl Slice {
    /// All bytes of `stable`, which nobody may have taken a [`SliceMut`] of.
    fn new(stable: Arc<Stable>) -> Self {
        Self { start: stable.region.as_ptr(), len: stable.origin.range.len(), stable }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: clauses G1 to G4: `start..start + len` are bytes of `stable`, which lives as long as the borrow, and
        // nobody changes them.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    /// The part `range` of this part.
    pub(crate) fn part(&self, range: MemRange) -> Self {
        debug_assert!(range.end() <= self.len);
        Self {
            start: self.start.wrapping_add(range.start()),
            len: range.len(),
            stable: self.stable.clone(),
        }
    }

    /// The pages that carry this part.
    pub(crate) fn pages(&self) -> Pages<'_> {
        match MemRange::at(self.position(), self.len, self.stable.region.len()) {
            Ok(part) => self.stable.pages(part),
            Err(_) => unreachable!("a part lies within the whole"),
        }
    }

    /// Where this part begins in the stable bytes.
    pub(crate) fn position(&self) -> usize {
        self.start.addr() - self.stable.region.as_ptr().addr()
    }

    pub(crate) fn stable(&self) -> &Stable {
        &self.stable
    }
}

/// Stable bytes that their one owner may change.
#[derive(Debug)]
pub(crate) struct SliceMut {
    start: *mut u8,
    len: usize,
    stable: Arc<Stable>,
}

// SAFETY: clause T2: it gives out `&[u8]` from `&self` and `&mut [u8]` from `&mut self`, of bytes that nobody else changes.
unsafe impl Send for SliceMut {}
// SAFETY: clause T2: as above.
unsafe impl Sync for SliceMut {}

impl SliceMut {
    /// All bytes of `stable`, made for [`Purpose::Private`] and not given out before.
    fn new(stable: Arc<Stable>) -> Self {
        debug_assert_eq!(stable.purpose, Purpose::Private);
        Self { start: stable.region.as_ptr(), len: stable.origin.range.len(), stable }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: clauses G1 to G4 and T2: the bytes of `stable` live as long as the borrow; only `&mut self` changes them.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: clauses G1 to G4 and T2: as above, and `&mut self` is the only way to them while the borrow lasts.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }

    pub(crate) fn stable(&self) -> &Stable {
        &self.stable
    }

    /// The pages that carry them.
    pub(crate) fn pages(&self) -> Pages<'_> {
        self.stable.pages(self.stable.region.whole())
    }

    /// Forget the changes on the whole pages of `range`: they show the original bytes again.
    ///
    /// `&mut self`, because bytes change.
    pub(crate) fn drop_changes(&mut self, range: MemRange) -> io::Result<()> {
        let region = self.stable.region();
        // Forgetting is no store, which would wait for a window that is being replaced: without the lock the changes
        // could be copied before and come back after.
        let base = self.stable.base();
        // Without the descriptor the pages become a copy with the changes at any moment, or are one.
        let is_gone = |lease: &Lease| !lease.is_held() || lease.descriptor().is_err();
        if base.is_none() && self.stable.lease().is_some_and(is_gone) {
            return Err(Errno::BADF.into());
        }
        // SAFETY: clause P1: `&mut self` says that no slice of these bytes is alive.
        match unsafe { region.madvise(range, libc::MADV_DONTNEED) } {
            // Locked pages.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                // SAFETY: clause P1: as above.
                unsafe { region.madvise(range, libc::MADV_DONTNEED_LOCKED) }
            }
            answer => answer,
        }
    }
}
