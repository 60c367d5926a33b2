//! The headers of what begins like an ELF file, and where segments with any numbers go; the second is a test's body, too.
#![no_main]

#[expect(dead_code, reason = "the command uses the rest")]
#[path = "../../crates/folio-cli/src/maps/exe/header.rs"]
mod header;
#[expect(dead_code, reason = "the command uses the rest")]
#[path = "../../crates/folio-cli/src/maps/exe/layout.rs"]
mod layout;
#[path = "../../crates/folio-cli/src/maps/exe/layout_fuzzed.rs"]
mod layout_fuzzed;

use header::{Dynamic, Header};
use layout::{Loader, place};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if bytes.first() == Some(&0x7f) { headers(bytes) } else { layout_fuzzed::run(bytes) }
});

/// Read headers, and place the segments that they list.
fn headers(bytes: &[u8]) {
    match Header::read(bytes) {
        Ok(header) => {
            assert!(header.table.end <= bytes.len() as u64 || header.program_headers.is_empty());
            for load in header.loads() {
                for loader in [Loader::Kernel, Loader::Glibc] {
                    let placed = place(load.segment(), 4096, loader);
                    assert!(placed.is_err() || load.filesz <= load.memsz);
                }
            }
            let dynamic = Dynamic::read(&header, bytes);
            assert!(dynamic.needed <= bytes.len());
        }
        Err(malformed) => assert!(!malformed.to_string().is_empty()),
    }
}
