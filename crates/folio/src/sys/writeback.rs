//! Starting write-back, for which rustix has no call.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Start writing the dirty pages of `len` bytes at `offset` to the device, and do not wait; sync_file_range(2) with
/// `SYNC_FILE_RANGE_WRITE`.
pub(crate) fn start(fd: BorrowedFd<'_>, offset: i64, len: i64) -> io::Result<()> {
    // SAFETY: clause S1: the call takes no pointer, and the descriptor is borrowed.
    let answer =
        unsafe { libc::sync_file_range(fd.as_raw_fd(), offset, len, libc::SYNC_FILE_RANGE_WRITE) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
