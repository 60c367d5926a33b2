//! Where the bytes of a file lie on its device, and getting them there.

use core::ops::Range;
use std::io;
use std::os::fd::AsFd;

use crate::sys::raw::disk as sys;

/// A piece of a file that lies in one piece on its device; Linux `Documentation/filesystems/fiemap.rst`.
///
/// ```
/// use folio::raw::extents;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 1 << 20])?;
/// let file = std::fs::File::open(&path)?;
/// if let Ok(extents) = extents(&file) { // not on tmpfs
///     for extent in extents {
///         println!("{} bytes from {} on lie at {}", extent.len, extent.logical, extent.physical);
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
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
    ///
    /// ```
    /// use folio::raw::{Extent, extents};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// let file = std::fs::File::create(&path)?;
    /// let allocated = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 1 << 20);
    /// if let (Ok(()), Ok(extents)) = (allocated, extents(&file)) { // not on tmpfs
    ///     assert!(extents.into_iter().all(Extent::is_unwritten));
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_unwritten(self) -> bool {
        self.flags & 0x800 != 0
    }

    /// Whether other files have it too, as after a reflink.
    ///
    /// ```
    /// use folio::raw::extents;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 1 << 20])?;
    /// let file = std::fs::File::open(&path)?;
    /// if let Ok(extents) = extents(&file) { // not on tmpfs
    ///     let own = extents.iter().filter(|extent| !extent.is_shared());
    ///     println!("removing the file frees {} bytes", own.map(|extent| extent.len).sum::<u64>());
    ///     # assert!(!extents.iter().any(|extent| extent.is_shared()));
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_shared(self) -> bool {
        self.flags & 0x2000 != 0
    }
}

/// The extents of `file` from its start, at most 32 of them, after its dirty pages are written out; ioctl `FS_IOC_FIEMAP`.
///
/// ```
/// use folio::raw::extents;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// let file = std::fs::File::create(&path)?;
/// file.set_len(1 << 30)?; // a hole, which lies nowhere
/// match extents(&file) {
///     Ok(extents) => assert!(extents.is_empty()),
///     Err(error) => println!("the file system does not tell: {error}"),
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
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
/// ```
/// use folio::FilePages;
/// use folio::raw::write_out;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 1 << 20])?;
/// let file = std::fs::File::open(&path)?;
/// write_out(&file, 0..1 << 20)?; // no longer dirty, and not yet safe from a power failure
/// assert!(FilePages::of(&file)?.counts(..)?.states.is_none_or(|states| states.dirty == 0));
/// let error = write_out(&file, 0..u64::MAX).unwrap_err();
/// assert_eq!(error.raw_os_error(), Some(libc::EOVERFLOW));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
