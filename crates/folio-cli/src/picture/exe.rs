//! The picture of `folio maps --exe FILE`: a program's file on one side, on the other the memory that it becomes.

use std::ops::Range;

use super::Output;
use super::scene::Scene;
use crate::failure::Failure;

/// A program or a library.
#[derive(Clone, Debug)]
pub(crate) struct Exe {
    /// The file's name.
    pub(crate) title: String,
    /// Sentences below the title: position-independent or not, the interpreter, whether the stack is executable, …
    pub(crate) notes: Vec<String>,
    /// Bytes.
    pub(crate) file_len: u64,
    /// Bytes of a page.
    pub(crate) page_size: u64,
    /// Whether the addresses are those of the file, to which the loader adds a bias.
    pub(crate) addresses: Addresses,
    /// What is loaded, by ascending address.
    pub(crate) segments: Vec<Segment>,
}

/// What the addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addresses {
    /// Where it will be.
    Fixed,
    /// Relative to a place that the kernel chooses.
    Relative,
}

/// One segment that is loaded (`PT_LOAD`).
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// In words: `program text`, `constants`, `data`, …
    pub(crate) name: String,
    /// `r-x`.
    pub(crate) protection: String,
    /// The bytes that the program header names.
    pub(crate) file: Range<u64>,
    /// The whole pages that are mapped for them. What is outside `file` is alignment slack.
    pub(crate) file_pages: Range<u64>,
    /// The addresses that the program header names: `p_vaddr` and `p_memsz`.
    pub(crate) memory: Range<u64>,
    /// The whole pages of memory that `file_pages` become; empty when nothing of the file is mapped.
    pub(crate) memory_pages: Range<u64>,
    /// The end of the last page of the file that is overwritten with zeros, in memory; empty where there is none.
    pub(crate) zeroed: Range<u64>,
    /// Whole anonymous pages after that (bss); empty where there are none.
    pub(crate) anonymous: Range<u64>,
    /// Made read-only after relocation (`PT_GNU_RELRO`), in whole pages; empty where there is none.
    pub(crate) relro: Range<u64>,
    /// What a store does.
    pub(crate) stores: Stores,
}

/// What a store into a segment does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stores {
    /// It faults.
    Refused,
    /// It copies the page first.
    CopyOnWrite,
}

impl Exe {
    /// Draw it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn draw(&self, output: &Output) -> Result<(), Failure> {
        output.write(&self.scene())
    }

    pub(super) fn scene(&self) -> Scene {
        super::columns::scene(self)
    }
}
