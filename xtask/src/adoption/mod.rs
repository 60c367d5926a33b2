//! `cargo xtask adoption`: what becomes of other people's programs when folio takes the place of memmap2 under them.
//!
//! Each of [`programs::PROGRAMS`] is built twice from the source that crates.io has: as it is, and with `[patch.crates-io]`
//! pointing at `crates/folio-memmap2`. Its own tests are run with either. Then it does a real job on a file, and in the
//! middle of it the file is truncated or rewritten. The table of what came of it goes into `docs/adoption.md`.
//!
//! | module | is |
//! |---|---|
//! | [`programs`] | the table of programs and their jobs |
//! | [`package`] | a program's source, built on one side or the other, and its tests |
//! | [`input`] | files for the jobs |
//! | [`weather`] | a job, the moment in the middle of it, and what happens to its file then |
//! | [`verdict`] | what came of it: the right answer, a wrong one, a signal |
//! | [`report`] | the table |
//!
//! It takes half an hour on two cores, most of it builds, and needs crates.io, git and a C compiler: not a part of CI.

pub mod input;
pub mod package;
pub mod programs;
pub mod report;
pub mod verdict;
pub mod weather;

use std::path::{Path, PathBuf};

use package::{Side, Workshop};
use programs::{PROGRAMS, Program};
use report::{Adopted, Row, Tested};
use verdict::Seen;
use weather::Fault;

/// How the command is used.
pub const USAGE: &str = "cargo xtask adoption [--scratch DIR] [--patch DIR] [PROGRAM…]";

/// What the command line asks for.
struct Request {
    programs: Vec<&'static Program>,
    scratch: PathBuf,
    patch: PathBuf,
}

/// Build, test and disturb the programs that `arguments` name, or all. What comes of it is kept in the scratch directory, and
/// once there is a result of every program, the tables go into `docs/adoption.md` below `root`.
///
/// # Errors
/// Programs that could not be had, built or run undisturbed. That a program fails when it is disturbed, or a test of
/// it fails, is a result, not an error.
pub fn run(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let root = root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
    let request = parse(&root, arguments)?;
    let workshop = Workshop::new(&request.scratch, &request.patch)?;
    let mut failures = Vec::new();
    for program in &request.programs {
        match adopt(&workshop, program, &root.join("xtask/adoption")) {
            Ok(result) => report::keep(&request.scratch, program, &result)?,
            Err(why) => failures.push(why),
        }
    }
    let text = report::gather(&request.scratch)?;
    match text.missing.is_empty() {
        true => report::write(&root.join("docs/adoption.md"), &text.tables)?,
        false => {
            println!("{}\nadoption: no result yet of {}", text.tables, text.missing.join(", "))
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// What comes of one program; programs for which there is none to build are in `drivers`.
fn adopt(
    workshop: &Workshop,
    program: &'static Program,
    drivers: &Path,
) -> Result<Adopted, String> {
    for side in Side::BOTH {
        say(&format!("{}: building {}", program.package, side.words()));
        workshop.build(program, side, drivers)?;
    }
    let mut result = Adopted { tested: None, rows: Vec::new() };
    if let Some(tests) = program.tests {
        say(&format!("{}: its own tests", program.package));
        let [before, after] = Side::BOTH.map(|side| workshop.test(program, tests, side));
        result.tested = Some(Tested { program, before: before?, after: after? });
    }
    if let Some(job) = &program.job {
        let inputs = input::make(workshop, program, job)?;
        for fault in Fault::ALL {
            say(&format!("{}: {} {}", program.package, job.says, fault.words()));
            let seen = |side| weather::disturb(workshop, program, job, &inputs, side, fault);
            let before = match fault.setting() {
                None => Some(seen(Side::Memmap2)?),
                Some(_) => None,
            };
            let row = Row { program, job, fault, before, after: seen(Side::Folio)? };
            let before = row.before.as_ref().map_or(String::new(), Seen::in_full);
            say(&format!("  {before}\n  {}", row.after.in_full()));
            result.rows.push(row);
        }
    }
    Ok(result)
}

fn parse(root: &Path, arguments: &[&str]) -> Result<Request, String> {
    let mut request = Request {
        programs: Vec::new(),
        scratch: root.join("target/adoption"),
        patch: root.join("crates/folio-memmap2"),
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut dir =
            || arguments.next().map(PathBuf::from).ok_or(format!("{argument}: which? {USAGE}"));
        match *argument {
            "--scratch" => request.scratch = dir()?,
            "--patch" => request.patch = dir()?,
            name => {
                let known = || {
                    PROGRAMS.iter().map(|program| program.package).collect::<Vec<_>>().join(", ")
                };
                let program = PROGRAMS
                    .iter()
                    .find(|program| program.package == name)
                    .ok_or_else(|| format!("{name}: no such program: {}", known()))?;
                request.programs.push(program);
            }
        }
    }
    if request.programs.is_empty() {
        request.programs = PROGRAMS.iter().collect();
    }
    Ok(request)
}

/// Tell whoever waits how far it is.
fn say(what: &str) {
    println!("adoption: {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(arguments: &[&str]) -> Result<Request, String> {
        parse(Path::new("/r"), arguments)
    }

    #[test]
    fn all_programs_are_meant_when_none_is_named() {
        let request = asked(&["--scratch", "/s"]).unwrap();
        assert_eq!(request.programs.len(), PROGRAMS.len());
        assert_eq!(request.scratch, Path::new("/s"));
        assert_eq!(request.patch, Path::new("/r/crates/folio-memmap2"));
    }

    #[test]
    fn unknown_programs_and_missing_directories_are_refused() {
        assert_eq!(asked(&["b3sum", "--patch", "/p"]).unwrap().programs[0].package, "b3sum");
        assert!(asked(&["b4sum"]).is_err_and(|why| why.contains("b3sum, ")));
        assert!(asked(&["--patch"]).is_err_and(|why| why.starts_with("--patch: which?")));
    }
}
