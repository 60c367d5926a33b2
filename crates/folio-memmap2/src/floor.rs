//! The one module that may contain unsafe code: where raw pointers become slices, and a number a descriptor.
//!
//! A file can change under a slice, so memmap2's constructors are `unsafe`, and their callers answer for it. All that is
//! unsafe here rests on that promise (clause E1 of folio's `docs/soundness.md`), or on a guarantee of folio's (E2).

use std::io;
use std::os::fd::{BorrowedFd, RawFd};

use ::folio::best_effort::BestEffort;

/// The bytes of `map`, which one of the constructors that are unsafe to call made, or which no file stands behind, or whose
/// file the kernel lets nobody change (`map_if_safe`).
#[inline]
pub(crate) fn slice(map: &BestEffort) -> &[u8] {
    // SAFETY: clauses E1 and E2: the pages stay mapped while `map` is borrowed, and who mapped the file promised that its bytes
    // stay, or the kernel does.
    unsafe { std::slice::from_raw_parts(map.as_ptr(), map.len()) }
}

/// The same, to be stored to.
#[inline]
pub(crate) fn slice_mut(map: &mut BestEffort) -> &mut [u8] {
    // SAFETY: clause E1: as above, and the borrow is the only way to them in this value.
    unsafe { std::slice::from_raw_parts_mut(map.as_mut_ptr(), map.len()) }
}

/// The open file behind `number`.
pub(crate) fn descriptor<'a>(number: RawFd) -> io::Result<BorrowedFd<'a>> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: clause E1: whoever implements MmapAsRawDesc says that it is one; where it is not, the kernel answers EBADF.
    Ok(unsafe { BorrowedFd::borrow_raw(number) })
}

#[cfg(feature = "stable_deref_trait")]
mod stable {
    use stable_deref_trait::StableDeref;

    use crate::{Mmap, MmapMut};

    // SAFETY: clause E2: the bytes are in a mapping, whose address does not depend on where the value is.
    unsafe impl StableDeref for Mmap {}
    // SAFETY: clause E2: as above.
    unsafe impl StableDeref for MmapMut {}
}
