//! Pages over bare regions, one for each backing.

#![expect(clippy::single_range_in_vec_init, reason = "runs are compared with lists of one range")]

use std::fs::File;
use std::os::fd::AsFd;

use super::*;
use crate::ErrorKind;
use crate::page::PageRange;
use crate::sys::region::{Mode, Sharing};

const LEN: usize = 100_000;

fn file(dir: &tempfile::TempDir) -> File {
    let path = dir.path().join("f");
    std::fs::write(&path, vec![7; LEN]).unwrap();
    File::options().read(true).write(true).open(path).unwrap()
}

fn map(file: &File, offset: u64, access: Access, sharing: Sharing) -> Region {
    let range = PageRange::new(PageSize::base(), offset, LEN as u64 - offset).unwrap();
    Region::map(file.as_fd(), &range, 0, Mode { access, sharing, no_reserve: false }).unwrap()
}

fn anonymous() -> Region {
    let mode = Mode { access: Access::ReadWrite, sharing: Sharing::Private, no_reserve: false };
    Region::anonymous(LEN, 0, mode).unwrap()
}

fn byte(region: &Region, at: usize) -> u8 {
    let mut byte = [0];
    assert_eq!(region.read(MemRange::at(at, 1, region.len()).unwrap(), &mut byte), 1);
    byte[0]
}

fn whole<'a>(region: &'a Region, file: Option<&'a File>, backing: Backing) -> Pages<'a> {
    let file = file.map(|file| FileBehind { fd: file.as_fd(), offset: 0 });
    Pages::new(region, region.whole(), file, backing)
}

/// Every hint that is safe, on every backing: none changes a byte, whether the kernel takes it or not.
#[test]
fn no_safe_advice_changes_a_byte() {
    use Advice::*;
    let all = [
        Normal,
        Random,
        Sequential,
        WillNeed,
        DontNeed,
        DontNeedLocked,
        Cold,
        PageOut,
        PopulateRead,
        PopulateWrite,
        HugePage,
        NoHugePage,
        Collapse,
        Mergeable,
        Unmergeable,
        DontDump,
        DoDump,
        DontFork,
    ];
    let dir = tempfile::tempdir().unwrap();
    let file = file(&dir);
    for (backing, access, sharing) in [
        (Backing::LiveFile, Access::ReadWrite, Sharing::Shared),
        (Backing::LiveFile, Access::Read, Sharing::Shared),
        (Backing::StableFile, Access::Read, Sharing::Private),
        (Backing::PrivateFile, Access::ReadWrite, Sharing::Private),
        (Backing::Memory, Access::ReadWrite, Sharing::Private),
    ] {
        let region = match backing {
            Backing::Memory => anonymous(),
            _ => map(&file, 0, access, sharing),
        };
        let stored = access == Access::ReadWrite;
        if stored {
            assert_eq!(region.fill(MemRange::new(9000..20_000, LEN).unwrap(), 42), 11_000);
        }
        let before: Vec<u8> = (0..LEN).step_by(500).map(|at| byte(&region, at)).collect();
        let named = (backing != Backing::Memory).then_some(&file);
        let pages = whole(&region, named, backing);
        for advice in all {
            match pages.advise(.., advice) {
                Ok(()) => {}
                Err(error) => assert_eq!(
                    error.kind(),
                    ErrorKind::Unsupported,
                    "{advice:?} on {backing:?}: {error}"
                ),
            }
            let after: Vec<u8> = (0..LEN).step_by(500).map(|at| byte(&region, at)).collect();
            assert!(after == before, "{advice:?} on {backing:?}");
        }
        if stored && sharing == Sharing::Shared {
            region.fill(MemRange::new(9000..20_000, LEN).unwrap(), 7);
        }
    }
}

#[test]
fn what_would_lose_bytes_is_refused_and_says_what_to_use() {
    let dir = tempfile::tempdir().unwrap();
    let file = file(&dir);
    let private = map(&file, 0, Access::ReadWrite, Sharing::Private);
    let memory = anonymous();
    for pages in
        [whole(&private, Some(&file), Backing::PrivateFile), whole(&memory, None, Backing::Memory)]
    {
        for advice in [Advice::DontNeed, Advice::DontNeedLocked] {
            let error = pages.advise(.., advice).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("revert()"), "{error}");
        }
        pages.advise(.., Advice::Mergeable).unwrap();
    }
    let stable = map(&file, 0, Access::Read, Sharing::Private);
    whole(&stable, Some(&file), Backing::StableFile).advise(.., Advice::DontNeed).unwrap();
}

#[test]
fn populating_for_stores_copies_private_pages_and_leaves_the_file_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = file(&dir);
    let region = map(&file, 5000, Access::ReadWrite, Sharing::Private);
    let behind = FileBehind { fd: file.as_fd(), offset: 5000 };
    let pages = Pages::new(&region, region.whole(), Some(behind), Backing::PrivateFile);
    pages.populate(.., PopulateFor::Write).unwrap();
    assert_eq!(byte(&region, 0), 7);
    std::os::unix::fs::FileExt::write_all_at(&file, &[9], 5000).unwrap();
    assert_eq!(
        byte(&region, 0),
        7,
        "the page was copied, so a later write to the file is not seen"
    );
}

#[test]
fn memory_is_resident_where_it_was_stored_to() {
    let region = anonymous();
    region.fill(MemRange::new(8192..8193, LEN).unwrap(), 1);
    let Residency::Known(resident) = whole(&region, None, Backing::Memory).residency(..).unwrap()
    else {
        panic!("memory without a file is the process's own")
    };
    assert!(resident.contains(8192) && !resident.contains(50_000), "{resident:?}");
    let pages = whole(&region, None, Backing::Memory);
    assert_eq!(pages.cache_counts(..).unwrap_err().kind(), ErrorKind::Unsupported);
}

/// Populating as before Linux 5.14 comes to the same pages.
#[test]
fn touching_each_page_makes_it_resident() {
    let region = anonymous();
    let pages = whole(&region, None, Backing::Memory);
    let touched = pages.part("touch", &(5000..50_000)).unwrap();
    assert!(pages.touch_each(touched).is_ok());
    let Residency::Known(resident) = pages.residency(..).unwrap() else { panic!() };
    assert_eq!(resident.runs(), [4096..53_248]);
}

#[test]
fn touching_pages_that_are_gone_is_an_error_and_no_signal() {
    crate::sys::fault::install();
    let dir = tempfile::tempdir().unwrap();
    let file = file(&dir);
    let region = map(&file, 0, Access::Read, Sharing::Shared);
    file.set_len(20_000).unwrap();
    let pages = whole(&region, Some(&file), Backing::LiveFile);
    let Err(missing) = pages.touch_each(region.whole()) else { panic!("the pages are gone") };
    assert_eq!(missing.page.start(), 20_480);
    assert!(
        matches!(missing.cause, Cause::Truncated { offset: 20_480, len: 20_000 }),
        "{:?}",
        missing.cause
    );
}

#[test]
fn pages_of_a_range_cut_it_at_page_boundaries() {
    let dir = tempfile::tempdir().unwrap();
    let file = file(&dir);
    let region = map(&file, 5000, Access::Read, Sharing::Shared);
    let pages = Pages::new(&region, region.whole(), None, Backing::LiveFile);
    let starts = |range: Range<usize>| -> Vec<(usize, usize)> {
        let range = MemRange::new(range, region.len()).unwrap();
        pages.pages_of(range).map(|page| (page.start(), page.len())).collect()
    };
    // Byte 0 is byte 904 of its page.
    assert_eq!(starts(0..10_000), [(0, 3192), (3192, 4096), (7288, 2712)]);
    assert_eq!(starts(3191..3193), [(3191, 1), (3192, 1)]);
    assert_eq!(starts(7..7), []);
}

#[test]
fn a_slice_counts_from_its_own_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = file(&dir);
    let region = map(&file, 0, Access::Read, Sharing::Shared);
    let behind = FileBehind { fd: file.as_fd(), offset: 0 };
    let part = MemRange::new(10_000..20_000, LEN).unwrap();
    let pages = Pages::new(&region, part, Some(behind), Backing::LiveFile);
    pages.populate(.., PopulateFor::Read).unwrap();
    let Residency::Known(resident) = pages.residency(100..).unwrap() else {
        panic!("the file is ours")
    };
    assert_eq!((resident.range(), resident.runs()), (100..10_000, &[100..10_000][..]));
    assert_eq!(pages.residency(..10_001).unwrap_err().kind(), ErrorKind::OutOfRange);
    file.set_len(15_000).unwrap();
    let error = pages.populate(.., PopulateFor::Read).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated { offset: 16_384, len: 15_000 });
    assert_eq!(error.bytes_done(), 6384);
    let Residency::Known(resident) = pages.residency(..).unwrap() else {
        panic!("the file is ours")
    };
    assert_eq!(resident.runs(), [0..5000], "past the end nothing is resident");
}

#[test]
fn collapsing_memory_keeps_its_bytes() {
    let mode = Mode { access: Access::ReadWrite, sharing: Sharing::Private, no_reserve: false };
    let region = Region::anonymous(8 << 20, 0, mode).unwrap();
    region.fill(region.whole(), 3);
    let pages = whole(&region, None, Backing::Memory);
    pages.advise(.., Advice::HugePage).unwrap();
    if let Err(error) = pages.advise(.., Advice::Collapse) {
        assert!(matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::NoMemory), "{error}");
    }
    assert!((0..8 << 20).step_by(4096).all(|at| byte(&region, at) == 3));
}
