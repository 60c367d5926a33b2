//! Where things end, and what a file system may do without.

use folio_model::{
    Access, Advice, Allocation, Errno, Facility, FileKind, Lease, Outcome, Protection, Setting,
    Sharing,
};

use crate::play::{A, DISK, MEMORY, PAGE, READ, RW, programs};

/// The usual files, on a file system without something.
fn without(facility: Facility) -> Setting {
    Setting::new(PAGE).file(FileKind::Disk).file(FileKind::Memory).without(facility)
}

programs! {
    file_too_big(play) {
        play.file(DISK, 1);
        play.may(A.truncate(0, 1 << 60), &Outcome::Done, &Outcome::Failed(Errno::EFBIG));
        play.never(A.truncate(0, 1 << 40), &Outcome::Failed(Errno::EFBIG));
    }

    map_too_long(play) {
        play.file(DISK, 1);
        play.fails(A.map(0, Sharing::Shared, READ, 0, 1 << 60), Errno::ENOMEM);
    }

    map_overflow(play) {
        play.file(DISK, 1);
        play.fails(A.map(0, Sharing::Shared, READ, (1 << 63) - PAGE, PAGE), Errno::EOVERFLOW);
    }

    overcommit(play) {
        play.file(DISK, 1);
        let map = A.map(0, Sharing::Private, RW, 0, 1 << 40);
        play.may(map, &Outcome::Done, &Outcome::Failed(Errno::ENOMEM));
        let map = A.map(0, Sharing::Private, READ, 0, 1 << 40);
        play.never(map, &Outcome::Failed(Errno::ENOMEM));
        play.does(map);
        let protect = A.protect(0, RW, 0, 1 << 40);
        play.may(protect, &Outcome::Done, &Outcome::Failed(Errno::ENOMEM));
    }

    disk_full(play) {
        play.file(DISK, 1);
        let allocate = A.allocate(0, Allocation::KeepSize, 0, 1 << 40);
        play.may(allocate, &Outcome::Done, &Outcome::Failed(Errno::ENOSPC));
    }

    no_fallocate(play) {
        play.restart(without(Facility::Allocate));
        play.file(DISK, PAGE);
        play.fails(A.allocate(0, Allocation::Extend, 0, 1), Errno::EOPNOTSUPP);
        play.does(A.allocate(0, Allocation::PunchHole, 0, 1));
        play.restart(without(Facility::PunchHole));
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.fails(A.advise(0, Advice::Remove, 0, PAGE), Errno::EOPNOTSUPP);
        play.file(MEMORY, PAGE);
        play.does(A.allocate(0, Allocation::PunchHole, 0, 1));
    }

    no_leases(play) {
        play.restart(without(Facility::Leases));
        play.does(A.open(0, DISK, Access::Read));
        play.fails(A.lease(0, Lease::Read), Errno::EINVAL);
        play.does(A.open(0, MEMORY, Access::Read));
        play.does(A.lease(0, Lease::Read));
    }

    no_exec(play) {
        play.restart(without(Facility::Execute));
        play.file(DISK, PAGE);
        play.fails(A.map(0, Sharing::Private, Protection::EXEC, 0, PAGE), Errno::EPERM);
        play.does(A.map(0, Sharing::Private, RW, 0, PAGE));
        play.fails(A.protect(0, READ | Protection::EXEC, 0, PAGE), Errno::EACCES);
    }
}
