//! The `unsafe` functions of the public surface (clause E1): what folio cannot make safe, its caller may promise.

use crate::Shared;

impl Shared {
    /// The bytes as a slice.
    ///
    /// # Safety
    /// The caller promises that while the slice lives (clause E1 of `docs/soundness.md`)
    ///
    /// - nobody stores to these bytes of the file, in this process or another, by a mapping or by a system call;
    /// - nobody truncates the file below them; otherwise touching them raises SIGBUS, which ends the process;
    /// - the medium does not fail, or the process may end if it does.
    ///
    /// [`Frozen`](crate::Frozen) gives a slice without any of these promises.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let map = folio::Shared::open(&path)?;
    /// // SAFETY: the file lies in a directory that only this process uses, and nothing here writes to it.
    /// assert_eq!(unsafe { map.as_slice_unchecked() }, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub unsafe fn as_slice_unchecked(&self) -> &[u8] {
        // SAFETY: clause E1: the caller promises that the bytes stay; they lie in the region's pages (B3).
        unsafe { core::slice::from_raw_parts(self.as_ptr(), self.len()) }
    }
}
