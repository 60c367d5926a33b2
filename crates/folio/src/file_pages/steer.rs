//! Having the pages of a file in the page cache, letting them go, and keeping them there.
//!
//! Each call says what came of it, because the kernel's own do not: posix_fadvise(2) answers 0 when it evicted nothing, and
//! `POSIX_FADV_WILLNEED` when it read nothing.

use core::num::NonZeroU64;
use core::ops::{Range, RangeBounds};

use rustix::fs::Advice;

use super::warm::Warming;
use super::{FilePages, Kind, PageCounts, named};
use crate::error::{Cause, Error, ErrorKind, Result};
use crate::options::LockPages;
use crate::page::{PageRange, PageSize};
use crate::pages::{Backing, FileBehind, Pages, PopulateFor};
use crate::sys::region::{Access, Mode, Region, Sharing};

/// What was in the page cache of a range before and after it was to be [evicted](FilePages::evict).
///
/// ```
/// use folio::FilePages;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 1 << 20])?;
/// let file = std::fs::File::open(&path)?;
/// let pages = FilePages::of(&file)?;
/// pages.sync()?;
/// let evicted = pages.evict(..)?;
/// if let (Some(before), Some(after)) = (evicted.before, evicted.after) {
///     println!("{} of {} pages stayed", after.cached, before.cached); // all of them on tmpfs
/// }
/// # assert!(evicted.before.is_some() && evicted.after.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evicted {
    /// Before; `None` where the kernel does not tell ([`FilePages::why_unknown`]).
    pub before: Option<PageCounts>,
    /// Afterwards. Pages may have come meanwhile, so this may be more.
    pub after: Option<PageCounts>,
}

impl Evicted {
    /// How many pages fewer there are; `None` where the kernel does not tell.
    ///
    /// ```
    /// use folio::FilePages;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// let file = std::fs::File::create(&path)?;
    /// let evicted = FilePages::of(&file)?.evict(..)?;
    /// assert_eq!(evicted.gone(), Some(0)); // an empty file has no pages; `None` would mean that nobody knows
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn gone(&self) -> Option<u64> {
        Some(self.before?.cached.saturating_sub(self.after?.cached))
    }
}

impl FilePages<'_> {
    /// Read the pages of `range`, in bytes, that are absent into the page cache, a window at each step of the iterator.
    ///
    /// Nothing is read that is resident, and nothing beside the range, so that a few hot ranges can be brought back without
    /// the rest. Holes are passed over: there is nothing to read. Where the kernel does not tell what is resident, every page is
    /// read, which costs little for those that are. Each step waits for its pages, and an I/O error is an error.
    ///
    /// Nothing keeps the pages there: see [`lock`](Self::lock). Whoever warms more than there is memory for pushes out
    /// what others use, so look at [`counts`](Self::counts) between steps.
    ///
    /// ```
    /// use folio::FilePages;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 1 << 20])?;
    /// let file = std::fs::File::open(&path)?;
    /// let pages = FilePages::of(&file)?;
    /// pages.sync()?;
    /// pages.evict(..)?;
    /// for window in pages.warm(4096..)? {
    ///     println!("read {:?}", window?);
    /// }
    /// let counts = pages.counts(4096..)?;
    /// assert_eq!(counts.cached, counts.pages);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](ErrorKind::OutOfRange): the range is reversed or does not fit signed 64-bit offsets.
    /// [`Unsupported`](ErrorKind::Unsupported): hugetlbfs, whose pages are in memory from their allocation on. The
    /// iterator's errors are those of [`runs`](Self::runs), of reading, and [`Truncated`](ErrorKind::Truncated).
    pub fn warm(&self, range: impl RangeBounds<u64>) -> Result<Warming<'_>> {
        Warming::new(self, &range)
    }

    /// Let the clean pages that `range`, in bytes, touches go out of the page cache, and count what went.
    ///
    /// What stays, and is no error: pages that are dirty or being written ([`sync`](Self::sync) first), that anybody has mapped,
    /// locked, or is reading just now, and all of a tmpfs, which has no device to read them from again. A large folio goes as a
    /// whole, so one that the range covers in part stays. One call is enough: the kernel looks again for pages that
    /// were on their way to its lists (`generic_fadvise` of mm/fadvise.c).
    ///
    /// Anybody who may read a file may evict it; but see [`Evicted::after`].
    ///
    /// ```
    /// use folio::{FilePages, Shared};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// let pages = FilePages::of(&file)?;
    /// pages.sync()?; // dirty pages stay
    /// let mapped = Shared::from_file(&file)?;
    /// assert_eq!(mapped.load::<u8>(0)?, b'h');
    /// assert_eq!(pages.evict(..)?.gone(), Some(0)); // and so does what somebody has mapped
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](ErrorKind::OutOfRange) as [`counts`](Self::counts), [`Unsupported`](ErrorKind::Unsupported) on
    /// hugetlbfs, and what posix_fadvise(2) answers, which on regular files and block devices is nothing.
    pub fn evict(&self, range: impl RangeBounds<u64>) -> Result<Evicted> {
        const OP: &str = "evict pages of";
        let range = self.within(OP, &range)?;
        self.has_cache(OP)?;
        let before = self.counts_if_told(&range)?;
        if before.is_some_and(|before| before.cached == 0) {
            return Ok(Evicted { before, after: before });
        }
        let page = self.page_size();
        let start = page.floor(range.start);
        // Up to the end of the last page; a length of zero, which is what `None` is, would be everything.
        let end = page.ceil(range.end).unwrap_or(range.end);
        if let Some(len) = NonZeroU64::new(end - start) {
            rustix::fs::fadvise(self.fd(), start, Some(len), Advice::DontNeed)
                .map_err(|errno| named(self.fd(), Error::os(OP, errno)))?;
        }
        Ok(Evicted { before, after: self.counts_if_told(&range)? })
    }

    /// Write the file's dirty pages to the device and wait for it; fdatasync(2). Clean pages can be evicted.
    ///
    /// Any open mode will do.
    ///
    /// ```
    /// use folio::FilePages;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 1 << 20])?;
    /// let file = std::fs::File::open(&path)?; // though only for reading
    /// let pages = FilePages::of(&file)?;
    /// pages.sync()?;
    /// assert!(pages.counts(..)?.states.is_none_or(|states| states.dirty == 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io), [`NoSpace`](ErrorKind::NoSpace): the device did not take them, or did not some time before; which
    /// bytes it has is not known.
    pub fn sync(&self) -> Result<()> {
        rustix::fs::fdatasync(self.fd()).map_err(|errno| named(self.fd(), Error::os("sync", errno)))
    }

    /// Keep the pages that `range`, in bytes, touches in memory for as long as the value lives: all of them from now on, or each
    /// from its first touch on; mlock2(2).
    ///
    /// They are mapped for that and never touched by this process, so a file that is truncated meanwhile does it no
    /// harm: the pages go, and if the file grows again, the new ones are not read until somebody does.
    ///
    /// ```
    /// use folio::{FilePages, LockPages};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 16384])?;
    /// let file = std::fs::File::open(&path)?;
    /// let pages = FilePages::of(&file)?;
    /// pages.sync()?;
    /// # if pages.lock(.., LockPages::OnFault).is_err() { return Ok(()); } // RLIMIT_MEMLOCK is too low
    /// let locked = pages.lock(.., LockPages::Now)?;
    /// assert_eq!(pages.evict(..)?.gone(), Some(0));
    /// drop(locked); // now they would go, but on tmpfs
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Pages::lock`]; [`TooLarge`](ErrorKind::TooLarge) for more than the address space holds, and
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) if the file is not open for reading.
    pub fn lock(&self, range: impl RangeBounds<u64>, when: LockPages) -> Result<LockedPages> {
        const OP: &str = "lock";
        let range = self.within(OP, &range)?;
        self.has_cache(OP)?;
        let failed = |error| named(self.fd(), error).with_range(range.clone());
        let of_file = PageRange::new(PageSize::base(), range.start, range.end - range.start)
            .map_err(|error| failed(Error::range(OP, error)))?;
        let mode = Mode { access: Access::Read, sharing: Sharing::Shared, no_reserve: true };
        let region = Region::map(self.fd(), &of_file, 0, mode)
            .map_err(|error| failed(Error::new(OP, why_not_mapped(error))))?;
        let locked = LockedPages { region, range };
        locked.mapped(self).lock(.., when)?;
        Ok(locked)
    }

    /// The counts, unless the kernel does not tell them to this process.
    fn counts_if_told(&self, range: &Range<u64>) -> Result<Option<PageCounts>> {
        match self.counts(range.clone()) {
            Ok(counts) => Ok(Some(counts)),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether its pages come and go.
    pub(super) fn has_cache(&self, op: &'static str) -> Result<()> {
        if self.kind != Kind::Hugetlb {
            return Ok(());
        }
        let why =
            "pages of hugetlbfs are in memory from their allocation on, until the file is removed";
        Err(named(self.fd(), Error::new(op, Cause::Unsupported(why.into()))))
    }
}

/// What mmap(2) means by `ENOMEM` where nothing is populated.
fn why_not_mapped(error: std::io::Error) -> Cause {
    match error.raw_os_error() {
        Some(libc::ENOMEM) => {
            let why = "the process has as many mappings as vm.max_map_count allows, or no more addresses (RLIMIT_AS)";
            Cause::OverLimit(why.into())
        }
        _ => Cause::Os(error),
    }
}

/// Pages of a file that are kept in memory; dropping it lets them go. From [`FilePages::lock`].
///
/// ```
/// use folio::{FilePages, LockPages};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"an index")?;
/// let file = std::fs::File::open(&path)?;
/// let pages = FilePages::of(&file)?;
/// match pages.lock(.., LockPages::Now) {
///     Ok(locked) => {
///         assert_eq!(pages.counts(..)?.cached, 1);
///         drop(locked); // it may go now
///     }
///     Err(error) => println!("more than RLIMIT_MEMLOCK allows: {error}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the pages are let go when this is dropped"]
pub struct LockedPages {
    region: Region,
    range: Range<u64>,
}

impl LockedPages {
    /// Where in the file, in bytes.
    ///
    /// ```
    /// use folio::{FilePages, LockPages};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// let pages = FilePages::of(&file)?;
    /// # if pages.lock(.., LockPages::OnFault).is_err() { return Ok(()); } // RLIMIT_MEMLOCK is too low
    /// let locked = pages.lock(2..1000, LockPages::OnFault)?;
    /// assert_eq!(locked.range(), 2..5); // what the file has of it; the whole page is locked
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Have the pages that `range`, in bytes of the file, touches in memory now, where they were locked
    /// [on fault](LockPages::OnFault). What of it was not locked is left alone. `pages` are those of the same file, to find
    /// out why one cannot be had.
    ///
    /// ```
    /// use folio::{FilePages, LockPages};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 16384])?;
    /// let file = std::fs::File::open(&path)?;
    /// let pages = FilePages::of(&file)?;
    /// # if pages.lock(.., LockPages::OnFault).is_err() { return Ok(()); } // RLIMIT_MEMLOCK is too low
    /// let locked = pages.lock(.., LockPages::OnFault)?; // reads nothing in
    /// locked.populate(&pages, 0..100)?; // from now on its page is in memory
    /// assert_eq!(pages.counts(0..100)?.cached, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Truncated`](ErrorKind::Truncated), [`Io`](ErrorKind::Io), [`NoSpace`](ErrorKind::NoSpace): a page cannot be had, for this
    /// reason. [`NoMemory`](ErrorKind::NoMemory).
    pub fn populate(&self, pages: &FilePages<'_>, range: Range<u64>) -> Result<()> {
        let position = |offset: u64| {
            let offset = offset.clamp(self.range.start, self.range.end) - self.range.start;
            usize::try_from(offset).unwrap_or(usize::MAX)
        };
        let (start, end) = (position(range.start), position(range.end));
        self.mapped(pages).populate(start..end.max(start), PopulateFor::Read)
    }

    fn mapped<'a>(&'a self, pages: &FilePages<'a>) -> Pages<'a> {
        let file = FileBehind { fd: pages.fd(), offset: self.range.start };
        Pages::new(&self.region, self.region.whole(), Some(file), Backing::LiveFile)
    }
}
