//! The `folio` command.
#![forbid(unsafe_code)]

fn main() {}
