//! More than one process.

use folio_model::{Access, Outcome, Sharing};

use crate::play::{A, B, DISK, PAGE, RW, programs};

programs! {
    fork(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.does(A.map(1, Sharing::Private, RW, 0, PAGE));
        play.does(A.map_anonymous(2, Sharing::Shared, PAGE));
        play.does(A.store(1, 0, 1, 5));
        play.does(A.fork(B));
        play.sees(A.fork(B), Outcome::Nothing);
        play.does(B.store(0, 1, 1, 6));
        play.does(B.store(1, 0, 1, 7));
        play.does(B.store(2, 0, 1, 8));
        play.shows(A.load(0, 0, 2), &[1, 6]);
        play.shows(A.load(1, 0, 2), &[5, 1]);
        play.shows(A.load(2, 0, 1), &[8]);
        play.shows(B.load(1, 0, 2), &[7, 1]);
    }

    exit(play) {
        play.file(DISK, 1);
        play.does(A.fork(B));
        play.does(B.open(1, DISK, Access::Read));
        play.does(B.exit());
        play.sees(B.length(1), Outcome::Nothing);
        play.sees(A.length(0), Outcome::Count(1));
        play.does(A.fork(B));
        play.sees(B.length(1), Outcome::Nothing);
    }
}
