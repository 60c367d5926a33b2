//! Whom the kernel tells of what happens to an open file is the program's to say (`F_SETOWN`), before and after a mapping.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use memmap2::Mmap;
use memmap2::folio::{Guarantee, guarantee_of};
use testfs::Kind;

use crate::child::lines_of;
use crate::support::*;

const LEN: usize = 50 * PAGE;

fn owner(file: &File) -> i32 {
    // SAFETY: asks, and takes nothing.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETOWN) }
}

fn mapped(file: &File) -> Mmap {
    // SAFETY: a test's own file.
    unsafe { Mmap::map(file) }.unwrap()
}

#[test]
fn a_mapping_leaves_the_open_file_as_it_was() {
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", LEN);
    let file = File::open(&path).unwrap();
    let map = mapped(&file);
    assert_eq!(guarantee_of(&map), Some(Guarantee::Lease));
    drop(map);
    assert_eq!(owner(&file), 0, "dropped");
    let map = mapped(&file);
    truncate_elsewhere(&path, LEN as u64);
    // Nobody waits for the watcher any more once the file was truncated; it has yet to go on.
    let start = Instant::now();
    while guarantee_of(&map) != Some(Guarantee::Snapshot) || owner(&file) != 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "kept: {}", owner(&file));
        std::thread::yield_now();
    }
    let writer = read_write(&path);
    assert_eq!(guarantee_of(&mapped(&file)), None);
    assert_eq!(owner(&file), 0, "refused");
    drop(writer);
}

#[test]
fn a_program_s_own_wishes_stay() {
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", LEN);
    let file = File::open(&path).unwrap();
    let process = i32::try_from(std::process::id()).unwrap();
    // SAFETY: an integer.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETOWN, process) }, 0);
    let map = mapped(&file);
    assert_eq!((guarantee_of(&map), owner(&file)), (Some(Guarantee::Lease), process));
    truncate_elsewhere(&path, 0);
    assert_eq!((first_wrong(&map, 0), owner(&file)), (None, process));
}

static TOLD: AtomicBool = AtomicBool::new(false);

extern "C" fn tell(_: libc::c_int) {
    TOLD.store(true, Ordering::SeqCst);
}

/// A lease of the program's own, through a descriptor that was mapped before.
#[test]
fn the_program_is_told_of_its_own_lease() {
    let test = "signals::the_program_is_told_of_its_own_lease";
    let lines = lines_of(test, "lease", &[], || {
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        let path = patterned(folder.path(), "file", LEN);
        let file = File::open(&path).unwrap();
        let map = mapped(&file);
        assert_eq!(guarantee_of(&map), Some(Guarantee::Lease));
        drop(map);
        let writer = read_write(&path);
        assert_eq!(guarantee_of(&mapped(&file)), None);
        drop(writer);
        let handler = tell as extern "C" fn(libc::c_int);
        // SAFETY: the handler stores to an atomic.
        unsafe { libc::signal(libc::SIGIO, handler as libc::sighandler_t) };
        // SAFETY: an integer.
        assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_RDLCK) }, 0);
        assert!(would_block(&path));
        let start = Instant::now();
        while !TOLD.load(Ordering::SeqCst) {
            assert!(start.elapsed() < Duration::from_secs(20), "nobody was told");
            std::thread::yield_now();
        }
    });
    assert_eq!(lines.unwrap_or_default(), [""; 0]);
}

/// Whether a lease holds back who opens the file for writing.
fn would_block(path: &Path) -> bool {
    let open = File::options().write(true).custom_flags(libc::O_NONBLOCK).open(path);
    open.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}
