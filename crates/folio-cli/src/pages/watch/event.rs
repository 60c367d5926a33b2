//! What happens to the screen, and what it wants done about it: the two ends of [`Model::update`](super::model::Model).

use std::path::Path;
use std::sync::Arc;

use folio::{StateCounts, WhyUnknown};
use ratatui::crossterm::event::KeyEvent;

use super::rates::{Counters, Faults};
use crate::pages::survey::Cached;
use crate::pages::tally::bytes_of;

/// Something happened.
#[derive(Debug)]
pub(super) enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal is this large now.
    Resized(Size),
    /// The interval has passed.
    Tick,
    /// Files that were asked for were looked at.
    Looked {
        seen: Vec<Seen>,
        occasion: Occasion,
    },
    /// Some of all files, as the sweep comes by them.
    Swept(Vec<Seen>),
    /// The sweep has come by every file that there is.
    SweepEnded {
        /// What could not be looked at, apart from files: a directory, for instance.
        complaints: Vec<String>,
    },
    /// The pages of the file that was asked for.
    Mapped(FileMap),
    /// What the machine did.
    Counted {
        /// The machine's counters.
        machine: Counters,
        /// The processes that were asked for, by number; `None` is one that has ended.
        processes: Vec<(i32, Option<Faults>)>,
    },
    /// How far the work on files has come, in words.
    Working(String),
    /// The work on files has ended, and this came of it.
    Worked(Status),
    Signal(Signal),
    /// Something that the screen cannot do without is gone, and why.
    Broken(String),
}

/// What the screen wants done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Look at these files soon.
    Look(Wanted),
    /// Do this to files.
    Steer(Order),
    /// Let the work on files end early.
    StopSteering,
    /// Draw everything again, whatever the terminal shows.
    Redraw,
    /// Take the terminal again: it was somebody else's for a while.
    Retake,
    /// Stop, as Ctrl-Z does, until the shell continues the process.
    Suspend,
    /// The end.
    Quit,
    /// The end that this signal makes of a process.
    EndBy(i32),
    /// The end, and why.
    Fail(String),
}

/// A signal, by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Ends the process; which it is.
    End(i32),
    /// Stops it.
    Stop,
    /// Continued it.
    Continue,
}

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: u16,
    pub(super) rows: u16,
}

/// Why to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The interval has passed: what is seen is a part of the history.
    Tick,
    /// Something else is on the screen.
    Change,
}

/// What to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) occasion: Occasion,
    /// The files whose figures are shown.
    pub(super) files: Vec<Arc<Path>>,
    /// The file whose pages are shown, and in how many cells.
    pub(super) map: Option<(Arc<Path>, usize)>,
}

/// What to do to the pages of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Read in what is not cached.
    Warm,
    /// Drop what is cached.
    Evict,
    /// Write back what is dirty.
    Sync,
}

/// Files, and what to do to their pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) verb: Verb,
    pub(super) files: Vec<Arc<Path>>,
}

/// A line for the person at the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) tone: Tone,
    pub(super) text: String,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Bad,
}

/// One file, as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) path: Arc<Path>,
    pub(super) sight: Sight,
}

/// What was found under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// A file.
    Here { identity: Identity, figures: Figures },
    /// Nothing.
    Gone,
    /// Something that could not be looked at, and why.
    Failed(String),
}

/// Device and inode: what tells a file from another that took its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub(super) dev: u64,
    pub(super) ino: u64,
}

/// Length in bytes, and what the kernel tells of the pages. There may be a million of them, so numbers that are small take little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) len: u64,
    counts: Counts,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Counts {
    /// Cached, dirty, being written, evicted, recently evicted.
    Small([u32; 5]),
    Large(Box<(u64, StateCounts)>),
    /// How many are cached and no more.
    Cached(u64),
    Unknown(WhyUnknown),
}

impl Figures {
    pub(super) fn new(len: u64, cached: Cached, states: Option<StateCounts>) -> Self {
        let counts = match (cached, states) {
            (Cached::Unknown(why), _) => Counts::Unknown(why),
            (Cached::Known(cached), None) => Counts::Cached(cached),
            (Cached::Known(cached), Some(states)) => {
                let StateCounts { dirty, writeback, evicted, recently_evicted, .. } = states;
                let small =
                    [cached, dirty, writeback, evicted, recently_evicted].map(u32::try_from);
                match small {
                    [Ok(a), Ok(b), Ok(c), Ok(d), Ok(e)] => Counts::Small([a, b, c, d, e]),
                    _ => Counts::Large(Box::new((cached, states))),
                }
            }
        };
        Self { len, counts }
    }

    /// How many pages the bytes take.
    pub(super) fn pages(&self) -> u64 {
        self.len.div_ceil(page())
    }

    /// Cached pages, where they are told.
    pub(super) fn cached(&self) -> Option<u64> {
        match &self.counts {
            Counts::Small([cached, ..]) => Some(u64::from(*cached)),
            Counts::Large(large) => Some(large.0),
            Counts::Cached(cached) => Some(*cached),
            Counts::Unknown(_) => None,
        }
    }

    /// Why it is not told how many are cached.
    pub(super) fn why_unknown(&self) -> Option<WhyUnknown> {
        match self.counts {
            Counts::Unknown(why) => Some(why),
            _ => None,
        }
    }

    /// Pages by their state, where that is told.
    pub(super) fn states(&self) -> Option<StateCounts> {
        match &self.counts {
            Counts::Small([_, small @ ..]) => {
                let mut states = StateCounts::default();
                [states.dirty, states.writeback, states.evicted, states.recently_evicted] =
                    small.map(u64::from);
                Some(states)
            }
            Counts::Large(large) => Some(large.1),
            Counts::Cached(_) | Counts::Unknown(_) => None,
        }
    }

    /// Pages in some state, where that is told.
    pub(super) fn state(&self, count: impl FnOnce(&StateCounts) -> u64) -> Option<u64> {
        self.states().as_ref().map(count)
    }

    /// Bytes of cached pages, those past the end of the file left out.
    pub(super) fn cached_bytes(&self) -> Option<u64> {
        self.cached().map(|pages| bytes_of(pages).min(self.len))
    }

    /// Cached pages of a thousand; an empty file has none.
    pub(super) fn permille(&self) -> Option<u64> {
        self.cached().map(|cached| share(cached, self.pages()))
    }
}

fn page() -> u64 {
    bytes_of(1)
}

/// `part` of a thousand: neither 0 nor 1000 unless it is none or all.
fn share(part: u64, whole: u64) -> u64 {
    let exact = u128::from(part.min(whole)) * 1000 / u128::from(whole.max(1));
    match u64::try_from(exact).unwrap_or(1000) {
        0 if part > 0 && whole > 0 => 1,
        other => other,
    }
}

/// The pages of a file over its length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileMap {
    pub(super) path: Arc<Path>,
    /// Bytes.
    pub(super) len: u64,
    /// Bytes that a cell stands for; the last one may be shorter.
    pub(super) per_cell: u64,
    pub(super) cells: Vec<Cell>,
    /// Why there are no cells though the file has pages.
    pub(super) why_not: Option<String>,
}

/// A run of pages: how many there are, and what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) pages: u64,
    pub(super) cached: u64,
    pub(super) dirty: u64,
    pub(super) writeback: u64,
    pub(super) ground: Ground,
}

/// What is under pages that are not cached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ground {
    #[default]
    Data,
    /// Nothing: the file system has no block there.
    Hole,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_figure_is_lost(len: u64, counts in prop::array::uniform5(0..3u64), shift in 0..62u32) {
            let [cached, dirty, writeback, evicted, recently] = counts.map(|count| count << shift);
            let mut states = StateCounts::default();
            (states.dirty, states.writeback) = (dirty, writeback);
            (states.evicted, states.recently_evicted) = (evicted, recently);
            for states in [Some(states), None] {
                let figures = Figures::new(len, Cached::Known(cached), states);
                prop_assert_eq!((figures.len, figures.cached()), (len, Some(cached)));
                prop_assert_eq!((figures.states(), figures.why_unknown()), (states, None));
            }
        }
    }

    #[test]
    fn figures_take_little() {
        assert_eq!(size_of::<(Identity, Figures)>(), 48);
        let why = WhyUnknown::CannotTell(5);
        let figures = Figures::new(1, Cached::Unknown(why), None);
        assert_eq!((figures.cached(), figures.why_unknown()), (None, Some(why)));
    }
}
