//! How Linux maps files, as a program.
#![forbid(unsafe_code)]

mod choice;
mod generate;
mod op;
mod outcome;
mod outline;
mod program;
mod repertoire;
mod shrink;

pub use choice::{Bytes, Choices, Exhaustive, Seeded};
pub use op::{
    Access, Advice, Allocation, Backing, Content, Descriptor, File, FileSync, Lease, LockMode,
    LockOwner, Mapping, Msync, Op, Process, Protection, Seals, Sharing,
};
pub use outcome::{Errno, Outcome, Signal};
pub use program::Program;
pub use repertoire::{Positions, Repertoire, Verb};
pub use shrink::shrink;
