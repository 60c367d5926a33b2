//! A JSON object a line. The fields are described in the help of the command; sizes ending in `len`, `allocated`, `start` and
//! `end` are bytes, all others pages.

use std::io::Write as _;

use folio::{Folios, PageRun};

use super::{Row, word};
use crate::pages::select::Name;
use crate::pages::survey::{Cached, Survey};
use crate::pages::tally::{Sums, Tally};

/// Writing to a vector does not fail.
macro_rules! put {
    ($out:expr, $($part:tt)*) => { let _ = write!($out, $($part)*); };
}

/// A whole object.
pub(super) fn row(row: Row<'_>, out: &mut Vec<u8>) {
    fields(row, out);
    out.extend_from_slice(b"}\n");
}

/// An object up to its ranges.
pub(super) fn open(row: Row<'_>, out: &mut Vec<u8>) {
    fields(row, out);
    out.extend_from_slice(b",\"ranges\":[");
}

/// The end of an object with ranges.
pub(super) fn close(out: &mut Vec<u8>) {
    out.extend_from_slice(b"]}\n");
}

/// One of the ranges.
pub(super) fn range(run: &PageRun, index: usize, out: &mut Vec<u8>) {
    let comma = if index > 0 { "," } else { "" };
    let (start, end) = (run.range.start, run.range.end);
    put!(out, "{comma}{{\"start\":{start},\"end\":{end},\"state\":\"{}\"}}", word(run.state));
}

fn fields(row: Row<'_>, out: &mut Vec<u8>) {
    let Row { name, survey, .. } = row;
    out.extend_from_slice(b"{\"file\":");
    put_name(name, out);
    let Survey { dev, ino, len, allocated, .. } = survey;
    put!(out, ",\"dev\":{dev},\"ino\":{ino},\"len\":{len},\"allocated\":{allocated}");
    put!(out, ",\"pages\":{}", survey.pages());
    match survey.cached {
        Cached::Known(pages) => {
            put!(out, ",\"cached\":{pages}");
        }
        Cached::Unknown(why) => {
            out.extend_from_slice(b",\"cached\":null,\"unknown\":");
            put_text(&why.to_string(), out);
        }
    }
    put_states(&survey.states.map(Sums::of).unwrap_or_default(), out);
    if let Some(folios) = row.folios {
        put_folios(folios, out);
    }
}

/// What the kernel tells of pages beyond how many are cached, if it does.
fn put_states(states: &Sums, out: &mut Vec<u8>) {
    let Sums { told, dirty, writeback, evicted, recently_evicted } = states;
    if *told > 0 {
        put!(out, ",\"dirty\":{dirty},\"writeback\":{writeback}");
        put!(out, ",\"evicted\":{evicted},\"recently_evicted\":{recently_evicted}");
    }
}

/// Pages by the size of their folio in bytes; as far as the kernel tells.
fn put_folios(folios: &Folios, out: &mut Vec<u8>) {
    match folios {
        Folios::BySize(sizes) => {
            out.extend_from_slice(b",\"folios\":{");
            for (index, (size, pages)) in sizes.iter().enumerate() {
                let comma = if index > 0 { "," } else { "" };
                put!(out, "{comma}\"{size}\":{pages}");
            }
            out.push(b'}');
        }
        Folios::HugeAlone { huge, .. } => {
            put!(out, ",\"huge\":{huge}");
        }
        _ => out.extend_from_slice(b",\"folios\":null"),
    }
}

/// The sum.
pub(super) fn total(tally: &Tally, out: &mut Vec<u8>) {
    let Tally { files, len, pages, cached, holes, unknown, states } = tally;
    put!(
        out,
        "{{\"total\":true,\"files\":{files},\"len\":{len},\"holes\":{holes},\"pages\":{pages}"
    );
    put!(
        out,
        ",\"cached\":{cached},\"unknown_files\":{},\"unknown_pages\":{}",
        unknown.files,
        unknown.pages
    );
    put_states(states, out);
    out.extend_from_slice(b"}\n");
}

/// JSON knows no bytes: if the name is not UTF-8, `file` is for people, and `file_hex` is the name.
fn put_name(name: Name<'_>, out: &mut Vec<u8>) {
    let [directory, entry] = name.parts();
    if let (Ok(directory), Ok(entry)) = (str::from_utf8(directory), str::from_utf8(entry)) {
        out.push(b'"');
        put_escaped(directory, out);
        put_escaped(entry, out);
        out.push(b'"');
        return;
    }
    let bytes = name.parts().concat();
    put_text(&String::from_utf8_lossy(&bytes), out);
    out.extend_from_slice(b",\"file_hex\":\"");
    for byte in bytes {
        put!(out, "{byte:02x}");
    }
    out.push(b'"');
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    put_escaped(text, out);
    out.push(b'"');
}

/// As RFC 8259, section 7, has it. DEL and the controls after it are legal and yet command terminals.
fn put_escaped(text: &str, out: &mut Vec<u8>) {
    let plain = |byte: &u8| (0x20..0x7f).contains(byte) && !matches!(byte, b'"' | b'\\');
    if text.as_bytes().iter().all(plain) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\r' => out.extend_from_slice(b"\\r"),
            control if control.is_control() => {
                put!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::bar::Bar;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    fn survey() -> Survey {
        let cached = Cached::Known(2);
        Survey { dev: 1, ino: 2, len: 10_000, allocated: 4096, cached, states: None }
    }

    fn parsed(name: &[u8]) -> Value {
        let path = Path::new(OsStr::from_bytes(name));
        let mut out = Vec::new();
        row(
            Row { name: Name::of(path), survey: &survey(), bar: &Bar::None, folios: None },
            &mut out,
        );
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_row_is_an_object() {
        let expected = json!({ "file": "a", "dev": 1, "ino": 2, "len": 10_000, "allocated": 4096, "pages": 3, "cached": 2 });
        assert_eq!(parsed(b"a"), expected);
        let odd = parsed(b"caf\xe9");
        assert_eq!(odd["file"], "caf\u{fffd}");
        assert_eq!(odd["file_hex"], "636166e9");
    }

    #[test]
    fn states_are_there_where_they_are_told_and_the_sum_has_them_too() {
        const TOLD: [(&str, u64); 4] =
            [("dirty", 3), ("writeback", 1), ("evicted", 7), ("recently_evicted", 2)];
        let mut states = folio::StateCounts::default();
        (states.dirty, states.writeback) = (3, 1);
        (states.evicted, states.recently_evicted) = (7, 2);
        for (states, expected) in [(Some(states), &TOLD[..]), (None, &[])] {
            let survey = Survey { states, ..survey() };
            let mut tally = Tally::default();
            tally.add(&survey);
            let name = Name::of(Path::new("a"));
            let mut out = Vec::new();
            row(Row { name, survey: &survey, bar: &Bar::None, folios: None }, &mut out);
            total(&tally, &mut out);
            for line in out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let object: Value = serde_json::from_slice(line).unwrap();
                let found = TOLD.iter().filter_map(|(key, _)| Some((*key, object[key].as_u64()?)));
                assert_eq!(found.collect::<Vec<_>>(), expected, "{object}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_name_is_read_back(name: String) {
            let read = parsed(name.as_bytes());
            prop_assert_eq!(read["file"].as_str(), Some(name.as_str()));
            let mut out = Vec::new();
            put_escaped(&name, &mut out);
            prop_assert!(!String::from_utf8(out).unwrap().chars().any(char::is_control));
        }
    }
}
