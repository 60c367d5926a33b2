//! fcntl(2) on a file of the caller's: leases and record locks.

use std::io;
use std::os::fd::AsFd;

use crate::sys::raw::control as sys;

/// A lease on an open file; fcntl(2), `F_SETLEASE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lease {
    /// `F_UNLCK`: none.
    None,
    /// `F_RDLCK`: whoever opens the file for writing, or truncates it, is held back and the holder told.
    Read,
    /// `F_WRLCK`: whoever opens the file at all is.
    Write,
}

/// Set the lease on `file`. When somebody wants it broken the holder gets SIGIO, which ends a process that did not
/// [ignore](super::ignore_signal) it.
///
/// # Errors
/// What fcntl(2) answers: `EAGAIN` if the file is open in a way that the lease would hold back.
pub fn lease(file: &impl AsFd, lease: Lease) -> io::Result<()> {
    let kind = match lease {
        Lease::None => libc::F_UNLCK,
        Lease::Read => libc::F_RDLCK,
        Lease::Write => libc::F_WRLCK,
    };
    sys::set_lease(file.as_fd(), kind)
}

/// The lease on `file`, or what it is asked to turn into while somebody waits; fcntl(2), `F_GETLEASE`.
///
/// # Errors
/// What fcntl(2) answers.
pub fn lease_of(file: &impl AsFd) -> io::Result<Lease> {
    match sys::lease(file.as_fd())? {
        libc::F_RDLCK => Ok(Lease::Read),
        libc::F_WRLCK => Ok(Lease::Write),
        _ => Ok(Lease::None),
    }
}

/// Whose a record lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockOwner {
    /// The open file's: `F_OFD_SETLK`.
    OpenFile,
    /// The process's: `F_SETLK`. Closing any descriptor of the file gives it up.
    Process,
}

/// What a lock is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordLock {
    /// `F_RDLCK`: others may share it.
    Shared,
    /// `F_WRLCK`: nobody else has one.
    Exclusive,
    /// `F_UNLCK`: give it up.
    Unlock,
}

/// Lock `len` bytes of `file` from `offset` on, or up to any end if `len` is zero, without waiting.
///
/// # Errors
/// What fcntl(2) answers: `EAGAIN` if another holds a lock in the way, `EBADF` if the file is not open for it. `EINVAL`
/// for numbers that are not the kernel's signed ones.
pub fn record_lock(
    file: &impl AsFd,
    owner: LockOwner,
    lock: RecordLock,
    offset: u64,
    len: u64,
) -> io::Result<()> {
    let command = match owner {
        LockOwner::OpenFile => libc::F_OFD_SETLK,
        LockOwner::Process => libc::F_SETLK,
    };
    let kind = match lock {
        RecordLock::Shared => libc::F_RDLCK,
        RecordLock::Exclusive => libc::F_WRLCK,
        RecordLock::Unlock => libc::F_UNLCK,
    };
    let signed =
        |number: u64| i64::try_from(number).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL));
    sys::lock(file.as_fd(), command, kind, signed(offset)?, signed(len)?)
}
