//! The picture of `folio pages`: a map of each file, one cell per run of pages.

use std::num::NonZeroU64;

use super::cells::{Class, Strip};

/// What of some files is in the page cache.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    /// What was asked: a file's name, a directory's, `process 1234`.
    pub(crate) title: String,
    /// Sentences below the title: what could not be looked at, when this was, …
    pub(crate) notes: Vec<String>,
    /// Pages over all files, also those without a map: the bar on top.
    pub(crate) totals: Vec<(Class, u64)>,
    /// Bytes of a page.
    pub(crate) page_size: u64,
    /// The maps, most interesting first; [`Detail::of`] says how many at most.
    pub(crate) files: Vec<FileMap>,
    /// Files that have no map here: how many, and their bytes.
    pub(crate) more: Option<(u64, u64)>,
}

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct FileMap {
    pub(crate) name: String,
    /// Bytes.
    pub(crate) len: u64,
    /// Bytes of it that are in the page cache, or why the kernel does not tell.
    pub(crate) cached: Result<u64, String>,
    /// Its pages, from offset 0; of class [`Class::Unknown`] where the kernel does not tell. Empty for an empty file.
    pub(crate) strip: Strip,
}

/// How much is shown of so many files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Detail {
    /// How many get a map.
    pub(crate) files: usize,
    /// How many cells a map has at most.
    pub(crate) cells: NonZeroU64,
}

impl Detail {
    /// A picture of so many files stays one that can be read: one file has 4096 cells, a thousand files are the first
    /// forty, a line of cells each.
    pub(crate) fn of(files: usize) -> Self {
        let (files, cells) = match files {
            0 | 1 => (1, 4096),
            2..=4 => (4, 1024),
            5..=12 => (12, 256),
            _ => (40, 64),
        };
        Self { files, cells: NonZeroU64::new(cells).expect("no number above is zero") }
    }
}
