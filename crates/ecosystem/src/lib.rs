//! What folio's users combine it with, each a test: see `tests/it`. The crate itself is empty.
//!
//! The examples of `docs/from-memmap2.md` are compiled and run with the documentation's tests of this crate.
#![forbid(unsafe_code)]

/// The page's examples.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/from-memmap2.md")]
struct FromMemmap2;
