//! Operations on a `SharedMut` and a `Shared` of the same part of a file, and truncations of the file behind their back,
//! against a `Vec` that holds what the file holds.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use folio::{Error, ErrorKind, MapOptions, Memfd, Shared, SharedMut};

use super::cursor::Cursor;

/// The longest file, in bytes; a few pages.
const LONGEST: usize = 5 * 4096;

/// The file, its mappings, and what it should hold.
struct World {
    file: File,
    map: SharedMut,
    view: Shared,
    /// The bytes of the whole file.
    expected: Vec<u8>,
    /// Where the mappings begin in the file.
    offset: usize,
    /// How long they are.
    len: usize,
}

/// Do what `bytes` say.
pub(crate) fn run(bytes: &[u8]) {
    run_and(bytes, |_| {});
}

/// The same, and then `behind` does something to the file that the oracle does not see.
pub(crate) fn run_and(bytes: &[u8], behind: impl FnOnce(&File)) {
    let mut cursor = Cursor::new(bytes);
    let mut world = World::new(&mut cursor);
    while !cursor.is_empty() {
        world.step(&mut cursor);
    }
    behind(&world.file);
    world.compare();
}

impl World {
    fn new(cursor: &mut Cursor<'_>) -> Self {
        let whole = 1 + cursor.below(LONGEST);
        let offset = cursor.below(whole);
        let len = cursor.below(whole - offset + 1);
        let expected: Vec<u8> =
            (0..whole).map(|at| u8::try_from(at % 251).expect("below 251")).collect();
        let memory = Memfd::create("fuzzed").expect("a memfd can be had");
        let file =
            File::from(memory.as_fd().try_clone_to_owned().expect("a descriptor can be had"));
        file.write_all_at(&expected, 0).expect("a memfd can be written");
        let options = MapOptions::new().offset(offset as u64).len(len as u64);
        let map = options.map_shared_mut(&file).expect("the range is in the file");
        let view = options.map_shared(&file).expect("the range is in the file");
        Self { file, map, view, expected, offset, len }
    }

    fn step(&mut self, cursor: &mut Cursor<'_>) {
        // The end is sometimes out of bounds by a little.
        let start = cursor.below(self.len + 8);
        let end = start + cursor.below(self.len + 16 - start);
        match cursor.byte() % 10 {
            0 => self.read_at(start, end),
            1 => self.write_at(start, end, cursor.byte()),
            2 => self.fill(start, end, cursor.byte()),
            3 => self.copy_within(start, end, cursor.below(self.len + 4)),
            4 => self.load(start),
            5 => self.store(start, cursor.byte()),
            6 => self.atomic(start, cursor.byte()),
            7 => self.scan(start, end),
            8 => self.truncate(cursor.below(LONGEST)),
            _ => self.seek(start, end - start),
        }
    }

    /// How many of the bytes from `start` on, `len` of them, are in the mapping and the file; `None` if the mapping is
    /// too short for them.
    fn good(&self, start: usize, len: usize) -> Option<usize> {
        let end = start.checked_add(len)?;
        (end <= self.len).then(|| self.expected.len().saturating_sub(self.offset + start).min(len))
    }

    /// See that an operation on `len` bytes from `start` on has come out as it must.
    #[track_caller]
    fn outcome(&self, result: Result<(), &Error>, start: usize, len: usize) -> bool {
        match (self.good(start, len), result) {
            (Some(good), Ok(())) => {
                assert_eq!(good, len, "the file has no such bytes");
                return true;
            }
            (Some(good), Err(error)) => {
                assert!(good < len, "{error}");
                let gone = (self.offset + start + good) as u64;
                let kind = ErrorKind::Truncated { offset: gone, len: self.expected.len() as u64 };
                assert_eq!(error.kind(), kind, "{error}");
            }
            (None, Err(error)) => assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}"),
            (None, Ok(())) => panic!("{start} and {len} bytes on are past the end of {}", self.len),
        }
        false
    }

    /// The expected bytes from `start` of the mapping on, as many of `len` as the file has.
    fn part(&self, start: usize, len: usize) -> &[u8] {
        let good = self.good(start, len).unwrap_or(0);
        if good == 0 { &[] } else { &self.expected[self.offset + start..][..good] }
    }

    fn read_at(&self, start: usize, end: usize) {
        let mut buf = vec![0xEE; end - start];
        for result in [self.map.read_at(start, &mut buf), self.view.read_at(start, &mut buf)] {
            self.outcome(result.as_ref().map(|&()| ()), start, end - start);
            let expected = self.part(start, end - start);
            let done = result.map_or_else(|error| error.bytes_done(), |()| buf.len());
            assert_eq!(done, expected.len());
            assert_eq!(&buf[..done], expected);
        }
    }

    fn write_at(&mut self, start: usize, end: usize, byte: u8) {
        let bytes: Vec<u8> =
            (0..end - start).map(|at| byte.wrapping_add(at.to_le_bytes()[0])).collect();
        let result = self.map.write_at(start, &bytes);
        self.outcome(result.as_ref().map(|&()| ()), start, bytes.len());
        self.stored(start, &bytes);
    }

    fn fill(&mut self, start: usize, end: usize, byte: u8) {
        let result = self.map.fill(start..end, byte);
        self.outcome(result.as_ref().map(|&()| ()), start, end - start);
        self.stored(start, &vec![byte; end - start]);
    }

    fn copy_within(&mut self, start: usize, end: usize, to: usize) {
        let len = end - start;
        let fits = self.good(start, len).is_some() && self.good(to, len).is_some();
        let whole = self.good(start, len) == Some(len) && self.good(to, len) == Some(len);
        // A copy that a truncation stops leaves a part: that is tested by itself, not here.
        if fits && !whole {
            return;
        }
        match self.map.copy_within(start..end, to) {
            Ok(()) => {
                assert!(whole, "{start}..{end} to {to} is past the end");
                let (from, to) = (self.offset + start, self.offset + to);
                if len > 0 {
                    self.expected.copy_within(from..from + len, to);
                }
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
                assert!(!fits, "{error}");
            }
        }
    }

    fn load(&self, start: usize) {
        // Past the end of the file, in its last page, a load gives zeros: it is the whole page that must be gone.
        let Some(good) = self.good(start, 8) else {
            let error = self.view.load::<u64>(start).expect_err("past the end of the mapping");
            assert_eq!(error.kind(), ErrorKind::OutOfRange);
            return;
        };
        match self.view.load::<[u8; 8]>(start) {
            Ok(bytes) => {
                assert_eq!(&bytes[..good], self.part(start, 8));
                assert!(
                    bytes[good..].iter().all(|&byte| byte == 0),
                    "{bytes:?} with {good} of the file"
                );
            }
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Truncated { .. }) && good < 8, "{error}")
            }
        }
    }

    fn store(&mut self, start: usize, byte: u8) {
        let word = u32::from_ne_bytes([byte; 4]);
        match self.map.store(start, &word) {
            Ok(()) => assert!(self.good(start, 4).is_some()),
            Err(error) if self.good(start, 4).is_none() => {
                assert_eq!(error.kind(), ErrorKind::OutOfRange)
            }
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Truncated { .. }), "{error}");
                assert!(self.good(start, 4).is_some_and(|good| good < 4), "{error}");
            }
        }
        self.stored(start, &[byte; 4]);
    }

    fn atomic(&mut self, start: usize, byte: u8) {
        // Where the file reaches: a fault would poison the mapping for the rest of the run.
        if self.good(start, 4).is_some_and(|good| good < 4) {
            return;
        }
        let aligned = (self.offset + start).is_multiple_of(4);
        let before = match self.map.atomic_u32(start) {
            Ok(atomic) => {
                assert!(aligned && self.good(start, 4).is_some());
                atomic.swap(u32::from_ne_bytes([byte; 4]), Ordering::Relaxed)
            }
            Err(error) if self.good(start, 4).is_none() => {
                assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
                return;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Misaligned, "{error}");
                assert!(!aligned);
                return;
            }
        };
        assert_eq!(&before.to_ne_bytes(), self.part(start, 4));
        self.stored(start, &[byte; 4]);
    }

    /// All chunks of a slice.
    fn scan(&self, start: usize, end: usize) {
        let slice = match self.view.slice(start..end) {
            Ok(slice) => slice,
            Err(error) => {
                assert_eq!(
                    (error.kind(), self.good(start, end - start)),
                    (ErrorKind::OutOfRange, None)
                );
                return;
            }
        };
        let (mut chunks, mut seen) = (slice.chunks(), Vec::new());
        let ended = loop {
            match chunks.next_chunk() {
                Ok(Some(chunk)) => seen.extend_from_slice(chunk),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        assert_eq!(seen, self.part(start, end - start));
        self.outcome(ended.as_ref().map(|&()| ()), start, end - start);
    }

    fn seek(&self, start: usize, len: usize) {
        let mut reader = self.view.reader();
        reader.seek(SeekFrom::Start(start as u64)).expect("seeking touches nothing");
        let mut seen = Vec::new();
        let len = len.min(self.len.saturating_sub(start));
        let read = reader.take(len as u64).read_to_end(&mut seen);
        let expected = if len == 0 { &[] } else { self.part(start, len) };
        assert!(
            seen.len() <= expected.len() && seen == expected[..seen.len()],
            "{seen:?} {expected:?}"
        );
        assert!(read.is_err() || seen.len() == len);
    }

    /// The file becomes `len` bytes long behind the mappings' back.
    fn truncate(&mut self, len: usize) {
        self.file.set_len(len as u64).expect("a memfd can be truncated");
        self.expected.resize(len, 0);
    }

    /// `bytes` were stored at `start` as far as they fit. What a store left behind past the end of the file is wiped, as it is
    /// not the file's: tmpfs would show it if the file grew again.
    fn stored(&mut self, start: usize, bytes: &[u8]) {
        let good = self.good(start, bytes.len()).unwrap_or(0);
        if good > 0 {
            self.expected[self.offset + start..][..good].copy_from_slice(&bytes[..good]);
        }
        let tail = self.expected.len() / 4096 * 4096;
        if good < bytes.len() {
            self.file.set_len(tail as u64).expect("a memfd can be truncated");
            self.file
                .write_all_at(&self.expected[tail..], tail as u64)
                .expect("a memfd can be written");
        }
    }

    /// The whole file is as expected.
    fn compare(&self) {
        let mut bytes = vec![0; self.expected.len()];
        self.file.read_exact_at(&mut bytes, 0).expect("the file is as long as expected");
        let differ = (0..bytes.len()).find(|&at| bytes[at] != self.expected[at]);
        assert_eq!(differ, None, "the file and what is expected of it differ");
    }
}
