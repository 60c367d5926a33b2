//! Whether there is room to keep a file's content.
//!
//! Asked *before* a lease or a copy is begun, so that running out later stays a corner of a corner.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use crate::error::Cause;

/// Up to this size no question is asked: reading /proc/meminfo costs more than such a copy can hurt.
const SMALL: u64 = 64 << 20;

/// An error unless `len` bytes fit into the memory that is free or can be freed.
pub(crate) fn in_memory(len: u64) -> Result<(), Cause> {
    if len <= SMALL {
        return Ok(());
    }
    match available_memory() {
        Some(available) if len > available => Err(Cause::Os(Errno::NOMEM.into())),
        _ => Ok(()),
    }
}

/// An error if a file may not be `len` bytes long (`RLIMIT_FSIZE`), one in memory included: the kernel would send SIGXFSZ, which
/// ends a process that does not expect it.
pub(crate) fn in_a_file(len: u64) -> Result<(), Cause> {
    match rustix::process::getrlimit(rustix::process::Resource::Fsize).current {
        Some(limit) if len > limit => Err(Cause::Os(Errno::FBIG.into())),
        _ => Ok(()),
    }
}

/// An error unless `len` bytes fit on the file system of `fd`.
pub(crate) fn on_disk(fd: BorrowedFd<'_>, len: u64) -> Result<(), Cause> {
    let stat = rustix::fs::fstatvfs(fd).map_err(|errno| Cause::Os(errno.into()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if len > free { Err(Cause::Os(Errno::NOSPC.into())) } else { Ok(()) }
}

/// An error unless `len` bytes could be kept in memory or on the file system of `fd`, should a lease break.
pub(crate) fn to_keep(fd: BorrowedFd<'_>, len: u64) -> Result<(), Cause> {
    in_a_file(len)?;
    in_memory(len).or_else(|no_memory| on_disk(fd, len).map_err(|_| no_memory))
}

/// What /proc/meminfo calls available, less a sixteenth for everybody else; `None` where there is no /proc.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let bytes = kib.saturating_mul(1024);
    Some(bytes - bytes / 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn more_than_all_memory_and_disk_is_refused() {
        let file = tempfile::tempfile().unwrap();
        assert!(in_memory(1).is_ok());
        assert!(in_memory(u64::MAX).is_err());
        assert!(on_disk(file.as_fd(), 0).is_ok());
        assert!(on_disk(file.as_fd(), u64::MAX).is_err());
        assert!(to_keep(file.as_fd(), u64::MAX).is_err());
    }
}
