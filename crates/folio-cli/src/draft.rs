//! A file that is not there until it is whole: written without a name, then put in its place in one step.
//!
//! Whoever is killed while writing leaves nothing. The file system's name for an unnamed file is `O_TMPFILE`; where it has none,
//! the draft has a name of its own beside the real one, and is removed if it does not take its place. So has a draft that replaces a
//! file, between two system calls, because there is none that links over a name.
//!
//! A file that is replaced keeps its permissions, and a symbolic link to it stays one. What is there and is no regular file, such as a FIFO
//! or `/dev/null`, is written to: it must not become a file.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct Draft {
    out: BufWriter<File>,
    place: Place,
}

/// Who may read a file that was not there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    Owner,
    /// Whom the umask lets.
    Usual,
}

#[derive(Debug)]
enum Place {
    /// What is there takes the bytes as they come.
    Through,
    /// It has no name yet.
    Nameless(Target),
    /// It has this name.
    Beside(PathBuf, Target),
    /// It is where it was to be, or is given up.
    Left,
}

/// Where it is to be.
#[derive(Debug)]
struct Target {
    path: PathBuf,
    /// Those of the file that it replaces.
    permissions: Option<Permissions>,
}

/// How many names beside the target are tried: one that is taken was left by a process of this number that was killed.
const ATTEMPTS: u32 = 100;

impl Draft {
    /// Begin what is to be at `path`.
    pub(crate) fn new(path: &Path, readers: Readers) -> io::Result<Self> {
        let found = match fs::metadata(path) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if found.as_ref().is_some_and(|found| !found.is_file()) {
            let file = OpenOptions::new().write(true).open(path)?;
            return Ok(Self { out: BufWriter::new(file), place: Place::Through });
        }
        let path = if found.is_some() { fs::canonicalize(path)? } else { path.to_owned() };
        path.file_name().ok_or(io::Error::from(Errno::ISDIR))?;
        let target = Target { path, permissions: found.map(|found| found.permissions()) };
        let mode = match readers {
            Readers::Owner => Mode::RUSR | Mode::WUSR,
            Readers::Usual => Mode::from_raw_mode(0o666),
        };
        let unnamed = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        let (fd, place) = match rustix::fs::open(target.directory(), unnamed, mode) {
            Ok(fd) => (fd, Place::Nameless(target)),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                let (fd, beside) = target.beside(|path| create(path, mode))?;
                (fd, Place::Beside(beside, target))
            }
            Err(errno) => return Err(errno.into()),
        };
        Ok(Self { out: BufWriter::new(fd.into()), place })
    }

    /// Put it in its place, on the device too.
    pub(crate) fn place(mut self) -> io::Result<()> {
        self.out.flush()?;
        let file = self.out.get_ref();
        if let Place::Nameless(Target { permissions: Some(permissions), .. })
        | Place::Beside(_, Target { permissions: Some(permissions), .. }) = &self.place
        {
            file.set_permissions(permissions.clone())?;
        }
        let target = match std::mem::replace(&mut self.place, Place::Left) {
            Place::Through | Place::Left => return Ok(()),
            Place::Nameless(target) => {
                file.sync_all()?;
                let link = format!("/proc/self/fd/{}", file.as_raw_fd());
                let name = |path: &Path| {
                    rustix::fs::linkat(CWD, &link, CWD, path, AtFlags::SYMLINK_FOLLOW)
                };
                match name(&target.path) {
                    // It cannot be linked over what is there, only renamed over it.
                    Err(Errno::EXIST) => {
                        let ((), beside) = target.beside(name)?;
                        self.place = Place::Beside(beside, target);
                        return self.rename();
                    }
                    named => named?,
                }
                target
            }
            beside => {
                file.sync_all()?;
                self.place = beside;
                return self.rename();
            }
        };
        target.sync_directory()
    }

    fn rename(&mut self) -> io::Result<()> {
        let Place::Beside(beside, target) = &self.place else { return Ok(()) };
        fs::rename(beside, &target.path)?;
        let synced = target.sync_directory();
        self.place = Place::Left;
        synced
    }
}

impl Target {
    fn directory(&self) -> &Path {
        self.path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
    }

    /// Have `make` make something of a name that is not taken.
    fn beside<T>(&self, make: impl Fn(&Path) -> Result<T, Errno>) -> io::Result<(T, PathBuf)> {
        let id = process::id();
        for attempt in 0..ATTEMPTS {
            let path = self.directory().join(format!(".folio-{id}-{attempt}.new"));
            match make(&path) {
                Ok(made) => return Ok((made, path)),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(Errno::EXIST.into())
    }

    /// The name is on the device too, where the directory may be read and its file system does that.
    fn sync_directory(&self) -> io::Result<()> {
        match File::open(self.directory()).and_then(|directory| directory.sync_all()) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        }
    }
}

fn create(path: &Path, mode: Mode) -> Result<OwnedFd, Errno> {
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    rustix::fs::open(path, new, mode)
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
        if let Place::Beside(beside, _) = &self.place {
            // If that fails too there is nothing left to try.
            let _ = fs::remove_file(beside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn names(directory: &Path) -> Vec<std::ffi::OsString> {
        let names = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut draft = Draft::new(path, Readers::Usual)?;
        draft.write_all(bytes)?;
        draft.place()
    }

    #[test]
    fn it_is_there_when_it_is_whole_and_not_before() {
        testfs::each(
            &[testfs::Kind::Here, testfs::Kind::Tmpfs, testfs::Kind::Overlay, testfs::Kind::Fuse],
            |fs| {
                let directory = fs.path().join("d");
                fs::create_dir(&directory).unwrap();
                // As long as a name can be.
                let name = "s".repeat(255);
                let target = directory.join(&name);
                for content in [b"old", b"new"] {
                    let before = fs::read(&target).ok();
                    let mut draft = Draft::new(&target, Readers::Owner).unwrap();
                    draft.write_all(content).unwrap();
                    draft.flush().unwrap();
                    assert_eq!(fs::read(&target).ok(), before);
                    draft.place().unwrap();
                    assert_eq!(fs::read(&target).unwrap(), content);
                    assert_eq!(names(&directory), [name.as_str()]);
                }
                assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
                let mut given_up = Draft::new(&target, Readers::Owner).unwrap();
                given_up.write_all(b"half").unwrap();
                drop(given_up);
                assert_eq!(fs::read(&target).unwrap(), b"new");
                assert_eq!(names(&directory), [name.as_str()]);
            },
        );
    }

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode_and_links_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("a.svg"), dir.path().join("link"));
        replace(&file, b"first").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        symlink("a.svg", &link).unwrap();
        replace(&link, b"2").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"2");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(names(dir.path()), ["a.svg", "link"]);
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        assert!(replace(&dir.path().join("none/a.svg"), b"x").is_err());
        // The name is longer than a file system takes.
        assert!(replace(&dir.path().join("x".repeat(300)), b"x").is_err());
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_directory_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        for target in [directory.path(), Path::new("/"), Path::new("..")] {
            let error = Draft::new(target, Readers::Owner).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::ISDIR.raw_os_error()), "{target:?}");
        }
        assert!(names(directory.path()).is_empty());
    }

    #[test]
    fn what_is_no_regular_file_is_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("null");
        symlink("/dev/null", &link).unwrap();
        replace(&link, b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert_eq!(names(dir.path()), ["null"]);
    }
}
