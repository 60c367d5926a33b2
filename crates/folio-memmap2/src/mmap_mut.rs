//! [`MmapMut`]: a mapping that is written to.

use std::fmt;
use std::io::Result;
use std::ops::{Deref, DerefMut};

use ::folio::best_effort::{BestEffort, Protection};

use crate::flush::flush_methods;
use crate::steering::steering_methods;
use crate::{Mmap, MmapAsRawDesc, MmapOptions, floor};

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

    flush_methods!();

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

    steering_methods!();
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
