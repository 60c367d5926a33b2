//! Rows that repeat the row before are not written; one mark stands for all of them. Pure.

use std::ops::Range;

/// Which rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    All,
    /// Only those that differ from the one before.
    Squeezed,
}

/// A part of the output, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The rows at `offset` that hold this part of the block.
    Rows { offset: u64, part: Range<usize> },
    /// A row of zeros out of a hole.
    Zeros { offset: u64 },
    /// `len` bytes at `offset` that are `row` again and again, after a row that was the same.
    Repeat { offset: u64, len: u64, row: Vec<u8> },
}

/// Sorts rows into pieces. It remembers the last row and the repetition that it is in the middle of, so blocks may end
/// anywhere between rows.
#[derive(Debug)]
pub(super) struct Squeezer {
    width: usize,
    rows: Rows,
    /// The row before; empty if there is none.
    previous: Vec<u8>,
    /// The repetition that has not ended yet.
    run: Option<Run>,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    offset: u64,
    len: u64,
}

impl Squeezer {
    pub(super) fn new(width: usize, rows: Rows) -> Self {
        Self { width, rows, previous: Vec::with_capacity(width), run: None }
    }

    /// Bytes a row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The rows of a block that is at `offset`; only the last row of all may be short.
    pub(super) fn block(&mut self, offset: u64, block: &[u8], pieces: &mut Vec<Piece>) {
        if block.is_empty() {
            return;
        }
        if self.rows == Rows::All {
            pieces.push(Piece::Rows { offset, part: 0..block.len() });
            return;
        }
        // The rows from here on are to be written.
        let mut first = 0;
        let mut at = 0;
        while at < block.len() {
            let row = &block[at..(at + self.width).min(block.len())];
            let before = if at == 0 { &self.previous[..] } else { &block[at - self.width..at] };
            if same(row, before) {
                if first < at {
                    pieces.push(Piece::Rows { offset: offset + first as u64, part: first..at });
                }
                first = at + row.len();
                self.lengthen(offset + at as u64, row.len() as u64);
            } else if self.run.is_some() {
                let row = before.to_vec();
                self.close(row, pieces);
            }
            at += row.len();
        }
        if first < block.len() {
            pieces.push(Piece::Rows { offset: offset + first as u64, part: first..block.len() });
        }
        let last = (block.len() - 1) / self.width * self.width;
        self.previous.clear();
        self.previous.extend_from_slice(&block[last..]);
    }

    /// A hole of `len` bytes, whole rows, at `offset`.
    pub(super) fn hole(&mut self, offset: u64, len: u64, pieces: &mut Vec<Piece>) {
        let width = self.width as u64;
        debug_assert!(len.is_multiple_of(width));
        let repeats =
            self.previous.len() == self.width && self.previous.iter().all(|&byte| byte == 0);
        let (mut offset, mut len) = (offset, len);
        if !repeats && len > 0 {
            let before = std::mem::take(&mut self.previous);
            self.close(before, pieces);
            pieces.push(Piece::Zeros { offset });
            self.previous = vec![0; self.width];
            offset += width;
            len -= width;
        }
        if len > 0 {
            self.lengthen(offset, len);
        }
    }

    /// No more rows come.
    pub(super) fn end(&mut self, pieces: &mut Vec<Piece>) {
        let row = self.previous.clone();
        self.close(row, pieces);
    }

    fn lengthen(&mut self, offset: u64, len: u64) {
        self.run.get_or_insert(Run { offset, len: 0 }).len += len;
    }

    fn close(&mut self, row: Vec<u8>, pieces: &mut Vec<Piece>) {
        if let Some(Run { offset, len }) = self.run.take() {
            pieces.push(Piece::Repeat { offset, len, row });
        }
    }
}

/// Whether two rows are equal; those of the usual width in two registers.
#[inline]
fn same(row: &[u8], before: &[u8]) -> bool {
    match (<&[u8; 16]>::try_from(row), <&[u8; 16]>::try_from(before)) {
        (Ok(row), Ok(before)) => u128::from_ne_bytes(*row) == u128::from_ne_bytes(*before),
        _ => row == before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each row against the one before, nothing clever: (offset, row) for a written row, offsets of the others.
    fn naive(bytes: &[u8], width: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        let rows: Vec<_> = bytes.chunks(width).collect();
        (0..rows.len())
            .map(|i| {
                let repeats = i > 0 && rows[i] == rows[i - 1];
                ((i * width) as u64, (!repeats).then(|| rows[i].to_vec()))
            })
            .collect()
    }

    /// What pieces say, row by row; a repetition must say the row that stands before it.
    fn spelled(
        pieces: &[Piece],
        blocks: &[(u64, Vec<u8>)],
        width: usize,
    ) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut rows: Vec<(u64, Option<Vec<u8>>)> = Vec::new();
        let mut last = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Rows { offset, part } => {
                    let (start, block) = blocks.iter().rfind(|(start, _)| start <= offset).unwrap();
                    assert_eq!(usize::try_from(offset - start).unwrap(), part.start);
                    for (i, row) in block[part.clone()].chunks(width).enumerate() {
                        last = row.to_vec();
                        rows.push((offset + (i * width) as u64, Some(last.clone())));
                    }
                }
                Piece::Zeros { offset } => {
                    last = vec![0; width];
                    rows.push((*offset, Some(last.clone())));
                }
                Piece::Repeat { offset, len, row } => {
                    assert_eq!(*row, last);
                    let repeats = (0..*len).step_by(width);
                    rows.extend(repeats.map(|done| (offset + done, None)));
                }
            }
        }
        rows
    }

    proptest! {
        #[test]
        fn blocks_and_holes_are_squeezed_as_row_by_row(
            width in 1usize..20,
            // Runs of few values, so that rows repeat.
            runs in prop::collection::vec((0u8..3, 1usize..80), 0..12),
            cuts in prop::collection::vec((1usize..6, any::<bool>()), 1..8),
        ) {
            let bytes: Vec<u8> = runs.iter().flat_map(|&(byte, len)| std::iter::repeat_n(byte, len)).collect();
            let mut squeezer = Squeezer::new(width, Rows::Squeezed);
            let (mut pieces, mut blocks, mut at) = (Vec::new(), Vec::new(), 0);
            for &(rows, hole) in cuts.iter().cycle() {
                if at == bytes.len() { break }
                let end = (at + rows * width).min(bytes.len());
                let block = &bytes[at..end];
                if hole && block.len().is_multiple_of(width) && block.iter().all(|&byte| byte == 0) {
                    squeezer.hole(at as u64, block.len() as u64, &mut pieces);
                } else {
                    squeezer.block(at as u64, block, &mut pieces);
                    blocks.push((at as u64, block.to_vec()));
                }
                at = end;
            }
            squeezer.end(&mut pieces);
            prop_assert_eq!(spelled(&pieces, &blocks, width), naive(&bytes, width));
            let repeats: Vec<_> = pieces.iter().map(|piece| matches!(piece, Piece::Repeat { .. })).collect();
            prop_assert!(!repeats.windows(2).any(|two| two == [true, true]), "one mark for each repetition");
        }
    }

    #[test]
    fn a_short_row_is_never_squeezed() {
        let mut pieces = Vec::new();
        let mut squeezer = Squeezer::new(4, Rows::Squeezed);
        squeezer.block(0, &[0; 11], &mut pieces);
        squeezer.end(&mut pieces);
        let expected = [
            Piece::Rows { offset: 0, part: 0..4 },
            Piece::Repeat { offset: 4, len: 4, row: vec![0; 4] },
            Piece::Rows { offset: 8, part: 8..11 },
        ];
        assert_eq!(pieces, expected);
    }
}
