//! From blocks to written text: in order, and formatted on several threads where there is much.
//!
//! ```text
//!             +-> format -+
//! read, squeeze           write        the main thread reads and writes, the others only format
//!             +-> format -+
//! ```
//!
//! Block `i` goes to thread `i mod n` and is waited for there, so that the order is kept without numbers.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::Format;
use super::source::{Blocks, Part, Stream};
use super::squeeze::{Piece, Squeezer};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::threads::cores;

/// From this length of a range on, threads are worth their start.
const LARGE: u64 = 512 << 10;
/// More threads than this format faster than one thread can write.
const MOST_THREADS: usize = 8;
/// A block for each thread to work on, and one to find when it is done.
const BLOCKS_A_THREAD: usize = 2;

/// A block on its way.
#[derive(Debug, Default)]
struct Sheet {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
    text: Vec<u8>,
}

impl Sheet {
    fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
        self.text.clear();
    }

    fn format(&mut self, format: &impl Format, zeros: &[u8]) {
        for piece in &self.pieces {
            match piece {
                Piece::Rows { offset, part } => {
                    format.rows(*offset, &self.bytes[part.clone()], &mut self.text);
                }
                Piece::Zeros { offset } => format.rows(*offset, zeros, &mut self.text),
                Piece::Repeat { offset, len, row } => {
                    format.repeat(*offset, *len, row, &mut self.text);
                }
            }
        }
    }
}

/// Formats blocks and writes them.
#[derive(Debug)]
pub(super) struct Press<'a, F, W> {
    format: &'a F,
    squeezer: Squeezer,
    out: &'a mut W,
    progress: &'a Progress,
    /// A row of them.
    zeros: Vec<u8>,
    /// Sheets to use again.
    spare: Vec<Sheet>,
}

/// A thread that formats.
struct Hand {
    work: Sender<Sheet>,
    done: Receiver<Sheet>,
}

impl<'a, F: Format, W: Write> Press<'a, F, W> {
    pub(super) fn new(
        format: &'a F,
        squeezer: Squeezer,
        out: &'a mut W,
        progress: &'a Progress,
    ) -> Self {
        let zeros = vec![0; squeezer.width()];
        Self { format, squeezer, out, progress, zeros, spare: Vec::new() }
    }

    /// Write the rows of `range`.
    pub(super) fn run(mut self, mut blocks: Blocks<'_>, range: Range<u64>) -> Result<(), Failure> {
        let result = if range.end - range.start < LARGE {
            self.alone(&mut blocks, range.end)
        } else {
            self.together(&mut blocks, range.end)
        };
        self.finish(blocks.position(), range.start, result)
    }

    /// Format and write by turns.
    fn alone(&mut self, blocks: &mut Blocks<'_>, end: u64) -> Result<(), Failure> {
        let mut sheet = Sheet::default();
        loop {
            sheet.text.clear();
            let (more, result) = self.fill(blocks, &mut sheet, end);
            sheet.format(self.format, &self.zeros);
            self.write(&sheet.text).map_err(Failure::Output)?;
            result?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Let threads format.
    fn together(&mut self, blocks: &mut Blocks<'_>, end: u64) -> Result<(), Failure> {
        let zeros = self.zeros.clone();
        let (format, zeros) = (self.format, &zeros[..]);
        thread::scope(|scope| {
            let hands: Vec<Hand> = (0..cores().min(MOST_THREADS))
                .map(|_| {
                    let (work, sheets) = mpsc::channel::<Sheet>();
                    let (finished, done) = mpsc::channel();
                    scope.spawn(move || {
                        for mut sheet in sheets {
                            sheet.format(format, zeros);
                            if finished.send(sheet).is_err() {
                                break;
                            }
                        }
                    });
                    Hand { work, done }
                })
                .collect();
            self.hand_out(blocks, end, &hands)
        })
    }

    fn hand_out(
        &mut self,
        blocks: &mut Blocks<'_>,
        end: u64,
        hands: &[Hand],
    ) -> Result<(), Failure> {
        let most = hands.len() * BLOCKS_A_THREAD;
        let (mut sent, mut written) = (0, 0);
        let mut result = Ok(());
        let mut more = true;
        while more || written < sent {
            if more && sent - written < most {
                let mut sheet = self.spare.pop().unwrap_or_default();
                sheet.clear();
                (more, result) = self.fill(blocks, &mut sheet, end);
                more &= result.is_ok();
                // A thread takes sheets for as long as it is not told to stop.
                let _ = hands[sent % hands.len()].work.send(sheet);
                sent += 1;
            } else {
                let Ok(sheet) = hands[written % hands.len()].done.recv() else { break };
                self.out.write_all(&sheet.text).map_err(Failure::Output)?;
                self.spare.push(sheet);
                written += 1;
            }
        }
        result
    }

    /// Get the next block and squeeze its rows; says whether there may be more.
    fn fill(
        &mut self,
        blocks: &mut Blocks<'_>,
        sheet: &mut Sheet,
        end: u64,
    ) -> (bool, Result<(), Failure>) {
        sheet.pieces.clear();
        let (part, result) = blocks.next(&mut sheet.bytes);
        match &part {
            Some(Part::Bytes(range)) => {
                self.squeezer.block(range.start, &sheet.bytes, &mut sheet.pieces);
                self.progress.add(range.end - range.start);
            }
            Some(Part::Hole(range)) => {
                self.squeezer.hole(range.start, range.end - range.start, &mut sheet.pieces);
                self.progress.add(range.end - range.start);
            }
            None => {}
        }
        (part.is_some() && blocks.position() < end, result)
    }

    /// Write the rows of a stream, the first of them at `start`, as they come.
    pub(super) fn run_stream(mut self, mut stream: Stream<'_>, start: u64) -> Result<(), Failure> {
        let mut sheet = Sheet::default();
        let mut position = start;
        let result = loop {
            sheet.text.clear();
            sheet.pieces.clear();
            match stream.next(&mut sheet.bytes) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(failure) => break Err(failure),
            }
            self.squeezer.block(position, &sheet.bytes, &mut sheet.pieces);
            position += sheet.bytes.len() as u64;
            self.progress.add(sheet.bytes.len() as u64);
            sheet.format(self.format, &self.zeros);
            self.out.write_all(&sheet.text).map_err(Failure::Output)?;
        };
        self.finish(position, start, result)
    }

    /// Write what is held back, and, if all went well, the end.
    fn finish(
        mut self,
        position: u64,
        start: u64,
        result: Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut sheet = Sheet::default();
        if !matches!(result, Err(Failure::Output(_))) {
            self.squeezer.end(&mut sheet.pieces);
            sheet.format(self.format, &self.zeros);
            if result.is_ok() {
                self.format.end(position, position - start, &mut sheet.text);
            }
            self.write(&sheet.text).map_err(Failure::Output)?;
        }
        result
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        self.out.write_all(text)?;
        self.out.flush()
    }
}
