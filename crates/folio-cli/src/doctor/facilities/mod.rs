//! What the kernel and the file system offer around mappings.

use super::experiment::Experiment;

/// In the order of the report.
pub(crate) const EXPERIMENTS: &[Experiment] = &[];
