//! What the threads saw; the check that an error names its cause.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use folio::{Error, ErrorKind, Guarantee};

use crate::pattern::{HEAD, LEN};
use crate::weather::Weather;

/// Counts of what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Reads whose bytes were right.
    pub(crate) good: u64,
    /// Those of them that rested on a lease.
    pub(crate) leased: u64,
    /// Errors that say that the file was truncated.
    pub(crate) truncated: u64,
    /// Errors that say that there was no space for a page.
    pub(crate) no_space: u64,
    /// Errors that the device failed.
    pub(crate) io: u64,
    /// Errors that say that whatever was wrong has passed: the file was truncated and grew back.
    pub(crate) passed: u64,
    /// Mappings that lost a page under a reference; the cause is counted as well.
    pub(crate) poisoned: u64,
    /// Guarantees that could not be had; the cause is counted where it is one of the above.
    pub(crate) refused: u64,
}

/// Counts of what all threads see.
#[derive(Debug)]
pub(crate) struct Tally {
    weather: Weather,
    good: AtomicU64,
    leased: AtomicU64,
    truncated: AtomicU64,
    no_space: AtomicU64,
    io: AtomicU64,
    passed: AtomicU64,
    poisoned: AtomicU64,
    refused: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Tally {
    pub(crate) fn new(weather: Weather) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            weather,
            good: zero(),
            leased: zero(),
            truncated: zero(),
            no_space: zero(),
            io: zero(),
            passed: zero(),
            poisoned: zero(),
            refused: zero(),
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Seen {
            good: of(&self.good),
            leased: of(&self.leased),
            truncated: of(&self.truncated),
            no_space: of(&self.no_space),
            io: of(&self.io),
            passed: of(&self.passed),
            poisoned: of(&self.poisoned),
            refused: of(&self.refused),
        }
    }

    /// Bytes were read and are right.
    pub(crate) fn good(&self) {
        count(&self.good);
    }

    /// The same through a mapping that rests on `guarantee`.
    pub(crate) fn good_under(&self, guarantee: Guarantee) {
        self.good();
        if guarantee == Guarantee::Lease {
            count(&self.leased);
        }
    }

    /// What was read, or an error that must name its cause. `None` after an error.
    #[track_caller]
    pub(crate) fn take<T>(&self, result: folio::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(&error);
                None
            }
        }
    }

    /// The same for std's traits, whose errors carry folio's.
    #[track_caller]
    pub(crate) fn take_io<T>(&self, result: io::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                let carried = error.get_ref().and_then(|error| error.downcast_ref());
                self.error(carried.unwrap_or_else(|| panic!("not folio's: {error:?}")));
                None
            }
        }
    }

    /// See that `error` names a cause that this weather has, and the file.
    #[track_caller]
    pub(crate) fn error(&self, error: &Error) {
        let text = error.to_string();
        assert!(text.contains("/file\""), "the file is not named: {text}");
        match error.kind() {
            ErrorKind::Poisoned => count(&self.poisoned),
            ErrorKind::NoGuarantee => {
                count(&self.refused);
                assert!(!error.attempts().is_empty(), "no attempt is told: {text}");
                return error.attempts().iter().for_each(|(_, why)| self.refusal(why));
            }
            _ => {}
        }
        self.cause(error, &text);
    }

    #[track_caller]
    fn cause(&self, error: &Error, text: &str) {
        match error.kind() {
            ErrorKind::Truncated { offset, len } => {
                let cut = HEAD as u64..LEN as u64;
                assert!(cut.contains(&len) && len <= offset && offset < LEN as u64, "{text}");
            }
            ErrorKind::Io if !text.contains("grew back") => {
                assert_eq!(error.raw_os_error(), Some(5), "not EIO: {text}");
            }
            _ => {}
        }
        // A poisoned mapping's kind says that it is, its text why.
        if text.contains("the file was truncated to") {
            assert_ne!(self.weather, Weather::Failing, "nobody truncates: {text}");
            count(&self.truncated);
        } else if text.contains("no space") {
            assert_eq!(self.weather, Weather::Full, "there is space: {text}");
            count(&self.no_space);
        } else if text.contains("grew back") {
            count(&self.passed);
        } else if text.contains("Input/output error") {
            assert_eq!(self.weather, Weather::Failing, "no device fails: {text}");
            count(&self.io);
        } else {
            panic!("no cause is named: {text}");
        }
    }

    /// Why a guarantee could not be had.
    #[track_caller]
    fn refusal(&self, why: &Error) {
        match why.kind() {
            // The other process has the file open for writing.
            ErrorKind::Busy | ErrorKind::Unsupported => {}
            _ => self.cause(why, &why.to_string()),
        }
    }
}
