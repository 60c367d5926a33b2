//! Atomics in a [`SharedMut`]: words that processes share on purpose.
//!
//! They are the one way in which user code touches the bytes of a live mapping directly. A fault there cannot be an error
//! of the load or store that meets it: it poisons the mapping, which [`SharedMut::check`] reports.

use core::ops::RangeBounds;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use crate::SharedMut;
use crate::error::{Cause, Error, Result};
use crate::sys::atomics::Atomic;

impl SharedMut {
    /// The atomic byte at `offset`.
    ///
    /// ```
    /// use std::sync::atomic::Ordering;
    /// let memory = folio::SharedMut::anonymous(3)?;
    /// let taken = memory.atomic_u8(2)?.swap(1, Ordering::AcqRel); // any offset will do for a byte
    /// assert_eq!(taken, 0); // the flag is ours
    /// assert_eq!(memory.atomic_u8(3).unwrap_err().kind(), folio::ErrorKind::OutOfRange);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange), [`Poisoned`](crate::ErrorKind::Poisoned).
    pub fn atomic_u8(&self, offset: usize) -> Result<&AtomicU8> {
        self.atomic(offset)
    }

    /// The atomic `u32` at `offset`: the way for processes to share a word, with std's own operations and orderings.
    ///
    /// A load or store that meets a fault (the file was truncated, the device is full) loads zero or is lost, and
    /// poisons the mapping: see [`check`](Self::check).
    ///
    /// ```
    /// use std::sync::atomic::Ordering;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, [0; 16])?;
    /// let map = folio::SharedMut::open(&path)?;
    /// let counter = map.atomic_u32(8)?;
    /// counter.fetch_add(1, Ordering::Relaxed);
    /// assert_eq!(map.load::<u32>(8)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange); [`Misaligned`](crate::ErrorKind::Misaligned) if the byte's address, and
    /// so its place in the file, is no multiple of 4; [`Poisoned`](crate::ErrorKind::Poisoned).
    pub fn atomic_u32(&self, offset: usize) -> Result<&AtomicU32> {
        self.atomic(offset)
    }

    /// The atomic `u64` at `offset`. See [`atomic_u32`](Self::atomic_u32).
    ///
    /// ```
    /// use folio::ErrorKind;
    /// use std::sync::atomic::Ordering;
    /// let memory = folio::SharedMut::anonymous(64)?;
    /// memory.atomic_u64(8)?.fetch_max(1_000, Ordering::Relaxed);
    /// assert_eq!(memory.load::<u64>(8)?, 1_000);
    /// assert_eq!(memory.atomic_u64(12).unwrap_err().kind(), ErrorKind::Misaligned);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`atomic_u32`](Self::atomic_u32), with a multiple of 8.
    pub fn atomic_u64(&self, offset: usize) -> Result<&AtomicU64> {
        self.atomic(offset)
    }

    /// The bytes of `range` as atomics.
    ///
    /// ```
    /// use std::sync::atomic::Ordering;
    /// let memory = folio::SharedMut::anonymous(64)?;
    /// let seen = memory.atomics_u8(16..)?;
    /// assert_eq!(seen.len(), 48);
    /// seen[0].fetch_or(0b100, Ordering::Relaxed); // one bit, and no other thread's
    /// assert_eq!(memory.load::<u8>(16)?, 0b100);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`atomic_u8`](Self::atomic_u8).
    pub fn atomics_u8(&self, range: impl RangeBounds<usize>) -> Result<&[AtomicU8]> {
        self.atomics(range)
    }

    /// The bytes of `range` as atomic `u32`s. See [`atomic_u32`](Self::atomic_u32).
    ///
    /// ```
    /// use std::sync::atomic::Ordering;
    /// let memory = folio::SharedMut::anonymous(64)?;
    /// let slots = memory.atomics_u32(..)?;
    /// assert_eq!(slots.len(), 16);
    /// slots[3].store(9, Ordering::Relaxed);
    /// assert_eq!(memory.load::<u32>(12)?, 9);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`atomic_u32`](Self::atomic_u32), and [`InvalidInput`](crate::ErrorKind::InvalidInput) if the length is no
    /// multiple of 4.
    pub fn atomics_u32(&self, range: impl RangeBounds<usize>) -> Result<&[AtomicU32]> {
        self.atomics(range)
    }

    /// The bytes of `range` as atomic `u64`s. See [`atomics_u32`](Self::atomics_u32).
    ///
    /// ```
    /// use folio::ErrorKind;
    /// use std::sync::atomic::Ordering;
    /// let memory = folio::SharedMut::anonymous(64)?;
    /// let sums = memory.atomics_u64(..32)?;
    /// sums[3].fetch_add(5, Ordering::Relaxed);
    /// assert_eq!(memory.load::<u64>(24)?, 5);
    /// assert_eq!(memory.atomics_u64(..30).unwrap_err().kind(), ErrorKind::InvalidInput); // no whole number of words
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`atomics_u32`](Self::atomics_u32), with multiples of 8.
    pub fn atomics_u64(&self, range: impl RangeBounds<usize>) -> Result<&[AtomicU64]> {
        self.atomics(range)
    }

    fn atomic<A: Atomic>(&self, offset: usize) -> Result<&A> {
        let range = self.at("reach an atomic in", offset, size_of::<A>())?;
        match self.mapping().atomics(range)? {
            [atomic] => Ok(atomic),
            _ => Err(self.mapping().error(
                Error::new("reach an atomic in", Cause::InvalidInput("it has no size".into())),
                range,
            )),
        }
    }

    fn atomics<A: Atomic>(&self, range: impl RangeBounds<usize>) -> Result<&[A]> {
        let range = self.checked("reach atomics in", range)?;
        self.mapping().atomics(range)
    }
}
