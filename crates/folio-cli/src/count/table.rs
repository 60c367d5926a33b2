//! Counts as `wc -l` prints them, or as JSON.

use std::fs;
use std::io::{self, IsTerminal as _, Write};
use std::os::unix::ffi::OsStrExt as _;

use serde_json::{Map, Value, json};

use super::Counted;
use crate::flags::Total;
use crate::input::Input;
use crate::name::quoted;

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Right-aligned counts and names.
    Text,
    /// A JSON object a line.
    Json,
}

/// What to do with rows before there is enough for a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    UntilFull,
    /// Somebody is watching.
    No,
}

/// Rows are collected up to this many bytes.
const FULL: usize = 32 << 10;

/// Prints a row for each input, and the sum.
#[derive(Debug)]
pub(super) struct Table<'a, W> {
    out: &'a mut W,
    form: Form,
    byte: u8,
    total: Total,
    /// The width of the column of counts.
    width: usize,
    hold: Hold,
    rows: Vec<u8>,
    files: usize,
    sum: Counted,
}

impl<'a, W: Write> Table<'a, W> {
    pub(super) fn new(
        out: &'a mut W,
        form: Form,
        byte: u8,
        total: Total,
        inputs: &[Input],
    ) -> Self {
        let total = match total {
            Total::Auto if inputs.len() > 1 => Total::Always,
            Total::Auto => Total::Never,
            other => other,
        };
        let hold = if io::stdout().is_terminal() { Hold::No } else { Hold::UntilFull };
        let width = if form == Form::Json || total == Total::Only { 1 } else { width(inputs) };
        let sum = Counted { count: 0, len: 0 };
        Self { out, form, byte, total, width, hold, rows: Vec::new(), files: 0, sum }
    }

    /// The row of one input.
    pub(super) fn row(&mut self, input: &Input, counted: Counted) -> io::Result<()> {
        self.files += 1;
        self.sum.count += counted.count;
        self.sum.len += counted.len;
        if self.total == Total::Only {
            return Ok(());
        }
        match self.form {
            Form::Text => self.text_row(counted.count, &label(input))?,
            Form::Json => {
                let mut object = named(input);
                object.insert("byte".into(), self.byte.into());
                object.insert("count".into(), counted.count.into());
                object.insert("len".into(), counted.len.into());
                writeln!(self.rows, "{}", Value::Object(object))?;
            }
        }
        if self.hold == Hold::No || self.rows.len() >= FULL { self.write_rows() } else { Ok(()) }
    }

    /// The sum, and everything that is not written yet.
    pub(super) fn end(&mut self) -> io::Result<()> {
        match (self.total, self.form) {
            (Total::Never, _) => {}
            (_, Form::Json) => {
                let Counted { count, len } = self.sum;
                let total = json!({ "total": true, "files": self.files, "byte": self.byte, "count": count, "len": len });
                writeln!(self.rows, "{total}")?;
            }
            (Total::Only, Form::Text) => self.text_row(self.sum.count, b"")?,
            (_, Form::Text) => self.text_row(self.sum.count, b"total")?,
        }
        self.write_rows()
    }

    fn text_row(&mut self, count: u64, label: &[u8]) -> io::Result<()> {
        write!(self.rows, "{count:width$}", width = self.width)?;
        if !label.is_empty() {
            self.rows.push(b' ');
            self.rows.extend_from_slice(label);
        }
        self.rows.push(b'\n');
        Ok(())
    }

    fn write_rows(&mut self) -> io::Result<()> {
        self.out.write_all(&self.rows)?;
        self.rows.clear();
        Ok(())
    }
}

/// The name of an input in the table: its bytes, unless a newline among them would make two rows of one.
fn label(input: &Input) -> Vec<u8> {
    match input {
        Input::Implied => Vec::new(),
        Input::Dash => b"-".to_vec(),
        Input::Path(path) if path.as_os_str().as_bytes().contains(&b'\n') => {
            quoted(path).into_bytes()
        }
        Input::Path(path) => path.as_os_str().as_bytes().to_vec(),
    }
}

/// The name of an input in JSON, which knows no bytes: if it is not UTF-8, `file` is for people, and `file_hex` is the
/// name.
fn named(input: &Input) -> Map<String, Value> {
    let label = match input {
        Input::Path(path) => path.as_os_str().as_bytes().to_vec(),
        stdin => label(stdin),
    };
    let mut object = Map::new();
    object.insert("file".into(), String::from_utf8_lossy(&label).into());
    if str::from_utf8(&label).is_err() {
        let hex: String = label.iter().map(|byte| format!("{byte:02x}")).collect();
        object.insert("file_hex".into(), hex.into());
    }
    object
}

/// The width of the column of counts, as wc chooses it: no count has more digits than the sum of the lengths; for
/// inputs of unknown length it is at least 7. One input needs no column.
fn width(inputs: &[Input]) -> usize {
    if inputs.len() <= 1 {
        return 1;
    }
    let (mut bytes, mut least) = (0u64, 1);
    for input in inputs {
        let metadata = match input {
            Input::Path(path) => fs::metadata(path),
            Input::Implied | Input::Dash => stdin_metadata(),
        };
        match metadata {
            Ok(metadata) if metadata.is_file() => bytes = bytes.saturating_add(metadata.len()),
            Ok(_) => least = 7,
            Err(_) => {}
        }
    }
    let digits = bytes.checked_ilog10().map_or(1, |log| log as usize + 1);
    digits.max(least)
}

fn stdin_metadata() -> io::Result<fs::Metadata> {
    use std::os::fd::AsFd as _;
    fs::File::from(io::stdin().as_fd().try_clone_to_owned()?).metadata()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(form: Form, total: Total, files: &[(&str, u64)]) -> String {
        let inputs: Vec<_> = files.iter().map(|(file, _)| Input::from_arg(file.into())).collect();
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, form, b'\n', total, &inputs);
        for (input, (_, count)) in inputs.iter().zip(files) {
            table.row(input, Counted { count: *count, len: 10 * count }).unwrap();
        }
        table.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    const TWO: &[(&str, u64)] = &[("/no/a", 1), ("/no/b\nc", 2)];

    #[test]
    fn the_total_is_printed_when_it_says_more_than_a_row() {
        assert_eq!(printed(Form::Text, Total::Auto, &TWO[..1]), "1 /no/a\n");
        assert_eq!(printed(Form::Text, Total::Auto, TWO), "1 /no/a\n2 $'/no/b\\nc'\n3 total\n");
        assert_eq!(printed(Form::Text, Total::Always, &TWO[..1]), "1 /no/a\n1 total\n");
        assert_eq!(printed(Form::Text, Total::Only, TWO), "3\n");
        assert_eq!(printed(Form::Text, Total::Never, TWO), "1 /no/a\n2 $'/no/b\\nc'\n");
    }

    #[test]
    fn json_has_an_object_a_line() {
        let lines = printed(Form::Json, Total::Auto, TWO);
        let objects: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects[1], json!({ "file": "/no/b\nc", "byte": 10, "count": 2, "len": 20 }));
        assert_eq!(
            objects[2],
            json!({ "total": true, "files": 2, "byte": 10, "count": 3, "len": 30 })
        );
    }

    #[test]
    fn a_name_that_is_not_utf8_is_told_in_hexadecimal_too() {
        use std::ffi::OsStr;
        let object = named(&Input::from_arg(OsStr::from_bytes(b"caf\xe9").to_owned()));
        assert_eq!(Value::Object(object), json!({ "file": "caf\u{fffd}", "file_hex": "636166e9" }));
    }
}
