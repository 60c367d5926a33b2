//! `folio bench`: which way to read and to write is best on this machine and this file, measured, and why.
//!
//! | module | is |
//! |---|---|
//! | [`plan`] | the patterns: which bytes, in which order |
//! | [`way`] | the ways to read |
//! | [`place`] | the file that is read, or made to be |
//! | [`cache`] | cold and warm, and looking whether it is so |
//! | [`read`] | carrying a plan out in one way |
//! | [`rounds`] | the ways in turn, for as long as there is time |
//! | [`costs`] | what a call, a fault and a look cost by themselves |
//! | [`writing`], [`device`] | stores and their way to the device, and what that writes |
//! | [`stats`] | medians and spreads, and whether two differ |
//! | [`results`], [`advice`] | what came out, and what it means |
//! | [`report`] | tables, JSON and plots |

mod advice;
mod cache;
mod costs;
mod device;
mod flags;
mod place;
mod plan;
mod read;
mod report;
mod results;
mod rounds;
mod stats;
mod way;
mod writing;

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use anstyle::Style;

use crate::doctor::Line;
use crate::failure::{Complaints, Failure, InputFailure};
use crate::flags::Colour;
use crate::name::quoted;
use crate::stdout::{Stdout, columns};
use crate::threads::cores;

use costs::Costs;
use flags::Only;
use place::{Place, Whose};
use plan::Pattern;
use report::Look;
use results::{Method, Results};
use rounds::Wanted;
use way::{Cache, Way};
use writing::WriteRow;

pub(crate) use flags::BenchFlags;

/// The default for `--time`.
const TIME: Duration = Duration::from_secs(25);
/// The part of the time that writing gets.
const WRITING: u32 = 6;

/// Measure and print.
pub(crate) fn run(
    flags: &BenchFlags,
    colour: Colour,
    complaints: &mut Complaints,
) -> io::Result<()> {
    let mut out = Stdout::new()?;
    if flags.list {
        let mut text = Vec::new();
        report::list(&mut text)?;
        return out.write_all(&text);
    }
    // A limit on the length of files is a reason to give, not to end without a word.
    let _ = folio::raw::ignore_signal(folio::raw::Signal::FileSize);
    let results = match measure(flags) {
        Ok(results) => results,
        Err(failure) => return complaints.sort(Err(failure)),
    };
    for output in flags.picture.outputs() {
        complaints.sort(report::plots(&results).draw(&output))?;
    }
    if flags.picture.take_stdout() {
        return Ok(());
    }
    let mut text = Vec::new();
    if flags.json {
        report::write_json(&results, &mut text)?;
    } else {
        report::write_text(&results, look(colour), &mut text)?;
    }
    out.write_all(&text)
}

/// Everything that the flags ask for.
fn measure(flags: &BenchFlags) -> Result<Results, Failure> {
    let path = flags.path.clone().unwrap_or_default();
    let mut line = Line::new();
    line.draw("bench: opening, or making a file");
    let place = Place::open(&path, flags.size.map(|size| size.0), flags.quick)?;
    let subject = place.subject();
    let dir = place.directory();
    if let (None, Some(Only::Write)) = (dir, flags.only) {
        let why = "is no directory, and only a file of bench's own is written: name one";
        return Err(InputFailure::refused(subject.name.clone(), why));
    }
    let start = Instant::now();
    let wanted = wanted(flags, dir.is_some());
    let mut tell =
        |what: &str, part: f64| line.draw(&format!("bench: {:3.0} %, {what}", part * 100.0));
    let (mut costs, mut reads) = (Costs::default(), Vec::new());
    if flags.only != Some(Only::Write) {
        if subject.whose == Whose::Own {
            cache::start_over(subject)?;
        }
        reads = rounds::measure(subject, &wanted, &mut tell)?;
        if wanted.caches.contains(&Cache::Warm) {
            cache::prepare(subject, Cache::Warm)?;
            costs = costs::measure(subject);
        }
    }
    let writes = writes(flags, &place, &wanted, &mut tell)?;
    drop(line);
    let method = method(&place, &wanted, start.elapsed(), flags);
    Ok(Results { method, costs, reads, writes })
}

fn writes(
    flags: &BenchFlags,
    place: &Place,
    wanted: &Wanted,
    tell: &mut dyn FnMut(&str, f64),
) -> Result<Vec<WriteRow>, Failure> {
    let Some(dir) = place.directory().filter(|_| flags.only != Some(Only::Read)) else {
        return Ok(Vec::new());
    };
    let sizes: Vec<u64> = match flags.record.len() {
        0 => writing::SIZES.to_vec(),
        _ => flags.record.iter().map(|size| size.0).collect(),
    };
    let time = if flags.only == Some(Only::Write) { time(flags) } else { time(flags) / WRITING };
    writing::measure(dir, &sizes, wanted.rounds, time, tell)
        .map_err(|error| InputFailure::os(place.subject().name.clone(), "write in", &error))
}

fn time(flags: &BenchFlags) -> Duration {
    flags.time.unwrap_or(if flags.quick { TIME / 5 } else { TIME })
}

fn wanted(flags: &BenchFlags, writes_too: bool) -> Wanted {
    let or_all = |typed: &[Way]| if typed.is_empty() { Way::ALL.to_vec() } else { typed.to_vec() };
    let mut threads: Vec<usize> = flags.threads.iter().copied().map(NonZeroUsize::get).collect();
    if threads.is_empty() {
        threads = vec![1, cores()];
    }
    threads.dedup();
    let reading = if writes_too { time(flags) - time(flags) / WRITING } else { time(flags) };
    Wanted {
        ways: or_all(&flags.ways),
        patterns: if flags.patterns.is_empty() {
            Pattern::ALL.to_vec()
        } else {
            flags.patterns.clone()
        },
        threads,
        caches: if flags.cache.is_empty() {
            vec![Cache::Warm, Cache::Cold]
        } else {
            flags.cache.clone()
        },
        rounds: flags.rounds.unwrap_or(if flags.quick { 3 } else { 5 }),
        time: reading,
        depth: flags.depth,
    }
}

fn method(place: &Place, wanted: &Wanted, took: Duration, flags: &BenchFlags) -> Method {
    let subject = place.subject();
    let no_writing = match (place, flags.only) {
        (Place::File(_), None) => {
            Some("a file that is named is only read; name a directory for that".to_owned())
        }
        _ => None,
    };
    Method {
        name: std::fs::canonicalize(flags.path.clone().unwrap_or_default())
            .map_or_else(|_| subject.name.clone(), |path| quoted(&path)),
        own: subject.whose == Whose::Own,
        filesystem: subject.filesystem.clone(),
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        len: subject.len,
        span: subject.span,
        rounds: wanted.rounds,
        depth: wanted.depth,
        took,
        no_writing,
    }
}

fn look(colour: Colour) -> Look {
    let (best, heading) = if colour.wanted(&io::stdout()) {
        (anstyle::AnsiColor::Green.on_default().bold(), Style::new().bold())
    } else {
        (Style::new(), Style::new())
    };
    Look { width: columns().map_or(80, |width| width.max(40)), best, heading }
}
