//! Byte ranges of files as people write them: `a..b`, `a..=b`, `a..`, `..`.

use core::ops::{Bound, RangeBounds};

use crate::error::{Error, Result};
use crate::page::{PageRange, PageSize, RangeError};

/// A byte range of a file whose end may be the end of the file, wherever that is.
///
/// Invariant: both ends fit the kernel's signed offsets, and the start does not lie after the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileRange {
    start: u64,
    /// How many bytes; `None` is up to the end of the file.
    len: Option<u64>,
}

impl FileRange {
    /// What `range` means, for the operation `op`.
    pub(crate) fn new(op: &'static str, range: &impl RangeBounds<u64>) -> Result<Self> {
        let parsed = Self::parse(range).map_err(|error| Error::range(op, error))?;
        Ok(parsed)
    }

    fn parse(range: &impl RangeBounds<u64>) -> core::result::Result<Self, RangeError> {
        let after = |at: u64| at.checked_add(1).ok_or(RangeError::Overflow { offset: at, len: 1 });
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => after(before)?,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => Some(after(last)?),
            Bound::Excluded(&end) => Some(end),
            Bound::Unbounded => None,
        };
        let reversed = |end| RangeError::Reversed { start, end };
        let len = end.map(|end| end.checked_sub(start).ok_or(reversed(end))).transpose()?;
        // Of a file, not of memory: only the offsets must fit, so the last is tried as an empty range.
        PageRange::new(PageSize::base(), end.unwrap_or(start), 0)?;
        Ok(Self { start, len })
    }

    /// The first byte.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// How many bytes; `None` is up to the end of the file.
    pub(crate) fn len(&self) -> Option<u64> {
        self.len
    }

    /// The byte after the last; `None` is the end of the file.
    pub(crate) fn end(&self) -> Option<u64> {
        self.len.map(|len| self.start + len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn parts(range: impl RangeBounds<u64>) -> core::result::Result<(u64, Option<u64>), ErrorKind> {
        FileRange::new("test", &range)
            .map(|range| (range.start(), range.end()))
            .map_err(|error| error.kind())
    }

    #[test]
    fn every_way_to_write_a_range() {
        assert_eq!(parts(..), Ok((0, None)));
        assert_eq!(parts(3..), Ok((3, None)));
        assert_eq!(parts(3..9), Ok((3, Some(9))));
        assert_eq!(parts(3..=9), Ok((3, Some(10))));
        assert_eq!(parts(..9), Ok((0, Some(9))));
        assert_eq!(parts((Bound::Excluded(3), Bound::Included(9))), Ok((4, Some(10))));
        assert_eq!(parts(5..5), Ok((5, Some(5))));
    }

    #[test]
    fn what_does_not_fit_signed_offsets_is_refused() {
        let max = i64::MAX as u64;
        assert_eq!(parts(..max), Ok((0, Some(max))));
        assert_eq!(parts(max..), Ok((max, None)));
        assert_eq!(parts(..max + 1), Err(ErrorKind::OutOfRange));
        assert_eq!(parts(max + 1..), Err(ErrorKind::OutOfRange));
        assert_eq!(parts(..=u64::MAX), Err(ErrorKind::OutOfRange));
        assert_eq!(
            parts((Bound::Excluded(u64::MAX), Bound::Unbounded)),
            Err(ErrorKind::OutOfRange)
        );
        assert_eq!(parts(core::ops::Range { start: 2, end: 1 }), Err(ErrorKind::OutOfRange));
    }
}
