//! The truncation storm: eight threads read a file through each kind of mapping while another process truncates and
//! regrows it. Nobody dies, no byte is wrong, and every error names the cause.
//!
//! Every page of the file carries its own number ([`pattern`]), its first pages are never cut, and the others hold after a
//! truncation either their bytes or, for the live kinds, the zeros of a hole. A kind that rests on a guarantee must show
//! the same bytes for as long as it lives.
//!
//! The same is done on a tmpfs that is full, where a hole faults for want of space, and on a device that is cut off and
//! mended again. `FOLIO_STORM_ROUNDS` sets the number of truncations of each storm.
//!
//! | module | holds |
//! |---|---|
//! | [`pattern`] | what the file's bytes are, and what may be seen of them |
//! | [`weather`] | the other process, and what it does to the file |
//! | [`scene`] | a storm: the threads, the process, the file |
//! | [`tally`] | what the threads saw; the check that an error names its cause |
//! | [`live`], [`stable`] | ways to read: one function is one thread |

mod live;
mod pattern;
mod scene;
mod stable;
mod tally;
mod weather;

use folio::Guarantee;
use testfs::{FileSystem, Kind};

use scene::{Scene, Thread};
use weather::Weather;

/// Where every machine can have a storm, and where the kernel's truncation is another one.
const SKIES: &[Kind] = &[Kind::Here, Kind::Tmpfs];

/// Truncations of one storm, unless the environment says otherwise.
const ROUNDS: u64 = 1000;

/// Every kind of mapping, where what fails is not the file's length.
const EVERY_KIND: &[Thread] = &[
    live::read_at,
    live::load,
    live::chunks,
    live::reader,
    live::mut_read_at,
    live::mut_atomics,
    |scene, tally| stable::frozen(scene, tally, Guarantee::Lease),
    |scene, tally| stable::private(scene, tally, Guarantee::Copied),
];

fn rounds() -> u64 {
    match std::env::var("FOLIO_STORM_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("FOLIO_STORM_ROUNDS is a number"),
        Err(_) => ROUNDS,
    }
}

/// Eight threads, one after the other from `ways`, in `weather` on each file system of `skies`.
fn storm(test: &str, skies: &[Kind], weather: Weather, ways: &[Thread]) -> Vec<tally::Seen> {
    if weather::is_the_other_process() {
        return Vec::new();
    }
    let mut seen = Vec::new();
    testfs::each(skies, |fs| {
        let scene = Scene::new(fs.path(), weather);
        seen.push(scene.rage(test, rounds(), ways));
    });
    seen
}

/// That a storm was one: the threads saw good bytes and truncations both.
fn assert_stormy(seen: &[tally::Seen]) {
    for seen in seen {
        assert!(seen.good > 0, "{seen:?}");
        assert!(seen.truncated > 0, "no thread met a truncation: {seen:?}");
    }
}

#[test]
fn shared_survives_truncation_and_holes() {
    let ways: &[Thread] = &[live::read_at, live::load, live::chunks, live::reader];
    assert_stormy(&storm("shared_survives_truncation_and_holes", SKIES, Weather::Holes, ways));
}

#[test]
fn shared_survives_truncation_and_appending() {
    let ways: &[Thread] = &[live::read_at, live::load, live::chunks, live::reader];
    assert_stormy(&storm(
        "shared_survives_truncation_and_appending",
        SKIES,
        Weather::Appends,
        ways,
    ));
}

#[test]
fn shared_mut_survives_truncation() {
    let ways: &[Thread] =
        &[live::mut_read_at, live::mut_write_at, live::mut_store, live::mut_atomics];
    assert_stormy(&storm("shared_mut_survives_truncation", SKIES, Weather::Holes, ways));
}

#[test]
fn frozen_stays_the_same_under_each_guarantee() {
    let ways: &[Thread] = &[
        |scene, tally| stable::frozen(scene, tally, Guarantee::Lease),
        |scene, tally| stable::frozen(scene, tally, Guarantee::Snapshot),
        |scene, tally| stable::frozen(scene, tally, Guarantee::Copied),
    ];
    for seen in storm("frozen_stays_the_same_under_each_guarantee", SKIES, Weather::Lulls, ways) {
        assert!(seen.leased > 0 && seen.good > seen.leased, "{seen:?}");
    }
}

#[test]
fn private_stays_the_same_but_for_its_own_changes() {
    let ways: &[Thread] = &[
        |scene, tally| stable::private(scene, tally, Guarantee::Lease),
        |scene, tally| stable::private(scene, tally, Guarantee::Snapshot),
        |scene, tally| stable::private(scene, tally, Guarantee::Copied),
    ];
    for seen in storm("private_stays_the_same_but_for_its_own_changes", SKIES, Weather::Lulls, ways)
    {
        assert!(seen.leased > 0 && seen.good > seen.leased, "{seen:?}");
    }
}

#[test]
fn a_full_tmpfs_is_told_from_a_truncation() {
    if weather::is_the_other_process() {
        return;
    }
    let Some(fs) = FileSystem::with_size(Kind::Tmpfs, 1 << 20) else { return };
    let scene = Scene::new(fs.path(), Weather::Full);
    let seen = scene.rage("a_full_tmpfs_is_told_from_a_truncation", rounds(), EVERY_KIND);
    assert!(seen.good > 0, "{seen:?}");
    assert!(seen.no_space > 0, "no thread met a hole without space: {seen:?}");
}

#[test]
fn a_device_that_fails_is_told_from_a_truncation() {
    let Some(device) = testfs::CutDevice::new() else { return };
    let scene = Scene::new(device.path(), Weather::Failing);
    let cuts = rounds().div_ceil(100);
    let seen = scene.fail(&device, cuts, EVERY_KIND);
    assert!(seen.good > 0, "{seen:?}");
    assert!(seen.io > 0, "no thread met an I/O error: {seen:?}");
    assert_eq!((seen.truncated, seen.no_space), (0, 0), "{seen:?}");
}
