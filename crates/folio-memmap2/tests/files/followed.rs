//! Where the program counts on seeing what is written, it sees it.

use std::fs::File;
use std::os::unix::fs::FileExt;

use memmap2::folio::{guarantee_of, poisoned};
use memmap2::{Mmap, MmapMut, MmapOptions, MmapRaw};
use testfs::Kind;

use crate::support::*;

const EVERYWHERE: &[Kind] = &[Kind::Ext4, Kind::Tmpfs, Kind::Xfs, Kind::Btrfs, Kind::Overlay];

#[test]
fn own_writes_through_the_descriptor_that_was_mapped() {
    testfs::each(EVERYWHERE, |fs| {
        let path = patterned(fs.path(), "file", 20_000);
        let file = read_write(&path);
        // SAFETY: no slice lives while the file is written to.
        let map = unsafe { Mmap::map(&file) }.unwrap();
        // SAFETY: as above.
        let copy = unsafe { MmapOptions::new().map_copy(&file) }.unwrap();
        file.write_all_at(&[0xee], 10_000).unwrap();
        assert_eq!((map[10_000], copy[10_000]), (0xee, 0xee));
        assert_eq!((guarantee_of(&map), guarantee_of(&copy)), (None, None));
    });
}

#[test]
fn own_writes_through_another_descriptor() {
    testfs::each(EVERYWHERE, |fs| {
        let path = patterned(fs.path(), "file", 20_000);
        let writer = read_write(&path);
        let map = map(&path);
        writer.write_all_at(&[0xee], 10_000).unwrap();
        assert_eq!((map[10_000], guarantee_of(&map)), (0xee, None));
    });
}

#[test]
fn stores_to_a_shared_mapping() {
    testfs::each(EVERYWHERE, |fs| {
        let path = patterned(fs.path(), "file", 20_000);
        let file = read_write(&path);
        // SAFETY: no slice lives while another is stored to.
        let mut written = unsafe { MmapMut::map_mut(&file) }.unwrap();
        // SAFETY: as above.
        let read = unsafe { Mmap::map(&file) }.unwrap();
        written[10_000] = 0xee;
        written.flush_range(10_000, 1).unwrap();
        assert_eq!(read[10_000], 0xee);
        assert_eq!(std::fs::read(&path).unwrap()[10_000], 0xee);
    });
}

/// A mapping of a file that a writer has open, as readers of shared memory have it.
#[test]
fn a_writer_that_was_there_first() {
    testfs::each(EVERYWHERE, |fs| {
        let path = patterned(fs.path(), "file", 4096);
        let writer = read_write(&path);
        // SAFETY: no slice lives while it is stored to.
        let mut written = unsafe { MmapMut::map_mut(&writer) }.unwrap();
        drop(writer);
        let reader = map(&path);
        for value in 1..=9 {
            written[7] = value;
            assert_eq!(reader[7], value);
        }
    });
}

#[test]
fn raw_pointers() {
    testfs::each(EVERYWHERE, |fs| {
        let path = patterned(fs.path(), "file", 20_000);
        let raw = MmapOptions::new().map_raw_read_only(&File::open(&path).unwrap()).unwrap();
        let writing = MmapRaw::map_raw(&read_write(&path)).unwrap();
        // SAFETY: both are the test's own, and the byte is in them.
        unsafe { writing.as_mut_ptr().wrapping_add(10_000).write_volatile(0xee) };
        // SAFETY: as above.
        assert_eq!(unsafe { raw.as_ptr().wrapping_add(10_000).read_volatile() }, 0xee);
        assert_eq!((guarantee_of(&raw), poisoned(&raw)), (None, None));
    });
}

#[test]
fn a_range_past_the_end_that_the_file_grows_into() {
    testfs::each(EVERYWHERE, |fs| {
        let path = patterned(fs.path(), "file", 4096);
        let map = map_with(&path, MmapOptions::new().len(3 * PAGE));
        assert_eq!((map.len(), guarantee_of(&map)), (3 * PAGE, None));
        read_write(&path).write_all_at(&[0xee; PAGE], PAGE as u64).unwrap();
        assert!(map[PAGE..2 * PAGE].iter().all(|&byte| byte == 0xee));
    });
}

/// Whom a device sends signals to is the program's to say (`F_SETOWN`), and where no lease can be there is nothing to be told.
#[test]
fn nothing_is_changed_of_a_device_that_is_mapped() {
    use std::os::fd::AsRawFd;
    let zero = File::open("/dev/zero").unwrap();
    // SAFETY: zeros, whatever becomes of them.
    let map = unsafe { MmapOptions::new().len(PAGE).map(&zero) }.unwrap();
    // SAFETY: asks, and takes nothing.
    let owner = unsafe { libc::fcntl(zero.as_raw_fd(), libc::F_GETOWN) };
    assert_eq!((owner, map[0]), (0, 0));
}
