//! What a mapping is made from: an open file that has been looked at before the kernel is asked to map it.
//!
//! Here stand the permission table (which open mode each kind needs) and the list of what cannot be mapped, so that
//! every kind refuses the same things with the same words.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use crate::error::{Cause, Error, Result};
use crate::filesystem::FileSystemType;
use crate::options::MapOptions;
use crate::page::{PageRange, PageSize, RangeError};

/// What a kind of mapping does with its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// `Frozen`, `Private`, `Shared`.
    Read,
    /// `SharedMut`.
    ReadWrite,
}

/// How folio came by the file description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// folio opened it: leases and locks on it are folio's alone.
    Own,
    /// A duplicate of the caller's descriptor: the open file description is shared with the caller.
    Duplicate,
}

/// What changes when somebody changes a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// `st_size`, which is 0 for a device.
    size: i64,
    /// The time of the last modification, in seconds and nanoseconds.
    modified: (i64, i64),
}

/// An open file that can be mapped.
#[derive(Debug)]
pub(crate) struct Source {
    fd: OwnedFd,
    path: Option<PathBuf>,
    len: u64,
    page: PageSize,
    ownership: Ownership,
    opened: State,
}

impl Source {
    /// Open the file at `path`.
    pub(crate) fn open(path: &Path, needs: Needs) -> Result<Self> {
        let access = match needs {
            Needs::Read => OFlags::RDONLY,
            Needs::ReadWrite => OFlags::RDWR,
        };
        let open = |extra| {
            rustix::fs::open(path, access | OFlags::CLOEXEC | OFlags::NOCTTY | extra, Mode::empty())
        };
        // O_NONBLOCK so that a FIFO does not wait for its other end. On a regular file it matters only under a lease:
        // then opening for writing answers EAGAIN at once, and waiting is right.
        let opened = match open(OFlags::NONBLOCK) {
            Err(Errno::AGAIN) => open(OFlags::empty()),
            other => other,
        };
        let fd = match opened {
            Ok(fd) => fd,
            Err(Errno::ISDIR) => return Err(Error::new("map", directory()).with_path(path)),
            Err(Errno::NXIO) => return Err(Error::new("map", socket()).with_path(path)),
            Err(errno) => return Err(Error::os("open", errno).with_path(path)),
        };
        Self::examine(fd, Some(path.to_owned()), Ownership::Own)
    }

    /// Duplicate the descriptor `fd`, after checking that it was opened with what `needs` says.
    pub(crate) fn from_fd(fd: BorrowedFd<'_>, needs: Needs) -> Result<Self> {
        let flags = rustix::fs::fcntl_getfl(fd).map_err(|errno| Error::os("map", errno))?;
        if let Some(why) = missing_access(flags, needs) {
            let mut error = Error::new("map", Cause::OpenMode(why));
            if let Some(path) = path_of(fd) {
                error = error.with_path(path);
            }
            return Err(error);
        }
        let own =
            rustix::io::fcntl_dupfd_cloexec(fd, 0).map_err(|errno| Error::os("map", errno))?;
        Self::examine(own, None, Ownership::Duplicate)
    }

    fn examine(fd: OwnedFd, path: Option<PathBuf>, ownership: Ownership) -> Result<Self> {
        let name = |error: Error| match path.clone().or_else(|| path_of(fd.as_fd())) {
            Some(path) => error.with_path(path),
            None => error,
        };
        let stat = rustix::fs::fstat(&fd).map_err(|errno| name(Error::os("map", errno)))?;
        let len = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => u64::try_from(stat.st_size).unwrap_or(0),
            FileType::BlockDevice => rustix::fs::seek(&fd, SeekFrom::End(0))
                .map_err(|errno| name(Error::os("map", errno)))?,
            FileType::Directory => return Err(name(Error::new("map", directory()))),
            FileType::Socket => return Err(name(Error::new("map", socket()))),
            FileType::Fifo => {
                return Err(name(Error::new(
                    "map",
                    Cause::NotMappable("it is a pipe, which has no pages to map: read it"),
                )));
            }
            FileType::CharacterDevice => {
                return Err(name(Error::new(
                    "map",
                    Cause::NotMappable(
                        "it is a character device, whose length is not known: read it",
                    ),
                )));
            }
            _ => {
                return Err(name(Error::new(
                    "map",
                    Cause::NotMappable("it is not a regular file"),
                )));
            }
        };
        let (mut stat, mut len) = (stat, len);
        if len == 0 && has_content(&fd) {
            // Unless somebody wrote it between the two questions.
            stat = rustix::fs::fstat(&fd).map_err(|errno| name(Error::os("map", errno)))?;
            len = u64::try_from(stat.st_size).unwrap_or(0);
            if len == 0 {
                let why =
                    "its length reads as 0 though it has content, as in /proc and /sys: read it";
                return Err(name(Error::new("map", Cause::NotMappable(why))));
            }
        }
        if stat.st_blocks == 0 && len == PageSize::base().bytes() as u64 && is_short(&fd, len) {
            let why = "it has fewer bytes than its length says, as in /sys: read it";
            return Err(name(Error::new("map", Cause::NotMappable(why))));
        }
        let page = page_size_of(&stat, &fd);
        Ok(Self { fd, path, len, page, ownership, opened: State::of(&stat) })
    }

    /// The bytes that `options` ask for, within the file's length at open.
    pub(crate) fn range(&self, options: &MapOptions) -> Result<PageRange> {
        let past_end = |end| RangeError::PastEnd { end, limit: self.len };
        let (offset, len) = (options.offset, options.len);
        let range = match len {
            None if offset > self.len => Err(past_end(offset)),
            None => PageRange::new(self.page, offset, self.len - offset),
            Some(len) => PageRange::new(self.page, offset, len).and_then(|range| {
                let end = range.file_range().end;
                if end > self.len { Err(past_end(end)) } else { Ok(range) }
            }),
        };
        range.map_err(|error| self.name(Error::range("map", error)))
    }

    /// The error with the file's name.
    pub(crate) fn name(&self, error: Error) -> Error {
        match self.path.clone().or_else(|| path_of(self.fd.as_fd())) {
            Some(path) => error.with_path(path),
            None => error,
        }
    }

    /// The name that it was opened by, if folio opened it.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The length of the file at open, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The size of the pages that this file is mapped in: huge on hugetlbfs.
    pub(crate) fn page(&self) -> PageSize {
        self.page
    }

    /// Whose open file description it is.
    pub(crate) fn ownership(&self) -> Ownership {
        self.ownership
    }

    /// The same file under the name `path`.
    pub(crate) fn named(self, path: &Path) -> Self {
        Self { path: Some(path.to_owned()), ..self }
    }

    /// The same file, looked at again.
    pub(crate) fn renewed(&self) -> Result<Self> {
        let fd = rustix::io::fcntl_dupfd_cloexec(&self.fd, 0)
            .map_err(|errno| Error::os("map", errno))?;
        Self::examine(fd, self.path.clone(), self.ownership)
    }

    /// The state that the file had when it was looked at.
    pub(crate) fn as_opened(&self) -> State {
        self.opened
    }

    /// The state that the file has now.
    pub(crate) fn as_it_is(&self) -> rustix::io::Result<State> {
        rustix::fs::fstat(&self.fd).map(|stat| State::of(&stat))
    }

    /// The descriptor and the name, to keep.
    pub(crate) fn into_parts(self) -> (OwnedFd, Option<PathBuf>) {
        (self.fd, self.path)
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What an open mode lacks for `needs`, in words; the table of mmap(2), EACCES.
fn missing_access(flags: OFlags, needs: Needs) -> Option<&'static str> {
    if flags.contains(OFlags::PATH) {
        return Some("the file was opened with O_PATH, which allows neither reading nor writing");
    }
    let mode = flags & OFlags::RWMODE;
    match needs {
        Needs::Read if mode == OFlags::WRONLY => Some(
            "the file is open for writing only; every mapping needs it open for reading, because a page is read before any byte of it is used",
        ),
        Needs::ReadWrite if mode == OFlags::RDONLY => Some(
            "the file is open for reading only; a shared writable mapping (SharedMut) needs it open for reading and writing; to change bytes in memory alone use Private",
        ),
        Needs::ReadWrite if mode == OFlags::WRONLY => Some(
            "the file is open for writing only; a shared writable mapping (SharedMut) needs it open for reading and writing, because a page is read before a part of it is changed",
        ),
        _ => None,
    }
}

impl State {
    pub(crate) fn of(stat: &rustix::fs::Stat) -> Self {
        let nanoseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
        Self { size: stat.st_size, modified: (stat.st_mtime, nanoseconds) }
    }
}

fn directory() -> Cause {
    Cause::NotMappable("it is a directory, which has no bytes to map")
}

fn socket() -> Cause {
    Cause::NotMappable("it is a socket or a device without a driver, which has no pages to map")
}

/// Whether a file of length 0 has bytes to read all the same, as files of procfs and sysfs do. An error is not the end
/// of a file either: /proc/PID/mem has none at 0, and others after that.
fn has_content(fd: &OwnedFd) -> bool {
    let mut byte = [0u8; 1];
    !matches!(rustix::io::pread(fd, &mut byte[..], 0), Ok(0))
}

/// Whether a file has no byte where its length says that the last one is, as files of sysfs do; and has not been cut meanwhile.
fn is_short(fd: &OwnedFd, len: u64) -> bool {
    let mut byte = [0u8; 1];
    matches!(rustix::io::pread(fd, &mut byte[..], len - 1), Ok(0))
        && rustix::fs::fstat(fd).is_ok_and(|stat| u64::try_from(stat.st_size) == Ok(len))
}

/// The page size of the file's mappings. Only hugetlbfs has another than the base page, and there st_blksize tells it.
pub(crate) fn page_size_of(stat: &rustix::fs::Stat, fd: impl AsFd) -> PageSize {
    let base = PageSize::base();
    let block = usize::try_from(stat.st_blksize).unwrap_or(0);
    match PageSize::new(block) {
        Some(huge)
            if block >= 64 * 1024
                && huge > base
                && FileSystemType::of(fd).is_ok_and(FileSystemType::is_hugetlbfs) =>
        {
            huge
        }
        _ => base,
    }
}

/// The name under which the kernel gives the open file behind `fd` again, whatever has become of its own; proc_pid_fd(5).
pub(crate) fn magic_link(fd: BorrowedFd<'_>) -> PathBuf {
    format!("/proc/self/fd/{}", fd.as_raw_fd()).into()
}

/// An open file description of folio's own for the file behind `fd`.
pub(crate) fn reopen(fd: BorrowedFd<'_>, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(magic_link(fd), flags | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty())
}

/// The name of an open file, for messages: what /proc/self/fd says.
pub(crate) fn path_of(fd: BorrowedFd<'_>) -> Option<PathBuf> {
    std::fs::read_link(magic_link(fd)).ok()
}

/// The error with the open file's name, where that is known.
pub(crate) fn named(fd: BorrowedFd<'_>, error: Error) -> Error {
    match path_of(fd) {
        Some(path) => error.with_path(path),
        None => error,
    }
}
