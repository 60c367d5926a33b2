//! Advisory locks.

use folio_model::{
    Access, Errno,
    LockMode::{Exclusive, Shared, Unlock},
    LockOwner::{OpenFile, Process, Whole},
};

use crate::play::{A, B, DISK, programs};

programs! {
    lock(play) {
        play.file(DISK, 1);
        play.does(A.lock(0, OpenFile, Exclusive, 0, 10));
        play.does(A.lock(0, OpenFile, Shared, 0, 5));
        play.does(A.open(1, DISK, Access::ReadWrite));
        play.does(A.lock(1, OpenFile, Shared, 0, 5));
        // Those of flock(2) are in a world of their own.
        play.does(A.lock(1, Whole, Exclusive, 0, 0));
    }

    unlock(play) {
        play.file(DISK, 1);
        play.does(A.open(1, DISK, Access::ReadWrite));
        play.does(A.lock(0, OpenFile, Exclusive, 0, 0));
        play.does(A.lock(0, OpenFile, Unlock, 10, 10));
        play.does(A.lock(1, OpenFile, Exclusive, 10, 10));
        play.fails(A.lock(1, OpenFile, Exclusive, 9, 1), Errno::EAGAIN);
        play.fails(A.lock(1, OpenFile, Exclusive, 20, 1), Errno::EAGAIN);
    }

    lock_conflict(play) {
        play.file(DISK, 1);
        play.does(A.lock(0, Process, Exclusive, 0, 10));
        play.does(A.open(1, DISK, Access::ReadWrite));
        play.fails(A.lock(1, OpenFile, Shared, 9, 1), Errno::EAGAIN);
        play.does(A.lock(1, Process, Shared, 9, 1));
        play.does(A.lock(1, OpenFile, Shared, 9, 1));
        // A process's locks are not inherited, an open file's are.
        play.does(A.fork(B));
        play.fails(B.lock(1, Process, Exclusive, 9, 1), Errno::EAGAIN);
        play.does(B.lock(1, OpenFile, Unlock, 9, 1));
    }

    flock_lost(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.does(A.open(1, DISK, Access::Read));
        play.does(A.open(2, DISK, Access::Read));
        play.does(A.lock(0, Whole, Shared, 0, 0));
        play.does(A.lock(1, Whole, Shared, 0, 0));
        play.fails(A.lock(0, Whole, Exclusive, 0, 0), Errno::EAGAIN);
        play.does(A.lock(1, Whole, Exclusive, 0, 0));
        play.fails(A.lock(2, Whole, Shared, 0, 0), Errno::EAGAIN);
        play.does(A.close(1));
        play.does(A.lock(2, Whole, Shared, 0, 0));
    }

    lock_access(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.fails(A.lock(0, OpenFile, Exclusive, 0, 1), Errno::EBADF);
        play.does(A.open(0, DISK, Access::Write));
        play.fails(A.lock(0, Process, Shared, 0, 1), Errno::EBADF);
        play.does(A.lock(0, Whole, Shared, 0, 1));
    }

    lock_range(play) {
        play.file(DISK, 1);
        play.fails(A.lock(0, OpenFile, Shared, 1 << 63, 1), Errno::EINVAL);
        play.fails(A.lock(0, OpenFile, Shared, 5, 10_u64.wrapping_neg()), Errno::EINVAL);
        play.fails(A.lock(0, OpenFile, Shared, 5, (1 << 63) - 1), Errno::EOVERFLOW);
        // A length below zero goes back from the offset.
        play.does(A.lock(0, OpenFile, Exclusive, 10, 2_u64.wrapping_neg()));
        play.does(A.open(1, DISK, Access::ReadWrite));
        play.fails(A.lock(1, OpenFile, Shared, 9, 1), Errno::EAGAIN);
        play.does(A.lock(1, OpenFile, Shared, 10, 1));
    }

    lock_closed(play) {
        play.file(DISK, 1);
        play.does(A.lock(0, Process, Exclusive, 0, 1));
        play.does(A.open(1, DISK, Access::ReadWrite));
        play.fails(A.lock(1, OpenFile, Exclusive, 0, 1), Errno::EAGAIN);
        // Any descriptor of the file, not only the one it was taken by.
        play.does(A.open(2, DISK, Access::Read));
        play.does(A.close(2));
        play.does(A.lock(1, OpenFile, Exclusive, 0, 1));
    }
}
