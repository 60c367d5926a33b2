//! Operations on live mappings against a `Vec`; the body is a test's, too.
#![no_main]

#[path = "../../crates/folio/tests/fuzzed/cursor.rs"]
mod cursor;
#[path = "../../crates/folio/tests/fuzzed/live.rs"]
mod live;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| live::run(bytes));
