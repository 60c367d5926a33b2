//! madvise(2) for the surface: the hints that are safe wherever they were checked, and the hatch for the others.

use core::ops::RangeBounds;
use std::io;

use super::region::Region;
use crate::advice::{Checked, RawAdvice};
use crate::error::{Error, Result};
use crate::page::MemRange;
use crate::pages::Pages;

impl Region {
    /// Give `advice` for the pages that `range` touches; madvise(2).
    pub(crate) fn advise(&self, range: MemRange, advice: Checked) -> io::Result<()> {
        // SAFETY: clause P1: the advice was checked against what stands behind the pages and changes nothing that is read.
        unsafe { self.madvise(range, advice.number()) }
    }
}

impl Pages<'_> {
    /// Give a hint that can change what is read or make pages inaccessible, for the pages that `range` touches.
    ///
    /// # Safety
    /// The caller promises (clause E1 of `docs/soundness.md`) that while a slice of these pages lives, its bytes stay as
    /// they are and can be touched: so no such slice lives, or the hint changes nothing for it. That concerns every byte of
    /// the pages, also those beside the range, and every view of them: other slices of the same
    /// [`Frozen`](crate::Frozen), references to atomics, and for [`RawAdvice::Remove`] all mappings of the file in any process.
    /// After [`RawAdvice::GuardInstall`] nothing may touch the pages until [`RawAdvice::GuardRemove`], not even
    /// a `read_at`: it ends the process with SIGSEGV.
    ///
    /// ```
    /// use folio::{RawAdvice, Shared, SharedMut};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 100_000])?;
    /// let map = SharedMut::open(&path)?;
    /// // SAFETY: nobody has a slice of this file: it is new, and mapped here alone, with copies.
    /// match unsafe { map.pages().advise_unchecked(8192..16384, RawAdvice::Remove) } {
    ///     Ok(()) => assert_eq!(map.load::<u8>(8192)?, 0),
    ///     Err(error) => eprintln!("no holes on this file system: {error}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange), and what madvise(2) answers, with its
    /// [`raw_os_error`](crate::Error::raw_os_error).
    pub unsafe fn advise_unchecked(
        &self,
        range: impl RangeBounds<usize>,
        advice: RawAdvice,
    ) -> Result<()> {
        let range = self.part("advise", &range)?;
        // SAFETY: clause E1: the caller answers for what the advice does.
        let answer = unsafe { self.region().madvise(range, advice.number()) };
        answer.map_err(|error| self.error(Error::os("advise", error), range))
    }
}
