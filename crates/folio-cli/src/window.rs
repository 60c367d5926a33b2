//! Which bytes of an input are asked for: `--offset` and `--len`, made into a range. Pure.

use std::ops::Range;

use crate::units::Offset;

/// A part of an input, before its length is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) offset: Offset,
    /// To the end if there is none.
    pub(crate) len: Option<u64>,
}

/// An offset after the end of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PastEnd {
    /// The position asked for, in bytes of the file.
    pub(crate) offset: u64,
}

impl Window {
    /// The range of the file where `available` are the bytes that there are: from the position where reading starts to
    /// the end of the file. A length that reaches past the end stops there; an offset before the start, counted from
    /// the end, begins at the start.
    pub(crate) fn of(self, available: Range<u64>) -> Result<Range<u64>, PastEnd> {
        let Range { start, end } = available;
        let end = end.max(start);
        let first = match self.offset {
            Offset::FromStart(offset) => start.saturating_add(offset),
            Offset::FromEnd(back) => end.saturating_sub(back).max(start),
        };
        if first > end {
            return Err(PastEnd { offset: first });
        }
        let last = match self.len {
            Some(len) => first.saturating_add(len).min(end),
            None => end,
        };
        Ok(first..last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against picking the bytes one by one.
    #[test]
    fn every_small_window_holds_the_bytes_that_it_says() {
        for start in 0..4u64 {
            for end in start..9 {
                for offset in 0..10u64 {
                    for len in (0..10u64).map(Some).chain([None]) {
                        let bytes: Vec<u64> = (start..end).collect();
                        let cut = |rest: &[u64]| {
                            let len = len.map_or(rest.len(), |len| {
                                usize::try_from(len).unwrap().min(rest.len())
                            });
                            rest[..len].to_vec()
                        };
                        let skip = usize::try_from(offset).unwrap();

                        let range =
                            Window { offset: Offset::FromStart(offset), len }.of(start..end);
                        let expected = bytes.get(skip..).map(cut);
                        assert_eq!(range.ok().map(|range| range.collect::<Vec<_>>()), expected);

                        let range = Window { offset: Offset::FromEnd(offset), len }.of(start..end);
                        let expected = cut(&bytes[bytes.len().saturating_sub(skip)..]);
                        assert_eq!(range.unwrap().collect::<Vec<_>>(), expected);
                    }
                }
            }
        }
    }

    #[test]
    fn huge_numbers_do_not_wrap() {
        let window = Window { offset: Offset::FromStart(5), len: Some(u64::MAX) };
        assert_eq!(window.of(1..10), Ok(6..10));
        let window = Window { offset: Offset::FromStart(u64::MAX), len: None };
        assert_eq!(window.of(1..10), Err(PastEnd { offset: u64::MAX }));
        let window = Window { offset: Offset::FromEnd(u64::MAX), len: Some(2) };
        assert_eq!(window.of(1..10), Ok(1..3));
    }

    /// A stdin that was read past its file's end.
    #[test]
    fn a_position_after_the_end_leaves_nothing() {
        let window = Window { offset: Offset::FromStart(0), len: None };
        let (position, end) = (10, 5);
        assert_eq!(window.of(position..end), Ok(10..10));
    }
}
