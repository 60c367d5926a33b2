//! Moving bytes from an input to standard output by the shortest way that the pair allows.
//!
//! The way is [`folio::transfer`]'s to choose. What it does not do is done here, by plain reads and writes: a part of a stream, a
//! file onto itself, and finding out which side an error came from, by going on from the byte where it happened.

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;

use rustix::io::Errno;

use crate::buffer::Buffer;
use crate::failure::Failure;
use crate::input::Opened;
use crate::progress::Progress;
use crate::stdout::Stdout;

/// Fits the second-level cache.
const BUFFER_BYTES: usize = 256 << 10;
/// Between two pieces of this size the progress is told.
const STRIDE: u64 = 64 << 20;

/// Where the input is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At a position, leaving the descriptor's own alone.
    At(u64),
    /// Wherever the stream is.
    Next,
}

/// Moves bytes to standard output.
#[derive(Debug)]
pub(crate) struct Pump<'a> {
    out: &'a mut Stdout,
    progress: &'a Progress,
    buffer: Buffer,
}

impl<'a> Pump<'a> {
    pub(crate) fn new(out: &'a mut Stdout, progress: &'a Progress) -> Self {
        Self { out, progress, buffer: Buffer::new(BUFFER_BYTES) }
    }

    /// Where the bytes go.
    pub(crate) fn out(&self) -> &Stdout {
        self.out
    }

    /// Move the bytes of a file from position `first` to `limit`, or to its end if that comes first or there is no
    /// limit, and say which position was reached. `known` is where the end is expected.
    pub(crate) fn range(
        &mut self,
        input: &Opened,
        first: u64,
        limit: Option<u64>,
        known: u64,
    ) -> Result<u64, Failure> {
        if self.out.identity().is_some() && self.out.identity() == input.identity() {
            let count = limit.map_or(u64::MAX, |limit| limit.saturating_sub(first));
            return self.plain(input, Place::At(first), count).map(|moved| first + moved);
        }
        let mut position = first;
        while known.min(limit.unwrap_or(u64::MAX)).saturating_sub(position) > STRIDE {
            let (reached, more) = self.transfer(input, position, Some(position + STRIDE))?;
            position = reached;
            if !more {
                return Ok(position);
            }
        }
        Ok(self.transfer(input, position, limit)?.0)
    }

    /// Let the kernel move the bytes from `first` to `limit` or the end; says which position was reached, and whether
    /// that was all of them.
    fn transfer(
        &mut self,
        input: &Opened,
        first: u64,
        limit: Option<u64>,
    ) -> Result<(u64, bool), Failure> {
        let sent = match limit {
            Some(limit) => folio::transfer(&input.file, first..limit.max(first), &*self.out),
            None => folio::transfer(&input.file, first.., &*self.out),
        };
        let error = match sent {
            Ok(sent) => {
                self.progress.add(sent.bytes);
                return Ok((first + sent.bytes, true));
            }
            Err(error) => error,
        };
        let reached = first + error.bytes_done() as u64;
        self.progress.add(error.bytes_done() as u64);
        if matches!(error.kind(), folio::ErrorKind::Truncated { .. }) {
            return Ok((reached, false));
        }
        // Reading and writing the next byte tells which of the two failed, or works.
        let count = limit.map_or(u64::MAX, |limit| limit - reached);
        let moved = self.plain(input, Place::At(reached), count)?;
        Ok((reached + moved, moved == count))
    }

    /// Move the next `limit` bytes of a stream, or all up to its end.
    pub(crate) fn stream(&mut self, input: &Opened, limit: Option<u64>) -> Result<(), Failure> {
        if let Some(limit) = limit {
            return self.plain(input, Place::Next, limit).map(|_| ());
        }
        match folio::transfer_all(&input.file, &*self.out) {
            Ok(_) => Ok(()),
            Err(error) => {
                let os = io::Error::from_raw_os_error(
                    error.raw_os_error().unwrap_or(Errno::IO.raw_os_error()),
                );
                Err(if blames_output(&os) { Failure::Output(os) } else { input.unreadable(os) })
            }
        }
    }

    /// Read `count` bytes of a stream and throw them away; says how many there were.
    pub(crate) fn skip(&mut self, input: &Opened, count: u64) -> Result<u64, Failure> {
        let mut skipped = 0;
        while skipped < count {
            match self.fill(input, Place::Next, count - skipped)? {
                0 => break,
                n => skipped += n as u64,
            }
        }
        Ok(skipped)
    }

    /// Read and write up to `count` bytes; says how many there were.
    fn plain(&mut self, input: &Opened, mut place: Place, count: u64) -> Result<u64, Failure> {
        let mut moved = 0;
        while moved < count {
            let n = self.fill(input, place, count - moved)?;
            if n == 0 {
                break;
            }
            self.out.write_all(&self.buffer.get()[..n]).map_err(Failure::Output)?;
            moved += n as u64;
            self.progress.add(n as u64);
            if let Place::At(position) = &mut place {
                *position += n as u64;
            }
        }
        Ok(moved)
    }

    /// Read up to `count` bytes into the buffer.
    fn fill(&mut self, input: &Opened, place: Place, count: u64) -> Result<usize, Failure> {
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(BUFFER_BYTES);
        let buffer = &mut self.buffer.get()[..count];
        match place {
            Place::At(position) => input.retry(|| input.file.read_at(buffer, position)),
            Place::Next => input.retry(|| (&input.file).read(buffer)),
        }
    }
}

/// Whether an errno of a transfer is one that only writing gives.
fn blames_output(error: &io::Error) -> bool {
    let writing =
        [Errno::PIPE, Errno::NOSPC, Errno::DQUOT, Errno::FBIG, Errno::CONNRESET, Errno::ROFS];
    writing.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
