//! How many threads to work with.

use std::num::NonZeroUsize;
use std::thread;

/// The cores that this process may run on: its affinity and the quota of its control group count, not the machine's
/// cores.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// How many threads an argument asks for.
pub(crate) fn parse(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "a number of threads is at least 1")
}
