//! The pages under a mapping: which are in memory, and how to have them there, keep them there or let them go.
//!
//! Every kind of mapping has a [`Pages`], from its `pages()`. Ranges count in bytes from the start of that mapping (or
//! slice of one); the kernel acts on the whole pages that a range touches.

use core::ops::{Range, RangeBounds};
use std::io;
use std::os::fd::BorrowedFd;

use rustix::process::Resource;
use rustix::thread::CapabilitySet;

use crate::advice::Advice;
use crate::cause::{FaultCause, Touched};
use crate::error::{Cause, Error, Result};
use crate::mapping::Mapping;
use crate::options::{LockPages, MapOptions};
use crate::page::{MemRange, PageSize};
use crate::residency::{CacheCounts, Residency};
use crate::source::path_of;
use crate::sys::region::{Access, Region};
use crate::{Shared, SharedMut};

/// What stands behind the pages of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backing {
    /// A file that others may change, in a shared mapping.
    LiveFile,
    /// A file under a guarantee, in a private mapping that is not stored to. Every page comes from a file, so that one
    /// that is forgotten can be had again.
    StableFile,
    /// A file, in a private mapping that is stored to.
    PrivateFile,
    /// Private memory without a file.
    Memory,
}

/// What pages are faulted in for.
///
/// ```
/// use folio::{MapOptions, PopulateFor};
/// let mut draft = MapOptions::new().len(1 << 20).anonymous_private()?;
/// draft.pages().populate(.., PopulateFor::Write)?; // now, and not one page after the other later
/// draft.fill(7);
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PopulateFor {
    /// Loads.
    Read,
    /// Stores: pages become dirty, holes of a file get their blocks, private pages their copies. No byte changes.
    Write,
}

/// The pages under a mapping, or a slice of one.
///
/// ```
/// use folio::{LockPages, PopulateFor, Residency, Shared};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 1 << 20])?;
/// let map = Shared::open(&path)?;
/// let pages = map.pages();
/// pages.populate(.., PopulateFor::Read)?;
/// match pages.residency(..)? {
///     Residency::Known(resident) => assert_eq!(resident.resident_pages(), resident.pages()),
///     Residency::Unknown(why) => println!("not for us to know: {why}"),
/// }
/// # if pages.lock(0..1, LockPages::OnFault).is_err() { return Ok(()); } // RLIMIT_MEMLOCK is too low
/// pages.lock(0..4096, LockPages::Now)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pages<'a> {
    region: &'a Region,
    /// The part of the region that positions count in.
    part: MemRange,
    file: Option<FileBehind<'a>>,
    backing: Backing,
}

/// The file behind a region.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileBehind<'a> {
    pub(crate) fd: BorrowedFd<'a>,
    /// Where the region's first byte stands in the file.
    pub(crate) offset: u64,
}

/// The first page that could not be had.
struct Missing {
    page: MemRange,
    cause: Cause,
}

/// How much is populated or read ahead at a time, in bytes: one call over a large file would push others out of the
/// page cache before the first byte is used, and could not be interrupted.
const WINDOW: usize = 8 << 20;

impl<'a> Pages<'a> {
    /// The pages of `part` of `region`; `file` may be missing where there is none, or where it is folio's own and closed.
    pub(crate) fn new(
        region: &'a Region,
        part: MemRange,
        file: Option<FileBehind<'a>>,
        backing: Backing,
    ) -> Self {
        Self { region, part, file, backing }
    }

    /// The pages of `part` of a live mapping.
    pub(crate) fn live(mapping: &'a Mapping, part: MemRange) -> Self {
        let file = FileBehind { fd: mapping.fd(), offset: mapping.offset() };
        Self::new(&mapping.region, part, Some(file), Backing::LiveFile)
    }

    /// Do what `options` want of pages that were just mapped, but for populating them: that is done once, at open, and this
    /// again whenever others take their place.
    pub(crate) fn apply(&self, options: &MapOptions) -> Result<()> {
        self.region
            .huge_pages(options.huge_pages)
            .map_err(|error| self.error(Error::os("ask for huge pages of", error), self.part))?;
        if let Some(advice) = options.advice {
            self.advise(.., advice)?;
        }
        match options.lock {
            Some(lock) => self.lock(.., lock),
            None => Ok(()),
        }
    }

    /// [`apply`](Self::apply), and populate them if `options` say so.
    pub(crate) fn at_open(&self, options: &MapOptions) -> Result<()> {
        self.apply(options)?;
        if options.populate { self.populate(.., PopulateFor::Read) } else { Ok(()) }
    }

    /// The size of these pages: the base page, except on hugetlbfs.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// assert_eq!(folio::Shared::open(&path)?.pages().page_size(), folio::PageSize::base());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn page_size(&self) -> PageSize {
        self.region.page()
    }

    /// Which bytes of `range` are in memory now; mincore(2).
    ///
    /// [`Unknown`](Residency::Unknown) where the kernel would call every page resident whether it is or not, because
    /// the caller neither owns the file nor may write it. Pages past the end of the file count as not resident, also
    /// those that the kernel still keeps after a truncation. The answer can be old by the time it is read.
    ///
    /// ```
    /// use folio::{Residency, Shared};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 100_000])?;
    /// let map = Shared::open(&path)?;
    /// let Residency::Known(resident) = map.pages().residency(50_000..)? else { panic!("the file is ours") };
    /// assert_eq!(resident.runs(), [50_000..100_000]); // it was just written
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange).
    pub fn residency(&self, range: impl RangeBounds<usize>) -> Result<Residency> {
        let range = self.part("tell the residency of", &range)?;
        Residency::find(self, range)
    }

    /// How many pages of the file's range are in the page cache, dirty, and being written; cachestat(2), Linux 6.5.
    ///
    /// ```
    /// use folio::{ErrorKind, PageSize, SharedMut};
    /// let page = PageSize::base().bytes();
    /// let memory = SharedMut::anonymous(8 * page)?;
    /// memory.fill(..3 * page, 1)?;
    /// match memory.pages().cache_counts(..) {
    ///     Ok(counts) => assert_eq!(counts.cached, 3), // pages, not bytes
    ///     Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported), // before Linux 6.5
    /// }
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`CacheCounts::of`]; [`Unsupported`](crate::ErrorKind::Unsupported) also for memory without a file.
    pub fn cache_counts(&self, range: impl RangeBounds<usize>) -> Result<CacheCounts> {
        let range = self.part("count the cached pages of", &range)?;
        match (self.file, self.file_range(range)) {
            (Some(file), Some(file_range)) => CacheCounts::of(file.fd, file_range),
            _ => {
                let why = "no file stands behind these pages, or it is open no more";
                Err(self.error(
                    Error::new("count the cached pages of", Cause::Unsupported(why.into())),
                    range,
                ))
            }
        }
    }

    /// Give a hint for the pages that `range` touches; madvise(2).
    ///
    /// ```
    /// use folio::{Advice, ErrorKind, Shared};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 100_000])?;
    /// let map = Shared::open(&path)?;
    /// map.pages().advise(.., Advice::Sequential)?;
    /// map.pages().advise(0..50_000, Advice::DontNeed)?; // the page cache keeps them
    /// assert_eq!(map.load::<u8>(0)?, 1);
    /// let error = map.pages().advise(.., Advice::Mergeable).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Unsupported);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange); [`Unsupported`](crate::ErrorKind::Unsupported) with the reason if this
    /// kernel, file or kind of mapping does not take the hint; [`NoMemory`](crate::ErrorKind::NoMemory).
    pub fn advise(&self, range: impl RangeBounds<usize>, advice: Advice) -> Result<()> {
        match advice {
            Advice::PopulateRead => return self.populate(range, PopulateFor::Read),
            Advice::PopulateWrite => return self.populate(range, PopulateFor::Write),
            _ => {}
        }
        let range = self.part("advise", &range)?;
        self.advise_part(range, advice)
    }

    fn advise_part(&self, range: MemRange, advice: Advice) -> Result<()> {
        let failed = |cause| self.error(Error::new("advise", cause), range);
        let checked = advice.checked(self.backing).map_err(failed)?;
        self.region.advise(range, checked).map_err(|error| failed(advice.explain(error)))
    }

    /// Fault the pages of `range` in, so that later touches cost nothing; 8 MiB at a time. Nothing is promised about how
    /// long they stay: see [`lock`](Self::lock).
    ///
    /// Before Linux 5.14 it touches each page instead, which populates for reading alone.
    ///
    /// ```
    /// use folio::{ErrorKind, PopulateFor, Shared};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 100_000])?;
    /// let map = Shared::open(&path)?;
    /// map.pages().populate(.., PopulateFor::Read)?;
    /// std::fs::File::options().write(true).open(&path)?.set_len(5000)?; // somebody truncates it
    /// let error = map.pages().populate(.., PopulateFor::Read).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Truncated { offset: 8192, len: 5000 });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// * [`OutOfRange`](crate::ErrorKind::OutOfRange)
    /// * [`Truncated`](crate::ErrorKind::Truncated), [`NoSpace`](crate::ErrorKind::NoSpace), [`Io`](crate::ErrorKind::Io):
    ///   a page cannot be had, for this reason. [`bytes_done`](crate::Error::bytes_done) is how much of the range lies
    ///   before it.
    /// * [`Unsupported`](crate::ErrorKind::Unsupported): for writing, on a read-only mapping or before Linux 5.14.
    /// * [`NoMemory`](crate::ErrorKind::NoMemory)
    pub fn populate(&self, range: impl RangeBounds<usize>, access: PopulateFor) -> Result<()> {
        let range = self.part("populate", &range)?;
        if access == PopulateFor::Write && self.region.access() != Access::ReadWrite {
            let why = "the mapping is read-only, so its pages cannot be made ready for stores";
            return Err(self.error(Error::new("populate", Cause::Unsupported(why.into())), range));
        }
        windows(range).try_for_each(|window| {
            self.populate_window(window, access).map_err(|Missing { page, cause }| {
                self.error(Error::new("populate", cause), page)
                    .with_done(page.start() - range.start())
            })
        })
    }

    fn populate_window(
        &self,
        window: MemRange,
        access: PopulateFor,
    ) -> core::result::Result<(), Missing> {
        match self.region.populate(window, access == PopulateFor::Write) {
            Ok(()) => Ok(()),
            Err(error) => match (error.raw_os_error(), access) {
                (Some(libc::EFAULT | libc::EHWPOISON), _) => self.populate_each(window, access),
                (Some(libc::EINVAL), PopulateFor::Read) => self.touch_each(window),
                (Some(libc::EINVAL), PopulateFor::Write) => {
                    let why =
                        "MADV_POPULATE_WRITE came with Linux 5.14, or is refused for these pages";
                    Err(Missing { page: window, cause: Cause::Unsupported(why.into()) })
                }
                _ => Err(Missing { page: window, cause: Cause::Os(error) }),
            },
        }
    }

    /// One of the pages could not be had: find it, so that the error names it. If by now all can be had, all is well.
    #[cold]
    fn populate_each(
        &self,
        window: MemRange,
        access: PopulateFor,
    ) -> core::result::Result<(), Missing> {
        let populate = |page| self.region.populate(page, access == PopulateFor::Write);
        self.pages_of(window).try_for_each(|page| self.insist(page, access, populate))
    }

    /// Load a byte of each page: how to fault pages in before Linux 5.14.
    fn touch_each(&self, window: MemRange) -> core::result::Result<(), Missing> {
        let touch = |page| match self.region.read(page, &mut [0]) {
            0 => Err(io::Error::from_raw_os_error(libc::EFAULT)),
            _ => Ok(()),
        };
        self.pages_of(window).try_for_each(|page| self.insist(page, PopulateFor::Read, touch))
    }

    /// Fault `page` in, and try again where nothing is wrong with it any more: the file was truncated and grew back, or
    /// space was found.
    fn insist(
        &self,
        page: MemRange,
        access: PopulateFor,
        fault_in: impl Fn(MemRange) -> io::Result<()>,
    ) -> core::result::Result<(), Missing> {
        const TRIES: usize = 3;
        for _ in 0..TRIES {
            let Err(error) = fault_in(page) else { return Ok(()) };
            if let Some(cause) = self.why_missing(page, access, error) {
                return Err(Missing { page, cause });
            }
        }
        Err(Missing { page, cause: FaultCause::Passed.into() })
    }

    /// Why `page` cannot be had, where the kernel said `error`; `None` if nothing is wrong any more.
    fn why_missing(&self, page: MemRange, access: PopulateFor, error: io::Error) -> Option<Cause> {
        let is_fault = matches!(error.raw_os_error(), Some(libc::EFAULT | libc::EHWPOISON));
        // Of a private mapping, a store needs the page to read, and then memory: the file is not stored to.
        let touched = match (access, self.backing) {
            (PopulateFor::Write, Backing::LiveFile) => Touched::Store,
            _ => Touched::Load,
        };
        match (self.file, self.file_range(page)) {
            (Some(file), Some(range)) if is_fault => {
                FaultCause::find(file.fd, range, touched).map(Cause::from)
            }
            _ => Some(Cause::Os(error)),
        }
    }

    /// Start to read the pages of `range` in, 8 MiB at a time, and do not wait for them.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 100_000])?;
    /// let map = folio::Shared::open(&path)?;
    /// map.pages().prefetch(20_000..)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`advise`](Self::advise) with [`Advice::WillNeed`].
    pub fn prefetch(&self, range: impl RangeBounds<usize>) -> Result<()> {
        let range = self.part("prefetch", &range)?;
        windows(range).try_for_each(|window| self.advise_part(window, Advice::WillNeed))
    }

    /// Keep the pages that `range` touches in memory: now, or each [from its first touch on](LockPages::OnFault); mlock2(2).
    ///
    /// Locks do not nest and are not counted: one [`unlock`](Self::unlock) undoes any number of them. They end with the
    /// mapping, and a child of fork(2) does not have them. What `RLIMIT_MEMLOCK` allows counts for the whole process.
    ///
    /// When the lease under a `Frozen` or `Private` breaks, other pages take the place of these: a lock that
    /// [`MapOptions::lock`](crate::MapOptions::lock) asked for is set again, one set here and advice given are gone.
    ///
    /// ```
    /// use folio::{LockPages, Shared};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 100_000])?;
    /// let map = Shared::open(&path)?;
    /// # if map.pages().lock(.., LockPages::OnFault).is_err() { return Ok(()); } // RLIMIT_MEMLOCK is too low
    /// map.pages().lock(0..8192, LockPages::OnFault)?;
    /// map.pages().unlock(0..8192)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Nothing is locked that was not before, but a lock that was there on some of the range may be gone.
    /// * [`OutOfRange`](crate::ErrorKind::OutOfRange)
    /// * [`NoMemory`](crate::ErrorKind::NoMemory): more than `RLIMIT_MEMLOCK` allows; the message tells how much is locked and
    ///   what the limit is. Or there is no such memory.
    /// * [`Truncated`](crate::ErrorKind::Truncated), [`NoSpace`](crate::ErrorKind::NoSpace), [`Io`](crate::ErrorKind::Io):
    ///   a page cannot be had.
    pub fn lock(&self, range: impl RangeBounds<usize>, lock: LockPages) -> Result<()> {
        let range = self.part("lock", &range)?;
        let Err(error) = self.region.lock(range, lock) else { return Ok(()) };
        let cause = self.why_not_locked(range, error);
        // The kernel marks the pages as locked before it finds that one cannot be had.
        let _ = self.region.unlock(range);
        Err(self.error(Error::new("lock", cause), range))
    }

    /// Let the pages that `range` touches go out of memory again; munlock(2).
    ///
    /// ```
    /// use folio::{ErrorKind, LockPages, SharedMut};
    /// let memory = SharedMut::anonymous(4096)?;
    /// memory.pages().lock(.., LockPages::Now)?;
    /// memory.pages().lock(.., LockPages::Now)?;
    /// memory.pages().unlock(..)?; // both of them
    /// assert_eq!(memory.pages().unlock(..4097).unwrap_err().kind(), ErrorKind::OutOfRange);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange); [`NoMemory`](crate::ErrorKind::NoMemory) if it would split the mapping
    /// into more pieces than `vm.max_map_count` allows.
    pub fn unlock(&self, range: impl RangeBounds<usize>) -> Result<()> {
        let range = self.part("unlock", &range)?;
        self.region.unlock(range).map_err(|error| self.error(Error::os("unlock", error), range))
    }

    /// mlock(2) answers ENOMEM for a limit, for a page that cannot be had, and for want of memory.
    #[cold]
    fn why_not_locked(&self, range: MemRange, error: io::Error) -> Cause {
        let over_limit = over_limit(range.len());
        let privileged = rustix::thread::capabilities(None)
            .is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
        if let (Some(why), false) = (&over_limit, privileged) {
            return Cause::OverLimit(why.clone().into());
        }
        let missing =
            windows(range).find_map(|window| self.populate_window(window, PopulateFor::Read).err());
        match (missing, over_limit) {
            (Some(missing), _) => missing.cause,
            // A privilege within a user namespace is none here.
            (None, Some(why)) => Cause::OverLimit(why.into()),
            (None, None) => Cause::Os(error),
        }
    }

    /// The bytes of the region that `range` of the part means.
    pub(crate) fn part(
        &self,
        op: &'static str,
        range: &impl RangeBounds<usize>,
    ) -> Result<MemRange> {
        MemRange::within(range, self.part.len())
            .and_then(|range| self.part.part(range.start(), range.len()))
            .map_err(|error| self.name(Error::range(op, error)))
    }

    pub(crate) fn region(&self) -> &'a Region {
        self.region
    }

    pub(crate) fn file(&self) -> Option<FileBehind<'a>> {
        self.file
    }

    /// Where the part begins in the region, in bytes.
    pub(crate) fn start(&self) -> usize {
        self.part.start()
    }

    /// The bytes of the file that `range` of the region shows.
    fn file_range(&self, range: MemRange) -> Option<Range<u64>> {
        let start = self.file?.offset + range.start() as u64;
        Some(start..start + range.len() as u64)
    }

    /// What each page holds of `range`.
    fn pages_of(&self, range: MemRange) -> impl Iterator<Item = MemRange> {
        let (page, lead) = (self.region.page(), self.region.lead());
        let mut at = 0;
        core::iter::from_fn(move || {
            let room = page.bytes() - page.lead((lead + range.start() + at) as u64);
            let len = room.min(range.len() - at);
            let piece = range.part(at, len).ok().filter(|piece| !piece.is_empty());
            at += len;
            piece
        })
    }

    /// The error with the file's name and the bytes of the file that `range` shows.
    #[cold]
    pub(crate) fn error(&self, error: Error, range: MemRange) -> Error {
        let error = self.name(error);
        match self.file_range(range) {
            Some(range) => error.with_range(range),
            None => error,
        }
    }

    fn name(&self, error: Error) -> Error {
        match self.file.and_then(|file| path_of(file.fd)) {
            Some(path) => error.with_path(path),
            None => error,
        }
    }
}

impl Shared {
    /// The pages under it: what is in memory, and advice about it.
    ///
    /// ```
    /// use folio::Residency;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 100_000])?;
    /// let tail = folio::Shared::open(&path)?.slice(90_000..)?;
    /// let Residency::Known(resident) = tail.pages().residency(..)? else { panic!("the file is ours") };
    /// assert_eq!(resident.range(), 0..10_000); // a slice's pages count from the slice
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn pages(&self) -> Pages<'_> {
        Pages::live(self.mapping(), self.mem_range())
    }
}

impl SharedMut {
    /// The pages under it, as it is now: what is in memory, and advice about it.
    ///
    /// Advice and locks for a part of it split the kernel's mapping into pieces.
    ///
    /// ```
    /// use folio::{PopulateFor, SharedMut};
    /// let memory = SharedMut::anonymous(1 << 20)?;
    /// memory.pages().populate(..1 << 16, PopulateFor::Write)?; // the first stores there cost nothing more
    /// memory.fill(..1 << 16, 7)?;
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn pages(&self) -> Pages<'_> {
        Pages::live(self.mapping(), self.mem_range())
    }
}

/// `range` in pieces of at most a window.
fn windows(range: MemRange) -> impl Iterator<Item = MemRange> {
    (0..range.len())
        .step_by(WINDOW)
        .filter_map(move |at| range.part(at, WINDOW.min(range.len() - at)).ok())
}

/// How locking `len` bytes more would pass `RLIMIT_MEMLOCK`, if it would.
fn over_limit(len: usize) -> Option<String> {
    let limit = rustix::process::getrlimit(Resource::Memlock).current?;
    let locked = locked_now();
    (locked.saturating_add(len as u64) > limit).then(|| {
        format!(
            "RLIMIT_MEMLOCK (ulimit -l) allows this process {limit} bytes of locked memory, {locked} are locked, and {len} more are asked for: raise the limit, or give the process CAP_IPC_LOCK"
        )
    })
}

/// How many bytes this process has locked; `VmLck` of /proc/self/status, zero if that cannot be read.
fn locked_now() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
    let kib = line
        .and_then(|line| line.trim().strip_suffix("kB"))
        .and_then(|kib| kib.trim().parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests;
