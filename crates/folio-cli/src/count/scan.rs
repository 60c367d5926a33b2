//! Counting a byte in a range of a file, by one of three ways to its bytes.

use std::io::Read as _;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use folio::{Frozen, MapOptions, Shared};

use super::{Counted, Plan};
use crate::buffer::Buffer;
use crate::failure::{Failure, InputFailure};
use crate::flags::Via;
use crate::input::Opened;
use crate::progress::Progress;

/// The buffer that bytes are read or copied to: half of the usual second-level cache, so that counting finds them
/// there, and large enough that the calls cost nothing beside the copy. Measured: 64 KiB are 10 % slower.
const BUFFER_BYTES: usize = 512 << 10;

/// What a thread counts with.
#[derive(Debug)]
pub(super) struct Counter<'a> {
    byte: u8,
    progress: &'a Progress,
    /// Set when nobody wants the counts any more.
    stop: &'a AtomicBool,
    buffer: Buffer,
}

/// The way to a file's bytes, open.
#[derive(Debug)]
pub(super) enum Scan {
    /// pread(2).
    Read,
    /// A live mapping of the bytes from a position on.
    Map(Shared, u64),
    /// Bytes that stay as they are, from a position on.
    Frozen(Frozen, u64),
}

impl Scan {
    /// The way to `range` of `input` that `via` says.
    pub(super) fn open(via: Via, input: &Opened, range: &Range<u64>) -> Result<Self, Failure> {
        let options = MapOptions::new().offset(range.start).len(range.end - range.start);
        let file = &input.file;
        let opened = match via {
            // Of 1 GB in the page cache, reading and copying out of a mapping take the same time, a quarter less than
            // wc(1) on one core; bytes in place take half of that; what is not in the cache comes as fast as the disk
            // gives it, by every way. But a guarantee holds off whoever wants to write to the file, and a command that
            // only looks should not be felt. So it is reading, which needs no addresses either.
            Via::Auto | Via::Read => Ok(Self::Read),
            Via::Map => options.map_shared(file).map(|map| Self::Map(map, range.start)),
            Via::Frozen => options.map_frozen(file).map(|map| Self::Frozen(map, range.start)),
        };
        opened.or_else(|error| {
            // It may have become shorter since its length was asked for.
            input.check_reaches(range.end, range.end)?;
            Err(InputFailure::map(input.name.clone(), range.end, &error))
        })
    }
}

/// How often `byte` occurs.
fn occurrences(byte: u8, bytes: &[u8]) -> u64 {
    bytecount::count(bytes, byte) as u64
}

impl<'a> Counter<'a> {
    pub(super) fn new(plan: Plan, progress: &'a Progress, stop: &'a AtomicBool) -> Self {
        Self { byte: plan.byte, progress, stop, buffer: Buffer::new(BUFFER_BYTES) }
    }

    /// Count in `range` of a file that was `at_open` bytes long when it was opened.
    pub(super) fn range(
        &mut self,
        input: &Opened,
        scan: &Scan,
        range: Range<u64>,
        at_open: u64,
    ) -> Result<u64, Failure> {
        match scan {
            Scan::Read => self.by_reading(input, range, at_open),
            Scan::Map(map, base) => {
                self.by_copying(input, map, range.start - base..range.end - base, at_open)
            }
            Scan::Frozen(map, base) => {
                self.in_place(input, map, range.start - base..range.end - base, at_open)
            }
        }
    }

    fn by_reading(
        &mut self,
        input: &Opened,
        range: Range<u64>,
        at_open: u64,
    ) -> Result<u64, Failure> {
        let (mut count, mut position, mut stuck) = (0, range.start, false);
        while position < range.end && !self.stop.load(Ordering::Relaxed) {
            let want = buffer_part(range.end - position);
            let n = {
                let buffer = &mut self.buffer.get()[..want];
                input.retry(|| input.file.read_at(buffer, position))?
            };
            if n == 0 {
                input.check_reaches(at_open, at_open)?;
                // The file reaches this far and yet has nothing here. Either it was cut and has grown back, then the
                // next read finds bytes; or it has fewer than it says, like the files of sysfs.
                if stuck {
                    break;
                }
            }
            stuck = n == 0;
            count += occurrences(self.byte, &self.buffer.get()[..n]);
            position += n as u64;
            self.progress.add(n as u64);
        }
        Ok(count)
    }

    /// `range` counts from the mapping's first byte.
    fn by_copying(
        &mut self,
        input: &Opened,
        map: &Shared,
        range: Range<u64>,
        at_open: u64,
    ) -> Result<u64, Failure> {
        let (mut count, mut position) = (0, range.start);
        while position < range.end && !self.stop.load(Ordering::Relaxed) {
            let want = buffer_part(range.end - position);
            let offset = usize::try_from(position).unwrap_or(usize::MAX);
            let buffer = &mut self.buffer.get()[..want];
            map.read_at(offset, buffer)
                .map_err(|error| InputFailure::map(input.name.clone(), at_open, &error))?;
            count += occurrences(self.byte, buffer);
            position += want as u64;
            self.progress.add(want as u64);
        }
        Ok(count)
    }

    /// `range` counts from the mapping's first byte.
    fn in_place(
        &self,
        input: &Opened,
        map: &Frozen,
        range: Range<u64>,
        at_open: u64,
    ) -> Result<u64, Failure> {
        let position = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(map.len());
        let bytes = &map[position(range.start)..position(range.end)];
        let count = occurrences(self.byte, bytes);
        self.progress.add(bytes.len() as u64);
        // A disk that failed left zeros, and says so here.
        map.check().map_err(|error| InputFailure::map(input.name.clone(), at_open, &error))?;
        Ok(count)
    }

    /// Count in a stream, up to its end.
    pub(super) fn stream(&mut self, input: &Opened) -> Result<Counted, Failure> {
        let mut counted = Counted { count: 0, len: 0 };
        while !self.stop.load(Ordering::Relaxed) {
            let buffer = self.buffer.get();
            let n = input.retry(|| (&input.file).read(buffer))?;
            if n == 0 {
                break;
            }
            counted.count += occurrences(self.byte, &self.buffer.get()[..n]);
            counted.len += n as u64;
            self.progress.add(n as u64);
        }
        Ok(counted)
    }
}

/// As much of what is left as the buffer holds.
fn buffer_part(left: u64) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(BUFFER_BYTES)
}
