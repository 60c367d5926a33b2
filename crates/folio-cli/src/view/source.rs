//! Blocks of whole rows, out of a file by way of a mapping, or out of a stream.

use std::io::{self, Read as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use folio::{MapOptions, Shared};
use rustix::fs::SeekFrom;
use rustix::io::Errno;

use super::squeeze::Rows;
use crate::failure::{Failure, InputFailure};
use crate::input::Opened;
use crate::units::Offset;
use crate::window::Window;

/// About how many bytes a block has: with its text, it fits the second-level cache.
const BLOCK_BYTES: usize = 64 << 10;

/// The most bytes of whole rows in a block.
fn block_len(width: usize) -> usize {
    (BLOCK_BYTES / width).max(1) * width
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// These bytes were put in the buffer.
    Bytes(Range<u64>),
    /// Whole rows of zeros that no disk holds, and nobody has read.
    Hole(Range<u64>),
}

/// The blocks of a range of a file.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    input: &'a Opened,
    /// Where the range begins, which is where rows begin.
    start: u64,
    position: u64,
    end: u64,
    at_open: u64,
    width: usize,
    holes: Rows,
    /// Up to here there is known to be no hole worth a mark.
    solid: u64,
    bytes: Bytes,
}

/// The way to the file's bytes.
#[derive(Debug)]
enum Bytes {
    /// A mapping of the range.
    Map(Shared),
    /// pread(2), where the file system has no mappings, or the address space no room.
    Read,
}

impl<'a> Blocks<'a> {
    /// The blocks of `range` of a file that was `at_open` bytes long when it was opened.
    pub(super) fn open(
        input: &'a Opened,
        range: Range<u64>,
        at_open: u64,
        width: usize,
        rows: Rows,
    ) -> Self {
        let options = MapOptions::new().offset(range.start).len(range.end - range.start);
        let bytes = options.map_shared(&input.file).map_or(Bytes::Read, Bytes::Map);
        Self {
            input,
            start: range.start,
            position: range.start,
            end: range.end,
            at_open,
            width,
            holes: rows,
            solid: range.start,
            bytes,
        }
    }

    /// The next part, and its bytes in `block`; none after the last. When it fails, the bytes before are in `block` all
    /// the same, and `part` says which.
    pub(super) fn next(&mut self, block: &mut Vec<u8>) -> (Option<Part>, Result<(), Failure>) {
        block.clear();
        if let Some(hole) = self.skip_hole() {
            return (Some(Part::Hole(hole)), Ok(()));
        }
        let start = self.position;
        let want = (self.solid - start).min(block_len(self.width) as u64);
        block.resize(usize::try_from(want).unwrap_or(0), 0);
        let (read, mut result) = self.read(block);
        block.truncate(read);
        self.position += read as u64;
        if self.position == self.end && result.is_ok() {
            self.input.leave_at(self.end);
            result = self.input.check_reaches(self.end, self.at_open);
        }
        let part = (read > 0).then_some(Part::Bytes(start..self.position));
        (part, result)
    }

    /// The position after the last part.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Go over a hole if there is one here that is worth a mark. Afterwards there are bytes up to `solid`.
    fn skip_hole(&mut self) -> Option<Range<u64>> {
        if self.position < self.solid {
            return None;
        }
        if self.holes == Rows::All {
            self.solid = self.end;
            return None;
        }
        let data = self.seek(SeekFrom::Data(self.position)).unwrap_or(self.position);
        let row = self.width as u64;
        let rows_of_hole = (data - self.position) / row * row;
        if rows_of_hole >= 2 * row {
            let hole = self.position..self.position + rows_of_hole;
            self.position = hole.end;
            self.solid = hole.end;
            return Some(hole);
        }
        let hole = self.seek(SeekFrom::Hole(data)).unwrap_or(self.end);
        // To the end of the row in which the hole begins.
        let rows = (hole - self.start).div_ceil(row).saturating_mul(row);
        self.solid = self.start.saturating_add(rows).min(self.end);
        // A file that is changing may say anything; go on by at least a row.
        self.solid = self.solid.max(self.position.saturating_add(row).min(self.end));
        None
    }

    /// Where the next data or hole begins, at most the end; none where the file system does not say.
    fn seek(&self, to: SeekFrom) -> Option<u64> {
        match rustix::fs::seek(&self.input.file, to) {
            Ok(position) => Some(position.clamp(self.position, self.end)),
            // There is no data after this position.
            Err(Errno::NXIO) => Some(self.end),
            Err(_) => None,
        }
    }

    /// Fill `block` from the position; says how many bytes there were before an error.
    fn read(&self, block: &mut [u8]) -> (usize, Result<(), Failure>) {
        match &self.bytes {
            Bytes::Map(map) => {
                let offset = usize::try_from(self.position - self.start).unwrap_or(usize::MAX);
                match map.read_at(offset, block) {
                    Ok(()) => (block.len(), Ok(())),
                    Err(error) => {
                        let failure =
                            InputFailure::map(self.input.name.clone(), self.at_open, &error);
                        (error.bytes_done(), Err(failure))
                    }
                }
            }
            Bytes::Read => self.pread(block),
        }
    }

    fn pread(&self, block: &mut [u8]) -> (usize, Result<(), Failure>) {
        let mut filled = 0;
        while filled < block.len() {
            let at = self.position + filled as u64;
            match self.input.retry(|| self.input.file.read_at(&mut block[filled..], at)) {
                // The end, before its time or, for a file of sysfs that says to be a page long, not.
                Ok(0) => return (filled, self.input.check_reaches(self.end, self.at_open)),
                Ok(n) => filled += n,
                Err(failure) => return (filled, Err(failure)),
            }
        }
        (filled, Ok(()))
    }
}

/// The bytes of a stream as they come.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    input: &'a Opened,
    width: usize,
    /// What did not fill a row.
    rest: Vec<u8>,
    left: u64,
}

impl<'a> Stream<'a> {
    pub(super) fn new(input: &'a Opened, width: usize) -> Self {
        Self { input, width, rest: Vec::new(), left: u64::MAX }
    }

    /// Go to where the window begins, by reading what is before it; says the offset.
    pub(super) fn start_at(&mut self, window: Window) -> Result<u64, Failure> {
        let Offset::FromStart(offset) = window.offset else {
            return Err(InputFailure::refused(
                self.input.name.clone(),
                "cannot count from the end: the length is not known before all is read",
            ));
        };
        let mut skipped = 0;
        let mut block = vec![0; BLOCK_BYTES];
        while skipped < offset {
            let want = usize::try_from(offset - skipped).unwrap_or(usize::MAX).min(BLOCK_BYTES);
            match self.read(&mut block[..want])? {
                0 => return Err(InputFailure::past_end(self.input.name.clone(), offset, skipped)),
                n => skipped += n as u64,
            }
        }
        self.left = window.len.unwrap_or(u64::MAX);
        Ok(offset)
    }

    fn read(&self, bytes: &mut [u8]) -> Result<usize, Failure> {
        self.input.retry(|| -> io::Result<usize> { (&self.input.file).read(bytes) })
    }

    /// The next rows, whole but for the last, in `block`; none after the last. They come as soon as there are any.
    pub(super) fn next(&mut self, block: &mut Vec<u8>) -> Result<bool, Failure> {
        std::mem::swap(block, &mut self.rest);
        self.rest.clear();
        loop {
            let have = block.len();
            let room = block_len(self.width).max(have + 1) - have;
            let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(room);
            block.resize(have + want, 0);
            let read = self.read(&mut block[have..]);
            block.truncate(have + *read.as_ref().unwrap_or(&0));
            let n = read?;
            self.left -= n as u64;
            if n == 0 {
                return Ok(!block.is_empty());
            }
            let whole = block.len() / self.width * self.width;
            if whole > 0 {
                self.rest.extend_from_slice(&block[whole..]);
                block.truncate(whole);
                return Ok(true);
            }
        }
    }
}
