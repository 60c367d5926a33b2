//! Rows as JSON, an object a line, so that a program can start before the file ends.
//!
//! ```text
//! {"offset":0,"hex":"7f454c46","text":".ELF"}       a row
//! {"offset":4,"len":4092,"repeat":"00000000"}       the row before, again and again in these bytes
//! {"end":4096}                                      after the last byte; missing if the output is not complete
//! ```

use super::Format;
use super::text::{HEX, SHOWN};

/// Rows as JSON.
#[derive(Debug)]
pub(super) struct Json {
    width: usize,
}

impl Json {
    pub(super) fn new(width: usize) -> Self {
        Self { width }
    }
}

fn number(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(value.to_string().as_bytes());
}

fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        out.extend_from_slice(&HEX[usize::from(byte)]);
    }
}

/// The characters that the text view shows are ASCII; two of them need a backslash.
fn text(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        match SHOWN[usize::from(byte)] {
            shown @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', shown]),
            shown => out.push(shown),
        }
    }
}

impl Format for Json {
    fn rows(&self, offset: u64, bytes: &[u8], out: &mut Vec<u8>) {
        for (index, row) in bytes.chunks(self.width).enumerate() {
            out.extend_from_slice(b"{\"offset\":");
            number(offset + (index * self.width) as u64, out);
            out.extend_from_slice(b",\"hex\":\"");
            hex(row, out);
            out.extend_from_slice(b"\",\"text\":\"");
            text(row, out);
            out.extend_from_slice(b"\"}\n");
        }
    }

    fn repeat(&self, offset: u64, len: u64, row: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"offset\":");
        number(offset, out);
        out.extend_from_slice(b",\"len\":");
        number(len, out);
        out.extend_from_slice(b",\"repeat\":\"");
        hex(row, out);
        out.extend_from_slice(b"\"}\n");
    }

    fn end(&self, offset: u64, _shown: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"end\":");
        number(offset, out);
        out.extend_from_slice(b"}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn every_line_is_an_object_that_another_parser_reads() {
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        let mut out = Vec::new();
        let format = Json::new(64);
        format.rows(1 << 60, &bytes, &mut out);
        format.repeat(7, u64::MAX, b"\0\x01", &mut out);
        format.end(9, 9, &mut out);
        let lines: Vec<Value> = str::from_utf8(&out)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 6);
        assert_eq!(lines[1]["offset"], json!((1u64 << 60) + 64));
        assert_eq!(lines[1]["text"].as_str().map(str::len), Some(64));
        assert!(lines[1]["hex"].as_str().unwrap().starts_with("404142"));
        assert_eq!(lines[4], json!({ "offset": 7, "len": u64::MAX, "repeat": "0001" }));
        assert_eq!(lines[5], json!({ "end": 9 }));
    }
}
