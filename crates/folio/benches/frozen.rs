//! `Frozen` beside memmap2: opening, and reading afterwards.
//!
//!     cargo bench -p folio --bench frozen

mod common;

use std::fs::File;
use std::hint::black_box;
use std::path::Path;

use common::{contestant, large, table, text_file};
use folio::{Guarantee, MapOptions};
use memmap2::Mmap;

fn count(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

#[expect(unsafe_code, reason = "the peer's constructor is unsafe: that is what folio is for")]
fn peer(path: &Path) -> Mmap {
    let file = File::open(path).expect("the file is there");
    // SAFETY: nobody changes the file while this program runs.
    unsafe { Mmap::map(&file) }.expect("it can be mapped")
}

fn frozen(path: &Path, guarantee: Guarantee) -> folio::Frozen {
    MapOptions::new().guarantees(guarantee).open_frozen(path).expect("the guarantee can be had")
}

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for files");
    for len in [4 << 10, 16 << 10, 32 << 10, 64 << 10, 256 << 10, 1 << 20] {
        let path = text_file(folder.path(), "small", len);
        const BATCH: usize = 200;
        let touch =
            |bytes: &[u8]| bytes.iter().step_by(4096).map(|&byte| usize::from(byte)).sum::<usize>();
        let open_all = |open: &dyn Fn() -> usize| (0..BATCH).map(|_| open()).sum::<usize>();
        table(
            &format!("open, touch each page, drop: {} KiB, {BATCH} times", len >> 10),
            vec![
                contestant("memmap2", || open_all(&|| touch(&peer(&path)))),
                contestant("Frozen::open", || {
                    open_all(&|| touch(&folio::Frozen::open(&path).expect("it can be frozen")))
                }),
                contestant("Frozen, lease", || {
                    open_all(&|| touch(&frozen(&path, Guarantee::Lease)))
                }),
                contestant("Frozen, copied", || {
                    open_all(&|| touch(&frozen(&path, Guarantee::Copied)))
                }),
            ],
            41,
        );
    }

    let path = text_file(folder.path(), "large", large());
    let (old, new) = (peer(&path), frozen(&path, Guarantee::Lease));
    table(
        &format!("scan {} MiB of text for newlines, faulted in", large() >> 20),
        vec![
            contestant("memmap2", || count(black_box(&old))),
            contestant("Frozen", || count(black_box(&new))),
        ],
        15,
    );
    drop((old, new));
    table(
        &format!("open, scan {} MiB of text for newlines, drop: first touch", large() >> 20),
        vec![
            contestant("memmap2", || count(&peer(&path))),
            contestant("Frozen", || count(&frozen(&path, Guarantee::Lease))),
        ],
        15,
    );
}
