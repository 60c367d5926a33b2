//! Ways through io_uring: as many reads under way as the ring is deep.

use std::fs::File;

use folio::{ErrorKind, Ring};

use super::super::plan::Piece;
use super::{Hand, Mapped, SECTORS, Tally, Trouble, not_here};

/// A ring and its buffers.
pub(super) struct Reads<'a> {
    ring: Ring<'a>,
}

impl<'a> Reads<'a> {
    /// `piece` is the longest that is read at once, in bytes.
    pub(super) fn new(file: &'a File, depth: u32, piece: u64) -> Result<Self, Trouble> {
        let piece = usize::try_from(piece).unwrap_or(1 << 18);
        let mut ring = Ring::new(file, depth, piece).map_err(|error| match error.kind() {
            ErrorKind::Unsupported | ErrorKind::NoMemory => not_here(&error),
            _ => error.into(),
        })?;
        touch_buffers(&mut ring)?;
        Ok(Self { ring })
    }
}

/// Have the pages of all buffers there before the clock starts: an empty read of each, and a page each by the first reads.
fn touch_buffers(ring: &mut Ring<'_>) -> Result<(), Trouble> {
    while ring.has_room() {
        ring.read(0, 0)?;
    }
    while ring.next_completed()?.is_some() {}
    Ok(())
}

impl Hand for Reads<'_> {
    fn read(&mut self, _: &Mapped, pieces: &[Piece]) -> Result<Tally, Trouble> {
        let mut tally = Tally::default();
        let mut left = pieces.iter();
        let mut short = 0;
        loop {
            while self.ring.has_room() {
                let Some(piece) = left.next() else { break };
                // Whole sectors, for O_DIRECT; at the end of the file they come back short.
                let want = piece.len.next_multiple_of(SECTORS);
                short += want - piece.len;
                self.ring.read(piece.offset, want)?;
            }
            let completed = self.ring.next_completed().map_err(|error| match error.kind() {
                ErrorKind::InvalidInput => not_here(&error),
                _ => error.into(),
            })?;
            let Some(completed) = completed else { break };
            tally.look_at(completed.bytes());
        }
        let expected: u64 = pieces.iter().map(|piece| piece.len as u64).sum();
        // Only the piece at the end of the file is no whole number of sectors, so nothing came that was not asked for.
        if tally.bytes < expected || tally.bytes > expected + short as u64 {
            return Err(Trouble::Short);
        }
        Ok(tally)
    }
}
