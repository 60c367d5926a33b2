//! What a mapping shows and does.

use super::experiment::Experiment;

/// In the order of the report.
pub(crate) const EXPERIMENTS: &[Experiment] = &[];
