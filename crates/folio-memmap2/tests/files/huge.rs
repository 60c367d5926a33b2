//! Files of hugetlbfs, whose pages the kernel maps, replaces and unmaps as a whole.

use std::fs::File;
use std::path::Path;

use memmap2::folio::{guarantee_of, poisoned};
use memmap2::{MmapMut, MmapOptions};
use rustix::fs::{MemfdFlags, memfd_create};
use testfs::{FileSystem, Kind};

use crate::child::lines_of;
use crate::support::*;

/// Where the child finds the file system that its parent made. A child that is ended would leave the system's pool too large.
const FOLDER: &str = "FOLIO_TEST_FOLDER";

/// Run `scenario` in a process of its own with a hugetlbfs; its lines, or none where there is no such file system.
fn on_huge_pages(test: &str, scenario: fn(&Path)) -> Option<Vec<String>> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return lines_of(test, "huge", &[], || scenario(Path::new(&folder)));
    }
    let fs = FileSystem::new(Kind::Hugetlbfs)?;
    lines_of(test, "huge", &[(FOLDER, fs.path().to_str().unwrap())], || ())
}

/// The size of the pages of the file system at `folder`.
fn huge_at(folder: &Path) -> usize {
    usize::try_from(rustix::fs::statfs(folder).unwrap().f_bsize).unwrap()
}

/// An empty file of `folder`, open for reading and writing.
fn file_in(folder: &Path) -> File {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true).open(folder.join("file")).unwrap()
}

/// The file, of three huge pages, loses two of them under `map`.
fn lose_two(file: &File, map: &mut MmapMut, huge: usize) {
    (map[0], map[huge], map[2 * huge]) = (1, 2, 3);
    file.set_len(huge as u64).unwrap();
    assert_eq!((map[0], map[2 * huge + 5]), (1, 0));
    assert_eq!(poisoned(map), Some(2 * huge));
    map[2 * huge + PAGE] = 7;
    assert_eq!((map[3 * huge - 1], map[2 * huge + PAGE], map[huge + PAGE]), (0, 7, 0));
    assert_eq!(poisoned(map), Some(huge));
}

/// How many areas of this process show `name`.
fn areas_of(name: &str) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains(name)).count()
}

#[test]
fn a_huge_page_that_is_gone_is_zeros() {
    let lines = on_huge_pages("huge::a_huge_page_that_is_gone_is_zeros", |folder| {
        let huge = huge_at(folder);
        let file = file_in(folder);
        file.set_len(3 * huge as u64).unwrap();
        // SAFETY: what becomes of the bytes is what is tested, here and below.
        let mut map = unsafe { MmapMut::map_mut(&file) }.unwrap();
        assert_eq!(guarantee_of(&map), None);
        lose_two(&file, &mut map, huge);
        drop(map);
        assert_eq!(areas_of("/mount/file"), 0);

        let memory = memfd_create("memory", MemfdFlags::CLOEXEC | MemfdFlags::HUGETLB);
        let memory = File::from(memory.unwrap());
        memory.set_len(3 * huge as u64).unwrap();
        // SAFETY: as above.
        let mut map = unsafe { MmapMut::map_mut(&memory) }.unwrap();
        lose_two(&memory, &mut map, huge);
    });
    let Some(lines) = lines else { return };
    assert_eq!(lines.len(), 2, "one for a mapping: {lines:?}");
    assert!(lines.iter().all(|line| line.ends_with("zeros take its place")), "{lines:?}");
    assert!(lines[0].contains("/file: byte "), "{lines:?}");
}

/// The kernel maps whole pages, and takes no less back.
#[test]
fn a_length_that_is_no_huge_page_s_is_mapped_lost_and_unmapped() {
    let test = "huge::a_length_that_is_no_huge_page_s_is_mapped_lost_and_unmapped";
    let lines = on_huge_pages(test, |folder| {
        let huge = huge_at(folder);
        let file = file_in(folder);
        file.set_len(2 * huge as u64).unwrap();
        // SAFETY: what becomes of the bytes is what is tested, here and below.
        let map = unsafe { MmapOptions::new().len(huge + 1).map(&file) }.unwrap();
        // SAFETY: as above.
        let copy = unsafe { MmapOptions::new().offset(huge as u64).len(1).map_copy(&file) };
        let mut copy = copy.unwrap();
        copy[0] = 1;
        assert_eq!((map[huge], copy[0]), (0, 1));
        file.set_len(huge as u64).unwrap();
        assert_eq!((map[huge], poisoned(&map)), (0, Some(huge)));
        assert_eq!((copy[0], poisoned(&copy)), (0, Some(0)), "truncation takes copies, too");
        drop((map, copy.make_read_only().unwrap()));
        assert_eq!(areas_of("/mount/file"), 0);
    });
    if let Some(lines) = lines {
        assert_eq!(lines.len(), 2, "{lines:?}");
    }
}
