//! userfaultfd(2): asking for one, what it can do, and tracking stores with it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::done;
use super::region::RawRegion;
use crate::page::MemRange;

/// linux/userfaultfd.h
const UFFD_USER_MODE_ONLY: i32 = 1;
const UFFD_API: u64 = 0xaa;
/// `_IOWR(0xaa, 0x3f, struct uffdio_api)`
const UFFDIO_API: libc::Ioctl = 0xc018_aa3fu32 as libc::Ioctl;
/// `_IOWR(0xaa, 0x00, struct uffdio_register)`
const UFFDIO_REGISTER: libc::Ioctl = 0xc020_aa00u32 as libc::Ioctl;
/// `_IOWR(0xaa, 0x06, struct uffdio_writeprotect)`
const UFFDIO_WRITEPROTECT: libc::Ioctl = 0xc018_aa06u32 as libc::Ioctl;
const REGISTER_MODE_WP: u64 = 1 << 1;
const WRITEPROTECT_MODE_WP: u64 = 1;

#[repr(C)]
struct Api {
    api: u64,
    features: u64,
    ioctls: u64,
}

#[repr(C)]
struct Register {
    start: u64,
    len: u64,
    mode: u64,
    ioctls: u64,
}

#[repr(C)]
struct WriteProtect {
    start: u64,
    len: u64,
    mode: u64,
}

/// A userfaultfd for faults of user code (`UFFD_USER_MODE_ONLY`), or of the kernel as well.
pub(crate) fn open(kernel_too: bool) -> io::Result<OwnedFd> {
    let mode = if kernel_too { 0 } else { UFFD_USER_MODE_ONLY };
    let flags = libc::O_CLOEXEC | libc::O_NONBLOCK | mode;
    // SAFETY: clause S1: the call takes an integer.
    let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, flags) };
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: clause S1: the kernel gave this descriptor to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Ask for `features` (`UFFD_FEATURE_…`); the answer is all that the kernel has.
pub(crate) fn enable(fd: BorrowedFd<'_>, features: u64) -> io::Result<u64> {
    let mut api = Api { api: UFFD_API, features, ioctls: 0 };
    // SAFETY: clause S1: the struct outlives the call, which reads and writes it.
    done(unsafe { libc::ioctl(fd.as_raw_fd(), UFFDIO_API, &raw mut api) })?;
    Ok(api.features)
}

/// Have stores to `range` noted (with the feature `WP_ASYNC`, without a fault that anybody must answer).
pub(crate) fn protect(fd: BorrowedFd<'_>, region: &RawRegion, range: MemRange) -> io::Result<()> {
    let start = (region.base().addr() + range.start()) as u64;
    let len = range.len() as u64;
    let mut register = Register { start, len, mode: REGISTER_MODE_WP, ioctls: 0 };
    // SAFETY: clause R2: the struct outlives the call, and the pages are the region's own, without references to them.
    done(unsafe { libc::ioctl(fd.as_raw_fd(), UFFDIO_REGISTER, &raw mut register) })?;
    let protect = WriteProtect { start, len, mode: WRITEPROTECT_MODE_WP };
    // SAFETY: clause R2: as above.
    done(unsafe { libc::ioctl(fd.as_raw_fd(), UFFDIO_WRITEPROTECT, &raw const protect) })
}
