//! Lines of text, or JSON objects, about what was done.

use std::io::{self, Write};

use serde_json::{Map, Value};

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Sentences.
    Text,
    /// A JSON object a line: each file, then the total.
    Json,
}

/// Which files get a line of text. (Each has an object in JSON.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// All.
    Each,
    /// Those that are not as was asked for: of a directory nobody wants to read all.
    Unusual,
}

/// A JSON object that begins with the file's name, which is bytes: if they are not UTF-8, `file` is for people, and
/// `file_hex` is the name.
pub(super) fn object(name: &[u8]) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("file".into(), String::from_utf8_lossy(name).into());
    if str::from_utf8(name).is_err() {
        let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        object.insert("file_hex".into(), hex.into());
    }
    object
}

/// Add members to an object.
pub(super) fn add<const N: usize>(object: &mut Map<String, Value>, members: [(&str, Value); N]) {
    object.extend(members.into_iter().map(|(key, value)| (key.to_owned(), value)));
}

/// One line. Written at once, so that nobody waits for it, and no two threads' lines mix.
pub(super) fn line(out: &mut impl Write, text: &str) -> io::Result<()> {
    let mut line = String::with_capacity(text.len() + 1);
    line.push_str(text);
    line.push('\n');
    out.write_all(line.as_bytes())
}

/// The bytes that so many pages are.
pub(super) fn bytes(pages: u64) -> u64 {
    pages.saturating_mul(folio::PageSize::base().bytes() as u64)
}
