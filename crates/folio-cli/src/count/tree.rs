//! The files in a directory, however deep, in the order of their names.
//!
//! Symbolic links are not followed, so there is no way round in circles; FIFOs, sockets and devices are passed over,
//! because reading one may wait for ever. What the user named itself is taken for what it is.

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use crate::failure::{Complaints, Failure, InputFailure};
use crate::input::Input;
use crate::name::quoted;

/// Append `root` itself if it is no directory, else the regular files below it. Directories that cannot be read are
/// told, and the others gone on with.
pub(super) fn files_below(root: PathBuf, found: &mut Vec<Input>, complaints: &mut Complaints) {
    if !root.is_dir() {
        found.push(Input::Path(root));
        return;
    }
    // What is still to be visited, the next on top.
    let mut ahead = vec![Found::Directory(root)];
    while let Some(next) = ahead.pop() {
        match next {
            Found::File(path) => found.push(Input::Path(path)),
            Found::Directory(path) => match entries(&path, complaints) {
                Ok(entries) => ahead.extend(entries.into_iter().rev()),
                Err(Failure::Input(failure)) => complaints.tell(&failure),
                Err(Failure::Output(_)) => {}
            },
        }
    }
}

/// An entry of interest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    File(PathBuf),
    Directory(PathBuf),
}

impl Found {
    fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Directory(path) => path,
        }
    }
}

/// The files and directories in a directory, by name.
fn entries(directory: &Path, complaints: &mut Complaints) -> Result<Vec<Found>, Failure> {
    let failed = |error| InputFailure::os(quoted(directory), "read the directory", &error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        match entry.and_then(|entry| classify(&entry)) {
            Ok(found) => entries.extend(found),
            Err(error) => {
                if let Failure::Input(failure) = failed(error) {
                    complaints.tell(&failure);
                }
                break;
            }
        }
    }
    entries.sort_by(|a, b| a.path().cmp(b.path()));
    Ok(entries)
}

fn classify(entry: &DirEntry) -> std::io::Result<Option<Found>> {
    let file_type = entry.file_type()?;
    Ok(if file_type.is_dir() {
        Some(Found::Directory(entry.path()))
    } else if file_type.is_file() {
        Some(Found::File(entry.path()))
    } else {
        None
    })
}
