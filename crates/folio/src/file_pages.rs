//! What of an open file is in the page cache, without the caller mapping it.
//!
//! cachestat(2) counts the pages of any range at the price of those that are cached, so a sparse file of a terabyte costs
//! nothing; it is asked first. Which pages they are is told by mincore(2) alone, a byte per page and only through a
//! mapping, so it is asked about the windows that are neither wholly cached nor wholly absent ([`PageRuns`]). What
//! lies in holes comes from lseek(2), how large the folios behind the pages are from /proc ([`Folios`]).

mod folios;
mod runs;
mod steer;
mod warm;

use core::ops::{Range, RangeBounds};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use crate::bounds::FileRange;
use crate::error::{Cause, Error, Result};
use crate::page::PageSize;
use crate::residency::{CacheCounts, WhyUnknown, why_unknown};
use crate::source::{named, page_size_of};
use crate::sys::block;

pub use folios::Folios;
pub use runs::{PageRun, PageRuns, PageState};
pub use steer::{Evicted, LockedPages};
pub use warm::Warming;

/// The pages of an open regular file or block device: how many are in the page cache, and which.
///
/// It maps nothing for the caller, reads nothing in, and does not move the file's offset. The file may change
/// meanwhile: each answer is of the moment, and of the length that was seen last ([`len`](Self::len)).
///
/// ```
/// use folio::{ErrorKind, FilePages};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// std::fs::write(&path, vec![1; 1 << 20])?;
/// let file = std::fs::File::open(&path)?;
/// let pages = FilePages::of(&file)?;
/// let counts = pages.counts(..)?;
/// assert_eq!((counts.cached, counts.pages), (256, 256)); // it was just written
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FilePages<'fd> {
    fd: BorrowedFd<'fd>,
    kind: Kind,
    len: u64,
    /// Of 512 bytes each, when the length was seen.
    blocks: u64,
    why_unknown: OnceLock<Option<WhyUnknown>>,
}

/// Whose pages they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Regular,
    BlockDevice,
    /// A file of hugetlbfs. Its pages are in memory from their allocation on, and no call tells which are.
    Hugetlb,
}

/// How many pages of a range are in the page cache, and in what state.
///
/// ```
/// use folio::FilePages;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 1 << 20])?;
/// let file = std::fs::File::open(&path)?;
/// let counts = FilePages::of(&file)?.counts(..10)?; // a page that is touched counts as a whole
/// assert_eq!((counts.pages, counts.cached), (1, 1));
/// let percent = 100 * counts.cached / counts.pages.max(1); // an empty range has no pages
/// println!("{percent} % is in memory");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageCounts {
    /// The pages that the range touches, of [`FilePages::page_size`].
    pub pages: u64,
    /// Those in the page cache. With blocks smaller than a page, one of which only a part was ever written is among them,
    /// though mincore(2) does not call it resident before the rest was read.
    pub cached: u64,
    /// What cachestat(2) tells beyond that, from Linux 6.5 on; not of files on an overlay.
    pub states: Option<StateCounts>,
}

/// In what state cached pages are, and how many were cached before; cachestat(2).
///
/// ```
/// use folio::FilePages;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 1 << 20])?;
/// let file = std::fs::File::open(&path)?;
/// let pages = FilePages::of(&file)?;
/// pages.sync()?;
/// if let Some(states) = pages.counts(..)?.states {
///     assert_eq!((states.dirty, states.writeback), (0, 0)); // nothing that an eviction would have to leave
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateCounts {
    /// Changed, and not yet written to the device.
    pub dirty: u64,
    /// Being written to the device.
    pub writeback: u64,
    /// Evicted; the kernel forgets evictions after a while. On tmpfs: swapped out.
    pub evicted: u64,
    /// Evicted so shortly ago that the page would have stayed if there were a little more memory.
    pub recently_evicted: u64,
}

impl<'fd> FilePages<'fd> {
    /// The pages of the file that is open as `file`.
    ///
    /// ```
    /// use folio::{ErrorKind, FilePages};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// assert_eq!(FilePages::of(&file)?.len(), 5);
    /// let (pipe, _) = std::io::pipe()?;
    /// assert_eq!(FilePages::of(&pipe).unwrap_err().kind(), ErrorKind::NotMappable);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// * [`NotMappable`](crate::ErrorKind::NotMappable): a directory, pipe, socket or character device, which has no pages.
    /// * What the kernel answers to fstat(2).
    pub fn of(file: &'fd impl AsFd) -> Result<Self> {
        Self::of_fd(file.as_fd()).map_err(|error| named(file.as_fd(), error))
    }

    fn of_fd(fd: BorrowedFd<'fd>) -> Result<Self> {
        const OP: &str = "tell the pages of";
        let stat = rustix::fs::fstat(fd).map_err(|errno| Error::os(OP, errno))?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile if page_size_of(&stat, fd) > PageSize::base() => Kind::Hugetlb,
            FileType::RegularFile => Kind::Regular,
            FileType::BlockDevice => Kind::BlockDevice,
            FileType::Directory => return Err(Error::new(OP, no_pages("it is a directory"))),
            FileType::Fifo => return Err(Error::new(OP, no_pages("it is a pipe"))),
            FileType::Socket => return Err(Error::new(OP, no_pages("it is a socket"))),
            FileType::CharacterDevice => {
                return Err(Error::new(OP, no_pages("it is a character device")));
            }
            _ => return Err(Error::new(OP, no_pages("it is not a regular file"))),
        };
        let mut pages = Self { fd, kind, len: 0, blocks: 0, why_unknown: OnceLock::new() };
        pages.see(&stat)?;
        Ok(pages)
    }

    fn see(&mut self, stat: &Stat) -> Result<()> {
        self.blocks = u64::try_from(stat.st_blocks).unwrap_or(0);
        self.len = match self.kind {
            Kind::BlockDevice => block::device_len(self.fd)
                .map_err(|error| Error::os("tell the length of", error))?,
            Kind::Regular | Kind::Hugetlb => u64::try_from(stat.st_size).unwrap_or(0),
        };
        Ok(())
    }

    /// The length of the file in bytes, as it was seen last: when this value was made, or [refreshed](Self::refresh).
    ///
    /// ```
    /// use folio::FilePages;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 100_000])?;
    /// let file = std::fs::File::open(&path)?;
    /// let pages = FilePages::of(&file)?;
    /// assert_eq!(pages.len(), 100_000);
    /// assert_eq!(pages.counts(pages.len() - 1..)?.pages, 1); // the page of the last byte
    /// assert_eq!(pages.counts(pages.len()..)?.pages, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file was empty when its length was seen last.
    ///
    /// ```
    /// use folio::FilePages;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// let file = std::fs::File::create(&path)?;
    /// let pages = FilePages::of(&file)?;
    /// assert!(pages.is_empty());
    /// assert_eq!(pages.runs(..)?.count(), 0); // no pages, and no error
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Look at the file's length again, and give it, in bytes.
    ///
    /// ```
    /// use folio::FilePages;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// let file = std::fs::File::create(&path)?;
    /// let mut pages = FilePages::of(&file)?;
    /// file.set_len(10_000)?;
    /// assert_eq!(pages.len(), 0); // as it was seen last, and so for every range
    /// assert_eq!(pages.refresh()?, 10_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What the kernel answers to fstat(2).
    pub fn refresh(&mut self) -> Result<u64> {
        let stat = rustix::fs::fstat(self.fd)
            .map_err(|errno| named(self.fd, Error::os("tell the length of", errno)))?;
        self.see(&stat).map_err(|error| named(self.fd, error))?;
        Ok(self.len)
    }

    /// The bytes that the file system has given the file, when its length was seen last: fewer than [`len`](Self::len)
    /// where the file has holes or is compressed. 0 for a block device.
    ///
    /// ```
    /// use folio::FilePages;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// let file = std::fs::File::create(&path)?;
    /// file.set_len(1 << 30)?; // a hole
    /// let pages = FilePages::of(&file)?;
    /// assert!(pages.allocated() < pages.len()); // it is sparse
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn allocated(&self) -> u64 {
        self.blocks.saturating_mul(512)
    }

    /// The size of the pages that are counted: always the base page, also where the page cache holds larger folios.
    ///
    /// ```
    /// use folio::FilePages;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 100_000])?;
    /// let file = std::fs::File::open(&path)?;
    /// let pages = FilePages::of(&file)?;
    /// let bytes = pages.counts(..)?.cached * pages.page_size().bytes() as u64;
    /// assert!(bytes >= pages.len()); // just written; the last page is whole in memory
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn page_size(&self) -> PageSize {
        PageSize::base()
    }

    /// Why the kernel would not tell which pages are in memory, if it would not. It is asked once.
    ///
    /// To a caller who neither owns the file nor may write it mincore(2) calls every page resident, and cachestat(2), since
    /// its permissions are checked, refuses (`can_do_mincore` of mm/mincore.c, `can_do_cachestat` of mm/filemap.c).
    ///
    /// ```
    /// use folio::FilePages;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// let pages = FilePages::of(&file)?;
    /// match pages.why_unknown() {
    ///     Some(why) => println!("the kernel does not say: {why:?}"),
    ///     None => println!("{} pages are in memory", pages.counts(..)?.cached),
    /// }
    /// # assert_eq!(pages.why_unknown(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn why_unknown(&self) -> Option<WhyUnknown> {
        *self.why_unknown.get_or_init(|| why_unknown(self.fd))
    }

    /// Count the pages that `range`, in bytes, touches; what of it lies past the end of the file has none.
    ///
    /// One system call, whose time grows with the number of cached pages alone; before Linux 6.5, and on overlays, a byte is
    /// read for each page of the range, cached or not.
    ///
    /// ```
    /// use folio::{ErrorKind, FilePages};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 1 << 20])?;
    /// let file = std::fs::File::open(&path)?;
    /// let pages = FilePages::of(&file)?;
    /// let page = pages.page_size().bytes() as u64;
    /// assert_eq!(pages.counts(page - 1..=page)?.pages, 2); // two bytes, in two pages
    /// assert_eq!(pages.counts(2 << 20..)?.pages, 0); // past the end of the file
    /// assert_eq!(pages.counts(7..5).unwrap_err().kind(), ErrorKind::OutOfRange);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// * [`PermissionDenied`](crate::ErrorKind::PermissionDenied): the kernel tells these numbers only to who owns the file or
    ///   may write it; [`why_unknown`](Self::why_unknown) says more.
    /// * [`OutOfRange`](crate::ErrorKind::OutOfRange): the range is reversed or does not fit signed 64-bit offsets.
    /// * [`Unsupported`](crate::ErrorKind::Unsupported): a part of a file on hugetlbfs, which tells only how much there is in all.
    pub fn counts(&self, range: impl RangeBounds<u64>) -> Result<PageCounts> {
        const OP: &str = "count the cached pages of";
        let range = self.within(OP, &range)?;
        let pages = self.pages_of(&range);
        if pages == 0 {
            let states = Some(StateCounts::default());
            return Ok(PageCounts { pages, cached: 0, states });
        }
        if self.kind == Kind::Hugetlb {
            return self.hugetlb_counts(OP, range);
        }
        match CacheCounts::of(self.fd, range.clone()) {
            Ok(counts) => {
                Ok(PageCounts { pages, cached: counts.cached, states: Some(counts.states) })
            }
            Err(error) if error.kind() == crate::ErrorKind::Unsupported => {
                let mut cached = 0;
                for run in self.runs(range)? {
                    let run = run?;
                    if run.state == PageState::Resident {
                        cached += self.pages_of(&run.range);
                    }
                }
                Ok(PageCounts { pages, cached, states: None })
            }
            Err(error) => Err(error),
        }
    }

    /// Of hugetlbfs: the pages that were allocated are in memory.
    fn hugetlb_counts(&self, op: &'static str, range: Range<u64>) -> Result<PageCounts> {
        if range != (0..self.len) {
            let why = "hugetlbfs does not tell which pages of a file there are";
            return Err(named(self.fd, Error::new(op, Cause::Unsupported(why.into()))));
        }
        let pages = self.pages_of(&range);
        let cached = (self.allocated() / self.page_size().bytes() as u64).min(pages);
        Ok(PageCounts { pages, cached, states: None })
    }

    /// The runs of pages in one state that cover `range`, in bytes, from its start to its end or that of the file: which
    /// are resident, which absent, which in a hole.
    ///
    /// Memory is bounded whatever the size of the file. A range that is wholly cached or wholly absent costs one system call,
    /// and so does each part that is found to be so.
    ///
    /// ```
    /// use std::os::unix::fs::FileExt;
    /// use folio::{FilePages, PageState};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// let file = std::fs::File::options().read(true).write(true).create_new(true).open(&path)?;
    /// file.set_len(100 << 30)?; // a hole
    /// file.write_at(b"hello", 50 << 30)?;
    /// let pages = FilePages::of(&file)?;
    /// let runs = pages.runs(..)?.collect::<Result<Vec<_>, _>>()?;
    /// assert!(runs.iter().any(|run| run.state == PageState::Resident && run.range.start == 50 << 30));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`counts`](Self::counts), here and from the iterator; from it also what the kernel answers to mmap(2), such as
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) where pages have to be told apart of a file that is not open
    /// for reading.
    pub fn runs(&self, range: impl RangeBounds<u64>) -> Result<PageRuns<'_>> {
        const OP: &str = "tell the residency of";
        let range = self.within(OP, &range)?;
        if self.kind == Kind::Hugetlb && !range.is_empty() {
            let why = "hugetlbfs does not tell which pages of a file there are";
            return Err(named(self.fd, Error::new(OP, Cause::Unsupported(why.into()))));
        }
        if !range.is_empty() && self.why_unknown().is_some() {
            return Err(named(self.fd, Error::os(OP, Errno::PERM)));
        }
        Ok(PageRuns::new(self, range, runs::Counts::Cachestat))
    }

    /// The part of `range` that the file has, in bytes.
    pub(crate) fn within(
        &self,
        op: &'static str,
        range: &impl RangeBounds<u64>,
    ) -> Result<Range<u64>> {
        let range = FileRange::new(op, range).map_err(|error| named(self.fd, error))?;
        let end = range.end().unwrap_or(self.len).min(self.len);
        Ok(range.start().min(end)..end)
    }

    /// How many pages `range` touches.
    pub(crate) fn pages_of(&self, range: &Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let page = self.page_size();
        let page_bytes = page.bytes() as u64;
        (page.floor(range.end - 1) - page.floor(range.start)) / page_bytes + 1
    }

    /// The descriptor that was given.
    pub(crate) fn fd(&self) -> BorrowedFd<'fd> {
        self.fd
    }
}

fn no_pages(what: &'static str) -> Cause {
    Cause::NotMappable(what)
}
