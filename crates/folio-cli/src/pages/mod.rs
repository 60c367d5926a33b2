//! `folio pages`: what of files is in the page cache.
//!
//! [`select`] finds the files, in [`tree`]s and of a [`process`] too, and [`survey`] asks the kernel about each. Threads do
//! both, and each has a [`look::Looker`] of its own: it adds to a [`tally`], and puts the file's row together or
//! [`keep`]s it if it may be among those that are shown, or has it [`sorted`] if all of them are. [`report`] has the forms of the output, [`bar`] draws where in a
//! file its cached pages are, [`draw`] fills in a picture. [`steer`] changes what is cached, [`watch`] shows all of it live.

mod bar;
mod draw;
pub(crate) mod flags;
mod keep;
mod look;
mod process;
mod report;
pub(crate) mod select;
mod sorted;
mod steer;
pub(crate) mod survey;
mod tally;
mod tree;
mod watch;

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, PoisonError};

use crate::failure::Complaints;
use crate::flags::Colour;
use crate::picture::Output;
use crate::progress::{Progress, Show};
use crate::stdout::Stdout;

use flags::{PagesFlags, ShowFlags, Sort, Top, Total};
use keep::Keep;
use look::{Asked, Looker, More, Then};
use report::{Columns, Details, Form, Hold, Layout};
use select::Selection;
use sorted::Sorted;
use tally::Tally;

/// How many files of a tree are shown if nothing is said.
const SHOWN: usize = 30;

/// As many are kept in memory, of an order that is asked for; more are [sorted](Sorted).
const KEPT: usize = 10_000;

/// What to do with each file, and how many threads may do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Only the sum.
    SumAlone,
    /// As they are found.
    Found,
    /// As they are found, with their ranges or folios; by one thread.
    More(More),
    /// The first of an order.
    Sorted(Sort, Top),
}

impl Order {
    fn of(show: &ShowFlags, selection: &Selection) -> Self {
        if show.total == Total::Only {
            return Self::SumAlone;
        }
        if show.ranges || show.folios {
            let (ranges, folios) = (Asked::of(show.ranges), Asked::of(show.folios));
            return Self::More(More { ranges, folios });
        }
        // A file for each argument, and output for programs, is given whole and at once.
        let is_whole = show.json || show.csv || selection.is_of_files_alone();
        let top = show.top.unwrap_or(if is_whole { Top::All } else { Top::First(SHOWN) });
        let usual = if is_whole && top == Top::All { Sort::Found } else { Sort::Cached };
        match (show.sort.unwrap_or(usual), top) {
            (Sort::Found, Top::All) => Self::Found,
            // Some of them, but the same ones each time.
            (Sort::Found, top) => Self::Sorted(Sort::Name, top),
            (sort, top) => Self::Sorted(sort, top),
        }
    }

    /// How many files have a row at most.
    fn most(self) -> usize {
        match self {
            Self::Sorted(_, Top::First(most)) => most,
            Self::SumAlone | Self::Found | Self::More(_) | Self::Sorted(_, Top::All) => usize::MAX,
        }
    }

    /// For one of so many threads.
    fn then(self, threads: usize) -> Then {
        match self {
            Self::SumAlone => Then::Nothing,
            Self::Found => Then::Show,
            Self::More(more) => Then::ShowMore(more),
            Self::Sorted(sort, Top::First(most)) if most <= KEPT => {
                Then::Keep(Keep::new(sort, most))
            }
            Self::Sorted(sort, _) => Then::Sort(Sorted::new(sort, threads)),
        }
    }
}

/// What is to come out.
struct Plan<'a> {
    selection: &'a Selection,
    show: &'a ShowFlags,
    form: &'a Form,
    hold: Hold,
    outputs: &'a [Output],
}

/// Look and print.
pub(crate) fn run(
    flags: &PagesFlags,
    colour: Colour,
    complaints: &mut Complaints,
) -> io::Result<()> {
    if let Some(action) = flags.steer.action() {
        return steer::run(action, flags, complaints);
    }
    let selection = Selection::new(&flags.select);
    if let Some(interval) = flags.show.watch {
        return if flags.show.json {
            watch::stream(&selection, interval, &mut Stdout::new()?)
        } else {
            watch::run(selection, interval, colour, complaints);
            Ok(())
        };
    }
    let out = Stdout::new()?;
    let plan = Plan {
        selection: &selection,
        show: &flags.show,
        form: &form(&flags.show, colour),
        hold: if io::stdout().is_terminal() { Hold::No } else { Hold::UntilFull },
        outputs: &flags.picture.outputs(),
    };
    let progress = Progress::new(Show::between_rows(out.sink()));
    if flags.picture.take_stdout() {
        plan.look(&Mutex::new(io::sink()), complaints, &progress)
    } else {
        plan.look(&Mutex::new(out), complaints, &progress)
    }
}

fn form(show: &ShowFlags, colour: Colour) -> Form {
    if show.json {
        return Form::Json;
    }
    if show.csv {
        return Form::Csv(if show.ranges { Columns::OfRanges } else { Columns::OfFiles });
    }
    let by_detail =
        matches!(show.sort, Some(Sort::Dirty | Sort::Writeback | Sort::Evicted | Sort::Holes));
    let details = if show.long || by_detail { Details::Yes } else { Details::No };
    Form::Text(Layout::of_stdout(colour, details))
}

impl Plan<'_> {
    /// Look at what was selected, and write the rows and the sum to `out`.
    fn look<W: Write + Send>(
        &self,
        out: &Mutex<W>,
        complaints: &mut Complaints,
        progress: &Progress,
    ) -> io::Result<()> {
        let order = Order::of(self.show, self.selection);
        let is_by_one = matches!(order, Order::More(_));
        let threads = if is_by_one { 1 } else { self.selection.threads() };
        let looker = |_| {
            let sort = self.show.sort.unwrap_or(Sort::Cached);
            let drawn = (!self.outputs.is_empty()).then(|| Keep::new(sort, draw::MOST));
            Looker::new(self.form, order.then(threads), drawn, out, self.hold, progress)
        };
        if self.show.total != Total::Only {
            let mut head = Vec::new();
            self.form.head(&mut head);
            out.lock().unwrap_or_else(PoisonError::into_inner).write_all(&head)?;
        }
        let lookers = (0..threads).map(looker).collect();
        let lookers = self.selection.visit(lookers, complaints, progress)?;
        progress.aside(|| self.finish(order, lookers, complaints))
    }

    /// What is left when all was looked at.
    fn finish<W: Write>(
        &self,
        order: Order,
        lookers: Vec<Looker<'_, W>>,
        complaints: &mut Complaints,
    ) -> io::Result<()> {
        let mut tally = Tally::default();
        let (mut kept, mut sorted, mut drawn, mut last) = (None, Vec::new(), None, None);
        for mut looker in lookers {
            tally.merge(&looker.tally);
            match looker.then {
                Then::Keep(keep) => kept = Some(Keep::both(kept, keep)),
                Then::Sort(one) => sorted.push(one),
                Then::Nothing | Then::Show | Then::ShowMore(_) => {}
            }
            if let Some(keep) = looker.drawn {
                drawn = Some(Keep::both(drawn, keep));
            }
            looker.lines.write()?;
            last = Some(looker.lines);
        }
        let Some(mut lines) = last else { return Ok(()) };
        lines.hold = Hold::UntilFull;
        let kept = kept.map(Keep::into_sorted);
        look::show_kept(kept.as_deref().unwrap_or_default(), self.form, &mut lines)?;
        let most = order.most();
        for row in Sorted::merged(sorted)?.take(most) {
            lines.buffer.append(&mut row?);
            lines.offer()?;
        }
        if look::is_total_shown(self.show.total, tally.files, complaints) {
            let left_out = tally.files.saturating_sub(most as u64);
            self.form.total(&tally, left_out, &mut lines.buffer);
        }
        if tally.unknown.files > 0 {
            complaints.note();
        }
        lines.write()?;
        match drawn.map(Keep::into_sorted) {
            Some(drawn) => draw::draw(self.selection, &drawn, &tally, self.outputs, complaints),
            None => Ok(()),
        }
    }
}
