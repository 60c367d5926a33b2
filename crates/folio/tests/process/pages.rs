use folio::process::{Categories, Frames, Object, PageRun, PagesVia, Process, ProcessPages, Scan};
use folio::raw::{Advice, MapFlags, Mapping, Protection, Sharing};

use crate::child::Waiting;

const PAGE: usize = 4096;
const READ_WRITE: Protection = Protection::READ.union(Protection::WRITE);

fn pages(child: &Waiting, via: PagesVia) -> ProcessPages {
    Process::open(child.pid()).unwrap().pages(via).unwrap()
}

/// Each page of `pages` that a scan finds, as its number and its categories.
fn found(map: &ProcessPages, base: u64, pages: usize, scan: Scan) -> Vec<(u64, u64, Categories)> {
    let runs = map.runs(base..base + (pages * PAGE) as u64, scan).unwrap();
    let number = |address: u64| (address - base) / PAGE as u64;
    runs.into_iter()
        .map(|PageRun { addresses, categories }| {
            (number(addresses.start), number(addresses.end), categories)
        })
        .collect()
}

pub(crate) fn copied_on_write_are_told_from_the_files_both_ways() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(16 * PAGE as u64).unwrap();
    let mapping =
        Mapping::file(&file, 0, 16 * PAGE, READ_WRITE, Sharing::Private, MapFlags::empty())
            .unwrap();
    let base = mapping.address() as u64;
    let child = Waiting::after(|| {
        mapping.advise(0..16 * PAGE, Advice::PopulateRead).unwrap();
        mapping.store(3 * PAGE, 1);
        mapping.store(4 * PAGE, 1);
        mapping.store(15 * PAGE, 1);
    });
    let seen = Scan {
        any_of: Categories::PRESENT | Categories::SWAPPED,
        report: Categories::PRESENT | Categories::FILE,
        ..Scan::default()
    };
    let copied = Scan { inverted: Categories::FILE, all_of: Categories::FILE, ..seen };
    let (own, file) = (Categories::PRESENT, Categories::PRESENT | Categories::FILE);
    for via in [PagesVia::Best, PagesVia::Entries] {
        let map = pages(&child, via);
        let all = [(0, 3, file), (3, 5, own), (5, 15, file), (15, 16, own)];
        assert_eq!(found(&map, base, 16, seen), all, "{via:?}");
        assert_eq!(found(&map, base, 16, copied), [(3, 5, own), (15, 16, own)], "{via:?}");
    }
    // And the kernel counts as many.
    let usage = Process::open(child.pid()).unwrap().usage().unwrap();
    let one = usage.iter().find(|found| found.mapping.addresses.start == base).unwrap();
    assert_eq!(one.usage.anonymous + one.usage.swapped, 3 * PAGE as u64);
    let entries = pages(&child, PagesVia::Best).entries(base..base + 16 * PAGE as u64).unwrap();
    let own: Vec<_> = entries.iter().map(|entry| !entry.is_file()).collect();
    assert_eq!(own.iter().filter(|&&own| own).count(), 3);
}

/// A scan passes over empty tables; by entries this would read 128 MiB for each 64 GiB.
pub(crate) fn of_a_long_empty_mapping_are_scanned_at_once() {
    const LEN: usize = 1 << 36;
    let flags = MapFlags::NORESERVE;
    let mapping = match Mapping::anonymous(LEN, READ_WRITE, Sharing::Private, flags) {
        Ok(mapping) => mapping,
        Err(error) => return testfs::skip("64 GiB of addresses", error),
    };
    mapping.advise(0..LEN, Advice::NoHugePage).unwrap();
    let child = Waiting::after(|| mapping.store(LEN - 1, 1));
    let base = mapping.address() as u64;
    let scan = Scan {
        any_of: Categories::PRESENT | Categories::SWAPPED,
        report: Categories::PRESENT,
        ..Scan::default()
    };
    let runs = pages(&child, PagesVia::Best).runs(base..base + LEN as u64, scan).unwrap();
    let last = base + (LEN - PAGE) as u64..base + LEN as u64;
    assert_eq!(runs, [PageRun { addresses: last, categories: Categories::PRESENT }]);
}

pub(crate) fn shared_after_a_fork_are_in_one_frame() {
    let frames = match Frames::open() {
        Ok(frames) => frames,
        Err(error) => return testfs::skip("frames of memory", error),
    };
    let mapping =
        Mapping::anonymous(2 * PAGE, READ_WRITE, Sharing::Private, MapFlags::empty()).unwrap();
    mapping.advise(0..2 * PAGE, Advice::NoHugePage).unwrap();
    mapping.store_range(0..2 * PAGE, 1);
    let child = Waiting::after(|| mapping.store(PAGE, 2));
    let base = mapping.address() as u64;
    let entries = |process: Process| {
        process.pages(PagesVia::Best).unwrap().entries(base..base + 2 * PAGE as u64).unwrap()
    };
    let here = entries(Process::current().unwrap());
    let there = entries(Process::open(child.pid()).unwrap());
    let Some(frame) = here[0].frame() else { return testfs::skip("frames of memory", "not told") };
    assert_eq!(there[0].frame(), Some(frame));
    assert_ne!(there[1].frame(), here[1].frame());
    assert_eq!(frames.mapped(frame).unwrap(), 2);
    assert!(frames.flags(frame).unwrap().contains(folio::process::FrameFlags::ANON));
    assert!(!here[0].is_exclusive() && here[1].is_exclusive() && there[1].is_exclusive());
    let process = Process::open(child.pid()).unwrap();
    let found = process.usage().unwrap();
    let one = found.iter().find(|found| found.mapping.addresses.contains(&base)).unwrap();
    assert!(matches!(one.mapping.object, Object::Anonymous(None)));
    assert!(one.usage.shared_dirty >= PAGE as u64 && one.usage.private_dirty >= PAGE as u64);
}
