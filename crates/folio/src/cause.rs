//! cause.
