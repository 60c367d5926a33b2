//! The checks. Each says what it found where, and has a test that makes it speak.

use std::collections::BTreeSet;
use std::fmt;

use crate::clauses::{self, Clause};
use crate::source::{Source, lines_with_word};
use crate::tree::{File, Tree};

/// The one directory that may hold unsafe code.
const FLOOR: &str = "crates/folio/src/sys/";
/// And the one file of the crate whose constructors are `unsafe` because those that it stands in for are.
const FLOOR_OF_MEMMAP2: &str = "crates/folio-memmap2/src/floor.rs";
/// Where a clause may be cited: the library's own sources.
const LIBRARY: &str = "crates/folio/src/";
const MEMMAP2: &str = "crates/folio-memmap2/src/";
const SOUNDNESS: &str = "docs/soundness.md";
const LONGEST: usize = 600;

/// What is not in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The file's path from the root.
    pub path: String,
    /// The line, counted from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl Complaint {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Everything that is not in order in `tree`.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    complaints.extend(tree.files().iter().filter_map(too_long));
    for file in tree.rust() {
        let source = Source::scan(&file.text);
        forbidden_words(file, &source, &mut complaints);
        unsafe_outside_the_floor(file, &source, &mut complaints);
        unforbidden_root(file, &mut complaints);
    }
    soundness(tree, &mut complaints);
    complaints
}

fn too_long(file: &File) -> Option<Complaint> {
    let lines = file.text.lines().count();
    (lines > LONGEST)
        .then(|| Complaint::new(&file.path, 0, format!("{lines} lines, more than {LONGEST}")))
}

/// Code that is unfinished, left from a search for a fault, waits for a while instead of for something, or is skipped
/// in silence.
fn forbidden_words(file: &File, source: &Source, complaints: &mut Vec<Complaint>) {
    for (word, instead) in [
        ("todo!", "finish it"),
        ("unimplemented!", "finish it"),
        ("dbg!", "take it out"),
        ("thread::sleep", "wait for a condition"),
        ("#[ignore", "say why a test cannot run where it runs, with testfs::skip"),
    ] {
        for (index, line) in source.code.lines().enumerate() {
            if line.contains(word) {
                complaints.push(Complaint::new(
                    &file.path,
                    index + 1,
                    format!("{word}: {instead}"),
                ));
            }
        }
    }
}

/// `unsafe` in what is shipped, but in the floor, is a declaration that tells its caller what to promise. Tests and
/// benches may call peers' unsafe functions and raw system calls; clippy sees to it that they say why.
fn unsafe_outside_the_floor(file: &File, source: &Source, complaints: &mut Vec<Complaint>) {
    let shipped = file.path.contains("/src/") || file.path.contains("/examples/");
    if is_floor(&file.path) || !shipped {
        return;
    }
    let lines: Vec<_> = source.code.lines().collect();
    for line in lines_with_word(&source.code, "unsafe") {
        let declared = lines[line - 1].trim_start().starts_with("pub unsafe fn")
            || lines[line - 1].trim_start().starts_with("pub const unsafe fn");
        let expected = lines[..line - 1]
            .iter()
            .rev()
            .take_while(|above| !above.trim_end().ends_with(['}', ';', '{']))
            .any(|above| above.contains("#[expect(unsafe_code"));
        if !(declared && expected) {
            let what = format!(
                "unsafe outside {FLOOR} and {FLOOR_OF_MEMMAP2}, and not a `pub unsafe fn` under #[expect(unsafe_code, …)]"
            );
            complaints.push(Complaint::new(&file.path, line, what));
        }
    }
}

/// Whether the file at `path` may hold unsafe code.
fn is_floor(path: &str) -> bool {
    path.starts_with(FLOOR) || path == FLOOR_OF_MEMMAP2
}

/// Every crate but the library and the one with memmap2's API forbids unsafe code at its root; those deny it.
fn unforbidden_root(file: &File, complaints: &mut Vec<Complaint>) {
    let is_root = file.path.ends_with("src/lib.rs") || file.path.ends_with("src/main.rs");
    if !is_root {
        return;
    }
    let attribute = if file.path.starts_with(LIBRARY) || file.path.starts_with(MEMMAP2) {
        "#![deny(unsafe_code)]"
    } else {
        "#![forbid(unsafe_code)]"
    };
    if !file.text.lines().any(|line| line.trim() == attribute) {
        complaints.push(Complaint::new(
            &file.path,
            0,
            format!("the crate's root has no {attribute}"),
        ));
    }
}

/// Each safety comment of the floor cites a clause that exists; each clause exists once and is cited, or says why not.
fn soundness(tree: &Tree, complaints: &mut Vec<Complaint>) {
    let Some(document) = tree.file(SOUNDNESS) else {
        complaints.push(Complaint::new(SOUNDNESS, 0, "there is no such file"));
        return;
    };
    let clauses = clauses::parse(&document.text);
    let mut cited = BTreeSet::new();
    let citing = |file: &&File| file.path.starts_with(LIBRARY) || is_floor(&file.path);
    for file in tree.rust().filter(citing) {
        let source = Source::scan(&file.text);
        cited.extend(clauses::cited(&source.comments));
        // Tests of the floor do what must not be done.
        if is_floor(&file.path) && !file.path.contains("/tests/") {
            let faults =
                clauses::safety_comments(&source.comments).into_iter().filter_map(|safety| {
                    let what = clauses::fault_of(&safety, &clauses)?;
                    Some(Complaint::new(&file.path, safety.line, what))
                });
            complaints.extend(faults);
        }
    }
    for (index, Clause { name, line, marked }) in clauses.iter().enumerate() {
        let mut complain = |what: String| complaints.push(Complaint::new(SOUNDNESS, *line, what));
        if clauses[..index].iter().any(|earlier| earlier.name == *name) {
            complain(format!("there is a clause {name} already"));
        }
        match (cited.contains(name), marked) {
            (false, false) => complain(format!(
                "no comment cites clause {name}, nor does it say `Not cited:` and why"
            )),
            (true, true) => complain(format!("clause {name} says that it is not cited, and it is")),
            _ => {}
        }
    }
}
