//! The sum over files.

use folio::{PageSize, StateCounts};

use super::survey::{Cached, Survey};

/// What was found in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) files: u64,
    /// Bytes.
    pub(crate) len: u64,
    pub(crate) pages: u64,
    /// Pages in the page cache, of the files of which that is known.
    pub(crate) cached: u64,
    /// Bytes without space on the device.
    pub(crate) holes: u64,
    /// The files of which it is not known what is cached.
    pub(crate) unknown: Unknown,
    pub(crate) states: Sums,
}

/// Files that the kernel does not tell about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unknown {
    pub(crate) files: u64,
    pub(crate) pages: u64,
}

/// Sums of what [`StateCounts`] says, over the files for which it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) told: u64,
    pub(crate) dirty: u64,
    pub(crate) writeback: u64,
    pub(crate) evicted: u64,
    pub(crate) recently_evicted: u64,
}

impl Tally {
    /// One file more.
    pub(crate) fn add(&mut self, survey: &Survey) {
        let unknown = match survey.cached {
            Cached::Known(_) => Unknown::default(),
            Cached::Unknown(_) => Unknown { files: 1, pages: survey.pages() },
        };
        self.merge(&Self {
            files: 1,
            len: survey.len,
            pages: survey.pages(),
            cached: survey.cached_pages(),
            holes: survey.holes(),
            unknown,
            states: survey.states.map(Sums::of).unwrap_or_default(),
        });
    }

    /// What another thread found.
    pub(crate) fn merge(&mut self, other: &Self) {
        let Self { files, len, pages, cached, holes, unknown, states } = other;
        self.files += files;
        self.len = self.len.saturating_add(*len);
        self.pages = self.pages.saturating_add(*pages);
        self.cached += cached;
        self.holes = self.holes.saturating_add(*holes);
        self.unknown.files += unknown.files;
        self.unknown.pages = self.unknown.pages.saturating_add(unknown.pages);
        self.states.told += states.told;
        self.states.dirty += states.dirty;
        self.states.writeback += states.writeback;
        self.states.evicted += states.evicted;
        self.states.recently_evicted += states.recently_evicted;
    }

    /// The pages of the files of which it is known what is cached.
    pub(crate) fn known_pages(&self) -> u64 {
        self.pages.saturating_sub(self.unknown.pages)
    }
}

impl Sums {
    /// Those of one file.
    pub(crate) fn of(states: StateCounts) -> Self {
        Self {
            told: 1,
            dirty: states.dirty,
            writeback: states.writeback,
            evicted: states.evicted,
            recently_evicted: states.recently_evicted,
        }
    }
}

/// Pages in bytes.
pub(crate) fn bytes_of(pages: u64) -> u64 {
    pages.saturating_mul(PageSize::base().bytes() as u64)
}
