//! Standard output as a descriptor: written in large pieces, without the buffer of the standard library.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// How many columns standard output has; `None` if it is no terminal, or one that does not tell (it says 0).
pub(crate) fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|&columns| columns > 0)
}

/// What standard output leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sink {
    /// A regular file, or a block device.
    File,
    /// A pipe or FIFO.
    Pipe,
    /// A socket.
    Socket,
    /// A terminal or another character device.
    Other,
}

/// Standard output.
#[derive(Debug)]
pub(crate) struct Stdout {
    file: File,
    sink: Sink,
    /// Whether each write goes to the end of the file (`>>`).
    appends: bool,
    identity: Option<(u64, u64)>,
}

impl Stdout {
    /// The descriptor 1, whatever it is.
    pub(crate) fn new() -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let metadata = file.metadata()?;
        let file_type = metadata.file_type();
        let sink = if file_type.is_file() || file_type.is_block_device() {
            Sink::File
        } else if file_type.is_fifo() {
            Sink::Pipe
        } else if file_type.is_socket() {
            Sink::Socket
        } else {
            Sink::Other
        };
        let appends = rustix::fs::fcntl_getfl(&file)?.contains(OFlags::APPEND);
        let identity = file_type.is_file().then(|| (metadata.dev(), metadata.ino()));
        Ok(Self { file, sink, appends, identity })
    }

    pub(crate) fn sink(&self) -> Sink {
        self.sink
    }

    /// Device and inode, if it is a regular file.
    pub(crate) fn identity(&self) -> Option<(u64, u64)> {
        self.identity
    }

    /// Where the next write to a regular file goes.
    pub(crate) fn position(&self) -> io::Result<u64> {
        if self.appends {
            return Ok(self.file.metadata()?.len());
        }
        Ok(rustix::fs::tell(&self.file)?)
    }

    /// Wait until a write can go on, where the descriptor was made not to block by whoever shares it.
    fn wait(&self) -> io::Result<()> {
        loop {
            match rustix::event::poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], None) {
                Err(Errno::INTR) => {}
                other => return other.map(|_| ()).map_err(io::Error::from),
            }
        }
    }
}

impl AsFd for Stdout {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
