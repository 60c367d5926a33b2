//! `memchr`: searching where the bytes lie.

use folio::{Frozen, Shared};
use memchr::memmem::Finder;

use crate::scratch::{Scratch, lines};

#[test]
fn a_frozen_is_searched_whole() {
    let text = lines(20_000);
    let file = Scratch::new(text.as_bytes());
    let frozen = Frozen::open(file.path()).unwrap();
    file.truncate();
    assert_eq!(memchr::memchr_iter(b'\n', &frozen).count(), 20_000);
    assert_eq!(memchr::memmem::find(&frozen, b"line 19999"), text.find("line 19999"));
    assert_eq!(memchr::memrchr(b'1', &frozen), text.rfind('1'));
}

/// Where `needle` is first, in bytes that change: chunks overlap by what a match may be cut by.
fn find(map: &Shared, needle: &[u8]) -> folio::Result<Option<usize>> {
    let finder = Finder::new(needle);
    let (mut seen, mut chunks) = (Vec::new(), map.chunks());
    let mut start = 0;
    while let Some(chunk) = chunks.next_chunk()? {
        seen.extend_from_slice(chunk);
        if let Some(at) = finder.find(&seen) {
            return Ok(Some(start + at));
        }
        let done = seen.len().saturating_sub(needle.len() - 1);
        seen.drain(..done);
        start += done;
    }
    Ok(None)
}

#[test]
fn live_bytes_are_searched_chunk_by_chunk() {
    let text = lines(20_000);
    let file = Scratch::new(text.as_bytes());
    let map = Shared::open(file.path()).unwrap();
    for needle in ["line 0", "\nline 204", "line 19999", "absent"] {
        assert_eq!(find(&map, needle.as_bytes()).unwrap(), text.find(needle), "{needle}");
    }
    file.truncate();
    assert!(find(&map, b"line 19999").is_err());
}
