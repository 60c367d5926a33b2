//! `--evict`: letting pages go, and saying which stayed and why; and `--sync` by itself.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use folio::{Evicted, FilePages, WhyUnknown};
use serde_json::{Value, json};

use super::because::Because;
use super::mappers::Mappers;
use super::report::{self, Form, Lines, bytes};
use super::{Plan, cannot, sync_first};
use crate::failure::{Complaints, Failure};
use crate::pages::select::Chosen;
use crate::units::human;

/// How many files of trees get a line of text; JSON has all.
const SHOWN: u64 = 30;

/// Evict the chosen files.
pub(super) fn run(
    plan: &Plan<'_>,
    out: &mut (impl Write + Send),
    complaints: &mut Complaints,
) -> io::Result<()> {
    let evict = Mutex::new(Evict { out, total: Done::default(), shown: 0, mappers: None });
    let visitor = |chosen: Chosen<'_>| {
        let failed = |error| cannot("evict", &chosen, &error);
        let pages = FilePages::of(&chosen.file).map_err(failed)?;
        sync_first(plan.sync, &chosen, &pages)?;
        // Outside of the lock: this is what takes time.
        let evicted = pages.evict(..).map_err(failed)?;
        let mut evict = evict.lock().unwrap_or_else(PoisonError::into_inner);
        evict.tell(plan, &chosen, &pages, evicted).map_err(Failure::Output)
    };
    let visitors = vec![visitor; plan.selection.threads()];
    plan.selection.visit(visitors, complaints, plan.progress)?;
    evict.into_inner().unwrap_or_else(PoisonError::into_inner).end(plan, complaints)
}

/// What came of it, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Done {
    files: u64,
    gone: u64,
    stayed: u64,
    /// Files of which the kernel does not tell what is in the page cache.
    untold: u64,
}

struct Evict<'a, W> {
    out: &'a mut W,
    total: Done,
    /// How many files of trees have a line of text.
    shown: u64,
    mappers: Option<Mappers>,
}

/// What became of one file's pages.
enum Outcome {
    /// All of so many are gone.
    Gone(u64),
    Stayed {
        gone: u64,
        stayed: u64,
        because: Because,
    },
    Untold(WhyUnknown),
}

impl<W: Write> Evict<'_, W> {
    fn tell(
        &mut self,
        plan: &Plan<'_>,
        chosen: &Chosen<'_>,
        pages: &FilePages<'_>,
        evicted: Evicted,
    ) -> io::Result<()> {
        let outcome = match (evicted.before, evicted.after, pages.why_unknown()) {
            (Some(_), Some(after), _) if after.cached == 0 => {
                Outcome::Gone(evicted.gone().unwrap_or(0))
            }
            (Some(before), Some(after), _) => Outcome::Stayed {
                gone: before.cached.saturating_sub(after.cached),
                stayed: after.cached,
                because: Because::of(
                    &chosen.file,
                    &chosen.stat,
                    [before, after],
                    &mut self.mappers,
                ),
            },
            (_, _, Some(why)) => Outcome::Untold(why),
            // It could be told a moment ago.
            (_, _, None) => {
                Outcome::Untold(WhyUnknown::CannotTell(rustix::io::Errno::PERM.raw_os_error()))
            }
        };
        self.total.files += 1;
        match &outcome {
            Outcome::Gone(gone) => self.total.gone += gone,
            Outcome::Stayed { gone, stayed, .. } => {
                self.total.gone += gone;
                self.total.stayed += stayed;
            }
            Outcome::Untold(_) => self.total.untold += 1,
        }
        let text = match (plan.form, plan.lines, &outcome) {
            (Form::Json, ..) => in_json(chosen, &outcome).to_string(),
            (Form::Text, Lines::Unusual, Outcome::Gone(_)) => return Ok(()),
            (Form::Text, Lines::Unusual, _) => {
                self.shown += 1;
                if self.shown > SHOWN {
                    return Ok(());
                }
                in_words(chosen, &outcome)
            }
            (Form::Text, ..) => in_words(chosen, &outcome),
        };
        plan.progress.aside(|| report::line(self.out, &text))
    }

    fn end(self, plan: &Plan<'_>, complaints: &mut Complaints) -> io::Result<()> {
        let Done { files, gone, stayed, untold } = self.total;
        if stayed + untold > 0 {
            complaints.note();
        }
        let text = match plan.form {
            Form::Json => json!({
                "total": true, "files": files, "evicted": bytes(gone), "stayed": bytes(stayed), "untold": untold,
            })
            .to_string(),
            // Why there was none was told.
            Form::Text if files == 0 => return Ok(()),
            Form::Text if self.shown > SHOWN => {
                format!("and of {} more files\n{}", self.shown - SHOWN, total_in_words(&self.total))
            }
            Form::Text => total_in_words(&self.total),
        };
        plan.progress.aside(|| report::line(self.out, &text))
    }
}

fn total_in_words(total: &Done) -> String {
    let Done { files, gone, stayed, untold } = *total;
    let of = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    let mut words = format!("evicted {} of {of}", human(bytes(gone)));
    match stayed {
        0 if untold == 0 => words += ", nothing stayed",
        0 => {}
        stayed => words += &format!(", {} stayed", human(bytes(stayed))),
    }
    if untold > 0 {
        words += &format!("; of {untold} it is not told");
    }
    words
}

fn in_words(chosen: &Chosen<'_>, outcome: &Outcome) -> String {
    let name = chosen.name.quoted();
    match outcome {
        Outcome::Gone(0) => format!("{:>10} evicted  {name}: nothing was cached", human(0)),
        Outcome::Gone(gone) => format!("{:>10} evicted  {name}", human(bytes(*gone))),
        Outcome::Stayed { gone, stayed, because } => format!(
            "{:>10} evicted  {name}: {} stayed: {}",
            human(bytes(*gone)),
            human(bytes(*stayed)),
            because.in_words()
        ),
        Outcome::Untold(why) => format!("{:>10} evicted  {name}: {why}", "?"),
    }
}

fn in_json(chosen: &Chosen<'_>, outcome: &Outcome) -> Value {
    let mut object = report::object(&chosen.name.parts().concat());
    match outcome {
        Outcome::Gone(gone) => {
            report::add(&mut object, [("evicted", bytes(*gone).into()), ("stayed", 0.into())]);
        }
        Outcome::Stayed { gone, stayed, because } => report::add(
            &mut object,
            [
                ("evicted", bytes(*gone).into()),
                ("stayed", bytes(*stayed).into()),
                ("because", because.in_json()),
            ],
        ),
        Outcome::Untold(why) => report::add(
            &mut object,
            [
                ("evicted", Value::Null),
                ("stayed", Value::Null),
                ("unknown", why.to_string().into()),
            ],
        ),
    }
    Value::Object(object)
}

/// Write the dirty pages of the chosen files, and no more.
pub(super) fn sync(
    plan: &Plan<'_>,
    out: &mut (impl Write + Send),
    complaints: &mut Complaints,
) -> io::Result<()> {
    // Files, and pages that were dirty where that is told.
    let total = Mutex::new((0u64, 0u64));
    let visitor = |chosen: Chosen<'_>| {
        let pages = FilePages::of(&chosen.file).map_err(|error| cannot("sync", &chosen, &error))?;
        let dirty =
            pages.counts(..).ok().and_then(|counts| counts.states).map_or(0, |states| states.dirty);
        sync_first(plan.sync, &chosen, &pages)?;
        let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
        *total = (total.0 + 1, total.1 + dirty);
        Ok(())
    };
    let visitors = vec![visitor; plan.selection.threads()];
    plan.selection.visit(visitors, complaints, plan.progress)?;
    let (files, dirty) = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    let text = match plan.form {
        Form::Json => json!({ "total": true, "files": files, "written": bytes(dirty) }).to_string(),
        Form::Text if files == 1 => format!("wrote {} of 1 file", human(bytes(dirty))),
        Form::Text => format!("wrote {} of {files} files", human(bytes(dirty))),
    };
    plan.progress.aside(|| report::line(out, &text))
}
