//! Without a guarantee: zeros take the place of what is gone, and one line says so; or the process ends with that line.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;

use memmap2::folio::{Guarantee, OnFault, guarantee_of, poisoned, set_on_fault};
use memmap2::{Mmap, MmapMut, MmapOptions, MmapRaw, RemapOptions};
use testfs::Kind;

use crate::child::{RETURNED, folio_lines, in_child, lines_of};
use crate::support::*;

const LEN: usize = 5 * PAGE;

/// A file that was mapped by `how` and then truncated to one page; it is gone when the scenario is over.
fn truncated<M>(folder: &std::path::Path, how: impl FnOnce(&File) -> M) -> M {
    let path = patterned(folder, "a file", LEN);
    let file = read_write(&path);
    let map = how(&file);
    file.set_len(PAGE as u64).unwrap();
    map
}

fn check_zeros(bytes: &[u8]) {
    assert_eq!(first_wrong(&bytes[..PAGE], 0), None, "what is left of the file");
    assert!(bytes[PAGE..].iter().all(|&byte| byte == 0), "what is gone");
}

const TEST: &str = "lost::each_kind_of_mapping_says_it_once";

#[test]
fn each_kind_of_mapping_says_it_once() {
    for kind in [Kind::Ext4, Kind::Tmpfs, Kind::Xfs, Kind::Btrfs, Kind::Overlay] {
        let lines = lines_of(TEST, kind.name(), &[], || {
            let fs = testfs::FileSystem::new(kind);
            let Some(fs) = fs else { return };
            // SAFETY: what becomes of the bytes is what is tested, here and below.
            let map = truncated(fs.path(), |file| unsafe { Mmap::map(file) }.unwrap());
            check_zeros(&map);
            check_zeros(&map);
            assert_eq!((poisoned(&map), guarantee_of(&map)), (Some(PAGE), None));
            // SAFETY: as above.
            let mut map = truncated(fs.path(), |file| unsafe { MmapMut::map_mut(file) }.unwrap());
            map[2 * PAGE] = 1;
            assert_eq!((map[2 * PAGE], map[3 * PAGE], poisoned(&map)), (1, 0, Some(2 * PAGE)));
            assert!(map.flush().unwrap_err().to_string().contains("was lost"));
            // SAFETY: as above.
            let mut map =
                truncated(fs.path(), |file| unsafe { MmapOptions::new().map_copy(file).unwrap() });
            map[4 * PAGE] = 1;
            assert_eq!((map[4 * PAGE], poisoned(&map)), (1, Some(4 * PAGE)));
            let map = truncated(fs.path(), |file| MmapRaw::map_raw(file).unwrap());
            // SAFETY: as above.
            check_zeros(unsafe { std::slice::from_raw_parts(map.as_ptr(), map.len()) });
            // SAFETY: as above.
            let map = truncated(fs.path(), |file| unsafe {
                MmapOptions::new().offset(100).map(file).unwrap()
            });
            assert_eq!((map[0], map[2 * PAGE]), (pattern(100), 0));
            assert_eq!(poisoned(&map), Some(2 * PAGE - 100));
        });
        // With a file system that is not there, the child has said so and nothing else.
        let Some(lines) = lines else { continue };
        let bytes: Vec<_> =
            lines.iter().map(|line| line.split(": ").nth(2).unwrap_or("")).collect();
        let gone = "is gone (truncated, or its disk failed); zeros take its place";
        let wanted = [PAGE, 2 * PAGE, 4 * PAGE, PAGE, 2 * PAGE + 100];
        if lines.is_empty() {
            assert!(testfs::FileSystem::new(kind).is_none(), "{kind}");
            continue;
        }
        assert_eq!(bytes, wanted.map(|at| format!("byte {at} {gone}")), "{kind}");
        assert!(lines.iter().all(|line| line.contains("/a file: ")), "{lines:?}");
    }
}

#[test]
fn as_asked_it_says_nothing() {
    let test = "lost::as_asked_it_says_nothing";
    let lines = lines_of(test, "function", &[], || {
        set_on_fault(OnFault::Zeros);
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        // SAFETY: what becomes of the bytes is what is tested.
        let map = truncated(folder.path(), |file| unsafe { Mmap::map(file) }.unwrap());
        check_zeros(&map);
        assert_eq!(poisoned(&map), Some(PAGE));
    });
    assert_eq!(lines.unwrap_or_default(), [""; 0]);
}

#[test]
fn as_asked_it_ends_the_process() {
    let test = "lost::as_asked_it_ends_the_process";
    for (name, variables) in [("function", vec![]), ("word", vec![("FOLIO_MEMMAP2", "abort")])] {
        let output = in_child(test, name, &variables, || {
            if variables.is_empty() {
                set_on_fault(OnFault::LineAndAbort);
            }
            let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
            // SAFETY: what becomes of the bytes is what is tested.
            let map = truncated(folder.path(), |file| unsafe { Mmap::map(file) }.unwrap());
            assert_eq!(first_wrong(&map[..PAGE], 0), None);
            check_zeros(&map);
        });
        let Some(output) = output else { continue };
        assert_eq!(output.status.signal(), Some(6), "SIGABRT: {output:?}");
        let lines = folio_lines(&output);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let end = format!(
            "/a file: byte {PAGE} is gone (truncated, or its disk failed); the process ends"
        );
        assert!(lines[0].ends_with(&end), "{lines:?}");
    }
}

/// A page of zeros is two thousand instructions that store to wherever a register points.
#[test]
fn code_that_is_gone_ends_the_process() {
    let output = in_child("lost::code_that_is_gone_ends_the_process", "code", &[], || {
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        let map = truncated(folder.path(), |file| {
            // SAFETY: what becomes of the bytes is what is tested.
            unsafe { MmapOptions::new().map_exec(file) }.unwrap()
        });
        assert_eq!(map[2 * PAGE], 0, "data in it is zeros");
        let start = map.as_ptr().wrapping_add(3 * PAGE);
        // SAFETY: nothing is executed there: the page cannot be had.
        let code = unsafe { std::mem::transmute::<*const u8, extern "C" fn()>(start) };
        code();
    });
    if let Some(output) = output {
        assert_eq!(output.status.signal(), Some(7), "SIGBUS: {output:?}");
        assert_eq!(folio_lines(&output).len(), 1, "{output:?}");
    }
}

/// What was stored to zeros is lost, whatever becomes of the mapping afterwards.
#[test]
fn what_was_lost_stays_so_when_the_mapping_changes() {
    let test = "lost::what_was_lost_stays_so_when_the_mapping_changes";
    let lines = lines_of(test, "changed", &[], || {
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        // SAFETY: what becomes of the bytes is what is tested, here and below.
        let mut map = truncated(folder.path(), |file| unsafe { MmapMut::map_mut(file) }.unwrap());
        map[3 * PAGE] = 1;
        let mut map = map.make_read_only().unwrap().make_mut().unwrap();
        assert_eq!((map[3 * PAGE], poisoned(&map)), (1, Some(3 * PAGE)));
        assert!(map.flush().unwrap_err().to_string().contains("was lost"));
        map[2 * PAGE] = 1;
        assert_eq!(poisoned(&map), Some(2 * PAGE));
        // SAFETY: as above.
        let _ = unsafe { map.remap(PAGE, RemapOptions::new()) };
        assert_eq!(poisoned(&map), Some(2 * PAGE));
    });
    if let Some(lines) = lines {
        assert_eq!(lines.len(), 1, "once for a mapping: {lines:?}");
    }
}

/// A full disk loses stores, and the program must not think them safe.
#[test]
fn a_store_to_a_full_disk_is_told_by_flush() {
    let test = "lost::a_store_to_a_full_disk_is_told_by_flush";
    let lines = lines_of(test, "full", &[], || {
        let Some(fs) = testfs::FileSystem::with_size(Kind::Tmpfs, 1 << 20) else { return };
        let path = fs.path().join("sparse");
        let file =
            File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
        file.set_len(1 << 16).unwrap();
        // SAFETY: what becomes of the bytes is what is tested.
        let mut map = unsafe { MmapMut::map_mut(&file) }.unwrap();
        fs.fill().unwrap();
        map[PAGE] = 1;
        assert_eq!(map[PAGE], 1);
        assert!(map.flush().unwrap_err().to_string().contains("disk is full"));
        assert!(map.flush_async_range(0, 1).is_err());
    });
    if let Some(lines) = lines {
        assert!(lines.len() <= 1, "{lines:?}");
    }
}

/// Stores wait while a part of the content is put out of the writer's reach. When that fails they are allowed again.
#[test]
fn what_cannot_be_kept_takes_stores_all_the_same() {
    const FOLDER: &str = "FOLIO_TEST_FOLDER";
    let test = "lost::what_cannot_be_kept_takes_stores_all_the_same";
    if let Some(folder) = std::env::var_os(FOLDER) {
        in_child(test, "stores", &[], || store_where_there_is_no_room(folder.as_ref()));
        return;
    }
    // The others have clones, which need no room.
    testfs::each(&[Kind::Ext4, Kind::Tmpfs], |fs| {
        let folder = (FOLDER, fs.path().to_str().unwrap());
        let output = in_child(test, "stores", &[folder], || ()).unwrap();
        assert_eq!(output.status.code(), Some(RETURNED), "{}: {output:?}", fs.kind());
        let lines = folio_lines(&output);
        assert!(lines[0].contains("its content could not be kept"), "{lines:?}");
    });
}

fn store_where_there_is_no_room(folder: &std::path::Path) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let path = patterned(folder, "file", 4 << 20);
    let mut copy = map_copy(&path);
    copy[0] = 0;
    assert_eq!(guarantee_of(&copy), Some(Guarantee::Lease));
    // One that is kept, so that the watcher has all that it needs.
    let other = patterned(folder, "other", PAGE);
    let kept = map(&other);
    wait_for(truncate_in_a_child(&other));
    while guarantee_of(&kept) != Some(Guarantee::Snapshot) {
        std::thread::yield_now();
    }
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    let before = getrlimit(Resource::As);
    // Less than what is put out of reach at once.
    let current = Some(pages * PAGE as u64 + (1 << 20));
    setrlimit(Resource::As, Rlimit { current, ..before }).unwrap();
    let writer = truncate_in_a_child(&path);
    while guarantee_of(&copy).is_some() {
        std::thread::yield_now();
    }
    setrlimit(Resource::As, before).unwrap();
    wait_for(writer);
    for at in [1, 10 * PAGE, (4 << 20) - 1] {
        copy[at] = 5;
        assert_eq!(copy[at], 5);
    }
}

/// `program 2>&1 | head`, which ends first: with SIGPIPE as it is by default, a line would end what it is to save.
#[test]
fn a_stderr_that_nobody_reads_does_not_end_it() {
    let output = in_child("lost::a_stderr_that_nobody_reads_does_not_end_it", "pipe", &[], || {
        let (reader, writer) = std::io::pipe().unwrap();
        rustix::stdio::dup2_stderr(&writer).unwrap();
        drop(reader);
        // SAFETY: no handler: the default.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        // SAFETY: what becomes of the bytes is what is tested.
        let map = truncated(folder.path(), |file| unsafe { Mmap::map(file) }.unwrap());
        check_zeros(&map);
    });
    if let Some(output) = output {
        assert_eq!(output.status.code(), Some(RETURNED), "{output:?}");
    }
}

/// A handler that waited for the reader of a full pipe would wait for ever.
#[test]
fn a_full_stderr_does_not_stop_it() {
    let output = in_child("lost::a_full_stderr_does_not_stop_it", "pipe", &[], || {
        let (reader, writer) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        while rustix::io::write(&writer, &[b'x'; 4096]).is_ok() {}
        rustix::io::ioctl_fionbio(&writer, false).unwrap();
        rustix::stdio::dup2_stderr(&writer).unwrap();
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        // SAFETY: what becomes of the bytes is what is tested.
        let map = truncated(folder.path(), |file| unsafe { Mmap::map(file) }.unwrap());
        check_zeros(&map);
        drop(reader);
    });
    if let Some(output) = output {
        assert_eq!(output.status.code(), Some(RETURNED), "{output:?}");
    }
}

/// A file never waits for a reader, and some file systems refuse a write that is not to wait for anything.
#[test]
fn a_stderr_that_is_a_file_gets_the_line() {
    const FOLDER: &str = "FOLIO_TEST_FOLDER";
    let test = "lost::a_stderr_that_is_a_file_gets_the_line";
    if let Some(folder) = std::env::var_os(FOLDER) {
        in_child(test, "file", &[], || write_the_line_to_a_log(folder.as_ref()));
        return;
    }
    let outcome = testfs::each(LEASING, |fs| {
        let folder = (FOLDER, fs.path().to_str().unwrap());
        let output = in_child(test, "file", &[folder], || ()).unwrap();
        assert_eq!(output.status.code(), Some(RETURNED), "{}: {output:?}", fs.kind());
    });
    assert_eq!(outcome.ran + outcome.skipped, LEASING.len());
}

fn write_the_line_to_a_log(folder: &std::path::Path) {
    let path = folder.join("log");
    std::fs::write(&path, "a line that is there already\n").unwrap();
    let log = File::options().append(true).open(&path).unwrap();
    rustix::stdio::dup2_stderr(&log).unwrap();
    // SAFETY: what becomes of the bytes is what is tested.
    let map = truncated(folder, |file| unsafe { Mmap::map(file) }.unwrap());
    // The log was changed long ago, as logs are, so that its times are to be changed, too.
    let times = std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    log.set_times(times).unwrap();
    check_zeros(&map);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.len() == 2 && lines[1].starts_with("folio: "), "{text:?}");
}
