//! `folio pages --watch --json`: what the screen would show, for a program. An object a line, until the reader goes away or
//! the process is ended.
//!
//! The objects are those of `--json` without `--watch`, and `time`, in seconds since the beginning. Every interval come the files
//! that have changed since they were last printed, at first all, each with `in_per_s` and `out_per_s`, the pages that came and
//! went in a second. A file that is gone is `{"file":…,"gone":true}`; what cannot be looked at has an `error`, which
//! says why. Then comes one object with `"total":true`, and in it `machine` and, with `--pid`, `processes`: rates of a second
//! and, of the machine, the pages that are dirty or being written.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use folio::StateCounts;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde_json::{Value, json};

use super::event::{Event, Figures, Identity, Seen, Sight};
use super::files::{FileName, Files, Named};
use super::look::{Nameless, counted};
use super::pace::Interval;
use super::rates::{Life, Meter, ProcessMeter};
use super::row::Rate;
use super::sweep;
use crate::pages::select::Selection;

/// Lines are collected up to this many bytes.
const FULL: usize = 64 << 10;

/// Print until writing fails.
///
/// # Errors
/// The first of `out`; a closed pipe, for instance.
pub(crate) fn run(
    selection: &Selection,
    interval: Interval,
    out: &mut (impl Write + AsFd + Send),
) -> io::Result<()> {
    let start = Instant::now();
    let mut stream = Stream::default();
    let nameless = Nameless::default();
    for round in 1u32.. {
        let mut lines = Lines { out, buffer: Vec::new() };
        stream.round(start.elapsed(), selection, &nameless, &mut lines)?;
        lines.write()?;
        out.flush()?;
        // From the beginning, so that what a round takes is not added up.
        wait(out, start + interval.time().saturating_mul(round))?;
    }
    Ok(())
}

/// Objects on their way out, a line each: there may be too many to keep all.
struct Lines<'a, W> {
    out: &'a mut W,
    buffer: Vec<u8>,
}

impl<W: Write> Lines<'_, W> {
    fn put(&mut self, object: &Value) -> io::Result<()> {
        serde_json::to_writer(&mut self.buffer, object)?;
        self.buffer.push(b'\n');
        if self.buffer.len() < FULL { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

/// Wait until then, or until the reader of a pipe goes away, which is the end.
fn wait(out: &impl AsFd, until: Instant) -> io::Result<()> {
    loop {
        let rest = until.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Ok(());
        }
        let rest = Timespec::try_from(rest).ok();
        // Not asked for, and told all the same: POLLERR, which a pipe without readers has.
        match poll(&mut [PollFd::new(out, PollFlags::empty())], rest.as_ref()) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Err(io::ErrorKind::BrokenPipe.into()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// What was printed of each file.
#[derive(Debug, Default)]
struct Stream {
    files: Files<Printed>,
    complaints: Vec<String>,
    meter: Meter,
    rounds: u32,
}

#[derive(Debug)]
struct Printed {
    name: FileName,
    sight: Sight,
    at: Duration,
    round: u32,
    rate: Rate,
}

impl Named for Printed {
    fn file_name(&self) -> &FileName {
        &self.name
    }
}

impl Stream {
    /// Sweep, and print what there is to print.
    fn round<W: Write + Send>(
        &mut self,
        now: Duration,
        selection: &Selection,
        nameless: &Nameless,
        lines: &mut Lines<'_, W>,
    ) -> io::Result<()> {
        let time = (now.as_secs_f64() * 1000.0).round() / 1000.0;
        self.rounds += 1;
        let mut sum = Sum::default();
        let complaints = sweep::once(selection, nameless, |seen| {
            if let Some(figures) = seen.sight.figures() {
                sum.add(figures);
            }
            self.file(now, time, seen).map_or(Ok(()), |object| lines.put(&object))
        })?;
        let is_gone = |printed: &Printed| printed.round != self.rounds;
        for gone in self.files.iter().filter(|printed| is_gone(printed)) {
            lines.put(&object(time, &gone.name.to_path(), &Sight::Gone, Rate::default()))?;
        }
        self.files.retain(|printed| !is_gone(printed));
        if complaints != self.complaints {
            for why in &complaints {
                lines.put(&json!({ "time": time, "error": why }))?;
            }
            self.complaints = complaints;
        }
        let counted = counted(selection.pids());
        lines.put(&self.whole(now, time, &sum, counted))
    }

    /// The object of a file, if anything about it has changed.
    fn file(&mut self, now: Duration, time: f64, seen: Seen) -> Option<Value> {
        let Seen { path, sight } = seen;
        let mut is_new = false;
        let round = self.rounds;
        let printed = self.files.of(&path, |name| {
            is_new = true;
            Printed { name, sight: Sight::Gone, at: now, round, rate: Rate::default() }
        });
        let rate = rate(printed, &sight, now);
        let has_changed = is_new || printed.sight != sight || printed.rate != rate;
        let object = has_changed.then(|| object(time, &path, &sight, rate));
        (printed.sight, printed.at, printed.round, printed.rate) = (sight, now, round, rate);
        object
    }

    fn whole(&mut self, now: Duration, time: f64, sum: &Sum, counted: Event) -> Value {
        if let Event::Counted { machine, processes } = counted {
            self.meter.machine(now, machine);
            for (pid, faults) in processes {
                self.meter.process(now, pid, faults);
            }
        }
        let rates = &self.meter.rates;
        let mut whole = json!({
            "time": time,
            "total": true, "files": sum.files, "len": sum.len, "pages": sum.pages,
            "cached": sum.cached, "unknown_files": sum.unknown_files,
            "unknown_pages": sum.unknown_pages,
            "machine": {
                "minor_faults_per_s": rates.minor, "major_faults_per_s": rates.major,
                "read_bytes_per_s": rates.read, "written_bytes_per_s": rates.written,
                "refaults_per_s": rates.refaults, "dirty": rates.dirty, "writeback": rates.writeback,
            },
        });
        if let Some(states) = sum.states {
            add(&mut whole, states);
        }
        let processes = self.meter.processes.iter().map(|process| {
            let ProcessMeter { pid, is, minor, major, .. } = process;
            json!({
                "pid": pid, "name": process.name(), "running": *is == Life::Running,
                "minor_faults_per_s": minor, "major_faults_per_s": major,
            })
        });
        if !self.meter.processes.is_empty() {
            whole["processes"] = processes.collect();
        }
        whole
    }
}

/// The sum of all files, in pages but for the length; pages of which it is not told whether they are cached are not among
/// `pages`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    files: u64,
    len: u64,
    pages: u64,
    cached: u64,
    unknown_files: u64,
    unknown_pages: u64,
    states: Option<StateCounts>,
}

impl Sum {
    fn add(&mut self, figures: &Figures) {
        self.files += 1;
        self.len = self.len.saturating_add(figures.len);
        match figures.cached() {
            Some(cached) => {
                self.pages += figures.pages();
                self.cached += cached;
            }
            None => {
                self.unknown_files += 1;
                self.unknown_pages += figures.pages();
            }
        }
        if let Some(states) = figures.states() {
            let sum = self.states.get_or_insert_default();
            sum.dirty += states.dirty;
            sum.writeback += states.writeback;
            sum.evicted += states.evicted;
            sum.recently_evicted += states.recently_evicted;
        }
    }
}

fn add(object: &mut Value, states: StateCounts) {
    object["dirty"] = states.dirty.into();
    object["writeback"] = states.writeback.into();
    object["evicted"] = states.evicted.into();
    object["recently_evicted"] = states.recently_evicted.into();
}

/// Pages in and out in a second since the file was seen before, if it is still that file.
fn rate(before: &Printed, sight: &Sight, now: Duration) -> Rate {
    let cached = |sight: &Sight| match sight {
        Sight::Here { identity, figures } => Some((*identity, figures.cached()?)),
        Sight::Gone | Sight::Failed(_) => None,
    };
    match (cached(&before.sight), cached(sight)) {
        (Some((one, then)), Some((other, cached))) if one == other => {
            Rate::between(then, cached, now.saturating_sub(before.at))
        }
        _ => Rate::default(),
    }
}

/// A file whose name is not UTF-8 has it in hexadecimal too.
fn object(time: f64, path: &Path, sight: &Sight, Rate { into, out }: Rate) -> Value {
    let mut object = match sight {
        Sight::Here { identity: Identity { dev, ino }, figures } => json!({
            "dev": dev, "ino": ino, "len": figures.len, "pages": figures.pages(),
            "cached": figures.cached(), "in_per_s": into, "out_per_s": out,
        }),
        Sight::Gone => json!({ "gone": true }),
        Sight::Failed(why) => json!({ "error": why }),
    };
    if let Some(why) = sight.figures().and_then(Figures::why_unknown) {
        object["unknown"] = json!(why.to_string());
    }
    if let Some(states) = sight.figures().and_then(Figures::states) {
        add(&mut object, states);
    }
    object["time"] = json!(time);
    object["file"] = json!(path.to_string_lossy());
    if path.to_str().is_none() {
        let bytes = path.as_os_str().as_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        object["file_hex"] = json!(hex);
    }
    object
}
