//! What is in memory, and what cannot be known.
//!
//! mincore(2) and cachestat(2) tell what others have read of a file, so since Linux 5.2 the kernel tells it only to those
//! who own the file or may write it. To others mincore(2) does not refuse: it calls every page resident. folio asks
//! first whether the answer would be true, and says [`Residency::Unknown`] where it would not.

use core::fmt;
use core::ops::{Range, RangeBounds};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Access as Permission, AtFlags, CWD};
use rustix::io::Errno;
use rustix::thread::CapabilitySet;

use crate::bounds::FileRange;
use crate::cause;
use crate::error::{Cause, Error, Result};
use crate::file_pages::StateCounts;
use crate::filesystem::FileSystemType;
use crate::page::{MemRange, PageSize};
use crate::pages::Pages;
use crate::source::{magic_link, named};
use crate::sys::cachestat::{self, Answer};

/// Which bytes of a mapping are in memory, where that can be known.
///
/// ```
/// use folio::{Residency, SharedMut};
/// let memory = SharedMut::anonymous(1 << 20)?;
/// match memory.pages().residency(..)? {
///     Residency::Known(resident) => assert_eq!(resident.resident_bytes(), 0), // nothing was stored yet
///     Residency::Unknown(why) => println!("not for us to know: {why}"),
/// }
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Residency {
    /// The kernel tells the truth.
    Known(Resident),
    /// The kernel would call every page resident, whether it is or not.
    Unknown(WhyUnknown),
}

/// Why the kernel does not tell what is in memory: mincore(2) would call every page resident.
///
/// ```
/// use folio::WhyUnknown;
/// let why = WhyUnknown::NeitherOwnerNorWriter { owner: 0, user: 1000 };
/// assert!(why.to_string().starts_with("user 1000 neither owns the file (user 0 does) nor may write it"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyUnknown {
    /// The caller neither owns the file nor may write it.
    NeitherOwnerNorWriter {
        /// The user who owns the file.
        owner: u32,
        /// The user who asked: the effective user of the process.
        user: u32,
    },
    /// Whether the caller may write the file could not be found out: this is the errno(3) of asking.
    CannotTell(i32),
}

/// The resident bytes of a range.
///
/// ```
/// use folio::{PageSize, Residency, SharedMut};
/// let page = PageSize::base().bytes();
/// let memory = SharedMut::anonymous(3 * page)?;
/// memory.store(page, &1_u8)?; // the second of three pages
/// let Residency::Known(resident) = memory.pages().residency(..)? else { panic!("it is ours") };
/// assert_eq!((resident.resident_pages(), resident.pages()), (1, 3));
/// assert_eq!(resident.resident_bytes(), page);
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resident {
    runs: Vec<Range<usize>>,
    range: Range<usize>,
    pages: usize,
    resident_pages: usize,
    page: PageSize,
}

impl Resident {
    /// The resident bytes: ranges of the mapping in ascending order, none of them empty, and none touching the next.
    ///
    /// ```
    /// use folio::{PageSize, Residency, SharedMut};
    /// let page = PageSize::base().bytes();
    /// let memory = SharedMut::anonymous(3 * page)?;
    /// memory.store(page, &1_u8)?; // the second of three pages
    /// let Residency::Known(resident) = memory.pages().residency(..)? else { panic!("it is ours") };
    /// assert_eq!(resident.runs(), [page..2 * page]);
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn runs(&self) -> &[Range<usize>] {
        &self.runs
    }

    /// The range that was asked for.
    ///
    /// ```
    /// use folio::{Residency, SharedMut};
    /// let memory = SharedMut::anonymous(10_000)?;
    /// let Residency::Known(resident) = memory.pages().residency(9_000..)? else { panic!("it is ours") };
    /// assert_eq!(resident.range(), 9_000..10_000); // as asked for, not rounded to pages
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// How many bytes are resident.
    ///
    /// ```
    /// use folio::{Residency, SharedMut};
    /// let memory = SharedMut::anonymous(100)?;
    /// memory.store(0, &1_u8)?;
    /// let Residency::Known(resident) = memory.pages().residency(..)? else { panic!("it is ours") };
    /// assert_eq!(resident.resident_bytes(), 100); // of the range, though a whole page is in memory
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn resident_bytes(&self) -> usize {
        self.runs.iter().map(ExactSizeIterator::len).sum()
    }

    /// How many pages the range touches.
    ///
    /// ```
    /// use folio::{PageSize, Residency, SharedMut};
    /// let page = PageSize::base().bytes();
    /// let memory = SharedMut::anonymous(3 * page)?;
    /// let across = page - 1..page + 1; // two bytes
    /// let Residency::Known(resident) = memory.pages().residency(across)? else { panic!("it is ours") };
    /// assert_eq!(resident.pages(), 2);
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// How many of these pages are resident.
    ///
    /// ```
    /// use folio::{PageSize, Residency, SharedMut};
    /// let page = PageSize::base().bytes();
    /// let memory = SharedMut::anonymous(3 * page)?;
    /// memory.store(page, &1_u8)?; // the second of three pages
    /// let Residency::Known(resident) = memory.pages().residency(..)? else { panic!("it is ours") };
    /// let missing = resident.pages() - resident.resident_pages();
    /// assert_eq!(missing, 2); // what a populate would bring in
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn resident_pages(&self) -> usize {
        self.resident_pages
    }

    /// The size of the pages that are counted: always the base page, also where huge pages are mapped.
    ///
    /// ```
    /// use folio::{PageSize, Residency, SharedMut};
    /// let page = PageSize::base().bytes();
    /// let memory = SharedMut::anonymous(3 * page)?;
    /// memory.store(page, &1_u8)?; // the second of three pages
    /// let Residency::Known(resident) = memory.pages().residency(..)? else { panic!("it is ours") };
    /// assert_eq!(resident.pages() * resident.page_size().bytes(), memory.len());
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn page_size(&self) -> PageSize {
        self.page
    }

    /// Whether the byte at `position` of the mapping is resident; not, if it lies outside the range.
    ///
    /// ```
    /// use folio::{PageSize, Residency, SharedMut};
    /// let page = PageSize::base().bytes();
    /// let memory = SharedMut::anonymous(3 * page)?;
    /// memory.store(page, &1_u8)?; // the second of three pages
    /// let Residency::Known(resident) = memory.pages().residency(..)? else { panic!("it is ours") };
    /// assert!(resident.contains(page) && !resident.contains(2 * page));
    /// assert!(!resident.contains(1 << 40)); // outside the range is no error
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn contains(&self, position: usize) -> bool {
        let after = self.runs.partition_point(|run| run.end <= position);
        self.runs.get(after).is_some_and(|run| run.contains(&position))
    }
}

impl fmt::Display for WhyUnknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeitherOwnerNorWriter { owner, user } => write!(
                f,
                "user {user} neither owns the file (user {owner} does) nor may write it, and to such users the kernel calls every page resident"
            ),
            Self::CannotTell(errno) => {
                let error = std::io::Error::from_raw_os_error(*errno);
                write!(f, "it cannot be found out whether the kernel tells the truth: {error}")
            }
        }
    }
}

/// How much of a mapping is asked for at a time, in bytes: mincore(2) wants a byte per page for its answer.
const WINDOW: usize = 1 << 30;

impl Residency {
    /// The residency of `range`, which is one of the region.
    pub(crate) fn find(pages: &Pages<'_>, range: MemRange) -> Result<Self> {
        let file = pages.file();
        if let Some(why) = file.and_then(|file| why_unknown(file.fd)) {
            return Ok(Self::Unknown(why));
        }
        // After a truncation the kernel may keep pages past the end for a while, and call them resident.
        let reach = match file.and_then(|file| Some((file.offset, cause::length_of(file.fd)?))) {
            Some((offset, len)) => {
                usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX)
            }
            None => usize::MAX,
        };
        let mut found = Runs::new(pages, range, reach);
        let mut at = 0;
        while at < range.len() {
            let window = range
                .part(at, WINDOW.min(range.len() - at))
                .map_err(|error| Error::range("tell the residency of", error))?;
            let bits = pages
                .region()
                .resident(window)
                .map_err(|error| pages.error(Error::os("tell the residency of", error), window))?;
            found.add(window, &bits);
            at += window.len();
        }
        Ok(Self::Known(found.finish(range)))
    }
}

/// Runs of resident bytes as they are found, in ascending order.
struct Runs<'a> {
    pages: &'a Pages<'a>,
    /// The end of what the file still reaches, as a position in the region.
    reach: usize,
    runs: Vec<Range<usize>>,
    resident_pages: usize,
    /// The first page that is not counted yet, as a position from the region's first page: windows may share a page.
    next: usize,
    whole: MemRange,
}

impl<'a> Runs<'a> {
    fn new(pages: &'a Pages<'a>, whole: MemRange, reach: usize) -> Self {
        Self { pages, reach, runs: Vec::new(), resident_pages: 0, next: 0, whole }
    }

    /// `bits` has a byte for each page that `window` touches, and its lowest bit counts.
    fn add(&mut self, window: MemRange, bits: &[u8]) {
        let (region, page) = (self.pages.region(), PageSize::base().bytes());
        let first = window.outer_pages(region.page(), region.lead()).start;
        for (number, bit) in bits.iter().enumerate() {
            let start = first + number * page;
            if start < self.next {
                continue;
            }
            self.next = start + page;
            if bit & 1 == 1 {
                self.add_page(start, page);
            }
        }
    }

    /// The page at `start`, counted from the region's first page, is resident.
    fn add_page(&mut self, start: usize, page: usize) {
        let lead = self.pages.region().lead();
        let from = start.saturating_sub(lead).max(self.whole.start());
        let to = (start + page).saturating_sub(lead).min(self.whole.end()).min(self.reach);
        if from >= to {
            return;
        }
        self.resident_pages += 1;
        match self.runs.last_mut() {
            Some(run) if run.end == from => run.end = to,
            _ => self.runs.push(from..to),
        }
    }

    fn finish(self, range: MemRange) -> Resident {
        let page = PageSize::base();
        let origin = self.pages.start();
        let lead = self.pages.region().lead();
        let positions = |run: Range<usize>| run.start - origin..run.end - origin;
        Resident {
            runs: self.runs.into_iter().map(positions).collect(),
            range: positions(range.start()..range.end()),
            pages: range.outer_pages(page, lead).len() / page.bytes(),
            resident_pages: self.resident_pages,
            page,
        }
    }
}

/// Why the kernel would not tell this process the truth about the file's pages; the questions are those of
/// `can_do_mincore` in its mm/mincore.c: the owner or CAP_FOWNER, or who may open the file for writing.
pub(crate) fn why_unknown(fd: BorrowedFd<'_>) -> Option<WhyUnknown> {
    let stat = match rustix::fs::fstat(fd) {
        Ok(stat) => stat,
        Err(errno) => return Some(WhyUnknown::CannotTell(errno.raw_os_error())),
    };
    let user = rustix::process::geteuid().as_raw();
    if user == stat.st_uid || overrides_owner(stat.st_uid) {
        return None;
    }
    // The kernel follows the link to the open file itself, also where it has no name any more.
    match rustix::fs::accessat(CWD, magic_link(fd), Permission::WRITE_OK, AtFlags::EACCESS) {
        Ok(()) => None,
        Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => {
            Some(WhyUnknown::NeitherOwnerNorWriter { owner: stat.st_uid, user })
        }
        Err(errno) => Some(WhyUnknown::CannotTell(errno.raw_os_error())),
    }
}

/// What a user without a place in this user namespace looks like; there CAP_FOWNER does not count.
const OVERFLOW_USER: u32 = 65534;

/// Whether CAP_FOWNER makes the process as good as `owner`.
fn overrides_owner(owner: u32) -> bool {
    owner != OVERFLOW_USER
        && rustix::thread::capabilities(None)
            .is_ok_and(|sets| sets.effective.contains(CapabilitySet::FOWNER))
}

/// How many pages of a range of a file are in the page cache, and in what state; cachestat(2), Linux 6.5.
///
/// The pages may be in memory without being mapped anywhere. This is the one call and its answer;
/// [`FilePages::counts`](crate::FilePages::counts) goes on where it is not there, and knows how long the file is.
///
/// ```
/// use folio::{CacheCounts, ErrorKind};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 100_000])?;
/// let file = std::fs::File::open(&path)?;
/// file.sync_all()?;
/// match CacheCounts::of(&file, ..) {
///     Ok(counts) => assert_eq!((counts.states.dirty, counts.states.writeback), (0, 0)), // the device has all of it
///     Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported), // before Linux 6.5
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheCounts {
    /// In the page cache.
    pub cached: u64,
    /// In what state they are, and how many were cached before.
    pub states: StateCounts,
}

impl CacheCounts {
    /// Count the pages of `range`, in bytes, of `file`. The size of a page is [`PageSize::base`].
    ///
    /// ```
    /// use folio::{CacheCounts, ErrorKind};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, vec![1; 1 << 20])?;
    /// match CacheCounts::of(std::fs::File::open(&path)?, ..) {
    ///     Ok(counts) => assert_eq!(counts.cached, (1 << 20) / folio::PageSize::base().bytes() as u64),
    ///     Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported), // before Linux 6.5
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// * [`PermissionDenied`](crate::ErrorKind::PermissionDenied): the kernel tells these numbers only to who owns the file or
    ///   may write it. Nothing else is asked then, because another source would lie.
    /// * [`Unsupported`](crate::ErrorKind::Unsupported): before Linux 6.5, on hugetlbfs, and on overlays (containers' root
    ///   directories are such), whose files have no pages of their own: the kernel would count 0.
    /// * [`OutOfRange`](crate::ErrorKind::OutOfRange): the range is reversed or does not fit signed 64-bit offsets.
    pub fn of(file: impl AsFd, range: impl RangeBounds<u64>) -> Result<Self> {
        const OP: &str = "count the cached pages of";
        let range = FileRange::new(OP, &range)?;
        let len = match range.len() {
            // To the kernel a length of zero is everything to the end.
            Some(0) => return Ok(Self { cached: 0, states: StateCounts::default() }),
            Some(len) => len,
            None => 0,
        };
        let fd = file.as_fd();
        let counted = cachestat::count(fd, range.start(), len).map_err(|error| {
            let cause = match error.raw_os_error() {
                Some(libc::ENOSYS) => Cause::Unsupported("cachestat(2) came with Linux 6.5".into()),
                Some(libc::EOPNOTSUPP) => {
                    Cause::Unsupported("huge pages of hugetlbfs are not counted".into())
                }
                _ => Cause::Os(error),
            };
            named(fd, Error::new(OP, cause))
        })?;
        if counted == Answer::default()
            && FileSystemType::of(fd).is_ok_and(FileSystemType::has_pages_in_layers)
        {
            let why = "cachestat(2) finds no page of an overlay's file, because they are those of a layer's";
            return Err(named(fd, Error::new(OP, Cause::Unsupported(why.into()))));
        }
        let Answer { cached, dirty, writeback, evicted, recently_evicted } = counted;
        let states = StateCounts { dirty, writeback, evicted, recently_evicted };
        Ok(Self { cached, states })
    }
}
