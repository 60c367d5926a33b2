//! Where a file lies on its device, and getting it there: FIEMAP, sync_file_range(2).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::done;

/// `_IOWR('f', 11, struct fiemap)`
const FS_IOC_FIEMAP: libc::Ioctl = 0xc020_660bu32 as libc::Ioctl;
/// Write delayed blocks out first: before that they have no place.
const FIEMAP_FLAG_SYNC: u32 = 1;
/// How many extents one call gives.
const BATCH: u32 = 32;

/// `struct fiemap_extent` of linux/fiemap.h.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FiemapExtent {
    pub(crate) logical: u64,
    pub(crate) physical: u64,
    pub(crate) length: u64,
    reserved_64: [u64; 2],
    pub(crate) flags: u32,
    reserved: [u32; 3],
}

/// `struct fiemap`, with room for the extents that follow it.
#[repr(C)]
struct Fiemap {
    start: u64,
    length: u64,
    flags: u32,
    mapped_extents: u32,
    extent_count: u32,
    reserved: u32,
    extents: [FiemapExtent; BATCH as usize],
}

/// The extents of the file from byte `start` on, at most 32.
pub(crate) fn extents(fd: BorrowedFd<'_>, start: u64) -> io::Result<Vec<FiemapExtent>> {
    let mut fiemap = Fiemap {
        start,
        length: u64::MAX - start,
        flags: FIEMAP_FLAG_SYNC,
        mapped_extents: 0,
        extent_count: BATCH,
        reserved: 0,
        extents: [FiemapExtent::default(); BATCH as usize],
    };
    // SAFETY: clause S1: the struct outlives the call, which reads its head and writes as many extents as it has room for.
    done(unsafe { libc::ioctl(fd.as_raw_fd(), FS_IOC_FIEMAP, &raw mut fiemap) })?;
    let count = BATCH.min(fiemap.mapped_extents) as usize;
    Ok(fiemap.extents[..count].to_vec())
}

/// Write the dirty pages of `len` bytes at `offset` out and wait for that, and for those that were on their way.
pub(crate) fn write_out(fd: BorrowedFd<'_>, offset: i64, len: i64) -> io::Result<()> {
    let flags = libc::SYNC_FILE_RANGE_WAIT_BEFORE
        | libc::SYNC_FILE_RANGE_WRITE
        | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    // SAFETY: clause S1: the call takes no pointer, and the descriptor is borrowed.
    done(unsafe { libc::sync_file_range(fd.as_raw_fd(), offset, len, flags) })
}
