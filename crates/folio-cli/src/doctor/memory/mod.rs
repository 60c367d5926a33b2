//! What a mapping shows and does.

mod lazy;
mod readahead;
mod signal;

use super::experiment::Experiment;

/// In the order of the report.
pub(crate) const EXPERIMENTS: &[Experiment] =
    &[lazy::LAZY, readahead::READAHEAD, signal::BLOCKED_SIGBUS];
