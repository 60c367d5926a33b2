//! The real memmap2 and this crate, side by side: the same programs, bad input included, have the same outcomes.

mod machine;
mod op;
mod programs;
mod special;
