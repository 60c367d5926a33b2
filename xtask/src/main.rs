//! Checks that the repository keeps its own rules.
#![forbid(unsafe_code)]

fn main() {}
