//! `Shared` beside raw copies and raw slices of the same bytes.
//!
//!     cargo bench -p folio --bench shared

mod common;

use std::cell::RefCell;
use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use common::{Contestant, contestant, large, race, table, text_file, timed};
use folio::Shared;
use memmap2::Mmap;

#[expect(unsafe_code, reason = "the peer's constructor is unsafe: that is what folio is for")]
fn peer(path: &Path) -> Mmap {
    let file = File::open(path).expect("the file is there");
    // SAFETY: nobody changes the file while this program runs.
    unsafe { Mmap::map(&file) }.expect("it can be mapped")
}

fn count(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

/// A contestant that copies `size` bytes from one position after another, `repeats` times.
fn copies<'a>(
    name: &str,
    size: usize,
    len: usize,
    repeats: usize,
    target: &'a RefCell<Vec<u8>>,
    mut copy: impl FnMut(usize, &mut [u8]) + 'a,
) -> Contestant<'a> {
    let mut at = 0;
    timed(name, move || {
        let mut target = target.borrow_mut();
        let buffer = &mut target[..size];
        let start = Instant::now();
        for _ in 0..repeats {
            copy(black_box(at), black_box(&mut *buffer));
            at = (at + size + 64) % (len - size);
        }
        start.elapsed()
    })
}

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for files");
    // No byte of the text is zero, so that read_at need not ask for the length; of a file of zeros it must.
    let len = 8 << 20;
    let (text, zeros) = (text_file(folder.path(), "text", len), folder.path().join("zeros"));
    std::fs::write(&zeros, vec![0u8; len]).expect("the disk has room");
    let (raw, live, empty) = (peer(&text), Shared::open(&text), Shared::open(&zeros));
    let (live, empty) = (live.expect("it can be mapped"), empty.expect("it can be mapped"));
    // All copy to the same place: what it has in common with the source's address costs more than some nanoseconds.
    let target = RefCell::new(vec![0u8; 4 << 20]);
    println!("\ncopies of bytes that are faulted in, each a median of 41 rounds\n");
    println!(
        "| bytes | memcpy | read_at | difference | ratio | read_at of zeros, which asks for the length |"
    );
    println!("|---|---|---|---|---|---|");
    for size in [
        8,
        16,
        32,
        64,
        128,
        256,
        512,
        1024,
        2048,
        4096,
        16 << 10,
        64 << 10,
        256 << 10,
        1 << 20,
        4 << 20,
    ] {
        let repeats = ((8 << 20) / (size + 512)).max(1);
        // Both read the same bytes, which stay in the caches as far as they fit.
        let span = (4 * size).clamp(256 << 10, len);
        let medians = race(
            &mut [
                copies("memcpy", size, span, repeats, &target, |at, buffer| {
                    buffer.copy_from_slice(&raw[at..at + buffer.len()]);
                }),
                copies("read_at", size, span, repeats, &target, |at, buffer| {
                    live.read_at(at, buffer).expect("the file is long enough");
                }),
                copies("read_at of zeros", size, span, repeats, &target, |at, buffer| {
                    empty.read_at(at, buffer).expect("the file is long enough");
                }),
            ],
            41,
        );
        let each = |index: usize| medians[index].as_secs_f64() * 1e9 / repeats as f64;
        let (raw, read, asked) = (each(0), each(1), each(2));
        println!(
            "| {size} | {raw:.1} ns | {read:.1} ns | {:+.1} ns | {:.2} | {asked:.1} ns |",
            read - raw,
            read / raw
        );
    }

    let loads = 100_000;
    table(
        &format!("{loads} loads of 8 bytes"),
        vec![
            contestant("a slice, u64::from_ne_bytes", || {
                (0..loads).fold(0u64, |sum, index| {
                    let at = black_box(index * 72 % (len - 8)) & !7;
                    sum ^ raw[at..at + 8].try_into().map_or(0, u64::from_ne_bytes)
                })
            }),
            contestant("load::<u64>", || {
                (0..loads).fold(0u64, |sum, index| {
                    let at = black_box(index * 72 % (len - 8)) & !7;
                    sum ^ live.load::<u64>(at).expect("the file is long enough")
                })
            }),
        ],
        41,
    );

    let path = text_file(folder.path(), "large", large());
    let chunks = |live: &Shared| {
        let (mut chunks, mut lines) = (live.chunks(), 0);
        while let Some(chunk) = chunks.next_chunk().expect("nobody truncates it") {
            lines += count(chunk);
        }
        lines
    };
    table(
        &format!("open, scan {} MiB of text for newlines, drop: first touch", large() >> 20),
        vec![
            contestant("a raw slice (memmap2)", || count(&peer(&path))),
            contestant("Shared::chunks", || {
                chunks(&Shared::open(&path).expect("it can be mapped"))
            }),
        ],
        15,
    );
    let (raw, live) = (peer(&path), Shared::open(&path).expect("it can be mapped"));
    table(
        &format!("scan {} MiB of text for newlines, faulted in", large() >> 20),
        vec![
            contestant("a raw slice (memmap2)", || count(&raw)),
            contestant("Shared::chunks", || chunks(&live)),
        ],
        15,
    );
}
