//! Where the file ends within a mapping.

use folio_model::{Byte, File, Outcome, Sharing, Signal};

use crate::play::{A, DISK, PAGE, RW, programs};

programs! {
    tail(play) {
        play.file(DISK, 5000);
        play.does(A.map(0, Sharing::Shared, RW, 0, 2 * PAGE));
        play.shows(A.load(0, 4999, 3), &[1, 0, 0]);
    }

    tail_store(play) {
        play.file(DISK, 10);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.does(A.store(0, 9, 2, 5));
        play.may(A.load(0, 9, 2), &Outcome::Bytes(vec![5, 5]), &Outcome::Bytes(vec![5, 0]));
        // Seen once it may still be dropped; dropped it is gone.
        play.sees(A.load(0, 10, 1), Outcome::Bytes(vec![5]));
        play.sees(A.load(0, 10, 1), Outcome::Bytes(vec![0]));
        play.shows(A.load(0, 10, 1), &[0]);
        // Within the file it is what it is seen to be.
        play.does(A.store(0, 10, 1, 6));
        play.does(A.truncate(0, 11));
        assert_eq!(play.model.content(File(DISK)).last(), Some(&Byte::ZeroOr(6)));
        play.sees(A.read(0, 10, 1), Outcome::Bytes(vec![6]));
        play.shows(A.load(0, 10, 1), &[6]);
    }

    past_end(play) {
        play.file(DISK, 5000);
        play.does(A.map(0, Sharing::Private, RW, 0, 3 * PAGE));
        play.faults(A.load(0, 2 * PAGE - 1, 2), Signal::Bus, 1, &[0]);
        play.faults(A.store(0, 2 * PAGE - 1, 2, 5), Signal::Bus, 1, &[]);
        play.does(A.truncate(0, 2 * PAGE + 1));
        play.shows(A.load(0, 2 * PAGE - 1, 2), &[5, 0]);
    }

    copies_destroyed(play) {
        play.file(DISK, 2 * PAGE);
        play.does(A.map(0, Sharing::Private, RW, 0, 2 * PAGE));
        play.does(A.store(0, PAGE, 1, 5));
        play.does(A.truncate(0, PAGE));
        play.faults(A.load(0, PAGE, 1), Signal::Bus, 0, &[]);
        play.does(A.truncate(0, 2 * PAGE));
        play.shows(A.load(0, PAGE, 1), &[0]);
    }

    copy_keeps_tail(play) {
        play.file(DISK, 10);
        play.does(A.map(0, Sharing::Private, RW, 0, PAGE));
        play.does(A.store(0, 0, 1, 5));
        play.does(A.truncate(0, 5));
        play.shows(A.load(0, 0, 10), &[5, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
        play.shows(A.read(0, 0, 10), &[1, 1, 1, 1, 1]);
    }
}
