//! fork(2): the child has the pages, as with memmap2.

use memmap2::folio::{Guarantee, guarantee_of, poisoned};

use crate::child::lines_of;
use crate::support::*;

const LEN: usize = 50 * PAGE;

/// Run `scenario` in a child of fork(2); whether it returned.
pub(crate) fn forked(scenario: impl FnOnce()) -> bool {
    // SAFETY: the scenario touches memory, and maps and unmaps files; no other thread holds a lock that it needs.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        scenario();
        // SAFETY: it ends here and nowhere else.
        unsafe { libc::_exit(7) };
    }
    let mut status = 0;
    // SAFETY: the status is written to.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7
}

#[test]
fn a_child_reads_what_its_parent_mapped() {
    let lines = lines_of("forked::a_child_reads_what_its_parent_mapped", "fork", &[], || {
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        let path = patterned(folder.path(), "file", LEN);
        let (map, mut copy) = (map(&path), map_copy(&path));
        copy[3] = 0;
        assert_eq!(guarantee_of(&map), Some(Guarantee::Lease));
        assert!(forked(|| {
            assert_eq!((first_wrong(&map, 0), guarantee_of(&map)), (None, None));
            assert_eq!((copy[3], first_wrong(&copy[4..], 4)), (0, None));
            // Its own, of the same file.
            let own = crate::support::map(&path);
            assert_eq!((first_wrong(&own, 0), guarantee_of(&own)), (None, Some(Guarantee::Lease)));
        }));
        assert!(forked(|| {
            let pages = map.as_ptr();
            assert!(is_mapped(pages));
            drop(map_again(&map));
            assert!(!is_mapped(pages), "a child unmaps what it drops");
        }));
        // What the child dropped, or ended with, is the parent's still.
        assert!(forked(|| drop((map_again(&map), copy_again(&copy)))));
        assert_eq!(guarantee_of(&map), Some(Guarantee::Lease));
        truncate_elsewhere(&path, 0);
        assert_eq!((first_wrong(&map, 0), guarantee_of(&map)), (None, Some(Guarantee::Snapshot)));
        assert!(forked(|| assert_eq!(first_wrong(&map, 0), None)), "pages of folio's own stay");
    });
    assert_eq!(lines.unwrap_or_default(), [""; 0]);
}

/// Whether there is a page at `address`; mincore(2).
fn is_mapped(address: *const u8) -> bool {
    let mut resident = 0u8;
    // SAFETY: the kernel answers ENOMEM where nothing is mapped, and writes one byte for one page.
    unsafe { libc::mincore(address.cast_mut().cast(), PAGE, &raw mut resident) == 0 }
}

/// The value that `map` refers to, to be dropped in a child, whose memory is its own.
fn map_again(map: &memmap2::Mmap) -> memmap2::Mmap {
    // SAFETY: the child ends without dropping the original.
    unsafe { std::ptr::read(map) }
}

fn copy_again(copy: &memmap2::MmapMut) -> memmap2::MmapMut {
    // SAFETY: as above.
    unsafe { std::ptr::read(copy) }
}

#[test]
fn in_a_child_it_is_the_file_as_it_changes_and_no_fault_kills() {
    let test = "forked::in_a_child_it_is_the_file_as_it_changes_and_no_fault_kills";
    let lines = lines_of(test, "fork", &[], || {
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        let path = patterned(folder.path(), "file", LEN);
        let map = map(&path);
        let (mut to_child, mut to_parent) = (std::io::pipe().unwrap(), std::io::pipe().unwrap());
        std::thread::scope(|scope| {
            let (ready, gone) = (&mut to_parent.0, &mut to_child.1);
            let other = &path;
            scope.spawn(move || {
                use std::io::{Read, Write};
                ready.read_exact(&mut [0]).unwrap();
                truncate_elsewhere(other, PAGE as u64);
                gone.write_all(&[1]).unwrap();
            });
            assert!(forked(|| {
                use std::io::{Read, Write};
                to_parent.1.write_all(&[1]).unwrap();
                to_child.0.read_exact(&mut [0]).unwrap();
                assert_eq!(first_wrong(&map[..PAGE], 0), None);
                assert!(map[PAGE..].iter().all(|&byte| byte == 0));
                assert_eq!(poisoned(&map), Some(PAGE));
            }));
        });
        assert_eq!((first_wrong(&map, 0), poisoned(&map)), (None, None), "the parent's are kept");
    });
    if let Some(lines) = lines {
        assert_eq!(lines.len(), 1, "{lines:?}");
    }
}

/// A lease that nobody answers for would hold a writer back for 45 s.
#[test]
fn a_child_that_is_left_behind_keeps_no_writer_waiting() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let test = "forked::a_child_that_is_left_behind_keeps_no_writer_waiting";
    let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
    let path = std::env::var("FOLIO_TEST_FOLDER").map_or(folder.path().to_owned(), Into::into);
    let (file, fifo) = (path.join("file"), path.join("fifo"));
    let variable = ("FOLIO_TEST_FOLDER", path.to_str().unwrap());
    let lines = lines_of(test, "left", &[variable], || {
        let map = map(&patterned(&path, "file", LEN));
        assert_eq!(guarantee_of(&map), Some(Guarantee::Lease));
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
        // SAFETY: the child touches memory, opens files and ends.
        if unsafe { libc::fork() } == 0 {
            let nothing = std::fs::File::options().write(true).open("/dev/null").unwrap();
            rustix::stdio::dup2_stdout(&nothing).unwrap();
            rustix::stdio::dup2_stderr(&nothing).unwrap();
            let kept_open = std::fs::read(&fifo);
            drop(kept_open);
            // SAFETY: it ends here and nowhere else.
            unsafe { libc::_exit(i32::from(map.is_empty())) };
        }
        // Ended with, and not dropped.
        std::mem::forget(map);
    });
    if lines.is_some() {
        let start = std::time::Instant::now();
        truncate_elsewhere(&file, 0);
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
        // It has lived until now: it waits for somebody to open this.
        std::fs::write(&fifo, b"end").unwrap();
    }
}

/// A descriptor that the process began with is somebody else's, too.
#[test]
fn a_lease_is_not_left_on_what_others_have_open() {
    use std::os::fd::AsRawFd;
    let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
    let path = patterned(folder.path(), "file", LEN);
    let (own, inherited) =
        (std::fs::File::open(&path).unwrap(), std::fs::File::open(&path).unwrap());
    rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty()).unwrap();
    // SAFETY: asks, and takes nothing.
    let lease_of =
        |file: &std::fs::File| unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLEASE) };
    for (file, through) in [(own, libc::F_RDLCK), (inherited, libc::F_UNLCK)] {
        // SAFETY: a test's own file.
        let map = unsafe { memmap2::Mmap::map(&file) }.unwrap();
        assert_eq!((guarantee_of(&map), lease_of(&file)), (Some(Guarantee::Lease), through));
        drop(map);
        assert_eq!(lease_of(&file), libc::F_UNLCK);
    }
}

/// A child has the locks as they were when it was made, and no thread that would unlock them.
#[test]
fn children_of_a_busy_process_map_too() {
    let test = "forked::children_of_a_busy_process_map_too";
    lines_of(test, "busy", &[], || {
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        let path = patterned(folder.path(), "file", LEN);
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(std::sync::atomic::Ordering::Relaxed) {
                        drop((map(&path), map_copy(&path)));
                    }
                });
            }
            for _ in 0..100 {
                let returned = forked(|| {
                    // SAFETY: a child that hangs is ended.
                    unsafe { libc::alarm(30) };
                    let own = map(&path);
                    assert_eq!(first_wrong(&own, 0), None);
                });
                assert!(returned);
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    });
}

/// While a private mapping's content is put out of a writer's reach, stores to a part of it wait for the thread that does so,
/// which a child does not have; and what that thread has borrowed is never given back there.
#[test]
fn a_child_stores_though_its_parent_s_pages_were_changing_hands() {
    let test = "forked::a_child_stores_though_its_parent_s_pages_were_changing_hands";
    lines_of(test, "stores", &[], || {
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        for _ in 0..5 {
            let path = patterned(folder.path(), "file", 16 << 20);
            let mut copy = map_copy(&path);
            copy.iter_mut().step_by(PAGE).for_each(|byte| *byte = 0xff);
            let done = std::sync::atomic::AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    truncate_elsewhere(&path, 0);
                    done.store(true, std::sync::atomic::Ordering::Relaxed);
                });
                let mut children = 0;
                while children == 0 || !done.load(std::sync::atomic::Ordering::Relaxed) {
                    assert!(forked(|| {
                        // SAFETY: a child that waits for ever is ended.
                        unsafe { libc::alarm(20) };
                        let mut own = copy_again(&copy);
                        own.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
                        assert_eq!(own.make_read_only().unwrap().len(), 16 << 20);
                    }));
                    children += 1;
                }
            });
            assert!(copy.iter().step_by(PAGE).all(|&byte| byte == 0xff));
        }
    });
}
