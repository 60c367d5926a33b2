//! How Linux maps files, as a program.
//!
//! A [`Model`] is a machine with files, processes and mappings. It says for each operation ([`Op`]) what may happen
//! ([`Model::allowed`]), by which [`Rule`]s, and where these are written. Where the kernel is free it says every way in which
//! it may go; what was seen then decides ([`Model::step`]).
//!
//! ```
//! use folio_model::*;
//!
//! let (me, file, mapping) = (Process(0), Descriptor(0), Mapping(0));
//! let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
//! for op in [
//!     Op::Open {
//!         process: me,
//!         descriptor: file,
//!         file: File(0),
//!         access: Access::ReadWrite,
//!         content: Content::Keep,
//!     },
//!     Op::Write { process: me, descriptor: file, offset: 0, len: 5000, fill: 7 },
//!     Op::Map {
//!         process: me,
//!         mapping,
//!         backing: Backing::File(file),
//!         sharing: Sharing::Shared,
//!         protection: Protection::READ,
//!         offset: 4096,
//!         len: 8192,
//!     },
//! ] {
//!     model.run(&op);
//! }
//!
//! // The file ends 904 bytes into the first page that is mapped: zeros to the page's end, and no page behind it.
//! let load = |offset, len| Op::Load { process: me, mapping, offset, len };
//! assert_eq!(model.run(&load(902, 4)), Outcome::Bytes(vec![7, 7, 0, 0]));
//! let allowed = model.allowed(&load(4095, 2));
//! assert!(allowed.contains(&Outcome::Fault { signal: Signal::Bus, at: 1, before: vec![0] }));
//! assert!(allowed.rules().contains(&&rule::PAST_END));
//! ```
#![forbid(unsafe_code)]

mod advice;
mod allocate;
mod allowed;
mod byte;
mod choice;
mod contents;
mod disk;
mod file;
mod flush;
mod generate;
mod lease;
mod limits;
mod lock;
mod map;
mod memory;
mod model;
mod op;
mod outcome;
mod outline;
mod permission;
mod process;
mod program;
mod protect;
mod remap;
mod repertoire;
pub mod rule;
mod seal;
mod setting;
mod shrink;
mod touch;
mod why;
mod world;

pub use allowed::{Allowed, Alternative, Disagreement, Pattern};
pub use byte::Byte;
pub use choice::{Bytes, Choices, Exhaustive, Seeded};
pub use disk::{DiskStates, Impossible};
pub use model::Model;
pub use op::{
    Access, Advice, Allocation, Backing, Content, Descriptor, File, FileSync, Lease, LockMode,
    LockOwner, Mapping, Msync, Op, Process, Protection, Seals, Sharing,
};
pub use outcome::{Errno, Outcome, Signal};
pub use program::Program;
pub use repertoire::{Positions, Repertoire, Verb};
pub use rule::{RULES, Rule};
pub use setting::{FileKind, Setting};
pub use shrink::shrink;
