//! A program that closes descriptors which it did not open, folio's among them, and opens others with the same numbers.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use memmap2::folio::{Guarantee, guarantee_of, poisoned};
use memmap2::{Mmap, RemapOptions};

use crate::child::lines_of;
use crate::forked::forked;
use crate::support::*;

const LEN: usize = 50 * PAGE;
/// Where the child finds the file system that its parent made: it must own nothing whose descriptor could be closed.
const FOLDER: &str = "FOLIO_TEST_FOLDER";
/// The kernel would break the lease by force after 45 s.
const FORCED: Duration = Duration::from_secs(40);

/// Run `scenario`, which is silent, in a process of its own on each file system.
fn on_each_disk(test: &str, scenario: fn(&Path)) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        lines_of(test, "closed", &[], || scenario(Path::new(&folder)));
        return;
    }
    let outcome = testfs::each(LEASING, |fs| {
        let folder = (FOLDER, fs.path().to_str().unwrap());
        let lines = lines_of(test, "closed", &[folder], || ());
        assert_eq!(lines.unwrap(), [""; 0], "{}", fs.kind());
    });
    assert_eq!(outcome.ran + outcome.skipped, LEASING.len());
}

/// Close all descriptors but the first three, as daemons do. Nothing that has one may be dropped afterwards.
fn close_all() {
    // SAFETY: as above; what folio makes of it is what is tested.
    assert_eq!(unsafe { libc::close_range(3, libc::c_uint::MAX, 0) }, 0);
}

/// Files of as many bytes, all different from the pattern's, with the numbers of those that were closed.
fn others(folder: &Path) -> Vec<File> {
    let path = folder.join("other");
    std::fs::write(&path, vec![0xee; LEN]).unwrap();
    (0..16).map(|_| File::open(&path).unwrap()).collect()
}

/// Nobody has closed or changed them.
fn assert_untouched(others: &[File]) {
    for file in others {
        let mut byte = [0];
        file.read_exact_at(&mut byte, LEN as u64 - 1).unwrap();
        assert_eq!(byte, [0xee]);
    }
}

fn lease_of(file: &File) -> i32 {
    // SAFETY: asks, and takes nothing.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLEASE) }
}

#[test]
fn the_bytes_are_kept_and_nobody_else_s_are_taken_for_them() {
    on_each_disk("closed::the_bytes_are_kept_and_nobody_else_s_are_taken_for_them", |folder| {
        let path = patterned(folder, "file", LEN);
        let (map, mut copy) = (map(&path), map_copy(&path));
        copy[3 * PAGE] = 0;
        assert_eq!(guarantee_of(&map), Some(Guarantee::Lease));
        close_all();
        let others = others(folder);
        let start = Instant::now();
        truncate_elsewhere(&path, 0);
        assert!(start.elapsed() < FORCED, "{:?}", start.elapsed());
        assert_eq!((first_wrong(&map, 0), guarantee_of(&map)), (None, Some(Guarantee::Snapshot)));
        assert_eq!(copy[3 * PAGE], 0);
        copy[3 * PAGE] = pattern(3 * PAGE);
        assert_eq!(first_wrong(&copy, 0), None);
        // The file that it would grow into nobody has.
        let mut map = map;
        // SAFETY: no slice of it is alive.
        let grown = unsafe { map.remap(2 * LEN, RemapOptions::new().may_move(true)) };
        assert_eq!(grown.unwrap_err().raw_os_error(), Some(libc::ENOMEM));
        assert_eq!((first_wrong(&map, 0), guarantee_of(&map)), (None, Some(Guarantee::Snapshot)));
        assert_eq!((poisoned(&map), poisoned(&copy)), (None, None));
        drop((map, copy));
        assert_untouched(&others);
    });
}

#[test]
fn dropping_the_mapping_closes_nothing_of_others_and_ends_no_lease_of_theirs() {
    let test = "closed::dropping_the_mapping_closes_nothing_of_others_and_ends_no_lease_of_theirs";
    on_each_disk(test, |folder| {
        let path = patterned(folder, "file", LEN);
        let map = map(&path);
        close_all();
        // Once more the file itself: the number says the same of it.
        let mut others = others(folder);
        others.extend((0..8).map(|_| File::open(&path).unwrap()));
        for file in &others {
            // SAFETY: an integer.
            let answer = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_RDLCK) };
            assert_eq!(answer, 0);
        }
        drop(map);
        assert!(others.iter().all(|file| lease_of(file) == libc::F_RDLCK));
    });
}

/// The same file under the same number, and with a lease of folio's: only which mapping's it is tells them apart.
#[test]
fn a_mapping_made_afterwards_keeps_its_own_lease() {
    on_each_disk("closed::a_mapping_made_afterwards_keeps_its_own_lease", |folder| {
        let path = patterned(folder, "file", LEN);
        let before: Vec<Mmap> = (0..4).map(|_| map(&path)).collect();
        close_all();
        // The numbers of the first mappings' descriptors become those of these, and of the files that they are made from.
        let files: Vec<File> = (0..3).map(|_| File::open(&path).unwrap()).collect();
        // SAFETY: a test's own file.
        let after: Vec<Mmap> =
            files.iter().map(|file| unsafe { Mmap::map(file) }.unwrap()).collect();
        drop(before);
        assert!(files.iter().all(|file| lease_of(file) == libc::F_RDLCK));
        truncate_elsewhere(&path, 0);
        for map in &after {
            assert_eq!((first_wrong(map, 0), guarantee_of(map)), (None, Some(Guarantee::Snapshot)));
        }
        assert!(files.iter().all(|file| file.metadata().unwrap().len() == 0));
    });
}

/// A daemon is the child, and the parent is gone.
#[test]
fn a_daemon_that_drops_what_its_parent_mapped_closes_nothing_of_its_own() {
    let test = "closed::a_daemon_that_drops_what_its_parent_mapped_closes_nothing_of_its_own";
    on_each_disk(test, |folder| {
        let path = patterned(folder, "file", LEN);
        let map = map(&path);
        let pages = std::ptr::from_ref(&map);
        assert!(forked(|| {
            close_all();
            let others = others(folder);
            // SAFETY: the child ends without dropping the original.
            drop(unsafe { std::ptr::read(pages) });
            assert_untouched(&others);
        }));
        assert_eq!(guarantee_of(&map), Some(Guarantee::Lease));
        truncate_elsewhere(&path, 0);
        assert_eq!((first_wrong(&map, 0), guarantee_of(&map)), (None, Some(Guarantee::Snapshot)));
    });
}

/// The copy takes a while, and has a descriptor, too.
#[test]
fn closing_all_while_the_bytes_are_copied_hurts_nobody() {
    const LEN: usize = 24 << 20;
    on_each_disk("closed::closing_all_while_the_bytes_are_copied_hurts_nobody", |folder| {
        let path = folder.join("file");
        std::fs::write(&path, vec![7; LEN]).unwrap();
        let (map, mut copy) = (map(&path), map_copy(&path));
        copy[0] = 9;
        let done = || [guarantee_of(&map), guarantee_of(&copy)] == [Some(Guarantee::Snapshot); 2];
        // No child of fork, which would have the lease, too.
        let program = ["-e", "truncate($ARGV[0], 0) or die $!"];
        let mut writer = Command::new("perl").args(program).arg(&path).spawn().unwrap();
        let mut files = Vec::new();
        for _ in 0..3 {
            while !(is_being_copied() || done()) {}
            // A clone takes no time.
            if done() {
                break;
            }
            close_all();
            std::mem::forget(files);
            files = (0..8).map(|number| writable(folder, number)).collect();
        }
        assert!(writer.wait().unwrap().success());
        // Without the descriptor the writer is let in as soon as the last page is out of its reach.
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < FORCED, "it was not kept");
        }
        for file in &files {
            assert_eq!(file.metadata().unwrap().len(), 0, "nothing was written to it");
            file.write_all_at(b"it takes stores", 0).unwrap();
        }
        assert!(map.iter().all(|&byte| byte == 7));
        assert!(copy[0] == 9 && copy[1..].iter().all(|&byte| byte == 7));
        assert_eq!((poisoned(&map), poisoned(&copy)), (None, None));
    });
}

/// Whether folio has a file in memory open.
fn is_being_copied() -> bool {
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    links
        .filter_map(|link| std::fs::read_link(link.ok()?.path()).ok())
        .any(|name| name.as_os_str().as_encoded_bytes().starts_with(b"/memfd:folio"))
}

/// An empty file, open for reading and writing.
fn writable(folder: &Path, number: usize) -> File {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    options.open(folder.join(format!("empty {number}"))).unwrap()
}

/// The kernel names no owner of a lease whose process is gone. Nor of what the daemon opens: but that has no lease.
#[test]
fn a_daemon_whose_parent_is_gone_opens_the_same_file_anew_and_keeps_it() {
    let test = "closed::a_daemon_whose_parent_is_gone_opens_the_same_file_anew_and_keeps_it";
    on_each_disk(test, |folder| {
        let (path, done) = (patterned(folder, "file", LEN), folder.join("done"));
        let be_orphaned = || {
            let map = std::mem::ManuallyDrop::new(map(&path));
            assert_eq!(guarantee_of(&*map), Some(Guarantee::Lease));
            let parent = rustix::process::getpid();
            // SAFETY: the child touches memory, opens files and ends.
            if unsafe { libc::fork() } > 0 {
                return;
            }
            while rustix::process::getppid() == Some(parent) {
                std::thread::yield_now();
            }
            close_all();
            let files: Vec<_> = (0..8).map(|_| File::open(&path).unwrap()).collect();
            drop(std::mem::ManuallyDrop::into_inner(map));
            let kept = files.iter().all(|file| file.read_exact_at(&mut [0], 0).is_ok());
            std::fs::write(&done, if kept { "kept" } else { "closed" }).unwrap();
            // SAFETY: it ends here and nowhere else.
            unsafe { libc::_exit(0) };
        };
        assert!(forked(be_orphaned));
        let start = Instant::now();
        while std::fs::read(&done).map_or(true, |text| text.is_empty()) {
            assert!(start.elapsed() < FORCED, "it did not end");
            std::thread::yield_now();
        }
        assert_eq!(std::fs::read_to_string(&done).unwrap(), "kept");
        std::fs::remove_file(&done).unwrap();
    });
}

#[test]
fn a_frozen_mapping_and_a_draft_keep_their_bytes_too() {
    use folio::{ErrorKind, MapOptions};
    on_each_disk("closed::a_frozen_mapping_and_a_draft_keep_their_bytes_too", |folder| {
        let path = patterned(folder, "file", LEN);
        let options = MapOptions::new().guarantees(Guarantee::Lease);
        // Each has a descriptor of the file besides the lease's, which the program has closed, too.
        let frozen = std::mem::ManuallyDrop::new(options.open_frozen(&path).unwrap());
        let mut draft = std::mem::ManuallyDrop::new(options.open_private(&path).unwrap());
        draft[3 * PAGE] = 0;
        assert_eq!(draft.changed().unwrap().len(), 1);
        close_all();
        let others = others(folder);
        assert_eq!(draft.changed().unwrap_err().kind(), ErrorKind::Io, "not with another file's");
        assert!(draft.revert(..).is_err(), "it may be a copy with the changes a moment later");
        truncate_elsewhere(&path, 0);
        assert_eq!((first_wrong(&frozen, 0), frozen.guarantee()), (None, Guarantee::Snapshot));
        assert_eq!((draft[3 * PAGE], draft.guarantee()), (0, Guarantee::Snapshot));
        draft[3 * PAGE] = pattern(3 * PAGE);
        assert_eq!(first_wrong(&draft, 0), None);
        draft[3 * PAGE] = 0;
        assert!(draft.changed().is_err(), "what it was nobody knows");
        assert!(draft.revert(..).is_err());
        assert_eq!(draft[3 * PAGE], 0);
        assert_untouched(&others);
    });
}

/// With no descriptor for a copy either: the mapping goes on without a guarantee, and one line says so.
#[test]
fn what_cannot_be_kept_is_told_and_goes_on() {
    let test = "closed::what_cannot_be_kept_is_told_and_goes_on";
    let lines = lines_of(test, "lost", &[], || {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let folder =
            std::mem::ManuallyDrop::new(tempfile::tempdir_in(testfs::with_leases()).unwrap());
        let path = patterned(folder.path(), "file", LEN);
        let map = map(&path);
        close_all();
        setrlimit(Resource::Nofile, Rlimit { current: Some(3), maximum: Some(3) }).unwrap();
        let writer = truncate_in_a_child(&path);
        let start = Instant::now();
        while guarantee_of(&map).is_some() {
            assert!(start.elapsed() < FORCED, "nobody noticed");
            std::thread::yield_now();
        }
        // SAFETY: a child of this process that was not waited for.
        assert_eq!(unsafe { libc::kill(writer, libc::SIGKILL) }, 0);
        assert_eq!(first_wrong(&map, 0), None, "nobody was let in yet");
        std::fs::remove_file(&path).unwrap();
        std::fs::remove_dir(folder.path()).unwrap();
    });
    if let Some(lines) = lines {
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert!(line.contains("folio's descriptor of the file was closed"), "{line}");
        assert!(line.contains("the mapping shows what is written"), "{line}");
    }
}
