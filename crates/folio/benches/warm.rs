//! What warms a cold file best: `FilePages::warm` beside the calls that others warm with.
//!
//! `cargo bench -p folio --bench warm [-- MEBIBYTES]`. Each way reads the same file in windows of 8 MiB, which is evicted and seen to
//! be cold before. They take turns for five rounds; printed are the medians of the time, of the processor time, and of how much was
//! in the page cache at the return of the last call; what is there but not yet read counts, so a way that does not wait is faster
//! than any device. `FOLIO_BENCH_DIR` chooses where the file lies: the page cache of a loop device or a network is another's.

use std::fs::File;
use std::io::Write as _;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use folio::{FilePages, MapOptions, PopulateFor};
use rustix::fs::Advice;

const ROUNDS: usize = 5;
const WINDOW: u64 = 8 << 20;

/// Reads a window; the way of the whole file is given the first one alone.
type Way = fn(&File, u64, u64);

const WAYS: [(&str, Way); 7] = [
    ("FilePages::warm, whole file", |file, start, _| {
        if start == 0 {
            warm(file, 0, u64::MAX >> 1);
        }
    }),
    ("FilePages::warm, ranges", warm),
    ("pread into a buffer", |file, start, end| {
        let mut buffer = vec![0; 1 << 20];
        for at in (start..end).step_by(1 << 20) {
            file.read_at(&mut buffer, at).unwrap();
        }
    }),
    ("POSIX_FADV_WILLNEED", |file, start, end| {
        rustix::fs::fadvise(file, start, NonZeroU64::new(end - start), Advice::WillNeed).unwrap();
    }),
    ("POSIX_FADV_WILLNEED, 128 KiB each", |file, start, end| {
        for at in (start..end).step_by(128 << 10) {
            let len = NonZeroU64::new((128 << 10).min(end - at));
            rustix::fs::fadvise(file, at, len, Advice::WillNeed).unwrap();
        }
    }),
    ("MADV_WILLNEED", |file, start, end| {
        map(file, start, end).pages().prefetch(..).unwrap();
    }),
    ("MADV_POPULATE_READ", |file, start, end| {
        map(file, start, end).pages().populate(.., PopulateFor::Read).unwrap();
    }),
];

fn warm(file: &File, start: u64, end: u64) {
    for window in FilePages::of(file).unwrap().warm(start..end).unwrap() {
        window.unwrap();
    }
}

fn map(file: &File, start: u64, end: u64) -> folio::Shared {
    MapOptions::new().offset(start).len(end - start).map_shared(file).unwrap()
}

/// What one way took in one round.
#[derive(Clone, Copy)]
struct Taken {
    time: Duration,
    processor: Duration,
    /// Pages.
    cached: u64,
}

fn main() {
    let mib: u64 = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(256);
    let dir = match std::env::var_os("FOLIO_BENCH_DIR") {
        Some(dir) => tempfile::tempdir_in(dir).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let path = dir.path().join("file");
    let mut file = File::create(&path).unwrap();
    (0..mib).for_each(|_| file.write_all(&vec![1; 1 << 20]).unwrap());
    file.sync_all().unwrap();
    println!("{mib} MiB, cold, in {}", dir.path().display());
    let mut taken = [const { Vec::new() }; WAYS.len()];
    for round in 0..ROUNDS {
        for number in (0..WAYS.len()).map(|number| (number + round) % WAYS.len()) {
            taken[number].push(run(&File::open(&path).unwrap(), mib << 20, WAYS[number].1));
        }
    }
    for ((name, _), taken) in WAYS.iter().zip(&taken) {
        let median = |figure: fn(&Taken) -> f64| {
            let mut figures: Vec<f64> = taken.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            (figures[ROUNDS / 2], figures[0], figures[ROUNDS - 1])
        };
        let (time, least, most) = median(|taken| taken.time.as_secs_f64() * 1e3);
        let (processor, ..) = median(|taken| taken.processor.as_secs_f64() * 1e3);
        let (cached, ..) = median(|taken| taken.cached as f64);
        let share = cached * 100.0 / (mib * 256) as f64;
        println!(
            "{name:<36} {time:>7.1} ms ({least:.1} to {most:.1}), processor {processor:>6.1} ms, {share:>4.0} % cached"
        );
    }
}

fn run(file: &File, len: u64, way: Way) -> Taken {
    let pages = FilePages::of(file).unwrap();
    // What is being read cannot be evicted; what was asked for and not waited for may still be.
    while pages.evict(..).unwrap().after.unwrap().cached > 0 {}
    let (start, processor) = (Instant::now(), on_processor());
    for window in 0..len.div_ceil(WINDOW) {
        way(file, window * WINDOW, len.min((window + 1) * WINDOW));
    }
    let time = start.elapsed();
    Taken { time, processor: on_processor() - processor, cached: pages.counts(..).unwrap().cached }
}

/// How long this process was on a processor; proc(5), /proc/PID/schedstat.
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}
