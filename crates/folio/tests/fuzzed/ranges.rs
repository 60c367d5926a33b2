//! Ranges of every kind of integer, reversed and overflowing ones among them, against sums in a wider type.

use std::fs::File;
use std::ops::Bound;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use folio::{ErrorKind, MapOptions, Memfd, Shared};

use super::cursor::Cursor;

/// The file's length: two pages and a bit.
const LEN: usize = 2 * 4096 + 100;

/// Do what `bytes` say.
pub(crate) fn run(bytes: &[u8]) {
    let mut cursor = Cursor::new(bytes);
    let memory = Memfd::create("fuzzed").expect("a memfd can be had");
    let file = File::from(memory.as_fd().try_clone_to_owned().expect("a descriptor can be had"));
    let expected: Vec<u8> = (0..LEN).map(|at| u8::try_from(at % 251).expect("below 251")).collect();
    file.write_all_at(&expected, 0).expect("a memfd can be written");
    while !cursor.is_empty() {
        match cursor.byte() % 3 {
            0 => map_range(&mut cursor, &file, &expected),
            1 => map_len(&mut cursor, &file, &expected),
            _ => slice(&mut cursor, &file, &expected),
        }
    }
}

/// A number at, or near, one of the places where sums overflow.
fn edge(cursor: &mut Cursor<'_>) -> u64 {
    let base = match cursor.byte() % 8 {
        0 => u64::MAX,
        1 => 1 << 63,
        2 => 1 << 32,
        3 => 1 << 31,
        4 => 4096,
        5 => 0,
        _ => return cursor.below(1 << 16) as u64,
    };
    base.wrapping_add(u64::from(cursor.byte())).wrapping_sub(128)
}

fn bound(cursor: &mut Cursor<'_>) -> Bound<u64> {
    match cursor.byte() % 3 {
        0 => Bound::Included(edge(cursor)),
        1 => Bound::Excluded(edge(cursor)),
        _ => Bound::Unbounded,
    }
}

/// `MapOptions::range` with any two bounds.
fn map_range(cursor: &mut Cursor<'_>, file: &File, expected: &[u8]) {
    let (start, end) = (bound(cursor), bound(cursor));
    let first = match start {
        Bound::Included(start) => u128::from(start),
        Bound::Excluded(start) => u128::from(start) + 1,
        Bound::Unbounded => 0,
    };
    let after = match end {
        Bound::Included(end) => u128::from(end) + 1,
        Bound::Excluded(end) => u128::from(end),
        Bound::Unbounded => (LEN as u128).max(first),
    };
    check(MapOptions::new().range((start, end)).map_shared(file), first, after, expected);
}

/// `MapOptions::offset` and `len`.
fn map_len(cursor: &mut Cursor<'_>, file: &File, expected: &[u8]) {
    let (offset, len) = (edge(cursor), edge(cursor));
    let end = u128::from(offset) + u128::from(len);
    check(MapOptions::new().offset(offset).len(len).map_shared(file), offset.into(), end, expected);
}

/// `Shared::slice` and `read_at` of a slice.
fn slice(cursor: &mut Cursor<'_>, file: &File, expected: &[u8]) {
    let map = Shared::from_file(file).expect("it can be mapped");
    let [start, end] =
        [edge(cursor), edge(cursor)].map(|edge| usize::try_from(edge).expect("64 bits"));
    check(map.slice(start..end), start as u128, end as u128, expected);
    let mut buf = vec![0; cursor.below(LEN + 8)];
    let fits = start as u128 + buf.len() as u128 <= LEN as u128;
    match map.read_at(start, &mut buf) {
        Ok(()) => assert!(fits && buf == expected[start..start + buf.len()]),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
            assert!(!fits, "{error}");
        }
    }
}

/// That the range from `first` to `after` was mapped if it is one of the file's, and refused otherwise.
#[track_caller]
fn check(mapped: folio::Result<Shared>, first: u128, after: u128, expected: &[u8]) {
    let fits = first <= after && after <= LEN as u128;
    match mapped {
        Ok(map) => {
            assert!(fits, "{first}..{after} was mapped");
            let [first, after] = [first, after].map(|at| usize::try_from(at).expect("it fits"));
            assert_eq!((map.file_offset(), map.len()), (first as u64, after - first));
            let mut bytes = vec![0; map.len()];
            map.read_at(0, &mut bytes).expect("nobody truncates the file");
            assert_eq!(bytes, expected[first..after]);
        }
        Err(error) => {
            assert!(!fits, "{first}..{after}: {error}");
            assert!(matches!(error.kind(), ErrorKind::OutOfRange | ErrorKind::TooLarge), "{error}");
        }
    }
}
