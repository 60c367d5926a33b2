//! `--lock`: keeping pages in memory until folio is ended.
//!
//! All files are locked on fault first, which takes no memory and says at once whether the limit allows it; then, unless that was
//! all that was asked for, their pages are had window by window, so that a signal ends it and memory is not overdrawn. The pages
//! are mapped and never touched by this process: a file that is truncated meanwhile cannot end it.

use std::io::{self, Write};

use folio::{FilePages, LockPages, LockedPages};
use serde_json::{Value, json};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::flags::LockWhen;
use super::memory::available;
use super::report::{self, Form, Lines};
use super::{Plan, cannot, sync_first};
use crate::failure::{Complaints, Failure, InputFailure};
use crate::pages::select::Chosen;
use crate::units::human;

/// How much is had in memory before a signal is looked for, in bytes.
const WINDOW: u64 = 8 << 20;

/// Pages that are kept in memory, and the signals that end it.
pub(super) struct Held {
    pages: Vec<LockedPages>,
    signals: Signals,
}

impl Held {
    /// Wait for a signal, and let them go.
    pub(super) fn wait(mut self) -> io::Result<()> {
        self.signals.forever().next();
        drop(self.pages);
        Ok(())
    }
}

/// Lock the chosen files; `None` if there is nothing to keep.
pub(super) fn run(
    plan: &Plan<'_>,
    when: LockWhen,
    out: &mut (impl Write + Send),
    complaints: &mut Complaints,
) -> io::Result<Option<Held>> {
    let mut signals = match Signals::new([SIGINT, SIGTERM, SIGHUP]) {
        Ok(signals) => signals,
        Err(error) => {
            complaints.tell(&format!("cannot wait for signals: {}", crate::failure::why(&error)));
            return Ok(None);
        }
    };
    let mut lock = Lock { plan, when, out, held: Vec::new(), locked: 0, ended: Ended::No };
    let visitor = |chosen: Chosen<'_>| lock.one(&chosen, &mut signals);
    plan.selection.visit(vec![visitor], complaints, plan.progress)?;
    if lock.ended == Ended::Early {
        plan.progress.aside(|| complaints.tell(&"ended before everything was locked"));
        return Ok(None);
    }
    if lock.held.is_empty() {
        return Ok(None);
    }
    lock.tell_all()?;
    Ok(Some(Held { pages: lock.held, signals }))
}

/// Whether a signal came while pages were being locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    No,
    Early,
}

struct Lock<'a, W> {
    plan: &'a Plan<'a>,
    when: LockWhen,
    out: &'a mut W,
    held: Vec<LockedPages>,
    /// Bytes.
    locked: u64,
    ended: Ended,
}

impl<W: Write> Lock<'_, W> {
    fn one(&mut self, chosen: &Chosen<'_>, signals: &mut Signals) -> Result<(), Failure> {
        if self.ended == Ended::Early {
            return Ok(());
        }
        let failed = |error| cannot("lock", chosen, &error);
        let pages = FilePages::of(&chosen.file).map_err(failed)?;
        sync_first(self.plan.sync, chosen, &pages)?;
        let locked = pages.lock(.., LockPages::OnFault).map_err(failed)?;
        if self.when == LockWhen::Now {
            self.have(chosen, &pages, &locked, signals)?;
        }
        if self.ended == Ended::Early {
            return Ok(());
        }
        let len = locked.range().end;
        self.locked += len;
        self.held.push(locked);
        self.tell(chosen, len).map_err(Failure::Output)
    }

    /// Have every page in memory.
    fn have(
        &mut self,
        chosen: &Chosen<'_>,
        pages: &FilePages<'_>,
        locked: &LockedPages,
        signals: &mut Signals,
    ) -> Result<(), Failure> {
        let range = locked.range();
        self.plan.progress.expect(range.end);
        // A part of it may be in memory already, which then counts as available.
        if let Some(available) = available().filter(|&available| range.end > available) {
            let why = format!(
                "{} are more than the {} of memory that are available",
                human(range.end),
                human(available)
            );
            return Err(InputFailure::cannot(chosen.name.quoted(), "lock", why));
        }
        let mut at = range.start;
        while at < range.end {
            if signals.pending().next().is_some() {
                self.ended = Ended::Early;
                return Ok(());
            }
            let window = at..range.end.min(at + WINDOW);
            at = window.end;
            self.plan.progress.add(window.end - window.start);
            locked.populate(pages, window).map_err(|error| cannot("lock", chosen, &error))?;
        }
        Ok(())
    }

    fn tell(&mut self, chosen: &Chosen<'_>, len: u64) -> io::Result<()> {
        let text = match (self.plan.form, self.plan.lines) {
            (Form::Json, _) => {
                let mut object = report::object(&chosen.name.parts().concat());
                report::add(&mut object, [("len", len.into()), ("when", self.word().into())]);
                Value::Object(object).to_string()
            }
            (Form::Text, Lines::Unusual) => return Ok(()),
            (Form::Text, Lines::Each) => {
                format!("{:>10} locked  {}", human(len), chosen.name.quoted())
            }
        };
        self.plan.progress.aside(|| report::line(self.out, &text))
    }

    fn word(&self) -> &'static str {
        match self.when {
            LockWhen::Now => "now",
            LockWhen::Fault => "fault",
        }
    }

    fn tell_all(&mut self) -> io::Result<()> {
        let files = self.held.len();
        let text = match self.plan.form {
            Form::Json => {
                json!({ "total": true, "files": files, "len": self.locked, "when": self.word(), "pid": std::process::id() }).to_string()
            }
            Form::Text => {
                let what = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
                let how = match self.when {
                    LockWhen::Now => "locked",
                    LockWhen::Fault => "locked on fault",
                };
                format!("{} of {what} {how} until Ctrl-C, or: kill {}", human(self.locked), std::process::id())
            }
        };
        self.plan.progress.aside(|| report::line(self.out, &text))?;
        self.out.flush()
    }
}
