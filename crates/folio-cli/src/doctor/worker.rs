//! The other processes of doctor, which are this program again: those that run an experiment each, and the janitor.
//!
//! They are started with a first argument that is no subcommand, so that help, completions and manual pages know
//! nothing of them.

use std::env;
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal};

use super::experiment::{Experiment, Finding, Unable};
use super::janitor;
use super::list;
use super::place::{FillDisk, Place, Scratch};
use crate::failure::why;

/// This program, even if its file has been replaced or removed since.
pub(super) const THIS_PROGRAM: &str = "/proc/self/exe";

/// What a worker says of its experiment, as JSON on standard output.
pub(super) type Answer = Result<Vec<Finding>, Unable>;

/// What this process is, if it is not the command.
#[derive(Debug)]
pub(crate) struct Role {
    name: OsString,
    arguments: Vec<OsString>,
}

/// What an experiment is given.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) experiment: &'static Experiment,
    pub(super) dir: &'a Path,
    pub(super) scratch: &'a Scratch,
    pub(super) fill_disk: FillDisk,
}

impl Role {
    pub(super) const JANITOR: &'static str = "doctor-janitor";
    const WORKER: &'static str = "doctor-worker";

    /// By the arguments that doctor starts it with.
    pub(crate) fn of_this_process() -> Option<Self> {
        let mut arguments = env::args_os().skip(1);
        let name = arguments.next()?;
        (name == Self::JANITOR || name == Self::WORKER)
            .then(|| Self { name, arguments: arguments.collect() })
    }

    /// Do it.
    pub(crate) fn play(self) -> ExitCode {
        let done = match self.arguments.as_slice() {
            [doctor, dir] if self.name == Self::JANITOR => {
                number(doctor).map(|doctor| janitor::janitor(doctor, Path::new(dir)))
            }
            [doctor, name, dir, kind, scratch, fill] if self.name == Self::WORKER => {
                let scratch = match kind.to_str() {
                    Some("at") => Scratch::At(PathBuf::from(scratch)),
                    _ => Scratch::Missing(scratch.to_string_lossy().into_owned()),
                };
                let fill_disk =
                    if fill == "fill" { FillDisk::Allowed } else { FillDisk::Forbidden };
                let experiment = name.to_str().and_then(list::named);
                number(doctor).zip(experiment).map(|(doctor, experiment)| {
                    work(
                        doctor,
                        &Task { experiment, dir: Path::new(dir), scratch: &scratch, fill_disk },
                    )
                })
            }
            _ => None,
        };
        // Nobody but doctor starts it, and doctor gives these arguments.
        done.unwrap_or(ExitCode::from(2))
    }
}

fn number(argument: &OsString) -> Option<u32> {
    argument.to_str()?.parse().ok()
}

/// The command that starts a worker, but for where its output goes.
pub(super) fn command(task: &Task<'_>) -> Command {
    let mut command = Command::new(THIS_PROGRAM);
    command
        .arg(Role::WORKER)
        .arg(std::process::id().to_string())
        .arg(task.experiment.name)
        .arg(task.dir);
    match task.scratch {
        Scratch::At(path) => command.arg("at").arg(path.join(task.experiment.name)),
        Scratch::Missing(why) => command.arg("missing").arg(why),
    };
    command.arg(match task.fill_disk {
        FillDisk::Allowed => "fill",
        FillDisk::Forbidden => "keep",
    });
    command.stdin(Stdio::null());
    command
}

/// Run the experiment and say what it found.
fn work(doctor: u32, task: &Task<'_>) -> ExitCode {
    if !tied_to(doctor) {
        return ExitCode::FAILURE;
    }
    without_core_dumps();
    let answer = try_out(task);
    let mut out = io::stdout().lock();
    let told = serde_json::to_writer(&mut out, &answer)
        .map_err(io::Error::from)
        .and_then(|()| out.flush());
    if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn try_out(task: &Task<'_>) -> Answer {
    if let Scratch::At(path) = task.scratch {
        let made = DirBuilder::new().mode(0o700).create(path);
        made.map_err(|error| Unable::failed("make a directory", error))?;
    }
    let place =
        Place::new(task.dir.to_owned(), task.scratch.clone(), task.fill_disk).map_err(|error| {
            Unable::Failed { what: "find the file system".into(), why: why(&error) }
        })?;
    (task.experiment.run)(&place)
}

/// End with doctor; `false` if it has ended already.
fn tied_to(doctor: u32) -> bool {
    let tied = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let parent = rustix::process::getppid().map(Pid::as_raw_pid);
    tied.is_ok() && parent.and_then(|pid| u32::try_from(pid).ok()) == Some(doctor)
}

/// Many experiments end in a signal that is followed by a core dump, of which nothing shall be left. A limit of 1 byte
/// keeps the kernel from writing a file and from starting a program of core(5) alike; 0 only does the first.
fn without_core_dumps() {
    let limit = rustix::process::getrlimit(Resource::Core);
    let current = Some(limit.maximum.map_or(1, |maximum| maximum.min(1)));
    // The limit is lowered, which is always allowed.
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current, ..limit });
}
