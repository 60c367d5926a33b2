//! What a program's file and its memory are made of, piece by piece: a piece is a range of bytes of one sort.

use std::ops::Range;

use super::exe::{Exe, Segment};
use super::palette::{BLUE, CREAM, ORANGE, PALE, RULE, SKY, WHITE};
use super::scene::{Colour, Paint};

/// What the bytes of a piece are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// Of a segment, and may be executed.
    Executable,
    /// Of a segment, and may be read only.
    Constant,
    /// Of a segment, and may be written.
    Writable,
    /// Bytes of the file that are mapped because memory comes in whole pages.
    Slack,
    /// Bytes of the file that the loader overwrites with zeros.
    Zeroed,
    /// Whole pages of zeros.
    Anonymous,
    /// Bytes of the file that no segment names.
    Unloaded,
    /// Addresses without memory.
    Gap,
}

/// A range of bytes of one sort, offsets in the file or addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) bytes: Range<u64>,
    pub(super) sort: Sort,
    /// The segment it belongs to, if it does.
    pub(super) segment: Option<usize>,
}

impl Piece {
    pub(super) fn len(&self) -> u64 {
        self.bytes.end - self.bytes.start
    }
}

impl Sort {
    /// Of the bytes that a segment has in the file.
    pub(super) fn of(segment: &Segment) -> Self {
        if segment.protection.contains('x') {
            Self::Executable
        } else if segment.protection.contains('w') {
            Self::Writable
        } else {
            Self::Constant
        }
    }

    /// What it is filled with.
    pub(super) fn colour(self) -> Colour {
        match self {
            Self::Executable => BLUE,
            Self::Constant => SKY,
            Self::Writable => ORANGE,
            Self::Slack => PALE,
            Self::Zeroed | Self::Anonymous => CREAM,
            Self::Unloaded | Self::Gap => WHITE,
        }
    }

    pub(super) fn paint(self) -> Paint {
        let ground = self.colour();
        match self {
            Self::Zeroed => Paint::Outlined { ground, line: ORANGE },
            Self::Unloaded => Paint::Outlined { ground, line: RULE },
            _ => Paint::Plain(ground),
        }
    }

    /// What is written on it.
    pub(super) fn ink(self) -> Colour {
        if self == Self::Executable { WHITE } else { super::palette::INK }
    }

    /// What the legend says; nothing of what is not drawn.
    pub(super) fn words(self) -> Option<&'static str> {
        match self {
            Self::Executable => Some("may be executed"),
            Self::Constant => Some("may only be read"),
            Self::Writable => Some("may be written: a store copies the page"),
            Self::Slack => Some("slack: bytes of the file that come along in whole pages"),
            Self::Zeroed => Some("overwritten with zeros, which copies the page"),
            Self::Anonymous => Some("zeros, not of the file (bss)"),
            Self::Unloaded => Some("of the file, but in no segment"),
            Self::Gap => None,
        }
    }
}

/// The file from its first byte to its last, as far as segments and `len` say.
pub(super) fn of_file(exe: &Exe, segments: &[Segment]) -> Vec<Piece> {
    let mut order: Vec<usize> =
        (0..segments.len()).filter(|index| !segments[*index].file.is_empty()).collect();
    order.sort_by_key(|index| segments[*index].file.start);
    let mut pieces = Vec::new();
    let mut end = 0;
    for index in order {
        let Segment { file, .. } = &segments[index];
        // Segments may overlap: what was there already is not there twice.
        push(&mut pieces, end..file.start, Sort::Unloaded, None);
        push(&mut pieces, file.start.max(end)..file.end, Sort::of(&segments[index]), Some(index));
        end = end.max(file.end);
    }
    push(&mut pieces, end..exe.file_len, Sort::Unloaded, None);
    pieces
}

/// The memory, from the first address that is mapped to the last.
pub(super) fn of_memory(segments: &[Segment]) -> Vec<Piece> {
    let mut order: Vec<usize> = (0..segments.len()).collect();
    order.sort_by_key(|index| segments[*index].memory.start);
    let mut pieces: Vec<Piece> = Vec::new();
    for index in order {
        let segment = &segments[index];
        let filled =
            segment.memory.start.saturating_add(len(&segment.file)).min(segment.memory.end);
        let own = [
            (segment.memory_pages.start..segment.memory.start, Sort::Slack),
            (segment.memory.start..filled, Sort::of(segment)),
            (segment.zeroed.clone(), Sort::Zeroed),
            (filled.max(segment.zeroed.end)..segment.memory_pages.end, Sort::Slack),
            (segment.anonymous.clone(), Sort::Anonymous),
        ];
        let mut own: Vec<_> =
            own.into_iter().filter(|(range, _)| range.start < range.end).collect();
        own.sort_by_key(|(range, _)| range.start);
        if let (Some(last), Some((first, _))) = (pieces.last(), own.first()) {
            let gap = last.bytes.end..first.start;
            push(&mut pieces, gap, Sort::Gap, None);
        }
        for (range, sort) in own {
            let from = pieces.last().map_or(0, |last| last.bytes.end);
            push(&mut pieces, range.start.max(from)..range.end, sort, Some(index));
        }
    }
    pieces
}

fn len(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

fn push(pieces: &mut Vec<Piece>, bytes: Range<u64>, sort: Sort, segment: Option<usize>) {
    if bytes.start < bytes.end {
        pieces.push(Piece { bytes, sort, segment });
    }
}
