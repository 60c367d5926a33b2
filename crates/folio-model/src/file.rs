//! A file: its length and its pages in the page cache.
//!
//! read(2), write(2) and shared mappings all look at these pages, so what one does the others see at once. A page that is
//! not here is zero: a hole, or never touched. Where in memory a page is, and whether it is there at all, cannot be seen, so
//! the model has no pages that are "not resident".

use std::collections::BTreeMap;
use std::ops::Range;

use crate::byte::{Byte, Page};
use crate::disk::Disk;
use crate::lease::LeaseState;
use crate::lock::LockState;
use crate::{FileKind, Seals};

/// Which file, among those of the setting and those that shared anonymous mappings brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(pub(crate) usize);

#[derive(Clone, Debug)]
pub(crate) struct FileState {
    pub(crate) page_size: u64,
    pub(crate) kind: FileKind,
    pub(crate) len: u64,
    pages: BTreeMap<u64, Page>,
    pub(crate) seals: Seals,
    pub(crate) leases: Vec<LeaseState>,
    pub(crate) locks: Vec<LockState>,
    pub(crate) disk: Disk,
}

impl FileState {
    pub(crate) fn new(kind: FileKind, page_size: u64, len: u64) -> Self {
        Self {
            page_size,
            kind,
            len,
            pages: BTreeMap::new(),
            seals: Seals::empty(),
            leases: Vec::new(),
            locks: Vec::new(),
            disk: Disk::new(len),
        }
    }

    /// The first page with no byte of the file in it.
    pub(crate) fn end_page(&self) -> u64 {
        self.len.div_ceil(self.page_size)
    }

    /// A page of the page cache.
    pub(crate) fn page(&self, page: u64) -> Page {
        self.pages.get(&page).cloned().unwrap_or_else(|| Page::zero(self.page_size))
    }

    pub(crate) fn byte(&self, offset: u64) -> Byte {
        self.pages
            .get(&(offset / self.page_size))
            .map_or(Byte::ZERO, |page| page.byte(offset % self.page_size))
    }

    pub(crate) fn bytes(&self, range: Range<u64>) -> Vec<Byte> {
        range.map(|offset| self.byte(offset)).collect()
    }

    /// Change a byte in the page cache, which makes its page dirty.
    pub(crate) fn set(&mut self, offset: u64, byte: Byte) {
        self.disk.dirty(offset);
        self.put(offset, byte);
    }

    /// What was seen of a byte settles what it is, unless it is past the end and was not zero: that can still go.
    pub(crate) fn learn(&mut self, offset: u64, seen: u8) {
        if matches!(self.byte(offset), Byte::ZeroOr(_)) && (offset < self.len || seen == 0) {
            self.put(offset, Byte::Known(seen));
        }
    }

    fn put(&mut self, offset: u64, byte: Byte) {
        let page_size = self.page_size;
        self.pages
            .entry(offset / page_size)
            .or_insert_with(|| Page::zero(page_size))
            .set(offset % page_size, byte);
    }

    /// Make a range zero: whole pages by dropping them.
    pub(crate) fn zero(&mut self, range: Range<u64>) {
        let touched: Vec<u64> = self
            .pages
            .range(range.start / self.page_size..range.end.div_ceil(self.page_size))
            .map(|(&page, _)| page)
            .collect();
        for page in touched {
            let start = page * self.page_size;
            for offset in range.start.max(start)..range.end.min(start + self.page_size) {
                self.set(offset, Byte::ZERO);
            }
        }
    }

    /// Set the length. What is cut off is zero from then on, to the end of its last page and if the file grows again.
    pub(crate) fn resize(&mut self, len: u64) {
        if len < self.len {
            let end = self.end_page() * self.page_size;
            self.zero(len..end);
            self.pages.retain(|&page, _| page < len.div_ceil(self.page_size));
        }
        self.len = len;
    }

    /// An operation is over: let the disk know what it changed.
    pub(crate) fn settle(&mut self) {
        let Self { page_size, len, pages, disk, .. } = self;
        let byte = |offset| {
            pages.get(&(offset / *page_size)).map_or(Byte::ZERO, |p| p.byte(offset % *page_size))
        };
        disk.settle(*len, byte);
    }
}
