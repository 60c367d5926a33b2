//! Why a page could not be had, found out after the fault.
//!
//! The signal carries no cause: truncation, a hole on a full file system and a failing disk all raise SIGBUS with the
//! same code. So the file is asked afterwards, in this order:
//!
//! 1. Is it shorter than what was touched? Then it was truncated.
//! 2. Is there no space for the page? A store is tried with fallocate(2), which says so itself, quotas included. A load
//!    faults only in a hole of a tmpfs that is full, where a read(2) succeeds; so this comes before the next question.
//! 3. Does reading the byte fail? Then the disk, the network or the memory behind the page did.
//!
//! If none of them holds, whatever was wrong has passed: the file was truncated and grew again, or space was freed. Then
//! the copy is worth another try, which is for the caller to do ([`FaultCause::find`] gives `None`).
//!
//! Questions that would move the offset of an open file description (lseek) or that O_DIRECT would refuse are asked on
//! a description of folio's own, opened through /proc; the mapping's may be shared with the caller.

use core::ops::Range;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FallocateFlags, FileType, OFlags, SeekFrom};
use rustix::io::Errno;

use crate::error::Cause;
use crate::filesystem::FileSystemType;
use crate::page::PageSize;
use crate::source::reopen;

/// What the faulting instruction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touched {
    Load,
    Store,
    /// An atomic access: it is not known which.
    Either,
}

/// A cause that can be kept and told more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultCause {
    /// The file is `len` bytes long; byte `offset` was asked for.
    Truncated { offset: u64, len: u64 },
    /// No space for the page.
    NoSpace,
    /// Reading the page gives this errno(3).
    Io(i32),
    /// Storing to the page is refused with this errno(3).
    Refused(i32),
    /// Nothing is wrong any more.
    Passed,
}

impl FaultCause {
    /// Why a page of `file_range` faulted, if that can still be seen. The range begins at the byte that faulted.
    #[cold]
    pub(crate) fn find(
        fd: BorrowedFd<'_>,
        file_range: Range<u64>,
        touched: Touched,
    ) -> Option<Self> {
        let page = PageSize::base();
        let at = file_range.start;
        if let Some(len) = length_of(fd)
            && len < file_range.end
        {
            return Some(Self::Truncated { offset: at.max(len), len });
        }
        if touched == Touched::Store {
            // What the store would have done: KEEP_SIZE, so that a file truncated meanwhile does not grow back.
            let probe = rustix::fs::fallocate(
                fd,
                FallocateFlags::KEEP_SIZE,
                page.floor(at),
                page.bytes() as u64,
            );
            match probe {
                Err(Errno::NOSPC | Errno::DQUOT) => return Some(Self::NoSpace),
                Err(errno @ (Errno::PERM | Errno::ROFS | Errno::TXTBSY)) => {
                    return Some(Self::Refused(errno.raw_os_error()));
                }
                Err(errno @ Errno::IO) => return Some(Self::Io(errno.raw_os_error())),
                Ok(()) => return read_error(fd, at).map(Self::Io),
                // No fallocate there, or a descriptor that may not: the passive questions are left.
                Err(_) => {}
            }
        }
        // O_NONBLOCK so that somebody's write lease is not waited for.
        let own = reopen(fd, OFlags::RDONLY | OFlags::NONBLOCK).ok();
        if is_full(fd) && own.as_ref().is_none_or(|own| is_hole(own, at)) {
            return Some(Self::NoSpace);
        }
        read_error(own.as_ref().map_or(fd, AsFd::as_fd), at).map(Self::Io)
    }
}

impl From<FaultCause> for Cause {
    fn from(cause: FaultCause) -> Self {
        match cause {
            FaultCause::Truncated { offset, len } => Self::Truncated { offset, len },
            FaultCause::NoSpace => Self::NoSpace,
            FaultCause::Io(errno) => Self::Io(io::Error::from_raw_os_error(errno)),
            FaultCause::Refused(errno) => Self::Os(io::Error::from_raw_os_error(errno)),
            FaultCause::Passed => Self::Io(io::Error::other(
                "it was missing when it was touched, and is there again now: the file was truncated and grew back, or space was short for a moment",
            )),
        }
    }
}

/// The length of a regular file, in bytes; `None` for a block device, which fstat does not tell, or if fstat fails.
pub(crate) fn length_of(fd: BorrowedFd<'_>) -> Option<u64> {
    let stat = rustix::fs::fstat(fd).ok()?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => u64::try_from(stat.st_size).ok(),
        _ => None,
    }
}

/// Whether there is no data at byte `at`: lseek(2), `SEEK_DATA`.
fn is_hole(own: &OwnedFd, at: u64) -> bool {
    match rustix::fs::seek(own, SeekFrom::Data(at)) {
        Ok(data) => data > at,
        Err(errno) => errno == Errno::NXIO,
    }
}

/// Whether the file system has no space for one page more. Blocks that it keeps for root count for root alone.
fn is_full(fd: BorrowedFd<'_>) -> bool {
    let Ok(fs) = rustix::fs::fstatvfs(fd) else { return false };
    if fs.f_blocks == 0 {
        // No limit on its size. On hugetlbfs a hole then faults only because no huge page is free.
        return FileSystemType::of(fd).is_ok_and(FileSystemType::is_hugetlbfs);
    }
    let free = if rustix::process::geteuid().is_root() { fs.f_bfree } else { fs.f_bavail };
    free.saturating_mul(fs.f_frsize) < PageSize::base().bytes() as u64
}

/// The errno(3) that reading the byte gives, if it is one of the medium.
fn read_error(fd: BorrowedFd<'_>, at: u64) -> Option<i32> {
    let mut byte = [0u8; 1];
    match rustix::io::pread(fd, &mut byte[..], at) {
        // EINVAL: the description wants aligned buffers (O_DIRECT). EINTR, EAGAIN: not about the medium.
        Ok(_) | Err(Errno::INVAL | Errno::INTR | Errno::AGAIN) => None,
        Err(errno) => Some(errno.raw_os_error()),
    }
}
