//! Each rung of the ladder alone, and the errors that tell why one cannot be had.
use std::fs::{self, OpenOptions};

use folio::{ErrorKind, Frozen, Guarantee, Guarantees, MapOptions, Private};
use testfs::Kind;

use crate::support::{first_wrong, only, patterned};

/// A rung that works everywhere keeps the bytes of a file that is overwritten, truncated and removed.
fn keeps(guarantee: Guarantee) {
    testfs::each(
        &[Kind::Here, Kind::Ext4, Kind::Tmpfs, Kind::Xfs, Kind::Btrfs, Kind::Overlay],
        |fs| {
            let path = patterned(fs.path(), "file", 3 << 20);
            let frozen = only(guarantee).range(8..).open_frozen(&path).unwrap();
            let mut draft = only(guarantee).range(8..).open_private(&path).unwrap();
            assert_eq!((frozen.guarantee(), draft.guarantee()), (guarantee, guarantee));
            draft[4096] ^= 255;
            fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
            assert_eq!(first_wrong(&frozen, 8), None);
            OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
            assert_eq!(first_wrong(&frozen, 8), None);
            fs::remove_file(&path).unwrap();
            assert_eq!(first_wrong(&frozen, 8), None);
            assert_eq!(draft.changed().unwrap(), [4096..4097]);
            draft.revert(4000..5000).unwrap();
            assert_eq!(first_wrong(&draft, 8), None);
            frozen.check().unwrap();
            draft.check().unwrap();
        },
    );
}

#[test]
fn snapshots_keep_the_bytes() {
    keeps(Guarantee::Snapshot);
}

#[test]
fn copies_keep_the_bytes() {
    keeps(Guarantee::Copied);
}

#[test]
fn the_ladder_is_walked_from_the_cheapest_rung() {
    testfs::each(&[Kind::Here, Kind::Ext4, Kind::Tmpfs, Kind::Xfs, Kind::Btrfs], |fs| {
        let large = patterned(fs.path(), "large", 1 << 20);
        let small = patterned(fs.path(), "small", 4096);
        assert_eq!(Frozen::open(&large).unwrap().guarantee(), Guarantee::Lease, "{}", fs.kind());
        assert_eq!(Private::open(&large).unwrap().guarantee(), Guarantee::Lease);
        assert_eq!(Frozen::open(&small).unwrap().guarantee(), Guarantee::Copied);
        let leased = only(Guarantee::Lease).open_frozen(&small).unwrap();
        assert_eq!(leased.guarantee(), Guarantee::Lease);
        let file = fs::File::open(&large).unwrap();
        let by_file = Frozen::from_file(&file).unwrap();
        drop(file);
        assert_eq!(by_file.guarantee(), Guarantee::Lease);
        assert_eq!(first_wrong(&by_file, 0), None);
    });
}

#[test]
fn an_error_lists_every_rung_and_why_it_failed() {
    let path = patterned(testfs::FileSystem::new(Kind::Here).unwrap().path(), "gone", 8);
    assert_eq!(Frozen::open(path).unwrap_err().kind(), ErrorKind::NotFound);

    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", 1 << 20);
    let _writer = OpenOptions::new().write(true).open(&path).unwrap();
    let cheap = MapOptions::new().guarantees(Guarantees::SEALED | Guarantees::LEASE);
    for error in [cheap.open_frozen(&path).unwrap_err(), cheap.open_private(&path).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::NoGuarantee);
        let tried: Vec<_> =
            error.attempts().iter().map(|(guarantee, why)| (*guarantee, why.kind())).collect();
        assert_eq!(
            tried,
            [(Guarantee::Sealed, ErrorKind::Unsupported), (Guarantee::Lease, ErrorKind::Busy)]
        );
        let text = error.to_string();
        let sealed = ["sealed: it is not a memfd", "sealed: it is not sealed against writing, "];
        assert!(sealed.iter().any(|why| text.contains(why)), "{text}"); // the other on tmpfs
        assert!(
            text.contains("lease: somebody has the file open, or mapped, for writing"),
            "{text}"
        );
        assert!(text.contains("bytes 0..1048576"), "{text}");
        assert!(text.contains(path.to_str().unwrap()), "{text}");
    }
    let none = MapOptions::new().guarantees(Guarantees::empty());
    assert_eq!(none.open_frozen(&path).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn empty_files_and_ranges_give_empty_slices() {
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "empty", 0);
    assert!(Frozen::open(&path).unwrap().is_empty());
    let mut draft = Private::open(&path).unwrap();
    assert!(draft.is_empty());
    assert_eq!(draft.changed().unwrap(), []);
    draft.revert(..).unwrap();
    draft.commit().unwrap();
    draft.commit_in_place().unwrap();
    for guarantee in [Guarantee::Snapshot, Guarantee::Copied] {
        assert!(only(guarantee).open_frozen(&path).unwrap().is_empty());
        assert!(only(guarantee).open_private(&path).unwrap().is_empty());
    }
    let path = patterned(fs.path(), "file", 64 << 10);
    assert!(MapOptions::new().range(64 << 10..).open_frozen(&path).unwrap().is_empty());
    assert!(MapOptions::new().range(100..100).open_private(&path).unwrap().is_empty());
    assert_eq!(Frozen::open(&path).unwrap().slice(5..5).unwrap().len(), 0);
}
