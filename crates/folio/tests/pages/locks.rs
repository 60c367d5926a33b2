//! Range locks exclude each other between guards, threads and processes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use folio::{ErrorKind, LockMode, RangeLock};
use rustix::fs::FlockOperation;

use LockMode::{Exclusive, Shared};

fn file() -> (tempfile::TempDir, PathBuf, File) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("locked");
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    (dir, path, file)
}

#[test]
fn guards_of_one_descriptor_exclude_each_other() {
    let (_dir, _, file) = file();
    for (first, second, both) in [
        (Shared, Shared, true),
        (Shared, Exclusive, false),
        (Exclusive, Shared, false),
        (Exclusive, Exclusive, false),
    ] {
        let _first = RangeLock::acquire(&file, 10..20, first).unwrap();
        for range in [0..11, 19..30, 12..13, 0..100] {
            let second = RangeLock::try_acquire(&file, range, second);
            assert_eq!(second.is_ok(), both);
            assert!(second.err().is_none_or(|error| error.kind() == ErrorKind::Busy));
        }
        for free in [0..10, 20..30] {
            drop(RangeLock::try_acquire(&file, free, second).unwrap());
        }
        assert_eq!(RangeLock::try_acquire(&file, 15.., second).is_ok(), both);
        drop(RangeLock::try_acquire(&file, 20.., second).unwrap());
    }
    drop(RangeLock::try_acquire(&file, .., Exclusive).expect("all are gone"));
}

#[test]
fn other_descriptors_of_the_file_may_come_and_go() {
    let (_dir, path, file) = file();
    let lock = RangeLock::acquire(&file, 0..10, Exclusive).unwrap();
    drop(File::open(&path).unwrap());
    drop(file.try_clone().unwrap());
    drop(file);
    let other = File::options().write(true).open(&path).unwrap();
    let busy = RangeLock::try_acquire(&other, 5..6, Exclusive).unwrap_err();
    assert_eq!(busy.path(), Some(path.as_path()));
    assert!(busy.to_string().contains("an exclusive lock on bytes 0..10"), "{busy}");
    drop(lock);
    drop(RangeLock::try_acquire(&other, 5..6, Exclusive).unwrap());
}

#[test]
fn an_open_end_covers_what_is_appended_later() {
    let (_dir, _, file) = file();
    let lock = RangeLock::acquire(&file, 100.., Shared).unwrap();
    file.set_len(1 << 30).unwrap();
    let holder = RangeLock::holder(&file, 1 << 29.., Exclusive).unwrap().unwrap();
    assert_eq!((holder.start, holder.end, holder.mode, holder.pid), (100, None, Shared, None));
    let busy = RangeLock::try_acquire(&file, 1 << 29.., Exclusive).unwrap_err();
    assert!(
        busy.to_string()
            .contains("another open file description holds a shared lock from byte 100 on"),
        "{busy}"
    );
    drop(lock);
    assert_eq!(RangeLock::holder(&file, .., Exclusive).unwrap(), None);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (_dir, path, file) = file();
    let kind = |result: folio::Result<RangeLock>| result.unwrap_err().kind();
    assert_eq!(kind(RangeLock::acquire(&file, 5..5, Shared)), ErrorKind::InvalidInput);
    let reversed = core::ops::Range { start: 5, end: 4 };
    assert_eq!(kind(RangeLock::acquire(&file, reversed, Shared)), ErrorKind::OutOfRange);
    assert_eq!(kind(RangeLock::acquire(&file, 5..u64::MAX, Shared)), ErrorKind::OutOfRange);
    drop(RangeLock::acquire(&file, i64::MAX as u64 - 1..i64::MAX as u64, Exclusive).unwrap());
    let read = File::open(&path).unwrap();
    let write = File::options().write(true).open(&path).unwrap();
    assert_eq!(kind(RangeLock::acquire(&read, 0..1, Exclusive)), ErrorKind::OpenMode);
    assert_eq!(kind(RangeLock::acquire(&write, 0..1, Shared)), ErrorKind::OpenMode);
    drop(RangeLock::acquire(&write, 0..1, Exclusive).unwrap());
    drop(RangeLock::acquire(&read, 0..1, Shared).unwrap());
}

#[test]
fn files_without_a_name_can_be_locked() {
    let file = tempfile::tempfile().unwrap();
    let memfd = rustix::fs::memfd_create("locked", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    for fd in [file.as_fd(), memfd.as_fd()] {
        let _lock = RangeLock::acquire(fd, 0..1, Exclusive).unwrap();
        assert_eq!(RangeLock::try_acquire(fd, 0..1, Shared).unwrap_err().kind(), ErrorKind::Busy);
    }
}

/// A counter that is read, then written, by threads that would lose counts without the lock.
#[test]
fn threads_take_turns() {
    let (_dir, _, file) = file();
    let counter = AtomicUsize::new(0);
    let inside = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let _lock = RangeLock::acquire(&file, 0..8, Exclusive).unwrap();
                    assert!(!inside.swap(true, Ordering::SeqCst), "two threads are inside");
                    counter.store(counter.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
                    inside.store(false, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(counter.into_inner(), 800);
}

/// A process of its own that holds `lock` of this file until its input ends.
struct Holder {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Holder {
    fn start(path: &Path, lock: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "locks::processes_exclude_each_other"])
            .env("FOLIO_LOCK_PATH", path)
            .env("FOLIO_LOCK", lock)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    fn wait_for(&mut self, word: &str) {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            assert_ne!(
                self.said.read_line(&mut line).unwrap(),
                0,
                "the process ended before it said {word:?}"
            );
        }
    }

    fn release(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

/// What a [`Holder`]'s process does.
fn hold(path: &Path) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut guards = Vec::new();
    match std::env::var("FOLIO_LOCK").unwrap().as_str() {
        "posix" => rustix::fs::fcntl_lock(&file, FlockOperation::LockExclusive).unwrap(),
        "shared" => guards.push(RangeLock::acquire(&file, 10..20, Shared).unwrap()),
        _ => guards.push(RangeLock::acquire(&file, 10..20, Exclusive).unwrap()),
    }
    println!("\nlocked");
    std::io::stdout().flush().unwrap();
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn processes_exclude_each_other() {
    if let Some(path) = std::env::var_os("FOLIO_LOCK_PATH") {
        return hold(Path::new(&path));
    }
    let (_dir, path, file) = file();
    for (theirs, shared_ok) in [("shared", true), ("exclusive", false)] {
        let mut holder = Holder::start(&path, theirs);
        holder.wait_for("locked");
        assert_eq!(RangeLock::try_acquire(&file, 19..21, Shared).is_ok(), shared_ok, "{theirs}");
        assert_eq!(
            RangeLock::try_acquire(&file, 19..21, Exclusive).unwrap_err().kind(),
            ErrorKind::Busy
        );
        drop(RangeLock::try_acquire(&file, 20..30, Exclusive).unwrap());
        holder.release();
        drop(RangeLock::try_acquire(&file, 19..21, Exclusive).unwrap());
    }
}

#[test]
fn a_posix_lock_is_in_the_way_and_its_process_is_named() {
    let (_dir, path, file) = file();
    let mut holder = Holder::start(&path, "posix");
    holder.wait_for("locked");
    let busy = RangeLock::try_acquire(&file, 0..1, Shared).unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::Busy);
    assert!(
        busy.to_string()
            .contains(&format!("process {} holds an exclusive lock", holder.child.id())),
        "{busy}"
    );
    assert_eq!(RangeLock::holder(&file, .., Shared).unwrap().unwrap().pid, Some(holder.child.id()));
    holder.release();
}

#[test]
fn a_waiting_lock_is_granted_when_the_other_process_is_killed() {
    let (_dir, path, file) = file();
    let mut holder = Holder::start(&path, "exclusive");
    holder.wait_for("locked");
    let granted = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let lock = RangeLock::acquire(&file, .., Exclusive).unwrap();
            granted.store(true, Ordering::SeqCst);
            lock.mode()
        });
        wait_until_blocked(&path);
        assert!(!granted.load(Ordering::SeqCst), "granted while another process holds it");
        holder.child.kill().unwrap();
        holder.child.wait().unwrap();
        assert_eq!(waiter.join().unwrap(), Exclusive);
    });
}

/// Wait until /proc/locks shows somebody waiting for a lock of this file: a line with "->".
fn wait_until_blocked(path: &Path) {
    use std::os::unix::fs::MetadataExt;
    let inode = format!(":{} ", std::fs::metadata(path).unwrap().ino());
    loop {
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        if locks.lines().any(|line| line.contains("->") && line.contains(&inode)) {
            return;
        }
        std::thread::yield_now();
    }
}
