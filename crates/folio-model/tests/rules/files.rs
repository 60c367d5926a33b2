//! Files by their descriptors.

use folio_model::{Access, Allocation, Errno, Outcome, Sharing};

use crate::play::{A, DISK, PAGE, RW, programs};

programs! {
    absent(play) {
        play.sees(A.length(0), Outcome::Nothing);
        play.sees(A.load(0, 0, 1), Outcome::Nothing);
    }

    open(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.sees(A.length(0), Outcome::Count(0));
    }

    open_truncates(play) {
        play.file(DISK, 5000);
        play.does(A.open_truncating(1, DISK, Access::Read));
        play.sees(A.length(0), Outcome::Count(0));
    }

    close(play) {
        play.file(DISK, 1);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.does(A.close(0));
        play.sees(A.length(0), Outcome::Nothing);
        play.shows(A.load(0, 0, 1), &[1]);
    }

    not_open_for(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.fails(A.write(0, 0, 1, 1), Errno::EBADF);
        play.does(A.open(0, DISK, Access::Write));
        play.fails(A.read(0, 0, 1), Errno::EBADF);
    }

    read(play) {
        play.file(DISK, 3);
        play.shows(A.read(0, 1, 100), &[1, 1]);
        play.shows(A.read(0, 3, 100), &[]);
        play.shows(A.read(0, 5, 0), &[]);
    }

    write(play) {
        play.file(DISK, 2);
        play.sees(A.write(0, 4, 1, 9), Outcome::Count(1));
        play.shows(A.read(0, 0, 9), &[1, 1, 0, 0, 9]);
        play.sees(A.write(0, 100, 0, 9), Outcome::Count(0));
        play.sees(A.length(0), Outcome::Count(5));
    }

    offset_range(play) {
        play.file(DISK, 1);
        play.fails(A.read(0, 1 << 63, 1), Errno::EINVAL);
        play.fails(A.write(0, (1 << 63) - 1, 1, 1), Errno::EINVAL);
        play.fails(A.truncate(0, 1 << 63), Errno::EINVAL);
    }

    buffer(play) {
        play.file(DISK, 1);
        play.fails(A.read(0, 0, u64::MAX), Errno::EFAULT);
    }

    truncate(play) {
        play.file(DISK, 3);
        play.does(A.truncate(0, 1));
        play.does(A.truncate(0, 4));
        play.shows(A.read(0, 0, 9), &[1, 0, 0, 0]);
    }

    truncate_writes(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.fails(A.truncate(0, 0), Errno::EINVAL);
    }

    length(play) {
        play.file(DISK, 5000);
        play.sees(A.length(0), Outcome::Count(5000));
        play.never(A.length(0), &Outcome::Count(8192));
    }

    allocate(play) {
        play.file(DISK, 2);
        play.does(A.allocate(0, Allocation::KeepSize, 0, 100));
        play.sees(A.length(0), Outcome::Count(2));
        play.does(A.allocate(0, Allocation::Extend, 1, 3));
        play.shows(A.read(0, 0, 9), &[1, 1, 0, 0]);
    }

    allocate_range(play) {
        play.file(DISK, 2);
        play.fails(A.allocate(0, Allocation::Extend, 0, 0), Errno::EINVAL);
        play.fails(A.allocate(0, Allocation::Extend, 1 << 63, 1), Errno::EINVAL);
    }

    punch(play) {
        play.file(DISK, 4);
        play.does(A.allocate(0, Allocation::PunchHole, 1, 2));
        play.does(A.allocate(0, Allocation::PunchHole, 100, 2));
        play.shows(A.read(0, 0, 9), &[1, 0, 0, 1]);
    }

    punch_keeps_copies(play) {
        play.file(DISK, 4);
        play.does(A.map(0, Sharing::Private, RW, 0, PAGE));
        play.does(A.store(0, 0, 1, 8));
        play.does(A.allocate(0, Allocation::PunchHole, 0, 4));
        play.shows(A.load(0, 0, 2), &[8, 1]);
        play.shows(A.read(0, 0, 2), &[0, 0]);
    }
}
