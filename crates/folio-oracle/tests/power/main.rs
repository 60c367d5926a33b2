//! What is on the disk after a power cut is what the model says may be there.
//!
//! Random programs of stores, writes, flushes, syncs and truncations run on a file system on a loop device. At a random step
//! the image is copied as it is, which is what a power cut leaves, and the copy is mounted, which replays the journal. While a program
//! runs, parts of the file are written out that nobody asked for, as the kernel may at any time. Every program has a
//! number that repeats it: `FOLIO_POWER_SEED` runs that one alone, `FOLIO_POWER_PROGRAMS` says how many there are.
//!
//! A check that cannot fail is none: the same programs with a flush or a sync that does nothing have to be found out.

mod run;

use std::process::ExitCode;

use testfs::{Kind, PowerDevice};

use run::{Lie, Scene, run};

/// The file systems that write to a device.
const KINDS: [Kind; 3] = [Kind::Ext4, Kind::Xfs, Kind::Btrfs];

/// How many programs run on each file system.
const PROGRAMS: u64 = 30;

/// Within how many programs a lie has to be found out.
const PROGRAMS_TO_FIND_A_LIE: u64 = 200;

fn main() -> ExitCode {
    testfs::alone::run(testfs::tests![
        what_is_found_after_a_cut_is_allowed,
        a_flush_that_writes_nothing_is_found_out,
        a_flush_that_writes_one_page_is_found_out,
        a_sync_that_writes_nothing_is_found_out,
    ])
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().expect("a number"))
}

fn what_is_found_after_a_cut_is_allowed() {
    let seeds = match number("FOLIO_POWER_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FOLIO_POWER_PROGRAMS").unwrap_or(PROGRAMS),
    };
    for kind in KINDS {
        let Some(device) = PowerDevice::new(kind) else { continue };
        for seed in seeds.clone() {
            let scene = Scene::of(seed);
            if let Err(wrong) = run(&device, seed, scene, Lie::None) {
                panic!("{kind}, FOLIO_POWER_SEED={seed}: {wrong}");
            }
        }
    }
}

/// Where only bytes tell: the file's length never changes.
#[track_caller]
fn is_found_out(lie: Lie, kinds: &[Kind]) {
    for &kind in kinds {
        let Some(device) = PowerDevice::new(kind) else { continue };
        let found = (0..PROGRAMS_TO_FIND_A_LIE)
            .find_map(|seed| Some((seed, run(&device, seed, Scene::Stores, lie).err()?)));
        match found {
            Some((seed, wrong)) => {
                assert!(wrong.contains("never were so"), "{kind}, program {seed}: {wrong}");
                let truth = run(&device, seed, Scene::Stores, Lie::None);
                assert_eq!(truth, Ok(()), "{kind}, program {seed}, without the lie");
                println!("{kind}: {lie:?} is found out by program {seed}");
            }
            None => panic!("{kind}: {lie:?} passes {PROGRAMS_TO_FIND_A_LIE} programs"),
        }
    }
}

fn a_flush_that_writes_nothing_is_found_out() {
    is_found_out(Lie::Flush, &KINDS);
}

fn a_flush_that_writes_one_page_is_found_out() {
    // Btrfs writes out the whole file whatever range it is told (fs/btrfs/file.c, `btrfs_sync_file`).
    is_found_out(Lie::FlushOfOnePage, &[Kind::Ext4, Kind::Xfs]);
}

fn a_sync_that_writes_nothing_is_found_out() {
    is_found_out(Lie::Sync, &KINDS);
}
