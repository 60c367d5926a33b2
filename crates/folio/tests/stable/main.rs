//! `Frozen` and `Private`: bytes that a guarantee keeps, on every file system that grants one differently.
#![expect(
    clippy::single_range_in_vec_init,
    reason = "`changed` gives lists of ranges, also of one"
)]

#[path = "../shared/child.rs"]
mod child;
mod commit;
mod ladder;
mod lease;
mod loss;
mod options;
mod private;
mod support;
