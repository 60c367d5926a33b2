//! Segments of any numbers placed, by the bytes of a fuzzer: what must hold whatever they are. The body is a fuzz target's, too.

use std::ops::Range;

use super::layout::{
    Access, Area, Backing, Loader, Part, Placed, Segment, Why, areas, contested, costs,
    mapped_twice, place,
};

/// Numbers out of bytes; zeros when there are no more.
#[derive(Debug)]
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn byte(&mut self) -> u8 {
        match self.0 {
            [first, rest @ ..] => {
                self.0 = rest;
                *first
            }
            [] => 0,
        }
    }

    /// Small ones, and ones near each of the places where sums overflow.
    fn number(&mut self) -> u64 {
        let kind = self.byte();
        let mut low = u64::from(u16::from_le_bytes([self.byte(), self.byte()]));
        if kind & 0x80 != 0 {
            low &= !0xfff;
        }
        match kind % 8 {
            0 => low,
            1 => u64::MAX - low,
            2 => (1 << 63) + low,
            3 => (1 << 63) - low,
            4 => (1 << 32) + low,
            5 => (1 << 47) - low,
            6 => low << 12,
            _ => low << 4,
        }
    }

    fn segment(&mut self, index: usize) -> Segment {
        let (offset, vaddr) = (self.number(), self.number());
        // Otherwise hardly any would be placed.
        let congruent = self.byte() & 3 != 0;
        let vaddr = if congruent { vaddr & !0xffff | offset & 0xffff } else { vaddr };
        let (filesz, more) = (self.number(), self.number());
        let memsz = if self.byte() & 7 == 0 { more } else { filesz.saturating_add(more) };
        let (align, access) = (self.number(), Access::of_flags(self.byte().into()));
        Segment { index, offset, vaddr, filesz, memsz, align, access }
    }
}

/// Place what `bytes` say, and check it.
pub(crate) fn run(bytes: &[u8]) {
    let mut numbers = Numbers(bytes);
    let page = 1 << (12 + numbers.byte() % 5);
    let loader = if numbers.byte() & 1 == 0 { Loader::Kernel } else { Loader::Glibc };
    let relro = numbers.number()..numbers.number();
    let relro = (numbers.byte() & 1 == 0).then_some(relro);
    let mut placed = Vec::new();
    while !numbers.0.is_empty() && placed.len() < 64 {
        let segment = numbers.segment(placed.len());
        match place(segment, page, loader) {
            Ok(one) => {
                check_placed(&one, page, loader);
                placed.push(one);
            }
            Err(not) => check_unplaceable(&segment, not.why, page),
        }
    }
    let found = areas(&placed, relro.as_ref(), page, loader);
    check_areas(&found, &placed, page);
    for common in mapped_twice(&placed).iter().chain(&contested(&placed)) {
        assert!(common.pages.start < common.pages.end, "{common:?}");
        assert!(common.segments[0] != common.segments[1], "{common:?}");
    }
    assert!(contested(&placed).len() <= placed.len());
}

fn len(range: &Range<u64>) -> u128 {
    u128::from(range.end) - u128::from(range.start)
}

/// The pages of one segment, by sums that cannot overflow.
fn check_placed(one: &Placed, page: u64, loader: Loader) {
    let s = &one.segment;
    for range in [&one.file_pages, &one.memory_pages, &one.zero_pages] {
        assert!(range.start <= range.end, "{one:?}");
        assert_eq!(
            (len(range) % u128::from(page), range.end % page),
            (0, range.start % page),
            "{one:?}"
        );
    }
    assert_eq!(len(&one.file_pages), len(&one.memory_pages), "{one:?}");
    assert_eq!(one.memory_pages.end, one.zero_pages.start, "{one:?}");
    let (start, end) = (u128::from(s.vaddr), u128::from(s.vaddr) + u128::from(s.memsz));
    if s.memsz > 0 {
        assert!(u128::from(one.memory_pages.start) <= start, "{one:?}");
        assert!(u128::from(one.zero_pages.end) >= end, "{one:?}");
        assert!(u128::from(one.zero_pages.end) - end < u128::from(page), "{one:?}");
    }
    if len(&one.file_pages) > 0 {
        let whole = u128::from(one.slack_before)
            + u128::from(s.filesz)
            + u128::from(one.slack_after)
            + len(&one.zeroed);
        assert_eq!(whole, len(&one.file_pages), "{one:?}");
        assert_eq!(one.file_pages.start + one.slack_before, s.offset, "{one:?}");
        assert_eq!(one.memory_pages.start + one.slack_before, s.vaddr, "{one:?}");
    } else {
        assert!(s.filesz == 0, "{one:?}");
    }
    if len(&one.zeroed) > 0 {
        assert_eq!(one.zeroed.start, s.vaddr + s.filesz, "{one:?}");
        assert!(len(&one.zeroed) < u128::from(page), "{one:?}");
        assert!(
            s.memsz > s.filesz && (loader == Loader::Glibc || s.access.allows(Access::WRITE)),
            "{one:?}"
        );
    }
}

/// That what was refused deserves it.
fn check_unplaceable(s: &Segment, why: Why, page: u64) {
    let sum = |a: u64, b: u64| u128::from(a) + u128::from(b);
    let last = (1u128 << 64) - u128::from(page);
    match why {
        Why::MoreInFile => assert!(s.filesz > s.memsz, "{s:?}"),
        Why::Incongruent => assert!(s.offset % page != s.vaddr % page, "{s:?}"),
        Why::FileEnd => assert!(sum(s.offset, s.filesz) > last, "{s:?}"),
        Why::MemoryEnd => assert!(sum(s.vaddr, s.memsz) > last, "{s:?}"),
    }
}

/// Ascending, whole pages, none over another, and each byte from the last segment that has the address.
fn check_areas(found: &[Area], placed: &[Placed], page: u64) {
    for pair in found.windows(2) {
        assert!(pair[0].addresses.end <= pair[1].addresses.start, "{pair:?}");
    }
    for area in found {
        assert!(area.addresses.start < area.addresses.end, "{area:?}");
        assert_eq!((area.addresses.start % page, area.addresses.end % page), (0, 0), "{area:?}");
        let last = placed.iter().rev().find(|one| {
            one.memory_pages.contains(&area.addresses.start)
                || one.zero_pages.contains(&area.addresses.start)
        });
        match (area.backing, last) {
            (Backing::Reserved, last) => {
                assert!(last.is_none() && area.part == Part::Gap, "{area:?}")
            }
            (_, None) => panic!("{area:?} is of no segment"),
            (Backing::Zeros, Some(one)) => {
                assert!(one.zero_pages.contains(&area.addresses.start), "{area:?}")
            }
            (Backing::File(offset), Some(one)) => {
                let into = area.addresses.start - one.memory_pages.start;
                assert_eq!(offset, one.file_pages.start + into, "{area:?}");
                assert_eq!(area.segment, one.segment.index, "{area:?}");
            }
        }
    }
    let costs = costs(found);
    let sum: u128 =
        found.iter().filter(|area| area.part != Part::Gap).map(|area| len(&area.addresses)).sum();
    let parts = [costs.shared, costs.copied_if_written, costs.relocated, costs.zeros];
    assert_eq!(parts.into_iter().map(u128::from).sum::<u128>(), sum);
}
