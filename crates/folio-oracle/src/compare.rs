//! Running a program on a system, step by step beside what knows the right answers.

use std::fmt::{self, Debug};
use std::io;

use folio_model::{File, Op, Program, shrink};

use crate::{Bench, Oracle, System};

/// How many programs are tried to make a failing one plain.
const MOST_TRIES: usize = 2000;

/// A step of a program that was run.
///
/// ```
/// use folio_model::{Descriptor, Op, Outcome, Process};
/// use folio_oracle::{Disagreement, Step};
/// let op = Op::Length { process: Process(0), descriptor: Descriptor(0) };
/// let step = Step { op, seen: Outcome::Count(5), allowed: String::new() };
/// let found = Disagreement { trace: vec![step], file: None, right: "4".into() };
/// assert!(found.to_string().starts_with("1: length d0\n"));
/// ```
#[derive(Clone, Debug)]
pub struct Step<Seen> {
    /// What was done.
    pub op: Op,
    /// What was seen.
    pub seen: Seen,
    /// What could be, and why.
    pub allowed: String,
}

/// A system and its oracle do not agree.
///
/// ```
/// use folio_model::{File, Outcome};
/// use folio_oracle::Disagreement;
/// let (file, right) = (Some(File(0)), "it is 1 bytes long, and should be 0".into());
/// let found = Disagreement::<Outcome> { trace: vec![], file, right };
/// assert!(found.to_string().starts_with("the content of file 0 at the end\n"));
/// ```
#[derive(Clone, Debug)]
pub struct Disagreement<Seen> {
    /// The steps up to the one where it showed.
    pub trace: Vec<Step<Seen>>,
    /// The file whose content at the end is wrong; `None` if it showed in the last step.
    pub file: Option<File>,
    /// What would have been right.
    pub right: String,
}

impl<Seen> Disagreement<Seen> {
    /// The program that was run, up to there.
    ///
    /// ```
    /// use folio_model::{Descriptor, Op, Outcome, Process, Program};
    /// use folio_oracle::{Disagreement, Step};
    /// let op = Op::Length { process: Process(0), descriptor: Descriptor(0) };
    /// let step = Step { op, seen: Outcome::Count(5), allowed: String::new() };
    /// let found = Disagreement { trace: vec![step], file: None, right: "4".into() };
    /// assert_eq!(found.program(), Program(vec![op])); // to run it again
    /// ```
    #[must_use]
    pub fn program(&self) -> Program {
        Program(self.trace.iter().map(|step| step.op).collect())
    }
}

/// What is noted beside running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Note {
    /// What is done and seen.
    Seen,
    /// Also what is allowed before each step, which takes longer.
    Allowed,
}

/// Run `program` on a new beginning of `bench`: results, errors and bytes of each step are compared, and at the end the whole
/// content of each file.
///
/// ```
/// use folio_model::FileKind;
/// use folio_oracle::{Folio, Processes, compare, seeded};
/// # let dir = tempfile::tempdir()?;
/// let mut bench = Folio::new(dir.path(), &[FileKind::Memory], Processes::Here)?;
/// let program = seeded(&bench.repertoires(), 7, 20);
/// if let Some(found) = compare(&mut bench, &program)? {
///     panic!("{found}");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// If it could not be run: see [`System::step`].
pub fn compare<B: Bench>(
    bench: &mut B,
    program: &Program,
) -> io::Result<Option<Disagreement<B::Seen>>> {
    run(bench, program, Note::Seen)
}

fn run<B: Bench>(
    bench: &mut B,
    program: &Program,
    note: Note,
) -> io::Result<Option<Disagreement<B::Seen>>> {
    let files = bench.files();
    let (mut system, mut oracle) = bench.begin()?;
    let mut trace = Vec::new();
    for op in program.iter() {
        let allowed = if note == Note::Allowed { oracle.allowed(op) } else { String::new() };
        let seen = system.step(op)?;
        let answer = oracle.step(op, &seen);
        trace.push(Step { op: *op, seen, allowed });
        if let Err(right) = answer {
            return Ok(Some(Disagreement { trace, file: None, right }));
        }
    }
    for file in (0..files).map(File) {
        let bytes = system.content(file)?;
        if let Err(right) = oracle.content(file, &bytes) {
            return Ok(Some(Disagreement { trace, file: Some(file), right }));
        }
    }
    Ok(None)
}

/// The plainest program that shows what `found` shows, with all there is to say about it. If it does not show again when it
/// is run again, `found` as it was.
///
/// ```
/// use folio_model::{Descriptor, FileKind, Op, Outcome, Process};
/// use folio_oracle::{Answer, Disagreement, Folio, Processes, Step, explain};
/// # let dir = tempfile::tempdir()?;
/// let mut bench = Folio::new(dir.path(), &[FileKind::Memory], Processes::Here)?;
/// let op = Op::Close { process: Process(0), descriptor: Descriptor(0) };
/// let step = Step { op, seen: Answer::Kernel(Outcome::Count(5)), allowed: String::new() };
/// let once = Disagreement { trace: vec![step], file: None, right: "nothing".into() };
/// let found = explain(&mut bench, once)?; // it does not show again
/// assert_eq!(found.trace[0].seen, Answer::Kernel(Outcome::Count(5)));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// If a program could not be run.
pub fn explain<B: Bench>(
    bench: &mut B,
    found: Disagreement<B::Seen>,
) -> io::Result<Disagreement<B::Seen>> {
    let mut broken = None;
    let plain = shrink(found.program(), MOST_TRIES, |program| {
        run(bench, program, Note::Seen)
            .unwrap_or_else(|error| {
                broken.get_or_insert(error);
                None
            })
            .is_some()
    });
    match broken {
        Some(error) => Err(error),
        None => Ok(run(bench, &plain, Note::Allowed)?.unwrap_or(found)),
    }
}

impl<Seen: Debug> fmt::Display for Disagreement<Seen> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.trace.iter().enumerate() {
            writeln!(f, "{}: {}", index + 1, step.op)?;
            let last = index + 1 == self.trace.len() && self.file.is_none();
            if !step.allowed.is_empty() && !last {
                writeln!(f, "{}", Indented("allowed", &step.allowed))?;
            }
            writeln!(f, "{}", Indented("seen", &format!("{:?}", step.seen)))?;
        }
        if let Some(file) = self.file {
            writeln!(f, "the content of file {} at the end", file.0)?;
        }
        write!(f, "{}", Indented("WRONG", &self.right))
    }
}

/// A label and lines behind it.
struct Indented<'a>(&'a str, &'a str);

impl fmt::Display for Indented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.1.lines().enumerate() {
            let label = if index == 0 { self.0 } else { "" };
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}       {label:8} {line}")?;
        }
        Ok(())
    }
}
