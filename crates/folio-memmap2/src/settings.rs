//! What a program's user and the program itself want: the environment variable `FOLIO_MEMMAP2`, and functions that win over it.

use std::ffi::OsStr;
use std::sync::atomic::{AtomicU32, Ordering};

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

    /// As one number that is not zero.
    fn pack(self) -> u32 {
        let on_fault = match self.on_fault {
            OnFault::Zeros => 1,
            OnFault::LineAndAbort => 3,
            _ => 2,
        };
        u32::from(self.guarantees.bits()) << 2 | on_fault
    }

    fn unpack(packed: u32) -> Self {
        let on_fault = match packed & 3 {
            1 => OnFault::Zeros,
            3 => OnFault::LineAndAbort,
            _ => OnFault::ZerosAndLine,
        };
        let bits = u8::try_from(packed >> 2).unwrap_or(0);
        Self { guarantees: Guarantees::from_bits_truncate(bits), on_fault }
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

/// The settings as [`Settings::pack`] gives them, or zero before somebody has asked. No lock, which a child of fork(2) could
/// find locked.
static SETTINGS: AtomicU32 = AtomicU32::new(0);

/// What holds now.
#[inline]
pub(crate) fn now() -> Settings {
    match SETTINGS.load(Ordering::Relaxed) {
        0 => first(),
        packed => Settings::unpack(packed),
    }
}

/// Change what holds from now on.
pub(crate) fn change(how: impl Fn(&mut Settings)) {
    now();
    let changed = |packed| {
        let mut settings = Settings::unpack(packed);
        how(&mut settings);
        Some(settings.pack())
    };
    // It is always changed.
    let _ = SETTINGS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
}

/// Ask the environment. Of threads that ask at once, one complains about it.
#[cold]
fn first() -> Settings {
    let value = std::env::var_os(VARIABLE).unwrap_or_default();
    let text = value.to_string_lossy();
    let (settings, unknown) = Settings::parse(&text);
    match SETTINGS.compare_exchange(0, settings.pack(), Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {
            if !unknown.is_empty() {
                complain(&value, &unknown);
            }
            settings
        }
        Err(packed) => Settings::unpack(packed),
    }
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
    fn all_settings_are_packed_and_unpacked() {
        for on_fault in [OnFault::Zeros, OnFault::ZerosAndLine, OnFault::LineAndAbort] {
            for bits in 0..=Guarantees::all().bits() {
                let settings =
                    Settings { guarantees: Guarantees::from_bits_truncate(bits), on_fault };
                assert_ne!(settings.pack(), 0);
                assert_eq!(Settings::unpack(settings.pack()), settings);
            }
        }
    }

    #[test]
    fn unknown_words_are_named_and_the_others_hold() {
        let (settings, unknown) = Settings::parse("Plain,abort,fast");
        assert_eq!(unknown, ["Plain", "fast"]);
        assert_eq!(settings.on_fault, OnFault::LineAndAbort);
    }
}
