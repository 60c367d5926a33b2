//! What happens to the screen, and what it wants done about it: the two ends of [`Model::update`](super::model::Model).

use std::path::Path;
use std::sync::Arc;

use folio::StateCounts;
use ratatui::crossterm::event::KeyEvent;

use super::rates::{Counters, Faults};
use crate::pages::survey::Cached;

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

/// Length in bytes, and pages. What the kernel does not tell is `None`. There may be a million of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) len: u64,
    pub(super) page: u64,
    pub(super) pages: u64,
    pub(super) cached: Cached,
    pub(super) states: Option<StateCounts>,
}

impl Figures {
    /// Cached pages, where they are told.
    pub(super) fn cached(&self) -> Option<u64> {
        match self.cached {
            Cached::Known(pages) => Some(pages),
            Cached::Unknown(_) => None,
        }
    }

    /// Pages in some state, where that is told.
    pub(super) fn state(&self, count: impl FnOnce(&StateCounts) -> u64) -> Option<u64> {
        self.states.as_ref().map(count)
    }

    /// Bytes of cached pages, those past the end of the file left out.
    pub(super) fn cached_bytes(&self) -> Option<u64> {
        self.cached().map(|pages| (pages.saturating_mul(self.page)).min(self.len))
    }

    /// Cached pages of a thousand; an empty file has none.
    pub(super) fn permille(&self) -> Option<u64> {
        self.cached().map(|cached| share(cached, self.pages))
    }
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
