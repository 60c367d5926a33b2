//! What loads show and where stores go.

use folio_model::{Outcome, Protection, Sharing, Signal};

use crate::play::{A, DISK, PAGE, READ, RW, programs};

programs! {
    load(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Shared, READ, 0, PAGE));
        play.shows(A.load(0, 5, 2), &[1, 1]);
    }

    store(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.does(A.store(0, 1, 2, 5));
        play.shows(A.load(0, 0, 4), &[1, 5, 5, 1]);
    }

    shared(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.does(A.map(1, Sharing::Shared, RW, 0, PAGE));
        play.does(A.store(0, 0, 1, 5));
        play.shows(A.load(1, 0, 1), &[5]);
        play.shows(A.read(0, 0, 1), &[5]);
        play.sees(A.write(0, 0, 1, 6), Outcome::Count(1));
        play.shows(A.load(0, 0, 1), &[6]);
    }

    private(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Private, RW, 0, PAGE));
        play.does(A.map(1, Sharing::Private, RW, 0, PAGE));
        play.does(A.store(0, 0, 1, 5));
        play.shows(A.load(0, 0, 2), &[5, 1]);
        play.shows(A.load(1, 0, 2), &[1, 1]);
        play.shows(A.read(0, 0, 2), &[1, 1]);
    }

    copied(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Private, RW, 0, PAGE));
        play.does(A.store(0, 0, 1, 5));
        play.sees(A.write(0, 0, 3, 9), Outcome::Count(3));
        play.shows(A.load(0, 0, 3), &[5, 1, 1]);
    }

    private_follows(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Private, RW, 0, PAGE));
        play.shows(A.load(0, 0, 1), &[1]);
        play.sees(A.write(0, 0, 1, 9), Outcome::Count(1));
        play.shows(A.load(0, 0, 1), &[9]);
    }

    anonymous(play) {
        play.does(A.map_anonymous(0, Sharing::Private, PAGE));
        play.shows(A.load(0, 9, 2), &[0, 0]);
        play.does(A.store(0, 9, 1, 5));
        play.shows(A.load(0, 9, 2), &[5, 0]);
    }

    not_mapped(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.faults(A.load(0, PAGE - 1, 2), Signal::Segv, 1, &[1]);
    }

    protected(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Private, READ, 0, PAGE));
        play.faults(A.store(0, 0, 1, 5), Signal::Segv, 0, &[]);
        play.does(A.map(0, Sharing::Private, Protection::empty(), 0, PAGE));
        play.faults(A.load(0, 0, 1), Signal::Segv, 0, &[]);
    }

    write_implies_read(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Shared, Protection::WRITE, 0, PAGE));
        play.shows(A.load(0, 0, 1), &[1]);
    }

    exec_may_read(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Shared, Protection::EXEC, 0, PAGE));
        let fault = Outcome::Fault { signal: Signal::Segv, at: 0, before: Vec::new() };
        play.may(A.load(0, 0, 1), &Outcome::Bytes(vec![1]), &fault);
    }
}
