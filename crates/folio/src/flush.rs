//! Writing changed pages of a shared mapping back to the device.

use core::ops::RangeBounds;
use std::io;

use rustix::mm::MsyncFlags;

use crate::SharedMut;
use crate::error::{Cause, Error, Result};
use crate::mapping::Mapping;
use crate::page::MemRange;
use crate::sys::writeback;

impl SharedMut {
    /// Write the whole mapping back and wait until the device has it. See [`flush_range`](Self::flush_range).
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"balance: 5")?;
    /// let map = folio::SharedMut::open(&path)?;
    /// map.write_at(9, b"7")?; // every process sees it
    /// map.flush()?; // and a power cut does not take it back
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`flush_range`](Self::flush_range).
    pub fn flush(&self) -> Result<()> {
        self.flush_range(..)
    }

    /// Write the pages of `range` back and wait until the device has them; msync(2) with `MS_SYNC`, which is fdatasync(2) for a
    /// range: a file that grew is as long on the device, its times may be older.
    ///
    /// Stores of other processes to these pages are written too. What is stored during the call may or may not be.
    /// A memory-only file ([`Memfd`](crate::Memfd), tmpfs) has no device; there it does nothing.
    ///
    /// **A flush that failed is not tried again.** The kernel reports a failed write-back once and then takes the pages for
    /// clean, so the next flush would succeed with the old bytes on the device. Every later flush of this mapping therefore fails
    /// too. To go on, write the bytes to another file.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, vec![0; 1 << 20])?;
    /// let map = folio::SharedMut::open(&path)?;
    /// map.write_at(5000, b"record")?;
    /// map.flush_async(5000..5006)?; // the device may begin
    /// map.flush_range(5000..5006)?; // and now it is done
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange); [`Io`](crate::ErrorKind::Io) or [`NoSpace`](crate::ErrorKind::NoSpace)
    /// if the write-back failed, now or in an earlier flush; [`Truncated`](crate::ErrorKind::Truncated) if the file no longer
    /// reaches the range; [`Poisoned`](crate::ErrorKind::Poisoned).
    pub fn flush_range(&self, range: impl RangeBounds<usize>) -> Result<()> {
        let range = self.checked("flush", range)?;
        self.mapping().flush(range)?;
        self.mapping().check("flush")
    }

    /// Start writing the pages of `range` back, and do not wait; sync_file_range(2) with `SYNC_FILE_RANGE_WRITE`, because
    /// `MS_ASYNC` of msync(2) does nothing on Linux.
    ///
    /// This makes a [`flush_range`](Self::flush_range) later cheaper. It makes nothing durable by itself, even when the pages have
    /// been written: the file's length and where its blocks are may not be on the device.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, [0; 8192])?;
    /// let map = folio::SharedMut::open(&path)?;
    /// map.fill(..4096, 1)?;
    /// map.flush_async(..4096)?; // the device begins with the first half
    /// map.fill(4096.., 2)?;
    /// map.flush()?; // has less to wait for, and is what makes all of it durable
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`flush_range`](Self::flush_range).
    pub fn flush_async(&self, range: impl RangeBounds<usize>) -> Result<()> {
        let range = self.checked("flush", range)?;
        self.mapping().flush_async(range)
    }
}

impl Mapping {
    /// Write the pages of `range` back and wait until the device has them.
    pub(crate) fn flush(&self, range: MemRange) -> Result<()> {
        self.still_trusted(range)?;
        if let Err(error) = self.region.sync(range, MsyncFlags::SYNC) {
            return Err(self.flush_failed(range, error));
        }
        // msync answers 0 for pages that a truncation took away.
        self.reaches("flush", range, 0)
    }

    /// Start writing the pages of `range` back.
    pub(crate) fn flush_async(&self, range: MemRange) -> Result<()> {
        self.still_trusted(range)?;
        if range.is_empty() {
            return Ok(());
        }
        let file = self.file_range(range);
        // A PageRange's end is at most i64::MAX (page.rs), so neither conversion changes a number.
        let offset = i64::try_from(file.start).unwrap_or(i64::MAX);
        let len = i64::try_from(file.end - file.start).unwrap_or(i64::MAX);
        writeback::start(self.fd(), offset, len)
            .map_err(|error| self.flush_failed(range, error))?;
        self.reaches("flush", range, 0)
    }

    /// The kernel reports a failed write-back once and then calls the pages clean: memory shows the new bytes, the device
    /// has the old ones, and the next flush would succeed. So a failure is remembered.
    fn still_trusted(&self, range: MemRange) -> Result<()> {
        match self.failed_flush.get() {
            None => Ok(()),
            Some(&errno) => {
                let cause = Cause::FailedFlush(io::Error::from_raw_os_error(errno));
                Err(self.error(Error::new("flush", cause), range))
            }
        }
    }

    #[cold]
    fn flush_failed(&self, range: MemRange, error: io::Error) -> Error {
        if let Some(errno @ (libc::EIO | libc::ENOSPC | libc::EDQUOT)) = error.raw_os_error() {
            self.failed_flush.get_or_init(|| errno);
        }
        self.error(Error::os("flush", error), range)
    }
}
