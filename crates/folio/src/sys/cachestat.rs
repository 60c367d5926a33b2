//! cachestat(2), which neither rustix nor libc has a call for.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The number of cachestat(2): the same on every architecture since they share numbers.
const SYS_CACHESTAT: libc::c_long = 451;

/// `struct cachestat_range`: bytes; a length of zero is everything to the end of the file.
#[repr(C)]
struct Query {
    offset: u64,
    len: u64,
}

/// `struct cachestat`: numbers of pages.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) cached: u64,
    pub(crate) dirty: u64,
    pub(crate) writeback: u64,
    pub(crate) evicted: u64,
    pub(crate) recently_evicted: u64,
}

/// Count the pages of `len` bytes at `offset` in the page cache, to the end of the file for a `len` of zero.
pub(crate) fn count(fd: BorrowedFd<'_>, offset: u64, len: u64) -> io::Result<Answer> {
    let query = Query { offset, len };
    let mut answer = Answer::default();
    // SAFETY: clause S1: both structures have the kernel's layout and outlive the call; the last argument is for flags,
    // of which there are none.
    let status = unsafe {
        libc::syscall(
            SYS_CACHESTAT,
            fd.as_raw_fd(),
            core::ptr::from_ref(&query),
            core::ptr::from_mut(&mut answer),
            0,
        )
    };
    if status == 0 { Ok(answer) } else { Err(io::Error::last_os_error()) }
}
