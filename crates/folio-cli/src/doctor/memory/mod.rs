//! What a mapping shows and does.
//!
//! Where the model speaks of it, the promise is the model's: an experiment is a short [`program`] of
//! [`operations`] that the kernel and the model carry out together, and the line tells in [`words`] what the one allows
//! and what the other did. Where it does not (when pages are loaded, what faults cost, signals that are blocked), the
//! manual pages promise, and what is seen is asked of the kernel directly.

mod advice;
mod end;
mod inherit;
mod layout;
mod lazy;
mod operations;
mod permissions;
mod private;
mod program;
mod readahead;
mod shared;
mod signal;
mod words;

use super::experiment::Experiment;

/// What it means where mmap(2) refuses every file, or every file in a shared mapping.
pub(super) const NOT_MAPPED: &str = program::NOT_MAPPED;

/// In the order of the report.
pub(crate) const EXPERIMENTS: &[Experiment] = &[
    permissions::PERMISSIONS,
    layout::ALIGNMENT,
    private::WRITE,
    private::FOLLOWS,
    shared::PROCESSES,
    shared::READ_AND_WRITE,
    lazy::LAZY,
    readahead::READAHEAD,
    private::FIRST_TOUCH,
    end::ZERO_FILL,
    end::SIGBUS,
    end::TRUNCATE_SHARED,
    end::TRUNCATE_PRIVATE,
    end::REGROW,
    inherit::FORK,
    layout::REMAP,
    signal::BLOCKED_SIGBUS,
    advice::DONTNEED,
    advice::REMOVE,
    layout::UNMAP_SPLIT,
];
