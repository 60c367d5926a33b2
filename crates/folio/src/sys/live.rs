//! Live bytes: how a [`Region`] that other processes change is read and written.
//!
//! The methods are safe to call, because they take positions as [`MemRange`], lengths as slices, and touch the bytes
//! only through the routines of `copy`, which a fault leaves in order (clauses L1 to L5). Each returns how far it came;
//! a number short of the length means that a page could not be had, and says nothing of why: see `cause`.

use super::copy;
use super::region::{Access, Region};
use crate::page::MemRange;

/// An integer that one machine access moves.
pub(crate) trait Word: Copy {
    /// The routine that loads one.
    ///
    /// # Safety
    /// `src` is aligned and inside a region (clause L2).
    unsafe fn load(src: *const u8) -> Option<Self>;

    /// The routine that stores one; `false` if the page could not be had.
    ///
    /// # Safety
    /// As [`load`](Self::load), and the region may be stored to.
    unsafe fn store(dst: *mut u8, word: Self) -> bool;
}

macro_rules! words {
    ($($word:ty: $load:ident, $store:ident;)*) => {$(
        impl Word for $word {
            #[inline]
            unsafe fn load(src: *const u8) -> Option<Self> {
                // SAFETY: clause L2: the caller's promise is the routine's.
                unsafe { copy::$load(src.cast()) }
            }

            #[inline]
            unsafe fn store(dst: *mut u8, word: Self) -> bool {
                // SAFETY: clause L2: the caller's promise is the routine's.
                unsafe { copy::$store(dst.cast(), word) }
            }
        }
    )*};
}

words! {
    u8: load_u8, store_u8;
    u16: load_u16, store_u16;
    u32: load_u32, store_u32;
    u64: load_u64, store_u64;
}

impl Region {
    /// The address of the byte at `position`, for routines and for raw pointers that are handed out.
    #[inline]
    pub(crate) fn address(&self, position: usize) -> *mut u8 {
        self.as_ptr().wrapping_add(position)
    }

    /// Whether the byte at `position` stands at a multiple of `size`, a power of two.
    #[inline]
    pub(crate) fn is_aligned(&self, position: usize, size: usize) -> bool {
        self.address(position).addr() & (size - 1) == 0
    }

    /// Copy the bytes from `start` on into `buf`; returns how many were copied.
    #[inline]
    pub(crate) fn read(&self, range: MemRange, buf: &mut [u8]) -> usize {
        let len = range.len().min(buf.len());
        // SAFETY: clauses L2 and B3: the source lies in the region's pages, the destination is the slice.
        unsafe { copy::copy_in(buf.as_mut_ptr(), self.address(range.start()), len) }
    }

    /// Copy `bytes` to `range`; returns how many were copied.
    #[inline]
    pub(crate) fn write(&self, range: MemRange, bytes: &[u8]) -> usize {
        if self.access() != Access::ReadWrite {
            return 0;
        }
        let len = range.len().min(bytes.len());
        // SAFETY: clauses L2 and B3: the destination lies in the region's pages, the source is the slice.
        unsafe { copy::copy_out(self.address(range.start()), bytes.as_ptr(), len) }
    }

    /// Store `byte` to every byte of `range`; returns how many were stored.
    pub(crate) fn fill(&self, range: MemRange, byte: u8) -> usize {
        if self.access() != Access::ReadWrite {
            return 0;
        }
        // SAFETY: clauses L2 and B3: the destination lies in the region's pages.
        unsafe { copy::fill(self.address(range.start()), byte, range.len()) }
    }

    /// Copy the bytes of `from` to `to`, which may overlap it; how many were copied is told as by
    /// [`copy::copy_within`].
    pub(crate) fn copy_within(&self, from: MemRange, to: MemRange) -> usize {
        if self.access() != Access::ReadWrite {
            return 0;
        }
        let (src, dst) = (self.address(from.start()), self.address(to.start()));
        // SAFETY: clauses L2 and B3: both lie in the region's pages, which may be stored to.
        unsafe { copy::copy_within(dst, src, from.len().min(to.len())) }
    }

    /// Load the word that `range` holds in one access; `None` if the page could not be had, or if the range is not
    /// aligned or not as long as the word.
    #[inline]
    pub(crate) fn load_word<W: Word>(&self, range: MemRange) -> Option<W> {
        let size = size_of::<W>();
        if range.len() != size || !self.is_aligned(range.start(), size) {
            return None;
        }
        // SAFETY: clauses L2 and B3: aligned, and it lies in the region's pages. The word is made from bytes that were all
        // loaded (clause L4), and any bytes are one (clause L5).
        unsafe { W::load(self.address(range.start())) }
    }

    /// Whether there is content behind `range` in its last page: one of the page's last eight bytes is not zero, and they
    /// lie behind the range. Past the end of a file bytes read as zero, so a file with content there reaches past the range.
    #[inline]
    pub(crate) fn is_followed_by_content(&self, range: MemRange) -> bool {
        const WORD: usize = size_of::<u64>();
        let page = self.page().bytes();
        let end = self.lead() + range.end();
        let last_word = end.next_multiple_of(page) - WORD;
        if range.is_empty() || end > last_word {
            return false;
        }
        let address = self.base().wrapping_add(last_word);
        // SAFETY: clauses L2 and B3: the page that the range ends in is the region's, and its last word is aligned.
        let word = unsafe { u64::load(address) };
        word.is_some_and(|word| word != 0)
    }

    /// Store the word to `range` in one access; `false` as [`load_word`](Self::load_word) gives `None`.
    #[inline]
    pub(crate) fn store_word<W: Word>(&self, range: MemRange, word: W) -> bool {
        let size = size_of::<W>();
        if range.len() != size
            || !self.is_aligned(range.start(), size)
            || self.access() != Access::ReadWrite
        {
            return false;
        }
        // SAFETY: clauses L2 and B3: aligned, it lies in the region's pages, which may be stored to.
        unsafe { W::store(self.address(range.start()), word) }
    }
}
