//! The file that `folio pages --save` writes and `--restore` reads: which ranges of which files were in the page cache.
//!
//! It is text, so that people can read it, compare two of them, and leave out with an editor what they do not want back. Lines end with a newline:
//!
//! ```text
//! folio-pages 1
//! # what was in the page cache; bring it back with: folio pages --restore FILE
//! page 4096
//! file dev=254:0 ino=1234 len=1048576 mtime=1764039470.123456789 /srv/db/index
//!   0..4096
//!   8192..1048576
//! end files=1 ranges=2 bytes=1044480
//! ```
//!
//! * The first line is the format's name and version. A reader refuses a version that it does not know.
//! * `page` is the size of the pages, in bytes, of the machine that it was saved on; another's has no other meaning.
//! * `file` begins a file: device (major:minor), inode, length in bytes, time of the last modification (seconds since 1970 and
//!   nine digits of nanoseconds), and after one space its path, absolute, up to the end of the line. In a path `\\` is a
//!   backslash, and `\xHH` any other byte: control characters, what is not UTF-8, and a space at the end are written so.
//! * Below it are its ranges: two spaces, the first byte, `..`, the byte after the last; in ascending order, not overlapping,
//!   none empty, none past the length.
//! * `end` is the last line, with the sums, so that a file that was cut off in copying is noticed.
//! * Empty lines and lines that begin with `#` may stand anywhere before the end.
//!
//! No line is longer than [`LONGEST`], and reader and writer keep one line at a time: a million files take no memory.

mod read;
mod write;

use std::ops::Range;
use std::path::PathBuf;

pub(super) use read::{Reader, Trouble};
pub(super) use write::Writer;

/// The first line.
const MAGIC: &str = "folio-pages 1";

/// The most bytes that a line has, its newline included: a path of `PATH_MAX` with each byte escaped, and the rest.
const LONGEST: usize = 4 * 4096 + 256;

/// A file whose pages were in the page cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SavedFile {
    pub(super) path: PathBuf,
    /// Major and minor number.
    pub(super) dev: (u32, u32),
    pub(super) ino: u64,
    /// Bytes.
    pub(super) len: u64,
    /// The last modification: seconds and nanoseconds since 1970.
    pub(super) modified: (i64, u32),
}

/// What comes one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    File(SavedFile),
    /// Bytes of the file before it.
    Range(Range<u64>),
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) files: u64,
    pub(super) ranges: u64,
    pub(super) bytes: u64,
}

#[cfg(test)]
mod tests;
