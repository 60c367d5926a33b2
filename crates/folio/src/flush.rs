//! Writing changed pages of a shared mapping back to the device.

use std::io;

use rustix::mm::MsyncFlags;

use crate::error::{Cause, Error, Result};
use crate::mapping::Mapping;
use crate::page::MemRange;
use crate::sys::writeback;

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
