//! The files that a process has: those that its descriptors lead to, and those that it has mapped.
//!
//! `/proc/PID/fd` and `/proc/PID/map_files` lead to the open files themselves, also where they have no name any more. The
//! second may be followed with CAP_CHECKPOINT_RESTORE alone; without it a mapped file is found by its name, and its inode
//! number tells whether it is still the same.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use procfs::process::{MMapPath, MemoryMap, Process};
use rustix::io::Errno;

use super::select::Telling;
use crate::failure::{Failure, InputFailure};
use crate::name::quoted;

/// A file of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it can be opened.
    pub(super) path: PathBuf,
    /// What the kernel calls it.
    pub(super) shown: PathBuf,
}

/// The files that process `pid` has open or mapped: maybe some of them twice, and things that are no files.
pub(super) fn files_of(pid: i32, telling: &Telling<'_>) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    if !Path::new(&format!("/proc/{pid}")).exists() {
        let failure = InputFailure::refused(format!("process {pid}"), "there is no such process");
        return telling.sort(Err(failure)).map(|()| found);
    }
    match descriptors(pid) {
        Ok(files) => found.extend(files),
        Err(failure) => telling.sort(Err(failure))?,
    }
    match mappings(pid) {
        Ok(maps) => {
            let mut seen = HashSet::new();
            for map in maps {
                if map.inode != 0 && seen.insert((map.dev, map.inode)) {
                    match mapped_file(pid, &map) {
                        Ok(file) => found.extend(file),
                        Err(failure) => telling.sort(Err(failure))?,
                    }
                }
            }
        }
        Err(failure) => telling.sort(Err(failure))?,
    }
    Ok(found)
}

fn descriptors(pid: i32) -> Result<Vec<Found>, Failure> {
    let directory = PathBuf::from(format!("/proc/{pid}/fd"));
    let failed = |error: io::Error| {
        InputFailure::os(format!("process {pid}"), "list the open files", &error)
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // It may have been closed meanwhile.
        if let Ok(shown) = fs::read_link(&path) {
            found.push(Found { path, shown });
        }
    }
    Ok(found)
}

fn mappings(pid: i32) -> Result<Vec<MemoryMap>, Failure> {
    let failed = |error: procfs::ProcError| {
        let error = match error {
            procfs::ProcError::Io(error, _) => error,
            procfs::ProcError::NotFound(_) => io::ErrorKind::NotFound.into(),
            procfs::ProcError::PermissionDenied(_) => io::Error::from(Errno::ACCESS),
            other => io::Error::other(other.to_string()),
        };
        InputFailure::os(format!("process {pid}"), "list the mappings", &error)
    };
    let process = Process::new(pid).map_err(failed)?;
    Ok(process.maps().map_err(failed)?.into_iter().collect())
}

/// The file of a mapping, if it is one.
fn mapped_file(pid: i32, map: &MemoryMap) -> Result<Option<Found>, Failure> {
    let (start, end) = map.address;
    let link = PathBuf::from(format!("/proc/{pid}/map_files/{start:x}-{end:x}"));
    let told = match &map.pathname {
        MMapPath::Path(path) => path.clone(),
        _ => return Ok(None),
    };
    let shown = fs::read_link(&link).unwrap_or(told);
    match fs::metadata(&link) {
        Ok(_) => return Ok(Some(Found { path: link, shown })),
        // It was unmapped meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(_) => {}
    }
    let relative = shown.strip_prefix("/").unwrap_or(&shown);
    let path = Path::new(&format!("/proc/{pid}/root")).join(relative);
    match fs::metadata(&path) {
        Ok(metadata) if metadata.ino() == map.inode => Ok(Some(Found { path, shown })),
        _ => Err(InputFailure::refused(
            quoted(&shown),
            "is mapped, but no longer has this name; to follow the mapping takes CAP_CHECKPOINT_RESTORE",
        )),
    }
}
