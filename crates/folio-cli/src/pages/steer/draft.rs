//! A file that is not there until it is whole: written without a name, then put in its place in one step.
//!
//! Whoever is killed while writing leaves nothing. The file system's name for an unnamed file is `O_TMPFILE`; where it has none,
//! the draft has a name of its own beside the real one, and is removed if it does not take its place.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Draft {
    out: BufWriter<File>,
    target: PathBuf,
    /// The name that the draft has, or will have for a moment.
    beside: PathBuf,
    named: Named,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    No,
    Beside,
    /// In its place.
    Placed,
}

impl Draft {
    /// Begin what is to be at `target`. Others may not read it, because it tells what somebody uses.
    pub(super) fn new(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or(io::Error::from(Errno::ISDIR))?;
        let directory = match target.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        if target.is_dir() {
            return Err(Errno::ISDIR.into());
        }
        let mut beside = std::ffi::OsString::from(".");
        beside.push(name);
        beside.push(format!(".{}.new", process::id()));
        let beside = directory.join(beside);
        let mode = Mode::RUSR | Mode::WUSR;
        let unnamed = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        let (fd, named) = match rustix::fs::open(directory, unnamed, mode) {
            Ok(fd) => (fd, Named::No),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                (rustix::fs::open(&beside, new, mode)?, Named::Beside)
            }
            Err(errno) => return Err(errno.into()),
        };
        Ok(Self { out: BufWriter::new(fd.into()), target: target.to_owned(), beside, named })
    }

    /// Put it in its place, on the device too.
    pub(super) fn place(mut self) -> io::Result<()> {
        self.out.flush()?;
        let file = self.out.get_ref();
        file.sync_all()?;
        if self.named == Named::No {
            let link = format!("/proc/self/fd/{}", file.as_raw_fd());
            // What is at the target cannot be linked over, only renamed over.
            let _ = fs::remove_file(&self.beside);
            rustix::fs::linkat(CWD, link, CWD, &self.beside, AtFlags::SYMLINK_FOLLOW)?;
            self.named = Named::Beside;
        }
        fs::rename(&self.beside, &self.target)?;
        self.named = Named::Placed;
        let directory = self.beside.parent().unwrap_or(Path::new("."));
        File::open(directory)?.sync_all()
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.named == Named::Beside {
            // If that fails too there is nothing left to try.
            let _ = fs::remove_file(&self.beside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<std::ffi::OsString> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn it_is_there_when_it_is_whole_and_not_before() {
        testfs::each(
            &[testfs::Kind::Here, testfs::Kind::Tmpfs, testfs::Kind::Overlay, testfs::Kind::Fuse],
            |fs| {
                let directory = fs.path().join("d");
                fs::create_dir(&directory).unwrap();
                let target = directory.join("saved");
                fs::write(&target, b"old").unwrap();
                let mut draft = Draft::new(&target).unwrap();
                draft.write_all(b"new").unwrap();
                draft.flush().unwrap();
                assert_eq!(fs::read(&target).unwrap(), b"old");
                draft.place().unwrap();
                assert_eq!(fs::read(&target).unwrap(), b"new");
                assert_eq!(names(&directory), ["saved"]);
                let mut given_up = Draft::new(&target).unwrap();
                given_up.write_all(b"half").unwrap();
                drop(given_up);
                assert_eq!(
                    (fs::read(&target).unwrap(), names(&directory)),
                    (b"new".to_vec(), vec!["saved".into()])
                );
            },
        );
    }

    #[test]
    fn a_directory_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        for target in [directory.path(), Path::new("/"), Path::new("..")] {
            assert_eq!(Draft::new(target).unwrap_err().raw_os_error(), Some(21), "{target:?}");
        }
    }
}
