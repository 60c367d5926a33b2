//! Reading absent pages in.
//!
//! Which call warms best was measured (`cargo bench -p folio --bench warm`, docs/benchmarks.md), and most are not truthful:
//!
//! | call | waits | tells an I/O error | reads all that is asked for |
//! |---|---|---|---|
//! | readahead(2), `POSIX_FADV_WILLNEED`, `MADV_WILLNEED` | no | no | no: one call reads at most the device's largest request or its read-ahead (`force_page_cache_ra` of mm/readahead.c), 1.25 MiB of 8 MiB on a loop device, and answers 0 |
//! | `MADV_POPULATE_READ` | yes | as `EFAULT` | yes, and maps it |
//! | pread(2) | yes | yes | yes, and copies it |
//! | splice(2) to a pipe and on to /dev/null | yes | yes | yes, and does nothing else |
//!
//! And a page whose read failed stays in the page cache, where cachestat(2) counts it; so counting does not replace
//! waiting, and what is absent is told by mincore(2) here, which looks whether the page has its bytes. splice(2) takes references to the pages and drops them: a fifth of the processor time of pread(2).
//!
//! What reads file after file in order is given more than it asks for: the kernel reads ahead, up to twice the device's
//! read-ahead past the end of the range. Where that would be outside of what is wanted, `POSIX_FADV_WILLNEED`, which reads no
//! more than it is told to, in pieces small enough for one call, comes first, and splice(2) waits for it. Where a run goes on
//! to the end of the file there is nothing to read too much of, and read-ahead also makes larger folios.

use core::num::NonZeroU64;
use core::ops::{Range, RangeBounds};
use std::os::fd::OwnedFd;

use rustix::fs::{Advice, Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags};

use super::runs::{Counts, Holes};
use super::{FilePages, PageRuns, PageState, named};
use crate::error::{Cause, Error, Result};

const OP: &str = "warm";

/// How much a step reads, in bytes.
const WINDOW: u64 = 8 << 20;

/// What `POSIX_FADV_WILLNEED` is asked for at a time, in bytes: no more than any usual device reads for one call.
const PIECE: u64 = 128 << 10;

/// The size of the pipe, in bytes: what any user may have (`/proc/sys/fs/pipe-max-size`).
const PIPE: usize = 1 << 20;

/// Absent pages being read in; each step gives the bytes of the file that it read, at most 8 MiB. From
/// [`FilePages::warm`].
///
/// After an error it ends.
///
/// ```
/// use folio::FilePages;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 1 << 20])?;
/// let file = std::fs::File::open(&path)?;
/// let pages = FilePages::of(&file)?;
/// let mut read = 0;
/// for window in pages.warm(..)? {
///     let window = window?;
///     read += window.end - window.start;
///     println!("{read} bytes so far");
/// }
/// assert!(read <= pages.len()); // only what was absent
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Warming<'a> {
    pages: &'a FilePages<'a>,
    missing: Missing<'a>,
    /// What is left of the run at hand.
    run: Range<u64>,
    /// Up to where pages were asked for that are not waited for yet.
    asked: u64,
    /// Made when there is something to wait for.
    reader: Option<Reader>,
}

/// Where the absent pages are.
#[derive(Debug)]
enum Missing<'a> {
    Told(PageRuns<'a>),
    /// The kernel does not tell: all that is no hole counts as absent.
    Untold(Holes, Range<u64>),
    /// There was an error.
    Ended,
}

impl Iterator for Missing<'_> {
    type Item = Result<Range<u64>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Ended => None,
            Self::Told(runs) => runs.find_map(|run| match run {
                Ok(run) => (run.state == PageState::Absent).then_some(Ok(run.range)),
                Err(error) => Some(Err(error)),
            }),
            Self::Untold(holes, rest) => {
                let data = holes.data_from(rest.start);
                let run = data.start.min(rest.end)..data.end.min(rest.end);
                rest.start = run.end;
                (!run.is_empty()).then_some(Ok(run))
            }
        }
    }
}

impl<'a> Warming<'a> {
    pub(super) fn new(pages: &'a FilePages<'_>, range: &impl RangeBounds<u64>) -> Result<Self> {
        let range = pages.within(OP, range)?;
        pages.has_cache(OP)?;
        let missing = if pages.why_unknown().is_some() {
            Missing::Untold(Holes::of(pages), range)
        } else {
            Missing::Told(PageRuns::new(pages, range, Counts::Absence))
        };
        Ok(Self { pages, missing, run: 0..0, asked: 0, reader: None })
    }

    /// Read the next window; `None` after the last.
    fn step(&mut self) -> Result<Option<Range<u64>>> {
        while self.run.is_empty() {
            match self.missing.next().transpose()? {
                Some(run) => self.run = run,
                None => return Ok(None),
            }
        }
        let window = self.run.start..self.run.end.min(self.run.start.saturating_add(WINDOW));
        if self.run.end < self.pages.len() {
            // The window after this one too, so that the device has something to do while this one is waited for.
            self.ask(window.end.saturating_add(WINDOW).min(self.run.end));
        }
        Reader::for_window(&mut self.reader, &window).read(self.pages, window.clone())?;
        self.run.start = window.end;
        Ok(Some(window))
    }

    /// Have the device read up to `end`, without waiting.
    fn ask(&mut self, end: u64) {
        let mut at = self.asked.max(self.run.start);
        while at < end {
            let len = PIECE.min(end - at);
            // Whether it reads or not is seen by waiting.
            let _ =
                rustix::fs::fadvise(self.pages.fd(), at, NonZeroU64::new(len), Advice::WillNeed);
            at += len;
        }
        self.asked = at;
    }
}

impl Iterator for Warming<'_> {
    type Item = Result<Range<u64>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step()
            .map_err(|error| {
                self.run = 0..0;
                self.missing = Missing::Ended;
                named(self.pages.fd(), error)
            })
            .transpose()
    }
}

impl core::iter::FusedIterator for Warming<'_> {}

/// Waits for pages, and does nothing with them.
#[derive(Debug)]
enum Reader {
    /// To a pipe, and from there to /dev/null.
    Splice { read: OwnedFd, write: OwnedFd, null: OwnedFd },
    /// Where splice(2) cannot be had.
    Pread(Vec<u8>),
}

impl Reader {
    /// One that is fit for `window`: a pipe costs more than copying a little.
    fn for_window<'a>(made: &'a mut Option<Self>, window: &Range<u64>) -> &'a mut Self {
        let len = usize::try_from(window.end - window.start).unwrap_or(PIPE).min(PIPE);
        let fits = match made {
            Some(Self::Pread(buffer)) => len <= buffer.len(),
            Some(Self::Splice { .. }) => true,
            None => false,
        };
        let kept = made.take().filter(|_| fits);
        made.insert(kept.unwrap_or_else(|| {
            if len < PIPE {
                return Self::Pread(vec![0; len]);
            }
            // Without descriptors to spare it goes on with a copy.
            Self::splice().unwrap_or_else(|_| Self::Pread(vec![0; PIPE]))
        }))
    }

    fn splice() -> rustix::io::Result<Self> {
        let null = rustix::fs::open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        // One that cannot be made larger works all the same.
        let _ = rustix::pipe::fcntl_setpipe_size(&write, PIPE);
        Ok(Self::Splice { read, write, null })
    }

    /// Wait until every page of `range` is there.
    fn read(&mut self, pages: &FilePages<'_>, range: Range<u64>) -> Result<()> {
        let mut at = range.start;
        while at < range.end {
            let len = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(PIPE);
            match self.some(pages, at, len) {
                Ok(0) => return Err(truncated(pages, range, at)),
                Ok(read) => at += read as u64,
                Err(Errno::INTR) => {}
                Err(Errno::INVAL | Errno::OPNOTSUPP) if matches!(self, Self::Splice { .. }) => {
                    *self = Self::Pread(vec![0; PIPE]);
                }
                Err(errno) => return Err(Error::os(OP, errno).with_range(at..range.end)),
            }
        }
        Ok(())
    }

    fn some(&mut self, pages: &FilePages<'_>, at: u64, len: usize) -> rustix::io::Result<usize> {
        match self {
            Self::Pread(buffer) => {
                let len = len.min(buffer.len());
                rustix::io::pread(pages.fd(), &mut buffer[..len], at)
            }
            Self::Splice { read, write, null } => {
                let mut offset = at;
                let flags = SpliceFlags::empty();
                let spliced =
                    rustix::pipe::splice(pages.fd(), Some(&mut offset), &*write, None, len, flags)?;
                let mut left = spliced;
                while left > 0 {
                    match rustix::pipe::splice(&*read, None, &*null, None, left, flags) {
                        Ok(taken) => left -= taken.min(left),
                        Err(Errno::INTR) => {}
                        Err(errno) => return Err(errno),
                    }
                }
                Ok(spliced)
            }
        }
    }
}

/// The file ends at `at`, or before: it was longer when it was looked at.
fn truncated(pages: &FilePages<'_>, range: Range<u64>, at: u64) -> Error {
    let now =
        rustix::fs::fstat(pages.fd()).map_or(at, |stat| u64::try_from(stat.st_size).unwrap_or(0));
    Error::new(OP, Cause::Truncated { offset: at, len: now.min(at) }).with_range(range)
}
