//! Seals of files in memory.

use folio_model::{Access, Advice, Allocation, Errno, Outcome, Seals, Sharing};

use crate::play::{A, DISK, MEMORY, PAGE, READ, RW, programs};

programs! {
    seal(play) {
        play.file(MEMORY, 10);
        play.does(A.seal(0, Seals::SHRINK));
        play.does(A.seal(0, Seals::GROW));
        play.fails(A.truncate(0, 9), Errno::EPERM);
        play.fails(A.truncate(0, 11), Errno::EPERM);
    }

    seal_writes(play) {
        play.does(A.open(0, MEMORY, Access::Read));
        play.fails(A.seal(0, Seals::SHRINK), Errno::EPERM);
    }

    seal_memory(play) {
        play.does(A.open(0, DISK, Access::ReadWrite));
        play.fails(A.seal(0, Seals::SHRINK), Errno::EINVAL);
    }

    seal_seal(play) {
        play.file(MEMORY, 10);
        play.does(A.seal(0, Seals::SEAL));
        play.fails(A.seal(0, Seals::SHRINK), Errno::EPERM);
    }

    seal_busy(play) {
        play.file(MEMORY, 10);
        // It could be given PROT_WRITE.
        play.does(A.map(0, Sharing::Shared, READ, 0, PAGE));
        play.fails(A.seal(0, Seals::WRITE), Errno::EBUSY);
        play.does(A.unmap(0, 0, PAGE));
        play.does(A.map(0, Sharing::Private, RW, 0, PAGE));
        play.does(A.seal(0, Seals::WRITE));
    }

    seal_shrink(play) {
        play.file(MEMORY, 10);
        play.does(A.seal(0, Seals::SHRINK));
        play.fails(A.truncate(0, 9), Errno::EPERM);
        play.fails(A.open_truncating(1, MEMORY, Access::Read), Errno::EPERM);
        play.does(A.truncate(0, 11));
    }

    seal_grow(play) {
        play.file(MEMORY, PAGE + 10);
        play.does(A.seal(0, Seals::GROW));
        play.fails(A.write(0, PAGE + 9, 2, 5), Errno::EPERM);
        play.sees(A.write(0, 9, 2 * PAGE, 5), Outcome::Count(PAGE - 9));
        play.fails(A.allocate(0, Allocation::KeepSize, 0, 2 * PAGE), Errno::EPERM);
        play.does(A.truncate(0, 9));
    }

    seal_write(play) {
        play.file(MEMORY, 10);
        play.does(A.seal(0, Seals::WRITE));
        play.fails(A.write(0, 0, 1, 5), Errno::EPERM);
        play.fails(A.allocate(0, Allocation::PunchHole, 0, 1), Errno::EPERM);
        play.does(A.truncate(0, 20));
    }

    seal_leaves_mappings(play) {
        play.file(MEMORY, 10);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.does(A.seal(0, Seals::FUTURE_WRITE));
        play.does(A.store(0, 0, 1, 5));
        play.shows(A.read(0, 0, 2), &[5, 1]);
        play.fails(A.write(0, 0, 1, 6), Errno::EPERM);
        play.fails(A.advise(0, Advice::Remove, 0, PAGE), Errno::EPERM);
        play.fails(A.seal(0, Seals::WRITE), Errno::EBUSY);
    }

    seal_map(play) {
        play.file(MEMORY, 10);
        play.does(A.seal(0, Seals::FUTURE_WRITE));
        play.fails(A.map(0, Sharing::Shared, RW, 0, PAGE), Errno::EPERM);
        play.does(A.map(0, Sharing::Private, RW, 0, PAGE));
    }

    seal_map_read(play) {
        play.file(MEMORY, 10);
        play.does(A.seal(0, Seals::WRITE));
        let map = A.map(0, Sharing::Shared, READ, 0, PAGE);
        play.may(map, &Outcome::Done, &Outcome::Failed(Errno::EPERM));
        play.does(map);
        play.fails(A.protect(0, RW, 0, PAGE), Errno::EACCES);
    }
}
