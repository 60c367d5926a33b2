//! A full file system: holes cannot get a page.

use folio::{ErrorKind, Shared, SharedMut};
use testfs::{FileSystem, Kind};

use crate::scratch::page;

fn full(kind: Kind, size: u64) -> Option<(FileSystem, std::path::PathBuf)> {
    let fs = FileSystem::with_size(kind, size)?;
    let path = fs.path().join("sparse");
    let file = std::fs::File::create(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![7; page()], 0).unwrap();
    file.set_len(64 * page() as u64).unwrap();
    file.sync_all().unwrap();
    fs.fill().unwrap();
    Some((fs, path))
}

#[test]
fn a_load_from_a_hole_of_a_full_tmpfs_is_no_space() {
    let Some((fs, path)) = full(Kind::Tmpfs, 1 << 20) else { return };
    let map = Shared::open(&path).unwrap();
    let mut bytes = vec![1; map.len()];
    let error = map.read_at(0, &mut bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
    assert_eq!(error.bytes_done(), page());
    assert_eq!(bytes[..16], [7; 16]);
    assert_eq!(map.load::<u64>(10 * page()).unwrap_err().kind(), ErrorKind::NoSpace);
    std::fs::remove_file(fs.path().join("filler")).unwrap();
    map.read_at(0, &mut bytes).unwrap();
}

#[test]
fn stores_to_a_hole_of_a_full_file_system_are_no_space() {
    for (kind, size) in [(Kind::Tmpfs, 1 << 20), (Kind::Ext4, 32 << 20)] {
        let Some((fs, path)) = full(kind, size) else { continue };
        let map = SharedMut::open(&path).unwrap();
        let at = 10 * page();
        let no_space = |error: folio::Error, done: usize| {
            assert_eq!(error.kind(), ErrorKind::NoSpace, "{kind}: {error}");
            assert_eq!(error.bytes_done(), done, "{kind}: {error}");
        };
        // The first page has its space.
        let edge = page() - 10;
        no_space(map.fill(edge..at, 1).unwrap_err(), 10);
        no_space(map.write_at(edge, &vec![1; page()]).unwrap_err(), 10);
        no_space(map.write_at(at, &[1]).unwrap_err(), 0);
        no_space(map.store(at, &1u64).unwrap_err(), 0);
        no_space(map.copy_within(0..16, at).unwrap_err(), 0);
        no_space(map.allocate(at..at + 1).unwrap_err(), 0);
        std::fs::remove_file(fs.path().join("filler")).unwrap();
        map.write_at(at, &[1]).unwrap();
    }
}

#[test]
fn an_atomic_store_to_a_hole_of_a_full_tmpfs_poisons_with_no_space() {
    let Some((_fs, path)) = full(Kind::Tmpfs, 1 << 20) else { return };
    let map = SharedMut::open(&path).unwrap();
    map.atomic_u64(20 * page()).unwrap().store(1, std::sync::atomic::Ordering::Relaxed);
    let error = map.check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned);
    assert!(error.to_string().contains("no space"), "{error}");
}

#[test]
fn growing_on_a_full_file_system_is_no_space_and_changes_nothing() {
    let Some((_fs, path)) = full(Kind::Tmpfs, 1 << 20) else { return };
    let mut map = SharedMut::open(&path).unwrap();
    let len = map.len();
    let error = map.grow(len + 10 * page()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert_eq!((map.len(), map.file_len().unwrap()), (len, len as u64));
    assert_eq!(map.load::<u8>(0).unwrap(), 7);
}
