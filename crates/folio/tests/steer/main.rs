//! Warming, evicting and locking the pages of files, on each file system.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use folio::{ErrorKind, FilePages, LockPages, PageSize, PageState, PopulateFor, Shared};
use testfs::Kind;

const MIB: u64 = 1 << 20;

/// Those that have a device to read pages from again.
const DEVICES: &[Kind] = &[Kind::Here, Kind::Ext4, Kind::Xfs, Kind::Btrfs];

/// The same, without the directory for temporary files where that is in memory.
fn devices() -> &'static [Kind] {
    if testfs::on_disk() == testfs::with_leases() { DEVICES } else { &DEVICES[1..] }
}

/// A file of so many bytes that no file system can make smaller, on the device and not in the page cache.
fn cold(path: &Path, len: u64) -> File {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let bytes: Vec<u8> = (0..len / 8)
        .flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .collect();
    fs::write(path, bytes).unwrap();
    let file = File::options().read(true).write(true).open(path).unwrap();
    let pages = FilePages::of(&file).unwrap();
    pages.sync().unwrap();
    assert_eq!(pages.evict(..).unwrap().after.unwrap().cached, 0);
    file
}

/// What is resident, in bytes.
fn resident(file: &File) -> Vec<core::ops::Range<u64>> {
    let pages = FilePages::of(file).unwrap();
    let runs = pages.runs(..).unwrap().map(Result::unwrap);
    runs.filter(|run| run.state == PageState::Resident).map(|run| run.range).collect()
}

fn warm(file: &File, range: core::ops::Range<u64>) -> u64 {
    let pages = FilePages::of(file).unwrap();
    pages
        .warm(range)
        .unwrap()
        .map(|window| window.unwrap())
        .map(|window| window.end - window.start)
        .sum()
}

/// How many bytes this thread had devices read; proc(5), /proc/PID/io.
fn bytes_read() -> u64 {
    let io = fs::read_to_string("/proc/thread-self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("read_bytes: ")).unwrap().parse().unwrap()
}

#[test]
fn only_what_is_missing_is_read() {
    let outcome = testfs::each(devices(), |fs| {
        let file = cold(&fs.path().join("file"), 16 * MIB);
        assert_eq!(warm(&file, 0..8 * MIB), 8 * MIB);
        // No read-ahead past what was asked for.
        assert_eq!(resident(&file), [0..8 * MIB], "{}", fs.kind());
        let before = bytes_read();
        assert_eq!(warm(&file, 0..16 * MIB), 8 * MIB);
        let read = bytes_read() - before;
        // And where the blocks are, where that is not known yet.
        let missing = 8 * MIB..=8 * MIB + MIB / 2;
        assert!(missing.contains(&read), "{}: {read} bytes were read", fs.kind());
        assert_eq!(resident(&file), [0..16 * MIB]);
        let before = bytes_read();
        assert_eq!(warm(&file, 0..16 * MIB), 0);
        assert_eq!(bytes_read(), before);
    });
    assert!(outcome.ran >= 1);
}

#[test]
fn hot_ranges_come_back_without_what_is_between_them() {
    let outcome = testfs::each(devices(), |fs| {
        let page = PageSize::base().bytes() as u64;
        let file = cold(&fs.path().join("file"), 8 * MIB);
        let hot = [0..page, MIB..MIB + 3 * page, 3 * MIB..5 * MIB, 8 * MIB - page..8 * MIB];
        for range in &hot {
            assert_eq!(warm(&file, range.clone()), range.end - range.start);
        }
        assert_eq!(resident(&file), hot, "{}", fs.kind());
    });
    assert!(outcome.ran >= 1);
}

#[test]
fn holes_stay_out_of_the_page_cache() {
    let outcome = testfs::each(devices(), |fs| {
        let path = fs.path().join("file");
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        file.set_len(1 << 40).unwrap();
        file.write_all_at(&vec![1; 1 << 20], 1 << 30).unwrap();
        let pages = FilePages::of(&file).unwrap();
        pages.sync().unwrap();
        pages.evict(..).unwrap();
        assert_eq!(warm(&file, 0..1 << 40), MIB, "{}", fs.kind());
        assert_eq!(resident(&file), [1 << 30..(1 << 30) + MIB]);
    });
    assert!(outcome.ran >= 1);
}

#[test]
fn a_file_that_is_cut_while_it_is_warmed_is_an_error() {
    let dir = tempfile::tempdir_in(testfs::on_disk()).unwrap();
    let file = cold(&dir.path().join("file"), 32 * MIB);
    let pages = FilePages::of(&file).unwrap();
    let mut windows = pages.warm(..).unwrap();
    let first = windows.next().unwrap().unwrap();
    assert_eq!(first.start, 0);
    file.set_len(first.end + 5000).unwrap();
    let error = windows.find_map(Result::err).unwrap();
    let gone = first.end + 5000;
    assert_eq!(error.kind(), ErrorKind::Truncated { offset: gone, len: gone });
    assert!(windows.next().is_none());
}

#[test]
fn a_device_that_fails_is_an_error() {
    let Some(device) = testfs::CutDevice::new() else { return };
    let path = device.path().join("file");
    let file = cold(&path, 2 * MIB);
    device.cut(&path, 0).unwrap();
    let pages = FilePages::of(&file).unwrap();
    // Pages whose read failed stay, and are counted.
    pages.evict(..).unwrap();
    // What others warm with sees nothing, and leaves pages without bytes behind, which are counted.
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::WillNeed).unwrap();
    let error = pages.warm(..).unwrap().find_map(Result::err).unwrap();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Io, Some(&*path)));
    let error = pages.warm(MIB..MIB + 4096).unwrap().find_map(Result::err).unwrap();
    assert_eq!((error.kind(), error.range_in_file()), (ErrorKind::Io, Some(MIB..MIB + 4096)));
    device.mend().unwrap();
    pages.evict(..).unwrap();
    assert_eq!(warm(&file, 0..2 * MIB), 2 * MIB);
}

#[test]
fn what_is_mapped_stays_and_what_is_dirty_goes_once_it_is_written() {
    let outcome = testfs::each(devices(), |fs| {
        let page = PageSize::base().bytes() as u64;
        let file = cold(&fs.path().join("file"), 2 * MIB);
        // Each page a folio of its own.
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random).unwrap();
        file.read_exact_at(&mut vec![0; 2 << 20], 0).unwrap();
        file.write_all_at(b"x", MIB).unwrap();
        let map = Shared::from_file(&file).unwrap();
        map.pages().advise(.., folio::Advice::Random).unwrap();
        map.pages().populate(0..1, PopulateFor::Read).unwrap();
        let pages = FilePages::of(&file).unwrap();
        let evicted = pages.evict(..).unwrap();
        let (before, after) = (evicted.before.unwrap(), evicted.after.unwrap());
        assert_eq!(before.cached, 2 * MIB / page);
        assert_eq!(before.states.map(|states| states.dirty), Some(1), "{}", fs.kind());
        assert!((1..before.cached).contains(&after.cached), "{after:?} on {}", fs.kind());
        assert_eq!(evicted.gone(), Some(before.cached - after.cached));
        assert_eq!(resident(&file).first().map(|run| run.start), Some(0));
        pages.sync().unwrap();
        pages.evict(MIB..).unwrap();
        assert_eq!(pages.counts(MIB..).unwrap().cached, 0);
        drop(map);
        assert_eq!(pages.evict(..).unwrap().after.map(|after| after.cached), Some(0));
    });
    assert!(outcome.ran >= 1);
}

/// A large folio goes as a whole or not at all, so beside the range nothing ever goes.
#[test]
fn nothing_goes_that_lies_beside_the_range() {
    let outcome = testfs::each(devices(), |fs| {
        let page = PageSize::base().bytes() as u64;
        let file = cold(&fs.path().join("file"), 8 * MIB);
        warm(&file, 0..8 * MIB);
        let pages = FilePages::of(&file).unwrap();
        let range = 3 * MIB + 3 * page..3 * MIB + 8 * page;
        let evicted = pages.evict(range.clone()).unwrap();
        let gone = evicted.gone().unwrap();
        assert!(gone <= 5, "{gone} pages went on {}", fs.kind());
        let whole = pages.counts(..).unwrap();
        assert_eq!(whole.cached, whole.pages - gone);
        // The page that holds the last byte goes too.
        pages.evict(..).unwrap();
        warm(&file, 8 * MIB - 1..8 * MIB);
        assert_eq!(resident(&file), [8 * MIB - page..8 * MIB]);
        assert_eq!(pages.evict(8 * MIB - 1..).unwrap().gone(), Some(1));
        assert_eq!(pages.evict(5 * MIB..5 * MIB).unwrap().gone(), Some(0));
    });
    assert!(outcome.ran >= 1);
}

#[test]
fn a_tmpfs_keeps_everything() {
    testfs::each(&[Kind::Tmpfs], |fs| {
        let path = fs.path().join("file");
        fs::write(&path, vec![1; 1 << 20]).unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(FilePages::of(&file).unwrap().evict(..).unwrap().gone(), Some(0));
    });
}

#[test]
fn locked_pages_stay_until_they_are_let_go() {
    let outcome = testfs::each(devices(), |fs| {
        let page = PageSize::base().bytes() as u64;
        let file = cold(&fs.path().join("file"), MIB);
        let pages = FilePages::of(&file).unwrap();
        let locked = match pages.lock(page + 1..4 * page, LockPages::Now) {
            Ok(locked) => locked,
            Err(error) if error.kind() == ErrorKind::NoMemory => {
                testfs::skip("locked pages", error);
                return;
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!(locked.range(), page + 1..4 * page);
        pages.evict(..).unwrap();
        assert_eq!(pages.counts(page..4 * page).unwrap().cached, 3, "{}", fs.kind());
        drop(locked);
        pages.evict(..).unwrap();
        assert_eq!(pages.counts(..).unwrap().cached, 0);
    });
    assert!(outcome.ran >= 1);
}

#[test]
fn pages_that_are_locked_on_fault_come_when_they_are_wanted() {
    let dir = tempfile::tempdir_in(testfs::on_disk()).unwrap();
    let file = cold(&dir.path().join("file"), MIB);
    let pages = FilePages::of(&file).unwrap();
    let page = PageSize::base().bytes() as u64;
    let locked = pages.lock(MIB / 2.., LockPages::OnFault).unwrap();
    assert_eq!(resident(&file), []);
    locked.populate(&pages, 0..MIB / 2 + page).unwrap();
    pages.evict(..).unwrap();
    assert_eq!(resident(&file).first().map(|run| run.start), Some(MIB / 2));
    assert!(pages.counts(..MIB / 2).unwrap().cached == 0);
}

/// Nobody touches the pages, so nothing faults.
#[test]
fn truncation_under_a_lock_is_survived() {
    let outcome = testfs::each(devices(), |fs| {
        let file = cold(&fs.path().join("file"), MIB);
        let pages = FilePages::of(&file).unwrap();
        let locked = pages.lock(.., LockPages::OnFault).unwrap();
        locked.populate(&pages, 0..MIB / 2).unwrap();
        file.set_len(5000).unwrap();
        let error = locked.populate(&pages, 0..MIB).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Truncated { len: 5000, .. }), "{error}");
        file.set_len(MIB).unwrap();
        locked.populate(&pages, 0..MIB).unwrap();
        drop(locked);
    });
    assert!(outcome.ran >= 1);
}

#[test]
fn what_has_no_pages_or_no_such_range_is_refused() {
    let dir = tempfile::tempdir_in(testfs::on_disk()).unwrap();
    let path = dir.path().join("file");
    fs::write(&path, b"hello").unwrap();
    let file = File::open(&path).unwrap();
    let pages = FilePages::of(&file).unwrap();
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let reversed = 3..2;
    assert_eq!(pages.warm(reversed.clone()).unwrap_err().kind(), ErrorKind::OutOfRange);
    assert_eq!(pages.evict(reversed.clone()).unwrap_err().kind(), ErrorKind::OutOfRange);
    assert_eq!(pages.lock(reversed, LockPages::Now).unwrap_err().kind(), ErrorKind::OutOfRange);
    assert!(pages.warm(5..).unwrap().next().is_none());
    assert!(pages.lock(10..20, LockPages::Now).unwrap().range().is_empty());
    let write_only = File::options().write(true).open(&path).unwrap();
    let error = FilePages::of(&write_only).unwrap().lock(.., LockPages::Now).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::PermissionDenied, Some(&*path)));
    let error: io::Error = error.into();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
}
