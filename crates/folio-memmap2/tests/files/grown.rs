//! `remap` of what is under a guarantee.

use std::io::Write;

use memmap2::folio::{Guarantee, guarantee_of};
use memmap2::{MmapOptions, RemapOptions};

use crate::support::*;

const LEN: usize = 10 * PAGE;

fn append(path: &std::path::Path, len: usize) {
    append_from(path, LEN, len);
}

fn append_from(path: &std::path::Path, end: usize, len: usize) {
    let bytes: Vec<u8> = (end..end + len).map(pattern).collect();
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
    let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
    let mut kept = map(&patterned(folder.path(), "file", LEN));
    assert!(guarantee_of(&kept).is_some());
    // SAFETY: no slice of it lives, here and below.
    unsafe { kept.remap(100, RemapOptions::new()) }.unwrap();
    kept.lock().unwrap();
    // SAFETY: as above.
    unsafe { kept.remap(LEN + PAGE, RemapOptions::new().may_move(true)) }.unwrap();
    assert_eq!(first_wrong(&kept[..LEN], 0), None);
}

/// Where the new end is in the page of the old one, there is no page to ask the kernel for, and yet bytes to be seen.
#[test]
fn a_few_bytes_more_are_the_file_s_too() {
    testfs::each(LEASING, |fs| {
        for disturbed in [false, true] {
            let path = patterned(fs.path(), "file", 5000);
            let mut kept = map(&path);
            if disturbed {
                append_from(&path, 5000, 100);
                assert_eq!(guarantee_of(&kept), Some(Guarantee::Snapshot));
            }
            // SAFETY: no slice of it lives.
            unsafe { kept.remap(5100, RemapOptions::new().may_move(true)) }.unwrap();
            if !disturbed {
                append_from(&path, 5000, 100);
            }
            assert_eq!((kept.len(), first_wrong(&kept, 0)), (5100, None));
        }
    });
}

#[test]
fn one_that_fails_leaves_the_bytes_where_they_are() {
    testfs::each(LEASING, |fs| {
        let path = patterned(fs.path(), "file", LEN);
        let mut kept = map(&path);
        append(&path, PAGE);
        assert_eq!(guarantee_of(&kept), Some(Guarantee::Snapshot));
        let may_move = RemapOptions::new().may_move(true);
        // SAFETY: no slice of it lives, here and below.
        let error = unsafe { kept.remap(1 << 60, may_move) }.unwrap_err();
        assert!(error.raw_os_error().is_some(), "no address has so many bits: {error:?}");
        assert_eq!((kept.len(), first_wrong(&kept, 0)), (LEN, None));
        // SAFETY: as above.
        unsafe { kept.remap(LEN + PAGE, may_move) }.unwrap();
        assert_eq!(first_wrong(&kept, 0), None);
    });
}

/// The kernel rounds the length up to whole pages, which overflows.
#[test]
fn a_length_that_is_no_number_of_pages_is_refused_and_the_guarantee_stays() {
    testfs::each(LEASING, |fs| {
        for guarantee in [Guarantee::Lease, Guarantee::Snapshot] {
            let path = patterned(fs.path(), "file", LEN);
            let mut kept = map(&path);
            if guarantee == Guarantee::Snapshot {
                append(&path, PAGE);
            }
            for (len, may_move) in
                [usize::MAX, usize::MAX - PAGE + 2].into_iter().zip([false, true])
            {
                let how = RemapOptions::new().may_move(may_move);
                // SAFETY: no slice of it lives.
                let error = unsafe { kept.remap(len, how) }.unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "{len:#x}");
            }
            assert_eq!((kept.len(), guarantee_of(&kept)), (LEN, Some(guarantee)));
            assert_eq!(first_wrong(&kept, 0), None);
        }
    });
}

#[test]
fn a_private_one_keeps_what_was_stored() {
    testfs::each(LEASING, |fs| {
        let path = patterned(fs.path(), "file", LEN);
        let mut copy = map_copy(&path);
        copy[2 * PAGE] = 0xff;
        append(&path, PAGE);
        assert_eq!(guarantee_of(&copy), Some(Guarantee::Snapshot));
        // SAFETY: no slice of it lives.
        unsafe { copy.remap(LEN + PAGE, RemapOptions::new().may_move(true)) }.unwrap();
        copy[LEN] = 0xfe;
        assert_eq!((copy[2 * PAGE], copy[LEN]), (0xff, 0xfe));
        (copy[2 * PAGE], copy[LEN]) = (pattern(2 * PAGE), pattern(LEN));
        assert_eq!((copy.len(), first_wrong(&copy, 0)), (LEN + PAGE, None));
        let on_disk = std::fs::read(&path).unwrap();
        assert_eq!(first_wrong(&on_disk, 0), None, "no store reached the file");
    });
}

/// After `make_mut` there is no guarantee left, and still a copy.
#[test]
fn one_that_takes_stores_by_now_follows_the_file_too() {
    testfs::each(LEASING, |fs| {
        let path = patterned(fs.path(), "file", LEN);
        // SAFETY: a test's own file.
        let map =
            unsafe { MmapOptions::new().map_copy_read_only(&std::fs::File::open(&path).unwrap()) };
        let map = map.unwrap();
        append(&path, PAGE);
        let mut map = map.make_mut().unwrap();
        map[0] = 0xff;
        // SAFETY: no slice of it lives.
        unsafe { map.remap(LEN + PAGE, RemapOptions::new().may_move(true)) }.unwrap();
        assert_eq!((map[0], first_wrong(&map[1..], 1)), (0xff, None));
        map[LEN] = 1;
    });
}

/// As memmap2 has it, the pages stay where they are and what they are.
#[test]
fn one_that_cannot_grow_in_place_keeps_its_guarantee() {
    testfs::each(LEASING, |fs| {
        let path = patterned(fs.path(), "file", LEN);
        let mut map = map(&path);
        let behind = map.as_ptr().wrapping_add(LEN).cast_mut().cast();
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        // SAFETY: the kernel takes the page only if nobody has it; it stays for as long as the test's process does.
        let taken = unsafe { libc::mmap(behind, PAGE, libc::PROT_NONE, flags, -1, 0) };
        assert!(taken == behind || taken == libc::MAP_FAILED);
        // SAFETY: no slice of it lives.
        let grown = unsafe { map.remap(LEN + 1, RemapOptions::new()) };
        assert_eq!(grown.unwrap_err().raw_os_error(), Some(libc::ENOMEM));
        assert_eq!((map.len(), guarantee_of(&map)), (LEN, Some(Guarantee::Lease)));
        truncate_elsewhere(&path, 0);
        assert_eq!((first_wrong(&map, 0), guarantee_of(&map)), (None, Some(Guarantee::Snapshot)));
    });
}
