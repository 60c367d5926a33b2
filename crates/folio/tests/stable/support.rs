//! What the tests of this area share.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use folio::{ErrorKind, Guarantee, MapOptions};

/// The eight bytes at each multiple of eight: its own position, mixed, so that no byte is zero for long.
pub(crate) fn word_at(position: u64) -> [u8; 8] {
    position.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()
}

/// A file of `len` bytes, a multiple of eight, that holds [`word_at`] everywhere.
pub(crate) fn patterned(folder: &Path, name: &str, len: u64) -> PathBuf {
    let path = folder.join(name);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&path).unwrap());
    for position in (0..len).step_by(8) {
        file.write_all(&word_at(position)).unwrap();
    }
    file.flush().unwrap();
    drop(file);
    wait_for_writers(&path);
    path
}

/// Wait until nobody has the file open for writing. A command that another test starts inherits the descriptor between
/// its fork and its exec, and no lease is granted meanwhile.
pub(crate) fn wait_for_writers(path: &Path) {
    let leased = || only(Guarantee::Lease).open_frozen(path);
    while leased()
        .is_err_and(|error| matches!(error.attempts(), [(_, why)] if why.kind() == ErrorKind::Busy))
    {
        std::thread::yield_now();
    }
}

/// The first position, as a multiple of eight from `start`, at which `bytes` are not the pattern.
pub(crate) fn first_wrong(bytes: &[u8], start: u64) -> Option<u64> {
    let (words, rest) = bytes.as_chunks::<8>();
    assert!(rest.is_empty(), "whole words");
    let wrong =
        words.iter().zip((start..).step_by(8)).find(|&(word, position)| *word != word_at(position));
    wrong.map(|(_, position)| position)
}

/// Options that allow one guarantee alone.
pub(crate) fn only(guarantee: Guarantee) -> MapOptions {
    MapOptions::new().guarantees(guarantee)
}
