//! Programs of operations on folio against the model; the body is a test's, too.
#![no_main]

#[path = "../../crates/folio-oracle/tests/fuzzed/model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::run(bytes));
