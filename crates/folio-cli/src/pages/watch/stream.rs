//! `folio pages --watch --json`: what the screen would show, for a program. An object a line, until the reader goes away or
//! the process is ended.
//!
//! Every interval, each file that has changed since it was last printed, at first all:
//! `{"time":1.0,"file":"…","len":…,"pages":…,"cached":…,"dirty":…,"writeback":…,"evicted":…,"recently_evicted":…,
//! "in_per_s":…,"out_per_s":…}`; what the kernel does not tell is `null`, and `"unknown"` says why. A file that is gone is
//! `{"time":…,"file":"…","gone":true}`, what cannot be looked at `{"time":…,"error":"…"}`. Then one object of the whole:
//! `{"time":…,"total":{"files":…,"len":…,"cached":…,"dirty":…,"writeback":…,"unknown":…},"machine":{…},"process":{…}}`,
//! where `total` is in bytes, `files` and `unknown` count files, rates are of a second and the machine's `dirty` and `writeback` are pages.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::event::{Cached, Event, Identity, Seen, Sight};
use super::look::{Nameless, counted};
use super::model::Totals;
use super::pace::Interval;
use super::rates::{Life, Meter, per_second};
use super::sweep;
use crate::pages::select::Selection;

/// Print until writing fails.
///
/// # Errors
/// The first of `out`; a closed pipe, for instance.
pub(crate) fn run(
    selection: &Selection,
    interval: Interval,
    out: &mut impl Write,
) -> io::Result<()> {
    let start = Instant::now();
    let mut stream = Stream::default();
    let nameless = Nameless::default();
    let (tell, told) = mpsc::channel();
    for round in 1u32.. {
        let now = start.elapsed();
        let complaints = sweep::once(selection, &nameless, &tell);
        let seen = told.try_iter().filter_map(|event| match event {
            Event::Swept(seen) => Some(seen),
            _ => None,
        });
        let mut lines = Vec::new();
        for object in
            stream.round(now, seen.flatten(), &complaints, counted(selection.first_process()))
        {
            serde_json::to_writer(&mut lines, &object)?;
            lines.push(b'\n');
        }
        out.write_all(&lines)?;
        out.flush()?;
        // From the beginning, so that what a round takes is not added up.
        let due = interval.time().saturating_mul(round);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
    Ok(())
}

/// What was printed of each file.
#[derive(Debug, Default)]
struct Stream {
    files: HashMap<Arc<Path>, Printed>,
    complaints: Vec<String>,
    meter: Meter,
    rounds: u64,
}

#[derive(Debug)]
struct Printed {
    sight: Sight,
    at: Duration,
    round: u64,
    rates: (u64, u64),
}

impl Stream {
    /// What there is to print after a sweep.
    fn round(
        &mut self,
        now: Duration,
        seen: impl Iterator<Item = Seen>,
        complaints: &[String],
        counted: Event,
    ) -> Vec<Value> {
        let time = (now.as_secs_f64() * 1000.0).round() / 1000.0;
        self.rounds += 1;
        let mut objects = Vec::new();
        let mut totals = Totals::default();
        for seen in seen {
            if let Some(figures) = seen.sight.figures() {
                totals.add(figures);
            }
            objects.extend(self.file(now, time, seen));
        }
        let rounds = self.rounds;
        self.files.retain(|path, printed| {
            let is_here = printed.round == rounds;
            if !is_here {
                objects.push(object(time, path, &Sight::Gone, (0, 0)));
            }
            is_here
        });
        if complaints != self.complaints {
            objects.extend(complaints.iter().map(|why| json!({ "time": time, "error": why })));
            self.complaints = complaints.to_vec();
        }
        objects.push(self.whole(now, time, &totals, counted));
        objects
    }

    /// The object of a file, if anything about it has changed.
    fn file(&mut self, now: Duration, time: f64, seen: Seen) -> Option<Value> {
        let Seen { path, sight } = seen;
        let before = self.files.get(&path);
        let rates = before.map_or((0, 0), |before| rates(before, &sight, now));
        let has_changed =
            before.is_none_or(|before| before.sight != sight || before.rates != rates);
        let object = has_changed.then(|| object(time, &path, &sight, rates));
        self.files.insert(path, Printed { sight, at: now, round: self.rounds, rates });
        object
    }

    fn whole(&mut self, now: Duration, time: f64, totals: &Totals, counted: Event) -> Value {
        if let Event::Counted { machine, process } = counted {
            self.meter.machine(now, machine);
            if let Some(process) = process {
                self.meter.process(now, process);
            }
        }
        let rates = &self.meter.rates;
        let mut whole = json!({
            "time": time,
            "total": {
                "files": totals.files, "len": totals.len, "cached": totals.cached,
                "dirty": totals.dirty, "writeback": totals.writeback, "unknown": totals.unknown,
            },
            "machine": {
                "minor_faults_per_s": rates.minor, "major_faults_per_s": rates.major,
                "read_bytes_per_s": rates.read, "written_bytes_per_s": rates.written,
                "refaults_per_s": rates.refaults, "dirty": rates.dirty, "writeback": rates.writeback,
            },
        });
        if let Some(process) = &self.meter.process {
            whole["process"] = json!({
                "name": process.name, "running": process.is == Life::Running,
                "minor_faults_per_s": process.minor, "major_faults_per_s": process.major,
            });
        }
        whole
    }
}

/// Pages in and out in a second since the file was seen before, if it is still that file.
fn rates(before: &Printed, sight: &Sight, now: Duration) -> (u64, u64) {
    let cached = |sight: &Sight| match sight {
        Sight::Here { identity, figures } => Some((*identity, figures.cached()?)),
        Sight::Gone | Sight::Failed(_) => None,
    };
    match (cached(&before.sight), cached(sight)) {
        (Some((one, then)), Some((other, cached))) if one == other => {
            let time = now.saturating_sub(before.at);
            let rate = |more: u64, less: u64| per_second(more.saturating_sub(less), time);
            (rate(cached, then), rate(then, cached))
        }
        _ => (0, 0),
    }
}

/// A file whose name is not UTF-8 has it in hexadecimal too.
fn object(time: f64, path: &Path, sight: &Sight, (into, out): (u64, u64)) -> Value {
    let mut object = match sight {
        Sight::Here { identity: Identity { dev, ino }, figures } => json!({
            "dev": dev, "ino": ino, "len": figures.len, "pages": figures.pages,
            "cached": figures.cached(), "dirty": figures.dirty, "writeback": figures.writeback,
            "evicted": figures.evicted, "recently_evicted": figures.recently_evicted,
            "in_per_s": into, "out_per_s": out,
        }),
        Sight::Gone => json!({ "gone": true }),
        Sight::Failed(why) => json!({ "error": why }),
    };
    if let Some(Cached::Unknown(why)) = sight.figures().map(|figures| &figures.cached) {
        object["unknown"] = json!(why);
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
