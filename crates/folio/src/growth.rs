//! Growing and shrinking a file together with its mapping.
//!
//! Other processes may do the same to the file at the same time. So a file is made longer by fallocate(2), which never
//! makes it shorter, whatever its length has become since it was asked for; ftruncate(2) is the way only on file systems
//! without fallocate.

use core::ops::RangeBounds;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::SharedMut;
use crate::error::{Cause, Error, Result};
use crate::mapping::{Mapping, mode};
use crate::page::{MemRange, PageRange, RangeError};
use crate::sys::region::Region;

/// Refuse a length over `RLIMIT_FSIZE`: the kernel would send SIGXFSZ, which ends a process that does not expect it.
pub(crate) fn within_file_limit(op: &'static str, len: u64) -> Result<()> {
    match rustix::process::getrlimit(rustix::process::Resource::Fsize).current {
        Some(limit) if len > limit => {
            let why = format!(
                "{len} bytes are over the limit of {limit} on a file's length (RLIMIT_FSIZE)"
            );
            Err(Error::new(op, Cause::InvalidInput(why.into())))
        }
        _ => Ok(()),
    }
}

impl SharedMut {
    /// Make file and mapping `len` bytes long, if they are shorter. The new bytes are zeros and a hole: see
    /// [`allocate`](Self::allocate).
    ///
    /// The addresses may move, so no reference to an atomic may live (`&mut self`) and no slice or reader. For growth that moves
    /// nothing see [`extend`](Self::extend). A file that another process made longer meanwhile is never made shorter.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, b"")?;
    /// let mut map = folio::SharedMut::open(&path)?;
    /// map.grow(10_000)?;
    /// map.write_at(9_996, b"end.")?;
    /// map.shrink(9_999)?;
    /// assert_eq!(std::fs::metadata(&path)?.len(), 9_999);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NoSpace`](crate::ErrorKind::NoSpace), [`NoMemory`](crate::ErrorKind::NoMemory),
    /// [`TooLarge`](crate::ErrorKind::TooLarge), [`PermissionDenied`](crate::ErrorKind::PermissionDenied) by a seal of a
    /// memfd; [`Busy`](crate::ErrorKind::Busy) while a slice or a reader lives; [`InvalidInput`](crate::ErrorKind::InvalidInput) on a slice;
    /// [`Poisoned`](crate::ErrorKind::Poisoned). On an error the mapping is as it was; the file may be longer.
    pub fn grow(&mut self, len: usize) -> Result<()> {
        self.is_whole("grow")?;
        if len <= self.mapping().region.capacity() {
            return self.mapping().extend("grow", len);
        }
        self.alone("grow")?.grow(len)
    }

    /// Make file and mapping `len` bytes long, if they are longer. No byte past `len` can be read any more, here or in the file.
    ///
    /// ```
    /// let mut map = folio::SharedMut::anonymous(10_000)?;
    /// map.shrink(5)?;
    /// assert_eq!((map.len(), map.file_len()?), (5, 5));
    /// assert_eq!(map.shrink(6).unwrap_err().kind(), folio::ErrorKind::InvalidInput); // that would be growing
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `len` is more than now, on a slice, and if the file reaches further than this mapping (its
    /// bytes would be lost unseen); [`Truncated`](crate::ErrorKind::Truncated) if the file is shorter than that already;
    /// [`Busy`](crate::ErrorKind::Busy), [`PermissionDenied`](crate::ErrorKind::PermissionDenied) and
    /// [`Poisoned`](crate::ErrorKind::Poisoned) as [`grow`](Self::grow).
    pub fn shrink(&mut self, len: usize) -> Result<()> {
        self.is_whole("shrink")?;
        self.alone("shrink")?.shrink(len)
    }

    /// Make file and mapping `len` bytes long, if they are shorter, within the addresses that
    /// [`MapOptions::reserve`](crate::MapOptions::reserve) set aside. Nothing moves: other threads may read, write and hold references to atomics.
    ///
    /// ```
    /// use folio::MapOptions;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, [0; 8])?;
    /// let map = MapOptions::new().reserve(1 << 30).open_shared_mut(&path)?;
    /// let first = map.atomic_u64(0)?;
    /// map.extend(1 << 20)?;
    /// first.store(1, std::sync::atomic::Ordering::Relaxed); // still the same place
    /// assert_eq!(map.len(), 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`grow`](Self::grow); [`OutOfRange`](crate::ErrorKind::OutOfRange) past the reservation. Slices and readers are no hindrance.
    pub fn extend(&self, len: usize) -> Result<()> {
        self.is_whole("extend")?;
        self.mapping().extend("extend", len)
    }

    /// Give the bytes of `range` space on the device, so that a later store does not fail for want of it; fallocate(2). What
    /// is in them stays.
    ///
    /// The promise is the file system's: ext4, xfs and tmpfs keep it; btrfs keeps it for the first store to each
    /// byte; blocks that are shared with a clone of the file need space again when they are stored to.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, b"")?;
    /// let mut map = folio::SharedMut::open(&path)?;
    /// map.grow(1 << 20)?; // a hole, which takes no space
    /// match map.allocate(..) {
    ///     Ok(()) => map.fill(.., b'x')?, // does not fail for want of space
    ///     Err(error) => eprintln!("{error}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NoSpace`](crate::ErrorKind::NoSpace), [`OutOfRange`](crate::ErrorKind::OutOfRange),
    /// [`Unsupported`](crate::ErrorKind::Unsupported) by the file system, [`Truncated`](crate::ErrorKind::Truncated),
    /// [`Poisoned`](crate::ErrorKind::Poisoned).
    pub fn allocate(&self, range: impl RangeBounds<usize>) -> Result<()> {
        let range = self.checked("allocate", range)?;
        self.mapping().allocate(range)
    }
}

impl Mapping {
    /// Where in the file a mapping of `len` bytes ends, if there can be one.
    fn end_at(&self, op: &'static str, len: usize) -> Result<PageRange> {
        PageRange::new(self.region.page(), self.offset(), len as u64)
            .map_err(|error| self.name(Error::range(op, error)))
    }

    /// Make the file at least `end` bytes long.
    fn lengthen_file(&self, op: &'static str, end: u64) -> Result<()> {
        if self.file_len()? >= end {
            return Ok(());
        }
        within_file_limit(op, end).map_err(|error| self.name(error))?;
        // The last page alone: what is between stays a hole.
        let last = self.region.page().floor(end - 1);
        match rustix::fs::fallocate(self.fd(), FallocateFlags::empty(), last, end - last) {
            Ok(()) => Ok(()),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.lengthen_by_truncate(op, end),
            Err(errno) => Err(self.name(Error::os(op, errno))),
        }
    }

    /// Without fallocate: the file is asked for its length once more, right before.
    fn lengthen_by_truncate(&self, op: &'static str, end: u64) -> Result<()> {
        if self.file_len()? >= end {
            return Ok(());
        }
        rustix::fs::ftruncate(self.fd(), end).map_err(|errno| self.name(Error::os(op, errno)))
    }

    /// Make file and mapping at least `len` bytes long without moving.
    pub(crate) fn extend(&self, op: &'static str, len: usize) -> Result<()> {
        let _growing = self.growing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let capacity = self.region.capacity();
        if len > capacity {
            let error = RangeError::PastReserve { end: len as u64, limit: capacity as u64 };
            return Err(self.name(Error::range(op, error)));
        }
        // Also where the mapping is as long already: the file may have been cut since.
        self.lengthen_file(op, self.end_at(op, len)?.file_range().end)?;
        if len > self.region.len() {
            self.region.set_len(len);
        }
        Ok(())
    }

    /// Make file and mapping at least `len` bytes long, which is more than there are addresses for; they may move.
    pub(crate) fn grow(&mut self, len: usize) -> Result<()> {
        let range = self.end_at("grow", len)?;
        self.lengthen_file("grow", range.file_range().end)?;
        // No atomic reference lives (`&mut self`): the next one puts the new addresses into the handler's table.
        self.watch.take();
        if self.region.resize(len).is_ok() {
            return Ok(());
        }
        // Nothing was mapped before; or advice or locks on a part made more than one area of the mapping, which mremap
        // does not move. The file holds all bytes, so it can be mapped anew.
        self.region = Region::map(self.fd(), &range, 0, mode(self.region.access(), &self.options))
            .map_err(|error| self.name(Error::os("grow", error)).with_range(range.file_range()))?;
        self.prepare()
    }

    /// Make file and mapping `len` bytes long, which is less than now.
    pub(crate) fn shrink(&mut self, len: usize) -> Result<()> {
        let now = self.region.len();
        if len > now {
            let why = format!("the mapping is {now} bytes long, {len} would be more: use grow");
            return Err(self.name(Error::new("shrink", Cause::InvalidInput(why.into()))));
        }
        let end = self.end_at("shrink", len)?.file_range().end;
        let file_len = self.file_len()?;
        let mapped_end = self.offset() + now as u64;
        if file_len > mapped_end {
            let why = format!(
                "the file is {file_len} bytes long and the mapping ends at {mapped_end}: the bytes after it would be lost"
            );
            return Err(self.name(Error::new("shrink", Cause::InvalidInput(why.into()))));
        }
        if file_len < end {
            let cause = Cause::Truncated { offset: file_len, len: file_len };
            return Err(self.name(Error::new("shrink", cause)));
        }
        if file_len > end {
            rustix::fs::ftruncate(self.fd(), end)
                .map_err(|errno| self.name(Error::os("shrink", errno)))?;
        }
        self.region.set_len(len);
        self.release_tail(len)
    }

    /// Give back the addresses past `len`, unless they were reserved.
    fn release_tail(&mut self, len: usize) -> Result<()> {
        if self.options.reserve.is_some() {
            return Ok(());
        }
        self.watch.take();
        let mode = mode(self.region.access(), &self.options);
        if len == 0 {
            self.region = Region::empty(self.region.page(), mode);
            return Ok(());
        }
        if self.region.resize(len).is_ok() {
            return Ok(());
        }
        // Huge pages of hugetlbfs, which mremap does not cut; or more than one area, see `grow`.
        match Region::map(self.fd(), &self.end_at("shrink", len)?, 0, mode) {
            Ok(region) => {
                self.region = region;
                self.prepare()
            }
            // No byte past `len` can be reached all the same; only the addresses stay.
            Err(_) => Ok(()),
        }
    }

    /// Give the bytes of `range` space on the device, so that a store there cannot fail for want of it.
    pub(crate) fn allocate(&self, range: MemRange) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let file = self.file_range(range);
        // KEEP_SIZE: a file that somebody truncated does not grow back.
        rustix::fs::fallocate(
            self.fd(),
            FallocateFlags::KEEP_SIZE,
            file.start,
            file.end - file.start,
        )
        .map_err(|errno| self.error(Error::os("allocate", errno), range))?;
        self.reaches("allocate", range, 0)
    }
}
