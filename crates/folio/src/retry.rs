//! What happens when a copy comes short: find the cause, or try again.
//!
//! ```text
//! from where the copy stopped, page by page:
//!     copy up to the end of the page; all of it: next page
//!     find the cause; there is one: report it, with the number of bytes that are good
//!     none: what was wrong has passed; try again, up to ATTEMPTS times without a byte of progress
//! at the end: does the file still reach the range?
//! ```
//!
//! Each round makes progress, reports, or counts; so it ends, whatever others do to the file meanwhile. A file that is
//! truncated and regrown all the time is seen short by one of the rounds, or the copy gets through in between.

use core::sync::atomic::Ordering;

use crate::cause::{FaultCause, Touched};
use crate::error::{Error, Result};
use crate::mapping::Mapping;
use crate::page::MemRange;

/// How often in a row a page may fault with nothing wrong to be seen.
const ATTEMPTS: usize = 32;

impl Mapping {
    /// Go on with an operation on `range` that stopped after `done` bytes. `step` does a part of the range, a page at
    /// most, and returns how many bytes of it, from its start, it did.
    #[cold]
    pub(crate) fn retry(
        &self,
        op: &'static str,
        touched: Touched,
        range: MemRange,
        mut done: usize,
        step: &mut dyn FnMut(MemRange) -> usize,
    ) -> Result<()> {
        let page = self.region.page();
        let mut futile = 0;
        while done < range.len() {
            let lead = page.lead((self.region.lead() + range.start() + done) as u64);
            let len = (page.bytes() - lead).min(range.len() - done);
            let part = range.part(done, len).map_err(|error| self.name(Error::range(op, error)))?;
            let copied = step(part);
            if copied > 0 {
                futile = 0;
            }
            done += copied;
            if copied == len {
                continue;
            }
            let asked = self.file_range(range);
            let fault = asked.start + done as u64..asked.end;
            match FaultCause::find(self.fd(), fault, touched) {
                None if futile < ATTEMPTS => {
                    futile += 1;
                    std::thread::yield_now();
                }
                found => {
                    let cause = found.unwrap_or(FaultCause::Passed);
                    return Err(self.short(op, cause, range, done));
                }
            }
        }
        Ok(())
    }

    /// The error of an operation that `cause` stopped after `done` bytes.
    #[cold]
    fn short(&self, op: &'static str, cause: FaultCause, range: MemRange, done: usize) -> Error {
        let (cause, good) = match cause {
            // Between the end of the file and the end of its page there are zeros, not bytes of the file.
            FaultCause::Truncated { len, .. } => {
                self.was_short.store(true, Ordering::Relaxed);
                let offset = len.max(self.file_range(range).start);
                (FaultCause::Truncated { offset, len }, self.within(range, len).min(done))
            }
            other => (other, done),
        };
        self.error(Error::new(op, cause.into()), range).with_done(good)
    }

    /// How many bytes of `range`, from its start, a file of `len` bytes has.
    fn within(&self, range: MemRange, len: u64) -> usize {
        let before = len.saturating_sub(self.file_range(range).start);
        usize::try_from(before).unwrap_or(usize::MAX).min(range.len())
    }

    /// Make sure that the file still reaches `range`, `done` bytes of which were copied.
    pub(crate) fn reaches(&self, op: &'static str, range: MemRange, done: usize) -> Result<()> {
        // No byte was asked for, so none can be missing.
        if range.is_empty() {
            return Ok(());
        }
        let len = self.file_len()?;
        if len >= self.file_range(range).end {
            return Ok(());
        }
        Err(self.truncated(op, range, len, done))
    }

    #[cold]
    fn truncated(&self, op: &'static str, range: MemRange, len: u64, done: usize) -> Error {
        self.short(op, FaultCause::Truncated { offset: len, len }, range, done)
    }

    /// The end of a read that stopped after `done` bytes, or whose last byte is zero.
    #[cold]
    #[inline(never)]
    pub(crate) fn finish_read(&self, range: MemRange, buf: &mut [u8], done: usize) -> Result<()> {
        self.retry("read", Touched::Load, range, done, &mut |part| {
            self.region.read(part, &mut buf[part.start() - range.start()..])
        })?;
        self.reaches("read", range, range.len())
    }

    /// The end of a write that stopped after `done` bytes.
    #[cold]
    #[inline(never)]
    pub(crate) fn finish_write(&self, range: MemRange, bytes: &[u8], done: usize) -> Result<()> {
        self.retry("write", Touched::Store, range, done, &mut |part| {
            self.region.write(part, &bytes[part.start() - range.start()..])
        })
    }

    /// The end of a load that stopped after `done` bytes. Words are still loaded in one access.
    #[cold]
    #[inline(never)]
    pub(crate) fn finish_load(&self, range: MemRange, bytes: &mut [u8], done: usize) -> Result<()> {
        self.retry("load", Touched::Load, range, done, &mut |part| {
            let bytes = &mut bytes[part.start() - range.start()..][..part.len()];
            self.load_bytes(part, bytes)
        })
    }

    /// The end of a store that stopped after `done` bytes. Words are still stored in one access.
    #[cold]
    #[inline(never)]
    pub(crate) fn finish_store(&self, range: MemRange, bytes: &[u8], done: usize) -> Result<()> {
        self.retry("store", Touched::Store, range, done, &mut |part| {
            let bytes = &bytes[part.start() - range.start()..][..part.len()];
            self.store_bytes(part, bytes)
        })
    }

    fn load_bytes(&self, part: MemRange, bytes: &mut [u8]) -> usize {
        let aligned = self.region.is_aligned(part.start(), bytes.len().next_power_of_two());
        let loaded = match bytes.len() {
            1 if aligned => {
                self.region.load_word::<u8>(part).map(|w| bytes.copy_from_slice(&w.to_ne_bytes()))
            }
            2 if aligned => {
                self.region.load_word::<u16>(part).map(|w| bytes.copy_from_slice(&w.to_ne_bytes()))
            }
            4 if aligned => {
                self.region.load_word::<u32>(part).map(|w| bytes.copy_from_slice(&w.to_ne_bytes()))
            }
            8 if aligned => {
                self.region.load_word::<u64>(part).map(|w| bytes.copy_from_slice(&w.to_ne_bytes()))
            }
            _ => return self.region.read(part, bytes),
        };
        if loaded.is_some() { bytes.len() } else { 0 }
    }

    fn store_bytes(&self, part: MemRange, bytes: &[u8]) -> usize {
        let region = &self.region;
        let aligned = region.is_aligned(part.start(), bytes.len().next_power_of_two());
        let stored = match *bytes {
            [a] if aligned => region.store_word(part, a),
            [a, b] if aligned => region.store_word(part, u16::from_ne_bytes([a, b])),
            [a, b, c, d] if aligned => region.store_word(part, u32::from_ne_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] if aligned => {
                region.store_word(part, u64::from_ne_bytes([a, b, c, d, e, f, g, h]))
            }
            _ => return region.write(part, bytes),
        };
        if stored { bytes.len() } else { 0 }
    }

    /// Store `byte` to every byte of `range`, and make sure that the file still reached them afterwards.
    pub(crate) fn fill(&self, range: MemRange, byte: u8) -> Result<()> {
        let done = self.region.fill(range, byte);
        if done < range.len() {
            self.retry("fill", Touched::Store, range, done, &mut |part| {
                self.region.fill(part, byte)
            })?;
        }
        self.reaches("fill", range, range.len())
    }

    /// Copy the bytes of `from` to `to`, which is as long and may overlap it: at once if they lie apart, and otherwise, and
    /// from a fault on, piece by piece through a buffer. So a fault is known to be of the load or of the store, and
    /// a piece that was read can be put down again after one.
    pub(crate) fn copy_within(&self, from: MemRange, to: MemRange) -> Result<()> {
        let mut piece = [0u8; 16 * 1024];
        let len = from.len();
        if len == 0 {
            return Ok(());
        }
        // Where the ranges overlap, no byte may be overwritten before it was read.
        let backwards = to.start() > from.start() && to.start() < from.end();
        let apart = from.end() <= to.start() || to.end() <= from.start();
        let mut done = if apart { self.region.copy_within(from, to) } else { 0 };
        while done < len {
            let size = piece.len().min(len - done);
            let at = if backwards { len - done - size } else { done };
            let part = |range: MemRange| {
                range.part(at, size).map_err(|error| self.name(Error::range("copy", error)))
            };
            let (piece_of_from, piece_of_to) = (part(from)?, part(to)?);
            let piece = &mut piece[..size];
            if let Err(error) = self.copy_piece(piece_of_from, piece_of_to, piece) {
                let more = if backwards { 0 } else { error.bytes_done() };
                return match self.copied(from, to, done + more, backwards) {
                    Ok(()) => Err(error.with_done(done + more)),
                    truncated => truncated,
                };
            }
            done += size;
        }
        self.copied(from, to, len, backwards)
    }

    /// Make sure that the file still reaches both ranges of a copy of `done` bytes.
    fn copied(&self, from: MemRange, to: MemRange, done: usize, backwards: bool) -> Result<()> {
        let len = self.file_len()?;
        for (op, range) in [("copy from", from), ("copy to", to)] {
            if len < self.file_range(range).end {
                // Counted from the end, the first byte is one that the file has no more.
                let good = self.within(from, len).min(self.within(to, len)).min(done);
                let good = if backwards { 0 } else { good };
                return Err(self.truncated(op, range, len, good).with_done(good));
            }
        }
        Ok(())
    }

    fn copy_piece(&self, from: MemRange, to: MemRange, piece: &mut [u8]) -> Result<()> {
        let read = self.region.read(from, piece);
        let read = self.retry("copy from", Touched::Load, from, read, &mut |part| {
            self.region.read(part, &mut piece[part.start() - from.start()..])
        });
        // What was read before a fault is copied all the same, so that the error's count of bytes is true.
        let good = match &read {
            Ok(()) => piece.len(),
            Err(error) => error.bytes_done(),
        };
        let to = to.part(0, good).map_err(|error| self.name(Error::range("copy", error)))?;
        let written = self.region.write(to, &piece[..good]);
        self.retry("copy to", Touched::Store, to, written, &mut |part| {
            self.region.write(part, &piece[part.start() - to.start()..])
        })?;
        read
    }
}
