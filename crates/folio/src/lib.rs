//! Memory-mapped files for Linux that never crash the process.
//!
//! Mapping a file means that others can change and shorten the bytes under a program: a truncation ends it with SIGBUS,
//! and a `&[u8]` whose bytes another process writes is undefined behaviour. Here both are ordinary values: a range that is
//! checked, a type that says who may change the bytes, an error that says what happened. No caller needs `unsafe`.
//!
//! # Which kind
//!
//! | type | others may change it | access | after a truncation |
//! |---|---|---|---|
//! | [`Frozen`] | no | `&[u8]` | the bytes stay |
//! | [`Private`] | no | `&mut [u8]`, [`changed`](Private::changed), [`revert`](Private::revert), [`commit`](Private::commit) | the bytes stay |
//! | [`Shared`] | yes | [`read_at`](Shared::read_at), [`load`](Shared::load), [`chunks`](Shared::chunks), [`reader`](Shared::reader) | an error that says so |
//! | [`SharedMut`] | yes | the same, [`write_at`](SharedMut::write_at), atomics, [`flush`](SharedMut::flush), [`grow`](SharedMut::grow) | an error that says so |
//!
//! ```
//! use folio::{ErrorKind, Frozen, Shared};
//! # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![b'\n'; 100_000])?;
//! let (frozen, live) = (Frozen::open(&path)?, Shared::open(&path)?);
//! std::fs::write(&path, b"")?; // somebody truncates the file
//! assert_eq!(frozen.iter().filter(|&&byte| byte == b'\n').count(), 100_000);
//! let error = live.read_at(50_000, &mut [0; 8]).unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Truncated { offset: 50_000, len: 0 });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each kind has `open(path)`, `from_file(&File)`, and [`MapOptions`] for the rest: which bytes, populating, huge pages,
//! locking, advice, guarantees. Each maps any byte range, and lets the file be closed at once. Positions and lengths are
//! bytes, `usize` in a mapping and `u64` in a file.
//!
//! # What else there is
//!
//! - [`Guarantee`]: why the bytes of a `Frozen` or `Private` stay as they are. A *lease* or a *snapshot* costs next to
//!   nothing until somebody wants to write the file.
//! - [`Memfd`]: a file in memory that can be sealed, sent to another process, and mapped as any kind. Memory without a file
//!   is [`Private::anonymous`] and [`SharedMut::anonymous`].
//! - [`Pages`]: what of a mapping is in memory, [`Advice`], populating and locking.
//! - [`RangeLock`]: advisory locks on byte ranges of a file; [`transfer()`]: bytes from a file to a pipe, socket or file
//!   without a copy through this process.
//! - [`Error`]: what was done, to which file and range, and why it failed.
//!
//! The escape hatches are [`Shared::as_ptr`], [`Shared::as_slice_unchecked`] and [`MapOptions::map_executable`].
//!
//! # What it does to the process
//!
//! The first mapping installs one handler for SIGBUS, which passes on what is not folio's to the handler before it. The
//! first lease starts one thread. A thread that *blocks* SIGBUS is killed by the kernel at a fault, before any handler.
//!
//! # What it does not do
//!
//! There is no Windows, macOS or BSD here, and no other processor than x86-64 and aarch64. A guarantee holds against those
//! who open the file through this kernel: files of network file systems are copied, and whoever writes to the block device
//! below a mounted file system is not seen. `docs/soundness.md` in the repository has the rules in full.
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!(
    "folio maps files with Linux's own system calls and has its copy routines for x86-64 and aarch64 only"
);

mod advice;
mod atomics;
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
