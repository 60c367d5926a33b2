//! [`Mmap`]: a mapping that is read.

use std::fmt;
use std::io::Result;
use std::ops::Deref;

use ::folio::best_effort::{BestEffort, Protection};

use crate::steering::steering_methods;
use crate::{MapIfSafeError, MmapAsRawDesc, MmapMut, MmapOptions, floor};

/// A mapping that is read, as a slice.
///
/// ```
/// use memmap2::Mmap;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![7; 50_000])?;
/// let file = std::fs::File::open(&path)?;
/// // SAFETY: nobody else knows the file.
/// let map = unsafe { Mmap::map(&file)? };
/// drop(file);
/// std::fs::write(&path, b"")?; // somebody truncates the file
/// assert_eq!(map.len(), 50_000); // no SIGBUS; and the bytes as they were, where the file system has leases
/// # if memmap2::folio::guarantee_of(&map).is_some() {
/// assert!(map.iter().all(|&byte| byte == 7));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Mmap {
    pub(crate) map: BestEffort,
}

impl Mmap {
    /// Map all of `file`; [`MmapOptions`] has more.
    ///
    /// # Safety
    /// As [`MmapOptions`] says.
    ///
    /// # Errors
    /// As [`MmapOptions::map`].
    #[expect(unsafe_code, reason = "memmap2's signature: clause E1")]
    pub unsafe fn map<T: MmapAsRawDesc>(file: T) -> Result<Mmap> {
        MmapOptions::new().read(&file)
    }

    /// Map all of `file` if the kernel lets nobody change it.
    ///
    /// # Errors
    /// As [`MmapOptions::map_if_safe`].
    pub fn map_if_safe<T: MmapAsRawDesc>(file: T) -> core::result::Result<Mmap, MapIfSafeError> {
        MmapOptions::new().map_if_safe(file)
    }

    /// Allow stores; mprotect(2).
    ///
    /// # Errors
    /// `PermissionDenied` for a shared mapping of a file that is not open for writing.
    pub fn make_mut(mut self) -> Result<MmapMut> {
        self.map.protect(Protection::ReadWrite)?;
        Ok(MmapMut { map: self.map })
    }

    steering_methods!();
}

impl Deref for Mmap {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        floor::slice(&self.map)
    }
}

impl AsRef<[u8]> for Mmap {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Mmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mmap").field("ptr", &self.as_ptr()).field("len", &self.len()).finish()
    }
}
