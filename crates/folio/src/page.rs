//! All rounding and all bounds of folio, in one pure place.
//!
//! The kernel maps whole pages; people ask for bytes. [`PageSize`] rounds, [`PageRange`] turns a byte range of a file
//! into the whole pages that hold it, and [`MemRange`] is a byte range inside a mapping that has been checked against
//! the mapping's length. The functions of `sys` take only these two, so no bound is computed anywhere else: a
//! [`PageRange`] or a [`MemRange`] in hand *is* the proof that the sums did not overflow (clause B1 of
//! `docs/soundness.md`).
//!
//! Nothing here asks the kernel for anything but the page size, so the module runs under Miri and is tested
//! exhaustively for small page sizes.

use core::fmt;
use core::ops::{Bound, Range, RangeBounds};

/// A page size in bytes: a power of two.
///
/// ```
/// use folio::PageSize;
/// let page = PageSize::new(4096).unwrap();
/// assert_eq!(page.floor(5000), 4096);
/// assert_eq!(page.ceil(5000), Some(8192));
/// assert!(PageSize::new(1000).is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize(usize);

impl PageSize {
    /// A page size, if `bytes` is a power of two.
    ///
    /// ```
    /// use folio::PageSize;
    /// const HUGE: PageSize = PageSize::new(2 << 20).expect("a power of two");
    /// assert_eq!(HUGE.floor(5_000_000), 4_194_304);
    /// assert_eq!(PageSize::new(0), None);
    /// ```
    pub const fn new(bytes: usize) -> Option<Self> {
        if bytes.is_power_of_two() { Some(Self(bytes)) } else { None }
    }

    /// The size of the pages that the kernel maps files in: 4096 bytes on x86-64; 4096, 16384 or 65536 on aarch64.
    ///
    /// ```
    /// assert!(folio::PageSize::base().bytes().is_power_of_two());
    /// ```
    #[must_use]
    pub fn base() -> Self {
        Self(rustix::param::page_size())
    }

    /// The size in bytes.
    ///
    /// ```
    /// let page = folio::PageSize::base();
    /// let memory = folio::SharedMut::anonymous(3 * page.bytes())?;
    /// assert_eq!(memory.len() / page.bytes(), 3);
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0
    }

    /// The start of the page that holds byte `at`.
    ///
    /// ```
    /// let page = folio::PageSize::new(4096).expect("a power of two");
    /// assert_eq!((page.floor(4095), page.floor(4096)), (0, 4096)); // a boundary is its own page's start
    /// ```
    #[must_use]
    pub const fn floor(self, at: u64) -> u64 {
        at & !(self.0 as u64 - 1)
    }

    /// The first page boundary at or after `at`; `None` if it does not fit 64 bits.
    ///
    /// ```
    /// let page = folio::PageSize::new(4096).expect("a power of two");
    /// assert_eq!((page.ceil(4096), page.ceil(4097)), (Some(4096), Some(8192)));
    /// assert_eq!(page.ceil(u64::MAX), None); // it would overflow
    /// ```
    #[must_use]
    pub const fn ceil(self, at: u64) -> Option<u64> {
        match at.checked_add(self.0 as u64 - 1) {
            Some(sum) => Some(self.floor(sum)),
            None => None,
        }
    }

    /// How far `at` is into its page, in bytes.
    ///
    /// ```
    /// let page = folio::PageSize::new(4096).expect("a power of two");
    /// assert_eq!(page.lead(5000), 904);
    /// assert_eq!(page.floor(5000) + page.lead(5000) as u64, 5000);
    /// ```
    #[must_use]
    pub const fn lead(self, at: u64) -> usize {
        let mask = self.0 - 1;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the mask is a usize, so is the result"
        )]
        let lead = (at & mask as u64) as usize;
        lead
    }
}

impl fmt::Debug for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageSize({})", self.0)
    }
}

/// Why a byte range cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RangeError {
    /// The end does not fit 64 bits (in a file: 63, the kernel's signed offsets).
    Overflow {
        /// The offset asked for, in bytes.
        offset: u64,
        /// The length asked for, in bytes.
        len: u64,
    },
    /// The range is larger than the address space can hold.
    TooLarge {
        /// The length asked for, in bytes.
        len: u64,
    },
    /// The start lies after the end.
    Reversed {
        /// The start asked for.
        start: u64,
        /// The end asked for.
        end: u64,
    },
    /// The range reaches past the end of what it is a range of.
    PastEnd {
        /// The end asked for, in bytes.
        end: u64,
        /// The length of the whole, in bytes.
        limit: u64,
    },
    /// The length is more than the addresses that were set aside.
    PastReserve {
        /// The end asked for, in bytes.
        end: u64,
        /// The bytes that there are addresses for.
        limit: u64,
    },
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Overflow { offset, len } => {
                write!(f, "offset {offset} plus length {len} overflows")
            }
            Self::TooLarge { len } => {
                write!(f, "{len} bytes are more than the address space can hold")
            }
            Self::Reversed { start, end } => {
                write!(f, "the start {start} lies after the end {end}")
            }
            Self::PastEnd { end, limit } => {
                write!(f, "the range ends at {end}, past the end at {limit}")
            }
            Self::PastReserve { end, limit } => write!(
                f,
                "{end} bytes are more than the {limit} that have addresses: see MapOptions::reserve"
            ),
        }
    }
}

/// The largest length of one mapping: an object of the Rust abstract machine may not be larger, and neither may the
/// whole pages around it.
const MAX_LEN: u64 = isize::MAX as u64;

/// The largest offset in a file: `off_t` is signed.
const MAX_OFFSET: u64 = i64::MAX as u64;

/// A byte range of a file together with the whole pages that hold it.
///
/// Invariants, held by [`PageRange::new`] alone:
/// 1. `offset + len` does not overflow and is at most `i64::MAX`;
/// 2. `lead + len`, rounded up to whole pages, is at most `isize::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageRange {
    page: PageSize,
    offset: u64,
    len: usize,
}

impl PageRange {
    /// The range of `len` bytes at `offset`, in pages of `page`.
    pub(crate) fn new(page: PageSize, offset: u64, len: u64) -> Result<Self, RangeError> {
        let end = offset.checked_add(len).ok_or(RangeError::Overflow { offset, len })?;
        if end > MAX_OFFSET {
            return Err(RangeError::Overflow { offset, len });
        }
        let whole = (page.lead(offset) as u64).checked_add(len).and_then(|sum| page.ceil(sum));
        match (whole, usize::try_from(len)) {
            (Some(whole), Ok(len)) if whole <= MAX_LEN => Ok(Self { page, offset, len }),
            _ => Err(RangeError::TooLarge { len }),
        }
    }

    /// The first byte of the range in the file.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The byte range in the file.
    pub(crate) fn file_range(&self) -> Range<u64> {
        self.offset..self.offset + self.len as u64
    }

    /// The page-aligned offset that the kernel is asked to map from.
    pub(crate) fn map_offset(&self) -> u64 {
        self.page.floor(self.offset)
    }

    /// How far the first byte of the range is into the mapping's first page.
    pub(crate) fn lead(&self) -> usize {
        self.page.lead(self.offset)
    }

    /// The length of the whole pages, a multiple of the page size; zero for an empty range.
    pub(crate) fn map_len(&self) -> usize {
        if self.len == 0 {
            return 0;
        }
        let mask = self.page.bytes() - 1;
        (self.lead() + self.len + mask) & !mask
    }

    /// The page size in use.
    pub(crate) fn page(&self) -> PageSize {
        self.page
    }
}

/// A byte range inside a mapping: positions count from the mapping's first byte, and the end was checked.
///
/// Invariant: `start + len` does not overflow and was at most the mapping's length when the range was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemRange {
    start: usize,
    len: usize,
}

impl MemRange {
    /// `range` inside a mapping of `limit` bytes.
    pub(crate) fn new(range: Range<usize>, limit: usize) -> Result<Self, RangeError> {
        if range.start > range.end {
            return Err(RangeError::Reversed { start: range.start as u64, end: range.end as u64 });
        }
        if range.end > limit {
            return Err(RangeError::PastEnd { end: range.end as u64, limit: limit as u64 });
        }
        Ok(Self { start: range.start, len: range.end - range.start })
    }

    /// What `range`, however it is written, means inside a mapping of `limit` bytes.
    pub(crate) fn within(
        range: &impl RangeBounds<usize>,
        limit: usize,
    ) -> Result<Self, RangeError> {
        let after =
            |at: usize| at.checked_add(1).ok_or(RangeError::Overflow { offset: at as u64, len: 1 });
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => after(before)?,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => after(last)?,
            Bound::Excluded(&end) => end,
            Bound::Unbounded => limit,
        };
        Self::new(start..end, limit)
    }

    /// `len` bytes at `start` inside a mapping of `limit` bytes.
    #[inline]
    pub(crate) fn at(start: usize, len: usize, limit: usize) -> Result<Self, RangeError> {
        match start.checked_add(len) {
            Some(end) if end <= limit => Ok(Self { start, len }),
            Some(end) => Err(RangeError::PastEnd { end: end as u64, limit: limit as u64 }),
            None => Err(RangeError::Overflow { offset: start as u64, len: len as u64 }),
        }
    }

    /// The part of this range that is `len` bytes long and begins `start` bytes into it.
    #[inline]
    pub(crate) fn part(&self, start: usize, len: usize) -> Result<Self, RangeError> {
        match Self::at(start, len, self.len) {
            // `start + len <= self.len`, so the sum is at most this range's own end.
            Ok(part) => Ok(Self { start: self.start + part.start, len }),
            Err(error) => Err(error),
        }
    }

    /// The first byte's position in the mapping.
    #[inline]
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// The length in bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The position after the last byte.
    pub(crate) fn end(&self) -> usize {
        self.start + self.len
    }

    /// Whether there is no byte in the range.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// From the start of the page that holds the first byte to the last byte, as positions from the start of the mapping's
    /// first page, where the mapping's first byte is at `lead`: what a system call that rounds up by itself is told. Unlike
    /// [`outer_pages`](Self::outer_pages), an empty range inside a page names the bytes before it.
    pub(crate) fn start_of_page_on(&self, page: PageSize, lead: usize) -> Range<usize> {
        let mask = page.bytes() - 1;
        (lead + self.start) & !mask..lead + self.end()
    }

    /// The whole pages that *touch* the range, as positions from the start of the mapping's first page, where the
    /// mapping's first byte is at `lead`.
    pub(crate) fn outer_pages(&self, page: PageSize, lead: usize) -> Range<usize> {
        let mask = page.bytes() - 1;
        let start = (lead + self.start) & !mask;
        if self.is_empty() {
            return start..start;
        }
        start..(lead + self.end() + mask) & !mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: PageSize = PageSize(8);

    #[test]
    fn page_sizes_are_powers_of_two() {
        for bytes in 0..=70 {
            let expected = [1, 2, 4, 8, 16, 32, 64].contains(&bytes);
            assert_eq!(PageSize::new(bytes).is_some(), expected, "{bytes}");
        }
    }

    /// Every small range against arithmetic in a wider type, page by page.
    #[test]
    fn every_small_file_range_is_held_by_its_pages() {
        for offset in 0..40u64 {
            for len in 0..40u64 {
                let range = PageRange::new(PAGE, offset, len).unwrap();
                assert_eq!(range.file_range(), offset..offset + len);
                assert_eq!(range.map_offset() % 8, 0);
                assert_eq!(range.map_len() % 8, 0);
                assert_eq!(range.map_offset() + range.lead() as u64, offset);
                let pages = (0..20u64).filter(|p| p * 8 < offset + len && (p + 1) * 8 > offset);
                let touched = if len == 0 { 0 } else { pages.count() };
                assert_eq!(range.map_len(), touched * 8, "{offset}+{len}");
            }
        }
    }

    #[test]
    fn ranges_at_the_edge_of_the_integers_are_refused_never_wrapped() {
        let edges =
            [0, 1, 7, 8, 9, MAX_LEN - 8, MAX_LEN - 1, MAX_LEN, MAX_LEN + 1, u64::MAX - 1, u64::MAX];
        for offset in edges {
            for len in edges {
                let end = u128::from(offset) + u128::from(len);
                let whole = (u128::from(offset) % 8 + u128::from(len)).div_ceil(8) * 8;
                let fits = end <= u128::from(MAX_OFFSET) && whole <= u128::from(MAX_LEN);
                assert_eq!(PageRange::new(PAGE, offset, len).is_ok(), fits, "{offset}+{len}");
            }
        }
    }

    #[test]
    fn byte_5000_is_mapped_from_4096_and_seen_at_904() {
        let range = PageRange::new(PageSize(4096), 5000, 10).unwrap();
        assert_eq!((range.map_offset(), range.lead(), range.map_len()), (4096, 904, 4096));
    }

    #[test]
    fn every_small_range_in_a_mapping_is_checked() {
        for limit in 0..12usize {
            for start in 0..14 {
                for end in 0..14 {
                    let ok = start <= end && end <= limit;
                    assert_eq!(MemRange::new(start..end, limit).is_ok(), ok);
                    if let Some(len) = end.checked_sub(start) {
                        assert_eq!(MemRange::at(start, len, limit).is_ok(), ok);
                    }
                }
            }
        }
        assert!(MemRange::at(usize::MAX, 1, usize::MAX).is_err());
        assert!(MemRange::at(1, usize::MAX, usize::MAX).is_err());
    }

    #[test]
    fn a_part_of_a_range_lies_within_it() {
        let whole = MemRange::at(5, 7, 20).unwrap();
        for start in 0..10 {
            for len in 0..10 {
                let part = whole.part(start, len);
                assert_eq!(part.is_ok(), start + len <= 7);
                if let Ok(part) = part {
                    assert_eq!((part.start(), part.len()), (5 + start, len));
                }
            }
        }
        assert!(whole.part(usize::MAX, 1).is_err());
        assert!(whole.part(1, usize::MAX).is_err());
    }

    #[test]
    fn every_way_to_write_a_range_means_the_same_bytes() {
        let parts = |range: Result<MemRange, RangeError>| range.map(|r| (r.start(), r.len())).ok();
        assert_eq!(parts(MemRange::within(&.., 10)), Some((0, 10)));
        assert_eq!(parts(MemRange::within(&(3..), 10)), Some((3, 7)));
        assert_eq!(parts(MemRange::within(&(..=3), 10)), Some((0, 4)));
        assert_eq!(
            parts(MemRange::within(&(Bound::Excluded(3), Bound::Unbounded), 10)),
            Some((4, 6))
        );
        assert_eq!(parts(MemRange::within(&(11..), 10)), None);
        assert_eq!(parts(MemRange::within(&(0..=usize::MAX), 10)), None);
        assert_eq!(
            parts(MemRange::within(&(Bound::Excluded(usize::MAX), Bound::Unbounded), 10)),
            None
        );
    }

    #[test]
    fn a_range_from_its_page_s_start_ends_where_the_range_does() {
        for lead in 0..8usize {
            for start in 0..30usize {
                for len in 0..30usize {
                    let range = MemRange::at(start, len, 100).unwrap();
                    let from = range.start_of_page_on(PAGE, lead);
                    assert_eq!(from.end, lead + start + len);
                    assert!(
                        from.start.is_multiple_of(8)
                            && (from.start..from.start + 8).contains(&(lead + start))
                    );
                }
            }
        }
    }

    #[test]
    fn outer_pages_touch_the_range_and_no_page_more() {
        for lead in 0..8usize {
            for start in 0..30usize {
                for len in 0..30usize {
                    let range = MemRange::at(start, len, 100).unwrap();
                    let outer = range.outer_pages(PAGE, lead);
                    let (first, last) = (lead + start, lead + start + len);
                    let touched = (0..20).filter(|p| p * 8 < last && (p + 1) * 8 > first).count();
                    assert_eq!(outer.len(), if len == 0 { 0 } else { touched * 8 });
                    assert_eq!(outer.start, first / 8 * 8);
                }
            }
        }
    }
}
