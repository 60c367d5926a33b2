//! What a command reads: a file by its name, or standard input.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::SeekFrom;
use rustix::io::Errno;

use crate::failure::{Failure, InputFailure};
use crate::name::quoted;
use crate::window::Window;

/// An input as it was named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// No file was named at all.
    Implied,
    /// `-`
    Dash,
    /// A path.
    Path(PathBuf),
}

impl Input {
    /// The inputs that the arguments name; standard input if there are none.
    pub(crate) fn from_args(files: Vec<OsString>) -> Vec<Self> {
        if files.is_empty() {
            return vec![Self::Implied];
        }
        files.into_iter().map(Self::from_arg).collect()
    }

    /// The input that an argument names.
    pub(crate) fn from_arg(file: OsString) -> Self {
        if file == "-" { Self::Dash } else { Self::Path(file.into()) }
    }

    /// The name for a message.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Implied | Self::Dash => "standard input".to_owned(),
            Self::Path(path) => quoted(path),
        }
    }

    /// Whether it is standard input.
    pub(crate) fn is_stdin(&self) -> bool {
        !matches!(self, Self::Path(_))
    }

    /// Open it and find out how it can be read. `directory` is what to say of a directory.
    pub(crate) fn open(&self, directory: &'static str) -> Result<Opened, Failure> {
        let failed = |error| InputFailure::os(self.name(), "open", &error);
        let file = match self {
            Self::Path(path) => File::open(path).map_err(|error| {
                if is_socket(path) {
                    InputFailure::refused(self.name(), "is a socket")
                } else {
                    failed(error)
                }
            })?,
            Self::Implied | Self::Dash => {
                io::stdin().as_fd().try_clone_to_owned().map_err(failed)?.into()
            }
        };
        let kind = Kind::of(&file, self.is_stdin()).map_err(failed)?;
        if let Kind::Directory = kind {
            return Err(InputFailure::refused(self.name(), directory));
        }
        Ok(Opened { file, kind, name: self.name(), is_stdin: self.is_stdin() })
    }
}

/// How an open input can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file or block device: bytes at positions. Reading starts at the first of them, which on standard
    /// input is where whoever had the descriptor before stopped; the last was the file's end when it was opened.
    Sized(Range<u64>),
    /// A pipe, socket, terminal or character device, or a file that does not tell its length, as in /proc: bytes one
    /// after the other.
    Stream,
    /// No bytes.
    Directory,
}

impl Kind {
    fn of(file: &File, is_stdin: bool) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let file_type = metadata.file_type();
        let start =
            || if is_stdin { rustix::fs::tell(file).map_err(io::Error::from) } else { Ok(0) };
        if file_type.is_dir() {
            Ok(Self::Directory)
        } else if file_type.is_file() {
            let range = start()?..metadata.len();
            // An error is not the end of a file either: it comes again where it is told.
            let untold = range.end == 0 && !matches!(file.read_at(&mut [0], 0), Ok(0));
            Ok(if untold { Self::Stream } else { Self::Sized(range) })
        } else if file_type.is_block_device() {
            Ok(Self::Sized(start()?..block_device_len(file)?))
        } else {
            Ok(Self::Stream)
        }
    }
}

/// Whether a name that cannot be opened is that of a socket: the kernel speaks of a missing device then.
fn is_socket(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.file_type().is_socket())
}

/// Its end, found by seeking; the position stays where it was.
fn block_device_len(file: &File) -> io::Result<u64> {
    let position = rustix::fs::tell(file)?;
    let len = rustix::fs::seek(file, SeekFrom::End(0))?;
    rustix::fs::seek(file, SeekFrom::Start(position))?;
    Ok(len)
}

/// An input that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) kind: Kind,
    /// The name for a message.
    pub(crate) name: String,
    is_stdin: bool,
}

impl Opened {
    /// The range of the file that `window` is.
    pub(crate) fn range(
        &self,
        window: Window,
        available: Range<u64>,
    ) -> Result<Range<u64>, Failure> {
        let end = available.end;
        window
            .of(available)
            .map_err(|past| InputFailure::past_end(self.name.clone(), past.offset, end))
    }

    /// An error of reading, with the input's name.
    pub(crate) fn unreadable(&self, error: impl Into<io::Error>) -> Failure {
        InputFailure::os(self.name.clone(), "read", &error.into())
    }

    /// How long the file is now. A block device is as long as it was.
    pub(crate) fn len_now(&self, at_open: u64) -> Result<u64, Failure> {
        let metadata = self.file.metadata().map_err(|error| self.unreadable(error))?;
        Ok(if metadata.is_file() { metadata.len() } else { at_open })
    }

    /// Make sure that the file, `at_open` bytes long when it was opened, still reaches `position`.
    pub(crate) fn check_reaches(&self, position: u64, at_open: u64) -> Result<(), Failure> {
        let now = self.len_now(at_open)?;
        if now < position {
            return Err(InputFailure::truncated(self.name.clone(), at_open.max(position), now));
        }
        Ok(())
    }

    /// Leave the position of standard input where reading stopped, for whoever reads it next.
    pub(crate) fn leave_at(&self, position: u64) {
        if self.is_stdin {
            // A descriptor that cannot seek has no position to leave.
            let _ = rustix::fs::seek(&self.file, SeekFrom::Start(position));
        }
    }

    /// Do `read` until it succeeds or fails for good: signals interrupt it, and a descriptor that somebody made not to
    /// block is waited for.
    pub(crate) fn retry(
        &self,
        mut read: impl FnMut() -> io::Result<usize>,
    ) -> Result<usize, Failure> {
        loop {
            match read() {
                Ok(n) => return Ok(n),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait().map_err(|error| self.unreadable(error))?;
                }
                Err(error) => return Err(self.unreadable(error)),
            }
        }
    }

    /// Wait until there is something to read, where the descriptor was made not to block by whoever shares it.
    fn wait(&self) -> io::Result<()> {
        loop {
            match rustix::event::poll(&mut [PollFd::new(&self.file, PollFlags::IN)], None) {
                Err(Errno::INTR) => {}
                other => return other.map(|_| ()).map_err(io::Error::from),
            }
        }
    }

    /// Device and inode: which file it is, under whatever name.
    pub(crate) fn identity(&self) -> Option<(u64, u64)> {
        self.file.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
    }
}
