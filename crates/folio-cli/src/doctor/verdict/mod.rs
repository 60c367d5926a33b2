//! The verdicts: how folio maps files in this directory, and why so.
//!
//! Each is tried with folio itself on files here, in a process of its own like the experiments, and then weighed with
//! what the experiments found: a [`Question`] names those it rests on.

mod channel;
mod guarantee;
mod live;
mod log;

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::experiment::Unable;
use super::place::Place;
use crate::failure::reason;

pub(super) use channel::peer;

/// Whether, and how, something of folio's can be had here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    /// For `--only` and `--list`: lower case.
    pub(crate) name: &'static str,
    /// What it is about, in the report: `Frozen`.
    pub(crate) label: &'static str,
    /// What is tried, in a few words.
    pub(crate) about: &'static str,
    /// Where folio says what it promises.
    pub(crate) source: &'static str,
    /// The experiments whose findings matter to it.
    pub(crate) rests_on: &'static [&'static str],
    /// Try it.
    pub(crate) answer: fn(&Place) -> Result<Ruling, Unable>,
}

/// In the order of the report.
pub(crate) const QUESTIONS: &[Question] = &[
    guarantee::FROZEN,
    guarantee::PRIVATE,
    live::SHARED,
    live::SHARED_MUT,
    log::LOG,
    channel::CHANNEL,
];

/// How well it can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fit {
    /// As folio promises it.
    Yes,
    /// With something missing, which the reasons name.
    Limited,
    /// Not at all.
    No,
    /// folio's promise was not kept.
    Broken,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ruling {
    pub(crate) fit: Fit,
    /// What is used: a guarantee, or the way to do it.
    pub(crate) uses: String,
    /// Why that, and what is missing.
    pub(crate) why: Vec<String>,
    /// As in a finding.
    pub(crate) measured: Vec<(String, f64)>,
}

impl Ruling {
    /// It can be had, by way of `uses`, because of `why`.
    fn yes(uses: impl Into<String>, why: impl Into<String>) -> Self {
        let why = vec![why.into()];
        Self { fit: Fit::Yes, uses: uses.into(), why, measured: Vec::new() }
    }

    /// It cannot be had.
    pub(crate) fn no(why: impl Into<String>) -> Self {
        Self { fit: Fit::No, ..Self::yes("", why) }
    }

    /// It was not what folio promises.
    pub(crate) fn broken(why: impl Into<String>) -> Self {
        Self { fit: Fit::Broken, ..Self::yes("", why) }
    }

    /// It can be had, but for this.
    pub(crate) fn limit(&mut self, why: impl Into<String>) {
        if self.fit == Fit::Yes {
            self.fit = Fit::Limited;
        }
        self.why.push(why.into());
    }

    fn measured(mut self, name: &str, value: f64) -> Self {
        self.measured.push((name.to_owned(), value));
        self
    }
}

/// folio's answer, as a ruling: what it cannot do here, in its own words.
fn refused(what: &str, error: &folio::Error) -> Ruling {
    Ruling::no(format!("{what}: {}", reason(error)))
}

/// Whether the file is doctor's, so that it may be written to.
fn is_own(place: &Place, path: &Path) -> bool {
    place.scratch().is_ok_and(|scratch| path.starts_with(scratch))
}
