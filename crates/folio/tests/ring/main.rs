//! `folio::Ring`: what it reads is what pread(2) reads, whatever the order, the flags and the end of the file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use folio::{ErrorKind, Ring};

/// Words that differ from place to place.
fn content(len: usize) -> Vec<u8> {
    (0..len.div_ceil(8) as u64)
        .flat_map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .take(len)
        .collect()
}

struct Scratch {
    _dir: tempfile::TempDir,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Scratch {
    fn new(len: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (path, bytes) = (dir.path().join("f"), content(len));
        std::fs::write(&path, &bytes).unwrap();
        Self { _dir: dir, path, bytes }
    }
}

/// A ring, or a line that says why there is none here.
fn ring<'fd>(file: &'fd File, depth: u32, buffer: usize) -> Option<Ring<'fd>> {
    match Ring::new(file, depth, buffer) {
        Ok(ring) => Some(ring),
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            testfs::skip("io_uring", error);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Read all of `offsets`, each with `len`, and compare with what the file holds.
fn compare(ring: &mut Ring<'_>, bytes: &[u8], offsets: &[u64], len: usize) {
    let mut left = offsets.iter();
    let mut seen = Vec::new();
    loop {
        while ring.has_room() {
            let Some(&offset) = left.next() else { break };
            ring.read(offset, len).unwrap();
        }
        let Some(completed) = ring.next_completed().unwrap() else { break };
        let start = usize::try_from(completed.offset()).unwrap().min(bytes.len());
        let end = (start + len).min(bytes.len());
        assert_eq!(completed.bytes(), &bytes[start..end], "at {start}");
        seen.push(completed.offset());
    }
    let mut expected = offsets.to_vec();
    expected.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, expected);
    assert_eq!(ring.under_way(), 0);
}

#[test]
fn it_reads_what_the_file_holds() {
    let scratch = Scratch::new(300_001);
    let file = File::open(&scratch.path).unwrap();
    for (depth, len) in [(1, 1), (3, 4096), (8, 5000), (64, 65_536), (1, 400_000)] {
        let Some(mut ring) = ring(&file, depth, len) else { return };
        assert_eq!(ring.depth(), depth as usize);
        let step = (300_001 / 90).max(len / 2);
        let offsets: Vec<u64> = {
            let steps = (0..300_001u64).step_by(step);
            steps.chain([299_999, 300_001, 1 << 40]).collect::<Vec<_>>().into_iter().rev().collect()
        };
        compare(&mut ring, &scratch.bytes, &offsets, len);
    }
}

/// The file system may not have O_DIRECT; then there is nothing to open.
fn open_direct(path: &Path) -> Option<File> {
    let direct = rustix::fs::OFlags::DIRECT.bits().cast_signed();
    match OpenOptions::new().read(true).custom_flags(direct).open(path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            testfs::skip("O_DIRECT", "this file system has none");
            None
        }
        file => Some(file.unwrap()),
    }
}

/// The buffers are aligned as a device wants them; the last read is short because the file ends there.
#[test]
fn it_reads_past_the_page_cache() {
    let scratch = Scratch::new(1_000_100);
    let Some(file) = open_direct(&scratch.path) else { return };
    for len in [4096, 65_536] {
        let Some(mut ring) = ring(&file, 16, len) else { return };
        let offsets: Vec<u64> = (0..1_000_100u64).step_by(len).collect();
        compare(&mut ring, &scratch.bytes, &offsets, len);
        // Where the device wants alignment, that is an error for this read, and the ring goes on.
        ring.read(1, 4096).unwrap();
        let unaligned = ring
            .next_completed()
            .map(|completed| completed.map(|completed| completed.bytes().to_vec()));
        match unaligned {
            Ok(bytes) => assert_eq!(bytes.unwrap(), scratch.bytes[1..4097]),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
                assert_eq!(error.range_in_file(), Some(1..4097));
            }
        }
        compare(&mut ring, &scratch.bytes, &[0], len);
    }
}

/// The kernel has none of the pages when the ring is gone: what is mapped there next stays as it is.
#[test]
fn a_ring_that_is_dropped_lets_go_of_its_buffers() {
    let scratch = Scratch::new(8 << 20);
    let direct = open_direct(&scratch.path);
    let buffered = File::open(&scratch.path).unwrap();
    for file in [Some(buffered), direct].into_iter().flatten() {
        for round in 0..40 {
            // Cold, so that reads are under way for a while.
            file.sync_all().unwrap();
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
            let Some(mut ring) = ring(&file, 32, 256 << 10) else { return };
            for offset in 0..32u64 {
                ring.read(offset << 18, 256 << 10).unwrap();
            }
            // The first few are taken, the rest is under way when it is dropped; in some rounds nothing was handed over.
            for _ in 0..round % 4 {
                assert!(ring.next_completed().unwrap().is_some());
            }
            drop(ring);
            let next = vec![0u8; 8 << 20];
            assert_eq!(next.iter().position(|&byte| byte != 0), None, "round {round}");
        }
    }
}

#[test]
fn a_forgotten_ring_keeps_its_buffers() {
    let scratch = Scratch::new(1 << 20);
    let file = File::open(&scratch.path).unwrap();
    let Some(mut forgotten) = ring(&file, 4, 4096) else { return };
    for offset in 0..4 {
        forgotten.read(offset * 4096, 4096).unwrap();
    }
    assert!(forgotten.next_completed().unwrap().is_some());
    std::mem::forget(forgotten);
    let Some(mut another) = ring(&file, 4, 4096) else { return };
    compare(&mut another, &scratch.bytes, &[0, 4096, 8192], 4096);
}

/// What a thread queued is cancelled by the kernel when the thread ends; whoever has the ring then reads it all the same.
#[test]
fn a_ring_may_move_to_another_thread_with_reads_under_way() {
    let scratch = Scratch::new(4 << 20);
    let Some(file) = open_direct(&scratch.path) else { return };
    for _ in 0..20 {
        let Some(ring) = ring(&file, 32, 65_536) else { return };
        let bytes = &scratch.bytes;
        let mut ring = std::thread::scope(|scope| {
            let queue = move || {
                let mut ring = ring;
                for offset in 0..32u64 {
                    ring.read(offset << 16, 65_536).unwrap();
                }
                let first = ring.next_completed().unwrap().unwrap();
                let at = usize::try_from(first.offset()).unwrap();
                assert_eq!(first.bytes(), &bytes[at..at + 65_536]);
                ring
            };
            scope.spawn(queue).join().unwrap()
        });
        assert_eq!(ring.under_way(), 31);
        let mut seen = 0;
        while let Some(completed) = ring.next_completed().unwrap() {
            let at = usize::try_from(completed.offset()).unwrap();
            assert_eq!(completed.bytes(), &scratch.bytes[at..at + 65_536]);
            seen += 1;
        }
        assert_eq!(seen, 31);
    }
}

#[test]
fn a_truncation_meanwhile_is_a_short_read() {
    let scratch = Scratch::new(100_000);
    let file = OpenOptions::new().read(true).write(true).open(&scratch.path).unwrap();
    let Some(mut ring) = ring(&file, 2, 8192) else { return };
    file.set_len(5000).unwrap();
    compare(&mut ring, &scratch.bytes[..5000], &[0, 4096, 8192], 8192);
    file.write_all_at(&scratch.bytes, 0).unwrap();
    compare(&mut ring, &scratch.bytes, &[0, 4096, 8192], 8192);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let scratch = Scratch::new(10_000);
    let file = File::open(&scratch.path).unwrap();
    for (depth, len) in [(0, 4096), (32_769, 4096), (1, 0), (1, 1 << 31)] {
        assert_eq!(Ring::new(&file, depth, len).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let (pipe, _writer) = io::pipe().unwrap();
    assert_eq!(Ring::new(&pipe, 1, 4096).unwrap_err().kind(), ErrorKind::NotMappable);

    let Some(mut ring) = ring(&file, 2, 4096) else { return };
    assert!(ring.next_completed().unwrap().is_none());
    for (offset, len) in [(0, 4097), (u64::MAX, 1), (i64::MAX as u64, 1)] {
        assert_eq!(ring.read(offset, len).unwrap_err().kind(), ErrorKind::OutOfRange);
    }
    ring.read(0, 4096).unwrap();
    ring.read(0, 0).unwrap();
    assert_eq!(ring.read(0, 1).unwrap_err().kind(), ErrorKind::Busy);
    let mut lens = vec![];
    while let Some(completed) = ring.next_completed().unwrap() {
        lens.push(completed.bytes().len());
    }
    lens.sort_unstable();
    assert_eq!(lens, [0, 4096]);
}

/// Not open for reading: the read fails, and says which.
#[test]
fn a_failed_read_names_its_range() {
    let scratch = Scratch::new(10_000);
    let file = OpenOptions::new().write(true).open(&scratch.path).unwrap();
    let Some(mut ring) = ring(&file, 2, 4096) else { return };
    ring.read(4096, 100).unwrap();
    let error = ring.next_completed().unwrap_err();
    assert_eq!(error.range_in_file(), Some(4096..4196));
    assert_eq!(error.raw_os_error(), Some(9), "{error}");
    assert!(ring.next_completed().unwrap().is_none());
}
