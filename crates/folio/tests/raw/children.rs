use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;

use folio::raw::{Advice, Ended, Protection, Sharing, Touch, observe, observe_touches};
use folio::{MapOptions, Shared};

use crate::scratch::{map, memory, page, sevens};

/// The child's values name addresses where nothing of theirs is; nothing else may come to be there.
pub(crate) fn inherit_nothing_that_is_kept_from_them_and_put_nothing_in_its_place() {
    const PAGES: usize = 1000;
    let kept = memory(PAGES * page());
    kept.store(0, 1);
    kept.advise(0..PAGES * page(), Advice::DontFork).unwrap();
    // So too for what the library's own kinds keep.
    let file = sevens(PAGES * page());
    let shared: Shared = MapOptions::new().map_shared(&file).unwrap();
    shared.pages().advise(.., folio::Advice::DontFork).unwrap();
    let touched = observe_touches(&kept, 0..1, Touch::Load).unwrap();
    assert_eq!((touched.done, touched.signal), (0, Some(11)));

    let (start, end) = (kept.address(), kept.address() + kept.len());
    let seen = observe(move || {
        let mut others = Vec::new();
        for _ in 0..2 * PAGES {
            let other = memory(page());
            assert!(!(start..end).contains(&other.address()));
            other.store(0, 5);
            others.push(other);
        }
        drop((kept, shared));
        others.iter().map(|other| other.load(0)).collect()
    });
    let seen = seen.unwrap();
    assert_eq!(seen.ended, Ended::Exited(0));
    assert_eq!(seen.bytes, vec![5; 2 * PAGES]);
}

/// The kernel is asked for all mappings, and tells their names as they are.
pub(crate) fn are_forked_beside_a_file_of_any_name() {
    let kept = memory(page());
    kept.advise(0..page(), Advice::DontFork).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(OsStr::from_bytes(b"\xff"));
    if let Err(error) = std::fs::write(&path, [7]) {
        return testfs::skip("a name that is no UTF-8", error);
    }
    let file = File::open(&path).unwrap();
    let named = map(&file, 1, Protection::READ, Sharing::Shared);
    let seen = observe(|| named.load_range(0..1)).unwrap();
    assert_eq!((seen.bytes.as_slice(), seen.ended), ([7].as_slice(), Ended::Exited(0)));
}

pub(crate) fn of_children_are_forked_as_well() {
    let seen = observe(|| observe(|| vec![4]).unwrap().bytes).unwrap();
    assert_eq!((seen.bytes.as_slice(), seen.ended), ([4].as_slice(), Ended::Exited(0)));
}
