//! What was found of one file: a plain value, small enough to keep a million of.

use std::fs::File;

use folio::{CacheCounts, ErrorKind, FilePages, PageSize, StateCounts, WhyUnknown};
use rustix::fs::{FileType, Stat};

use super::select::Chosen;

/// What of a file is in the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Survey {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    /// Bytes, when it was looked at.
    pub(crate) len: u64,
    /// Bytes that have space on the device; of a block device all.
    pub(crate) allocated: u64,
    pub(crate) cached: Cached,
    /// What the kernel tells of the pages beyond that, since Linux 6.5.
    pub(crate) states: Option<StateCounts>,
}

/// How many pages are in the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cached {
    Known(u64),
    Unknown(WhyUnknown),
}

impl Survey {
    /// Look at a chosen file.
    ///
    /// # Errors
    /// What the kernel answers, but for its refusal to tell, which is a [`Cached::Unknown`].
    pub(crate) fn of(chosen: &Chosen<'_>) -> folio::Result<Self> {
        Self::of_file(&chosen.file, &chosen.stat)
    }

    /// Look at an open file, of which fstat(2) said `stat`.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub(crate) fn of_file(file: &File, stat: &Stat) -> folio::Result<Self> {
        let is_device = FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice;
        let bytes = |number: i64| u64::try_from(number).unwrap_or(0);
        let len = if is_device { FilePages::of(file)?.len() } else { bytes(stat.st_size) };
        let allocated = if is_device { len } else { bytes(stat.st_blocks).saturating_mul(512) };
        let mut survey = Self {
            dev: stat.st_dev,
            ino: stat.st_ino,
            len,
            allocated,
            cached: Cached::Known(0),
            states: Some(StateCounts::default()),
        };
        if len > 0 {
            survey.count(file)?;
        }
        Ok(survey)
    }

    fn count(&mut self, file: &File) -> folio::Result<()> {
        // One system call; what it cannot tell is found out the longer way.
        match CacheCounts::of(file, ..self.len) {
            Ok(counts) => {
                self.cached = Cached::Known(counts.cached);
                self.states = Some(counts.states);
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                self.states = None;
                let why = FilePages::of(file)?.why_unknown();
                self.cached = Cached::Unknown(why.ok_or(error)?);
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => self.count_slowly(file)?,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn count_slowly(&mut self, file: &File) -> folio::Result<()> {
        let pages = FilePages::of(file)?;
        self.states = None;
        self.cached = match pages.why_unknown() {
            Some(why) => Cached::Unknown(why),
            None => {
                let counts = pages.counts(..self.len)?;
                self.states = counts.states;
                Cached::Known(counts.cached)
            }
        };
        Ok(())
    }

    /// How many pages the bytes take.
    pub(crate) fn pages(&self) -> u64 {
        self.len.div_ceil(PageSize::base().bytes() as u64)
    }

    /// Pages that are not in the page cache; none where that is not known.
    pub(crate) fn absent_pages(&self) -> u64 {
        match self.cached {
            Cached::Known(cached) => self.pages().saturating_sub(cached),
            Cached::Unknown(_) => 0,
        }
    }

    /// Pages in the page cache; none where that is not known.
    pub(crate) fn cached_pages(&self) -> u64 {
        match self.cached {
            Cached::Known(pages) => pages,
            Cached::Unknown(_) => 0,
        }
    }

    /// Bytes that have no space on the device, as far as the file system tells by how much there is in all.
    pub(crate) fn holes(&self) -> u64 {
        self.len.saturating_sub(self.allocated)
    }
}
