//! What is no regular file, and descriptors that are none.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

type Answer = Result<usize, (io::ErrorKind, Option<i32>, String)>;

fn answer(result: io::Result<usize>) -> Answer {
    result.map_err(|error| (error.kind(), error.raw_os_error(), error.to_string()))
}

/// Offsets and lengths: usual ones, and some that no file or no address space has.
const RANGES: [(u64, Option<usize>); 13] = [
    (0, None),
    (0, Some(0)),
    (0, Some(1)),
    (0, Some(10_000)),
    (5000, None),
    (5000, Some(1)),
    (1 << 40, None),
    (1 << 40, Some(4096)),
    (1 << 63, Some(4096)),
    (u64::MAX - 4095, Some(4096)),
    (u64::MAX, None),
    (0, Some(1 << 62)),
    (4096, Some(usize::MAX / 2 + 1)),
];

macro_rules! answers {
    ($krate:ident, $fd:expr) => {{
        let fd: RawFd = $fd;
        let mut answers = Vec::new();
        for (offset, len) in RANGES {
            let mut options = $krate::MmapOptions::new();
            options.offset(offset);
            if let Some(len) = len {
                options.len(len);
            }
            // SAFETY: no byte is touched.
            unsafe {
                answers.push(answer(options.map(fd).map(|map| map.len())));
                answers.push(answer(options.map_exec(fd).map(|map| map.len())));
                answers.push(answer(options.map_mut(fd).map(|map| map.len())));
                answers.push(answer(options.map_copy(fd).map(|map| map.len())));
                answers.push(answer(options.map_copy_read_only(fd).map(|map| map.len())));
            }
            answers.push(answer(options.map_raw(fd).map(|map| map.len())));
            answers.push(answer(options.map_raw_read_only(fd).map(|map| map.len())));
            answers.push(answer(options.map_if_safe(fd).map(|map| map.len()).map_err(Into::into)));
        }
        answers
    }};
}

fn same(what: &str, fd: RawFd) {
    assert_eq!(answers!(memmap2, fd), answers!(original, fd), "{what}: ours and theirs");
}

#[test]
fn what_cannot_be_mapped_is_refused_alike() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = io::pipe().unwrap();
    let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
    let path_only =
        |flags: i32| File::options().read(true).custom_flags(flags).open(folder.path()).unwrap();
    let socket = std::os::unix::net::UnixDatagram::unbound().unwrap();
    same("a directory", File::open(folder.path()).unwrap().as_raw_fd());
    same("a path", path_only(rustix::fs::OFlags::PATH.bits().cast_signed()).as_raw_fd());
    same("a pipe to read", reader.as_raw_fd());
    same("a pipe to write", writer.as_raw_fd());
    same("a socket", socket.as_raw_fd());
    same("/dev/null", File::open("/dev/null").unwrap().as_raw_fd());
    same("/dev/zero", File::open("/dev/zero").unwrap().as_raw_fd());
    same("a file of /proc", File::open("/proc/self/status").unwrap().as_raw_fd());
    same(
        "a file of /sys",
        File::open("/sys/kernel/mm/transparent_hugepage/enabled").unwrap().as_raw_fd(),
    );
}

#[test]
fn files_are_mapped_and_refused_alike_however_they_were_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, [7; 9000]).unwrap();
    let options = File::options;
    for (what, file) in [
        ("to read", options().read(true).open(&path)),
        ("to write", options().write(true).open(&path)),
        ("to append", options().read(true).append(true).open(&path)),
        ("to read and write", options().read(true).write(true).open(&path)),
    ] {
        same(what, file.unwrap().as_raw_fd());
    }
    let file = options().read(true).write(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    same("without a name", file.as_raw_fd());
}

/// A device of blocks has no length of its own.
#[test]
fn a_block_device_is_mapped_alike() {
    match File::open("/dev/loop0") {
        Ok(device) => same("a loop device", device.as_raw_fd()),
        Err(error) => testfs::skip("a loop device", error),
    }
}

#[test]
fn a_number_that_is_no_descriptor_is_an_error() {
    same("a number that is free", 900);
    // memmap2 panics where it asks for the length, in the standard library: `fd != -1`.
    for number in [-1, -2, RawFd::MIN] {
        // SAFETY: nothing is mapped.
        let error = unsafe { memmap2::Mmap::map(number) }.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(9), "EBADF for {number}");
    }
}

#[test]
fn sealed_memfds_are_mapped_and_others_named_alike() {
    use rustix::fs::{MemfdFlags, SealFlags};
    for seals in [
        SealFlags::empty(),
        SealFlags::SHRINK,
        SealFlags::WRITE,
        SealFlags::SHRINK | SealFlags::WRITE,
        SealFlags::SHRINK | SealFlags::WRITE | SealFlags::GROW,
        SealFlags::SHRINK | SealFlags::WRITE | SealFlags::GROW | SealFlags::SEAL,
        SealFlags::SHRINK | SealFlags::FUTURE_WRITE,
    ] {
        let memfd =
            rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
                .unwrap();
        rustix::io::write(&memfd, &[7; 5000]).unwrap();
        rustix::fs::fcntl_add_seals(&memfd, seals).unwrap();
        same(&format!("a memfd with {seals:?}"), memfd.as_raw_fd());
        let text = |error: &dyn std::error::Error| format!("{error} {error:?}");
        let theirs = original::Mmap::map_if_safe(&memfd).map(|map| map.to_vec());
        let ours = memmap2::Mmap::map_if_safe(&memfd).map(|map| map.to_vec());
        assert_eq!(
            ours.map_err(|error| text(&error)),
            theirs.map_err(|error| text(&error)),
            "{seals:?}"
        );
    }
}

#[test]
fn anonymous_memory_is_had_and_refused_alike() {
    macro_rules! tried {
        ($krate:ident) => {{
            let mut answers = Vec::new();
            for len in
                [0, 1, 4096, 5000, 1 << 21, 1 << 62, usize::MAX / 2, usize::MAX / 2 + 1, usize::MAX]
            {
                for huge in [None, Some(None), Some(Some(21)), Some(Some(16)), Some(Some(255))] {
                    let mut options = $krate::MmapOptions::new();
                    options.len(len).stack().no_reserve_swap();
                    if let Some(bits) = huge {
                        options.huge(bits);
                    }
                    answers.push(answer(options.map_anon().map(|map| map.len())));
                }
            }
            answers
        }};
    }
    assert_eq!(tried!(memmap2), tried!(original));
}
