//! What can be mapped: a raw descriptor, or a reference to what has one.

use std::os::fd::{AsRawFd, RawFd};

/// A descriptor, as [`MmapAsRawDesc`] gives it.
pub struct MmapRawDescriptor(pub(crate) RawFd);

/// What can be mapped: a [`RawFd`], and a reference to anything with [`AsRawFd`], such as a [`File`](std::fs::File).
pub trait MmapAsRawDesc {
    /// Its descriptor.
    fn as_raw_desc(&self) -> MmapRawDescriptor;
}

impl MmapAsRawDesc for RawFd {
    fn as_raw_desc(&self) -> MmapRawDescriptor {
        MmapRawDescriptor(*self)
    }
}

impl<T> MmapAsRawDesc for &T
where
    T: AsRawFd,
{
    fn as_raw_desc(&self) -> MmapRawDescriptor {
        MmapRawDescriptor(self.as_raw_fd())
    }
}
