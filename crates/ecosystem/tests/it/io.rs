//! std's `Read`, `BufRead`, `Seek` and `Write` over each kind.

use std::io::{BufRead, Cursor, Read, Seek, SeekFrom, Write};

use folio::{ErrorKind, Frozen, Private, Shared, SharedMut};

use crate::scratch::{Scratch, lines};

/// Code of somebody else's, which knows nothing of mappings.
fn third_line(mut from: impl BufRead + Seek) -> std::io::Result<String> {
    from.seek(SeekFrom::Start(0))?;
    from.lines().nth(2).unwrap()
}

fn store(mut to: impl Write + Seek) -> std::io::Result<()> {
    to.seek(SeekFrom::Start(5))?;
    to.write_all(b"X")?;
    to.flush()
}

#[test]
fn all_kinds_are_read() {
    let file = Scratch::new(lines(5000).as_bytes());
    let frozen = Frozen::open(file.path()).unwrap();
    assert_eq!(third_line(Cursor::new(frozen.clone())).unwrap(), "line 2");
    assert_eq!(third_line(Cursor::new(&frozen[..])).unwrap(), "line 2");
    assert_eq!(third_line(Cursor::new(Private::open(file.path()).unwrap())).unwrap(), "line 2");
    assert_eq!(third_line(Shared::open(file.path()).unwrap().reader()).unwrap(), "line 2");
    assert_eq!(third_line(SharedMut::open(file.path()).unwrap().reader()).unwrap(), "line 2");
}

#[test]
fn both_writable_kinds_are_written() {
    let file = Scratch::new(lines(2).as_bytes());
    let mut private = Private::open(file.path()).unwrap();
    store(Cursor::new(&mut private[..])).unwrap();
    assert_eq!(private[..], *b"line X\nline 1\n");
    assert_eq!(std::fs::read(file.path()).unwrap(), b"line 0\nline 1\n");
    store(SharedMut::open(file.path()).unwrap().writer()).unwrap();
    assert_eq!(std::fs::read(file.path()).unwrap(), b"line X\nline 1\n");
}

#[test]
fn a_truncation_is_an_io_error_with_folios_inside() {
    let file = Scratch::new(lines(5000).as_bytes());
    let mut reader = Shared::open(file.path()).unwrap().reader();
    file.truncate();
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    let inside = error.get_ref().unwrap().downcast_ref::<folio::Error>().unwrap();
    assert_eq!(inside.kind(), ErrorKind::Truncated { offset: 0, len: 0 });
}
