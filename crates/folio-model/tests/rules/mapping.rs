//! Making mappings, taking them away, changing them.

use folio_model::{Access, Errno, Outcome, Protection, Sharing, Signal};

use crate::play::{A, DISK, PAGE, READ, RW, programs};

programs! {
    map(play) {
        play.file(DISK, 1);
        play.does(A.map(0, Sharing::Shared, RW, 0, 1));
        play.does(A.map(1, Sharing::Private, READ, 8 * PAGE, PAGE));
        play.faults(A.load(1, 0, 1), Signal::Bus, 0, &[]);
    }

    map_aligned(play) {
        play.file(DISK, 1);
        play.fails(A.map(0, Sharing::Shared, READ, 5000, PAGE), Errno::EINVAL);
    }

    map_empty(play) {
        play.file(DISK, 1);
        play.fails(A.map(0, Sharing::Shared, READ, 0, 0), Errno::EINVAL);
    }

    map_reads(play) {
        play.does(A.open(0, DISK, Access::Write));
        for sharing in [Sharing::Shared, Sharing::Private] {
            for protection in [Protection::empty(), READ, RW] {
                play.fails(A.map(0, sharing, protection, 0, PAGE), Errno::EACCES);
            }
        }
    }

    map_writes(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.fails(A.map(0, Sharing::Shared, RW, 0, PAGE), Errno::EACCES);
        play.does(A.map(0, Sharing::Shared, READ | Protection::EXEC, 0, PAGE));
    }

    private_any_file(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.does(A.map(0, Sharing::Private, RW, 0, PAGE));
        play.does(A.protect(0, Protection::all(), 0, PAGE));
    }

    unmap(play) {
        play.file(DISK, 3 * PAGE);
        play.does(A.map(0, Sharing::Shared, RW, 0, 3 * PAGE));
        play.does(A.unmap(0, PAGE, 1));
        play.shows(A.load(0, 2 * PAGE, 1), &[1]);
        play.faults(A.load(0, PAGE - 1, 9), Signal::Segv, 1, &[1]);
    }

    unmap_empty(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.fails(A.unmap(0, 0, 0), Errno::EINVAL);
        play.fails(A.unmap(0, 1, PAGE), Errno::EINVAL);
    }

    protect(play) {
        play.file(DISK, 2 * PAGE);
        play.does(A.map(0, Sharing::Shared, RW, 0, 2 * PAGE));
        play.does(A.protect(0, READ, PAGE, 1));
        play.does(A.store(0, PAGE - 1, 1, 5));
        play.faults(A.store(0, PAGE - 1, 2, 5), Signal::Segv, 1, &[]);
    }

    protect_writes(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.does(A.map(0, Sharing::Shared, READ, 0, PAGE));
        play.fails(A.protect(0, RW, 0, PAGE), Errno::EACCES);
    }

    page_aligned(play) {
        play.file(DISK, 1);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.fails(A.protect(0, READ, 1, PAGE), Errno::EINVAL);
    }

    not_mapped_range(play) {
        play.file(DISK, 2 * PAGE);
        play.does(A.map(0, Sharing::Shared, RW, 0, 2 * PAGE));
        play.fails(A.protect(0, READ, 0, 3 * PAGE), Errno::ENOMEM);
        play.faults(A.store(0, 0, 1, 5), Signal::Segv, 0, &[]);
    }

    range_wraps(play) {
        play.file(DISK, 1);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.fails(A.protect(0, READ, 0, u64::MAX), Errno::ENOMEM);
    }

    remap_grows(play) {
        play.file(DISK, 2 * PAGE);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.does(A.remap(0, 3 * PAGE));
        play.faults(A.load(0, 2 * PAGE - 1, 2), Signal::Bus, 1, &[1]);
        play.does(A.map_anonymous(1, Sharing::Shared, PAGE));
        play.does(A.remap(1, 2 * PAGE));
        play.faults(A.store(1, PAGE - 1, 2, 5), Signal::Bus, 1, &[]);
    }

    remap_shrinks(play) {
        play.file(DISK, 2 * PAGE);
        play.does(A.map(0, Sharing::Private, RW, 0, 2 * PAGE));
        play.does(A.store(0, PAGE, 1, 5));
        play.does(A.remap(0, 1));
        play.faults(A.load(0, PAGE, 1), Signal::Segv, 0, &[]);
        play.does(A.remap(0, 2 * PAGE));
        play.shows(A.load(0, PAGE, 1), &[1]);
    }

    remap_empty(play) {
        play.file(DISK, 1);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.fails(A.remap(0, 0), Errno::EINVAL);
    }

    remap_too_long(play) {
        play.file(DISK, 1);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.fails(A.remap(0, 1 << 50), Errno::EINVAL);
    }

    remap_past(play) {
        play.file(DISK, 1);
        play.does(A.map(0, Sharing::Private, READ, 0, 2 * PAGE));
        play.does(A.protect(0, RW, 0, PAGE));
        play.fails(A.remap(0, 3 * PAGE), Errno::EFAULT);
        play.does(A.protect(0, READ, 0, PAGE));
        play.may(A.remap(0, 3 * PAGE), &Outcome::Done, &Outcome::Failed(Errno::EFAULT));
        play.does(A.remap(0, 3 * PAGE));
    }

    remap_one_area(play) {
        play.file(DISK, 1);
        play.does(A.map(0, Sharing::Shared, RW, 0, 2 * PAGE));
        play.does(A.protect(0, READ, 0, PAGE));
        play.fails(A.remap(0, 3 * PAGE), Errno::EFAULT);
        play.does(A.protect(0, RW, 0, PAGE));
        play.does(A.remap(0, 3 * PAGE));
        play.does(A.unmap(0, 0, PAGE));
        play.fails(A.remap(0, PAGE), Errno::EFAULT);
    }
}
