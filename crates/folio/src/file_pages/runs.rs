//! Which pages of a file are in the page cache, as runs.
//!
//! ```text
//! examine(window):  cachestat says 0        -> absent; lseek tells its holes apart
//!                   cachestat says all      -> resident
//!                   small enough            -> mincore, page by page; cachestat again where the two differ
//!                   else                    -> examine(first half), examine(second half)
//! ```
//!
//! cachestat(2) takes time for cached pages alone, mincore(2) for each page of the mapping; so halving finds the few cached
//! pages of a huge file at once, and a window that is small or that cachestat(2) is not there for is read bit by
//! bit. mincore(2) does not call a page resident while only a part of it was ever written, which blocks smaller than a page
//! allow; cachestat(2) counts it, and so it is [`Resident`](PageState::Resident) here. The windows still to be examined are a stack, at most one for each halving, so memory is bounded.

use core::ops::Range;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use rustix::fs::{OFlags, SeekFrom};
use rustix::io::Errno;

use super::{FilePages, Kind, named};
use crate::error::{Error, ErrorKind, Result};
use crate::page::{MemRange, PageRange, PageSize};
use crate::residency::CacheCounts;
use crate::source::reopen;
use crate::sys::region::{Access, Mode, Region, Sharing};

const OP: &str = "tell the residency of";

/// A window of at most so many bytes is not halved again: mincore(2) takes about as long for its pages as the calls of
/// cachestat(2) that halving it would make.
const SMALL: u64 = 8 << 20;

/// Windows of mincore(2) are within mappings of so many bytes.
const MAPPING: u64 = 1 << 30;

/// A run of pages in one state.
///
/// ```
/// use folio::{FilePages, PageState};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 1 << 20])?;
/// let file = std::fs::File::open(&path)?;
/// let pages = FilePages::of(&file)?;
/// let runs = pages.runs(10..100_000)?.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(runs.len(), 1); // all in one state
/// assert_eq!((&runs[0].range, runs[0].state), (&(10..100_000), PageState::Resident));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRun {
    /// Where in the file, in bytes: whole pages, but for the two ends of what was asked for.
    pub range: Range<u64>,
    /// The state of each of the pages.
    pub state: PageState,
}

/// Where a page is.
///
/// ```
/// use std::os::unix::fs::FileExt;
/// use folio::{FilePages, PageState};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// let file = std::fs::File::options().read(true).write(true).create_new(true).open(&path)?;
/// file.set_len(1 << 30)?;
/// file.write_at(b"hello", 0)?;
/// let pages = FilePages::of(&file)?;
/// let states = pages.runs(..)?.map(|run| Ok(run?.state)).collect::<folio::Result<Vec<_>>>()?;
/// assert_eq!(states, [PageState::Resident, PageState::Hole]); // nothing that a device would be read for
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PageState {
    /// In the page cache; also if there is a hole under it, and also if only a part of it was ever written or read.
    Resident,
    /// On the device alone.
    Absent,
    /// Nowhere: it is not in the page cache, and the file has no data there, so it would be read as zeros. Space that was
    /// allocated and never written counts as a hole, as lseek(2) has it.
    Hole,
}

/// The runs of pages of a range, in ascending order; adjacent ones differ in their state. From [`FilePages::runs`].
///
/// After an error it ends.
///
/// ```
/// use folio::{FilePages, PageState};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 100_000])?;
/// let file = std::fs::File::open(&path)?;
/// let mut resident = 0;
/// for run in FilePages::of(&file)?.runs(..)? {
///     let run = run?;
///     if run.state == PageState::Resident {
///         resident += run.range.end - run.range.start;
///     }
/// }
/// assert_eq!(resident, 100_000); // in bytes: the last run ends with the file
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PageRuns<'a> {
    pages: &'a FilePages<'a>,
    whole: Range<u64>,
    /// Windows that are not examined yet, the next on top; all bounds but the last are page boundaries.
    ahead: Vec<Range<u64>>,
    /// What was found and not handed out yet.
    found: VecDeque<PageRun>,
    mapped: Option<Mapped>,
    holes: Option<Holes>,
    /// Whether cachestat(2) is to be asked.
    counts: Counts,
}

/// What can be asked about a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    Cachestat,
    /// cachestat(2), where it says that there is no page, and else mincore(2): a page that is being read, or whose read failed, is
    /// counted all the same, and has no bytes yet.
    Absence,
    /// cachestat(2) is not there.
    Mincore,
}

/// A mapping to ask mincore(2) through.
#[derive(Debug)]
struct Mapped {
    region: Region,
    /// What it maps, in bytes of the file.
    range: Range<u64>,
}

impl<'a> PageRuns<'a> {
    pub(super) fn new(pages: &'a FilePages<'a>, range: Range<u64>, counts: Counts) -> Self {
        let aligned = pages.page_size().floor(range.start)..range.end;
        Self {
            pages,
            ahead: if range.is_empty() { Vec::new() } else { vec![aligned] },
            whole: range,
            found: VecDeque::new(),
            mapped: None,
            holes: None,
            counts,
        }
    }

    /// Examine one window.
    fn examine(&mut self, window: Range<u64>) -> Result<()> {
        let mut cached = None;
        if self.counts != Counts::Mincore {
            match CacheCounts::of(self.pages.fd(), window.clone()) {
                Ok(counts) if counts.cached == 0 => return self.absent(window),
                Ok(counts)
                    if self.counts == Counts::Cachestat
                        && counts.cached == self.pages.pages_of(&window) =>
                {
                    self.push(window, PageState::Resident);
                    return Ok(());
                }
                Ok(counts) => {
                    cached = (self.counts == Counts::Cachestat).then_some(counts.cached);
                }
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    self.counts = Counts::Mincore;
                }
                Err(error) => return Err(error),
            }
        }
        let len = window.end - window.start;
        let most = if self.counts == Counts::Mincore { MAPPING } else { SMALL };
        if len > most {
            let middle = self.pages.page_size().floor(window.start + len / 2);
            self.ahead.push(middle..window.end);
            self.ahead.push(window.start..middle);
            return Ok(());
        }
        self.by_mincore(window, cached)
    }

    /// Page by page, where cachestat(2) has counted `cached` of them, if it is to be believed.
    fn by_mincore(&mut self, window: Range<u64>, cached: Option<u64>) -> Result<()> {
        let page = self.pages.page_size().bytes() as u64;
        let bits = self.bits(&window).map_err(|error| named(self.pages.fd(), error))?;
        let resident = bits.iter().filter(|&bit| bit & 1 == 1).count() as u64;
        let is_all = cached.is_none_or(|cached| cached <= resident);
        let mut at = window.start;
        for run in bits.chunk_by(|a, b| a & 1 == b & 1) {
            let end = (at + run.len() as u64 * page).min(window.end);
            if run[0] & 1 == 1 {
                self.push(at..end, PageState::Resident);
            } else if is_all {
                self.absent(at..end)?;
            } else {
                self.by_counts(at..end)?;
            }
            at = end;
        }
        Ok(())
    }

    /// By cachestat(2) alone, down to single pages.
    fn by_counts(&mut self, window: Range<u64>) -> Result<()> {
        let page = self.pages.page_size();
        let mut ahead = vec![window];
        while let Some(window) = ahead.pop() {
            let pages = self.pages.pages_of(&window);
            let cached = CacheCounts::of(self.pages.fd(), window.clone())?.cached;
            if cached == 0 {
                self.absent(window)?;
            } else if cached >= pages || pages == 1 {
                self.push(window, PageState::Resident);
            } else {
                let middle = window.start + pages / 2 * page.bytes() as u64;
                ahead.push(middle..window.end);
                ahead.push(window.start..middle);
            }
        }
        Ok(())
    }

    /// A byte for each page of `window`.
    fn bits(&mut self, window: &Range<u64>) -> Result<Vec<u8>> {
        let covers =
            |mapped: &Mapped| mapped.range.start <= window.start && window.end <= mapped.range.end;
        if !self.mapped.as_ref().is_some_and(covers) {
            self.mapped = None;
            let end = self.whole.end.min(window.end.max(window.start.saturating_add(MAPPING)));
            self.mapped = Some(Mapped::new(self.pages, window.start..end)?);
        }
        match &self.mapped {
            Some(mapped) => mapped.resident(window),
            None => Ok(Vec::new()),
        }
    }

    /// `window` is absent: tell the holes in it apart.
    fn absent(&mut self, window: Range<u64>) -> Result<()> {
        let page = self.pages.page_size();
        let mut at = window.start;
        while at < window.end {
            let holes = self.holes.get_or_insert_with(|| Holes::of(self.pages));
            let data = holes.data_from(at);
            let start = page.floor(data.start.min(window.end)).max(at);
            let start = if data.start >= window.end { window.end } else { start };
            let end = page.ceil(data.end).unwrap_or(u64::MAX).min(window.end).max(start);
            self.push(at..start, PageState::Hole);
            self.push(start..end, PageState::Absent);
            at = end;
        }
        Ok(())
    }

    /// Note a run that follows those that were found.
    fn push(&mut self, range: Range<u64>, state: PageState) {
        let range = range.start.max(self.whole.start)..range.end;
        if range.is_empty() {
            return;
        }
        match self.found.back_mut() {
            Some(last) if last.state == state => last.range.end = range.end,
            _ => self.found.push_back(PageRun { range, state }),
        }
    }
}

impl Iterator for PageRuns<'_> {
    type Item = Result<PageRun>;

    fn next(&mut self) -> Option<Self::Item> {
        // The last run that was found may go on in the next window.
        while self.found.len() < 2 {
            let Some(window) = self.ahead.pop() else { break };
            if let Err(error) = self.examine(window) {
                self.ahead.clear();
                self.found.clear();
                return Some(Err(error));
            }
        }
        self.found.pop_front().map(Ok)
    }
}

impl core::iter::FusedIterator for PageRuns<'_> {}

impl Mapped {
    fn new(pages: &FilePages<'_>, range: Range<u64>) -> Result<Self> {
        let mode = Mode { access: Access::Read, sharing: Sharing::Shared, no_reserve: true };
        let of_file = PageRange::new(PageSize::base(), range.start, range.end - range.start)
            .map_err(|error| Error::range(OP, error))?;
        let region =
            Region::map(pages.fd(), &of_file, 0, mode).map_err(|error| Error::os(OP, error))?;
        Ok(Self { region, range })
    }

    fn resident(&self, window: &Range<u64>) -> Result<Vec<u8>> {
        let position =
            |offset: u64| usize::try_from(offset - self.range.start).unwrap_or(usize::MAX);
        let range = MemRange::new(position(window.start)..position(window.end), self.region.len())
            .map_err(|error| Error::range(OP, error))?;
        self.region.resident(range).map_err(|error| Error::os(OP, error))
    }
}

/// Where a file has data; lseek(2), `SEEK_DATA` and `SEEK_HOLE`.
#[derive(Debug)]
pub(super) struct Holes {
    /// A description of folio's own, because lseek moves the offset. `None`: everything counts as data, because it cannot be
    /// had, or is a device.
    own: Option<OwnedFd>,
    /// The data that was found last, and from where on it was looked for.
    last: Option<(u64, Range<u64>)>,
}

impl Holes {
    pub(super) fn of(pages: &FilePages<'_>) -> Self {
        let own = match pages.kind {
            Kind::Regular => reopen(pages.fd(), OFlags::RDONLY | OFlags::NONBLOCK).ok(),
            Kind::BlockDevice | Kind::Hugetlb => None,
        };
        Self { own, last: None }
    }

    /// The first data at or after `at`: it begins at `u64::MAX` where there is none.
    pub(super) fn data_from(&mut self, at: u64) -> Range<u64> {
        match &self.last {
            Some((from, data)) if *from <= at && at < data.end => {
                return data.start.max(at)..data.end;
            }
            _ => {}
        }
        let data = self.ask(at);
        self.last = Some((at, data.clone()));
        data
    }

    fn ask(&self, at: u64) -> Range<u64> {
        let Some(own) = &self.own else { return at..u64::MAX };
        let start = match rustix::fs::seek(own, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => return u64::MAX..u64::MAX,
            Err(_) => return at..u64::MAX,
        };
        match rustix::fs::seek(own, SeekFrom::Hole(start)) {
            Ok(end) if end > start => start..end,
            _ => start..u64::MAX,
        }
    }
}
