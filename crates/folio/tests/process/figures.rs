use std::collections::HashMap;
use std::fs;

use folio::LockPages;
use folio::process::{MappingUsage, Process, Usage, VmFlags};
use folio::raw::{Advice, MapFlags, Mapping, Protection, Sharing};

use crate::child::Waiting;

const PAGE: usize = 4096;
const READ_WRITE: Protection = Protection::READ.union(Protection::WRITE);

fn busy_child() -> Waiting {
    let file = tempfile::tempfile().unwrap();
    file.set_len(64 * PAGE as u64).unwrap();
    Waiting::after(|| {
        let private =
            Mapping::file(&file, 0, 64 * PAGE, READ_WRITE, Sharing::Private, MapFlags::POPULATE)
                .unwrap();
        private.store_range(0..10 * PAGE, 1);
        let memory =
            Mapping::anonymous(32 * PAGE, READ_WRITE, Sharing::Private, MapFlags::empty()).unwrap();
        memory.store_range(0..20 * PAGE, 1);
        (private, memory)
    })
}

/// The sums of each figure of `/proc/PID/smaps`, the plainest way.
fn smaps(pid: u32) -> HashMap<String, u64> {
    let mut sums = HashMap::new();
    for line in fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap().lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        if let [name, number, "kB"] = words[..] {
            let number: u64 = number.parse().unwrap();
            *sums.entry(name.trim_end_matches(':').to_owned()).or_default() += number * 1024;
        }
    }
    sums
}

/// The figures, and `other` of the same moment: a page that was shared since the fork is not any more once its parent, this
/// process, has stored to it.
fn with<T>(child: &Waiting, other: impl Fn() -> T) -> (Vec<MappingUsage>, T) {
    let usage = || Process::open(child.pid()).unwrap().usage().unwrap();
    let mut before = usage();
    for _ in 0..1000 {
        let other = other();
        let after = usage();
        if after == before {
            return (after, other);
        }
        before = after;
    }
    panic!("the figures of a process that waits do not come to rest");
}

pub(crate) fn are_those_of_smaps() {
    let child = busy_child();
    let (found, expected) = with(&child, || smaps(child.pid()));
    let sum: Usage = found.iter().map(|found| found.usage).sum();
    for (name, figure) in [
        ("Size", sum.size),
        ("Rss", sum.resident),
        ("Pss", sum.proportional),
        ("Shared_Clean", sum.shared_clean),
        ("Shared_Dirty", sum.shared_dirty),
        ("Private_Clean", sum.private_clean),
        ("Private_Dirty", sum.private_dirty),
        ("Anonymous", sum.anonymous),
        ("Swap", sum.swapped),
        ("Locked", sum.locked),
    ] {
        // The page of old system calls is listed there, with a size and no pages.
        let gate = if name == "Size" { PAGE as u64 } else { 0 };
        assert!(expected[name] == figure || expected[name] == figure + gate, "{name}: {figure}");
    }
    let own = expected["Private_Clean"] + expected["Private_Dirty"];
    assert_eq!(sum.unique(), own);
    assert!(own >= 30 * PAGE as u64);
}

/// But for what the kernel rounds down: less than 1 KiB for each mapping.
pub(crate) fn add_up_to_the_rollup() {
    let child = busy_child();
    let process = Process::open(child.pid()).unwrap();
    let (found, rollup) = with(&child, || process.rollup().unwrap());
    let sum: Usage = found.iter().map(|found| found.usage).sum();
    assert_eq!(rollup.resident, sum.resident);
    assert_eq!(rollup.private_dirty, sum.private_dirty);
    assert_eq!(rollup.private_clean, sum.private_clean);
    assert_eq!(rollup.anonymous, sum.anonymous);
    assert_eq!(rollup.swapped, sum.swapped);
    let rounded = rollup.proportional.checked_sub(sum.proportional).expect("rounded down");
    assert!(rounded <= 1024 * found.len() as u64, "{rounded}");
}

pub(crate) fn of_a_locked_mapping_say_so() {
    let child = Waiting::after(|| {
        let mapping =
            Mapping::anonymous(8 * PAGE, READ_WRITE, Sharing::Private, MapFlags::empty()).unwrap();
        mapping.advise(0..8 * PAGE, Advice::DontFork).unwrap();
        // Whether it may is seen from outside.
        let _ = mapping.lock(0..8 * PAGE, LockPages::Now);
        mapping
    });
    let found = Process::open(child.pid()).unwrap().usage().unwrap();
    let locked: Vec<_> =
        found.iter().filter(|found| found.flags.contains(VmFlags::LOCKED)).collect();
    let [locked] = locked[..] else {
        return testfs::skip("mlock2", "no memory may be locked here");
    };
    assert_eq!(locked.usage.locked, 8 * PAGE as u64);
    assert_eq!(locked.usage.private_dirty, 8 * PAGE as u64);
    assert!(locked.flags.contains(VmFlags::DONT_FORK | VmFlags::WRITE));
    assert_eq!(locked.page_size, PAGE as u64);
}
