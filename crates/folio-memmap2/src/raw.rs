//! [`MmapRaw`]: a mapping that gives raw pointers alone.

use std::fmt;
use std::io::Result;

use ::folio::best_effort::BestEffort;

use crate::flush::flush_methods;
use crate::steering::steering_methods;
use crate::{Mmap, MmapAsRawDesc, MmapMut, MmapOptions};

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

    flush_methods!();
    steering_methods!();
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
