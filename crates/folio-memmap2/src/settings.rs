//! What a program's user and the program itself want: the environment variable `FOLIO_MEMMAP2`, and functions that win over it.

use std::ffi::OsStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ::folio::Guarantees;
use ::folio::best_effort::OnFault;

/// The environment variable.
const VARIABLE: &str = "FOLIO_MEMMAP2";

/// What holds for the mappings that are made from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) guarantees: Guarantees,
    pub(crate) on_fault: OnFault,
}

impl Settings {
    /// What costs nothing that shows, and a line for what cannot be helped.
    const USUAL: Self = Self {
        guarantees: Guarantees::SEALED.union(Guarantees::LEASE),
        on_fault: OnFault::ZerosAndLine,
    };

    /// What the words of `text` ask for, and those among them that mean nothing.
    fn parse(text: &str) -> (Self, Vec<&str>) {
        let (mut settings, mut unknown) = (Self::USUAL, Vec::new());
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                "plain" => settings.guarantees = Guarantees::empty(),
                "clone" => settings.guarantees |= Guarantees::SNAPSHOT,
                "copy" => settings.guarantees |= Guarantees::SNAPSHOT | Guarantees::COPIED,
                "abort" => settings.on_fault = OnFault::LineAndAbort,
                "silent" => settings.on_fault = OnFault::Zeros,
                _ => unknown.push(word),
            }
        }
        (settings, unknown)
    }

    fn of_environment() -> Self {
        let value = std::env::var_os(VARIABLE).unwrap_or_default();
        let text = value.to_string_lossy();
        let (settings, unknown) = Self::parse(&text);
        if !unknown.is_empty() {
            complain(&value, &unknown);
        }
        settings
    }
}

fn complain(value: &OsStr, unknown: &[&str]) {
    let words: Vec<String> = unknown.iter().map(|word| format!("{word:?}")).collect();
    eprintln!(
        "folio: {VARIABLE}={}: {} ignored: the words are plain, clone, copy, abort, silent",
        value.display(),
        words.join(", ")
    );
}

/// The settings, once somebody has asked.
static SETTINGS: Mutex<Option<Settings>> = Mutex::new(None);

fn settings() -> MutexGuard<'static, Option<Settings>> {
    SETTINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What holds now.
pub(crate) fn now() -> Settings {
    *settings().get_or_insert_with(Settings::of_environment)
}

/// Change what holds from now on.
pub(crate) fn change(how: impl FnOnce(&mut Settings)) {
    how(settings().get_or_insert_with(Settings::of_environment));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_is_the_usual() {
        for text in ["", " ", ",", " , ,"] {
            assert_eq!(Settings::parse(text), (Settings::USUAL, vec![]), "{text:?}");
        }
        assert!(!Settings::USUAL.guarantees.contains(Guarantees::COPIED));
        assert!(!Settings::USUAL.guarantees.contains(Guarantees::SNAPSHOT));
    }

    #[test]
    fn each_word_says_one_thing() {
        let parsed = |text| {
            let (settings, unknown) = Settings::parse(text);
            assert!(unknown.is_empty(), "{unknown:?}");
            (settings.guarantees, settings.on_fault)
        };
        let usual = Settings::USUAL.guarantees;
        assert_eq!(parsed("plain"), (Guarantees::empty(), OnFault::ZerosAndLine));
        assert_eq!(parsed("clone"), (usual | Guarantees::SNAPSHOT, OnFault::ZerosAndLine));
        assert_eq!(parsed("copy"), (Guarantees::all(), OnFault::ZerosAndLine));
        assert_eq!(parsed("abort"), (usual, OnFault::LineAndAbort));
        assert_eq!(parsed(" silent , plain,"), (Guarantees::empty(), OnFault::Zeros));
    }

    #[test]
    fn unknown_words_are_named_and_the_others_hold() {
        let (settings, unknown) = Settings::parse("Plain,abort,fast");
        assert_eq!(unknown, ["Plain", "fast"]);
        assert_eq!(settings.on_fault, OnFault::LineAndAbort);
    }
}
