//! What an experiment is, and what it finds.

use std::{fmt, io};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::memory::NOT_MAPPED;
use super::place::Place;
use crate::failure;

/// One experiment: something that the kernel or the file system promises, tried out.
///
/// It runs in a process of its own with one thread, so that it may fork, be killed by a signal, or change its limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Experiment {
    /// What `--only` and `--list` know it by, unique: lower case, words joined by `-`.
    pub(crate) name: &'static str,
    /// What it tries, in a few words, for `--list`.
    pub(crate) about: &'static str,
    /// Where the promise is made: a section of a man page, a file of the kernel.
    pub(crate) source: &'static str,
    /// Try it. An error is one of the experiment itself (a file that cannot be made, say), never what it is about.
    pub(crate) run: fn(&Place) -> Result<Vec<Finding>, Unable>,
}

/// Why an experiment could not be tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Unable {
    /// This place or kernel has no such thing; in words, with what that means for the user.
    NotHere { why: String, means: String },
    /// Something that the experiment needs failed.
    Failed { what: String, why: String },
}

/// How what was seen compares with what was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// As promised.
    Ok,
    /// Not as promised.
    Differs,
    /// There is no such thing here.
    NotHere,
}

/// One line of the report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// Which part of the experiment, if it has several lines: `shared-read-write` of `permissions`.
    pub(crate) part: Option<String>,
    /// What was promised.
    pub(crate) promised: String,
    /// What was seen.
    pub(crate) seen: String,
    /// How the two compare.
    pub(crate) verdict: Verdict,
    /// What it means for somebody who wants to put a mapped database, a log or IPC here; always there unless all is well.
    pub(crate) means: Option<String>,
    /// What root could see or do in addition.
    pub(crate) as_root: Option<String>,
    /// Numbers, by a name that ends in the unit: `flush_us`, `device_writes_per_flush`.
    pub(crate) measured: Vec<(String, f64)>,
}

/// Nothing can be written.
pub(super) const NO_FILES: &str =
    "needs a file of its own; nothing can be written here, so only reading was tried";
/// Nothing can be read through a mapping either.
pub(super) const NOTHING_TO_MAP: &str = "there is nothing here that could be mapped";
/// Files may not be long enough.
pub(super) const NO_LENGTH: &str =
    "files may not become so long here: raise RLIMIT_FSIZE (ulimit -f) and try again";
/// A file system without space.
pub(super) const NO_ROOM: &str =
    "the file system is full, or your quota is used up: make room and try again";

impl Unable {
    /// What is wanting, where it is something that many experiments need and not what this one is about.
    pub(super) fn common_want(&self) -> Option<&'static str> {
        match self {
            Self::NotHere { means, .. } => [NO_FILES, NOTHING_TO_MAP, NO_LENGTH, NO_ROOM]
                .into_iter()
                .find(|want| want == means),
            Self::Failed { .. } => None,
        }
    }

    /// There is no such thing here: why, and what that means for the user.
    pub(crate) fn not_here(why: impl Into<String>, means: impl Into<String>) -> Self {
        Self::NotHere { why: why.into(), means: means.into() }
    }

    /// `what` was needed, and failed: a verb and its object, "write the file". A full file system, or a limit on the length of files, is
    /// none of the experiment's failures.
    pub(crate) fn failed(what: impl Into<String>, error: impl Into<io::Error>) -> Self {
        let (what, error) = (what.into(), error.into());
        let why = failure::why(&error);
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::not_here(format!("cannot {what}: {why}"), NO_ROOM)
            }
            io::ErrorKind::FileTooLarge => {
                Self::not_here(format!("cannot {what}: {why}"), NO_LENGTH)
            }
            _ => Self::Failed { what, why },
        }
    }

    /// A file could not be mapped, which was needed for `what`. Where the file system maps none, or none shared, as FUSE
    /// with direct I/O does, that is none of the experiment's failures.
    pub(crate) fn unmapped(what: impl Into<String>, error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(Errno::NODEV | Errno::IO) => {
                Self::not_here(format!("mmap(2) answers {}", failure::why(&error)), NOT_MAPPED)
            }
            _ => Self::failed(what, error),
        }
    }

    /// The same through folio, of whose errors an [`io::Error`] keeps the kind and not the kernel's number.
    pub(crate) fn unmapped_by_folio(what: impl Into<String>, error: &folio::Error) -> Self {
        match error.raw_os_error() {
            Some(number) => Self::unmapped(what, io::Error::from_raw_os_error(number)),
            None => Self::Failed { what: what.into(), why: failure::reason(error) },
        }
    }
}

impl fmt::Display for Unable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHere { why, .. } => f.write_str(why),
            Self::Failed { what, why } => write!(f, "cannot {what}: {why}"),
        }
    }
}

impl Finding {
    /// As promised.
    pub(crate) fn ok(promised: impl Into<String>, seen: impl Into<String>) -> Self {
        Self {
            part: None,
            promised: promised.into(),
            seen: seen.into(),
            verdict: Verdict::Ok,
            means: None,
            as_root: None,
            measured: Vec::new(),
        }
    }

    /// Not as promised, and what that means for the user.
    pub(crate) fn differs(
        promised: impl Into<String>,
        seen: impl Into<String>,
        means: impl Into<String>,
    ) -> Self {
        let means = Some(means.into());
        Self { verdict: Verdict::Differs, means, ..Self::ok(promised, seen) }
    }

    /// No such thing here: what was promised, what the kernel answered, and what that means for the user.
    pub(crate) fn not_here(
        promised: impl Into<String>,
        seen: impl Into<String>,
        means: impl Into<String>,
    ) -> Self {
        let means = Some(means.into());
        Self { verdict: Verdict::NotHere, means, ..Self::ok(promised, seen) }
    }

    /// Of this part of the experiment.
    pub(crate) fn part(self, part: impl Into<String>) -> Self {
        Self { part: Some(part.into()), ..self }
    }

    /// With what root could see or do in addition.
    pub(crate) fn with_root(self, as_root: impl Into<String>) -> Self {
        Self { as_root: Some(as_root.into()), ..self }
    }

    /// With a number, by a name that ends in the unit.
    pub(crate) fn measured(mut self, name: impl Into<String>, value: f64) -> Self {
        self.measured.push((name.into(), value));
        self
    }
}
