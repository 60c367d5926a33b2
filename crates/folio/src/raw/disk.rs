//! Where the bytes of a file lie on its device, and getting them there.

use core::ops::Range;
use std::io;
use std::os::fd::AsFd;

use crate::sys::raw::disk as sys;

/// A piece of a file that lies in one piece on its device; Linux `Documentation/filesystems/fiemap.rst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// Where it begins in the file, in bytes.
    pub logical: u64,
    /// Where it begins on the device, in bytes. What this number refers to is the file system's affair; that it has changed
    /// means that the bytes have moved.
    pub physical: u64,
    /// In bytes.
    pub len: u64,
    /// `FIEMAP_EXTENT_…` of linux/fiemap.h.
    pub flags: u32,
}

impl Extent {
    /// Space that was allocated (fallocate(2)) and not written since: it reads as zeros.
    #[must_use]
    pub fn is_unwritten(self) -> bool {
        self.flags & 0x800 != 0
    }

    /// Whether other files have it too, as after a reflink.
    #[must_use]
    pub fn is_shared(self) -> bool {
        self.flags & 0x2000 != 0
    }
}

/// The extents of `file` from its start, at most 32 of them, after its dirty pages are written out; ioctl `FS_IOC_FIEMAP`.
///
/// # Errors
/// What the ioctl answers: `EOPNOTSUPP` or `ENOTTY` on a file system that does not tell.
pub fn extents(file: &impl AsFd) -> io::Result<Vec<Extent>> {
    let found = sys::extents(file.as_fd(), 0)?.into_iter();
    Ok(found
        .map(|extent| Extent {
            logical: extent.logical,
            physical: extent.physical,
            len: extent.length,
            flags: extent.flags,
        })
        .collect())
}

/// Write the dirty pages of `range` of `file` out and wait for that: sync_file_range(2) with its three flags. It promises no
/// durability: neither what the file system has to note nor the device's own cache is flushed.
///
/// # Errors
/// What sync_file_range(2) answers; `EOVERFLOW` for a range that does not fit signed 64-bit offsets.
pub fn write_out(file: &impl AsFd, range: Range<u64>) -> io::Result<()> {
    let signed = |number: u64| {
        i64::try_from(number).map_err(|_| io::Error::from_raw_os_error(libc::EOVERFLOW))
    };
    let len = range.end.saturating_sub(range.start);
    if len == 0 {
        // To the kernel that is everything to the end of the file.
        return Ok(());
    }
    sys::write_out(file.as_fd(), signed(range.start)?, signed(len)?)
}
