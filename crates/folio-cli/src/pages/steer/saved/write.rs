//! Writing it.

use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;

use super::{MAGIC, SavedFile, Sums};

/// Writes files and their ranges, one after the other.
#[derive(Debug)]
pub(in super::super) struct Writer<W> {
    out: W,
    sums: Sums,
}

impl<W: Write> Writer<W> {
    /// Begin.
    pub(in super::super) fn new(mut out: W, page: u64) -> io::Result<Self> {
        writeln!(out, "{MAGIC}")?;
        writeln!(
            out,
            "# what was in the page cache; bring it back with: folio pages --restore FILE"
        )?;
        writeln!(out, "page {page}")?;
        Ok(Self { out, sums: Sums::default() })
    }

    /// A file; its ranges follow.
    pub(in super::super) fn file(&mut self, file: &SavedFile) -> io::Result<()> {
        let SavedFile { path, dev: (major, minor), ino, len, modified: (seconds, nanoseconds) } =
            file;
        write!(
            self.out,
            "file dev={major}:{minor} ino={ino} len={len} mtime={seconds}.{nanoseconds:09} "
        )?;
        write_path(&mut self.out, path.as_os_str().as_bytes())?;
        self.sums.files += 1;
        writeln!(self.out)
    }

    /// A range of the file before it, in bytes.
    pub(in super::super) fn range(&mut self, range: &Range<u64>) -> io::Result<()> {
        self.sums.ranges += 1;
        self.sums.bytes += range.end - range.start;
        writeln!(self.out, "  {}..{}", range.start, range.end)
    }

    /// The last line; what was written to, and how much there was.
    pub(in super::super) fn end(mut self) -> io::Result<(W, Sums)> {
        let Sums { files, ranges, bytes } = self.sums;
        writeln!(self.out, "end files={files} ranges={ranges} bytes={bytes}")?;
        Ok((self.out, self.sums))
    }
}

/// A path, with what could break the line escaped.
fn write_path(out: &mut impl Write, path: &[u8]) -> io::Result<()> {
    let escape = |out: &mut _, bytes: &[u8]| {
        bytes.iter().try_for_each(|byte| write!(out as &mut dyn Write, "\\x{byte:02x}"))
    };
    let (path, space) = match path {
        [rest @ .., b' '] => (rest, true),
        _ => (path, false),
    };
    let mut out = out;
    for chunk in path.utf8_chunks() {
        for character in chunk.valid().chars() {
            let mut utf8 = [0; 4];
            let bytes = character.encode_utf8(&mut utf8).as_bytes();
            match character {
                '\\' => out.write_all(b"\\\\")?,
                control if control.is_control() => escape(&mut out, bytes)?,
                _ => out.write_all(bytes)?,
            }
        }
        escape(&mut out, chunk.invalid())?;
    }
    if space { escape(&mut out, b" ") } else { Ok(()) }
}
