use std::fs::File;
use std::os::unix::fs::FileExt as _;

use folio::CacheCounts;
use folio::raw::{extents, write_out};

const LEN: u64 = 1 << 20;

pub(crate) fn extents_tell_where_a_file_lies() {
    testfs::each(&[testfs::Kind::Ext4, testfs::Kind::Xfs, testfs::Kind::Btrfs], |fs| {
        let path = fs.path().join("file");
        let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
        assert_eq!(extents(&file).unwrap(), []);
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, LEN).unwrap();
        assert!(extents(&file).unwrap().iter().all(|extent| extent.is_unwritten()));
        let first = || extents(&file).unwrap()[0];
        file.write_all_at(&[1; 4096], 0).unwrap();
        let before = first();
        assert!(
            before.logical == 0
                && before.len >= 4096
                && !before.is_unwritten()
                && !before.is_shared()
        );
        file.write_all_at(&[2; 4096], 0).unwrap();
        file.sync_all().unwrap();
        // Only a file system that copies on write puts the page elsewhere.
        let moved = first().physical != before.physical;
        assert_eq!(moved, fs.kind() == testfs::Kind::Btrfs);
    });
    testfs::each(&[testfs::Kind::Tmpfs], |fs| {
        let file = File::create(fs.path().join("file")).unwrap();
        assert_eq!(extents(&file).unwrap_err().raw_os_error(), Some(95)); // EOPNOTSUPP
    });
}

pub(crate) fn an_empty_range_writes_nothing_out() {
    testfs::each(&[testfs::Kind::Ext4], |fs| {
        let file = File::create(fs.path().join("file")).unwrap();
        file.write_all_at(&[1; 4096], 0).unwrap();
        let Ok(before) = CacheCounts::of(&file, ..) else {
            return testfs::skip("dirty pages", "no cachestat(2)");
        };
        write_out(&file, 4096..4096).unwrap();
        let nothing = CacheCounts::of(&file, ..).unwrap().states;
        write_out(&file, 0..4096).unwrap();
        let all = CacheCounts::of(&file, ..).unwrap().states;
        assert_eq!((before.states.dirty, nothing.dirty, all.dirty + all.writeback), (1, 1, 0));
        assert_eq!(write_out(&file, 0..u64::MAX).unwrap_err().raw_os_error(), Some(75)); // EOVERFLOW
    });
}
