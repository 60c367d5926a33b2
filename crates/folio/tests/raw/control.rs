use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use folio::raw::{
    Ended, Lease, LockOwner, RecordLock, Signal, block_signal, default_signal, ignore_signal,
    lease, lease_of, observe, record_lock, unblock_signal,
};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::scratch::{page, sevens};

const SIGIO: i32 = 29;

fn open(path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::open(path, flags | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
}

fn written(dir: &tempfile::TempDir) -> std::path::PathBuf {
    let path = dir.path().join("file");
    std::fs::write(&path, [7; 100]).unwrap();
    path
}

pub(crate) fn a_lease_and_a_writer_exclude_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(&dir);
    let writer = open(&path, OFlags::RDWR).unwrap();
    let reader = File::open(&path).unwrap();
    assert_eq!(lease_of(&reader).unwrap(), Lease::None);
    let refused = lease(&reader, Lease::Read).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(Errno::AGAIN.raw_os_error()));
    drop(writer);
    lease(&reader, Lease::Read).unwrap();
    assert_eq!(lease_of(&reader).unwrap(), Lease::Read);
    lease(&reader, Lease::None).unwrap();
    assert_eq!(lease_of(&reader).unwrap(), Lease::None);
    open(&path, OFlags::RDWR).unwrap();
}

/// In a child, whose dispositions are its own.
pub(crate) fn an_ignored_signal_of_a_lease_lets_the_holder_live() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(&dir);
    let broken = |signal: fn(Signal) -> std::io::Result<()>| {
        let seen = observe(|| {
            signal(Signal::Io).unwrap();
            let reader = File::open(&path).unwrap();
            lease(&reader, Lease::Read).unwrap();
            let held_back = open(&path, OFlags::RDWR).unwrap_err();
            vec![u8::from(held_back == Errno::AGAIN)]
        });
        let seen = seen.unwrap();
        (seen.bytes, seen.ended)
    };
    assert_eq!(broken(ignore_signal), (vec![1], Ended::Exited(0)));
    assert_eq!(broken(default_signal), (vec![], Ended::Signalled(SIGIO)));
}

pub(crate) fn locks_of_both_owners_hold_others_back() {
    let file = sevens(100);
    for owner in [LockOwner::OpenFile, LockOwner::Process] {
        let set = |lock, offset, len| record_lock(&file, owner, lock, offset, len);
        set(RecordLock::Exclusive, 10, 10).unwrap();
        // The child shares the open file, so its own lock is a process's.
        let asks = |offset, len| {
            let seen = observe(|| {
                let answer =
                    record_lock(&file, LockOwner::Process, RecordLock::Shared, offset, len);
                vec![u8::from(answer.is_ok())]
            });
            seen.unwrap().bytes[0] == 1
        };
        assert!(!asks(0, 11) && !asks(19, 1) && !asks(0, 0), "{owner:?}");
        assert!(asks(0, 10) && asks(20, 0), "{owner:?}");
        set(RecordLock::Unlock, 0, 0).unwrap();
        assert!(asks(0, 0), "{owner:?}");
        let far = set(RecordLock::Shared, u64::MAX, 1).unwrap_err();
        assert_eq!(far.raw_os_error(), Some(Errno::INVAL.raw_os_error()));
    }
}

/// folio's own handler survives the truncation; the kernel does not ask it while the signal is blocked.
pub(crate) fn a_blocked_signal_kills_where_a_handler_would_have_helped() {
    let file = sevens(4 * page());
    let shared = folio::Shared::from_file(&file).unwrap();
    file.set_len(0).unwrap();
    let read = |signal: fn(Signal) -> std::io::Result<()>| {
        let seen = observe(|| {
            signal(Signal::Bus).unwrap();
            vec![u8::from(shared.read_at(0, &mut [0; 8]).is_err())]
        });
        let seen = seen.unwrap();
        (seen.bytes, seen.ended)
    };
    assert_eq!(read(unblock_signal), (vec![1], Ended::Exited(0)));
    for fatal in [block_signal, default_signal, ignore_signal] {
        assert_eq!(read(fatal), (vec![], Ended::Signalled(7)));
    }
}
