//! Measuring folio beside a peer: contestants take turns, so that noise of the machine hits all alike, and medians are
//! compared.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Something to be timed, by name.
pub(crate) struct Contestant<'a> {
    name: String,
    run: Box<dyn FnMut() -> Duration + 'a>,
    times: Vec<Duration>,
}

/// A contestant of which each call is timed whole.
pub(crate) fn contestant<'a, T>(
    name: impl Into<String>,
    mut work: impl FnMut() -> T + 'a,
) -> Contestant<'a> {
    timed(name, move || {
        let start = Instant::now();
        std::hint::black_box(work());
        start.elapsed()
    })
}

/// A contestant that tells itself how long it took.
pub(crate) fn timed<'a>(
    name: impl Into<String>,
    run: impl FnMut() -> Duration + 'a,
) -> Contestant<'a> {
    Contestant { name: name.into(), run: Box::new(run), times: Vec::new() }
}

/// Let the contestants take turns, `rounds` times each; the median of each, in order.
pub(crate) fn race(contestants: &mut [Contestant<'_>], rounds: usize) -> Vec<Duration> {
    for round in 0..=rounds {
        for turn in 0..contestants.len() {
            // Who goes first finds the caches as the last one left them, so each goes first as often.
            let next = (round + turn) % contestants.len();
            let contestant = &mut contestants[next];
            let time = (contestant.run)();
            // The first round warms caches, branch predictors and page tables.
            if round > 0 {
                contestant.times.push(time);
            }
        }
    }
    contestants.iter_mut().map(|contestant| median(&mut contestant.times)).collect()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Race and print a table: the median, its ratio to the first contestant's, and the spread.
pub(crate) fn table(title: &str, mut contestants: Vec<Contestant<'_>>, rounds: usize) {
    let medians = race(&mut contestants, rounds);
    println!("\n{title} ({rounds} rounds)\n");
    println!("| | median | × the first | fastest to slowest |");
    println!("|---|---|---|---|");
    for (contestant, &time) in contestants.iter().zip(&medians) {
        let ratio = time.as_secs_f64() / medians[0].as_secs_f64();
        let (fastest, slowest) =
            (contestant.times[0], contestant.times[contestant.times.len() - 1]);
        println!(
            "| {} | {time:.2?} | {ratio:.2} | {fastest:.2?} to {slowest:.2?} |",
            contestant.name
        );
    }
}

/// How many bytes the large file has; `FOLIO_BENCH_BYTES` asks for another size.
pub(crate) fn large() -> usize {
    std::env::var("FOLIO_BENCH_BYTES").ok().and_then(|text| text.parse().ok()).unwrap_or(1 << 30)
}

/// A file of `len` bytes of text in lines of 40 bytes, whose last byte in each is not zero.
pub(crate) fn text_file(folder: &Path, name: &str, len: usize) -> PathBuf {
    let path = folder.join(name);
    let mut file = BufWriter::with_capacity(
        1 << 20,
        std::fs::File::create(&path).expect("the folder takes files"),
    );
    let line = b"the quick brown fox jumps over the dogs\n";
    let mut left = len;
    while left > 0 {
        let part = line.len().min(left);
        file.write_all(&line[..part]).expect("the disk has room");
        left -= part;
    }
    file.flush().expect("the disk has room");
    path
}
