//! Programs of mapping operations, run on a system and compared with the model at each step.
//!
//! A [`Bench`] is something to run programs on, with an [`Oracle`] that knows the right answers. [`compare`] runs one program,
//! [`random`] and [`exhaustive`] many; what disagrees is made as plain as it gets ([`explain`]) and told with its trace: what was
//! done, what was seen, what would have been right and by which rule.
//!
//! There are two benches. [`Folio`] runs programs on folio, over every kind of mapping, in two processes, against what it
//! promises. [`BareKernel`] runs them with raw system calls, so that a difference tells whether folio or the model is wrong.
#![forbid(unsafe_code)]

mod bare;
mod campaign;
mod compare;
mod folio;
mod kernel;
mod system;

pub use bare::BareKernel;
pub use campaign::{Found, Outcome, Until, exhaustive, random, seeded, small};
pub use compare::{Disagreement, Step, compare, explain};
pub use folio::{Answer, Folio, Processes, Reason, WORKER, serve};
pub use kernel::Kernel;
pub use system::{Bench, Oracle, System};
