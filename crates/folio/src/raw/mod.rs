//! Mappings and processes exactly as the kernel gives them, for experiments.
//!
//! folio's four kinds of mapping keep programs from every hazard. This module is for whoever wants to *see* the hazards: what
//! a page past the end of the file does, what is left of a private change after a truncation, whether a lease is granted.
//! Nothing is checked but bounds, nothing is rounded, and nothing is survived: errors are the kernel's own, and a touch
//! of a page that cannot be had raises SIGBUS or SIGSEGV, which ends the process. That is safe, and it is an observation for a
//! parent that [`fork`]ed it: see [`observe_touches`].
//!
//! | | |
//! |---|---|
//! | [`Mapping`] | mmap(2), munmap(2), mremap(2), mprotect(2), msync(2), madvise(2), mlock2(2), mincore(2), mseal(2), and single bytes |
//! | [`PageEntry`], [`Scan`] | what the kernel tells of pages: `/proc/self/pagemap`, `PAGEMAP_SCAN` |
//! | [`fork`], [`observe`], [`observe_touches`] | processes to be killed |
//! | [`lease`], [`record_lock`] | fcntl(2) on a file of the caller's |
//! | [`block_signal`], [`default_signal`], [`ignore_signal`] | what SIGBUS, SIGSEGV and SIGIO do |
//! | [`Userfault`] | userfaultfd(2): what there is of it, and noting stores |
//! | [`faults`] | page faults so far |
//! | [`extents`], [`write_out`] | where a file lies on its device, and getting it there |
//! | [`unshare`] | namespaces of one's own |
//!
//! ```
//! use folio::raw::{MapFlags, Mapping, Protection, Sharing};
//! # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
//! std::fs::write(&path, b"hello")?;
//! let file = std::fs::File::open(&path)?;
//! let mapping = Mapping::file(&file, 0, 5, Protection::READ, Sharing::Private, MapFlags::empty())?;
//! assert_eq!(mapping.load_range(0..6), b"hello\0"); // zeros up to the end of the page
//! let error = mapping.protect(1..2, Protection::READ).unwrap_err();
//! assert_eq!(error.raw_os_error(), Some(22)); // EINVAL: not at a page's start
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Why all of it is safe to call is in section R of `docs/soundness.md`. Errors are [`std::io::Error`]s with the kernel's
//! [`raw_os_error`](std::io::Error::raw_os_error), and without one where folio itself refuses.

mod advice;
mod control;
mod disk;
mod flags;
mod mapping;
mod namespaces;
mod pages;
mod process;
mod signal;
mod touch;
mod userfault;

pub use crate::page_entry::{Categories, PageEntry, Scan};
pub use advice::Advice;
pub use control::{Lease, LockOwner, RecordLock, lease, lease_of, record_lock};
pub use disk::{Extent, extents, write_out};
pub use flags::{Growth, MapFlags, Msync, Protection, Sharing};
pub use mapping::{Mapping, NotUnmapped};
pub use namespaces::{Namespaces, unshare};
pub use pages::Scanned;
pub use process::{Child, Ended, Faults, Fork, Observation, exit, faults, fork, observe};
pub use signal::{Signal, block_signal, default_signal, ignore_signal, unblock_signal};
pub use touch::{Touch, Touched, observe_touches};
pub use userfault::{Userfault, UserfaultFeatures, UserfaultScope};
