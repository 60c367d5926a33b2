//! What the fuzz targets of `fuzz/` do, on random bytes from proptest: for everybody who has no fuzzer at hand.
//!
//! A body takes bytes, decodes them into operations, and does each on the library and on a plain `Vec` that says what must
//! come out. The fuzz targets include the same modules.

mod cursor;
mod live;
mod ranges;

use std::fs::File;
use std::os::unix::fs::FileExt;

use proptest::prelude::*;

proptest! {
    #[test]
    fn live_mappings_do_what_a_vec_does(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        live::run(&bytes);
    }

    #[test]
    fn ranges_are_taken_or_refused_as_sums_in_a_wider_type_say(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        ranges::run(&bytes);
    }
}

/// What a fuzzer finds goes here, so that it is tried in every run.
#[test]
fn what_was_found_once_stays_away() {
    for bytes in [&[][..], &[0xFF; 64], &[0; 64]] {
        live::run(bytes);
        ranges::run(bytes);
    }
}

/// The oracle of [`live`] is a check that can fail: a byte that is changed behind its back is found.
#[test]
#[should_panic(expected = "differ")]
fn a_byte_changed_behind_the_oracle_is_found() {
    let change = |file: &File| {
        let first = &mut [0];
        file.read_exact_at(first, 0).expect("the file is not empty");
        file.write_all_at(&[!first[0]], 0).expect("the file is open for writing");
    };
    live::run_and(&[1; 6], change);
}
