//! Reading it: everything is checked, and what is wrong is told with the number of its line.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, Read as _};
use std::ops::Range;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use super::{Item, LONGEST, MAGIC, SavedFile, Sums};

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Malformed {
    /// From 1 on.
    pub(in super::super) line: u64,
    what: Wrong,
}

/// Why there is no next item.
#[derive(Debug)]
pub(in super::super) enum Trouble {
    Malformed(Malformed),
    /// It cannot be read.
    Unreadable(io::Error),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wrong {
    NotSaved,
    Version(String),
    NoPage,
    TooLong,
    CutOff,
    NotUtf8,
    Line,
    File(&'static str),
    Path(&'static str),
    Range(&'static str),
    RangeWithoutFile,
    Sums,
    AfterEnd,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSaved => write!(f, "this is no file of folio pages --save: it would begin with {MAGIC:?}"),
            Self::Version(version) => {
                write!(f, "this folio knows version 1 of the format, and the file is of version {version:?}")
            }
            Self::NoPage => f.write_str("the size of a page was expected, as in \"page 4096\""),
            Self::TooLong => write!(f, "the line is longer than {LONGEST} bytes"),
            Self::CutOff => f.write_str("the file ends without its last line, \"end files=…\": it was cut off"),
            Self::NotUtf8 => f.write_str("the line is not UTF-8; other bytes of a path are written as \\xHH"),
            Self::Line => f.write_str("a line begins with \"file \", two spaces and a range, \"end \" or #"),
            Self::File(field) => write!(f, "{field} was expected, as in \"file dev=8:1 ino=12 len=4096 mtime=1764039470.123456789 /a/path\""),
            Self::Path(why) | Self::Range(why) => f.write_str(why),
            Self::RangeWithoutFile => f.write_str("a range stands before the first file"),
            Self::Sums => f.write_str("the sums in the last line are not those of the lines before it: lines are missing or were changed"),
            Self::AfterEnd => f.write_str("there is something after the last line"),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// Reads files and their ranges, one after the other. After an error it ends.
#[derive(Debug)]
pub(in super::super) struct Reader<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
    sums: Sums,
    /// The length of the file at hand, and where its last range ends.
    file: Option<(u64, u64)>,
    over: bool,
}

impl<R: BufRead> Reader<R> {
    /// Read the first lines.
    pub(in super::super) fn new(input: R) -> Result<Self, Trouble> {
        let mut reader = Self {
            input,
            line: Vec::new(),
            number: 0,
            sums: Sums::default(),
            file: None,
            over: false,
        };
        reader.begin()?;
        Ok(reader)
    }

    /// How much was read so far; after the last item, of everything.
    pub(in super::super) fn sums(&self) -> Sums {
        self.sums
    }

    fn begin(&mut self) -> Result<(), Trouble> {
        // What is no such file may have no lines at all.
        let first = match self.next_line() {
            Ok(line) => line.unwrap_or_default().to_owned(),
            Err(Trouble::Malformed(_)) => return Err(self.wrong(Wrong::NotSaved)),
            Err(unreadable) => return Err(unreadable),
        };
        match first.strip_prefix("folio-pages ") {
            None => return Err(self.wrong(Wrong::NotSaved)),
            Some("1") => {}
            Some(version) => {
                let version = version.chars().take(20).collect();
                return Err(self.wrong(Wrong::Version(version)));
            }
        }
        let page = loop {
            match self.next_line()? {
                None => return Err(self.wrong(Wrong::CutOff)),
                Some(line) if is_blank(line) => {}
                Some(line) => break line.strip_prefix("page ").and_then(number::<u64>),
            }
        };
        match page {
            Some(page) if page.is_power_of_two() => Ok(()),
            _ => Err(self.wrong(Wrong::NoPage)),
        }
    }

    /// The next line without its newline; `None` at the end.
    fn next_line(&mut self) -> Result<Option<&str>, Trouble> {
        self.line.clear();
        self.number += 1;
        let most = LONGEST as u64 + 1;
        let read = (&mut self.input)
            .take(most)
            .read_until(b'\n', &mut self.line)
            .map_err(Trouble::Unreadable)?;
        if read == 0 {
            return Ok(None);
        }
        match self.line.pop() {
            Some(b'\n') => {}
            _ if read > LONGEST => return Err(self.wrong(Wrong::TooLong)),
            _ => return Err(self.wrong(Wrong::CutOff)),
        }
        let number = self.number;
        match str::from_utf8(&self.line) {
            Ok(line) => Ok(Some(line)),
            Err(_) => Err(Trouble::Malformed(Malformed { line: number, what: Wrong::NotUtf8 })),
        }
    }

    fn item(&mut self) -> Result<Option<Item>, Trouble> {
        loop {
            let Some(line) = self.next_line()? else { return Err(self.wrong(Wrong::CutOff)) };
            let parsed = if is_blank(line) {
                continue;
            } else if let Some(range) = line.strip_prefix("  ") {
                parse_range(range).map(Item::Range)
            } else if let Some(file) = line.strip_prefix("file ") {
                parse_file(file).map(Item::File)
            } else if let Some(sums) = line.strip_prefix("end ") {
                let sums = parse_sums(sums);
                return self.end(sums).map(|()| None);
            } else {
                Err(Wrong::Line)
            };
            let taken = parsed.and_then(|item| self.take(&item).map(|()| item));
            return taken.map(Some).map_err(|what| self.wrong(what));
        }
    }

    /// See whether the item fits to those before it.
    fn take(&mut self, item: &Item) -> Result<(), Wrong> {
        match item {
            Item::File(file) => {
                self.file = Some((file.len, 0));
                self.sums.files += 1;
            }
            Item::Range(range) => {
                let (len, at) = self.file.ok_or(Wrong::RangeWithoutFile)?;
                if range.start < at {
                    return Err(Wrong::Range(
                        "the range begins before the end of the one above it",
                    ));
                }
                if range.end > len {
                    return Err(Wrong::Range("the range ends past the length of its file"));
                }
                self.file = Some((len, range.end));
                self.sums.ranges += 1;
                let bytes = self.sums.bytes.checked_add(range.end - range.start);
                self.sums.bytes =
                    bytes.ok_or(Wrong::Range("the ranges are more than 64 bits can count"))?;
            }
        }
        Ok(())
    }

    fn end(&mut self, sums: Option<Sums>) -> Result<(), Trouble> {
        if sums != Some(self.sums) {
            return Err(self.wrong(Wrong::Sums));
        }
        let rest = self.input.fill_buf().map_err(Trouble::Unreadable)?;
        if rest.is_empty() {
            return Ok(());
        }
        self.number += 1;
        Err(self.wrong(Wrong::AfterEnd))
    }

    fn wrong(&self, what: Wrong) -> Trouble {
        Trouble::Malformed(Malformed { line: self.number, what })
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Item, Trouble>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let item = self.item().transpose();
        self.over = !matches!(item, Some(Ok(_)));
        item
    }
}

fn is_blank(line: &str) -> bool {
    line.is_empty() || line.starts_with('#')
}

/// Decimal digits and nothing else.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn parse_range(text: &str) -> Result<Range<u64>, Wrong> {
    let ends = text.split_once("..").and_then(|(start, end)| Some(number(start)?..number(end)?));
    match ends {
        None => Err(Wrong::Range("a range is two numbers, as in \"  0..4096\"")),
        Some(range) if range.is_empty() => Err(Wrong::Range("the range is empty or reversed")),
        Some(range) => Ok(range),
    }
}

fn parse_sums(text: &str) -> Option<Sums> {
    let mut fields = text.split(' ');
    let mut field = |name| number(fields.next()?.strip_prefix(name)?);
    let sums = Sums { files: field("files=")?, ranges: field("ranges=")?, bytes: field("bytes=")? };
    fields.next().is_none().then_some(sums)
}

fn parse_file(text: &str) -> Result<SavedFile, Wrong> {
    let mut rest = text;
    let mut field = |name: &'static str| {
        let (field, after) = rest.split_once(' ').ok_or(Wrong::File(name))?;
        rest = after;
        field.strip_prefix(name).ok_or(Wrong::File(name))
    };
    let dev = parse_device(field("dev=")?).ok_or(Wrong::File("dev="))?;
    let ino = number(field("ino=")?).ok_or(Wrong::File("ino="))?;
    let len = number(field("len=")?).ok_or(Wrong::File("len="))?;
    let modified = parse_time(field("mtime=")?).ok_or(Wrong::File("mtime="))?;
    Ok(SavedFile { path: parse_path(rest)?, dev, ino, len, modified })
}

fn parse_device(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once(':')?;
    Some((number(major)?, number(minor)?))
}

fn parse_time(text: &str) -> Option<(i64, u32)> {
    let (seconds, nanoseconds) = text.split_once('.')?;
    let seconds = match seconds.strip_prefix('-') {
        Some(before) => number::<i64>(before)?.checked_neg()?,
        None => number(seconds)?,
    };
    if nanoseconds.len() != 9 {
        return None;
    }
    Some((seconds, number(nanoseconds)?))
}

/// Undo the escapes of a path.
fn parse_path(text: &str) -> Result<PathBuf, Wrong> {
    if !text.starts_with('/') {
        return Err(Wrong::Path("a path begins with a slash"));
    }
    let mut path = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            path.push(byte);
            continue;
        }
        let (byte, after) = match rest {
            [b'\\', after @ ..] => (Some(b'\\'), after),
            [b'x', high, low, after @ ..] => (hex(*high, *low), after),
            _ => (None, rest),
        };
        path.push(
            byte.ok_or(Wrong::Path(
                "a backslash in a path is written \\\\, and another byte \\xHH",
            ))?,
        );
        rest = after;
    }
    if path.contains(&0) {
        return Err(Wrong::Path("a path has no zero byte"));
    }
    Ok(OsString::from_vec(path).into())
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}
