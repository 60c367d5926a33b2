//! Open file description locks: fcntl(2) with `F_OFD_SETLK`, `F_OFD_SETLKW` and `F_OFD_GETLK`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::bounds::FileRange;

/// What is to become of the range's lock, in the words of `l_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockType {
    Read,
    Write,
    Unlock,
}

/// Whether a lock that somebody else holds is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    Wait,
    Try,
}

/// A lock in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The process, for a lock of fcntl(2)'s older kind; an open file description belongs to no one process.
    pub(crate) pid: Option<u32>,
    pub(crate) exclusive: bool,
    pub(crate) start: u64,
    /// How many bytes; zero is up to the end of the file.
    pub(crate) len: u64,
}

/// Lock or unlock `range` for the open file description behind `fd`.
pub(crate) fn set(
    fd: BorrowedFd<'_>,
    range: FileRange,
    lock: LockType,
    patience: Patience,
) -> io::Result<()> {
    let command = match patience {
        Patience::Wait => libc::F_OFD_SETLKW,
        Patience::Try => libc::F_OFD_SETLK,
    };
    fcntl(fd, command, &mut description(range, lock)?)
}

/// The first lock that would keep `fd` from locking `range`.
pub(crate) fn conflict(
    fd: BorrowedFd<'_>,
    range: FileRange,
    lock: LockType,
) -> io::Result<Option<Conflict>> {
    let mut flock = description(range, lock)?;
    fcntl(fd, libc::F_OFD_GETLK, &mut flock)?;
    if i32::from(flock.l_type) == libc::F_UNLCK {
        return Ok(None);
    }
    Ok(Some(Conflict {
        pid: u32::try_from(flock.l_pid).ok(),
        exclusive: i32::from(flock.l_type) == libc::F_WRLCK,
        start: u64::try_from(flock.l_start).unwrap_or(0),
        len: u64::try_from(flock.l_len).unwrap_or(0),
    }))
}

fn description(range: FileRange, lock: LockType) -> io::Result<libc::flock> {
    let number = match lock {
        LockType::Read => libc::F_RDLCK,
        LockType::Write => libc::F_WRLCK,
        LockType::Unlock => libc::F_UNLCK,
    };
    let signed = |number: u64| {
        i64::try_from(number).map_err(|_| io::Error::from_raw_os_error(libc::EOVERFLOW))
    };
    let short =
        |number: i32| i16::try_from(number).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL));
    Ok(libc::flock {
        l_type: short(number)?,
        l_whence: short(libc::SEEK_SET)?,
        l_start: signed(range.start())?,
        // Zero is the kernel's word for "to the end, wherever that will be"; an empty range never comes here.
        l_len: signed(range.len().unwrap_or(0))?,
        // Must be zero for these commands.
        l_pid: 0,
    })
}

fn fcntl(fd: BorrowedFd<'_>, command: i32, flock: &mut libc::flock) -> io::Result<()> {
    loop {
        // SAFETY: clause S1: the description outlives the call, which reads it and for F_OFD_GETLK writes it.
        let answer = unsafe { libc::fcntl(fd.as_raw_fd(), command, core::ptr::from_mut(flock)) };
        if answer == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
