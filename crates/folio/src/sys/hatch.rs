//! The `unsafe` functions of the public surface (clause E1): what folio cannot make safe, its caller may promise.

use std::os::fd::AsFd;

use crate::{Executable, MapOptions, Result, Shared, SharedMut};

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
        // SAFETY: clauses E1 and B3: the caller promises that the bytes stay; they lie in the region's pages.
        unsafe { core::slice::from_raw_parts(self.as_ptr(), self.len()) }
    }
}

impl SharedMut {
    /// The bytes as a slice.
    ///
    /// # Safety
    /// As [`Shared::as_slice_unchecked`]; "nobody" includes the writing methods, the atomics and the slices of this value.
    ///
    /// ```
    /// let memory = folio::SharedMut::anonymous(5)?;
    /// memory.write_at(0, b"hello")?;
    /// // SAFETY: nobody else has the memory, and nothing is written to it while the slice lives.
    /// assert_eq!(unsafe { memory.as_slice_unchecked() }, b"hello");
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub unsafe fn as_slice_unchecked(&self) -> &[u8] {
        // SAFETY: clauses E1 and B3: the caller promises that the bytes stay; they lie in the region's pages.
        unsafe { core::slice::from_raw_parts(self.as_ptr(), self.len()) }
    }

    /// The bytes as a slice to write to.
    ///
    /// # Safety
    /// As [`Shared::as_slice_unchecked`], and nobody else *reads* the bytes in this process either: not through a slice of
    /// this mapping ([`SharedMut::slice`]), a second mapping, or a system call. A store past the end of a truncated
    /// file, or to a hole when the disk is full, raises SIGBUS, which ends the process.
    ///
    /// ```
    /// let mut memory = folio::SharedMut::anonymous(5)?;
    /// // SAFETY: nobody else has the memory, and nothing else touches it while the slice lives.
    /// unsafe { memory.as_mut_slice_unchecked() }.copy_from_slice(b"hello");
    /// assert_eq!(memory.load::<[u8; 5]>(0)?, *b"hello");
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub unsafe fn as_mut_slice_unchecked(&mut self) -> &mut [u8] {
        // SAFETY: clauses E1 and B3: the caller promises that nobody else touches the bytes; they lie in the region's pages.
        unsafe { core::slice::from_raw_parts_mut(self.as_mut_ptr(), self.len()) }
    }
}

impl MapOptions {
    /// Map `file`, open for reading, as code: readable, executable, private.
    ///
    /// # Safety
    /// The caller promises that the file's bytes stay as they are while the mapping lives, and that whoever jumps into it finds
    /// there the instructions that it expects. Nothing survives a fault there: an instruction fetch from a page that a
    /// truncation took away ends the process (clause E1 of `docs/soundness.md`).
    ///
    /// # Errors
    /// As [`map_shared`](Self::map_shared); [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if the file system
    /// is mounted `noexec`; [`InvalidInput`](crate::ErrorKind::InvalidInput) for options that it has no use for.
    ///
    /// ```
    /// # #[cfg(target_arch = "x86_64")] {
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, [0xb8, 42, 0, 0, 0, 0xc3])?; // mov eax, 42; ret
    /// // SAFETY: nobody else knows the file, and its bytes are these instructions.
    /// let code = unsafe { folio::MapOptions::new().map_executable(&std::fs::File::open(&path)?) };
    /// let code = match code {
    ///     Ok(code) => code,
    ///     Err(error) if error.kind() == folio::ErrorKind::PermissionDenied => return Ok(()), // noexec
    ///     Err(error) => return Err(error.into()),
    /// };
    /// // SAFETY: the bytes are a function of the C calling convention that takes nothing and returns an i32.
    /// let answer = unsafe { std::mem::transmute::<*const u8, extern "C" fn() -> i32>(code.as_ptr()) };
    /// assert_eq!(answer(), 42);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub unsafe fn map_executable(&self, file: &impl AsFd) -> Result<Executable> {
        Executable::from_file(file, self)
    }
}
