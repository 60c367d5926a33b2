//! fcntl(2) on a file of the caller's: leases and record locks.

use std::io;
use std::os::fd::AsFd;

use crate::sys::raw::control as sys;

/// A lease on an open file; fcntl(2), `F_SETLEASE`.
///
/// ```
/// use folio::raw::{Lease, lease, lease_of};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
/// let file = std::fs::File::open(&path)?;
/// assert_eq!(lease_of(&file)?, Lease::None);
/// # if lease(&file, Lease::Read).is_err() { return Ok(()); } // a file system without leases
/// lease(&file, Lease::Read)?;
/// assert_eq!(lease_of(&file)?, Lease::Read); // until the file is closed, or this:
/// lease(&file, Lease::None)?;
/// # Ok::<(), std::io::Error>(())
/// ```
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
/// ```
/// use folio::raw::{Lease, lease};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
/// let file = std::fs::File::open(&path)?;
/// # if lease(&file, Lease::Read).is_err() { return Ok(()); } // a file system without leases
/// # lease(&file, Lease::None)?;
/// let writer = std::fs::File::options().write(true).open(&path)?;
/// let error = lease(&file, Lease::Read).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock); // EAGAIN: somebody may write
/// drop(writer);
/// lease(&file, Lease::Read)?;
/// # Ok::<(), std::io::Error>(())
/// ```
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
/// ```
/// use std::os::unix::fs::OpenOptionsExt;
/// use folio::raw::{Lease, Signal, ignore_signal, lease, lease_of};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
/// let file = std::fs::File::open(&path)?;
/// # if lease(&file, Lease::Read).is_err() { return Ok(()); } // a file system without leases
/// ignore_signal(Signal::Io)?;
/// lease(&file, Lease::Read)?;
/// let mut options = std::fs::File::options();
/// let refused = options.write(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap_err();
/// assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
/// assert_eq!(lease_of(&file)?, Lease::None); // what it has to become now
/// # Ok::<(), std::io::Error>(())
/// ```
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
///
/// ```
/// use folio::raw::{LockOwner, RecordLock, record_lock};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// let one = std::fs::File::create(&path)?;
/// let other = std::fs::File::create(&path)?;
/// record_lock(&one, LockOwner::Process, RecordLock::Exclusive, 0, 0)?;
/// record_lock(&other, LockOwner::Process, RecordLock::Exclusive, 0, 0)?; // it is this process's already
/// assert!(record_lock(&other, LockOwner::OpenFile, RecordLock::Exclusive, 0, 0).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockOwner {
    /// The open file's: `F_OFD_SETLK`.
    OpenFile,
    /// The process's: `F_SETLK`. Closing any descriptor of the file gives it up.
    Process,
}

/// What a lock is taken for.
///
/// ```
/// use folio::raw::{LockOwner, RecordLock, record_lock};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
/// let one = std::fs::File::open(&path)?;
/// let other = std::fs::File::open(&path)?;
/// record_lock(&one, LockOwner::OpenFile, RecordLock::Shared, 0, 0)?;
/// record_lock(&other, LockOwner::OpenFile, RecordLock::Shared, 0, 0)?;
/// let error = record_lock(&one, LockOwner::OpenFile, RecordLock::Exclusive, 0, 0).unwrap_err();
/// assert_eq!(error.raw_os_error(), Some(libc::EBADF)); // not open for writing
/// # Ok::<(), std::io::Error>(())
/// ```
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
/// ```
/// use folio::raw::{LockOwner, RecordLock, record_lock};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// let one = std::fs::File::create(&path)?;
/// let other = std::fs::File::create(&path)?;
/// record_lock(&one, LockOwner::OpenFile, RecordLock::Exclusive, 100, 10)?; // of an empty file, even
/// let error = record_lock(&other, LockOwner::OpenFile, RecordLock::Exclusive, 109, 0).unwrap_err();
/// assert_eq!(error.raw_os_error(), Some(libc::EAGAIN)); // byte 109 is in both
/// record_lock(&other, LockOwner::OpenFile, RecordLock::Exclusive, 110, 0)?;
/// # Ok::<(), std::io::Error>(())
/// ```
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
