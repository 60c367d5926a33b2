//! Live mappings against the same bytes without folio: `read_at` and `load` against memcpy from a raw mapping, a scan
//! through `chunks` against a scan of the raw slice at first touch.
//!
//! `cargo bench -p folio --bench live`. Each line is a ratio or a difference of two measurements of this run, taken in
//! turns, the best of each.

use std::hint::black_box;
use std::time::{Duration, Instant};

use folio::{Shared, SharedMut};

const SIZES: [usize; 10] = [8, 16, 64, 100, 256, 1024, 4096, 16 << 10, 64 << 10, 1 << 20];

fn main() {
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    let path = dir.path().join("file");
    // No zero byte: text, as most files.
    std::fs::write(&path, "some line of text\n".repeat(16 << 20)).expect("space for 300 MB");
    copies(&path);
    words(&path);
    scans(&path);
}

/// The best time of one call of each, taken in turns.
fn compare(calls: u32, mut ours: impl FnMut(u32), mut theirs: impl FnMut(u32)) -> (f64, f64) {
    let mut best = [Duration::MAX; 2];
    for _ in 0..30 {
        let start = Instant::now();
        for call in 0..calls {
            ours(call);
        }
        let between = Instant::now();
        for call in 0..calls {
            theirs(call);
        }
        best[0] = best[0].min(between - start);
        best[1] = best[1].min(between.elapsed());
    }
    let each = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(calls);
    (each(best[0]), each(best[1]))
}

fn copies(path: &std::path::Path) {
    let map = Shared::open(path).expect("the file was made");
    let file = std::fs::File::open(path).expect("the file was made");
    // SAFETY: nobody changes the file while the bench runs.
    let raw = unsafe { memmap2::Mmap::map(&file) }.expect("the file can be mapped");
    println!("read_at against memcpy from a raw mapping, ns a call");
    for len in SIZES {
        let (mut a, mut b) = (vec![0u8; len], vec![0u8; len]);
        let calls = u32::try_from((4 << 20) / len).unwrap_or(u32::MAX).clamp(16, 20_000);
        let at = |call: u32| (call as usize * 67) % 4096;
        let (ours, theirs) = compare(
            calls,
            |call| {
                map.read_at(black_box(at(call)), black_box(&mut a)).expect("the file stays");
            },
            |call| {
                let at = black_box(at(call));
                black_box(&mut b[..]).copy_from_slice(&raw[at..at + len]);
            },
        );
        println!(
            "{len:>8} B  {ours:>9.1}  {theirs:>9.1}  +{:.1} ns  x{:.3}",
            ours - theirs,
            ours / theirs
        );
    }
}

fn words(path: &std::path::Path) {
    let map = SharedMut::open(path).expect("the file was made");
    let shared = Shared::open(path).expect("the file was made");
    let file = std::fs::File::open(path).expect("the file was made");
    // SAFETY: nobody changes the file while the bench runs.
    let raw = unsafe { memmap2::Mmap::map(&file) }.expect("the file can be mapped");
    let at = |call: u32| (call as usize * 8) % 4096;
    let theirs = |call| {
        let at = black_box(at(call));
        let bytes: [u8; 8] = raw[at..at + 8].try_into().expect("eight bytes");
        black_box(u64::from_ne_bytes(bytes));
    };
    let (ours, raw_load) = compare(
        100_000,
        |call| {
            black_box(shared.load::<u64>(black_box(at(call))).expect("the file stays"));
        },
        theirs,
    );
    println!("Shared::load::<u64>     {ours:.1} against {raw_load:.1} ns, +{:.1}", ours - raw_load);
    let (ours, raw_load) = compare(
        100_000,
        |call| {
            black_box(map.load::<u64>(black_box(at(call))).expect("the file stays"));
        },
        theirs,
    );
    println!("SharedMut::load::<u64>  {ours:.1} against {raw_load:.1} ns, +{:.1}", ours - raw_load);
    let (ours, raw_load) = compare(
        100_000,
        |call| {
            black_box(shared.load::<[u64; 4]>(black_box(at(call))).expect("the file stays"));
        },
        |call| {
            let at = black_box(at(call));
            let bytes: [u8; 32] = raw[at..at + 32].try_into().expect("32 bytes");
            black_box(bytes);
        },
    );
    println!("Shared::load::<[u64;4]> {ours:.1} against {raw_load:.1} ns, +{:.1}", ours - raw_load);
}

/// Newlines in `bytes`, as fast as a scan gets.
fn count(bytes: &[u8]) -> usize {
    bytes
        .chunks(255)
        .map(|piece| usize::from(piece.iter().map(|&byte| u8::from(byte == b'\n')).sum::<u8>()))
        .sum()
}

fn scans(path: &std::path::Path) {
    let file = std::fs::File::open(path).expect("the file was made");
    let (mut lines, mut raw_lines) = (0, 0);
    let (ours, theirs) = compare(
        1,
        |_| {
            let map = Shared::open(path).expect("the file was made");
            let mut chunks = map.chunks();
            lines = 0;
            while let Some(chunk) = chunks.next_chunk().expect("the file stays") {
                lines += count(chunk);
            }
        },
        |_| {
            // SAFETY: nobody changes the file while the bench runs.
            let raw = unsafe { memmap2::Mmap::map(&file) }.expect("the file can be mapped");
            raw_lines = count(&raw);
        },
    );
    assert_eq!(lines, raw_lines);
    let speed = |time: f64| std::fs::metadata(path).expect("the file was made").len() as f64 / time;
    println!(
        "chunks scan at first touch {:.2} GB/s, raw slice {:.2} GB/s, x{:.3}",
        speed(ours),
        speed(theirs),
        theirs / ours
    );
}
