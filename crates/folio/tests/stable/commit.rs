//! Committing: all or nothing by a new file, or in place.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use folio::{ErrorKind, Guarantee, Private};
use testfs::Kind;

use crate::support::{only, patterned};

const EVERYWHERE: &[Kind] =
    &[Kind::Here, Kind::Ext4, Kind::Tmpfs, Kind::Xfs, Kind::Btrfs, Kind::Overlay];

/// The guarantees to be had on each; see `why_lease_proves_nothing`.
fn guarantees(kind: Kind) -> impl Iterator<Item = Guarantee> {
    [Guarantee::Lease, Guarantee::Snapshot, Guarantee::Copied]
        .into_iter()
        .filter(move |&guarantee| kind != Kind::Overlay || guarantee != Guarantee::Lease)
}

/// What the file should hold after the changes that [`edit`] makes.
fn edited(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[10..20].fill(b'a');
    bytes[100_000..100_001].fill(b'b');
    let end = bytes.len();
    bytes[end - 5..].fill(b'c');
    bytes
}

fn edit(draft: &mut Private) {
    draft[10..20].fill(b'a');
    draft[100_000] = b'b';
    let end = draft.len();
    draft[end - 5..].fill(b'c');
}

/// The mapping rests on the same guarantee as before. Only a lease may be had no more: a command that another test starts
/// inherits the descriptor that wrote, between its fork and its exec.
fn renewed(draft: &Private, guarantee: Guarantee) {
    let now = draft.guarantee();
    let lease_not_had = guarantee == Guarantee::Lease && now == Guarantee::Snapshot;
    assert!(now == guarantee || lease_not_had, "{now}, was {guarantee}");
}

#[test]
fn a_commit_is_a_new_file_with_the_old_ones_mode_and_attributes() {
    testfs::each(EVERYWHERE, |fs| {
        for guarantee in guarantees(fs.kind()) {
            let path = patterned(fs.path(), "file", 1 << 20);
            let _ = fs::remove_file(fs.path().join("link"));
            symlink("file", fs.path().join("link")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            let attribute =
                rustix::fs::setxattr(&path, "user.note", b"kept", rustix::fs::XattrFlags::empty());
            let before = fs::read(&path).unwrap();
            let old = fs::metadata(&path).unwrap();
            let mut draft = only(guarantee).open_private(fs.path().join("link")).unwrap();
            edit(&mut draft);
            draft.commit().unwrap();
            renewed(&draft, guarantee);
            let new = fs::metadata(&path).unwrap();
            assert_ne!(new.ino(), old.ino(), "a new file");
            assert_eq!((new.mode(), new.uid(), new.gid()), (old.mode(), old.uid(), old.gid()));
            assert!(fs::symlink_metadata(fs.path().join("link")).unwrap().is_symlink());
            if attribute.is_ok() {
                let mut value = [0u8; 8];
                let len = rustix::fs::getxattr(&path, "user.note", &mut value[..]).unwrap();
                assert_eq!(&value[..len], b"kept");
            }
            assert!(fs::read(&path).unwrap() == edited(before));
            assert_eq!(draft.changed().unwrap(), [], "the mapping is of the new file");
            draft[0] = draft[0].wrapping_add(1);
            draft.commit().unwrap();
            assert_eq!(fs::read(&path).unwrap()[0], draft[0]);
            let names: Vec<_> =
                fs::read_dir(fs.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            let left: Vec<_> =
                names.iter().filter(|name| name.to_string_lossy().contains("folio")).collect();
            assert!(left.is_empty(), "{left:?}");
        }
    });
}

#[test]
fn a_commit_in_place_keeps_the_inode_and_hard_links() {
    testfs::each(EVERYWHERE, |fs| {
        for guarantee in guarantees(fs.kind()) {
            let path = patterned(fs.path(), "file", 1 << 20);
            let twin = fs.path().join("twin");
            let _ = fs::remove_file(&twin);
            fs::hard_link(&path, &twin).unwrap();
            let before = fs::read(&path).unwrap();
            let inode = fs::metadata(&path).unwrap().ino();
            let mut draft = only(guarantee).open_private(&path).unwrap();
            edit(&mut draft);
            assert_eq!(draft.commit().unwrap_err().kind(), ErrorKind::Conflict, "it has two links");
            draft.commit_in_place().unwrap();
            assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
            assert!(fs::read(&twin).unwrap() == edited(before));
            assert_eq!(draft.changed().unwrap(), []);
            renewed(&draft, guarantee);
        }
    });
}

#[test]
fn a_part_of_a_file_is_committed_where_it_belongs() {
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", 1 << 20);
    let mut expected = fs::read(&path).unwrap();
    let mut draft = folio::MapOptions::new().range(5000..700_000).open_private(&path).unwrap();
    draft[1] = 0;
    draft[600_000] = 0;
    draft.commit().unwrap();
    expected[5001] = 0;
    expected[605_000] = 0;
    assert!(fs::read(&path).unwrap() == expected);
}

#[test]
fn somebody_elses_change_is_a_conflict_and_nothing_is_lost() {
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", 1 << 20);
    let mut draft = Private::open(&path).unwrap();
    draft[0] ^= 1;
    // Opening for writing is held back until the draft is out of reach.
    OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"more"))
        .unwrap();
    for error in [draft.commit().unwrap_err(), draft.commit_in_place().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.path().is_some());
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), (1 << 20) + 4);
    assert_eq!(draft.changed().unwrap(), [0..1]);

    let path = patterned(fs.path(), "replaced", 1 << 20);
    let mut draft = Private::open(&path).unwrap();
    draft[0] ^= 1;
    let other = patterned(fs.path(), "other", 1 << 20);
    fs::rename(&other, &path).unwrap();
    assert!(matches!(
        draft.commit().unwrap_err().kind(),
        ErrorKind::Conflict | ErrorKind::NotFound
    ));
}

#[test]
fn a_commit_on_a_full_disk_leaves_everything_as_it_was() {
    let Some(fs) = testfs::FileSystem::with_size(Kind::Tmpfs, 3 << 20) else { return };
    let path = patterned(fs.path(), "file", 2 << 20);
    let before = fs::read(&path).unwrap();
    let mut draft = only(Guarantee::Lease).open_private(&path).unwrap();
    draft[5] ^= 1;
    assert_eq!(draft.commit().unwrap_err().kind(), ErrorKind::NoSpace);
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(draft.changed().unwrap(), [5..6]);
    draft.commit_in_place().unwrap();
    assert_eq!(fs::read(&path).unwrap()[5], before[5] ^ 1);
}
