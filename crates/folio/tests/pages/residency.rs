//! What is in memory, and what cannot be known.

#![expect(clippy::single_range_in_vec_init, reason = "runs are compared with lists of one range")]

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;

use folio::{
    Advice, CacheCounts, ErrorKind, MapOptions, PageSize, PopulateFor, Residency, Resident, Shared,
    SharedMut, WhyUnknown,
};
use testfs::Kind;

use crate::unprivileged::{self, NOBODY};

fn known(residency: Residency) -> Resident {
    match residency {
        Residency::Known(resident) => resident,
        Residency::Unknown(why) => panic!("{why}"),
    }
}

/// A file of which nothing is in the page cache.
fn cold_file(dir: &std::path::Path, len: usize) -> File {
    let path = dir.join("cold");
    std::fs::write(&path, vec![1; len]).unwrap();
    let file = File::options().read(true).write(true).open(path).unwrap();
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    file
}

#[test]
fn cold_pages_are_not_resident_and_touched_ones_are() {
    let page = PageSize::base().bytes();
    let ran = testfs::each(&[Kind::Ext4, Kind::Xfs], |fs| {
        let file = cold_file(fs.path(), 256 * page);
        let map = Shared::from_file(&file).unwrap();
        let pages = map.pages();
        let cold = known(pages.residency(..).unwrap());
        assert_eq!((cold.resident_pages(), cold.pages(), cold.runs()), (0, 256, &[][..]));
        assert_eq!(cold.resident_bytes(), 0);

        pages.advise(.., Advice::Random).unwrap();
        assert_eq!(map.load::<u8>(100 * page).unwrap(), 1);
        let one = known(pages.residency(..).unwrap());
        assert!(
            one.contains(100 * page) && !one.contains(0) && !one.contains(255 * page),
            "{one:?}"
        );

        pages.populate(.., PopulateFor::Read).unwrap();
        let all = known(pages.residency(..).unwrap());
        assert_eq!((all.resident_pages(), all.runs()), (256, &[0..256 * page][..]));
        let part = known(pages.residency(page + 1..3 * page - 1).unwrap());
        assert_eq!((part.pages(), part.resident_bytes()), (2, 2 * page - 2));
        assert_eq!(known(pages.residency(7..7).unwrap()).pages(), 0);
    });
    assert_eq!(ran.ran + ran.skipped, 2);
}

#[test]
fn prefetching_reads_the_pages_in() {
    let page = PageSize::base().bytes();
    let ran = testfs::each(&[Kind::Ext4], |fs| {
        let file = cold_file(fs.path(), 64 * page);
        let map = Shared::from_file(&file).unwrap();
        map.pages().prefetch(..).unwrap();
        // Nothing waits for them: this ends when the device has answered.
        while known(map.pages().residency(..).unwrap()).resident_pages() < 64 {
            std::thread::yield_now();
        }
        assert_eq!(known(map.pages().residency(..).unwrap()).resident_bytes(), 64 * page);
    });
    assert_eq!(ran.ran + ran.skipped, 1);
}

#[test]
fn paging_out_takes_clean_pages_from_memory() {
    let page = PageSize::base().bytes();
    let ran = testfs::each(&[Kind::Ext4], |fs| {
        let file = cold_file(fs.path(), 64 * page);
        let map = Shared::from_file(&file).unwrap();
        map.pages().populate(.., PopulateFor::Read).unwrap();
        map.pages().advise(.., Advice::PageOut).unwrap();
        // Another processor may still hold a batch of 31, if the thread was moved to this one after it had populated them.
        let stayed = known(map.pages().residency(..).unwrap()).resident_pages();
        assert!(stayed <= 31, "{stayed} of 64 stayed");
        assert_eq!(map.load::<u8>(0).unwrap(), 1);
    });
    assert_eq!(ran.ran + ran.skipped, 1);
}

#[test]
fn a_mapping_that_begins_anywhere_counts_from_its_first_byte() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, vec![1; 50_000]).unwrap();
    let map = MapOptions::new().range(5000..45_000).open_shared(&path).unwrap();
    let all = known(map.pages().residency(..).unwrap());
    assert_eq!((all.runs(), all.range()), (&[0..40_000][..], 0..40_000));
    let slice = map.slice(10_000..20_000).unwrap();
    let resident = known(slice.pages().residency(1..).unwrap());
    assert_eq!(resident.runs(), [1..10_000]);
    assert!(!resident.contains(0) && resident.contains(1) && !resident.contains(10_000));
    for bad in [(0..10_001), (10_001..10_001)] {
        assert_eq!(slice.pages().residency(bad).unwrap_err().kind(), ErrorKind::OutOfRange);
    }
    let empty = map.slice(7..7).unwrap();
    assert_eq!(known(empty.pages().residency(..).unwrap()).pages(), 0);
}

#[test]
fn counts_tell_dirty_pages() {
    let page = PageSize::base().bytes();
    let ran = testfs::each(&[Kind::Ext4], |fs| {
        let file = cold_file(fs.path(), 64 * page);
        let counts = match CacheCounts::of(&file, ..) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                return testfs::skip("cachestat(2)", error);
            }
            other => other.unwrap(),
        };
        assert_eq!((counts.cached, counts.states.dirty, counts.states.writeback), (0, 0, 0));
        let map = SharedMut::from_file(&file).unwrap();
        map.write_at(0, &[2]).unwrap();
        map.write_at(10 * page, &[2]).unwrap();
        let counts = map.pages().cache_counts(..).unwrap();
        let dirty = counts.states.dirty;
        assert!((2..=64).contains(&dirty) && counts.cached >= dirty, "{counts:?}");
        assert_eq!(map.pages().cache_counts(5..5).unwrap().cached, 0);
        map.flush().unwrap();
        assert_eq!(map.pages().cache_counts(..).unwrap().states.dirty, 0);
        assert!(map.pages().cache_counts(..page).unwrap().cached >= 1);
    });
    assert_eq!(ran.ran + ran.skipped, 1);
}

#[test]
fn who_neither_owns_nor_may_write_a_file_is_told_nothing() {
    if let Some((file, expectation)) = unprivileged::handed_over() {
        return as_nobody(&file, &expectation);
    }
    let dir = tempfile::tempdir_in(testfs::with_leases()).unwrap();
    let path = dir.path().join("of root");
    std::fs::write(&path, vec![1; 50_000]).unwrap();
    let file = File::open(&path).unwrap();
    let seen_as_nobody = |mode, owner, expectation| {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        std::os::unix::fs::chown(&path, Some(owner), Some(owner)).unwrap();
        unprivileged::run(
            "residency::who_neither_owns_nor_may_write_a_file_is_told_nothing",
            &file,
            expectation,
        )
    };
    if !rustix::process::geteuid().is_root() {
        return testfs::skip("files of another user", "not root");
    }
    assert!(seen_as_nobody(0o644, 0, "unknown"));
    assert!(seen_as_nobody(0o666, 0, "known"));
    assert!(seen_as_nobody(0o444, NOBODY, "known"));
    let root = Shared::from_file(&file).unwrap();
    assert!(
        matches!(root.pages().residency(..).unwrap(), Residency::Known(_)),
        "root may ask about any file"
    );
}

/// The part of the test above that runs as another user.
fn as_nobody(file: &File, expectation: &str) {
    let map = Shared::from_file(file).unwrap();
    let residency = map.pages().residency(..).unwrap();
    let counts = map.pages().cache_counts(..);
    if expectation == "known" {
        assert_eq!(known(residency).resident_bytes(), 50_000);
        assert!(counts.is_ok_and(|counts| counts.cached > 0));
        return;
    }
    assert_eq!(
        residency,
        Residency::Unknown(WhyUnknown::NeitherOwnerNorWriter { owner: 0, user: NOBODY })
    );
    // The kernel keeps these to itself since Linux 6.14; before that it told them to everybody, and they were true.
    if let Err(error) = counts {
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }
}
