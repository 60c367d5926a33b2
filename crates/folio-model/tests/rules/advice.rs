//! Advice that changes what is seen.

use folio_model::{Access, Advice, Errno, Outcome, Protection, Sharing};

use crate::play::{A, DISK, PAGE, READ, RW, programs};

programs! {
    advice(play) {
        play.file(DISK, 2 * PAGE);
        play.does(A.map(0, Sharing::Private, RW, 0, 2 * PAGE));
        play.does(A.store(0, PAGE - 1, 2, 5));
        play.does(A.advise(0, Advice::DontNeed, 0, 1));
        play.shows(A.load(0, PAGE - 1, 2), &[1, 5]);
        play.does(A.advise(0, Advice::DontNeed, PAGE, 0));
        play.fails(A.advise(0, Advice::DontNeed, 1, PAGE), Errno::EINVAL);
    }

    will_need(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Private, RW, 0, 2 * PAGE));
        play.does(A.advise(0, Advice::WillNeed, 0, 2 * PAGE));
        play.fails(A.advise(0, Advice::WillNeed, 0, 3 * PAGE), Errno::ENOMEM);
    }

    dont_need(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Private, RW, 0, PAGE));
        play.does(A.store(0, 0, 1, 5));
        play.does(A.advise(0, Advice::DontNeed, 0, PAGE));
        play.shows(A.load(0, 0, 1), &[1]);
        play.does(A.map_anonymous(1, Sharing::Private, PAGE));
        play.does(A.store(1, 0, 1, 5));
        play.does(A.advise(1, Advice::DontNeed, 0, PAGE));
        play.shows(A.load(1, 0, 1), &[0]);
        play.does(A.map_anonymous(1, Sharing::Shared, PAGE));
        play.does(A.store(1, 0, 1, 5));
        play.does(A.advise(1, Advice::DontNeed, 0, PAGE));
        play.shows(A.load(1, 0, 1), &[5]);
    }

    remove(play) {
        play.file(DISK, PAGE + 1);
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.does(A.advise(0, Advice::Remove, 0, PAGE));
        play.shows(A.read(0, PAGE - 1, 2), &[0, 1]);
        play.sees(A.length(0), Outcome::Count(PAGE + 1));
    }

    remove_file(play) {
        play.does(A.map_anonymous(0, Sharing::Private, PAGE));
        play.fails(A.advise(0, Advice::Remove, 0, PAGE), Errno::EINVAL);
        play.does(A.map_anonymous(0, Sharing::Shared, PAGE));
        play.does(A.advise(0, Advice::Remove, 0, PAGE));
    }

    remove_writes(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Private, RW, 0, PAGE));
        play.fails(A.advise(0, Advice::Remove, 0, PAGE), Errno::EACCES);
        play.does(A.map(0, Sharing::Shared, READ, 0, PAGE));
        play.does(A.advise(0, Advice::Remove, 0, PAGE));
        play.does(A.open(0, DISK, Access::Read));
        play.does(A.map(0, Sharing::Shared, READ, 0, PAGE));
        play.fails(A.advise(0, Advice::Remove, 0, PAGE), Errno::EACCES);
    }

    populate(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Private, READ, 0, PAGE));
        play.does(A.advise(0, Advice::PopulateRead, 0, PAGE));
        play.sees(A.write(0, 0, 1, 9), Outcome::Count(1));
        play.shows(A.load(0, 0, 1), &[9]);
    }

    populate_copies(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Private, RW, 0, PAGE));
        play.does(A.advise(0, Advice::PopulateWrite, 0, PAGE));
        play.sees(A.write(0, 0, 1, 9), Outcome::Count(1));
        play.shows(A.load(0, 0, 1), &[1]);
    }

    populate_protected(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Shared, READ, 0, PAGE));
        play.fails(A.advise(0, Advice::PopulateWrite, 0, PAGE), Errno::EINVAL);
        // Though a load would be allowed.
        play.does(A.map(0, Sharing::Shared, Protection::WRITE, 0, PAGE));
        play.fails(A.advise(0, Advice::PopulateRead, 0, PAGE), Errno::EINVAL);
    }

    populate_faults(play) {
        play.file(DISK, PAGE);
        play.does(A.map(0, Sharing::Private, RW, 0, 2 * PAGE));
        play.fails(A.advise(0, Advice::PopulateRead, 0, 2 * PAGE), Errno::EFAULT);
        play.fails(A.advise(0, Advice::PopulateWrite, 0, 2 * PAGE), Errno::EFAULT);
        // The page before it was copied.
        play.sees(A.write(0, 0, 1, 9), Outcome::Count(1));
        play.shows(A.load(0, 0, 1), &[1]);
    }
}
