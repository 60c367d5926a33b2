//! Writing out, and what is on the disk then.

use folio_model::{Access, Errno, File, Msync, Sharing};

use crate::play::{A, DISK, PAGE, READ, RW, programs};

/// May the disk have a page of these bytes and nothing else?
fn may_have(play: &crate::play::Play, fill: u8) -> bool {
    play.model.disk(File(DISK)).allows(&[fill; 4096]).is_ok()
}

programs! {
    sync(play) {
        play.file(DISK, PAGE);
        assert!(may_have(play, 1));
        assert_eq!(play.model.disk(File(DISK)).allows(&[]), Ok(()));
        play.does(A.sync(0));
        assert!(may_have(play, 1));
        assert!(play.model.disk(File(DISK)).allows(&[]).is_err());
    }

    msync(play) {
        play.file(DISK, PAGE);
        play.does(A.sync(0));
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.does(A.store(0, 0, PAGE, 5));
        assert!(may_have(play, 1) && may_have(play, 5));
        play.does(A.flush(0, Msync::Sync, 0, PAGE));
        assert!(!may_have(play, 1) && may_have(play, 5));
    }

    msync_range(play) {
        play.file(DISK, 2 * PAGE);
        play.does(A.sync(0));
        play.does(A.map(0, Sharing::Shared, RW, 0, 2 * PAGE));
        play.does(A.store(0, 0, 2 * PAGE, 5));
        play.does(A.flush(0, Msync::Sync, PAGE, 1));
        let disk = play.model.disk(File(DISK));
        let mut found = [1; 8192];
        assert!(disk.allows(&found).is_err());
        found[4096..].fill(5);
        assert_eq!(disk.allows(&found), Ok(()));
        play.fails(A.flush(0, Msync::Sync, 1, PAGE), Errno::EINVAL);
        play.fails(A.flush(0, Msync::Sync, 0, 3 * PAGE), Errno::ENOMEM);
        assert!(play.model.disk(File(DISK)).allows(&found).is_err());
    }

    msync_async(play) {
        play.file(DISK, PAGE);
        play.does(A.sync(0));
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.does(A.store(0, 0, PAGE, 5));
        play.does(A.flush(0, Msync::Async, 0, PAGE));
        assert!(may_have(play, 1) && may_have(play, 5));
    }

    msync_writers(play) {
        play.file(DISK, PAGE);
        play.does(A.sync(0));
        play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
        play.does(A.store(0, 0, PAGE, 5));
        play.does(A.map(1, Sharing::Private, RW, 0, PAGE));
        play.does(A.flush(1, Msync::Sync, 0, PAGE));
        assert!(may_have(play, 1));
        play.does(A.open(0, DISK, Access::Read));
        play.does(A.map(1, Sharing::Shared, READ, 0, PAGE));
        play.does(A.flush(1, Msync::Sync, 0, PAGE));
        assert!(may_have(play, 1));
        play.does(A.flush(0, Msync::Sync, 0, PAGE));
        assert!(!may_have(play, 1));
    }
}
