//! `--warm`: reading in what is absent.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use folio::{ErrorKind, FilePages, PageState};
use rustix::fs::{CWD, OFlags};
use serde_json::{Value, json};

use super::memory::{Memory, Short};
use super::report::{self, Form, Lines, bytes};
use super::{Plan, cannot, sync_first};
use crate::failure::{Complaints, Failure, InputFailure};
use crate::name::quoted;
use crate::pages::select::{Chosen, open_at};
use crate::units::human;

/// Read the chosen files in.
pub(super) fn run(
    plan: &Plan<'_>,
    paths: &[PathBuf],
    out: &mut (impl Write + Send),
    complaints: &mut Complaints,
) -> io::Result<()> {
    if plan.lines == Lines::Each {
        plan.progress.expect(paths.iter().map(|path| absent_of(path)).sum());
    }
    let warm = Warm {
        plan,
        memory: Memory::new(),
        total: Mutex::new(Total { out, done: Done::default() }),
        start: Instant::now(),
    };
    let visitor = |chosen: Chosen<'_>| warm.one(&chosen);
    let visitors = vec![visitor; plan.selection.threads()];
    plan.selection.visit(visitors, complaints, plan.progress)?;
    warm.end(complaints)
}

/// How much of a named file is to be read; 0 if that cannot be told, because it will be told when it is read.
fn absent_of(path: &std::path::Path) -> u64 {
    let absent = || {
        // Before it is opened: that of a FIFO waits for a writer.
        std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        let (file, _) = open_at(CWD, path, OFlags::empty()).ok()?;
        absent(&FilePages::of(&file).ok()?).ok()
    };
    absent().unwrap_or(0)
}

/// How many bytes of the file are on the device alone.
pub(super) fn absent(pages: &FilePages<'_>) -> folio::Result<u64> {
    let mut absent = 0;
    for run in pages.runs(..)? {
        let run = run?;
        if run.state == PageState::Absent {
            absent += run.range.end - run.range.start;
        }
    }
    Ok(absent)
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) files: u64,
    pub(super) len: u64,
    /// Bytes that were absent and are not.
    pub(super) read: u64,
    /// Bytes in the page cache afterwards, of the files of which that is told.
    pub(super) cached: u64,
    /// Files of which the kernel does not tell what is in the page cache.
    pub(super) untold: u64,
    /// Bytes that are absent all the same.
    pub(super) missing: u64,
}

struct Warm<'a, W> {
    plan: &'a Plan<'a>,
    memory: Memory,
    total: Mutex<Total<'a, W>>,
    start: Instant,
}

struct Total<'a, W> {
    out: &'a mut W,
    done: Done,
}

impl<W: Write> Warm<'_, W> {
    fn one(&self, chosen: &Chosen<'_>) -> Result<(), Failure> {
        let failed = |error| cannot("warm", chosen, &error);
        let pages = FilePages::of(&chosen.file).map_err(failed)?;
        sync_first(self.plan.sync, chosen, &pages)?;
        let mut done = Done { files: 1, len: pages.len(), ..Done::default() };
        let mut outcome = Ok(());
        if self.memory.short().is_none() {
            outcome = self.read(chosen, &pages, &mut done.read).map_err(failed);
        }
        match pages.counts(..) {
            Ok(counts) => {
                done.cached = bytes(counts.cached).min(pages.len());
                done.missing = match absent(&pages) {
                    Ok(missing) => missing,
                    // What was told first says more.
                    Err(error) => return outcome.and(Err(failed(error))),
                };
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => done.untold = 1,
            Err(error) => return Err(failed(error)),
        }
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        total.add(self.plan, chosen, &done).map_err(Failure::Output)?;
        outcome
    }

    /// Read what is absent, until memory is short.
    fn read(
        &self,
        chosen: &Chosen<'_>,
        pages: &FilePages<'_>,
        read: &mut u64,
    ) -> folio::Result<()> {
        for window in pages.warm(..)? {
            let window = window?;
            *read += window.end - window.start;
            self.plan.progress.add(window.end - window.start);
            if self.memory.note(&chosen.file, &window).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn end(self, complaints: &mut Complaints) -> io::Result<()> {
        let elapsed = self.start.elapsed();
        let Total { out, done } = self.total.into_inner().unwrap_or_else(PoisonError::into_inner);
        tell_short(self.memory.short(), &done, complaints);
        let text = match self.plan.form {
            // Why there was none was told.
            Form::Text if done.files == 0 => return Ok(()),
            Form::Text => in_words(&done, elapsed),
            Form::Json => in_json(&done, self.memory.short(), elapsed).to_string(),
        };
        self.plan.progress.aside(|| report::line(out, &text))
    }
}

impl<W: Write> Total<'_, W> {
    fn add(&mut self, plan: &Plan<'_>, chosen: &Chosen<'_>, done: &Done) -> io::Result<()> {
        self.done.files += 1;
        // What is cached is a part of what is told.
        self.done.len += if done.untold == 0 { done.len } else { 0 };
        self.done.read += done.read;
        self.done.cached += done.cached;
        self.done.untold += done.untold;
        self.done.missing += done.missing;
        let text = match (plan.form, plan.lines) {
            (Form::Json, _) => {
                let mut object = report::object(&chosen.name.parts().concat());
                report::add(&mut object, members(done));
                Value::Object(object).to_string()
            }
            (Form::Text, Lines::Unusual) if done.missing == 0 => return Ok(()),
            (Form::Text, _) => row(chosen, done),
        };
        plan.progress.aside(|| report::line(self.out, &text))
    }
}

fn members(done: &Done) -> [(&'static str, Value); 4] {
    let told = done.untold == 0;
    let told = |bytes: u64| if told { Value::from(bytes) } else { Value::Null };
    [
        ("len", done.len.into()),
        ("read", done.read.into()),
        ("cached", told(done.cached)),
        ("absent", told(done.missing)),
    ]
}

fn row(chosen: &Chosen<'_>, done: &Done) -> String {
    let mut row = format!("{:>10} read", human(done.read));
    if done.untold > 0 {
        row += "; what of it was absent is not told";
    } else {
        row += " in";
        row += &format!(", {:>10} of {:>10} cached", human(done.cached), human(done.len));
    }
    if done.missing > 0 {
        row += &format!(", {} absent", human(done.missing));
    } else if done.untold == 0 && done.cached < done.len {
        row += ", the rest is holes";
    }
    format!("{row}  {}", quoted(&chosen.name.to_path()))
}

/// That memory was short, or that pages went again for another reason, makes the exit code 1.
pub(super) fn tell_short(short: Option<Short>, done: &Done, complaints: &mut Complaints) {
    match short {
        Some(short) => complaints.tell(&short),
        None if done.missing > 0 => complaints.note(),
        None => {}
    }
}

/// `read in 1.2 GiB in 2.1 s, 580.0 MiB/s; of 3 files, 3.4 GiB of 3.5 GiB are cached`
fn in_words(done: &Done, elapsed: Duration) -> String {
    let files = if done.files == 1 { "file" } else { "files" };
    let mut words = rate(done.read, elapsed);
    if done.untold == done.files {
        return words + "; what of it was absent is not told";
    }
    let (cached, len) = (human(done.cached), human(done.len));
    words += &format!("; of {} {files}, {cached} of {len} are cached", done.files);
    if done.missing > 0 {
        words += &format!(", {} are absent", human(done.missing));
    } else if done.untold == 0 && done.cached < done.len {
        words += ", the rest is holes";
    }
    match done.untold {
        0 => {}
        1 => words += "; of 1 it is not told",
        untold => words += &format!("; of {untold} it is not told"),
    }
    words
}

/// `read in 1.2 GiB in 2.1 s, 580.0 MiB/s`
pub(super) fn rate(read: u64, elapsed: Duration) -> String {
    if read == 0 {
        return "nothing had to be read in".to_owned();
    }
    let speed = u128::from(read) * 1000 / elapsed.as_millis().max(1);
    let speed = human(u64::try_from(speed).unwrap_or(u64::MAX));
    format!("read in {} in {:.1} s, {speed}/s", human(read), elapsed.as_secs_f64())
}

fn in_json(done: &Done, short: Option<Short>, elapsed: Duration) -> Value {
    json!({
        "total": true, "files": done.files, "len": done.len, "read": done.read, "cached": done.cached,
        "absent": done.missing, "untold": done.untold, "seconds": elapsed.as_secs_f64(),
        "stopped": short.map(|short| short.to_string()),
    })
}

/// The failure to warm what is saved, for [`restore`](super::restore).
pub(super) fn unreadable(name: String, error: &folio::Error) -> Failure {
    InputFailure::cannot(name, "warm", crate::failure::reason(error))
}
