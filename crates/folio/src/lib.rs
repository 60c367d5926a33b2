//! Memory-mapped files for Linux that never crash the process.
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!(
    "folio maps files with Linux's own system calls and has its copy routines for x86-64 and aarch64 only"
);

mod advice;
mod bounds;
mod cause;
mod chunks;
mod commit;
mod descriptor;
mod error;
mod exec;
mod filesystem;
mod flush;
mod frozen;
mod growth;
mod guarantee;
mod lock;
mod mapping;
mod memfd;
mod options;
mod page;
mod pages;
mod private;
mod reader;
mod residency;
mod retry;
mod room;
mod shared;
mod shared_mut;
mod snapshot;
mod source;
#[expect(
    unsafe_code,
    reason = "the floor: the only module that may, each block under a clause of docs/soundness.md"
)]
mod sys;
mod transfer;
mod watch;

pub use advice::{Advice, RawAdvice};
pub use chunks::Chunks;
pub use error::{Error, ErrorKind, Result};
pub use exec::Executable;
pub use frozen::Frozen;
pub use guarantee::{Guarantee, Guarantees, OnLoss};
pub use lock::{LockHolder, LockMode, RangeLock};
pub use memfd::{Memfd, MemfdOptions, Seals};
pub use options::{HugePages, LockPages, MapOptions};
pub use page::PageSize;
pub use pages::{Pages, PopulateFor};
pub use private::Private;
pub use reader::Reader;
pub use residency::{CacheCounts, Residency, Resident, WhyUnknown};
pub use shared::Shared;
pub use shared_mut::SharedMut;
pub use transfer::{Method, Transferred, transfer, transfer_all};
