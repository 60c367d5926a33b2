use super::*;
use crate::pages::steer::saved_fuzzed;
use proptest::prelude::*;
use std::ffi::OsString;
use std::io::{self, BufRead, Read};
use std::os::unix::ffi::OsStringExt as _;

fn read(text: &[u8]) -> Result<(Vec<Item>, Sums), String> {
    let told = |trouble| match trouble {
        Trouble::Malformed(wrong) => wrong.to_string(),
        Trouble::Unreadable(error) => panic!("{error}"),
    };
    let mut reader = Reader::new(text).map_err(told)?;
    let items = reader.by_ref().collect::<Result<_, _>>().map_err(told)?;
    Ok((items, reader.sums()))
}

fn written(items: &[Item]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), 4096).unwrap();
    for item in items {
        match item {
            Item::File(file) => writer.file(file).unwrap(),
            Item::Range(range) => writer.range(range).unwrap(),
        }
    }
    writer.end().unwrap().0
}

fn file(path: &[u8]) -> SavedFile {
    SavedFile {
        path: OsString::from_vec(path.to_vec()).into(),
        dev: (254, 0),
        ino: 1234,
        len: 1 << 20,
        modified: (1_764_039_470, 5),
    }
}

const ONE: &str = "folio-pages 1
# a comment
page 4096

file dev=254:0 ino=1234 len=1048576 mtime=1764039470.000000005 /srv/a b
  0..4096
  8192..1048576
end files=1 ranges=2 bytes=1044480
";

#[test]
fn what_the_documentation_shows_is_read() {
    let (items, sums) = read(ONE.as_bytes()).unwrap();
    assert_eq!(
        items,
        [Item::File(file(b"/srv/a b")), Item::Range(0..4096), Item::Range(8192..1 << 20)]
    );
    assert_eq!(sums, Sums { files: 1, ranges: 2, bytes: 1_044_480 });
}

#[test]
fn a_person_can_read_what_is_written() {
    let text =
        written(&[Item::File(file(b"/srv/na\xc3\xafve/a\nb\\c\xff\x1b ")), Item::Range(0..10)]);
    assert_eq!(
        String::from_utf8(text).unwrap().lines().skip(2).collect::<Vec<_>>(),
        [
            "page 4096",
            "file dev=254:0 ino=1234 len=1048576 mtime=1764039470.000000005 /srv/naïve/a\\x0ab\\\\c\\xff\\x1b\\x20",
            "  0..10",
            "end files=1 ranges=1 bytes=10",
        ]
    );
}

/// Each mistake, and the line and a word of what is said about it.
#[test]
fn a_mistake_is_told_with_its_line() {
    for (from, to, line, word) in [
        ("folio-pages 1", "folio-pages 2", 1, "version \"2\""),
        ("folio-pages 1", "#!/bin/sh", 1, "no file of folio pages --save"),
        ("page 4096", "page 4095", 3, "size of a page"),
        ("page 4096", "file", 3, "size of a page"),
        ("dev=254:0", "dev=254", 5, "dev="),
        ("ino=1234", "ino=-1", 5, "ino="),
        ("ino=1234", "ino=99999999999999999999", 5, "ino="),
        ("ino=1234 ", "", 5, "ino="),
        ("len=1048576", "len=0x10", 5, "len="),
        ("mtime=1764039470.000000005", "mtime=1764039470", 5, "mtime="),
        ("mtime=1764039470.000000005", "mtime=1.5", 5, "mtime="),
        ("/srv/a b", "srv", 5, "slash"),
        ("/srv/a b", "/a\\q", 5, "backslash"),
        ("/srv/a b", "/a\\x4", 5, "backslash"),
        ("/srv/a b", "/a\\x00", 5, "zero byte"),
        ("  0..4096", "  0-4096", 6, "two numbers"),
        ("  0..4096", "  4096..4096", 6, "empty"),
        ("  0..4096", "  9..4", 6, "reversed"),
        ("  0..4096", " 0..4096", 6, "begins with"),
        ("  0..4096", "  0..4096\r", 6, "two numbers"),
        ("  8192..", "  4095..", 7, "before the end of the one above"),
        ("..1048576", "..1048577", 7, "past the length"),
        ("files=1", "files=2", 8, "sums"),
        ("bytes=1044480", "bytes=1", 8, "sums"),
        ("end files=1", "end files=1 x=1", 8, "sums"),
        ("end ", "", 8, "begins with"),
        ("bytes=1044480\n", "bytes=1044480\nmore\n", 9, "after the last line"),
        ("bytes=1044480\n", "bytes=1044480", 8, "cut off"),
    ] {
        assert!(ONE.contains(from), "{from}");
        let told = read(ONE.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert!(
            told.starts_with(&format!("line {line}: ")) && told.contains(word),
            "{to:?}: {told}"
        );
    }
    assert!(read(b"").unwrap_err().contains("no file of folio"));
    assert!(read(b"\x7fELF\xff\xff").unwrap_err().contains("no file of folio"));
    let range_first = ONE.replacen("file dev=", "# ", 1);
    assert!(read(range_first.as_bytes()).unwrap_err().starts_with("line 6: a range stands before"));
    let with_byte = ONE.replacen("/srv/a b", "/srv/\u{e9}", 1).into_bytes();
    let latin1: Vec<u8> = with_byte.into_iter().filter(|&byte| byte != 0xc3).collect();
    assert!(read(&latin1).unwrap_err().starts_with("line 5: the line is not UTF-8"));
}

/// Every prefix is noticed, whatever the copy was cut off at.
#[test]
fn half_a_file_is_not_taken_for_a_whole_one() {
    for len in 0..ONE.len() {
        assert!(read(&ONE.as_bytes()[..len]).is_err(), "{len}");
    }
}

/// An endless line is refused before it is kept.
#[test]
fn memory_is_bounded() {
    let endless = io::BufReader::new(b"folio-pages 1\npage 4096\n".chain(io::repeat(b'x')));
    let mut reader = Reader::new(endless).unwrap();
    let Some(Err(Trouble::Malformed(wrong))) = reader.next() else { panic!("it was taken") };
    assert_eq!(wrong.to_string(), format!("line 3: the line is longer than {LONGEST} bytes"));
    assert!(reader.next().is_none());
    let longest = file(&[&b"/"[..], &[0xff; 4095]].concat());
    let text = written(&[Item::File(longest.clone())]);
    assert!(text.lines().all(|line| line.unwrap().len() < LONGEST));
    assert_eq!(read(&text).unwrap().0, [Item::File(longest)]);
}

fn files() -> impl Strategy<Value = Vec<Item>> {
    let path = prop::collection::vec(1u8.., 0..40);
    let ranges = prop::collection::vec((0u64..5000, 1u64..5000), 0..6);
    let one = (path, any::<(u32, u32)>(), any::<u64>(), any::<i64>(), 0u32..1_000_000_000, ranges);
    prop::collection::vec(one, 0..6).prop_map(|files| {
        let mut items = Vec::new();
        for (path, dev, ino, seconds, nanoseconds, ranges) in files {
            let path = OsString::from_vec([&b"/"[..], &path].concat()).into();
            // The least number has no counterpart to be negated from, and no file was modified then.
            let modified = (seconds.max(-i64::MAX), nanoseconds);
            items.push(Item::File(SavedFile { path, dev, ino, len: 1 << 40, modified }));
            let mut at = 0;
            for (gap, len) in ranges {
                items.push(Item::Range(at + gap..at + gap + len));
                at += gap + len;
            }
        }
        items
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(items in files()) {
        let text = written(&items);
        prop_assert!(str::from_utf8(&text).is_ok_and(|text| !text.chars().any(|c| c.is_control() && c != '\n')));
        prop_assert_eq!(read(&text).unwrap().0, items);
    }

    /// Bytes changed anywhere are taken, or refused, and never panic; and what is taken keeps what the format promises.
    #[test]
    fn changed_bytes_do_no_harm(items in files(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut text = written(&items);
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        saved_fuzzed::run(&text);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&bytes).is_err());
        saved_fuzzed::run(&bytes);
    }
}
