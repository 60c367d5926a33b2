//! Ways that are one system call a piece: read, pread, preadv2, and pread with O_DIRECT.

use std::fs::File;
use std::io::IoSliceMut;

use rustix::fs::SeekFrom;
use rustix::io::{Errno, ReadWriteFlags};

use crate::buffer::Buffer;

use super::super::plan::Piece;
use super::{Hand, Mapped, SECTORS, Tally, Trouble, not_here_os, warm_buffer};

/// Which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Pread,
    Preadv2,
    /// What is not in memory is read by pread(2), as another thread of a server would do it.
    NoWait,
    /// pread(2) of whole sectors.
    Direct,
}

/// One call a piece, at a position.
pub(super) struct Calls<'a> {
    file: &'a File,
    call: Call,
    buffer: Buffer,
}

impl<'a> Calls<'a> {
    pub(super) fn new(file: &'a File, call: Call) -> Self {
        Self { file, call, buffer: warm_buffer() }
    }
}

impl Hand for Calls<'_> {
    fn read(&mut self, _: &Mapped, pieces: &[Piece]) -> Result<Tally, Trouble> {
        let mut tally = Tally::default();
        for piece in pieces {
            let mut done = 0;
            while done < piece.len {
                // O_DIRECT reads whole sectors; at the end of the file they come back short.
                let want = match self.call {
                    Call::Direct => (piece.len - done).next_multiple_of(SECTORS),
                    _ => piece.len - done,
                };
                let buffer = &mut self.buffer.get()[..want];
                match call(self.call, self.file, buffer, piece.offset + done as u64) {
                    Ok(0) => return Err(Trouble::Short),
                    Ok(n) => {
                        let n = n.min(piece.len - done);
                        tally.look_at(&buffer[..n]);
                        done += n;
                    }
                    Err(Errno::INTR) => {}
                    Err(errno @ (Errno::OPNOTSUPP | Errno::NOSYS)) => {
                        return Err(not_here_os(errno));
                    }
                    Err(Errno::INVAL) if self.call == Call::Direct => {
                        return Err(not_here_os(Errno::INVAL));
                    }
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        Ok(tally)
    }
}

fn call(call: Call, file: &File, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
    let vectored = |buffer: &mut [u8], flags| {
        rustix::io::preadv2(file, &mut [IoSliceMut::new(buffer)], offset, flags)
    };
    match call {
        Call::Pread | Call::Direct => rustix::io::pread(file, buffer, offset),
        Call::Preadv2 => vectored(buffer, ReadWriteFlags::empty()),
        Call::NoWait => match vectored(buffer, ReadWriteFlags::NOWAIT) {
            Err(Errno::AGAIN) => rustix::io::pread(file, buffer, offset),
            other => other,
        },
    }
}

/// read(2), from a position of its own.
pub(super) struct Positioned {
    file: File,
    buffer: Buffer,
}

impl Positioned {
    pub(super) fn new(file: File) -> Self {
        Self { file, buffer: warm_buffer() }
    }
}

impl Hand for Positioned {
    fn read(&mut self, _: &Mapped, pieces: &[Piece]) -> Result<Tally, Trouble> {
        let mut tally = Tally::default();
        let mut position = None;
        for piece in pieces {
            if position != Some(piece.offset) {
                rustix::fs::seek(&self.file, SeekFrom::Start(piece.offset))?;
            }
            let mut done = 0;
            while done < piece.len {
                let buffer = &mut self.buffer.get()[..piece.len - done];
                match rustix::io::read(&self.file, &mut *buffer) {
                    Ok(0) => return Err(Trouble::Short),
                    Ok(n) => {
                        tally.look_at(&buffer[..n]);
                        done += n;
                    }
                    Err(Errno::INTR) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
            position = Some(piece.offset + piece.len as u64);
        }
        Ok(tally)
    }
}
