//! This crate beside the real memmap2: opening, and reading afterwards.
//!
//!     cargo bench --manifest-path crates/folio-memmap2/Cargo.toml --bench beside
//!
//! The large file has 1 GiB; `FOLIO_BENCH_BYTES` asks for another size, less of it on a machine that does other things, too. Small files also on xfs and btrfs of its own, as root,
//! because a clone is to be had there: what it costs is why it is not taken unless asked for.

#[path = "../../folio/benches/common/mod.rs"]
mod common;

use std::fs::File;
use std::hint::black_box;
use std::path::Path;

use common::{contestant, large, table, text_file};
use memmap2::folio::{Guarantee, Guarantees, guarantee_of, set_guarantees};
use testfs::{FileSystem, Kind};

/// Few, so that a batch is over before another program has its turn.
const BATCH: usize = 20;
const ROUNDS: usize = 401;
const SCANS: usize = 101;

fn usual() -> Guarantees {
    Guarantees::SEALED | Guarantees::LEASE
}

fn open(path: &Path) -> File {
    File::open(path).expect("the file is there")
}

#[expect(unsafe_code, reason = "the peer's constructor is unsafe")]
fn original(path: &Path) -> original::Mmap {
    // SAFETY: nobody changes the file while this program runs.
    unsafe { original::Mmap::map(&open(path)) }.expect("it can be mapped")
}

#[expect(unsafe_code, reason = "the signature is the peer's")]
fn ours(path: &Path) -> memmap2::Mmap {
    // SAFETY: nobody changes the file while this program runs.
    unsafe { memmap2::Mmap::map(&open(path)) }.expect("it can be mapped")
}

#[expect(unsafe_code, reason = "the peer's constructor is unsafe")]
fn original_copy(path: &Path) -> original::MmapMut {
    // SAFETY: nobody changes the file while this program runs.
    unsafe { original::MmapOptions::new().map_copy(&open(path)) }.expect("it can be mapped")
}

#[expect(unsafe_code, reason = "the signature is the peer's")]
fn our_copy(path: &Path) -> memmap2::MmapMut {
    // SAFETY: nobody changes the file while this program runs.
    unsafe { memmap2::MmapOptions::new().map_copy(&open(path)) }.expect("it can be mapped")
}

fn touch(bytes: &[u8]) -> usize {
    bytes.iter().step_by(4096).map(|&byte| usize::from(byte)).sum()
}

fn count(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

/// `once`, as often as a batch, with `allowed` guarantees.
fn batch(allowed: Guarantees, once: impl Fn() -> usize) -> usize {
    set_guarantees(allowed);
    (0..BATCH).map(|_| once()).sum()
}

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for files");
    for len in [4 << 10, 64 << 10, 1 << 20] {
        small("here", folder.path(), len);
    }
    for kind in [Kind::Tmpfs, Kind::Xfs, Kind::Btrfs] {
        if let Some(fs) = FileSystem::new(kind) {
            small(kind.name(), fs.path(), 64 << 10);
            if kind != Kind::Tmpfs {
                cloned(kind.name(), fs.path(), 64 << 10);
            }
        }
    }
    scans(folder.path());
}

fn small(name: &str, folder: &Path, len: usize) {
    let path = text_file(folder, "small", len);
    set_guarantees(usual());
    assert_eq!(guarantee_of(&ours(&path)), Some(Guarantee::Lease), "a lease is what is measured");
    table(
        &format!("{name}: open, touch each page, drop: {} KiB, {BATCH} times", len >> 10),
        vec![
            contestant("memmap2", || batch(usual(), || touch(&original(&path)))),
            contestant("this crate", || batch(usual(), || touch(&ours(&path)))),
            contestant("this crate, plain", || batch(Guarantees::empty(), || touch(&ours(&path)))),
            contestant("memmap2, map_copy", || batch(usual(), || touch(&original_copy(&path)))),
            contestant("this crate, map_copy", || batch(usual(), || touch(&our_copy(&path)))),
        ],
        ROUNDS,
    );
}

fn cloned(name: &str, folder: &Path, len: usize) {
    let path = text_file(folder, "small", len);
    table(
        &format!("{name}: a clone of {} KiB, {BATCH} times", len >> 10),
        vec![
            contestant("memmap2", || batch(usual(), || touch(&original(&path)))),
            contestant("this crate, clones alone", || {
                batch(Guarantees::SNAPSHOT, || touch(&ours(&path)))
            }),
        ],
        41,
    );
}

fn scans(folder: &Path) {
    let path = text_file(folder, "large", large());
    set_guarantees(usual());
    let (old, new) = (original(&path), ours(&path));
    table(
        &format!("scan {} MiB of text for newlines, faulted in", large() >> 20),
        vec![
            contestant("memmap2", || count(black_box(&old))),
            contestant("this crate", || count(black_box(&new))),
        ],
        SCANS,
    );
    drop((old, new));
    table(
        &format!("open, scan {} MiB of text for newlines, drop: first touch", large() >> 20),
        vec![
            contestant("memmap2", || count(&original(&path))),
            contestant("this crate", || count(&ours(&path))),
        ],
        SCANS,
    );
}
