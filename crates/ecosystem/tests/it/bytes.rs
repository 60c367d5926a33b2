//! `bytes::Bytes`: shared bytes of a file, for code that is written for a network.

use bytes::{Buf, Bytes};
use folio::Frozen;

use crate::scratch::{Scratch, assert_in, lines, mapping};

#[test]
fn bytes_of_a_frozen_are_the_mappings_and_keep_it() {
    let text = lines(10_000);
    let file = Scratch::new(text.as_bytes());
    let frozen = Frozen::open(file.path()).unwrap();
    let pages = mapping(&frozen);
    let bytes = Bytes::from(frozen);
    let part = bytes.slice(50_000..60_000);
    assert_in(&pages, &bytes);
    assert_in(&pages, &part);
    drop(bytes);
    file.truncate();
    let sent = std::thread::spawn(move || (part.slice(..10), part)).join().unwrap();
    assert_eq!(sent.1, text.as_bytes()[50_000..60_000]);
    assert_eq!(sent.0, text.as_bytes()[50_000..50_010]);
}

#[test]
fn a_frozen_is_read_as_a_buf() {
    let file = Scratch::new(&[0, 0, 1, 0, b'x', b'y']);
    let frozen = Frozen::open(file.path()).unwrap();
    let mut buf = &frozen[..];
    assert_eq!(buf.get_u32(), 256);
    assert_eq!(buf.copy_to_bytes(2), "xy");
    assert!(!buf.has_remaining());
}
