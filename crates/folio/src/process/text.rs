//! Lines of `/proc/PID/maps`, which are also the heads of `/proc/PID/smaps`; proc_pid_maps(5).
//!
//! ```text
//! 555a83780000-555a83785000 r-xp 00002000 fe:00 247030                     /usr/bin/cat
//! ```
//!
//! The kernel writes a newline in a name as `\012` and leaves a backslash as it is (`seq_path` in fs/seq_file.c), so a
//! name with these four characters cannot be told from one with a newline; `PROCMAP_QUERY` has the name itself.

use std::io::{self, Read};

use super::mapping::{FileId, Mapping, Object};
use crate::protection::{Protection, Sharing};

/// How much is read at a time. The kernel gives a page or so at once, whatever is asked for.
const CHUNK: usize = 64 << 10;

/// Give each line of `text`, without its newline, to `take`, until that answers with an error. Memory is bounded by the
/// longest line. Gives the number of bytes that there were.
pub(super) fn lines(
    text: &mut impl Read,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let (mut filled, mut total) = (0, 0);
    loop {
        if filled == buffer.len() {
            buffer.resize(buffer.len() * 2, 0);
        }
        let read = match text.read(&mut buffer[filled..]) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if read == 0 {
            return if filled == 0 { Ok(total) } else { Err(odd(&buffer[..filled])) };
        }
        total += read as u64;
        let fresh = filled;
        filled += read;
        let mut start = 0;
        let mut from = fresh;
        while let Some(end) = buffer[from..filled].iter().position(|&byte| byte == b'\n') {
            take(&buffer[start..from + end])?;
            start = from + end + 1;
            from = start;
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
    }
}

/// A line that is not as the kernel writes it.
pub(super) fn odd(line: &[u8]) -> io::Error {
    let line = String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
    io::Error::new(io::ErrorKind::InvalidData, format!("not a line of proc_pid_maps(5): {line:?}"))
}

/// The mapping that a line describes, and whether its name may be another than it seems: it has an escape in it.
pub(super) fn mapping(line: &[u8]) -> io::Result<(Mapping, Name)> {
    parse(line).ok_or_else(|| odd(line))
}

/// Whether a line of text tells the name as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Exact,
    /// There is a `\012` in it, for a newline or for itself.
    Escaped,
}

fn parse(line: &[u8]) -> Option<(Mapping, Name)> {
    let (start, rest) = hexadecimal(line)?;
    let (end, rest) = hexadecimal(rest.strip_prefix(b"-")?)?;
    let [b' ', read, write, exec, sharing, b' ', rest @ ..] = rest else { return None };
    let mut protection = Protection::empty();
    protection.set(Protection::READ, *read == b'r');
    protection.set(Protection::WRITE, *write == b'w');
    protection.set(Protection::EXEC, *exec == b'x');
    let sharing = match sharing {
        b's' => Sharing::Shared,
        b'p' => Sharing::Private,
        _ => return None,
    };
    let (offset, rest) = hexadecimal(rest)?;
    let (major, rest) = hexadecimal(rest.strip_prefix(b" ")?)?;
    let (minor, rest) = hexadecimal(rest.strip_prefix(b":")?)?;
    let (inode, rest) = decimal(rest.strip_prefix(b" ")?)?;
    let name = &rest[rest.iter().position(|&byte| byte != b' ').unwrap_or(rest.len())..];
    let (name, exact) = unescaped(name);
    let object = Object::parse(&name);
    let file = FileId { major: major.try_into().ok()?, minor: minor.try_into().ok()?, inode };
    let file = (file != NO_FILE).then_some(file);
    let addresses = if start < end { start..end } else { return None };
    Some((Mapping { addresses, protection, sharing, offset, file, object }, exact))
}

/// What the kernel writes where there is no file.
pub(super) const NO_FILE: FileId = FileId { major: 0, minor: 0, inode: 0 };

fn hexadecimal(text: &[u8]) -> Option<(u64, &[u8])> {
    number(text, 16)
}

fn decimal(text: &[u8]) -> Option<(u64, &[u8])> {
    number(text, 10)
}

/// The number that `text` begins with, and what follows.
pub(super) fn number(text: &[u8], radix: u32) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    let mut digits = 0;
    while let Some(digit) = text.get(digits).and_then(|&byte| char::from(byte).to_digit(radix)) {
        value = value.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))?;
        digits += 1;
    }
    (digits > 0).then(|| (value, &text[digits..]))
}

/// The name with its newlines back.
fn unescaped(name: &[u8]) -> (Vec<u8>, Name) {
    const NEWLINE: &[u8] = b"\\012";
    if !name.contains(&b'\\') {
        return (name.to_vec(), Name::Exact);
    }
    let mut plain = Vec::with_capacity(name.len());
    let (mut rest, mut exact) = (name, Name::Exact);
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(NEWLINE) {
            plain.push(b'\n');
            rest = after;
            exact = Name::Escaped;
        } else {
            plain.push(byte);
            rest = after;
        }
    }
    (plain, exact)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_a_mapping() {
        let line =
            b"7f00-8000 rw-s 00001000 fe:1f 247030                     /tmp/a b\\012c\\x (deleted)";
        let (found, name) = mapping(line).unwrap();
        let expected = Mapping {
            addresses: 0x7f00..0x8000,
            protection: Protection::READ | Protection::WRITE,
            sharing: Sharing::Shared,
            offset: 0x1000,
            file: Some(FileId { major: 0xfe, minor: 0x1f, inode: 247_030 }),
            object: Object::Deleted("/tmp/a b\nc\\x".into()),
        };
        assert_eq!((found, name), (expected, Name::Escaped));
        let (own, name) = mapping(b"1000-2000 ---p 00000000 00:00 0 ").unwrap();
        assert_eq!((own.file, own.object, name), (None, Object::Anonymous(None), Name::Exact));
    }

    #[test]
    fn what_is_no_line_is_an_error() {
        for line in [
            "",
            "Rss: 4 kB",
            "2000-1000 r--p 0 00:00 0",
            "1000 r--p 0 00:00 0",
            "1000-2000 r--q 0 00:00 0",
            "1000-2000 r--p 0 00:00",
            "10000000000000000-2 r--p 0 00:00 0",
            "1000-2000 r--p 0 100000000:00 0",
        ] {
            assert!(mapping(line.as_bytes()).is_err(), "{line:?}");
        }
    }

    proptest! {
        /// The kernel's lines come back as they were meant, and no line makes the parser panic.
        #[test]
        fn every_line_is_a_mapping_or_an_error(
            start: u64, len: u64, offset: u64, device: (u32, u32), inode: u64, name in "[/a-z \\\\0-9]*", noise: Vec<u8>,
        ) {
            let _ = mapping(&noise);
            let line = format!(
                "{start:08x}-{:08x} r-xp {offset:08x} {:02x}:{:02x} {inode}   {name}",
                start.wrapping_add(len), device.0, device.1,
            );
            match mapping(line.as_bytes()) {
                Ok((found, _)) => {
                    prop_assert_eq!(found.addresses, start..start + len);
                    prop_assert_eq!(found.offset, offset);
                }
                Err(_) => prop_assert!(len == 0 || start.checked_add(len).is_none()),
            }
            let mut cut = line.into_bytes();
            cut.extend(noise);
            let _ = mapping(&cut);
        }
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        /// Gives one byte at a time.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
                buffer[0] = *first;
                self.0 = rest;
                Ok(1)
            }
        }
        let long = "x".repeat(3 * CHUNK);
        let text = format!("ab\n\n{long}\nc\n");
        let mut found = Vec::new();
        let mut keep = |line: &[u8]| {
            found.push(line.len());
            Ok(())
        };
        assert_eq!(lines(&mut Slow(text.as_bytes()), &mut keep).unwrap(), text.len() as u64);
        assert_eq!(lines(&mut text.as_bytes(), &mut keep).unwrap(), text.len() as u64);
        assert_eq!(found, [2, 0, 3 * CHUNK, 1, 2, 0, 3 * CHUNK, 1]);
        assert!(lines(&mut &b"no newline"[..], |_| Ok(())).is_err());
    }
}
