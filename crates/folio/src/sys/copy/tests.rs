//! Every size against every place of the fault, in each routine. The oracle is the file, read with pread(2).

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use super::*;
use crate::page::{PageRange, PageSize};
use crate::sys::fault;
use crate::sys::region::{Access, Mode, Region, Sharing};

/// A mapping whose file ends earlier: whole pages of known bytes, and then a page that faults.
struct Cliff {
    file: File,
    region: Region,
    /// Where the faults begin, in bytes from the start.
    edge: usize,
}

impl Cliff {
    fn new(pages: usize) -> Self {
        fault::install();
        let page = PageSize::base().bytes();
        let (edge, len) = (pages * page, (pages + 1) * page);
        let file = tempfile::tempfile().unwrap();
        file.set_len(len as u64).unwrap();
        let mode = Mode { access: Access::ReadWrite, sharing: Sharing::Shared, no_reserve: false };
        let range = PageRange::new(PageSize::base(), 0, len as u64).unwrap();
        let region = Region::map(file.as_fd(), &range, 0, mode).unwrap();
        file.set_len(edge as u64).unwrap();
        let cliff = Self { file, region, edge };
        cliff.reset();
        cliff
    }

    /// Write the pattern everywhere again.
    fn reset(&self) {
        self.file.write_all_at(&patterns(0, self.edge), 0).unwrap();
    }

    /// The address of byte `at`.
    fn at(&self, at: usize) -> *mut u8 {
        assert!(at <= self.region.len());
        self.region.as_ptr().wrapping_add(at)
    }

    /// What the file holds.
    fn contents(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.edge];
        self.file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }
}

/// The bytes from `at` on: such that neighbours and far places differ, and none is zero.
fn patterns(at: usize, len: usize) -> Vec<u8> {
    (at..at + len).map(|at| (at.wrapping_mul(31) ^ (at >> 8)).to_le_bytes()[0] | 1).collect()
}

/// A byte that no pattern has.
const GUARD: u8 = 0xa6;
const MARGIN: usize = 64;

/// A buffer with a margin of guard bytes on both sides.
struct Guarded(Vec<u8>);

impl Guarded {
    fn new(len: usize) -> Self {
        Self(vec![GUARD; len + 2 * MARGIN])
    }

    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0[MARGIN..].as_mut_ptr()
    }

    /// Whether `bytes` were copied to the start, and nothing else has changed.
    #[track_caller]
    fn check(&self, bytes: &[u8], what: &str) {
        let (before, rest) = self.0.split_at(MARGIN);
        let (copied, after) = rest.split_at(bytes.len());
        assert!(before.iter().all(|&byte| byte == GUARD), "{what}: bytes below the buffer");
        assert!(after.iter().all(|&byte| byte == GUARD), "{what}: bytes past those copied");
        assert!(copied == bytes, "{what}: the bytes copied");
    }
}

/// Every size up to where the loops have run a few times, and how many bytes of it lie before the edge.
fn sizes_and_places() -> impl Iterator<Item = (usize, usize)> {
    (0..=600).flat_map(|len| (0..=len).chain([len + 1, len + 63]).map(move |good| (len, good)))
}

#[test]
fn copying_in_tells_exactly_how_many_bytes_were_good() {
    let cliff = Cliff::new(1);
    let all = patterns(0, cliff.edge);
    for (name, copy) in arch::variants() {
        for (len, good) in sizes_and_places() {
            let from = cliff.edge - good;
            let mut buffer = Guarded::new(len);
            // SAFETY: clause L2: the source is in the mapping, the destination in the buffer.
            let done = unsafe { copy(buffer.as_mut_ptr(), cliff.at(from), len) };
            assert_eq!(done, good.min(len), "{name}: {len} bytes, {good} before the edge");
            buffer.check(&all[from..from + done], name);
        }
    }
}

#[test]
fn copying_out_tells_exactly_how_many_bytes_were_stored() {
    let cliff = Cliff::new(1);
    let mut expected = patterns(0, cliff.edge);
    for (name, copy) in arch::variants() {
        for (len, good) in sizes_and_places() {
            let to = cliff.edge - good;
            let source = vec![GUARD; len];
            // SAFETY: clause L2: the source is in the vector, the destination in the mapping.
            let done = unsafe { copy(cliff.at(to), source.as_ptr(), len) };
            assert_eq!(done, good.min(len), "{name}: {len} bytes, {good} before the edge");
            expected[to..to + done].fill(GUARD);
            assert!(cliff.contents() == expected, "{name}: {len} bytes, {good} before the edge");
            expected[to..to + done].copy_from_slice(&patterns(to, done));
            cliff.file.write_all_at(&expected[to..], to as u64).unwrap();
        }
    }
}

#[test]
fn filling_tells_exactly_how_many_bytes_were_set() {
    let cliff = Cliff::new(1);
    let mut expected = patterns(0, cliff.edge);
    for (len, good) in sizes_and_places() {
        let to = cliff.edge - good;
        // SAFETY: clause L2: the range is in the mapping.
        let done = unsafe { fill(cliff.at(to), GUARD, len) };
        assert_eq!(done, good.min(len), "{len} bytes, {good} before the edge");
        expected[to..to + done].fill(GUARD);
        assert!(cliff.contents() == expected, "{len} bytes, {good} before the edge");
        expected[to..to + done].copy_from_slice(&patterns(to, done));
        cliff.file.write_all_at(&expected[to..], to as u64).unwrap();
    }
}

/// Sizes around those where pieces and blocks end, to some megabytes.
const LARGE: [usize; 12] = [
    1023,
    4095,
    4096,
    4097,
    8191,
    12_288,
    65_535,
    65_536,
    65_537,
    (1 << 20) - 1,
    (4 << 20) + 77,
    (40 << 20) + 3,
];

#[test]
fn large_copies_are_exact_up_to_a_fault_anywhere() {
    let cliff = Cliff::new(10_300);
    let all = patterns(0, cliff.edge);
    for (name, copy) in arch::variants() {
        for len in LARGE {
            let places = [0, 1, 63, 4096, 5000, len / 3, len - 1, len, len + 100];
            // In the loops for some pages, everywhere.
            let between = (0..if len < 9000 { len } else { 0 }).step_by(31);
            for good in places.into_iter().chain(between) {
                let from = cliff.edge - good;
                let mut buffer = Guarded::new(len);
                // SAFETY: clause L2: the source is in the mapping as far as it is a mapping of the file; behind it faults.
                let done =
                    unsafe { copy(buffer.as_mut_ptr(), cliff.at(from), len.min(good + 4096)) };
                assert_eq!(done, good.min(len), "{name}: {len} bytes, {good} before the edge");
                buffer.check(&all[from..from + done], name);
            }
        }
    }
}

#[test]
fn copies_that_do_not_fault_are_byte_exact_at_every_alignment() {
    let all = patterns(0, 4096);
    for (name, copy) in arch::variants() {
        for len in (0..=300).chain([511, 512, 513, 1000, 2047, 2048, 2049, 3000]) {
            for shift in 0..64 {
                let from = shift * 7 % 64;
                let mut buffer = Guarded::new(len + 64);
                let to = buffer.as_mut_ptr().wrapping_add(shift);
                // SAFETY: clause L2: both ranges are in their vectors.
                let done = unsafe { copy(to, all[from..].as_ptr(), len) };
                assert_eq!(done, len, "{name}");
                let mut expected = vec![GUARD; shift];
                expected.extend(&all[from..from + len]);
                buffer.check(&expected, name);
            }
        }
    }
}

/// A mapping of pages of known bytes with one page among them that faults.
struct Hole {
    cliff: Cliff,
    hole: core::ops::Range<usize>,
}

impl Hole {
    fn new() -> Self {
        let cliff = Cliff::new(5);
        let page = PageSize::base().bytes();
        let hole = 2 * page..3 * page;
        let gone = Cliff::new(0);
        // SAFETY: clause G5: nobody has seen the bytes of either.
        unsafe { cliff.region.replace(hole.clone(), gone.region) }.unwrap();
        Self { cliff, hole }
    }

    /// How many bytes can be moved before one of either range lies in the hole.
    fn good(&self, from: usize, to: usize, len: usize) -> usize {
        let good = |&i: &usize| !self.hole.contains(&(from + i)) && !self.hole.contains(&(to + i));
        let downwards = to > from && to - from < len;
        if downwards {
            (0..len).rev().take_while(good).count()
        } else {
            (0..len).take_while(good).count()
        }
    }

    /// `copy_within` on a model: the bytes that it says it moved are moved, others of the destination have their old
    /// value or their new one, and nothing outside has changed.
    #[track_caller]
    fn check_move(&self, from: usize, to: usize, len: usize) {
        let before = patterns(0, self.cliff.edge);
        // SAFETY: clause L2: both ranges are in the mapping.
        let done = unsafe { copy_within(self.cliff.at(to), self.cliff.at(from), len) };
        let after = self.cliff.contents();
        let what = format!("{len} bytes from {from} to {to}: {done}");
        assert_eq!(done, self.good(from, to, len), "{what}");
        let downwards = to > from && to - from < len;
        let moved = if downwards { len - done..len } else { 0..done };
        for (i, (&old, &new)) in before.iter().zip(&after).enumerate() {
            let wanted = i
                .checked_sub(to)
                .filter(|&i| i < len)
                .map(|i| (moved.contains(&i), before[from + i]));
            match wanted {
                Some((true, wanted)) => assert_eq!(new, wanted, "{what}: byte {i}"),
                Some((false, wanted)) => assert!(new == old || new == wanted, "{what}: byte {i}"),
                None => assert_eq!(new, old, "{what}: byte {i}"),
            }
        }
        self.cliff.reset();
    }
}

#[test]
fn moves_are_exact_in_both_directions_up_to_a_fault() {
    let hole = Hole::new();
    let (start, end) = (hole.hole.start, hole.hole.end);
    for len in [0, 1, 2, 3, 7, 16, 31, 33, 64, 65, 129, 300, 1000, 4095, 4096, 4097, 7000] {
        for apart in [0, 1, 2, 8, 15, 17, 31, 63, 64, 100, 1000, 2999, 4096, 6000] {
            let lows =
                [0, 100, start - 1, start - len.min(start), end - 1, end, end + 1, end + 500];
            for low in lows.into_iter().filter(|low| low + apart + len <= hole.cliff.edge) {
                hole.check_move(low + apart, low, len);
                hole.check_move(low, low + apart, len);
            }
        }
    }
}

#[test]
fn loads_and_stores_are_whole_or_not_at_all() {
    let cliff = Cliff::new(1);
    let all = patterns(0, cliff.edge);
    for good in 0..=16 {
        let at = cliff.edge - good;
        macro_rules! check {
            ($int:ty, $load:ident, $store:ident) => {
                let size = size_of::<$int>();
                // SAFETY: clause L2: the address is in the mapping.
                let value = unsafe { $load(cliff.at(at).cast()) };
                let expected = all.get(at..at + size);
                assert_eq!(value, expected.map(|b| <$int>::from_ne_bytes(b.try_into().unwrap())));
                // SAFETY: clause L2: the address is in the mapping.
                let stored = unsafe { $store(cliff.at(at).cast(), <$int>::MAX - 1) };
                assert_eq!(stored, good >= size);
                let mut contents = all.clone();
                if stored {
                    contents[at..at + size].copy_from_slice(&(<$int>::MAX - 1).to_ne_bytes());
                }
                assert!(cliff.contents() == contents);
                cliff.reset();
            };
        }
        check!(u8, load_u8, store_u8);
        check!(u16, load_u16, store_u16);
        check!(u32, load_u32, store_u32);
        check!(u64, load_u64, store_u64);
    }
}

#[test]
fn each_routine_has_a_landing_and_each_row_a_range() {
    assert!(fixups().len() >= 12, "{}", fixups().len());
    for fixup in fixups() {
        let (start, end) = (target(&fixup.start), target(&fixup.end));
        assert!(start < end, "{start:x}..{end:x}");
        assert_eq!(landing(start), Some(target(&fixup.landing)));
        assert_eq!(landing(end - 1), Some(target(&fixup.landing)));
    }
    for (_, copy) in arch::variants() {
        assert!(landing(copy as usize).is_some());
    }
    let fill = routines::fill as *const () as usize;
    let load = routines::load_u64 as *const () as usize;
    let store = routines::store_u64 as *const () as usize;
    for routine in [fill, load, store] {
        assert!(landing(routine).is_some());
    }
    let foreign: fn(usize) -> Option<usize> = landing;
    assert_eq!(landing(foreign as usize), None);
    assert_eq!(landing(0), None);
}
