//! The line on stderr that says which byte of which file is gone.
//!
//! It is made inside the handler, so it is made of system calls and a buffer on the stack (clause H6). Nothing is kept for it
//! while nothing faults, not even the file's name: the kernel knows which file stands at an address, and `/proc/thread-self/maps`
//! tells (proc_pid_maps(5)); the thread's own, because a main thread that has ended has none.
//!
//! ```text
//! folio: /srv/data/words: byte 8192 is gone (truncated, or its disk failed); zeros take its place
//! ```
//!
//! A thread that writes to a full pipe would wait there, with every signal blocked, for a reader that may be itself. So the
//! line is dropped where stderr takes nothing at once, and where nobody reads it any more.

use core::ffi::c_int;
use core::ops::Range;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use libc::pollfd;
use rustix::fd::OwnedFd;
use rustix::fs::{FileType, Mode, OFlags};

/// The descriptor of standard error.
const STDERR: c_int = 2;
/// How long a name may be before its rest is left out, in bytes. Signal stacks are small.
const NAME: usize = 256;
/// How long the whole line may be.
const LINE: usize = NAME + 144;
/// How much of /proc/thread-self/maps is read at a time.
const WINDOW: usize = 256;

/// What becomes of the thread that touched the byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It reads zeros.
    Zeros,
    /// It ends with the process.
    Ends,
}

/// A line in the making.
pub(super) struct Line {
    bytes: [u8; LINE],
    len: usize,
}

impl Line {
    /// The line for the byte at `address`, a mapping of a file. Async-signal-safe.
    pub(super) fn about(address: usize, outcome: Outcome) -> Self {
        let mut line = Self { bytes: [0; LINE], len: 0 };
        line.push(b"folio: ");
        match Maps::open().and_then(|mut maps| maps.find(address, &mut line)) {
            Some(position) => {
                line.push(b": byte ");
                line.push_number(position);
            }
            None => line.push(b"a mapped file: a byte"),
        }
        line.push(b" is gone (truncated, or its disk failed); ");
        line.push(match outcome {
            Outcome::Zeros => b"zeros take its place\n",
            Outcome::Ends => b"the process ends\n",
        });
        line
    }

    /// Write it to stderr, if that takes it at once. Async-signal-safe.
    pub(super) fn write(&self) {
        say(&self.bytes[..self.len]);
    }

    /// Append `bytes` as far as they fit.
    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = byte;
                self.len += 1;
            }
        }
    }

    fn push_number(&mut self, number: u64) {
        let mut digits = [0u8; 20];
        let mut first = digits.len();
        let mut rest = number;
        loop {
            first -= 1;
            digits[first] = b"0123456789"[(rest % 10) as usize];
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.push(&digits[first..]);
    }
}

/// Write `line` to stderr, if that takes it at once. Async-signal-safe.
pub(crate) fn say(line: &[u8]) {
    let mut stderr = pollfd { fd: STDERR, events: libc::POLLOUT, revents: 0 };
    // SAFETY: clauses H6 and S1: it does not wait, and there is one pollfd, which the call writes to.
    let ready = unsafe { libc::poll(&raw mut stderr, 1, 0) };
    // And nothing else: to write where nobody reads any more raises SIGPIPE, which may end the process.
    if ready != 1 || stderr.revents != libc::POLLOUT {
        return;
    }
    if !is_a_file() {
        // Another may have filled it since: a pipe and a socket can be told not to wait. A terminal that takes something takes a
        // line.
        let bytes = libc::iovec { iov_base: line.as_ptr().cast_mut().cast(), iov_len: line.len() };
        // SAFETY: clauses H6 and S1: one vector, of the slice's bytes, which the call reads; at the file's own position.
        let written = unsafe { libc::pwritev2(STDERR, &raw const bytes, 1, -1, libc::RWF_NOWAIT) };
        if written >= 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN) {
            return;
        }
    }
    // SAFETY: clauses H6 and S1: the bytes are the slice's.
    let _ = unsafe { libc::write(STDERR, line.as_ptr().cast(), line.len()) };
}

/// Whether stderr is a file. That has no reader to wait for; but told not to wait, xfs and btrfs refuse (EAGAIN) also where their own locks
/// or the file's times stand in the way. One system call.
fn is_a_file() -> bool {
    let stat = rustix::fs::fstat(io::stderr());
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

/// The name of the file that stands at `address`, as far as it fits into a line.
pub(crate) fn name_at(address: usize) -> Option<PathBuf> {
    let mut name = Line { bytes: [0; LINE], len: 0 };
    Maps::open()?.find(address, &mut name)?;
    Some(OsStr::from_bytes(&name.bytes[..name.len]).into())
}

/// `/proc/thread-self/maps`, read byte by byte through a small window.
struct Maps {
    file: OwnedFd,
    window: [u8; WINDOW],
    unread: Range<usize>,
}

impl Maps {
    fn open() -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::open(c"/proc/thread-self/maps", flags, Mode::empty()).ok()?;
        Some(Self { file, window: [0; WINDOW], unread: 0..0 })
    }

    fn next(&mut self) -> Option<u8> {
        if self.unread.is_empty() {
            let count = rustix::io::read(&self.file, &mut self.window[..]).ok()?;
            self.unread = 0..count;
        }
        let at = self.unread.next()?;
        self.window.get(at).copied()
    }

    /// The number in hexadecimal that ends before `end`.
    fn hex(&mut self, end: u8) -> Option<u64> {
        let mut number = 0u64;
        loop {
            let byte = self.next()?;
            if byte == end {
                return Some(number);
            }
            number = number << 4 | u64::from(char::from(byte).to_digit(16)?);
        }
    }

    /// Pass by everything up to `end`.
    fn skip(&mut self, end: u8) -> Option<()> {
        while self.next()? != end {}
        Some(())
    }

    /// Append the name of the file that stands at `address`; returns which of its bytes does.
    fn find(&mut self, address: usize, line: &mut Line) -> Option<u64> {
        let address = address as u64;
        loop {
            let area = self.hex(b'-')?..self.hex(b' ')?;
            if area.contains(&address) {
                self.skip(b' ')?; // what it allows
                let offset = self.hex(b' ')?;
                self.skip(b' ')?; // the device
                self.skip(b' ')?; // the inode
                self.name(line)?;
                return Some(offset.wrapping_add(address - area.start));
            }
            self.skip(b'\n')?;
        }
    }

    /// Append the rest of a row, which is a name after blanks.
    fn name(&mut self, line: &mut Line) -> Option<()> {
        let mut byte = self.next()?;
        while byte == b' ' {
            byte = self.next()?;
        }
        let mut len = 0;
        while byte != b'\n' {
            match len {
                // A name may hold what a terminal obeys; the kernel spells out line feeds alone.
                ..NAME => line.push(&[if byte.is_ascii_control() { b'?' } else { byte }]),
                NAME => line.push("…".as_bytes()),
                _ => {}
            }
            len += 1;
            byte = self.next()?;
        }
        (len > 0).then_some(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::page::{PageRange, PageSize};
    use crate::sys::region::{Access, Mode as MapMode, Region, Sharing};
    use std::os::fd::AsFd;

    fn line_about(name: &str, position: usize) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, vec![1; 3 << 12]).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        let range = PageRange::new(PageSize::base(), 4096, 8192).unwrap();
        let mode = MapMode { access: Access::Read, sharing: Sharing::Shared, no_reserve: false };
        let region = Region::map(file.as_fd(), &range, 0, mode).unwrap();
        let line = Line::about(region.base().addr() + position, Outcome::Zeros);
        let text = String::from_utf8(line.bytes[..line.len].to_vec()).unwrap();
        text.replace(folder.path().to_str().unwrap(), "")
    }

    #[test]
    fn the_line_names_the_file_and_the_byte() {
        let wanted = "folio: /a b: byte 4196 is gone (truncated, or its disk failed); zeros take its place\n";
        assert_eq!(line_about("a b", 100), wanted);
        assert!(line_about("f", 8191).contains("/f: byte 12287 is gone"));
    }

    #[test]
    fn a_long_name_is_cut_and_the_line_still_ends() {
        let line = line_about(&"n".repeat(250), 0);
        assert!(line.contains("n…: byte 4096 is gone"), "{line}");
        assert!(line.ends_with("zeros take its place\n"));
    }

    #[test]
    fn a_name_does_not_command_the_terminal() {
        let line = line_about("a\u{1b}[2J\rb\nc\u{7f}", 0);
        assert!(line.starts_with("folio: /a?[2J?b\\012c?: byte 4096 is gone"), "{line:?}");
    }

    #[test]
    fn an_address_without_a_file_has_no_name() {
        let line = Line::about(1, Outcome::Ends);
        let text = std::str::from_utf8(&line.bytes[..line.len]).unwrap();
        let wanted = "folio: a mapped file: a byte is gone (truncated, or its disk failed); the process ends\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn numbers_are_written_in_full() {
        let mut line = Line { bytes: [0; LINE], len: 0 };
        for number in [0, 7, 10, 18_446_744_073_709_551_615] {
            line.push_number(number);
            line.push(b" ");
        }
        assert_eq!(&line.bytes[..line.len], b"0 7 10 18446744073709551615 ");
    }
}
