//! Leases.

use folio_model::{Access, Errno, Lease, Outcome, Sharing};

use crate::play::{A, B, DISK, PAGE, READ, programs};

programs! {
    lease(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.does(A.lease(0, Lease::Read));
        play.does(A.lease(0, Lease::Write));
        // It is the open file's, which lives on in another process, and in a mapping.
        play.does(A.fork(B));
        play.does(A.close(0));
        play.fails(B.open(1, DISK, Access::Read), Errno::EAGAIN);
        play.does(B.map(0, Sharing::Private, READ, 0, PAGE));
        play.does(B.close(0));
        play.sees(A.open(1, DISK, Access::Read), Outcome::Failed(Errno::EAGAIN));
        play.does(B.exit());
        play.does(A.open(1, DISK, Access::Read));
    }

    lease_dropped(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.does(A.lease(0, Lease::Read));
        play.does(A.lease(0, Lease::None));
        play.does(A.open(1, DISK, Access::Write));
    }

    lease_none(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.fails(A.lease(0, Lease::None), Errno::EAGAIN);
    }

    lease_opened(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.does(A.open(1, DISK, Access::Read));
        play.fails(A.lease(0, Lease::Write), Errno::EAGAIN);
        play.does(A.open(1, DISK, Access::ReadWrite));
        play.fails(A.lease(0, Lease::Read), Errno::EAGAIN);
        play.fails(A.lease(1, Lease::Read), Errno::EAGAIN);
        play.does(A.close(0));
        play.does(A.lease(1, Lease::Write));
    }

    lease_others(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.does(A.open(1, DISK, Access::Read));
        play.does(A.lease(0, Lease::Read));
        play.does(A.lease(1, Lease::Read));
        play.does(A.lease(1, Lease::None));
        play.fails(A.open(2, DISK, Access::Write), Errno::EAGAIN);
        play.sees(A.lease(1, Lease::Read), Outcome::Failed(Errno::EAGAIN));
    }

    lease_breaks(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.does(A.lease(0, Lease::Read));
        play.does(A.open(1, DISK, Access::Read));
        play.fails(A.open(2, DISK, Access::Write), Errno::EAGAIN);
        let again = A.open_truncating(2, DISK, Access::ReadWrite);
        play.sees(again, Outcome::Failed(Errno::EAGAIN));
    }

    lease_truncated(play) {
        play.file(DISK, 10);
        play.does(A.open(0, DISK, Access::Read));
        play.does(A.lease(0, Lease::Read));
        play.does(A.open_truncating(1, DISK, Access::Read));
        play.sees(A.length(0), Outcome::Count(0));
        play.does(A.lease(0, Lease::None));
    }

    lease_expires(play) {
        play.does(A.open(0, DISK, Access::Read));
        play.does(A.lease(0, Lease::Read));
        let open = A.open(1, DISK, Access::Write);
        play.fails(open, Errno::EAGAIN);
        play.may(open, &Outcome::Failed(Errno::EAGAIN), &Outcome::Done);
        play.does(open);
        play.fails(A.lease(0, Lease::None), Errno::EAGAIN);
    }
}
