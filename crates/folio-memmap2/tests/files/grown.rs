//! `remap` of what is under a guarantee.

use std::io::Write;

use memmap2::RemapOptions;
use memmap2::folio::{Guarantee, guarantee_of};

use crate::support::*;

const LEN: usize = 10 * PAGE;

fn append(path: &std::path::Path, len: usize) {
    let bytes: Vec<u8> = (LEN..LEN + len).map(pattern).collect();
    std::fs::File::options().append(true).open(path).unwrap().write_all(&bytes).unwrap();
}

#[test]
fn a_shorter_one_stays_where_and_what_it_is() {
    testfs::each(LEASING, |fs| {
        let path = patterned(fs.path(), "file", LEN);
        let mut map = map(&path);
        let address = map.as_ptr();
        // SAFETY: no slice of it lives, here and below.
        unsafe { map.remap(5000, RemapOptions::new()) }.unwrap();
        assert_eq!((map.len(), map.as_ptr()), (5000, address));
        truncate_elsewhere(&path, 0);
        assert_eq!((first_wrong(&map, 0), guarantee_of(&map)), (None, Some(Guarantee::Snapshot)));
        // SAFETY: as above.
        unsafe { map.remap(LEN, RemapOptions::new()) }.unwrap();
        assert_eq!(first_wrong(&map, 0), None);
    });
}

#[test]
fn a_longer_one_follows_the_file() {
    testfs::each(LEASING, |fs| {
        for disturbed in [false, true] {
            let path = patterned(fs.path(), "file", LEN);
            let mut kept = map(&path);
            if disturbed {
                // The content goes to a file of folio's own, which does not grow.
                append(&path, 3 * PAGE);
                assert_eq!(guarantee_of(&kept), Some(Guarantee::Snapshot));
                // SAFETY: no slice of it lives, here and below.
                let in_place = unsafe { kept.remap(LEN + 3 * PAGE, RemapOptions::new()) };
                assert_eq!(in_place.unwrap_err().raw_os_error(), Some(12), "ENOMEM");
                assert_eq!(first_wrong(&kept, 0), None);
            }
            // SAFETY: as above.
            unsafe { kept.remap(LEN + 3 * PAGE, RemapOptions::new().may_move(true)) }.unwrap();
            if !disturbed {
                append(&path, 3 * PAGE);
            }
            assert_eq!((kept.len(), first_wrong(&kept, 0)), (LEN + 3 * PAGE, None));
            assert_eq!(guarantee_of(&kept), None);
            overwrite_elsewhere(&path, 0xee);
            assert!(kept.iter().all(|&byte| byte == 0xee), "it follows the file");
        }
    });
}

/// mremap(2) answers EFAULT where pages differ in more than their bytes.
#[test]
fn what_was_shortened_and_locked_grows_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut kept = map(&patterned(folder.path(), "file", LEN));
    assert!(guarantee_of(&kept).is_some());
    // SAFETY: no slice of it lives, here and below.
    unsafe { kept.remap(100, RemapOptions::new()) }.unwrap();
    kept.lock().unwrap();
    // SAFETY: as above.
    unsafe { kept.remap(LEN + PAGE, RemapOptions::new().may_move(true)) }.unwrap();
    assert_eq!(first_wrong(&kept[..LEN], 0), None);
}
