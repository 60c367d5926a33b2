//! The rungs of the ladder at the least cost, for a mapping whose bytes its owner answers for ([`crate::best_effort`]).
//!
//! What the other rungs see to at a price, these leave to that owner (clause E2): a child of fork(2) inherits the pages and
//! sees the file there as it changes; a lease is taken through the file's own open file description, which others may hold,
//! too; what is lost is let go of. In exchange a lease costs three system calls and no second open.
//!
//! A guarantee is taken only where the program does not count on seeing writes: never through a descriptor that is open
//! for writing, and never, but for a clone or a copy that was asked for, while anybody has the file open for writing.

use std::borrow::Cow;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU8};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustix::fs::{FileType, OFlags, SealFlags, Stat};
use rustix::io::FdFlags;
use rustix::process::Resource;

use super::{Loss, Origin, Purpose, Stable, read_full};
use crate::error::Cause;
use crate::filesystem::{FileSystemType, why_lease_proves_nothing_on};
use crate::guarantee::{Guarantee, Guarantees};
use crate::page::{PageRange, PageSize, RangeError};
use crate::room;
use crate::snapshot;
use crate::source::{page_size_of, reopen};
use crate::sys::fault::{Answer, Entry, Span, Touch};
use crate::sys::fork;
use crate::sys::lease::{Lease, watch};
use crate::sys::region::{Access, Mode, Region, Sharing};

type Result<T> = core::result::Result<T, Cause>;

/// Below so many descriptors and leases nobody asks how many there may be.
const FEW: usize = 32;

/// What is to be kept, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) offset: u64,
    /// How many bytes; to the end of the file if it is not said.
    pub(crate) len: Option<usize>,
    pub(crate) purpose: Purpose,
    pub(crate) allowed: Guarantees,
    pub(crate) answer: Answer,
    pub(crate) no_reserve: bool,
    /// How the file is mapped where the mapping must follow it again.
    pub(crate) live: Mode,
}

/// The bytes of the file behind `fd` under one of the guarantees that `terms` allow, or why not.
pub(crate) fn keep(fd: BorrowedFd<'_>, terms: &Terms) -> Result<Arc<Stable>> {
    fork::prepare();
    let flags = rustix::fs::fcntl_getfl(fd).map_err(|errno| Cause::Os(errno.into()))?;
    let readable_only = flags & OFlags::RWMODE == OFlags::RDONLY && !flags.contains(OFlags::PATH);
    let attempt = Attempt { fd, terms };
    if !readable_only {
        return attempt.sealed();
    }
    let kind = FileSystemType::of(fd).map_err(|errno| Cause::Os(errno.into()))?;
    if kind.may_be_sealed()
        && let Ok(stable) = attempt.sealed()
    {
        return Ok(stable);
    }
    let mut answer = Err(unsupported("no other guarantee is allowed"));
    for guarantee in [Guarantee::Lease, Guarantee::Snapshot, Guarantee::Copied] {
        answer = match guarantee {
            Guarantee::Lease if terms.allowed.contains(Guarantees::LEASE) => attempt.lease(kind),
            Guarantee::Snapshot if terms.allowed.contains(Guarantees::SNAPSHOT) => attempt.cloned(),
            Guarantee::Copied if terms.allowed.contains(Guarantees::COPIED) => attempt.copied(),
            _ => continue,
        };
        if answer.is_ok() {
            break;
        }
    }
    answer
}

/// One file, one set of terms.
struct Attempt<'a> {
    fd: BorrowedFd<'a>,
    terms: &'a Terms,
}

impl Attempt<'_> {
    /// Clause G1.
    fn sealed(&self) -> Result<Arc<Stable>> {
        let needed = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW;
        let seals = rustix::fs::fcntl_get_seals(self.fd);
        if !self.terms.allowed.contains(Guarantees::SEALED)
            || !seals.is_ok_and(|seals| seals.contains(needed))
        {
            return Err(Cause::Busy(Cow::Borrowed(
                "the descriptor is open for writing, so that the program expects to see what it writes",
            )));
        }
        let range = self.range()?;
        let region = Region::map(self.fd, &range, 0, self.mode()).map_err(Cause::Os)?;
        Ok(Arc::new(self.assemble(region, range, Guarantee::Sealed, None, None)))
    }

    /// Clause G2, but for what E2 says.
    fn lease(&self, kind: FileSystemType) -> Result<Arc<Stable>> {
        match why_lease_proves_nothing_on(kind, self.fd) {
            Ok(None) => {}
            Ok(Some(why)) => return Err(Cause::Unsupported(why.into())),
            Err(errno) => return Err(Cause::Os(errno.into())),
        }
        if self.nears_the_limit() {
            return Err(Cause::OverLimit(Cow::Borrowed(
                "half of the descriptors that the process may have are taken (RLIMIT_NOFILE)",
            )));
        }
        let since = watch::now();
        let through = if self.is_inherited() { None } else { Lease::take_through(self.fd)? };
        let (lease, stat) = match through {
            Some(taken) => taken,
            // Another mapping's, or the program's own, or whoever started it has the description, too: one of its own, then.
            None => {
                // A file, and no device, where opening does something.
                self.range()?;
                let own = reopen(self.fd, OFlags::RDONLY | OFlags::NONBLOCK)
                    .map_err(|errno| Cause::Os(errno.into()))?;
                Lease::take(own, self.fd)?
            }
        };
        let range = self.range_of(&stat)?;
        let region = lease.map(self.fd, &range, self.mode())?;
        let stable = Arc::new(self.assemble(region, range, Guarantee::Lease, Some(lease), None));
        watch::add(&stable, since);
        Ok(stable)
    }

    /// Clause G3, by a clone alone.
    fn cloned(&self) -> Result<Arc<Stable>> {
        let range = self.range()?;
        let clone = snapshot::clone_of(self.fd, &range)?;
        let start = clone.start() + range.lead() as u64;
        let same = PageRange::new(range.page(), start, range.len() as u64).map_err(Cause::Range)?;
        let region = Region::map(clone.as_fd(), &same, 0, self.mode()).map_err(Cause::Os)?;
        let anchor = Some(self.anchor(&range)?);
        Ok(Arc::new(self.assemble(region, range, Guarantee::Snapshot, None, anchor)))
    }

    /// Clause G4.
    fn copied(&self) -> Result<Arc<Stable>> {
        let range = self.range()?;
        room::in_memory(range.map_len() as u64)?;
        let mode = Mode { access: Access::ReadWrite, ..self.mode() };
        let region = Region::anonymous(range.len(), range.lead(), mode).map_err(Cause::Os)?;
        // SAFETY: clause G4: fresh anonymous pages that nobody else knows yet.
        let bytes = unsafe { std::slice::from_raw_parts_mut(region.as_ptr(), region.len()) };
        let done = read_full(self.fd, range.offset(), bytes).map_err(Cause::Os)?;
        if done < bytes.len() {
            let len = range.offset() + done as u64;
            return Err(Cause::Truncated { offset: len, len });
        }
        let anchor = Some(self.anchor(&range)?);
        Ok(Arc::new(self.assemble(region, range, Guarantee::Copied, None, anchor)))
    }

    /// Whether the descriptor may be one that the process began with: those are not closed on exec. A shell may have it, too, and
    /// keep a lease that is left on it.
    fn is_inherited(&self) -> bool {
        !rustix::io::fcntl_getfd(self.fd).is_ok_and(|flags| flags.contains(FdFlags::CLOEXEC))
    }

    /// Whether one more descriptor would make it more than half of those that the process may have: it needs the others.
    fn nears_the_limit(&self) -> bool {
        let number = usize::try_from(self.fd.as_raw_fd()).unwrap_or(0);
        let taken = number.max(watch::count());
        taken >= FEW
            && rustix::process::getrlimit(Resource::Nofile)
                .current
                .is_some_and(|limit| taken as u64 >= limit / 2)
    }

    /// The bytes, within the file's length as it is now.
    fn range(&self) -> Result<PageRange> {
        self.range_of(&rustix::fs::fstat(self.fd).map_err(|errno| Cause::Os(errno.into()))?)
    }

    fn range_of(&self, stat: &Stat) -> Result<PageRange> {
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Cause::NotMappable("it is not a regular file"));
        }
        if page_size_of(stat, self.fd) != PageSize::base() {
            return Err(unsupported("it is on hugetlbfs"));
        }
        let (offset, limit) = (self.terms.offset, u64::try_from(stat.st_size).unwrap_or(0));
        let past_end = |end| Cause::Range(RangeError::PastEnd { end, limit });
        let len = match self.terms.len {
            Some(len) => len as u64,
            None => limit.checked_sub(offset).ok_or_else(|| past_end(offset))?,
        };
        let range = PageRange::new(PageSize::base(), offset, len).map_err(Cause::Range)?;
        let end = range.file_range().end;
        match range.len() {
            0 => Err(unsupported("an empty range needs none")),
            _ if end > limit => Err(past_end(end)),
            _ => Ok(range),
        }
    }

    /// The file's first page of `range`, to follow it from there.
    fn anchor(&self, range: &PageRange) -> Result<Region> {
        anchor(self.fd, range, self.terms.live)
    }

    fn mode(&self) -> Mode {
        let access = match self.terms.purpose {
            Purpose::Frozen => Access::Read,
            Purpose::Private => Access::ReadWrite,
        };
        Mode { access, sharing: Sharing::Private, no_reserve: self.terms.no_reserve }
    }

    fn assemble(
        &self,
        region: Region,
        range: PageRange,
        guarantee: Guarantee,
        lease: Option<Lease>,
        anchor: Option<Region>,
    ) -> Stable {
        let span = Span {
            base: region.base().addr(),
            len: region.map_len(),
            page: region.page(),
            access: region.access(),
        };
        let has_file = guarantee != Guarantee::Copied;
        let entry = has_file.then(|| Entry::of(span, Touch::Slices, self.terms.answer));
        Stable {
            region: ManuallyDrop::new(region),
            entry,
            lease,
            base: Mutex::new(None),
            guarantee: AtomicU8::new(guarantee.bit().bits()),
            lost: AtomicBool::new(false),
            cause: OnceLock::new(),
            purpose: self.terms.purpose,
            loss: Loss::LetGo(self.terms.answer),
            live: Some(self.terms.live),
            anchor: Mutex::new(anchor),
            lock: Mutex::new(None),
            origin: Origin { path: None, range },
        }
    }
}

/// One page of a file as it is, at the start of `range`. It is never touched, and holds the file without a descriptor.
fn anchor(fd: BorrowedFd<'_>, range: &PageRange, live: Mode) -> Result<Region> {
    let page = PageRange::new(range.page(), range.map_offset(), range.page().bytes() as u64)
        .map_err(Cause::Range)?;
    Region::map(fd, &page, 0, live).map_err(Cause::Os)
}

impl Stable {
    /// Keep hold of the file of `lease`, which the pages show no more, for [`Stable::take_apart`].
    pub(crate) fn drop_anchor(&self, lease: &Lease) {
        if let Some(live) = self.live
            && let Ok(fd) = lease.descriptor()
            && let Ok(region) = anchor(fd, &self.origin.range, live)
            && lease.descriptor().is_ok()
        {
            *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = Some(region);
        }
    }

    /// Let go of the file again: what the lease was taken through must not stay open.
    pub(crate) fn weigh_anchor(&self) {
        *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the pages can follow the file again. Not where somebody closed its descriptor before they became a copy of it.
    pub(crate) fn has_file(&self) -> bool {
        self.guarantee() == Guarantee::Lease
            || self.anchor.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// What it is made of. The guarantee ends.
    pub(crate) fn take_apart(stable: Arc<Self>) -> Apart {
        let mut stable = stable;
        let mut alone = loop {
            match Arc::try_unwrap(stable) {
                Ok(alone) => break alone,
                Err(shared) if shared.lease().is_some_and(|lease| !lease.is_own()) => {
                    return Self::take_from_the_dead(shared);
                }
                // The watcher is at work on it.
                Err(shared) => {
                    stable = shared;
                    std::thread::yield_now();
                }
            }
        };
        let guarantee = alone.guarantee();
        let lost = alone.entry.as_ref().and_then(Entry::poisoned_at);
        let anchor = alone.anchor.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let mode =
            Mode { access: alone.region.access(), sharing: Sharing::Private, no_reserve: false };
        let nothing = Region::empty(PageSize::base(), mode);
        let region = core::mem::replace(&mut *alone.region, nothing);
        Apart { region, anchor, lost, guarantee }
    }
}

impl Stable {
    /// In a child of fork(2), where the parent's watcher had `stable` at that time: its reference is never given up.
    fn take_from_the_dead(stable: Arc<Self>) -> Apart {
        let stable = ManuallyDrop::new(stable);
        let guarantee = stable.guarantee();
        let anchor = stable.anchor.try_lock().ok().and_then(|mut anchor| anchor.take());
        // SAFETY: clause T4: no other thread of the child looks at more than the lease of what is its parent's, and this reference
        // is never given up either, so that nothing is dropped twice.
        let region = unsafe { core::ptr::read(&raw const *stable.region) };
        // SAFETY: clause T4: as above.
        let entry = unsafe { core::ptr::read(&raw const stable.entry) };
        let lost = entry.as_ref().and_then(Entry::poisoned_at);
        drop(entry);
        Apart { region, anchor, lost, guarantee }
    }
}

/// What a [`Stable`] was made of.
pub(crate) struct Apart {
    /// Its pages.
    pub(crate) region: Region,
    /// One page of the file, where those show a copy of it.
    pub(crate) anchor: Option<Region>,
    /// The lowest page that zeros took the place of, in bytes from the first.
    pub(crate) lost: Option<usize>,
    /// What kept the bytes.
    pub(crate) guarantee: Guarantee,
}

fn unsupported(why: &'static str) -> Cause {
    Cause::Unsupported(Cow::Borrowed(why))
}
