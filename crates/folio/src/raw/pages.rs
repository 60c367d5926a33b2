//! What the kernel tells of the pages behind addresses.

use core::ops::Range;
use std::io;

use crate::page_entry::{Categories, PageEntry, Scan};
use crate::sys::raw::pages as sys;

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
    Ok(sys::entries(addresses)?.into_iter().map(PageEntry::from_bits).collect())
}

/// Scan `addresses`, of a mapping that begins at `base`.
pub(super) fn scan(addresses: Range<usize>, base: usize, scan: Scan) -> io::Result<Vec<Scanned>> {
    let categories = sys::Categories {
        inverted: scan.inverted.bits(),
        all_of: scan.all_of.bits(),
        any_of: scan.any_of.bits(),
        report: scan.report.bits(),
    };
    let found = sys::scan(addresses, categories)?.into_iter();
    let position = |address: usize| address.saturating_sub(base);
    Ok(found
        .map(|(run, categories)| Scanned {
            range: position(run.start)..position(run.end),
            categories: Categories::from_bits_retain(categories),
        })
        .collect())
}
