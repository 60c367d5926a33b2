//! `folio doctor`: what mappings promise, tried on this kernel and in this directory.
//!
//! An [`Experiment`] is tried in a process of its own: [`supervise`] starts this program again for each, one after the
//! other, and makes of its end, whatever it is, an outcome. [`worker`] is what runs in there. What it finds are lines
//! for [`report`]. [`place`] is what an experiment sees of the directory; [`janitor`] is the process that takes the files away, whatever becomes of
//! this one. The experiments are in [`memory`], [`facilities`] and [`directory`];
//! [`verdict`] says what folio makes of it all.

mod directory;
mod experiment;
mod facilities;
mod filesystem;
mod janitor;
mod memory;
mod place;
mod progress;
mod report;
mod subject;
mod supervise;
mod verdict;
mod worker;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::failure::{Complaints, Failure, InputFailure};
use crate::flags::{Colour, DoctorFlags};
use crate::name::quoted;
use crate::stdout::Stdout;

use experiment::{Experiment, Finding, Unable, Verdict};
use filesystem::FileSystem;
use janitor::Janitor;
use place::FillDisk;
use report::{Header, Json, Report, Summary, Text};
use subject::Subject;
use supervise::{End, Supervisor};
use verdict::{Question, Ruling};

pub(crate) use progress::Line;
pub(crate) use subject::known_name;
pub(crate) use worker::Role;

/// What came of one experiment.
#[derive(Debug)]
struct Outcome {
    group: &'static str,
    experiment: &'static Experiment,
    result: Result<Vec<Finding>, Unable>,
}

impl Outcome {
    /// Whether a line of it is not as promised.
    fn is_bad(&self) -> bool {
        match &self.result {
            Ok(findings) => findings.iter().any(|finding| finding.verdict == Verdict::Differs),
            Err(Unable::NotHere { .. }) => false,
            Err(Unable::Failed { .. }) => true,
        }
    }
}

/// The answer to a question.
#[derive(Debug)]
struct Answer {
    question: &'static Question,
    result: Result<Ruling, Unable>,
    /// The experiments that it rests on and that did not go as promised.
    against: Vec<&'static str>,
}

impl Answer {
    /// `bad` are the experiments that did not go as promised.
    fn new(
        question: &'static Question,
        result: Result<Ruling, Unable>,
        bad: &[&'static str],
    ) -> Self {
        let against = bad.iter().copied().filter(|name| question.rests_on.contains(name)).collect();
        let result = result.or_else(|unable| match unable {
            Unable::NotHere { why, .. } => Ok(Ruling::no(why)),
            failed @ Unable::Failed { .. } => Err(failed),
        });
        Self { question, result, against }
    }
}

/// Try what is asked for, and report.
pub(crate) fn run(
    flags: &DoctorFlags,
    colour: Colour,
    complaints: &mut Complaints,
) -> io::Result<()> {
    let mut out = Stdout::new()?;
    let style = report::Style::of_stdout(colour);
    if flags.list {
        return subject::print(&mut out, style, &flags.only);
    }
    let dir = match directory_of(&flags.dir) {
        Ok(dir) => dir,
        Err(failure) => return complaints.sort(Err(failure)),
    };
    let summary = if flags.json {
        examine(flags, &dir, &mut Json::new(&mut out), complaints)?
    } else {
        let names = subject::selected(&flags.only).map(|(_, subject)| subject.name());
        let text = &mut Text::new(&mut out, style, names);
        examine(flags, &dir, text, complaints)?
    };
    if summary.is_some_and(|summary| summary.differs + summary.failed > 0) {
        complaints.note();
    }
    out.flush()
}

/// The absolute path of the directory, if it is one that can be entered.
fn directory_of(dir: &Path) -> Result<PathBuf, Failure> {
    let name = quoted(dir);
    let failed = |error| InputFailure::os(name.clone(), "open", &error);
    let absolute = dir.canonicalize().map_err(failed)?;
    if !absolute.is_dir() {
        return Err(InputFailure::refused(name, "not a directory"));
    }
    // Looking a name up needs the permission to search.
    absolute.join(".").metadata().map_err(failed)?;
    Ok(absolute)
}

/// Run the experiments one after the other, because many of them measure. `None` if they cannot be run at all.
fn examine(
    flags: &DoctorFlags,
    dir: &Path,
    report: &mut impl Report,
    complaints: &mut Complaints,
) -> io::Result<Option<Summary>> {
    let start = Instant::now();
    let (janitor, header) = match prepare(dir) {
        Ok(prepared) => prepared,
        Err(error) => {
            complaints.sort(Err(InputFailure::os(quoted(dir), "examine", &error)))?;
            return Ok(None);
        }
    };
    let fill_disk = if flags.fill_disk { FillDisk::Allowed } else { FillDisk::Forbidden };
    let mut supervisor = Supervisor::new(dir, fill_disk, janitor);
    report.begin(&header)?;
    let mut line = Line::new();
    let mut summary = Summary::default();
    let mut bad = Vec::new();
    let count = subject::selected(&flags.only).count();
    for (index, (group, subject)) in subject::selected(&flags.only).enumerate() {
        let end = supervisor.run(subject, || {
            line.draw(&format!("{} of {count}: {}", index + 1, subject.name()));
        });
        line.erase();
        match subject {
            Subject::Experiment(experiment) => {
                let outcome = Outcome { group, experiment, result: end.and_then(End::findings) };
                bad.extend(outcome.is_bad().then_some(experiment.name));
                summary.add(&outcome);
                report.outcome(&outcome)?;
            }
            Subject::Question(question) => {
                let answer = Answer::new(question, end.and_then(End::ruling), &bad);
                summary.add_answer(&answer);
                report.answer(&answer)?;
            }
        }
    }
    supervisor.finish();
    summary.took = start.elapsed();
    report.end(&summary)?;
    Ok(Some(summary))
}

/// Start the janitor, and find out what is known of the place beforehand.
fn prepare(dir: &Path) -> io::Result<(Janitor, Header)> {
    let file_system = FileSystem::of(dir)?;
    let janitor = Janitor::start(dir, &file_system)?;
    let header = Header::new(dir, file_system, janitor.scratch());
    Ok((janitor, header))
}
