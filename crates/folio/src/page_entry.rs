//! What the kernel tells of a page of a process, and what can be looked for among them: the words of `/proc/PID/pagemap` and
//! of `PAGEMAP_SCAN`, which `raw` and `process` show their users.
#![cfg_attr(
    not(any(feature = "raw", feature = "process")),
    expect(dead_code, unreachable_pub, reason = "folio itself needs fewer of these words")
)]

use bitflags::bitflags;

/// What `/proc/PID/pagemap` says of a page; Linux `Documentation/admin-guide/mm/pagemap.rst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageEntry(u64);

impl PageEntry {
    /// All 64 bits.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The entry of these bits.
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    fn bit(self, number: u32) -> bool {
        self.0 >> number & 1 == 1
    }

    /// The number of the frame of memory that the page is in; `None` where there is no page, and for whoever lacks
    /// `CAP_SYS_ADMIN`, from whom the kernel keeps it.
    #[must_use]
    pub fn frame(self) -> Option<u64> {
        let number = self.0 & ((1 << 55) - 1);
        (self.is_present() && number != 0).then_some(number)
    }

    /// Those of the categories of a scan that an entry tells: not the page of zeros, huge pages and stores written down.
    #[cfg(feature = "process")]
    pub(crate) fn categories(self) -> Categories {
        let mut categories = Categories::empty();
        categories.set(Categories::PRESENT, self.is_present());
        categories.set(Categories::SWAPPED, self.is_swapped());
        categories.set(Categories::FILE, self.is_file());
        categories.set(Categories::GUARD, self.is_guard());
        categories.set(Categories::SOFT_DIRTY, self.is_soft_dirty());
        categories
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

#[cfg(feature = "process")]
impl Scan {
    /// Whether a page of these categories is looked for, as the kernel decides it (`pagemap_scan_is_interesting_page`).
    pub(crate) fn wants(self, categories: Categories) -> bool {
        let categories = categories ^ self.inverted;
        categories.contains(self.all_of)
            && (self.any_of.is_empty() || categories.intersects(self.any_of))
    }
}
