//! The ladder: ways to come by stable bytes, each of which makes one guarantee hold before it maps.

use std::borrow::Cow;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU8};
use std::sync::{Arc, Mutex, OnceLock};
use std::{io, mem::ManuallyDrop};

use rustix::fs::{OFlags, SealFlags};

use super::{Base, Origin, Slice, SliceMut, Stable, read_full};
use crate::error::{Cause, Error, Result};
use crate::filesystem::why_lease_proves_nothing;
use crate::guarantee::{Guarantee, Guarantees};
use crate::options::{HugePages, MapOptions};
use crate::page::{PageRange, PageSize};
use crate::room;
use crate::snapshot;
use crate::source::{Ownership, Source, reopen};
use crate::sys::fault::{Entry, Touch};
use crate::sys::lease::{Lease, watch};
use crate::sys::region::{Access, Mode, Region, Sharing};

/// Up to this length a `Frozen` is copied to ordinary memory rather than mapped, where copying is allowed at all: a
/// lease, a mapping and the first faults cost more than the copy. Measured: `benches/frozen.rs`, docs/benchmarks.md.
const CHEAPER_TO_COPY: usize = 8 * 1024;

/// Who will use the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Nobody changes them.
    Frozen,
    /// Their owner changes them, in memory.
    Private,
}

/// Bytes with the face that fits their purpose.
pub(crate) trait Face: Sized {
    const PURPOSE: Purpose;
    fn of(stable: Arc<Stable>) -> Self;
}

impl Face for Slice {
    const PURPOSE: Purpose = Purpose::Frozen;
    fn of(stable: Arc<Stable>) -> Self {
        Self::new(stable)
    }
}

impl Face for SliceMut {
    const PURPOSE: Purpose = Purpose::Private;
    fn of(stable: Arc<Stable>) -> Self {
        Self::new(stable)
    }
}

/// The bytes of `source` that `options` ask for, under the first of the allowed guarantees that can be had.
pub(crate) fn acquire<F: Face>(source: &Source, options: &MapOptions) -> Result<F> {
    let range = source.range(options)?;
    let origin = Origin { path: source.path().map(Path::to_owned), range };
    let wish = Wish { source, options, origin, purpose: F::PURPOSE };
    if options.guarantees.is_empty() {
        let why = "no guarantee is allowed, so that none can be had";
        return Err(source.name(Error::new("map", Cause::InvalidInput(why.into()))));
    }
    let stable = wish.climb().map_err(|error| source.name(error).with_range(range.file_range()))?;
    Ok(F::of(stable))
}

/// `len` bytes of zeros for one owner.
pub(crate) fn anonymous(len: u64, options: &MapOptions) -> Result<SliceMut> {
    let range =
        PageRange::new(PageSize::base(), 0, len).map_err(|error| Error::range("map", error))?;
    let mode = Mode {
        access: Access::ReadWrite,
        sharing: Sharing::Private,
        no_reserve: options.no_reserve,
    };
    let region =
        Region::anonymous(range.len(), 0, mode).map_err(|error| Error::os("map", error))?;
    let origin = Origin { path: None, range };
    let stable =
        Stable::assemble(region, Guarantee::Copied, Purpose::Private, options, origin, None, None);
    Ok(SliceMut::of(Arc::new(stable.prepared(options)?)))
}

/// What is wished for.
struct Wish<'a> {
    source: &'a Source,
    options: &'a MapOptions,
    origin: Origin,
    purpose: Purpose,
}

impl Wish<'_> {
    fn climb(&self) -> Result<Arc<Stable>> {
        let allowed = self.options.guarantees;
        if self.is_cheaper_to_copy() {
            return self.copied().map(Arc::new).map_err(|cause| Error::new("map", cause));
        }
        let mut attempts = Vec::new();
        for guarantee in
            [Guarantee::Sealed, Guarantee::Lease, Guarantee::Snapshot, Guarantee::Copied]
        {
            if !allowed.contains(guarantee.bit()) {
                continue;
            }
            let attempt = match guarantee {
                Guarantee::Sealed => self.sealed().map(Arc::new),
                Guarantee::Lease => self.lease(),
                Guarantee::Snapshot => self.snapshot().map(Arc::new),
                Guarantee::Copied => self.copied().map(Arc::new),
            };
            match attempt {
                Ok(stable) => return Ok(stable),
                // Not the guarantee's fault: the next rung would answer the same.
                Err(cause @ (Cause::Truncated { .. } | Cause::InvalidInput(_))) => {
                    return Err(Error::new("map", cause));
                }
                Err(cause) => attempts.push((guarantee, Error::new("map", cause))),
            }
        }
        Err(Error::new("map", Cause::NoGuarantee(attempts)))
    }

    fn range(&self) -> &PageRange {
        &self.origin.range
    }

    fn is_cheaper_to_copy(&self) -> bool {
        let options = self.options;
        self.purpose == Purpose::Frozen
            && options.guarantees.contains(Guarantees::COPIED)
            && !options.asks_for_pages()
            && self.range().len() <= CHEAPER_TO_COPY
    }

    fn mode(&self) -> Mode {
        let access = match self.purpose {
            Purpose::Frozen => Access::Read,
            Purpose::Private => Access::ReadWrite,
        };
        Mode { access, sharing: Sharing::Private, no_reserve: self.options.no_reserve }
    }

    /// Clause G1.
    fn sealed(&self) -> core::result::Result<Stable, Cause> {
        let needed = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW;
        match rustix::fs::fcntl_get_seals(self.source) {
            Ok(seals) if seals.contains(needed) => {}
            // A memfd, or a file of a tmpfs, which has seals as well, though nobody can add any.
            Ok(_) => {
                return Err(unsupported("it is not sealed against writing, shrinking and growing"));
            }
            Err(_) => return Err(unsupported("it is not a memfd")),
        }
        let region = self.map_file(self.source.as_fd())?;
        let base = match self.purpose {
            Purpose::Frozen => None,
            Purpose::Private => Some(Base::new(duplicate(self.source)?, self.range().map_offset())),
        };
        self.finish(region, Guarantee::Sealed, base)
    }

    /// Clause G2.
    fn lease(&self) -> core::result::Result<Arc<Stable>, Cause> {
        if self.range().len() == 0 {
            return Err(unsupported("an empty range needs none"));
        }
        match why_lease_proves_nothing(self.source.as_fd()) {
            Ok(None) => {}
            Ok(Some(why)) => return Err(Cause::Unsupported(why.into())),
            Err(errno) => return Err(Cause::Os(errno.into())),
        }
        room::to_keep(self.source.as_fd(), self.range().map_len() as u64)?;
        let fd = match self.source.ownership() {
            Ownership::Own => duplicate(self.source)?,
            // A lease belongs to the description, and so must the right to give it up.
            Ownership::Duplicate => reopen(self.source.as_fd(), OFlags::RDONLY | OFlags::NONBLOCK)
                .map_err(|errno| Cause::Os(errno.into()))?,
        };
        let since = watch::now();
        let (lease, now) = Lease::take(fd, self.source.as_fd())?;
        // It may have been truncated between the look at its length and the lease.
        let end = self.range().file_range().end;
        let len = u64::try_from(now.st_size).unwrap_or(0);
        if len < end {
            return Err(Cause::Truncated { offset: len.max(self.range().offset()), len });
        }
        let region = lease.map(self.source.as_fd(), self.range(), self.mode())?;
        // SAFETY: clause G8: inaccessible in a child of fork(2) rather than unguarded.
        unsafe { region.madvise(region.whole(), libc::MADV_DONTFORK) }.map_err(Cause::Os)?;
        let stable = Arc::new(self.assemble(region, Guarantee::Lease, Some(lease), None).entered());
        // Before pages are populated or locked: that can take longer than the kernel holds a writer back.
        watch::add(&stable, since);
        stable.prepare(self.options).map_err(Error::into_cause)?;
        Ok(stable)
    }

    /// Clause G3.
    fn snapshot(&self) -> core::result::Result<Stable, Cause> {
        let snapshot = self.undisturbed(|| snapshot::take(self.source.as_fd(), self.range()))?;
        let region = self.map_snapshot(&snapshot)?;
        let base = match self.purpose {
            Purpose::Frozen => None,
            Purpose::Private => Some(snapshot.into_base()?),
        };
        self.finish(region, Guarantee::Snapshot, base)
    }

    /// Clause G4; for a `Private`, a sealed memfd, so that only what is changed is in memory twice.
    fn copied(&self) -> core::result::Result<Stable, Cause> {
        room::in_memory(self.range().map_len() as u64)?;
        match self.purpose {
            Purpose::Frozen => self.undisturbed(|| self.copy_to_pages()),
            Purpose::Private => {
                let copy = self
                    .undisturbed(|| snapshot::copy_to_memory(self.source.as_fd(), self.range()))?;
                let region = self.map_snapshot(&copy)?;
                self.finish(region, Guarantee::Copied, Some(copy.into_base()?))
            }
        }
    }

    /// Make a copy during which nobody changed the original: one taken while somebody writes can be neither the old
    /// content nor the new. After some tries, as it comes.
    fn undisturbed<T>(
        &self,
        copy: impl Fn() -> core::result::Result<T, Cause>,
    ) -> core::result::Result<T, Cause> {
        const TRIES: usize = 4;
        let mut before = self.source.as_opened();
        for _ in 1..TRIES {
            let made = copy()?;
            let after = self.source.as_it_is().map_err(|errno| Cause::Os(errno.into()))?;
            if after == before {
                return Ok(made);
            }
            before = after;
        }
        copy()
    }

    fn copy_to_pages(&self) -> core::result::Result<Stable, Cause> {
        let range = self.range();
        let mode = Mode { access: Access::ReadWrite, ..self.mode() };
        let region = Region::anonymous(range.len(), range.lead() % PageSize::base().bytes(), mode)
            .map_err(Cause::Os)?;
        if range.len() > CHEAPER_TO_COPY {
            region.huge_pages(HugePages::Advise).or_else(no_huge_pages).map_err(Cause::Os)?;
        }
        // SAFETY: clause G4: fresh anonymous pages that nobody else knows yet.
        let bytes = unsafe { std::slice::from_raw_parts_mut(region.as_ptr(), region.len()) };
        self.read_all(bytes)?;
        self.finish(region, Guarantee::Copied, None)
    }

    fn read_all(&self, bytes: &mut [u8]) -> core::result::Result<(), Cause> {
        let done =
            read_full(self.source.as_fd(), self.range().offset(), bytes).map_err(Cause::Os)?;
        if done < bytes.len() {
            let len = self.range().offset() + done as u64;
            return Err(Cause::Truncated { offset: len, len });
        }
        Ok(())
    }

    fn map_file(&self, fd: std::os::fd::BorrowedFd<'_>) -> core::result::Result<Region, Cause> {
        Region::map(fd, self.range(), 0, self.mode()).map_err(Cause::Os)
    }

    fn map_snapshot(&self, snapshot: &snapshot::Snapshot) -> core::result::Result<Region, Cause> {
        let start = snapshot.start() + self.range().lead() as u64;
        let range = PageRange::new(self.range().page(), start, self.range().len() as u64)
            .map_err(Cause::Range)?;
        Region::map(snapshot.as_fd(), &range, 0, self.mode()).map_err(Cause::Os)
    }

    fn finish(
        &self,
        region: Region,
        guarantee: Guarantee,
        base: Option<Base>,
    ) -> core::result::Result<Stable, Cause> {
        let stable = self.assemble(region, guarantee, None, base);
        stable.prepared(self.options).map_err(Error::into_cause)
    }

    fn assemble(
        &self,
        region: Region,
        guarantee: Guarantee,
        lease: Option<Lease>,
        base: Option<Base>,
    ) -> Stable {
        let origin = self.origin.clone();
        Stable::assemble(region, guarantee, self.purpose, self.options, origin, lease, base)
    }
}

impl Stable {
    fn assemble(
        region: Region,
        guarantee: Guarantee,
        purpose: Purpose,
        options: &MapOptions,
        origin: Origin,
        lease: Option<Lease>,
        base: Option<Base>,
    ) -> Self {
        Self {
            region: ManuallyDrop::new(region),
            entry: None,
            lease,
            base: Mutex::new(base),
            guarantee: AtomicU8::new(guarantee.bit().bits()),
            lost: AtomicBool::new(false),
            cause: OnceLock::new(),
            purpose,
            loss: options.on_loss.into(),
            live: None,
            anchor: Mutex::new(None),
            lock: Mutex::new(options.lock),
            origin,
        }
    }

    /// The bytes entered in the handler's table, with what `options` want done at open.
    fn prepared(self, options: &MapOptions) -> Result<Self> {
        let stable = self.entered();
        stable.prepare(options)?;
        Ok(stable)
    }

    /// The bytes entered in the handler's table, where a file stands behind them.
    fn entered(mut self) -> Self {
        let has_file = self.guarantee() != Guarantee::Copied || self.base().is_some();
        if has_file && self.region.map_len() > 0 {
            self.entry = Some(Entry::new(&self.region, Touch::Slices));
        }
        self
    }

    /// Do what `options` want done at open.
    fn prepare(&self, options: &MapOptions) -> Result<()> {
        let asks = options.populate || options.asks_for_pages();
        if self.region.map_len() == 0 || !asks {
            return Ok(());
        }
        self.pages(self.region.whole()).at_open(options)
    }
}

/// MADV_HUGEPAGE is EINVAL where the kernel has no huge pages; then there is nothing to lose.
fn no_huge_pages(error: io::Error) -> io::Result<()> {
    if error.raw_os_error() == Some(libc::EINVAL) { Ok(()) } else { Err(error) }
}

fn unsupported(why: &'static str) -> Cause {
    Cause::Unsupported(Cow::Borrowed(why))
}

fn duplicate(source: &Source) -> core::result::Result<OwnedFd, Cause> {
    rustix::io::fcntl_dupfd_cloexec(source, 0).map_err(|errno| Cause::Os(errno.into()))
}
