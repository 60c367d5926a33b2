//! Public items without an example, found in what rustdoc says of them as JSON, which only its nightly version writes.
//!
//! Source alone does not tell what is public: that takes the paths by which modules are reached, and the features.
//!
//! Functions, methods, types, traits and macros are to have one, each in its own documentation. What is not asked: methods of
//! a trait's implementation, which the trait tells of; methods that a macro such as `bitflags!` made, whose place in the source
//! does not declare them; and fields, variants and constants, which the example of their type may show.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The crates whose items are to have examples.
const CRATES: [&str; 3] = ["folio", "folio-model", "folio-oracle"];

/// The kinds of item that are to have one, as rustdoc calls them.
const KINDS: [&str; 6] = ["function", "struct", "enum", "union", "trait", "macro"];

/// An item without an example.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lack {
    /// The file's path, from the root.
    pub path: String,
    /// The line of the item, counted from 1.
    pub line: u64,
    /// What it is: `function` or the like.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// Have each of the crates below `root` documented, and say which of their items lack an example.
///
/// # Errors
/// The items, one a line; or why they could not be found out.
pub fn run(root: &Path) -> Result<(), String> {
    let mut lacks = Vec::new();
    let mut asked = 0;
    for package in CRATES {
        let json = document(root, package)?;
        let found = lacking(&json, |path| std::fs::read_to_string(root.join(path)).ok())?;
        asked += found.asked;
        lacks.extend(found.lacks);
    }
    if lacks.is_empty() {
        println!("examples: each of {asked} items has one");
        return Ok(());
    }
    lacks.sort();
    let count = lacks.len();
    let lines = lacks.into_iter().map(|Lack { path, line, kind, name }| {
        format!("{path}:{line}: the {kind} {name} has no example\n")
    });
    Err(format!("{}examples: {count} of {asked} items have none", lines.collect::<String>()))
}

/// What rustdoc says of `package`, with all its features.
fn document(root: &Path, package: &str) -> Result<Value, String> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let status = Command::new("cargo")
        .args(["+nightly", "rustdoc", "--quiet", "--lib", "--all-features", "--package", package])
        .args(["--target-dir".as_ref(), target.as_os_str()])
        .args(["--", "-Zunstable-options", "--output-format", "json"])
        .current_dir(root)
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("cargo +nightly rustdoc of {package}: {status}")),
        Err(error) => return Err(format!("cargo: {error}")),
    }
    let path = root.join(target).join("doc").join(format!("{}.json", package.replace('-', "_")));
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// What was found in a crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// How many items are to have an example.
    pub asked: usize,
    /// Those that have none.
    pub lacks: Vec<Lack>,
}

/// The items of `json` that are to have an example; `read` gives the text of a source file.
///
/// # Errors
/// That rustdoc's JSON is not of the form that is known here.
pub fn lacking(json: &Value, read: impl Fn(&str) -> Option<String>) -> Result<Found, String> {
    let unknown = |what: &str| format!("rustdoc's JSON has no {what}: its form has changed");
    let index = json["index"].as_object().ok_or_else(|| unknown("index"))?;
    let implemented: HashSet<String> = index
        .values()
        .map(|item| &item["inner"]["impl"])
        .filter(|inner| !inner["trait"].is_null())
        .filter_map(|inner| inner["items"].as_array())
        .flatten()
        .map(id)
        .collect();
    let mut found = Found { asked: 0, lacks: Vec::new() };
    for (number, item) in index {
        let kind = KINDS.into_iter().find(|kind| !item["inner"][kind].is_null());
        let public = matches!(item["visibility"].as_str(), Some("public" | "default"));
        let Some(kind) = kind.filter(|_| public && item["crate_id"] == 0) else { continue };
        if implemented.contains(number) {
            continue;
        }
        let name = item["name"].as_str().ok_or_else(|| unknown("name of an item"))?;
        let path = item["span"]["filename"].as_str().ok_or_else(|| unknown("place of an item"))?;
        let line = item["span"]["begin"][0].as_u64().ok_or_else(|| unknown("line of an item"))?;
        if kind == "function" && !declares(&read(path).unwrap_or_default(), line, name) {
            continue;
        }
        found.asked += 1;
        if !has_example(item["docs"].as_str().unwrap_or_default()) {
            let (path, kind, name) = (path.to_owned(), kind.to_owned(), name.to_owned());
            found.lacks.push(Lack { path, line, kind, name });
        }
    }
    if found.asked == 0 {
        return Err(unknown("public items"));
    }
    Ok(found)
}

/// An item's number as the index has it; elsewhere it is a number, or was text in older forms.
fn id(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether line `line` of `source`, counted from 1, declares function `name`.
fn declares(source: &str, line: u64, name: &str) -> bool {
    let first = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
    source.lines().nth(first).is_some_and(|text| {
        text.split_once("fn ").is_some_and(|(_, rest)| {
            let rest = rest.trim_start();
            rest.strip_prefix(name).is_some_and(|rest| {
                !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')
            })
        })
    })
}

/// Whether there is a block of Rust in `docs` that is compiled.
fn has_example(docs: &str) -> bool {
    let fences = docs.lines().filter_map(|line| line.trim_start().strip_prefix("```"));
    // Every other fence closes.
    fences.step_by(2).any(|language| {
        language.split([',', ' ']).all(|word| {
            let known = ["", "rust", "no_run", "should_panic", "compile_fail"];
            known.contains(&word.trim()) || word.starts_with("edition")
        })
    })
}
