//! Rows of cells: a cell is a run of pages, and says how many of them are what.

use std::num::NonZeroU64;

/// What a page is, and with it the colour: each picture's legend lists those that occur in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Class {
    /// Of a file: in the page cache, the same as on disk.
    Clean,
    /// Of a file: in the page cache, not yet on disk.
    Dirty,
    /// Of a file: in the page cache, on its way to disk.
    Writeback,
    /// Of a file: data that is on disk only.
    Absent,
    /// Of a file: nothing was ever written there, and nothing is cached.
    Hole,
    /// Of a file: the kernel does not tell.
    Unknown,
    /// Of a mapping: present, and the page cache's own page.
    FilePage,
    /// Of a mapping: present, and of no file: copied on write from one, or anonymous. Another process may have it, too, since a fork.
    OwnPage,
    /// Of a mapping: present, of memory that processes share, or of the kernel's pages.
    SharedPage,
    /// Of a mapping: in swap.
    Swapped,
    /// Of a mapping: no page there; the next access faults.
    NotPresent,
    /// Of two processes: the same page in both.
    Both,
    /// Of two processes: present in both, but each has a page of its own.
    Different,
    /// Of two processes: present in the first alone.
    FirstOnly,
    /// Of two processes: present in the second alone.
    SecondOnly,
    /// Of two processes: present in neither.
    Neither,
}

/// A run of pages: how many of them are of which class. Those of a class that is not mentioned are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Each class at most once; their sum is the number of pages in the cell.
    pub(crate) parts: Vec<(Class, u64)>,
}

/// The cells of a file or of a mapping, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Strip {
    /// The offset or address that the first cell begins at, in bytes.
    pub(crate) start: u64,
    /// How many bytes a cell stands for; the last may stand for fewer.
    pub(crate) cell_bytes: u64,
    pub(crate) cells: Vec<Cell>,
}

/// How many pages one cell stands for, so that `pages` of them make at most `most` cells: a power of two.
pub(crate) fn pages_per_cell(pages: u64, most: NonZeroU64) -> u64 {
    // Past the largest power of two a cell holds everything anyway.
    pages.div_ceil(most.get()).max(1).checked_next_power_of_two().unwrap_or(1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_holds_a_power_of_two_of_pages_and_there_are_at_most_so_many() {
        let most = NonZeroU64::new(4096).expect("not zero");
        for (pages, expected) in [
            (0, 1),
            (1, 1),
            (4096, 1),
            (4097, 2),
            (1 << 28, 1 << 16), // 1 TiB of 4 KiB pages: 256 MiB a cell
            (u64::MAX, 1 << 52),
        ] {
            let cell = pages_per_cell(pages, most);
            assert_eq!(cell, expected, "{pages}");
            assert!(pages.div_ceil(cell) <= 4096);
        }
        assert_eq!(pages_per_cell(u64::MAX, NonZeroU64::MIN), 1 << 63);
    }
}
