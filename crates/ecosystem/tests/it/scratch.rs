//! Files for one test each, and what their bytes and pointers should be.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use folio::Frozen;
use tempfile::TempDir;

/// A file in a directory that goes with it.
pub(crate) struct Scratch {
    _dir: TempDir,
    path: PathBuf,
}

impl Scratch {
    pub(crate) fn new(content: &[u8]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, content).unwrap();
        Self { _dir: dir, path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// As another process would.
    pub(crate) fn truncate(&self) {
        File::create(&self.path).unwrap();
    }
}

/// Lines of text, more than a file that is cheaper to copy than to map.
pub(crate) fn lines(count: usize) -> String {
    (0..count).map(|number| format!("line {number}\n")).collect()
}

/// The addresses of a slice's bytes.
pub(crate) fn addresses<T>(slice: &[T]) -> Range<usize> {
    let range = slice.as_ptr_range();
    range.start.addr()..range.end.addr()
}

/// Assert that `slice` is in the mapping itself.
pub(crate) fn assert_in<T>(mapping: &Range<usize>, slice: &[T]) {
    let slice = addresses(slice);
    assert!(
        !slice.is_empty() && mapping.start <= slice.start && slice.end <= mapping.end,
        "{slice:x?} is not in the mapping {mapping:x?}"
    );
}

/// The addresses of a mapping's bytes.
pub(crate) fn mapping(frozen: &Frozen) -> Range<usize> {
    addresses(&frozen[..])
}
