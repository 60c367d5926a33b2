//! What a power cut leaves.

use folio_model::{File, Impossible, Msync, Sharing};

use crate::play::{A, DISK, MEMORY, PAGE, Play, RW};

/// A file of two pages of 1 on the disk; then 2 all over it, then 3.
fn two_changes() -> Play {
    let mut play = Play::default();
    play.file(DISK, 2 * PAGE);
    play.does(A.sync(0));
    play.does(A.map(0, Sharing::Shared, RW, 0, 2 * PAGE));
    play.does(A.store(0, 0, 2 * PAGE, 2));
    play.does(A.store(0, 0, 2 * PAGE, 3));
    play
}

#[test]
fn each_sector_may_be_as_it_was_at_any_moment_since_the_last_sync() {
    let disk = two_changes().model.disk(File(DISK));
    let mut found = [1; 8192];
    for (sector, bytes) in found.chunks_mut(512).enumerate() {
        bytes.fill([3, 1, 2][sector % 3]);
    }
    assert_eq!(disk.allows(&found), Ok(()));
    found[700] = 9;
    assert_eq!(disk.allows(&found), Err(Impossible::Sector { offset: 512 }));
}

#[test]
fn a_sector_is_not_torn_further_than_the_operation_that_it_was_written_in() {
    let disk = two_changes().model.disk(File(DISK));
    let mut found = [2; 8192];
    found[5] = 3;
    assert_eq!(disk.allows(&found), Ok(()));
    found[6] = 1;
    assert_eq!(disk.allows(&found), Err(Impossible::Sector { offset: 0 }));
}

#[test]
fn a_length_may_be_any_that_it_was() {
    let mut play = two_changes();
    play.does(A.truncate(0, 100));
    play.does(A.truncate(0, 200));
    let disk = play.model.disk(File(DISK));
    assert_eq!(disk.lens(), [8192, 100, 200]);
    assert_eq!(disk.allows(&[3; 100]), Ok(()));
    let mut grown = [0; 200];
    grown[..100].fill(3);
    assert_eq!(disk.allows(&grown), Ok(()));
    assert!(matches!(disk.allows(&[3; 150]), Err(Impossible::Len { found: 150, .. })));
}

#[test]
fn a_private_store_is_never_found() {
    let mut play = Play::default();
    play.file(DISK, PAGE);
    play.does(A.map(0, Sharing::Private, RW, 0, PAGE));
    play.does(A.store(0, 0, PAGE, 2));
    play.does(A.flush(0, Msync::Sync, 0, PAGE));
    assert!(play.model.disk(File(DISK)).allows(&[2; 4096]).is_err());
}

#[test]
fn a_store_past_the_end_may_be_found_once_the_file_has_grown() {
    let mut play = Play::default();
    play.file(DISK, 10);
    play.does(A.map(0, Sharing::Shared, RW, 0, PAGE));
    play.does(A.store(0, 10, 1, 5));
    play.does(A.truncate(0, 11));
    play.does(A.sync(0));
    let disk = play.model.disk(File(DISK));
    for last in [0, 5] {
        assert_eq!(disk.allows(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, last]), Ok(()));
    }
}

#[test]
fn a_file_in_memory_is_gone() {
    let mut play = Play::default();
    play.file(MEMORY, PAGE);
    play.does(A.sync(0));
    assert!(play.model.disk(File(MEMORY)).lens().is_empty());
    assert!(play.model.disk(File(MEMORY)).allows(&[]).is_err());
}
