//! Ways through a pipe: the kernel puts pages of the file into it, and the same thread reads them at the other end. A sink that
//! looks at no byte, /dev/null, would measure nothing.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, splice};

use crate::buffer::Buffer;

use super::super::plan::Piece;
use super::{Hand, Mapped, Tally, Trouble, not_here_os, warm_buffer};

/// How pages get into the pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Sendfile,
    Splice,
}

/// The most that a pipe of an ordinary user may hold (`/proc/sys/fs/pipe-max-size`).
const PIPE_BYTES: usize = 1 << 20;

/// A pipe and both of its ends.
pub(super) struct Pipe<'a> {
    file: &'a File,
    how: By,
    out: OwnedFd,
    into: OwnedFd,
    buffer: Buffer,
}

impl<'a> Pipe<'a> {
    pub(super) fn new(file: &'a File, how: By) -> Result<Self, Trouble> {
        // Nobody else reads what would not fit, so nothing may wait for that.
        let (out, into) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // A smaller pipe works, too, where the user has used up what pipes may hold.
        let _ = rustix::pipe::fcntl_setpipe_size(&into, PIPE_BYTES);
        Ok(Self { file, how, out, into, buffer: warm_buffer() })
    }

    /// Put up to `len` bytes from `offset` into the pipe.
    fn fill(&self, offset: u64, len: usize) -> Result<usize, Errno> {
        let mut position = offset;
        match self.how {
            By::Sendfile => rustix::fs::sendfile(&self.into, self.file, Some(&mut position), len),
            By::Splice => {
                splice(self.file, Some(&mut position), &self.into, None, len, SpliceFlags::MOVE)
            }
        }
    }

    /// Read `len` bytes out of it.
    fn drain(&mut self, mut len: usize, tally: &mut Tally) -> Result<(), Trouble> {
        while len > 0 {
            let buffer = self.buffer.get();
            let want = len.min(buffer.len());
            match rustix::io::read(&self.out, &mut buffer[..want]) {
                Ok(0) => return Err(Trouble::Short),
                Ok(n) => {
                    tally.look_at(&buffer[..n]);
                    len -= n;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }
}

impl Hand for Pipe<'_> {
    fn read(&mut self, _: &Mapped, pieces: &[Piece]) -> Result<Tally, Trouble> {
        let mut tally = Tally::default();
        for piece in pieces {
            let mut done = 0;
            while done < piece.len {
                match self.fill(piece.offset + done as u64, piece.len - done) {
                    Ok(0) => return Err(Trouble::Short),
                    Ok(n) => {
                        self.drain(n, &mut tally)?;
                        done += n;
                    }
                    Err(Errno::INTR) => {}
                    Err(errno @ (Errno::INVAL | Errno::NOSYS)) => return Err(not_here_os(errno)),
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        Ok(tally)
    }
}
