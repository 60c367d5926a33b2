//! [`MmapMut`]: a mapping that is written to.

use std::fmt;
use std::io::Result;
use std::ops::{Deref, DerefMut};

use ::folio::best_effort::{BestEffort, Protection, Wait};

use crate::flush::flush;
use crate::{Advice, Mmap, MmapAsRawDesc, MmapOptions, RemapOptions, UncheckedAdvice, floor};

/// A mapping that is written to, as a slice; or memory without a file.
///
/// ```
/// let mut memory = memmap2::MmapMut::map_anon(4096)?;
/// memory[0] = 7;
/// assert_eq!(&memory.make_read_only()?[..2], [7, 0]);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct MmapMut {
    pub(crate) map: BestEffort,
}

impl MmapMut {
    /// Map all of `file`, open for reading and writing, for both, shared.
    ///
    /// # Safety
    /// As [`MmapOptions`] says.
    ///
    /// # Errors
    /// As [`MmapOptions::map_mut`].
    #[expect(unsafe_code, reason = "memmap2's signature: clause E1")]
    pub unsafe fn map_mut<T: MmapAsRawDesc>(file: T) -> Result<MmapMut> {
        MmapOptions::new().write(&file)
    }

    /// Map `length` bytes of zeros without a file.
    ///
    /// # Errors
    /// As [`MmapOptions::map_anon`].
    pub fn map_anon(length: usize) -> Result<MmapMut> {
        MmapOptions::new().len(length).map_anon()
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

    /// Allow loads alone; mprotect(2).
    ///
    /// # Errors
    /// What mprotect(2) answers.
    pub fn make_read_only(mut self) -> Result<Mmap> {
        self.map.protect(Protection::Read)?;
        Ok(Mmap { map: self.map })
    }

    /// Allow loads and execution; mprotect(2). On aarch64 the instruction cache is the caller's concern.
    ///
    /// # Errors
    /// What mprotect(2) answers.
    pub fn make_exec(mut self) -> Result<Mmap> {
        self.map.protect(Protection::ReadExec)?;
        Ok(Mmap { map: self.map })
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

impl Deref for MmapMut {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        floor::slice(&self.map)
    }
}

impl DerefMut for MmapMut {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        floor::slice_mut(&mut self.map)
    }
}

impl AsRef<[u8]> for MmapMut {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsMut<[u8]> for MmapMut {
    #[inline]
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl fmt::Debug for MmapMut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MmapMut").field("ptr", &self.as_ptr()).field("len", &self.len()).finish()
    }
}
