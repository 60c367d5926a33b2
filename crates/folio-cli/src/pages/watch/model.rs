//! The state of the screen. Pure: an [`Event`] and the time go in, [`Effect`]s come out; the view only reads.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::event::{
    Effect, Event, Figures, FileMap, Occasion, Order, Seen, Sight, Signal, Size, Status, Tone,
    Wanted,
};
use super::files::{Files, Named as _};
use super::layout::Layout;
use super::order::{self, Direction, Filter, SortKey};
use super::pace::Pace;
use super::rates::Meter;
use super::row::{Mark, NEWS_LAST, Row, State};
use crate::pages::tally::bytes_of;

/// As many files can be put in order whenever one of them has changed.
const MANY: usize = 10_000;

/// Everything that the screen shows.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) now: Duration,
    pub(super) size: Size,
    pub(super) pace: Pace,
    pub(super) mode: Mode,
    pub(super) meter: Meter,
    pub(super) sort: SortKey,
    pub(super) direction: Direction,
    pub(super) filter: Filter,
    pub(super) status: Option<Status>,
    pub(super) work: Work,
    pub(super) map: Option<FileMap>,
    pub(super) totals: Totals,
    pub(super) sweeps: u32,
    /// The processes whose files these are, by number.
    pub(super) pids: Vec<i32>,
    /// What the files were asked for by, to name it while there are none.
    pub(super) asked: String,
    /// The places of files, in the order shown; those that the filter keeps out are not among them.
    pub(super) shown: Vec<u32>,
    /// Where the cursor is in `shown`, and how many are scrolled past.
    pub(super) cursor: usize,
    pub(super) top: usize,
    pub(super) follow: Follow,
    rows: Files<Row>,
    order: Standing,
    /// What the last sweep could not look at.
    complaints: Vec<String>,
}

/// What keys mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Moving about.
    Browse,
    /// Typing the filter.
    Filter,
    /// Reading the help.
    Help,
}

/// What the cursor stays on when files change places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follow {
    /// The first place: nobody has chosen a file yet.
    Top,
    File,
}

/// Whether something is being done to files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Idle,
    /// How far it is.
    Busy(String),
}

/// Whether `shown` is what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Fresh,
    Stale,
}

/// Sums over all files, whatever the filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) files: u64,
    /// Bytes.
    pub(super) len: u64,
    /// Bytes.
    pub(super) cached: u64,
    /// Files of which it is not told how much is cached; their bytes are not in `known_len`.
    pub(super) unknown: u64,
    /// Bytes of the files of which it is told.
    pub(super) known_len: u64,
    /// Bytes, of those files of which it is told.
    pub(super) dirty: u64,
    /// Bytes, likewise.
    pub(super) writeback: u64,
}

impl Totals {
    /// One more file.
    pub(super) fn add(&mut self, figures: &Figures) {
        self.files += 1;
        self.len = self.len.saturating_add(figures.len);
        match figures.cached_bytes() {
            Some(cached) => {
                self.cached = self.cached.saturating_add(cached);
                self.known_len = self.known_len.saturating_add(figures.len);
            }
            None => self.unknown += 1,
        }
        let bytes = |pages: Option<u64>| bytes_of(pages.unwrap_or(0));
        self.dirty = self.dirty.saturating_add(bytes(figures.state(|states| states.dirty)));
        self.writeback =
            self.writeback.saturating_add(bytes(figures.state(|states| states.writeback)));
    }
}

impl Model {
    /// A screen of `size` with no files yet. `asked` is what was asked for, in words.
    pub(super) fn new(size: Size, pace: Pace, asked: String, pids: Vec<i32>) -> Self {
        Self {
            now: Duration::ZERO,
            size,
            pace,
            mode: Mode::Browse,
            meter: Meter::default(),
            sort: SortKey::Cached,
            direction: Direction::Usual,
            filter: Filter::default(),
            status: None,
            work: Work::Idle,
            map: None,
            totals: Totals::default(),
            sweeps: 0,
            pids,
            asked,
            shown: Vec::new(),
            cursor: 0,
            top: 0,
            follow: Follow::Top,
            rows: Files::default(),
            order: Standing::Fresh,
            complaints: Vec::new(),
        }
    }

    /// Something happened, so long after the beginning.
    pub(super) fn update(&mut self, now: Duration, event: Event) -> Vec<Effect> {
        self.now = now;
        match event {
            Event::Key(key) => return self.press(key),
            Event::Resized(size) => {
                self.size = size;
                return vec![self.look(Occasion::Change)];
            }
            Event::Tick if self.pace.is_paused() => {}
            Event::Tick => {
                // Most of what is sorted by changes all the time, and what was said of a file grows old.
                self.order = Standing::Stale;
                return vec![self.look(Occasion::Tick)];
            }
            Event::Looked { seen, occasion } => self.looked(seen, occasion),
            Event::Swept(seen) => self.swept(seen),
            Event::SweepEnded { complaints } => self.sweep_ended(complaints),
            Event::Mapped(map) => self.map = Some(map),
            Event::Counted { machine, processes } => {
                self.meter.machine(now, machine);
                for (pid, faults) in processes {
                    self.meter.process(now, pid, faults);
                }
            }
            Event::Working(text) => self.work = Work::Busy(text),
            Event::Worked(status) => {
                self.work = Work::Idle;
                self.status = Some(status);
                return vec![self.look(Occasion::Change)];
            }
            Event::Signal(Signal::End(signal)) => return vec![Effect::EndBy(signal)],
            Event::Signal(Signal::Stop) => return vec![Effect::Suspend],
            Event::Signal(Signal::Continue) => return vec![Effect::Retake],
            Event::Broken(why) => return vec![Effect::Fail(why)],
        }
        Vec::new()
    }

    /// Bring the list up to date. Called once before a frame is drawn, not for each of the events before it.
    pub(super) fn settle(&mut self) {
        if self.order == Standing::Stale {
            self.arrange(self.held());
        }
        self.scroll();
    }

    /// A file that is shown, by its place in the list.
    pub(super) fn row(&self, place: usize) -> Option<&Row> {
        self.shown.get(place).and_then(|place| self.rows.at(*place))
    }

    /// The file that the cursor is on.
    pub(super) fn selected(&self) -> Option<&Row> {
        self.row(self.cursor)
    }

    /// How the screen is divided.
    pub(super) fn layout(&self) -> Layout {
        Layout::of(self.size, self.pids.len())
    }

    /// Bytes of a page of the page cache.
    pub(super) fn page_size(&self) -> u64 {
        folio::PageSize::base().bytes() as u64
    }

    /// How many files there are, whatever the filter.
    pub(super) fn files(&self) -> usize {
        self.rows.len()
    }

    /// How many are marked.
    pub(super) fn marked(&self) -> usize {
        self.rows.iter().filter(|row| row.mark == Mark::Marked).count()
    }

    /// What the next order is for: the marked files, or else the one under the cursor.
    pub(super) fn targets(&self) -> Vec<Arc<Path>> {
        let mut marked: Vec<_> = self
            .rows
            .iter()
            .filter(|row| row.mark == Mark::Marked)
            .map(|row| row.file_name().to_path())
            .collect();
        marked.sort_unstable();
        if marked.is_empty() {
            marked.extend(self.selected().map(|row| row.file_name().to_path()));
        }
        marked
    }

    /// Give an order.
    pub(super) fn steer(&mut self, order: Order) -> Effect {
        self.status = None;
        // Evicting a file moves it down the list, and the next order is likely for it too.
        self.follow = Follow::File;
        self.work = Work::Busy(order.verb.beginning(order.files.len()));
        Effect::Steer(order)
    }

    /// Mark or unmark the file under the cursor.
    pub(super) fn toggle_mark(&mut self) {
        let Some(place) = self.shown.get(self.cursor) else { return };
        if let Some(row) = self.rows.at_mut(*place) {
            row.mark = match row.mark {
                Mark::Marked => Mark::Unmarked,
                Mark::Unmarked => Mark::Marked,
            };
        }
    }

    /// Give every file that is shown this mark; with `Unmarked`, also those that are not.
    pub(super) fn mark_all(&mut self, mark: Mark) {
        match mark {
            Mark::Marked => {
                for place in &self.shown {
                    if let Some(row) = self.rows.at_mut(*place) {
                        row.mark = mark;
                    }
                }
            }
            Mark::Unmarked => self.rows.iter_mut().for_each(|row| row.mark = mark),
        }
    }

    /// What there is to look at now: the rows on the screen, and the pages of the file under the cursor.
    pub(super) fn look(&mut self, occasion: Occasion) -> Effect {
        self.settle();
        let layout = self.layout();
        let rows = usize::from(layout.rows());
        let on_screen = (self.top..self.shown.len()).take(rows);
        let files = on_screen.filter_map(|place| Some(self.row(place)?.file_name().to_path()));
        let files = files.collect();
        let map = match (self.selected(), layout.map_cells()) {
            (Some(row), cells) if cells > 0 => Some((row.file_name().to_path(), cells)),
            _ => None,
        };
        Effect::Look(Wanted { occasion, files, map })
    }

    /// The list has to be made anew before it is shown again.
    pub(super) fn reorder(&mut self) {
        self.order = Standing::Stale;
    }

    fn looked(&mut self, seen: Vec<Seen>, occasion: Occasion) {
        for Seen { path, sight } in seen {
            // One that is not in the list has been taken off it meanwhile. One that the last sweep did not come by is not among the
            // chosen files any more, though its name may still lead to a file: that of a process that has closed it.
            match self.rows.place(&path).and_then(|place| self.rows.at_mut(place)) {
                Some(row) if row.sweep >= self.sweeps => {
                    row.see(self.now, sight, self.pace.interval(), occasion);
                }
                _ => {}
            }
        }
        self.order = Standing::Stale;
    }

    fn swept(&mut self, seen: Vec<Seen>) {
        for Seen { path, sight } in seen {
            let is_later = self.sweeps > 0;
            let row = self.rows.of(&path, |name| {
                let mut row = Row::new(name);
                if is_later {
                    row.is_new(self.now);
                }
                row
            });
            row.sweep = self.sweeps + 1;
            row.see(self.now, sight, self.pace.interval(), Occasion::Change);
        }
        // A long list is put in order at the next tick.
        if self.rows.len() <= MANY {
            self.order = Standing::Stale;
        }
    }

    fn sweep_ended(&mut self, complaints: Vec<String>) {
        self.sweeps += 1;
        let (now, sweeps) = (self.now, self.sweeps);
        for row in self.rows.iter_mut().filter(|row| row.sweep < sweeps) {
            row.gone(now);
        }
        self.order = Standing::Stale;
        let held = self.held().and_then(|place| Some(self.rows.at(place)?.file_name().to_path()));
        let has_moved = self.rows.retain(|row| match row.state {
            State::Gone { since } => now.saturating_sub(since) < NEWS_LAST,
            State::Here(..) | State::Failed(_) => true,
        });
        if has_moved {
            // At once: until then the list is one of places that are others' now.
            self.arrange(held.and_then(|path| self.rows.place(&path)));
        }
        // What was said after the last sweep is not said again.
        if complaints != self.complaints {
            if let Some(first) = complaints.first() {
                let more = match complaints.len() {
                    1 => String::new(),
                    many => format!(" (and {} more)", many - 1),
                };
                self.status = Some(Status { tone: Tone::Bad, text: format!("{first}{more}") });
            }
            self.complaints = complaints;
        }
    }

    /// The file that the cursor is to stay on.
    fn held(&self) -> Option<u32> {
        match self.follow {
            Follow::Top => None,
            Follow::File => self.shown.get(self.cursor).copied(),
        }
    }

    /// Sums and order, and the cursor on the file that is `held`.
    fn arrange(&mut self, held: Option<u32>) {
        let mut totals = Totals::default();
        self.rows.iter().filter_map(Row::figures).for_each(|figures| totals.add(figures));
        self.totals = totals;
        let admitted = self.rows.places().filter_map(|(place, row)| {
            (self.filter.is_empty() || self.filter.admits(&row.name())).then_some(place)
        });
        self.shown = order::sort(&self.rows, admitted, self.sort, self.direction);
        if let Some(place) = held.and_then(|held| self.shown.iter().position(|one| *one == held)) {
            self.cursor = place;
        }
        if self.follow == Follow::Top {
            self.cursor = 0;
        }
        self.order = Standing::Fresh;
    }

    /// Keep the cursor in the list and on the screen.
    fn scroll(&mut self) {
        let rows = usize::from(self.layout().rows()).max(1);
        self.cursor = self.cursor.min(self.shown.len().saturating_sub(1));
        let lowest = (self.cursor + 1).saturating_sub(rows);
        let last_page = self.shown.len().saturating_sub(rows);
        self.top = self.top.clamp(lowest, self.cursor.max(lowest)).min(last_page.max(lowest));
    }

    /// Stop or start to look.
    pub(super) fn toggle_pause(&mut self) -> Vec<Effect> {
        self.pace = self.pace.toggled();
        if self.pace.is_paused() {
            return Vec::new();
        }
        // What happened during the pause is not of one interval.
        self.meter.rest();
        self.rows.iter_mut().for_each(Row::forget_rate);
        vec![self.look(Occasion::Tick)]
    }
}

/// Whether a sight is of a file; for the stream, which has no rows.
impl Sight {
    pub(super) fn figures(&self) -> Option<&Figures> {
        match self {
            Self::Here { figures, .. } => Some(figures),
            Self::Gone | Self::Failed(_) => None,
        }
    }
}
