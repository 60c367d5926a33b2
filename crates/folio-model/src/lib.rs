#![doc = include_str!("../README.md")]
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
pub use setting::{Facility, FileKind, Setting};
pub use shrink::shrink;
