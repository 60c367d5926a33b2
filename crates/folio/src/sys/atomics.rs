//! Atomic references into a region that other processes change.
//!
//! Atomics are the one way in which Rust code touches live bytes without the copy routines (clause A1). Whoever calls
//! these has put the region into the table of `fault`, so that a fault gives a zero page instead of the signal.

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use super::region::{Access, Region};
use crate::page::MemRange;

/// An atomic integer that may stand in a mapping.
pub(crate) trait Atomic: Sized + Sync {}

impl Atomic for AtomicU8 {}
impl Atomic for AtomicU32 {}
impl Atomic for AtomicU64 {}

impl Region {
    /// The atomics that `range` holds; `None` if it is not aligned, not a whole number of them, or may not be stored to.
    pub(crate) fn atomics<A: Atomic>(&self, range: MemRange) -> Option<&[A]> {
        let size = size_of::<A>();
        let fits = range.len().is_multiple_of(size)
            && self.is_aligned(range.start(), size)
            && self.access() == Access::ReadWrite;
        if !fits {
            return None;
        }
        let first = self.address(range.start()).cast::<A>();
        // SAFETY: clauses A1, A2 and B3: aligned, inside the mapping, lock-free; `&self` keeps the pages where they are
        // (B2), and the copy routines may touch the same bytes meanwhile.
        Some(unsafe { core::slice::from_raw_parts(first, range.len() / size) })
    }
}
