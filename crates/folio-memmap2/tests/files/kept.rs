//! Under a guarantee: the bytes as they were when the file was mapped, whoever does what to it.

use std::fs::File;
use std::time::{Duration, Instant};

use memmap2::folio::{Guarantee, guarantee_of, poisoned};
use memmap2::{Mmap, MmapOptions};
use testfs::Kind;

use crate::support::*;

const LEN: usize = 300_000;
/// The kernel would break the lease by force after 45 s.
const FORCED: Duration = Duration::from_secs(40);

#[test]
fn truncating_waits_and_then_succeeds_and_the_bytes_stay() {
    let outcome = testfs::each(LEASING, |fs| {
        for len in [100, LEN] {
            let path = patterned(fs.path(), "file", len);
            let map = map(&path);
            assert_eq!(guarantee_of(&map), Some(Guarantee::Lease));
            let start = Instant::now();
            truncate_elsewhere(&path, 0);
            assert!(start.elapsed() < FORCED, "{:?}", start.elapsed());
            assert_eq!((map.len(), first_wrong(&map, 0)), (len, None));
            assert_eq!(guarantee_of(&map), Some(Guarantee::Snapshot));
            assert_eq!(poisoned(&map), None);
        }
    });
    assert!(outcome.ran + outcome.skipped == LEASING.len());
}

#[test]
fn rewriting_waits_and_then_succeeds_and_the_bytes_stay() {
    testfs::each(LEASING, |fs| {
        let path = patterned(fs.path(), "file", LEN);
        let (whole, part) =
            (map(&path), map_with(&path, MmapOptions::new().offset(5000).len(90_000)));
        overwrite_elsewhere(&path, 0xee);
        assert_eq!((first_wrong(&whole, 0), first_wrong(&part, 5000)), (None, None));
        assert_eq!(part.len(), 90_000);
        assert!(map(&path).iter().all(|&byte| byte == 0xee), "mapped anew, it is the new content");
    });
}

#[test]
fn a_private_mapping_keeps_its_own_changes_and_the_rest() {
    testfs::each(LEASING, |fs| {
        let path = patterned(fs.path(), "file", LEN);
        let mut copy = map_copy(&path);
        assert_eq!(guarantee_of(&copy), Some(Guarantee::Lease));
        copy[10_000] = 0;
        truncate_elsewhere(&path, 0);
        assert_eq!(copy[10_000], 0);
        copy[10_000] = pattern(10_000);
        assert_eq!(first_wrong(&copy, 0), None);
        copy.fill(1);
        assert!(copy.iter().all(|&byte| byte == 1));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    });
}

#[test]
fn a_sealed_memfd_is_kept_for_nothing() {
    use rustix::fs::{MemfdFlags, SealFlags};
    let memfd =
        rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::io::write(&memfd, &[7; 5000]).unwrap();
    // SAFETY: nobody else has it.
    let unsealed = unsafe { Mmap::map(&memfd) }.unwrap();
    assert_eq!(guarantee_of(&unsealed), None);
    drop(unsealed);
    rustix::fs::fcntl_add_seals(&memfd, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW)
        .unwrap();
    // SAFETY: nobody can change it.
    let sealed = unsafe { Mmap::map(&memfd) }.unwrap();
    assert_eq!(guarantee_of(&sealed), Some(Guarantee::Sealed));
    assert_eq!(guarantee_of(&Mmap::map_if_safe(&memfd).unwrap()), Some(Guarantee::Sealed));
    assert!(sealed.iter().all(|&byte| byte == 7));
}

/// The second lease through one open file description would be the first.
#[test]
fn one_open_file_is_mapped_many_times() {
    testfs::each(LEASING, |fs| {
        let path = patterned(fs.path(), "file", LEN);
        let file = File::open(&path).unwrap();
        // SAFETY: the pattern stays, under a guarantee.
        let maps: Vec<_> = (0..5).map(|_| unsafe { Mmap::map(&file) }.unwrap()).collect();
        let mut maps = maps;
        assert!(maps.iter().all(|map| guarantee_of(map) == Some(Guarantee::Lease)));
        // The first of them, and with it the lease that the description has.
        drop(maps.remove(0));
        truncate_elsewhere(&path, 1);
        assert!(maps.iter().all(|map| first_wrong(map, 0).is_none()));
    });
}

#[test]
fn what_is_done_with_it_leaves_the_guarantee_and_the_bytes() {
    use memmap2::{Advice, UncheckedAdvice};
    testfs::each(LEASING, |fs| {
        let path = patterned(fs.path(), "file", LEN);
        let map = map(&path);
        map.advise(Advice::WillNeed).unwrap();
        map.advise_range(Advice::PopulateRead, 5000, 9000).unwrap();
        map.lock().unwrap();
        map.unlock().unwrap();
        truncate_elsewhere(&path, 0);
        // SAFETY: the bytes are the same when they come again.
        unsafe { map.unchecked_advise(UncheckedAdvice::DontNeed) }.unwrap();
        assert_eq!((first_wrong(&map, 0), poisoned(&map)), (None, None));
    });
}

#[test]
fn another_protection_leaves_the_bytes_as_they_are() {
    testfs::each(LEASING, |fs| {
        let path = patterned(fs.path(), "file", LEN);
        // SAFETY: under a guarantee.
        let read_only =
            unsafe { MmapOptions::new().map_copy_read_only(&File::open(&path).unwrap()) }.unwrap();
        let copy = map_copy(&path);
        assert!(guarantee_of(&read_only).is_some() && guarantee_of(&copy).is_some());
        truncate_elsewhere(&path, 0);
        let mut written = read_only.make_mut().unwrap();
        assert_eq!(first_wrong(&written, 0), None);
        written[0] = 9;
        let read = copy.make_read_only().unwrap();
        assert_eq!((written[0], first_wrong(&read, 0)), (9, None));
        let exec = written.make_exec().unwrap();
        assert_eq!((exec[0], exec[5]), (9, pattern(5)));
        let shared = map(&patterned(fs.path(), "other", LEN));
        assert_eq!(
            shared.make_mut().unwrap_err().raw_os_error(),
            Some(13),
            "EACCES, as with memmap2"
        );
    });
}

/// fcntl(2): closing any descriptor of a file drops all record locks that the process has on it. So nothing is closed where
/// nothing is kept.
#[test]
fn an_attempt_that_comes_to_nothing_leaves_the_program_s_locks() {
    use rustix::fs::{FlockOperation, fcntl_lock};
    let test = "kept::an_attempt_that_comes_to_nothing_leaves_the_program_s_locks";
    crate::child::lines_of(test, "locks", &[], || {
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        let path = patterned(folder.path(), "file", LEN);
        let (reader, writer) = (File::open(&path).unwrap(), read_write(&path));
        fcntl_lock(&writer, FlockOperation::NonBlockingLockExclusive).unwrap();
        // SAFETY: no byte is touched.
        let map = unsafe { Mmap::map(&reader) }.unwrap();
        assert_eq!(guarantee_of(&map), None);
        drop(map);
        assert!(crate::forked::forked(|| {
            let other = read_write(&path);
            assert!(fcntl_lock(&other, FlockOperation::NonBlockingLockExclusive).is_err());
        }));
    });
}

#[test]
fn nothing_stays_open_when_the_mappings_are_gone() {
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", LEN);
    drop(map(&path));
    // Other tests of this process open files, too: what leaks with each round shows, what they do does not.
    let before = descriptors();
    for round in 0..150 {
        let (map, copy) = (map(&path), map_copy(&path));
        if round % 25 == 0 {
            truncate_elsewhere(&path, LEN as u64);
        }
        assert_eq!((first_wrong(&map, 0), first_wrong(&copy, 0)), (None, None));
    }
    assert!(descriptors() < before + 100, "{before} before, {} now", descriptors());
}

/// Neither while the copy is mapped nor afterwards.
#[test]
fn what_was_put_out_of_reach_keeps_no_descriptor() {
    use folio::MapOptions;
    let test = "kept::what_was_put_out_of_reach_keeps_no_descriptor";
    crate::child::lines_of(test, "descriptors", &[], || {
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        let path = patterned(folder.path(), "file", LEN);
        let before = descriptors();
        let (whole, copy) = (map(&path), map_copy(&path));
        truncate_elsewhere(&path, LEN as u64);
        assert_eq!(guarantee_of(&copy), Some(Guarantee::Snapshot));
        let start = Instant::now();
        while descriptors() > before {
            assert!(start.elapsed() < FORCED, "{} descriptors, {before} before", descriptors());
            std::thread::yield_now();
        }
        drop((whole, copy));
        for _ in 0..3 {
            let options = MapOptions::new().guarantees(Guarantee::Lease);
            let frozen = options.open_frozen(&path).unwrap();
            let draft = options.open_private(&path).unwrap();
            truncate_elsewhere(&path, LEN as u64);
            assert_eq!(frozen.guarantee(), Guarantee::Snapshot);
            drop((frozen, draft));
        }
        let start = Instant::now();
        while descriptors() > before {
            assert!(start.elapsed() < FORCED, "{} descriptors, {before} before", descriptors());
            std::thread::yield_now();
        }
    });
}
