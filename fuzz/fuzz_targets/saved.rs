//! What `folio pages --restore` is given: any bytes are taken, or refused, and what is taken keeps what the format promises.
#![no_main]

#[path = "../../crates/folio-cli/src/pages/steer/saved/mod.rs"]
mod saved;
#[path = "../../crates/folio-cli/src/pages/steer/saved_fuzzed.rs"]
mod saved_fuzzed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| saved_fuzzed::run(bytes));
