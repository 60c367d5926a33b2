//! `Frozen` and `Private`: bytes that a guarantee keeps, on every file system that grants one differently.

mod commit;
mod ladder;
mod lease;
mod private;
mod support;
