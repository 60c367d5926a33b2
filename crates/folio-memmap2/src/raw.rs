//! [`MmapRaw`]: a mapping that gives raw pointers alone.

use std::fmt;
use std::io::Result;

use ::folio::best_effort::{BestEffort, Wait};

use crate::flush::flush;
use crate::{Advice, Mmap, MmapAsRawDesc, MmapMut, MmapOptions, RemapOptions, UncheckedAdvice};

/// A mapping that gives raw pointers alone, for memory that others change meanwhile. It follows the file. A touch of what
/// is gone is answered as with the others: zeros, and a line on stderr.
pub struct MmapRaw {
    pub(crate) map: BestEffort,
}

impl MmapRaw {
    /// Map all of `file`, open for reading and writing, for both, shared.
    ///
    /// # Errors
    /// As [`MmapOptions::map_raw`].
    pub fn map_raw<T: MmapAsRawDesc>(file: T) -> Result<MmapRaw> {
        MmapOptions::new().map_raw(file)
    }

    /// The address of the first byte.
    #[inline]
    pub fn as_ptr(&self) -> *const u8 {
        self.map.as_ptr()
    }

    /// The same, for stores: what is mapped for reading alone raises SIGSEGV at one.
    #[inline]
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.map.as_mut_ptr()
    }

    /// The number of bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Write stores to the file and wait until they are on the disk; msync(2).
    ///
    /// # Errors
    /// What msync(2) answers; and if zeros took the place of bytes, because stores there reach no file.
    pub fn flush(&self) -> Result<()> {
        self.flush_range(0, self.len())
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn flush_async(&self) -> Result<()> {
        self.flush_async_range(0, self.len())
    }

    /// Write stores to the `len` bytes from `offset` on to the file and wait until they are on the disk; msync(2).
    ///
    /// # Errors
    /// `InvalidInput` if they reach past the end, and as [`flush`](Self::flush).
    pub fn flush_range(&self, offset: usize, len: usize) -> Result<()> {
        flush(&self.map, offset, len, Wait::Yes)
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// As [`flush_range`](Self::flush_range).
    pub fn flush_async_range(&self, offset: usize, len: usize) -> Result<()> {
        flush(&self.map, offset, len, Wait::No)
    }

    /// Tell the kernel how the mapping will be used; madvise(2).
    ///
    /// # Errors
    /// What madvise(2) answers.
    pub fn advise(&self, advice: Advice) -> Result<()> {
        self.map.advise(0, self.map.len(), advice as i32)
    }

    /// Give advice that can change bytes; madvise(2).
    ///
    /// # Safety
    /// Nobody has a slice of the bytes that change.
    ///
    /// # Errors
    /// What madvise(2) answers.
    #[expect(unsafe_code, reason = "memmap2's signature: clause E1")]
    pub unsafe fn unchecked_advise(&self, advice: UncheckedAdvice) -> Result<()> {
        self.map.advise(0, self.map.len(), advice as i32)
    }

    /// Tell the kernel how the `len` bytes from `offset` on will be used; madvise(2).
    ///
    /// # Errors
    /// `InvalidInput` if they reach past the end (memmap2 0.9.12 lets some such ranges through); what madvise(2) answers.
    pub fn advise_range(&self, advice: Advice, offset: usize, len: usize) -> Result<()> {
        self.map.advise(offset, len, advice as i32)
    }

    /// Give advice that can change bytes for the `len` bytes from `offset` on; madvise(2).
    ///
    /// # Safety
    /// Nobody has a slice of the bytes that change.
    ///
    /// # Errors
    /// As [`advise_range`](Self::advise_range).
    #[expect(unsafe_code, reason = "memmap2's signature: clause E1")]
    pub unsafe fn unchecked_advise_range(
        &self,
        advice: UncheckedAdvice,
        offset: usize,
        len: usize,
    ) -> Result<()> {
        self.map.advise(offset, len, advice as i32)
    }

    /// Lock the pages in memory; mlock(2).
    ///
    /// # Errors
    /// What mlock(2) answers.
    pub fn lock(&self) -> Result<()> {
        self.map.lock()
    }

    /// The opposite; munlock(2).
    ///
    /// # Errors
    /// What munlock(2) answers.
    pub fn unlock(&self) -> Result<()> {
        self.map.unlock()
    }

    /// Make the mapping `new_len` bytes long; mremap(2). One that was under a guarantee and grows shows the file as it
    /// changes from then on.
    ///
    /// # Safety
    /// As for mapping the file, for the new bytes. What lies past the end of the file reads as zero.
    ///
    /// # Errors
    /// What mremap(2) answers.
    #[expect(unsafe_code, reason = "memmap2's signature: clause E1")]
    pub unsafe fn remap(&mut self, new_len: usize, options: RemapOptions) -> Result<()> {
        self.map.resize(new_len, options.movement())
    }
}

impl From<Mmap> for MmapRaw {
    fn from(map: Mmap) -> Self {
        Self { map: map.map }
    }
}

impl From<MmapMut> for MmapRaw {
    fn from(map: MmapMut) -> Self {
        Self { map: map.map }
    }
}

impl fmt::Debug for MmapRaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MmapRaw").field("ptr", &self.as_ptr()).field("len", &self.len()).finish()
    }
}
