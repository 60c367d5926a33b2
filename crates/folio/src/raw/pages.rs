//! What the kernel tells of the pages behind addresses.

use core::ops::Range;
use std::io;

use bitflags::bitflags;

use crate::sys::raw::pages as sys;

/// What `/proc/self/pagemap` says of a page; Linux `Documentation/admin-guide/mm/pagemap.rst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageEntry(u64);

impl PageEntry {
    /// All 64 bits.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }

    fn bit(self, number: u32) -> bool {
        self.0 >> number & 1 == 1
    }

    /// Whether there is a page at the address in this process now.
    #[must_use]
    pub fn is_present(self) -> bool {
        self.bit(63)
    }

    /// Whether the page is in swap space.
    #[must_use]
    pub fn is_swapped(self) -> bool {
        self.bit(62)
    }

    /// Whether the page is a file's, or shared memory's, and not this process's own copy.
    #[must_use]
    pub fn is_file(self) -> bool {
        self.bit(61)
    }

    /// Whether a guard is installed there (6.15).
    #[must_use]
    pub fn is_guard(self) -> bool {
        self.bit(58)
    }

    /// Whether stores are caught by a userfaultfd.
    #[must_use]
    pub fn is_write_protected(self) -> bool {
        self.bit(57)
    }

    /// Whether the page is mapped by nobody else.
    #[must_use]
    pub fn is_exclusive(self) -> bool {
        self.bit(56)
    }

    /// Whether the page was stored to since the bit was last cleared, where the kernel has the bit.
    #[must_use]
    pub fn is_soft_dirty(self) -> bool {
        self.bit(55)
    }
}

bitflags! {
    /// Categories of pages, in the bits of linux/fs.h (`PAGE_IS_…`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Categories: u64 {
        /// Stores can be caught there.
        const WRITES_CAUGHT = 1;
        /// Stored to since stores were last caught.
        const WRITTEN = 1 << 1;
        /// A file's, or shared memory's.
        const FILE = 1 << 2;
        /// There is a page.
        const PRESENT = 1 << 3;
        /// In swap space.
        const SWAPPED = 1 << 4;
        /// The page of zeros.
        const ZERO = 1 << 5;
        /// Mapped as a huge page.
        const HUGE = 1 << 6;
        /// As [`PageEntry::is_soft_dirty`].
        const SOFT_DIRTY = 1 << 7;
        /// A guard is installed (6.15).
        const GUARD = 1 << 8;
    }
}

/// What to look for; Linux `Documentation/admin-guide/mm/pagemap.rst`, "Pagemap Scan IOCTL".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Categories that are meant the other way round.
    pub inverted: Categories,
    /// A page has to be of all these.
    pub all_of: Categories,
    /// And of at least one of these, unless there are none.
    pub any_of: Categories,
    /// What to tell of the pages found.
    pub report: Categories,
}

/// A run of pages that a scan found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// Positions in the mapping, in bytes.
    pub range: Range<usize>,
    /// Those that were to be reported.
    pub categories: Categories,
}

pub(super) fn entries(addresses: Range<usize>) -> io::Result<Vec<PageEntry>> {
    Ok(sys::entries(addresses)?.into_iter().map(PageEntry).collect())
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
