//! How long a block device is, without moving the offset that whoever shares its description reads from.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `BLKGETSIZE64` of linux/fs.h: `_IOR(0x12, 114, size_t)`, which counts bytes.
const BLKGETSIZE64: libc::Ioctl = 0x8008_1272u32 as libc::Ioctl;

/// The length of the device in bytes.
pub(crate) fn device_len(fd: BorrowedFd<'_>) -> io::Result<u64> {
    let mut len = 0u64;
    // SAFETY: clause S1: the call writes 64 bits, for which there is room.
    let status =
        unsafe { libc::ioctl(fd.as_raw_fd(), BLKGETSIZE64, core::ptr::from_mut(&mut len)) };
    if status == 0 { Ok(len) } else { Err(io::Error::last_os_error()) }
}
