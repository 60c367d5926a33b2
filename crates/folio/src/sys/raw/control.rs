//! fcntl(2): leases and record locks as they are, on the open file descriptions of others.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::done;

/// Set the lease of the open file description to `F_UNLCK`, `F_RDLCK` or `F_WRLCK`.
pub(crate) fn set_lease(fd: BorrowedFd<'_>, kind: i32) -> io::Result<()> {
    // SAFETY: clause R4: F_SETLEASE takes an integer, and the description is none of folio's own.
    done(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETLEASE, kind) })
}

/// The kind of lease that the open file description has, or is asked to turn it into.
pub(crate) fn lease(fd: BorrowedFd<'_>) -> io::Result<i32> {
    // SAFETY: clause S1: F_GETLEASE takes nothing.
    let kind = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETLEASE) };
    if kind == -1 { Err(io::Error::last_os_error()) } else { Ok(kind) }
}

/// Lock or unlock `len` bytes from `start`, without waiting; `command` is `F_SETLK` or `F_OFD_SETLK`, `kind` as for a lease.
pub(crate) fn lock(
    fd: BorrowedFd<'_>,
    command: i32,
    kind: i32,
    start: i64,
    len: i64,
) -> io::Result<()> {
    let short =
        |number: i32| i16::try_from(number).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL));
    let flock = libc::flock {
        l_type: short(kind)?,
        l_whence: short(libc::SEEK_SET)?,
        l_start: start,
        l_len: len,
        l_pid: 0,
    };
    // SAFETY: clause S1: the description of the lock outlives the call, which reads it.
    done(unsafe { libc::fcntl(fd.as_raw_fd(), command, &raw const flock) })
}
