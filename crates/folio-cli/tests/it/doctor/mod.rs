//! `folio doctor`, on each file system, as anybody, and whatever becomes of it.

mod endings;
mod facilities;
mod places;
mod words;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::*;

/// `folio doctor DIR`.
fn doctor(dir: &Path) -> Command {
    let mut command = folio();
    command.arg("doctor").arg(dir);
    command
}

/// What `--json` says of `dir`, whose exit code must fit.
#[track_caller]
fn report(command: &mut Command) -> Value {
    let ran = run(command.arg("--json"));
    let report: Value = serde_json::from_slice(&ran.out)
        .unwrap_or_else(|error| panic!("{error}: {:?} {}", ran.out, ran.err));
    let summary = &report["summary"];
    let bad = number(&summary["differs"]) + number(&summary["failed"]) > 0;
    assert_eq!(ran.code, Some(i32::from(bad)), "{}", ran.err);
    assert_eq!(ran.err, "");
    report
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

/// The verdict for this kind.
#[track_caller]
fn verdict<'a>(report: &'a Value, kind: &str) -> &'a Value {
    list(&report["verdicts"]).iter().find(|verdict| verdict["for"] == kind).unwrap()
}

/// What doctor has left in `dir`.
fn left_in(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with(".folio-doctor"))
        .collect()
}

/// A file of the user's, which must stay as it is.
struct Bystander {
    path: std::path::PathBuf,
    bytes: Vec<u8>,
    modified: std::time::SystemTime,
}

impl Bystander {
    /// The file at `path`, as it is now.
    fn at(path: std::path::PathBuf) -> Self {
        let bytes = std::fs::read(&path).unwrap();
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        Self { path, bytes, modified }
    }

    /// A new one in `dir`, large enough to be mapped.
    fn new(dir: &Path) -> Self {
        std::fs::write(dir.join("bystander"), bytes(100_000)).unwrap();
        Self::at(dir.join("bystander"))
    }

    #[track_caller]
    fn is_untouched(&self) {
        assert_eq!(std::fs::metadata(&self.path).unwrap().modified().unwrap(), self.modified);
        assert!(std::fs::read(&self.path).unwrap() == self.bytes);
    }
}
