//! Bad ranges fed to every ranged method: an error each, never a wrap, never a byte changed.

use std::ops::Range;

use folio::{ErrorKind, MapOptions, Result, SharedMut};

use crate::scratch::{Scratch, numbered, page};

/// Ranges that do not lie in a mapping of `len` bytes.
fn bad(len: usize) -> Vec<Range<usize>> {
    let (max, half) = (usize::MAX, usize::MAX / 2);
    vec![
        len..len + 1,
        len + 1..len + 1,
        len - 1..len + 1,
        0..len + 1,
        0..max,
        1..max,
        max..max,
        max - 1..max,
        half..half + 1,
        half + 1..half + 2,
        // From memmap2's advise_range: the length alone is in bounds.
        len - 1..2 * len - 2,
        page() * 1000..page() * 1000 + 1,
        Range { start: 5, end: 4 },
        len..0,
        max..0,
        max..1,
    ]
}

type Operation = (&'static str, fn(&SharedMut, Range<usize>) -> Result<()>);

/// Those that take a range.
const RANGED: &[Operation] = &[
    ("slice", |map, range| map.slice(range).map(|_| ())),
    ("fill", |map, range| map.fill(range, 9)),
    ("copy_within", |map, range| map.copy_within(range, 0)),
    ("flush_range", |map, range| map.flush_range(range)),
    ("flush_async", |map, range| map.flush_async(range)),
    ("allocate", |map, range| map.allocate(range)),
    ("atomics_u8", |map, range| map.atomics_u8(range).map(|_| ())),
    ("atomics_u32", |map, range| map.atomics_u32(range).map(|_| ())),
    ("atomics_u64", |map, range| map.atomics_u64(range).map(|_| ())),
];

/// Those that take a place; the range's length is theirs.
const PLACED: &[(Operation, usize)] = &[
    (("read_at", |map, range| map.read_at(range.start, &mut [0; 1])), 1),
    (("read_at 9", |map, range| map.read_at(range.start, &mut [0; 9])), 9),
    (("write_at", |map, range| map.write_at(range.start, &[9; 1])), 1),
    (("write_at 9", |map, range| map.write_at(range.start, &[9; 9])), 9),
    (("load u8", |map, range| map.load::<u8>(range.start).map(|_| ())), 1),
    (("load u16", |map, range| map.load::<u16>(range.start).map(|_| ())), 2),
    (("load u64", |map, range| map.load::<u64>(range.start).map(|_| ())), 8),
    (("load 100", |map, range| map.load::<[u8; 100]>(range.start).map(|_| ())), 100),
    (("store u8", |map, range| map.store(range.start, &9u8)), 1),
    (("store u64", |map, range| map.store(range.start, &9u64)), 8),
    (("store 100", |map, range| map.store(range.start, &[9u8; 100])), 100),
    (("atomic_u8", |map, range| map.atomic_u8(range.start).map(|_| ())), 1),
    (("atomic_u32", |map, range| map.atomic_u32(range.start).map(|_| ())), 4),
    (("atomic_u64", |map, range| map.atomic_u64(range.start).map(|_| ())), 8),
    (("copy_within to", |map, range| map.copy_within(0..3, range.start)), 3),
];

fn refuse_all(map: &SharedMut) {
    let len = map.len();
    for range in bad(len) {
        for (name, call) in RANGED {
            let error = call(map, range.clone()).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::OutOfRange, "{name} {range:?} of {len}: {error}");
        }
    }
    for ((name, call), size) in PLACED {
        let last = len.checked_sub(*size);
        let places = [last.map_or(0, |last| last + 1), len, len + 1, usize::MAX, usize::MAX - size];
        for place in places {
            if last.is_some_and(|last| place <= last) {
                continue;
            }
            let error = call(map, place..place).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::OutOfRange, "{name} at {place} of {len}: {error}");
        }
    }
}

#[test]
fn every_ranged_method_refuses_bad_ranges_and_changes_nothing() {
    let len = 2 * page() + 100;
    let file = Scratch::numbered(len);
    let map = SharedMut::open(file.path()).unwrap();
    refuse_all(&map);
    // The bytes behind these ends are mapped, and not this value's.
    refuse_all(&map.slice(10..150).unwrap());
    refuse_all(&map.slice(10..len - 5).unwrap().slice(3..200).unwrap());
    let part = MapOptions::new().offset(5).len(150).open_shared_mut(file.path()).unwrap();
    refuse_all(&part);
    let reserved =
        MapOptions::new().reserve(1 << 20).len(200).open_shared_mut(file.path()).unwrap();
    refuse_all(&reserved);
    assert_eq!(file.bytes(), numbered(0, len));
}

#[test]
fn good_ranges_at_the_edges_are_taken() {
    let file = Scratch::numbered(1000);
    let map = SharedMut::open(file.path()).unwrap();
    for range in [0..0, 0..1000, 1000..1000, 992..1000] {
        for (name, call) in RANGED {
            call(&map, range.clone()).unwrap_or_else(|error| panic!("{name} {range:?}: {error}"));
        }
    }
    for ((name, call), size) in PLACED {
        let last = (1000 - size) & !7;
        call(&map, last..last).unwrap_or_else(|error| panic!("{name} {last}: {error}"));
    }
}

#[test]
fn atomics_must_be_aligned_and_whole() {
    let file = Scratch::numbered(100);
    let map = SharedMut::open(file.path()).unwrap();
    assert_eq!(map.atomic_u32(2).unwrap_err().kind(), ErrorKind::Misaligned);
    assert_eq!(map.atomic_u64(4).unwrap_err().kind(), ErrorKind::Misaligned);
    assert_eq!(map.atomics_u64(4..12).unwrap_err().kind(), ErrorKind::Misaligned);
    assert_eq!(map.atomics_u32(0..7).unwrap_err().kind(), ErrorKind::InvalidInput);
    // The address counts, which is the place in the file: a mapping from byte 4 on has another.
    let part = MapOptions::new().offset(4).open_shared_mut(file.path()).unwrap();
    part.atomic_u64(4).unwrap();
    assert_eq!(part.atomic_u64(0).unwrap_err().kind(), ErrorKind::Misaligned);
}
