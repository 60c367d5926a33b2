//! How long somebody who wants to write waits for a file that is under lease, beside a bare copy of the same bytes to
//! memory: materialising is that copy, or a clone where the file system has clones.
//!
//!     cargo bench -p folio --bench lease
//!
//! The file has 1 GiB; `FOLIO_BENCH_BYTES` asks for another size. As root on ext4, tmpfs, xfs and btrfs of its own.

mod common;

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{contestant, large, table, text_file, timed};
use folio::{Frozen, Guarantee, MapOptions, Memfd, Private};
use testfs::{FileSystem, Kind};

fn main() {
    for kind in [Kind::Ext4, Kind::Tmpfs, Kind::Xfs, Kind::Btrfs] {
        let size = 3 * large() as u64 + (512 << 20);
        if let Some(fs) = FileSystem::with_size(kind, size) {
            measure(kind.name(), fs.path());
        }
    }
}

fn measure(name: &str, folder: &Path) {
    let path = text_file(folder, "large", large());
    let leased = || MapOptions::new().guarantees(Guarantee::Lease);
    let frozen = || leased().open_frozen(&path).expect("a lease can be had");
    let private = |step: usize| {
        let mut draft = leased().open_private(&path).expect("a lease can be had");
        draft.iter_mut().step_by(step).for_each(|byte| *byte ^= 1);
        draft
    };
    table(
        &format!("{name}: opening {} MiB for writing", large() >> 20),
        vec![
            contestant("a bare copy to memory", || copy(&path)),
            timed("nobody has it mapped", || wait(&path)),
            timed("under a Frozen", || {
                let frozen = frozen();
                let waited = wait(&path);
                assert_eq!(frozen.guarantee(), Guarantee::Snapshot);
                waited
            }),
            timed("under a Frozen that four threads read", || {
                while_read(&frozen(), || wait(&path))
            }),
            timed("under a Private, one page in a hundred changed", || {
                let draft: Private = private(400 << 10);
                let waited = wait(&path);
                assert_eq!(draft.guarantee(), Guarantee::Snapshot);
                waited
            }),
        ],
        5,
    );
}

/// How long it takes to open the file for writing.
fn wait(path: &Path) -> Duration {
    let start = Instant::now();
    OpenOptions::new().write(true).open(path).expect("it can be written");
    start.elapsed()
}

/// Copy the file to a memfd.
fn copy(path: &Path) {
    let file = std::fs::File::open(path).expect("the file is there");
    let memfd = Memfd::create("copy").expect("memory");
    folio::transfer(&file, .., &memfd).expect("memory");
}

/// What `work` gives while four threads read all of `frozen` over and over.
fn while_read(frozen: &Frozen, work: impl FnOnce() -> Duration) -> Duration {
    let done = AtomicBool::new(false);
    let expected = checksum(frozen);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(checksum(frozen), expected, "a byte changed");
                }
            });
        }
        let time = work();
        done.store(true, Ordering::Relaxed);
        time
    })
}

fn checksum(bytes: &[u8]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().fold(0, |sum, word| sum.rotate_left(1) ^ u64::from_ne_bytes(*word))
}
