//! What of a file is in the page cache, asked without mapping it.

use std::fs::{File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use folio::{
    Advice, CacheCounts, ErrorKind, FilePages, PageRun, PageSize, PageState, Residency, Shared,
    WhyUnknown,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use testfs::Kind;

use crate::unprivileged::{self, NOBODY};

fn page() -> u64 {
    PageSize::base().bytes() as u64
}

/// What a page of a generated file is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Hole,
    Cold,
    Warm,
}

/// A file that is made of these runs of pages.
fn file_of(path: &Path, runs: &[(Page, u64)]) -> File {
    let file =
        File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
    let len: u64 = runs.iter().map(|(_, pages)| pages).sum();
    file.set_len(len * page()).unwrap();
    let place = |kind: Page, bytes: &dyn Fn(u64, usize)| {
        let mut at = 0;
        for &(one, pages) in runs {
            if one == kind {
                bytes(at * page(), usize::try_from(pages * page()).unwrap());
            }
            at += pages;
        }
    };
    for kind in [Page::Cold, Page::Warm] {
        place(kind, &|at, len| file.write_all_at(&vec![7; len], at).unwrap());
    }
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random).unwrap();
    place(Page::Warm, &|at, len| {
        file.read_exact_at(&mut vec![0; len], at).unwrap();
    });
    file
}

/// The same by mincore(2) on a mapping of the whole file, page by page, and by lseek(2).
fn oracle(file: &File) -> Vec<PageState> {
    let map = Shared::from_file(file).unwrap();
    let pages = map.pages();
    let _ = pages.advise(.., Advice::Random);
    let Residency::Known(resident) = pages.residency(..).unwrap() else { panic!("not told") };
    let len = map.len() as u64;
    let is_data = |at: u64| match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
        Ok(data) => data < at + page(),
        Err(errno) => {
            assert_eq!(errno, rustix::io::Errno::NXIO);
            false
        }
    };
    let state = |at: u64| match resident.contains(usize::try_from(at).unwrap()) {
        true => PageState::Resident,
        false if is_data(at) => PageState::Absent,
        false => PageState::Hole,
    };
    (0..len.div_ceil(page())).map(|index| state(index * page())).collect()
}

/// Runs as states of pages; on the way it is checked that they follow each other and cover `range`.
#[track_caller]
fn states(
    runs: impl Iterator<Item = folio::Result<PageRun>>,
    range: std::ops::Range<u64>,
) -> Vec<PageState> {
    let mut states = Vec::new();
    let (mut at, mut last) = (range.start, None);
    for run in runs {
        let PageRun { range: run, state } = run.unwrap();
        assert_eq!(run.start, at);
        assert!(!run.is_empty());
        assert_ne!(Some(state), last, "two runs that are one");
        let pages = run.start / page()..run.end.div_ceil(page());
        states.extend(pages.map(|_| state));
        (at, last) = (run.end, Some(state));
    }
    assert_eq!(at, range.end);
    states
}

fn runs_of_pages() -> impl Strategy<Value = Vec<(Page, u64)>> {
    let kind = prop_oneof![Just(Page::Hole), Just(Page::Cold), Just(Page::Warm)];
    // Some longer than a window that is not halved again.
    let pages = prop_oneof![1..6u64, 1..600u64, 2040..2060u64];
    prop::collection::vec((kind, pages), 1..12)
}

/// cachestat(2) asks the overlay's file, which has none.
#[test]
fn of_an_overlay_the_pages_of_the_layer_are_told() {
    testfs::each(&[Kind::Overlay], |fs| {
        let file = file_of(&fs.path().join("f"), &[(Page::Warm, 3), (Page::Hole, 2)]);
        let refused = CacheCounts::of(&file, ..).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        let counts = FilePages::of(&file).unwrap().counts(..).unwrap();
        assert_eq!((counts.pages, counts.cached, counts.states), (5, 3, None));
    });
}

#[test]
fn runs_and_counts_are_those_of_mincore_and_lseek() {
    let kinds = [Kind::Here, Kind::Ext4, Kind::Xfs, Kind::Btrfs, Kind::Tmpfs, Kind::Overlay];
    let ran = testfs::each(&kinds, |fs| {
        let config = Config { failure_persistence: None, ..Config::with_cases(6) };
        let generated = (runs_of_pages(), 0.0..1.0, 0.0..1.0);
        let result = TestRunner::new(config).run(&generated, |(runs, from, to)| {
            let file = file_of(&fs.path().join("f"), &runs);
            let pages = FilePages::of(&file).unwrap();
            let expected = oracle(&file);
            let len = pages.len();
            let found = states(pages.runs(..).unwrap(), 0..len);
            prop_assert_eq!(&found, &expected);
            let resident = expected.iter().filter(|&&state| state == PageState::Resident).count();
            let counts = pages.counts(..).unwrap();
            prop_assert_eq!((counts.pages, counts.cached), (len / page(), resident as u64));

            // A part, from the middle of a page to that of another.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share of a small file"
            )]
            let position = |share: f64| (len as f64 * share) as u64;
            let part = position(from).min(position(to))..position(from).max(position(to));
            let touched = part.start / page()..part.end.div_ceil(page());
            let expected = if part.is_empty() {
                &[]
            } else {
                &expected
                    [usize::try_from(touched.start).unwrap()..usize::try_from(touched.end).unwrap()]
            };
            prop_assert_eq!(states(pages.runs(part.clone()).unwrap(), part.clone()), expected);
            let resident = expected.iter().filter(|&&state| state == PageState::Resident).count();
            let counts = pages.counts(part).unwrap();
            prop_assert_eq!(
                (counts.pages, counts.cached),
                (expected.len() as u64, resident as u64)
            );
            Ok(())
        });
        result.unwrap();
    });
    assert_eq!(ran.ran + ran.skipped, kinds.len());
}

#[test]
fn a_huge_sparse_file_costs_what_is_cached_of_it() {
    testfs::each(&[Kind::Here], |fs| {
        let path = fs.path().join("sparse");
        let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
        let len = 1 << 40;
        file.set_len(len).unwrap();
        let places = [0, 123 << 30, (777 << 30) + 5 * page(), len - page()];
        for at in places {
            file.write_all_at(b"x", at).unwrap();
        }
        let pages = FilePages::of(&file).unwrap();
        let counts = pages.counts(..).unwrap();
        assert_eq!((counts.pages, counts.cached), (len / page(), 4));
        let runs: Vec<_> = pages.runs(..).unwrap().map(Result::unwrap).collect();
        let resident: Vec<_> = runs
            .iter()
            .filter(|run| run.state == PageState::Resident)
            .map(|run| run.range.start)
            .collect();
        assert_eq!(resident, places);
        assert_eq!(runs.len(), 7, "{runs:?}");
        assert!(pages.allocated() < 1 << 20);
    });
}

/// With blocks of 1 KiB the last page of a file may be cached and yet not be up to date, which mincore(2) tells apart and
/// cachestat(2) does not.
#[test]
fn a_page_that_was_written_in_part_is_cached_for_counts_and_runs_alike() {
    testfs::each(&[Kind::Ext4, Kind::Xfs, Kind::Tmpfs], |fs| {
        let file = file_of(&fs.path().join("f"), &[(Page::Warm, 3), (Page::Cold, 40)]);
        file.set_len(50 * page()).unwrap();
        let at = 50 * page() + 1;
        file.write_all_at(b"x", at).unwrap();
        let pages = FilePages::of(&file).unwrap();
        let counted = pages.counts(..).unwrap();
        if counted.states.is_none() {
            return testfs::skip("counts of parts of pages", "cachestat(2) came with Linux 6.5");
        }
        let states = states(pages.runs(..).unwrap(), 0..pages.len());
        let resident = states.iter().filter(|&&state| state == PageState::Resident).count();
        assert_eq!((states.len() as u64, resident as u64), (counted.pages, counted.cached));
        assert_eq!(states[usize::try_from(at / page()).unwrap()], PageState::Resident);
    });
}

#[test]
fn what_is_past_the_end_has_no_pages() {
    let file = tempfile::tempfile().unwrap();
    let pages = FilePages::of(&file).unwrap();
    assert!(pages.is_empty());
    assert_eq!(pages.counts(..).unwrap().pages, 0);
    assert_eq!(pages.runs(..).unwrap().count(), 0);
    file.write_all_at(&[1; 5000], 0).unwrap();
    let mut pages = pages;
    assert_eq!((pages.len(), pages.refresh().unwrap(), pages.len()), (0, 5000, 5000));
    let counts = pages.counts(4096..1 << 40).unwrap();
    assert_eq!(
        (counts.pages, counts.cached),
        (pages.counts(..).unwrap().pages - 4096 / page(), counts.pages)
    );
    let runs: Vec<_> = pages.runs(3..).unwrap().map(Result::unwrap).collect();
    assert_eq!(runs, [PageRun { range: 3..5000, state: PageState::Resident }]);
    assert_eq!(pages.runs(5000..9999).unwrap().count(), 0);

    // Truncated after its length was seen: answers are of the moment, and no signal comes.
    file.set_len(100).unwrap();
    let counts = pages.counts(..).unwrap();
    assert_eq!((counts.pages, counts.cached), (5000u64.div_ceil(page()), 1));
    let last = pages.runs(..).unwrap().map(Result::unwrap).last().unwrap();
    assert_eq!(last.range.end, 5000);
    assert_eq!(pages.refresh().unwrap(), 100);
    assert_eq!(pages.counts(..).unwrap().cached, 1);
}

#[test]
fn what_was_written_is_dirty_until_it_is_flushed() {
    testfs::each(&[Kind::Ext4, Kind::Xfs], |fs| {
        let path = fs.path().join("f");
        let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
        file.write_all_at(&vec![1; 16 << 12], 0).unwrap();
        let pages = FilePages::of(&file).unwrap();
        let Some(before) = pages.counts(..).unwrap().states else {
            return testfs::skip("dirty pages", "cachestat(2) came with Linux 6.5");
        };
        assert!(before.dirty + before.writeback > 0, "{before:?}");
        file.sync_all().unwrap();
        let after = pages.counts(..).unwrap().states.unwrap();
        assert_eq!((after.dirty, after.writeback), (0, 0));
    });
}

#[test]
fn the_position_of_the_file_stays() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(1 << 20).unwrap();
    rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(77)).unwrap();
    let pages = FilePages::of(&file).unwrap();
    let runs: Vec<_> = pages.runs(..).unwrap().map(Result::unwrap).collect();
    assert_eq!(runs, [PageRun { range: 0..1 << 20, state: PageState::Hole }]);
    assert_eq!(rustix::fs::tell(&file).unwrap(), 77);
}

#[test]
fn what_has_no_pages_says_what_it_is() {
    let (pipe, _writer) = std::io::pipe().unwrap();
    let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let error = |error: folio::Error| (error.kind(), error.reason().to_string());
    let refused = |what: &str| (ErrorKind::NotMappable, what.to_owned());
    assert_eq!(
        error(FilePages::of(&File::open("/").unwrap()).unwrap_err()),
        refused("it is a directory")
    );
    assert_eq!(error(FilePages::of(&pipe).unwrap_err()), refused("it is a pipe"));
    assert_eq!(error(FilePages::of(&socket).unwrap_err()), refused("it is a socket"));
    let null = File::open("/dev/null").unwrap();
    assert_eq!(error(FilePages::of(&null).unwrap_err()), refused("it is a character device"));
}

/// Files of /proc have a length of 0 and no pages; asking is no error.
#[test]
fn files_that_the_kernel_makes_up_have_no_pages() {
    let file = File::open("/proc/self/status").unwrap();
    let pages = FilePages::of(&file).unwrap();
    assert_eq!(pages.counts(..).unwrap().pages, 0);
}

#[test]
fn a_block_device_has_pages_of_its_own() {
    if !rustix::process::geteuid().is_root() {
        return testfs::skip("a loop device", "not root");
    }
    let image = tempfile::NamedTempFile::new().unwrap();
    image.as_file().set_len(8 << 20).unwrap();
    let made = Command::new("losetup").args(["-f", "--show"]).arg(image.path()).output();
    let name = match made {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).unwrap(),
        other => return testfs::skip("a loop device", format!("losetup: {other:?}")),
    };
    let device = File::options().read(true).write(true).open(name.trim()).unwrap();
    let pages = FilePages::of(&device).unwrap();
    assert_eq!(pages.len(), 8 << 20);
    device.write_all_at(&[1; 4096], 1 << 20).unwrap();
    let counts = pages.counts(1 << 20..(1 << 20) + 4096).unwrap();
    assert_eq!((counts.pages, counts.cached), (4096 / page(), 4096 / page()));
    let runs = states(pages.runs(..).unwrap(), 0..8 << 20);
    assert_eq!(runs[usize::try_from((1 << 20) / page()).unwrap()], PageState::Resident);
    drop(device);
    let undone = Command::new("losetup").args(["-d", name.trim()]).status().unwrap();
    assert!(undone.success());
}

/// The kernel would call every page resident: no number is given.
#[test]
fn to_others_nothing_is_told() {
    if let Some((file, _)) = unprivileged::handed_over() {
        let pages = FilePages::of(&file).unwrap();
        let why = WhyUnknown::NeitherOwnerNorWriter { owner: 0, user: NOBODY };
        assert_eq!(pages.why_unknown(), Some(why));
        assert_eq!(pages.runs(..).unwrap_err().kind(), ErrorKind::PermissionDenied);
        // Without a page there is nothing to tell.
        assert_eq!(pages.counts(..0).unwrap().cached, 0);
        match pages.counts(..) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
            // Kernels whose cachestat(2) does not check permissions tell the truth.
            Ok(counts) => assert!(counts.cached <= 1, "{counts:?}"),
        }
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    let file = file_of(&path, &[(Page::Cold, 10)]);
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let only_read = File::open(&path).unwrap();
    if unprivileged::run("cached::to_others_nothing_is_told", &only_read, "unknown") {
        assert_eq!(FilePages::of(&file).unwrap().why_unknown(), None);
    }
}
