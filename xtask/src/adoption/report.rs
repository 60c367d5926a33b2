//! The table for `docs/adoption.md`.

use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::package::Tests;
use super::programs::{Job, PROGRAMS, Program};
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
    /// With memmap2, unless the fault is one that only folio has a setting for.
    pub before: Option<Seen>,
    /// With folio.
    pub after: Seen,
}

/// What came of one program.
#[derive(Debug)]
pub struct Adopted {
    /// Its own tests, if it has any.
    pub tested: Option<Tested>,
    /// Its job, disturbed in each way.
    pub rows: Vec<Row>,
}

/// The tables of all programs.
#[derive(Debug)]
pub struct Gathered {
    /// In Markdown.
    pub tables: String,
    /// The programs of which there is no result.
    pub missing: Vec<&'static str>,
}

/// Keep the lines about `program` below `scratch`.
///
/// # Errors
/// They cannot be written.
pub fn keep(scratch: &Path, program: &Program, result: &Adopted) -> Result<(), String> {
    let kept = scratch.join("results");
    let write = |table: &str, text: String| {
        let path = kept.join(format!("{}.{table}", program.package));
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    fs::create_dir_all(&kept).map_err(|error| format!("{}: {error}", kept.display()))?;
    write("jobs", jobs(&result.rows))?;
    write("tests", result.tested.as_ref().map_or(String::new(), tests))
}

/// Both tables, of all programs of which something is kept below `scratch`.
///
/// # Errors
/// What is kept cannot be read.
pub fn gather(scratch: &Path) -> Result<Gathered, String> {
    let read = |program: &Program, table: &str| {
        let path = scratch.join("results").join(format!("{}.{table}", program.package));
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    };
    let mut missing = Vec::new();
    let mut jobs = String::from(
        "| program | its file is | with memmap2 | with folio in its place | the writer waited |\n|---|---|---|---|---|\n",
    );
    let mut tests =
        String::from("| tests of | with memmap2 | with folio in its place |\n|---|---|---|\n");
    for program in PROGRAMS {
        match (read(program, "jobs")?, read(program, "tests")?) {
            (Some(job), Some(test)) => {
                jobs.push_str(&job);
                tests.push_str(&test);
            }
            _ => missing.push(program.package),
        }
    }
    Ok(Gathered { tables: format!("{jobs}\n{tests}"), missing })
}

/// The lines about a program's job.
fn jobs(rows: &[Row]) -> String {
    let mut text = String::new();
    for (index, Row { program, job, fault, before, after }) in rows.iter().enumerate() {
        let name = match index {
            0 => format!("{} {}: {}", program.package, program.version, job.says),
            _ => String::new(),
        };
        let before = before.as_ref().map_or(String::new(), Seen::cell);
        line(&mut text, &[&name, fault.words(), &before, &after.cell(), &brief(after.waited)]);
    }
    text
}

/// The line about a program's tests.
fn tests(tested: &Tested) -> String {
    let Tested { program, before, after } = tested;
    let mut text = String::new();
    let name = format!("{} {}", program.package, program.version);
    line(&mut text, &[&name, &counts(before), &counts_beside(after, before)]);
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
            before: Some(seen(Outcome::Died(7))),
            after: seen(Outcome::Right),
        });
        let failing = |names: &[&str]| Tests {
            passed: 3,
            failed: names.iter().map(ToString::to_string).collect(),
        };
        let tested = Tested { program, before: failing(&["a"]), after: failing(&["a", "b"]) };
        let scratch = std::env::temp_dir().join(format!("xtask-report-{}", std::process::id()));
        keep(&scratch, program, &Adopted { tested: Some(tested), rows: rows.into() }).unwrap();
        let Gathered { tables, missing } = gather(&scratch).unwrap();
        fs::remove_dir_all(&scratch).unwrap();
        assert!(tables.contains("| b3sum 1.8.7: hash 128 MiB | truncated | **SIGBUS** | right answer | 20 ms |\n|  | rewritten |"), "{tables}");
        assert!(tables.contains("| 3 passed, 1 failed | 3 passed, 2 failed: `b` |"), "{tables}");
        assert_eq!(missing.len(), PROGRAMS.len() - 1);
        assert!(!missing.contains(&"b3sum"));
    }
}
