//! The same bytes as reading and writing would give, from every kind of source to every kind of target.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use folio::{ErrorKind, MapOptions, Method, transfer, transfer_all};
use proptest::prelude::*;
use testfs::{CutDevice, FileSystem, Kind};

use crate::targets::{self, Target, file_with, pattern, pipe_with};

const LEN: usize = 1_500_000;

fn dirs() -> [tempfile::TempDir; 2] {
    [tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap()]
}

#[test]
fn a_range_of_a_file_arrives_at_every_target() {
    let bytes = pattern(LEN);
    for dir in dirs() {
        let file = File::open(file_with(dir.path(), "source", &bytes)).unwrap();
        for target in targets::ALL {
            for range in [0..LEN, 0..0, 1..2, 4095..4097, 5000..LEN - 1, LEN - 1..LEN, LEN..LEN] {
                let open = target.open(range.len());
                let sent = transfer(&file, range.start as u64..range.end as u64, &open.fd).unwrap();
                assert_eq!(sent.bytes, range.len() as u64, "{target:?} {range:?}");
                assert!(open.finish() == bytes[range.clone()], "{target:?} {range:?}");
            }
        }
        assert_eq!(
            (&file).stream_position().unwrap(),
            0,
            "the position of the source does not move"
        );
    }
}

#[test]
fn an_open_range_ends_with_the_file() {
    let bytes = pattern(LEN);
    let dir = tempfile::tempdir().unwrap();
    let file = File::open(file_with(dir.path(), "source", &bytes)).unwrap();
    for target in targets::ALL {
        let open = target.open(LEN - 7);
        assert_eq!(transfer(&file, 7.., &open.fd).unwrap().bytes, LEN as u64 - 7);
        assert!(open.finish() == bytes[7..], "{target:?}");
        let open = target.open(0);
        assert_eq!(
            transfer(&file, LEN as u64 + 9.., &open.fd).unwrap().bytes,
            0,
            "past the end is nothing"
        );
        assert!(open.finish().is_empty());
    }
}

#[test]
fn each_pair_of_ends_takes_its_method() {
    let dir = tempfile::tempdir().unwrap();
    let file = File::open(file_with(dir.path(), "source", &pattern(LEN))).unwrap();
    // A pipe of folio's own is for more than it holds.
    for len in [1 << 20, LEN] {
        for target in targets::ALL {
            let expected: &[Method] = match target {
                Target::Pipe | Target::NonblockingPipe if len < LEN => &[Method::Splice],
                Target::Pipe | Target::NonblockingPipe => &[Method::ThroughPipe],
                Target::File | Target::Middle if len < LEN => &[Method::CopyFileRange],
                // By whether the file system of temporary files can share blocks.
                Target::File | Target::Middle => &[Method::ThroughPipe, Method::CopyFileRange],
                Target::Append => &[Method::ReadWrite],
                Target::Memory if len == LEN => &[Method::ThroughPipe],
                // A file on another file system is one of these: copy_file_range answers EXDEV.
                _ => &[Method::SendFile],
            };
            let open = target.open(len);
            let method = transfer(&file, ..len as u64, &open.fd).unwrap().method;
            assert!(expected.contains(&method), "{len} to {target:?} by {method:?}");
            assert_eq!(open.finish().len(), len);
        }
    }
    let null = File::options().write(true).open("/dev/null").unwrap();
    assert_eq!(transfer(&file, .., &null).unwrap().bytes, LEN as u64);
}

#[test]
fn pipes_and_sockets_are_sent_to_their_end() {
    let bytes = pattern(LEN);
    for target in targets::ALL {
        let open = target.open(LEN);
        let sent = transfer_all(pipe_with(bytes.clone()), &open.fd).unwrap();
        assert_eq!(sent.bytes, LEN as u64);
        assert_eq!(
            sent.method == Method::Splice,
            target != Target::Append,
            "{target:?} {:?}",
            sent.method
        );
        assert!(open.finish() == bytes, "a pipe to {target:?}");

        let (near, mut far) = UnixStream::pair().unwrap();
        let writer = std::thread::spawn({
            let bytes = bytes.clone();
            move || far.write_all(&bytes)
        });
        let open = target.open(LEN);
        assert_eq!(transfer_all(&near, &open.fd).unwrap().bytes, LEN as u64);
        assert!(open.finish() == bytes, "a socket to {target:?}");
        writer.join().unwrap().unwrap();
    }
}

#[test]
fn non_blocking_sources_are_waited_for() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&reader, true).unwrap();
    // The writer goes on only when the first byte has come through, so that the transfer meets an empty pipe.
    let (echo_reader, echo_writer) = std::io::pipe().unwrap();
    let feeder = std::thread::spawn(move || {
        let mut echo = echo_reader;
        for byte in *b"abc" {
            writer.write_all(&[byte]).unwrap();
            let mut back = [0];
            echo.read_exact(&mut back).unwrap();
            assert_eq!(back[0], byte);
        }
    });
    let sent = transfer_all(&reader, &echo_writer).unwrap();
    assert_eq!(sent.bytes, 3);
    feeder.join().unwrap();
}

#[test]
fn transfer_all_of_a_file_starts_at_its_position_and_moves_it() {
    let bytes = pattern(LEN);
    let dir = tempfile::tempdir().unwrap();
    let path = file_with(dir.path(), "source", &bytes);
    for target in targets::ALL {
        let mut file = File::open(&path).unwrap();
        file.seek(SeekFrom::Start(1000)).unwrap();
        let open = target.open(LEN - 1000);
        assert_eq!(transfer_all(&file, &open.fd).unwrap().bytes, LEN as u64 - 1000);
        assert!(open.finish() == bytes[1000..], "{target:?}");
        assert_eq!(file.stream_position().unwrap(), LEN as u64);
    }
}

/// Files whose length the kernel does not tell, or tells wrongly, give the same bytes as reading them.
#[test]
fn files_of_procfs_and_sysfs_are_sent_whole() {
    let mut sent = 0;
    for path in [
        "/proc/version",
        "/proc/filesystems",
        "/proc/devices",
        "/sys/kernel/mm/transparent_hugepage/enabled",
    ] {
        if !Path::new(path).exists() {
            eprintln!("skipped: this kernel has no {path}");
            continue;
        }
        let expected = std::fs::read(path).unwrap();
        assert!(!expected.is_empty());
        for target in targets::ALL {
            let file = File::open(path).unwrap();
            for all in [true, false] {
                let open = target.open(expected.len());
                let result =
                    if all { transfer_all(&file, &open.fd) } else { transfer(&file, .., &open.fd) };
                assert_eq!(result.unwrap().bytes, expected.len() as u64, "{path} to {target:?}");
                assert!(open.finish() == expected, "{path} to {target:?}");
                sent += 1;
            }
        }
    }
    assert!(sent > 0, "procfs is mounted");
}

#[test]
fn a_closed_pipe_is_epipe_and_says_how_much_went_out() {
    let dir = tempfile::tempdir().unwrap();
    let file = File::open(file_with(dir.path(), "source", &pattern(LEN))).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let error = transfer(&file, .., &writer).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc_epipe()));
    assert_eq!(error.bytes_done(), 0);

    let (mut reader, writer) = std::io::pipe().unwrap();
    let taker = std::thread::spawn(move || reader.read_exact(&mut [0; 100]).map(|()| drop(reader)));
    let big = File::open(file_with(dir.path(), "big", &pattern(LEN * 4))).unwrap();
    let error = transfer(&big, .., &writer).unwrap_err();
    taker.join().unwrap().unwrap();
    assert_eq!(error.raw_os_error(), Some(libc_epipe()));
    assert!((100..LEN * 4).contains(&error.bytes_done()), "{error:?}");
}

fn libc_epipe() -> i32 {
    rustix::io::Errno::PIPE.raw_os_error()
}

#[test]
fn a_source_that_ends_early_is_truncated() {
    let bytes = pattern(LEN);
    let dir = tempfile::tempdir().unwrap();
    let file = File::options()
        .read(true)
        .write(true)
        .open(file_with(dir.path(), "source", &bytes))
        .unwrap();
    file.set_len(10_000).unwrap();
    for target in targets::ALL {
        let open = target.open(9_000);
        let error = transfer(&file, 1000..LEN as u64, &open.fd).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Truncated { offset: 10_000, len: 10_000 },
            "{target:?}"
        );
        assert_eq!(error.bytes_done(), 9_000);
        assert_eq!(error.range_in_file(), Some(1000..LEN as u64));
        assert!(open.finish() == bytes[1000..10_000], "{target:?}");
    }
    // Cut while it is sent: the reader takes the first bytes, cuts, and then drains.
    file.set_len(0).unwrap();
    file.write_all_at(&pattern(LEN * 4), 0).unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let cutter = std::thread::spawn({
        let file = file.try_clone().unwrap();
        move || {
            let mut got = vec![0; 1];
            reader.read_exact(&mut got).unwrap();
            file.set_len(100).unwrap();
            reader.read_to_end(&mut got).unwrap();
            got.len()
        }
    });
    let error = transfer(&file, 0..LEN as u64 * 4, &writer).unwrap_err();
    drop(writer);
    assert_eq!(cutter.join().unwrap(), error.bytes_done());
    assert!(matches!(error.kind(), ErrorKind::Truncated { len: 100, .. }), "{error:?}");
}

#[test]
fn open_modes_and_ranges_are_checked_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = file_with(dir.path(), "f", b"0123456789");
    let read = File::open(&path).unwrap();
    let write = File::options().write(true).open(&path).unwrap();
    let null = File::options().write(true).open("/dev/null").unwrap();
    let kind = |result: folio::Result<folio::Transferred>| result.unwrap_err().kind();
    assert_eq!(kind(transfer(&write, .., &null)), ErrorKind::OpenMode);
    assert_eq!(kind(transfer(&read, .., &read)), ErrorKind::OpenMode);
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tested")]
    let reversed = 5..2;
    assert_eq!(kind(transfer(&read, reversed, &null)), ErrorKind::OutOfRange);
    assert_eq!(kind(transfer(&read, 1..u64::MAX, &null)), ErrorKind::OutOfRange);
    assert_eq!(kind(transfer(&read, u64::MAX.., &null)), ErrorKind::OutOfRange);
    assert_eq!(kind(transfer(&read, ..=u64::MAX, &null)), ErrorKind::OutOfRange);
    assert_eq!(transfer(&read, ..=9, &null).unwrap().bytes, 10);
    assert_eq!(transfer(&read, i64::MAX as u64.., &null).unwrap().bytes, 0);
    assert_eq!(kind(transfer(pipe_with(vec![1]), 0..1, &null)), ErrorKind::InvalidInput);
    let error = transfer_all(File::open(dir.path()).unwrap(), &null).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::ISDIR.raw_os_error()));
}

#[test]
fn a_file_is_not_sent_into_the_bytes_that_are_being_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = file_with(dir.path(), "f", &pattern(1000));
    let read = File::open(&path).unwrap();
    let mut write = File::options().write(true).open(&path).unwrap();
    let append = File::options().append(true).open(&path).unwrap();
    for (target, range) in [(&write, 0..1000), (&write, 0..1)] {
        assert_eq!(transfer(&read, range, target).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    for target in [&write, &append] {
        assert_eq!(transfer(&read, .., target).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(transfer_all(&read, target).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert!(std::fs::read(&path).unwrap() == pattern(1000), "nothing was written");

    write.seek(SeekFrom::Start(2000)).unwrap();
    transfer(&read, 0..1000, &write).unwrap();
    transfer(&read, 0..500, &append).unwrap();
    let whole = std::fs::read(&path).unwrap();
    assert!(whole[2000..3000] == pattern(1000) && whole[3000..] == pattern(1000)[..500]);

    let (reader, writer) = std::io::pipe().unwrap();
    assert_eq!(transfer_all(&reader, &writer).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_full_target_is_no_space_and_names_the_target() {
    let dir = tempfile::tempdir().unwrap();
    let file = File::open(file_with(dir.path(), "source", &pattern(LEN))).unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let error = transfer(&file, .., &full).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert_eq!(error.path(), Some(Path::new("/dev/full")));
}

#[test]
fn holes_arrive_as_zeros() {
    let dir = tempfile::tempdir().unwrap();
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(dir.path().join("sparse"))
        .unwrap();
    file.set_len(3 << 20).unwrap();
    file.write_all_at(b"in the middle", 1 << 20).unwrap();
    for target in targets::ALL {
        let open = target.open(3 << 20);
        transfer(&file, .., &open.fd).unwrap();
        assert!(open.finish() == std::fs::read(dir.path().join("sparse")).unwrap(), "{target:?}");
    }
}

#[test]
fn a_mapping_is_a_source_by_its_descriptor_and_offset() {
    let bytes = pattern(LEN);
    let dir = tempfile::tempdir().unwrap();
    let path = file_with(dir.path(), "source", &bytes);
    let map = MapOptions::new().offset(5000).open_shared_mut(&path).unwrap();
    map.write_at(10, b"stored, and not flushed").unwrap();
    let (at, len) = (map.file_offset(), map.len() as u64);
    for target in targets::ALL {
        let open = target.open(map.len());
        assert_eq!(transfer(&map, at..at + len, &open.fd).unwrap().bytes, len);
        let got = open.finish();
        assert!(
            got[10..33] == *b"stored, and not flushed" && got[33..] == bytes[5033..],
            "{target:?}"
        );
    }
}

/// Where blocks can be shared they are, and holes stay holes.
#[test]
fn between_files_that_can_share_blocks_they_are_shared() {
    use std::os::unix::fs::MetadataExt;
    let ran =
        testfs::each(&[Kind::Xfs, Kind::Btrfs, Kind::Ext4, Kind::Tmpfs, Kind::Overlay], |fs| {
            let source = fs.path().join("source");
            let file =
                File::options().read(true).write(true).create_new(true).open(&source).unwrap();
            file.set_len(32 << 20).unwrap();
            file.write_all_at(&pattern(LEN), 8 << 20).unwrap();
            file.sync_all().unwrap();
            let target = File::create(fs.path().join("target")).unwrap();
            let sent = transfer(&file, .., &target).unwrap();
            let method = match fs.kind() {
                Kind::Ext4 | Kind::Tmpfs => Method::ThroughPipe,
                _ => Method::CopyFileRange,
            };
            assert_eq!((sent.bytes, sent.method), (32 << 20, method), "{}", fs.kind());
            assert!(
                std::fs::read(fs.path().join("target")).unwrap() == std::fs::read(&source).unwrap()
            );
            if matches!(fs.kind(), Kind::Xfs | Kind::Btrfs) {
                let allocated = target.metadata().unwrap().blocks() * 512;
                assert!(allocated < 4 << 20, "{allocated} bytes for {LEN} on {}", fs.kind());
            }
        });
    assert_eq!(ran.ran + ran.skipped, 5);
}

#[test]
fn a_target_that_fills_up_keeps_what_was_sent() {
    let Some(fs) = FileSystem::with_size(Kind::Tmpfs, 1 << 20) else { return };
    let dir = tempfile::tempdir().unwrap();
    let bytes = pattern(LEN);
    let file = File::open(file_with(dir.path(), "source", &bytes)).unwrap();
    let target = File::create(fs.path().join("target")).unwrap();
    let error = transfer(&file, .., &target).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
    let written = std::fs::read(fs.path().join("target")).unwrap();
    assert_eq!(written.len(), error.bytes_done());
    assert!(!written.is_empty() && written == bytes[..written.len()]);
}

#[test]
fn a_source_that_cannot_be_read_is_an_io_error_after_what_could_be() {
    let Some(device) = CutDevice::new() else { return };
    let bytes = pattern(64 * 4096);
    let path = file_with(device.path(), "f", &bytes);
    device.cut(&path, 32 * 4096).unwrap();
    for target in targets::ALL {
        // A terminal's reader waits for a number of bytes that is not known here.
        if target == Target::Terminal {
            continue;
        }
        let file = File::open(&path).unwrap();
        let open = target.open(0);
        let error = transfer(&file, .., &open.fd).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{target:?}: {error}");
        let got = open.finish();
        assert_eq!(got.len(), error.bytes_done(), "{target:?}");
        assert!(got == bytes[..got.len()] && got.len() <= 32 * 4096, "{target:?}");
    }
    device.mend().unwrap();
}

/// Any cuts of a file, sent one after the other, give the file.
fn pieces_give_the_whole(cuts: &[u16], target: Target) {
    let bytes = pattern(usize::from(u16::MAX) + 1);
    let dir = tempfile::tempdir().unwrap();
    let file = File::open(file_with(dir.path(), "source", &bytes)).unwrap();
    let open = target.open(bytes.len());
    let mut cuts: Vec<u64> =
        cuts.iter().map(|&cut| u64::from(cut)).chain([0, bytes.len() as u64]).collect();
    cuts.sort_unstable();
    for pair in cuts.windows(2) {
        let (from, to): (&File, &OwnedFd) = (&file, &open.fd);
        assert_eq!(
            transfer(from.as_fd(), pair[0]..pair[1], to.as_fd()).unwrap().bytes,
            pair[1] - pair[0]
        );
    }
    assert!(open.finish() == bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn ranges_one_after_the_other_give_the_whole(cuts in prop::collection::vec(any::<u16>(), 0..20), to in 0..targets::ALL.len()) {
        pieces_give_the_whole(&cuts, targets::ALL[to]);
    }
}
