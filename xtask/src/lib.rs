//! What the repository holds itself to and the compiler does not check.
//!
//! | module | is |
//! |---|---|
//! | [`tree`] | the files that are checked, on disk or made up by a test |
//! | [`source`] | Rust source with comments and literals told apart from code |
//! | [`clauses`] | the numbered clauses of `docs/soundness.md` and the comments that cite them |
//! | [`tidy`] | the checks |
//! | [`examples`] | public items without an example, from what rustdoc says of them |
//! | [`mutants`] | bugs put into folio, which the oracle must find |
//! | [`readme`] | the commands of `README.md`, run |
//! | [`adoption`] | other people's programs, with folio in memmap2's place |
//! | [`fio`] | the same jobs by fio and by `folio bench`, and whether they agree |
//! | [`doctor`] | the tables of `docs/doctor.md`, made by running `folio doctor` on each file system |
#![forbid(unsafe_code)]

pub mod adoption;
pub mod clauses;
pub mod doctor;
pub mod examples;
pub mod fio;
pub mod mutants;
pub mod readme;
pub mod source;
pub mod tidy;
pub mod tree;

/// The README's Rust is compiled with the documentation's tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
