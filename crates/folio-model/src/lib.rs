//! How Linux maps files, as a program.
#![forbid(unsafe_code)]

mod op;
mod outcome;
mod program;

pub use op::{
    Access, Advice, Allocation, Backing, Content, Descriptor, File, FileSync, Lease, LockMode,
    LockOwner, Mapping, Msync, Op, Process, Protection, Seals, Sharing,
};
pub use outcome::{Errno, Outcome, Signal};
pub use program::Program;
