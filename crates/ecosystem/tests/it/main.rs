//! folio with the crates that its users combine it with. "Without a copy" is asserted: the pointers are the mapping's.

mod arrow;
mod bytes;
mod descriptors;
mod elf;
mod io;
mod memchr;
mod migration;
mod parallel;
mod runtime;
mod scratch;
mod self_reference;
mod tensors;
mod threads;
