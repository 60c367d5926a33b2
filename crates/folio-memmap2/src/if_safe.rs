//! Mapping what the kernel promises not to change, and why something is not.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, SealFlags, StatxAttributes, StatxFlags};

/// Why [`MmapOptions::map_if_safe`](crate::MmapOptions::map_if_safe) did not map.
pub struct MapIfSafeError {
    why: Why,
}

#[derive(Debug)]
enum Why {
    NotSafe(io::Error),
    MapFailed(io::Error),
}

impl MapIfSafeError {
    fn not_safe_for(reason: impl Into<String>) -> Self {
        let error = io::Error::new(io::ErrorKind::InvalidInput, reason.into());
        Self { why: Why::NotSafe(error) }
    }

    pub(crate) fn failed(error: io::Error) -> Self {
        Self { why: Why::MapFailed(error) }
    }

    /// Whether the platform has no such check. Linux has.
    pub fn not_supported(&self) -> bool {
        false
    }

    /// Whether somebody may change the file.
    pub fn not_safe(&self) -> bool {
        matches!(self.why, Why::NotSafe(_))
    }

    /// Whether nobody may change the file, and mapping it failed all the same.
    pub fn map_failed(&self) -> bool {
        matches!(self.why, Why::MapFailed(_))
    }
}

impl std::error::Error for MapIfSafeError {}

impl fmt::Display for MapIfSafeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Why::NotSafe(error) | Why::MapFailed(error)) = &self.why;
        fmt::Display::fmt(error, f)
    }
}

impl fmt::Debug for MapIfSafeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.why, f)
    }
}

impl From<MapIfSafeError> for io::Error {
    fn from(error: MapIfSafeError) -> Self {
        let (Why::NotSafe(error) | Why::MapFailed(error)) = error.why;
        error
    }
}

/// `Ok` if nobody can change the file behind `fd`, and the `len` bytes from `offset` on lie within it.
pub(crate) fn check(fd: BorrowedFd<'_>, offset: u64, len: usize) -> Result<(), MapIfSafeError> {
    check_file(fd)?;
    let file_len = crate::options::file_len(fd).map_err(|error| {
        let why = format!("fd is not safe to map: failed to determine file size: {error}");
        MapIfSafeError::not_safe_for(why)
    })?;
    let end = offset.checked_add(len as u64).ok_or_else(|| {
        let why = "mapping region overflows u64";
        MapIfSafeError::failed(io::Error::new(io::ErrorKind::InvalidInput, why))
    })?;
    if end > file_len {
        return Err(MapIfSafeError::not_safe_for(format!(
            "map request is not safe: offset + length ({end}) exceeds the size of the file ({file_len})"
        )));
    }
    Ok(())
}

fn check_file(fd: BorrowedFd<'_>) -> Result<(), MapIfSafeError> {
    match rustix::fs::fcntl_get_seals(fd) {
        Ok(seals) => match missing_seals(seals) {
            None => Ok(()),
            Some(missing) => Err(MapIfSafeError::not_safe_for(format!(
                "fd is not safe to map: missing seals {missing}"
            ))),
        },
        Err(_) if has_verity(fd) => Ok(()),
        Err(_) => Err(MapIfSafeError::not_safe_for(
            "fd is not safe to map: it is not a memfd and it has no fs-verity",
        )),
    }
}

/// Which of the seals are missing that keep a memfd as it is.
fn missing_seals(seals: SealFlags) -> Option<&'static str> {
    match (seals.contains(SealFlags::SHRINK), seals.contains(SealFlags::WRITE)) {
        (true, true) => None,
        (true, false) => Some("F_SEAL_WRITE"),
        (false, true) => Some("F_SEAL_SHRINK"),
        (false, false) => Some("F_SEAL_SHRINK and F_SEAL_WRITE"),
    }
}

/// Whether fs-verity keeps the file as it is; statx(2), `STATX_ATTR_VERITY`.
fn has_verity(fd: BorrowedFd<'_>) -> bool {
    rustix::fs::statx(fd, "", AtFlags::EMPTY_PATH, StatxFlags::empty())
        .is_ok_and(|stat| stat.stx_attributes.contains(StatxAttributes::VERITY))
}
