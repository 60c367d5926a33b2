//! The table for `docs/adoption.md`.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::package::Tests;
use super::programs::{Job, Program};
use super::verdict::{Seen, brief};
use super::weather::Fault;

/// Between these lines of the document is what the command wrote.
const BEGIN: &str = "<!-- begin: cargo xtask adoption -->";
const END: &str = "<!-- end: cargo xtask adoption -->";

/// A package's own tests, with memmap2 and with folio in its place.
#[derive(Debug)]
pub struct Tested {
    /// The package.
    pub program: &'static Program,
    /// With memmap2.
    pub before: Tests,
    /// With folio.
    pub after: Tests,
}

/// A job whose file was changed in the middle of it, with memmap2 and with folio in its place.
#[derive(Debug)]
pub struct Row {
    /// The program.
    pub program: &'static Program,
    /// What it did.
    pub job: &'static Job,
    /// What became of its file.
    pub fault: Fault,
    /// With memmap2.
    pub before: Seen,
    /// With folio.
    pub after: Seen,
}

/// Both tables, in Markdown.
#[must_use]
pub fn text(tested: &[Tested], rows: &[Row]) -> String {
    let mut text = String::from(
        "| program | its file is | with memmap2 | with folio in its place | the writer waited |\n|---|---|---|---|---|\n",
    );
    let mut last = "";
    for Row { program, job, fault, before, after } in rows {
        let name = match last == program.package {
            true => String::new(),
            false => format!("{} {}: {}", program.package, program.version, job.says),
        };
        last = program.package;
        let (fault, waited) = (fault.words(), brief(after.waited));
        line(&mut text, &[&name, fault, &before.cell(), &after.cell(), &waited]);
    }
    text.push_str("\n| tests of | with memmap2 | with folio in its place |\n|---|---|---|\n");
    for Tested { program, before, after } in tested {
        let name = format!("{} {}", program.package, program.version);
        line(&mut text, &[&name, &counts(before), &counts_beside(after, before)]);
    }
    text
}

fn line(text: &mut String, cells: &[&str]) {
    for cell in cells {
        let _ = write!(text, "| {cell} ");
    }
    text.push_str("|\n");
}

fn counts(tests: &Tests) -> String {
    match tests.failed.len() {
        0 => format!("{} passed", tests.passed),
        failed => format!("{} passed, {failed} failed", tests.passed),
    }
}

/// The counts, and which tests fail that did not before.
fn counts_beside(tests: &Tests, before: &Tests) -> String {
    let new: Vec<_> =
        tests.failed.iter().filter(|name| !before.failed.contains(name)).cloned().collect();
    match new.is_empty() {
        true => counts(tests),
        false => format!("{}: `{}`", counts(tests), new.join("`, `")),
    }
}

/// Put `text` into the document at `path`, between the lines that are there for it.
///
/// # Errors
/// The document cannot be read or written, or has no such lines.
pub fn write(path: &Path, text: &str) -> Result<(), String> {
    let named = |error: std::io::Error| format!("{}: {error}", path.display());
    let document = fs::read_to_string(path).map_err(named)?;
    let filled = fill(&document, text)
        .ok_or_else(|| format!("{}: no lines {BEGIN} and {END}", path.display()))?;
    fs::write(path, filled).map_err(named)
}

fn fill(document: &str, text: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{text}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::programs::PROGRAMS;
    use super::super::verdict::Outcome;
    use super::*;

    #[test]
    fn the_table_is_put_between_its_lines() {
        let document = format!("# A\n{BEGIN}\nold\n{END}\nB\n");
        assert_eq!(fill(&document, "new\n"), Some(format!("# A\n{BEGIN}\n\nnew\n\n{END}\nB\n")));
        assert_eq!(fill("# A\n", "new"), None);
    }

    #[test]
    fn a_program_is_named_once_and_new_failures_by_name() {
        let program = &PROGRAMS[0];
        let job = program.job.as_ref().unwrap();
        let seen =
            |outcome| Seen { outcome, said: None, waited: Duration::from_millis(20), touched: 0 };
        let rows = [Fault::Truncated, Fault::Rewritten].map(|fault| Row {
            program,
            job,
            fault,
            before: seen(Outcome::Died(7)),
            after: seen(Outcome::Right),
        });
        let tests = |failed: &[&str]| Tests {
            passed: 3,
            failed: failed.iter().map(ToString::to_string).collect(),
        };
        let tested = [Tested { program, before: tests(&["a"]), after: tests(&["a", "b"]) }];
        let text = text(&tested, &rows);
        assert!(text.contains("| b3sum 1.8.7: hash 128 MiB | truncated | **SIGBUS** | right answer | 20 ms |\n|  | rewritten |"), "{text}");
        assert!(text.contains("| 3 passed, 1 failed | 3 passed, 2 failed: `b` |"), "{text}");
    }
}
