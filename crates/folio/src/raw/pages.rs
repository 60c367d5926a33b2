//! What the kernel tells of the pages behind addresses of this process.

use core::ops::Range;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use crate::page_entry::{Categories, PageEntry, Scan};
use crate::sys::pagemap;

/// A run of pages that a scan found.
///
/// ```
/// use folio::raw::{Categories, MapFlags, Mapping, Protection, Scan, Scanned, Sharing};
/// let rw = Protection::READ | Protection::WRITE;
/// let mapping = Mapping::anonymous(1 << 20, rw, Sharing::Shared, MapFlags::empty())?;
/// mapping.store_range(0..100_000, 7);
/// let scan = Scan { all_of: Categories::PRESENT, report: Categories::FILE, ..Scan::default() };
/// if let Ok(found) = mapping.scan(0..1 << 20, scan) { // Linux 6.7
///     let Scanned { range, categories } = &found[0];
///     assert!(range.contains(&99_999));
///     assert_eq!(*categories, Categories::FILE); // shared memory counts as a file
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// Positions in the mapping, in bytes.
    pub range: Range<usize>,
    /// Those that were to be reported.
    pub categories: Categories,
}

pub(super) fn entries(addresses: Range<usize>) -> io::Result<Vec<PageEntry>> {
    let pagemap = File::open("/proc/self/pagemap")?;
    let mut found = Vec::new();
    pagemap::each_entry(pagemap.as_fd(), pagemap::wide(addresses), |_, entry| found.push(entry))?;
    Ok(found)
}

/// Scan `addresses`, of a mapping that begins at `base`.
pub(super) fn scan(addresses: Range<usize>, base: usize, scan: Scan) -> io::Result<Vec<Scanned>> {
    let pagemap = File::open("/proc/self/pagemap")?;
    let mut found = Vec::new();
    pagemap::scan(pagemap.as_fd(), pagemap::wide(addresses), scan, |run, categories| {
        let run = pagemap::here(run);
        let range = run.start.saturating_sub(base)..run.end.saturating_sub(base);
        found.push(Scanned { range, categories });
    })?;
    Ok(found)
}
