//! Ranges against sums in a wider type; the body is a test's, too.
#![no_main]

#[path = "../../crates/folio/tests/fuzzed/cursor.rs"]
mod cursor;
#[path = "../../crates/folio/tests/fuzzed/ranges.rs"]
mod ranges;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ranges::run(bytes));
