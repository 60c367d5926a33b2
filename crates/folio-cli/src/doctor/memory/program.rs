//! A program that the kernel and the model carry out together, and the line that comes of it.
//!
//! The model says what is promised, the kernel what is seen. Steps that [`set`](Trial::set) the scene are compared as much
//! as those that are [`watch`](Trial::watch)ed, but only the watched ones are told, unless another one differs: then
//! that is what the line is about, and the program is over, because nothing that follows has a meaning.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use folio_model::{Access, Allowed, Errno, FileKind, Mapping, Model, Op, Outcome, Setting};
use folio_oracle::{Kernel, System as _};

use super::super::experiment::{Finding, Unable};
use super::super::place::{self, Place};
use super::operations::{FIRST, OLD};
use super::words::{self, Content, Names};

/// What it means where mmap(2) refuses every file, or every file in a shared mapping.
pub(super) const NOT_MAPPED: &str = "files here are read, not mapped so: no mapped database, no messages by mapping; folio copies them";

/// So many bytes of a page are looked at in a file of the user's, of which the model has to be told each.
pub(super) const LOOK: u64 = LOOK_LEN as u64;
const LOOK_LEN: usize = 16;

/// One program on one file, which is descriptor 0 of the first process.
#[derive(Debug)]
pub(super) struct Trial {
    kernel: Kernel,
    model: Model,
    /// What the file held at first.
    content: Content,
    /// How long it was.
    len: u64,
    /// Where in the file a mapping begins; programs here give each mapping a number of its own.
    bases: HashMap<Mapping, u64>,
    told: Vec<Told>,
    over: Option<Over>,
    /// The file, if it is one of the user's, and the state that it was found in.
    found: Option<(File, State)>,
}

/// What changes when somebody writes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    len: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
}

impl State {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { len: metadata.len(), changed: (metadata.ctime(), metadata.ctime_nsec()) })
    }
}

/// What was seen of a step, and what the model allows.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) seen: Outcome,
    pub(super) allowed: Allowed,
}

/// A step that the line tells.
#[derive(Clone, Debug)]
struct Told {
    what: String,
    promised: String,
    seen: String,
}

/// Why the program does not go on.
#[derive(Debug)]
enum Over {
    /// The step told last is not as the model allows.
    Differs,
    /// The file system has no such thing as the step told last.
    Refused,
    /// The file system does not map files so.
    NotMapped,
    /// The program could not be carried out.
    Unable(Unable),
}

impl Trial {
    /// On a new file of `len` bytes [`OLD`], open for reading and writing.
    pub(super) fn writing(place: &Place, len: u64) -> Result<Self, Unable> {
        let kernel = Kernel::new(place.scratch()?, &[FileKind::Disk])
            .map_err(|error| place::not_made(len, error))?;
        let mut trial = Self::new(kernel, place);
        trial.set(FIRST.open(0, Access::ReadWrite));
        // Page by page: a larger write may put one large folio into the page cache, which is another experiment.
        let page = rustix::param::page_size();
        for at in (0..len).step_by(page) {
            let part = place.page_size().min(len - at);
            trial.set(FIRST.write(0, at, part, OLD));
            trial.content.parts.push((at, (0..part).map(|_| OLD).collect()));
        }
        trial.len = len;
        Ok(trial)
    }

    /// On a file of more than three pages that is not written: a new one of which the last page is partly filled or, where
    /// none can be made, one that is there. The program may look at the first [`LOOK`] bytes of the first three pages, and at
    /// as many before the end of the file.
    pub(super) fn reading(place: &Place) -> Result<Self, Unable> {
        match place.scratch() {
            Ok(_) => Self::writing(place, 3 * place.page_size() + 904),
            Err(_) => Self::found(place),
        }
    }

    /// On a file of the user's, open for reading.
    fn found(place: &Place) -> Result<Self, Unable> {
        let (path, file) = place.readable()?;
        let unread = |error| Unable::failed("read a file", error);
        let state = State::of(&file).map_err(unread)?;
        let len = state.len;
        let kernel = Kernel::on(&[path]).map_err(|error| Unable::failed("open a file", error))?;
        let mut trial = Self::new(kernel, place);
        trial.len = len;
        for page in 0..3 {
            let mut bytes = vec![0; LOOK_LEN];
            file.read_exact_at(&mut bytes, page * place.page_size()).map_err(unread)?;
            trial.content.parts.push((page * place.page_size(), bytes));
        }
        let mut bytes = vec![0; LOOK_LEN];
        file.read_exact_at(&mut bytes, len - LOOK).map_err(unread)?;
        trial.content.parts.push((len - LOOK, bytes));
        trial.found = Some((file, state));
        trial.tell_the_model();
        trial.set(FIRST.open(0, Access::Read));
        Ok(trial)
    }

    /// Let the model's file be as the one found.
    fn tell_the_model(&mut self) {
        let mut ops = vec![FIRST.open(0, Access::ReadWrite), FIRST.truncate(0, self.len)];
        for (start, bytes) in &self.content.parts {
            let mut at = *start;
            for run in bytes.chunk_by(|a, b| a == b) {
                ops.push(FIRST.write(0, at, run.len() as u64, run[0]));
                at += run.len() as u64;
            }
        }
        for op in ops {
            self.model.run(&op);
        }
    }

    /// How long the file is at first.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    fn new(kernel: Kernel, place: &Place) -> Self {
        let setting = Setting::new(place.page_size()).file(FileKind::Disk);
        let model = Model::new(setting);
        Self {
            kernel,
            model,
            content: Content::default(),
            len: 0,
            bases: HashMap::new(),
            told: Vec::new(),
            over: None,
            found: None,
        }
    }

    /// Do what the rest needs.
    pub(super) fn set(&mut self, op: Op) {
        let Some(step) = self.go(op) else { return };
        let failed =
            matches!(step.seen, Outcome::Nothing | Outcome::Failed(_) | Outcome::Fault { .. });
        let told = self.tell(words::act(&op), &op, &step);
        self.over = over(&op, &step).or_else(|| {
            // Allowed, for want of memory say; but what follows would tell nothing.
            failed.then(|| {
                let what = format!("go on with a program: {}", told.what);
                Over::Unable(Unable::Failed { what, why: told.seen.clone() })
            })
        });
        if self.over.is_some() {
            self.told = vec![told];
        }
    }

    /// Do what the line is about; `what` is its subject. `None` if the program is over.
    pub(super) fn watch(&mut self, what: impl Into<String>, op: Op) -> Option<Outcome> {
        let step = self.go(op)?;
        self.told.push(self.tell(what, &op, &step));
        self.over = over(&op, &step);
        Some(step.seen)
    }

    /// Do what the line may be about, for the caller to tell; `None` if the program is over. The program goes on even if
    /// it is not as the model allows: then the model takes it as not done.
    pub(super) fn go(&mut self, op: Op) -> Option<Step> {
        if self.over.is_some() {
            return None;
        }
        let allowed = self.model.allowed(&op);
        let seen = match self.kernel.step(&op) {
            Ok(seen) => seen,
            Err(error) => {
                let what = format!("go on with a program: {}", words::act(&op));
                self.over = Some(Over::Unable(Unable::failed(what, error)));
                return None;
            }
        };
        if let Op::Map { mapping, offset, .. } = op {
            self.bases.insert(mapping, offset);
        }
        let step = Step { seen, allowed };
        if !step.differs() {
            self.model.step(&op, &step.seen).expect("the model takes what it allows");
        }
        Some(step)
    }

    fn tell(&self, what: impl Into<String>, op: &Op, step: &Step) -> Told {
        let base = match op {
            Op::Load { mapping, .. } | Op::Store { mapping, .. } => self.bases.get(mapping),
            _ => None,
        };
        let names = Names { content: &self.content, base: base.copied().unwrap_or(0) };
        Told {
            what: what.into(),
            promised: words::promised(op, &step.allowed, names),
            seen: words::seen(op, &step.seen, names),
        }
    }

    /// The line. `means` is what it means for the user if what was seen is not what was promised.
    pub(super) fn finding(self, means: &str) -> Result<Finding, Unable> {
        let line = |of: fn(&Told) -> &str| {
            let parts: Vec<String> =
                self.told.iter().map(|told| format!("{} {}", told.what, of(told))).collect();
            parts.join("; ")
        };
        let (promised, seen) = (line(|told| &told.promised), line(|told| &told.seen));
        match self.over {
            None => Ok(Finding::ok(promised, seen)),
            Some(Over::Differs | Over::Unable(_)) if self.is_disturbed() => Err(Unable::not_here(
                "somebody is writing the file that is read here",
                "another run may find one that is left alone",
            )),
            Some(Over::Differs) => Ok(Finding::differs(promised, seen, means)),
            Some(Over::Refused) => Ok(Finding::not_here(promised, seen, means)),
            Some(Over::NotMapped) => Ok(Finding::not_here(promised, seen, NOT_MAPPED)),
            Some(Over::Unable(unable)) => Err(unable),
        }
    }

    /// Whether the model could not know what is in the file, because somebody else has written it.
    fn is_disturbed(&self) -> bool {
        self.found.as_ref().is_some_and(|(file, was)| State::of(file).ok() != Some(*was))
    }

    /// Whether it came to an end before all was done.
    pub(super) fn is_over(&self) -> bool {
        self.over.is_some()
    }
}

/// Whether the program ends with this step, and why.
fn over(op: &Op, step: &Step) -> Option<Over> {
    match (op, &step.seen) {
        (Op::Map { .. }, Outcome::Failed(Errno::ENODEV | Errno::EIO)) => Some(Over::NotMapped),
        (_, Outcome::Failed(Errno::EOPNOTSUPP | Errno::ENOSYS)) => Some(Over::Refused),
        // Nothing that the line is about: no space, say.
        (Op::Open { .. }, Outcome::Failed(errno)) => {
            let error = io::Error::from_raw_os_error(errno.0);
            Some(Over::Unable(Unable::failed("open a file", error)))
        }
        (Op::Write { offset, len, .. }, Outcome::Failed(errno)) => {
            let error = io::Error::from_raw_os_error(errno.0);
            Some(Over::Unable(place::not_made(offset + len, error)))
        }
        // A limit on processes, or no memory for one.
        (Op::Fork { .. }, Outcome::Failed(errno)) => {
            let error = io::Error::from_raw_os_error(errno.0);
            Some(Over::Unable(Unable::failed("fork", error)))
        }
        _ => step.differs().then_some(Over::Differs),
    }
}

/// The line of one part of an experiment, also where this part alone cannot be tried; `promised` is what it would show.
pub(super) fn line_of_part(
    name: &str,
    promised: &str,
    finding: Result<Finding, Unable>,
) -> Result<Finding, Unable> {
    let finding = match finding {
        Err(Unable::NotHere { why, means }) => Finding::not_here(promised, why, means),
        other => other?,
    };
    Ok(finding.part(name))
}

impl Step {
    /// It is not as the model allows.
    pub(super) fn differs(&self) -> bool {
        !self.allowed.contains(&self.seen)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use folio_model::Process;

    use super::super::super::experiment::Verdict;
    use super::*;

    #[test]
    fn a_file_that_is_written_is_in_another_state() {
        let mut file = tempfile::tempfile().unwrap();
        let before = State::of(&file).unwrap();
        assert_eq!(State::of(&file).unwrap(), before);
        file.write_all(b"more").unwrap();
        assert_ne!(State::of(&file).unwrap(), before);
    }

    #[test]
    fn a_limit_on_processes_breaks_no_promise() {
        let allowed = Allowed { alternatives: Vec::new() };
        let step = Step { seen: Outcome::Failed(Errno::EAGAIN), allowed };
        let fork = Op::Fork { process: Process(0), child: Process(1) };
        match over(&fork, &step) {
            Some(Over::Unable(Unable::Failed { what, .. })) => assert_eq!(what, "fork"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_part_that_cannot_be_tried_is_a_line_of_its_own() {
        let finding = line_of_part("shared", "a promise", Err(Unable::not_here("read-only", "no")));
        let finding = finding.unwrap();
        let told = (finding.part.as_deref(), &*finding.promised, &*finding.seen);
        assert_eq!(told, (Some("shared"), "a promise", "read-only"));
        assert_eq!(finding.verdict, Verdict::NotHere);
        let failed = Err(Unable::Failed { what: "write".to_owned(), why: "no".to_owned() });
        assert!(matches!(line_of_part("shared", "a promise", failed), Err(Unable::Failed { .. })));
    }
}
