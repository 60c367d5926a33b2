//! The tables of `docs/doctor.md`: what `folio doctor` finds on each file system.
//!
//! The file systems are made by testfs, so this needs root and the programs that CONTRIBUTING.md names. What stands
//! between the two markers of the document is replaced. Numbers that change from run to run are in no cell, but notes
//! tell what was seen, numbers included.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testfs::{FileSystem, Kind};

const BEGIN: &str = "<!-- made by cargo xtask doctor-table -->\n";
const END: &str = "<!-- until here -->\n";

/// In the order of the columns; /proc comes last.
const KINDS: [Kind; 8] = [
    Kind::Ext4,
    Kind::Tmpfs,
    Kind::Xfs,
    Kind::Btrfs,
    Kind::Overlay,
    Kind::Fuse,
    Kind::Squashfs,
    Kind::Erofs,
];

/// What doctor said of one file system.
#[derive(Debug)]
pub struct Column {
    /// The file system's name.
    pub name: String,
    /// The object that `--json` printed.
    pub report: Value,
}

/// Run doctor on each file system, and put the tables into the document below `root`.
///
/// # Errors
/// A file system that cannot be made, a doctor that fails, a document without the markers.
pub fn run(root: &Path) -> Result<(), String> {
    let mut columns = Vec::new();
    for kind in KINDS {
        let fs = FileSystem::new(kind).ok_or("every file system is needed")?;
        columns.push(column(root, label(kind), fs.path())?);
    }
    columns.push(column(root, "/proc", Path::new("/proc"))?);
    let path = root.join("docs/doctor.md");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let text = replaced(&text, &tables(&columns))
        .ok_or_else(|| format!("{}: the markers are missing", path.display()))?;
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// What a reader knows it by.
fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Overlay => "overlayfs on tmpfs",
        Kind::Fuse => "FUSE (bindfs)",
        other => other.name(),
    }
}

fn column(root: &Path, name: &str, dir: &Path) -> Result<Column, String> {
    let output = Command::new("cargo")
        .args(["run", "--quiet", "--release", "--", "doctor", "--json"])
        .arg(dir)
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    println!("{name}: {}", report["summary"]);
    match list(&report["failures"]) {
        [] => Ok(Column { name: name.to_owned(), report }),
        failures => Err(format!("{name}: {failures:?}")),
    }
}

/// `text` with everything between the markers replaced.
fn replaced(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{tables}{END}{after}"))
}

/// The table of the experiments and that of the verdicts, each with its notes.
#[must_use]
pub fn tables(columns: &[Column]) -> String {
    let mut out = String::from("\n## What was found\n\n");
    let mut notes = Notes::default();
    head(&mut out, "experiment", columns);
    for name in experiments(columns) {
        row(&mut out, &format!("`{name}`"), columns, |column| {
            finding_cell(column, name, &mut notes)
        });
    }
    let _ = write!(out, "\n{}\n## What folio makes of it\n\n", notes.text());
    let mut notes = Notes::default();
    head(&mut out, "for", columns);
    for kind in ["Frozen", "Private", "Shared", "SharedMut", "log", "channel"] {
        row(&mut out, kind, columns, |column| verdict_cell(column, kind, &mut notes));
    }
    let _ = write!(out, "\n{}\n", notes.text());
    out
}

fn head(out: &mut String, first: &str, columns: &[Column]) {
    let names: Vec<_> = columns.iter().map(|column| format!(" {} |", column.name)).collect();
    let _ = writeln!(out, "| {first} |{}\n|---|{}", names.concat(), "---|".repeat(columns.len()));
}

fn row(out: &mut String, name: &str, columns: &[Column], mut cell: impl FnMut(&Column) -> String) {
    let cells: Vec<_> = columns.iter().map(|column| format!(" {} |", cell(column))).collect();
    let _ = writeln!(out, "| {name} |{}", cells.concat());
}

/// The names of all experiments, in their order.
fn experiments(columns: &[Column]) -> Vec<&str> {
    let mut names = Vec::new();
    for column in columns {
        for finding in list(&column.report["findings"]) {
            let name = text(&finding["experiment"]);
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// The worst that was found, and the numbers of the notes.
fn finding_cell(column: &Column, experiment: &str, notes: &mut Notes) -> String {
    let of_it = list(&column.report["findings"])
        .iter()
        .filter(|finding| text(&finding["experiment"]) == experiment);
    let (mut all, mut differs, mut numbers) = (0, 0, Vec::new());
    for finding in of_it {
        all += 1;
        let verdict = text(&finding["verdict"]);
        differs += usize::from(verdict == "differs");
        if verdict != "ok" {
            numbers.push(notes.number(note(experiment, finding)));
        }
    }
    let word = match (all, differs, numbers.len()) {
        (0, ..) => return "–".to_owned(),
        (_, 0, 0) => return "ok".to_owned(),
        (all, 0, bad) if bad < all => "in part",
        (_, 0, _) => "not here",
        _ => "**differs**",
    };
    with_notes(word, numbers)
}

/// What is to say of a finding that is not as promised.
fn note(experiment: &str, finding: &Value) -> String {
    let (promised, seen, means) =
        (text(&finding["promised"]), text(&finding["seen"]), text(&finding["means"]));
    // What is wanting for many is said once.
    if WANTS.iter().any(|want| means.starts_with(want)) {
        return format!("{seen}: *{means}.*");
    }
    let part = finding["part"].as_str().map(|part| format!(", {part}")).unwrap_or_default();
    format!("`{experiment}`{part}: {promised} → {seen}. *{means}.*")
}

/// How doctor begins to say that something common to many experiments is wanting.
const WANTS: [&str; 2] = ["needs a file of its own", "there is nothing here that could be mapped"];

/// The answer, what is used, and the number of the note if that is not all.
fn verdict_cell(column: &Column, kind: &str, notes: &mut Notes) -> String {
    let verdicts = list(&column.report["verdicts"]);
    let Some(verdict) = verdicts.iter().find(|verdict| text(&verdict["for"]) == kind) else {
        return "–".to_owned();
    };
    let (answer, uses) = (text(&verdict["verdict"]), text(&verdict["uses"]));
    let word = match (kind, answer) {
        ("Frozen" | "Private", "yes" | "limited") => format!("{answer}: {uses}"),
        _ => answer.to_owned(),
    };
    if answer == "yes" && (uses == "lease" || !word.contains(':')) {
        return word;
    }
    // Numbers are another's on another machine.
    let why: Vec<_> =
        list(&verdict["why"]).iter().map(text).filter(|why| !why.contains("µs")).collect();
    with_notes(&word, vec![notes.number(format!("{}.", why.join("; ")))])
}

fn with_notes(word: &str, mut numbers: Vec<usize>) -> String {
    numbers.sort_unstable();
    numbers.dedup();
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    format!("{word} [{}]", numbers.join(", "))
}

/// What is to say of cells, each once.
#[derive(Debug, Default)]
struct Notes(Vec<String>);

impl Notes {
    /// The number of this note, counted from 1.
    fn number(&mut self, note: String) -> usize {
        let index = self.0.iter().position(|known| *known == note).unwrap_or_else(|| {
            self.0.push(note);
            self.0.len() - 1
        });
        index + 1
    }

    fn text(&self) -> String {
        let lines =
            self.0.iter().enumerate().map(|(index, note)| format!("{}. {note}\n", index + 1));
        lines.collect()
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn finding(experiment: &str, part: Option<&str>, verdict: &str) -> Value {
        json!({ "experiment": experiment, "part": part, "verdict": verdict, "promised": "this", "seen": "that", "means": "beware" })
    }

    fn verdict(kind: &str, answer: &str, uses: &str) -> Value {
        json!({ "for": kind, "verdict": answer, "uses": uses, "why": ["it is", "so", "in 5 µs"], "against": [] })
    }

    fn columns() -> [Column; 2] {
        let first = json!({
            "findings": [finding("lease", Some("a"), "ok"), finding("lease", Some("b"), "not-here"), finding("dax", None, "not-here")],
            "verdicts": [verdict("Frozen", "yes", "lease"), verdict("log", "no", "")],
        });
        let second = json!({
            "findings": [finding("lease", Some("b"), "not-here"), finding("dax", None, "differs"), finding("msync", None, "ok")],
            "verdicts": [verdict("Frozen", "yes", "copied"), verdict("log", "yes", "mapped segments")],
        });
        [
            Column { name: "one".into(), report: first },
            Column { name: "two".into(), report: second },
        ]
    }

    #[test]
    fn a_cell_has_the_worst_and_a_note_is_there_once() {
        let tables = tables(&columns());
        let (found, made_of_it) = tables.split_once("## What folio makes of it").unwrap();
        assert_eq!(
            found,
            "
## What was found

| experiment | one | two |
|---|---|---|
| `lease` | in part [1] | not here [1] |
| `dax` | not here [2] | **differs** [2] |
| `msync` | – | ok |

1. `lease`, b: this → that. *beware.*
2. `dax`: this → that. *beware.*

"
        );
        let rows: Vec<_> = made_of_it.lines().filter(|line| !line.contains("– |")).collect();
        assert_eq!(
            rows[2..],
            [
                "| for | one | two |",
                "|---|---|---|",
                "| Frozen | yes: lease | yes: copied [1] |",
                "| log | no [1] | yes |",
                "",
                "1. it is; so.",
                "",
            ]
        );
    }

    #[test]
    fn only_what_is_between_the_markers_is_replaced() {
        let document = format!("a\n{BEGIN}old\n{END}z\n");
        let new = replaced(&document, "new\n").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}new\n{END}z\n"));
        assert_eq!(replaced("no markers\n", "new\n"), None);
    }
}
