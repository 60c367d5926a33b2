//! Files for one test each.

use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A file in a directory that goes with it.
pub(crate) struct Scratch {
    _dir: TempDir,
    path: PathBuf,
}

impl Scratch {
    pub(crate) fn new(content: &[u8]) -> Self {
        // A tmpfs keeps what is stored past the end of a file, and shows it when the file grows.
        let dir = tempfile::tempdir_in(testfs::on_disk()).unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, content).unwrap();
        Self { _dir: dir, path }
    }

    /// A file in which each byte tells its place, and none is zero.
    pub(crate) fn numbered(len: usize) -> Self {
        Self::new(&numbered(0, len))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    pub(crate) fn read_write(&self) -> File {
        File::options().read(true).write(true).open(&self.path).unwrap()
    }

    /// As another process would.
    pub(crate) fn set_len(&self, len: u64) {
        File::options().write(true).open(&self.path).unwrap().set_len(len).unwrap();
    }
}

/// The bytes of [`Scratch::numbered`] from `offset` on.
pub(crate) fn numbered(offset: usize, len: usize) -> Vec<u8> {
    let byte = |at: usize| u8::try_from((at ^ (at >> 8)) % 255).unwrap() + 1;
    (offset..offset + len).map(byte).collect()
}

/// The size of a page in bytes.
pub(crate) fn page() -> usize {
    folio::PageSize::base().bytes()
}
