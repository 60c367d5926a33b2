//! Memory-mapped files for Linux that never crash the process.
//!
//! Code that uses folio without writing `unsafe` never dies of SIGBUS, whatever other processes do to the file and
//! whatever the disk does, and never has undefined behaviour, even while another process rewrites the file.
//!
//! # Which kind?
//!
//! | you want | use | it gives | somebody truncates the file |
//! |---|---|---|---|
//! | the file as it is now, as a slice | [`Frozen`] | `&[u8]` | nothing happens |
//! | to change it in memory, and commit or drop that | [`Private`] | `&mut [u8]` | nothing happens |
//! | to follow what others write | [`Shared`] | [`read_at`](Shared::read_at), [`load`](Shared::load), [`chunks`](Shared::chunks), [`reader`](Shared::reader) | an error says so |
//! | to share memory with others | [`SharedMut`] | the same, [`write_at`](SharedMut::write_at), [`store`](SharedMut::store), [`writer`](SharedMut::writer), [atomics](SharedMut::atomic_u64), [`flush`](SharedMut::flush), [`grow`](SharedMut::grow) | an error says so |
//! | such memory without a file on disk | [`Memfd`] | any of the four | nobody can, once it is sealed |
//!
//! Each has `open(path)` and `from_file(&file)`, which takes anything with a descriptor (`AsFd`); [`MapOptions`] is the builder for all: a byte range that need not be
//! aligned, populating, locking, huge pages, advice, and which [`Guarantees`] may carry the bytes. [`Pages`] tells and steers
//! what is in memory, [`RangeLock`] locks byte ranges against other processes, [`transfer()`] sends bytes on inside the kernel.
//!
//! ```
//! use folio::{ErrorKind, Frozen, Shared};
//! # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![b'x'; 50_000])?;
//! let frozen = Frozen::open(&path)?;
//! let live = Shared::open(&path)?;
//! std::fs::File::create(&path)?; // somebody truncates the file
//!
//! assert_eq!(frozen.len(), 50_000); // the bytes as they were when it was opened
//! assert!(frozen.iter().all(|&byte| byte == b'x'));
//!
//! let error = live.read_at(10_000, &mut [0; 100]).unwrap_err(); // as they are now
//! assert_eq!(error.kind(), ErrorKind::Truncated { offset: 10_000, len: 0 });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How
//!
//! A slice is sound while nobody else changes the bytes, so [`Frozen`] and [`Private`] rest on a [`Guarantee`]: the file is
//! sealed, or under a lease with which the kernel holds writers back until folio has put the content out of their reach, or
//! it is a snapshot or a copy. Live bytes are never a slice: they are copied by routines that a fault leaves in order, at
//! the speed of `memcpy`, and the error names the cause.
//!
//! folio installs one handler for SIGBUS when it is first needed, and hands on what is not its own. A handler that is
//! installed later must chain to it. A thread that *blocks* SIGBUS is killed by the kernel at a fault, before any handler.
//!
//! The rules that the unsafe code rests on are in `docs/soundness.md` of the repository, with what is not defended against:
//! who writes to the block device below the file system, and other `unsafe` code in the process, for example.
//!
//! # Features
//!
//! - `bytes`: `From<Frozen> for bytes::Bytes`, without a copy.
//! - `stable_deref`: `StableDeref` and `CloneStableDeref` for [`Frozen`], for yoke, self_cell and the like.
//! - `ring`: `Ring`, reads through io_uring(7), many at a time.
//! - `raw`: the module `raw`, mappings exactly as the kernel gives them, for experiments.
//! - `process`: the module `process`, how any process is mapped and what its pages are.
//!
//! Linux on x86-64 and aarch64 only; what a kernel or file system does not offer is an
//! [`Unsupported`](ErrorKind::Unsupported) error that says so.
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!(
    "folio maps files with Linux's own system calls and has its copy routines for x86-64 and aarch64 only"
);

mod advice;
mod atomics;
pub mod best_effort;
mod bounds;
mod cause;
mod chunks;
mod commit;
mod descriptor;
mod error;
mod exec;
mod file_pages;
mod filesystem;
mod flush;
mod frozen;
mod growth;
mod guarantee;
mod lock;
mod mapping;
mod memfd;
mod options;
mod own_file;
mod page;
mod page_entry;
mod pages;
mod private;
#[cfg(feature = "process")]
pub mod process;
#[cfg(any(feature = "raw", feature = "process"))]
mod protection;
#[cfg(feature = "raw")]
pub mod raw;
mod reader;
mod residency;
mod retry;
#[cfg(feature = "ring")]
mod ring;
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
mod writer;

pub use advice::{Advice, RawAdvice};
pub use chunks::Chunks;
pub use error::{Error, ErrorKind, Result};
pub use exec::Executable;
pub use file_pages::{
    Evicted, FilePages, Folios, LockedPages, PageCounts, PageRun, PageRuns, PageState, StateCounts,
    Warming,
};
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
#[cfg(feature = "ring")]
pub use ring::{Completed, Ring};
pub use shared::Shared;
pub use shared_mut::SharedMut;
pub use transfer::{Method, Transferred, transfer, transfer_all};
pub use writer::Writer;
