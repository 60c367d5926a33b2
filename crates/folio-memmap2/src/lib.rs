#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]
#![expect(clippy::len_without_is_empty, reason = "memmap2's API has none")]
#![expect(clippy::must_use_candidate, reason = "memmap2's API has none")]

mod advice;
mod descriptor;
#[expect(
    unsafe_code,
    reason = "the one module that may: clauses E1 and E2 of folio's docs/soundness.md"
)]
mod floor;
mod flush;
pub mod folio;
mod if_safe;
mod mmap;
mod mmap_mut;
mod options;
mod raw;
mod remap;
mod settings;
mod steering;

pub use advice::{Advice, UncheckedAdvice};
pub use descriptor::{MmapAsRawDesc, MmapRawDescriptor};
pub use if_safe::MapIfSafeError;
pub use mmap::Mmap;
pub use mmap_mut::MmapMut;
pub use options::MmapOptions;
pub use raw::MmapRaw;
pub use remap::RemapOptions;
