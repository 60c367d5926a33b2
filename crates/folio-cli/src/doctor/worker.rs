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

use rustix::process::{Resource, Rlimit, Signal};
use serde::Serialize;

use super::experiment::Unable;
use super::janitor;
use super::place::{FillDisk, Place, Scratch};
use super::subject::{self, Subject};
use super::verdict;

/// This program, even if its file has been replaced or removed since.
pub(super) const THIS_PROGRAM: &str = "/proc/self/exe";

/// What this process is, if it is not the command.
#[derive(Debug)]
pub(crate) struct Role {
    name: &'static str,
    arguments: Vec<OsString>,
}

/// What a worker is given.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) subject: Subject,
    pub(super) dir: &'a Path,
    pub(super) scratch: &'a Scratch,
    pub(super) fill_disk: FillDisk,
}

impl Role {
    pub(super) const JANITOR: &'static str = "doctor-janitor";
    pub(super) const PEER: &'static str = "doctor-peer";
    const WORKER: &'static str = "doctor-worker";

    /// By the arguments that doctor and its workers start it with.
    pub(crate) fn of_this_process() -> Option<Self> {
        let mut arguments = env::args_os().skip(1);
        let name = arguments.next()?;
        [Self::JANITOR, Self::PEER, Self::WORKER]
            .into_iter()
            .find(|role| name == *role)
            .map(|name| Self { name, arguments: arguments.collect() })
    }

    /// Do it.
    pub(crate) fn play(self) -> ExitCode {
        // Nobody else starts it, and they give it what it needs.
        self.try_to_play().unwrap_or(ExitCode::from(2))
    }

    fn try_to_play(&self) -> Option<ExitCode> {
        let (parent, arguments) = self.arguments.split_first()?;
        let parent = parent.to_str()?.parse().ok()?;
        match (self.name, arguments) {
            (Self::JANITOR, [dir]) => Some(janitor::janitor(parent, Path::new(dir))),
            (Self::PEER, [path]) => Some(match tied_to(parent) {
                Tie::Made => verdict::peer(Path::new(path)),
                Tie::TooLate => ExitCode::FAILURE,
            }),
            (Self::WORKER, [name, dir, kind, scratch, fill]) => {
                let scratch = match kind.to_str()? {
                    AT => Scratch::At(PathBuf::from(scratch)),
                    _ => Scratch::Missing(scratch.to_string_lossy().into_owned()),
                };
                let fill_disk = if fill == FILL { FillDisk::Allowed } else { FillDisk::Forbidden };
                let subject = subject::named(name.to_str()?)?;
                let dir = Path::new(dir);
                Some(work(parent, &Task { subject, dir, scratch: &scratch, fill_disk }))
            }
            _ => None,
        }
    }
}

/// The scratch directory comes next, and not the reason why there is none.
const AT: &str = "at";
/// `--fill-disk` was given.
const FILL: &str = "fill";

/// The command that starts a worker, but for where its output goes.
pub(super) fn command(task: &Task<'_>) -> Command {
    let name = task.subject.name();
    let mut command = Command::new(THIS_PROGRAM);
    command.args([Role::WORKER, &std::process::id().to_string(), name]).arg(task.dir);
    match task.scratch {
        Scratch::At(path) => command.arg(AT).arg(path.join(name)),
        Scratch::Missing(why) => command.args(["missing", why]),
    };
    command.arg(match task.fill_disk {
        FillDisk::Allowed => FILL,
        FillDisk::Forbidden => "keep",
    });
    command.stdin(Stdio::null());
    command
}

/// Try the subject, and say on standard output what came of it, as JSON.
fn work(doctor: u32, task: &Task<'_>) -> ExitCode {
    if tied_to(doctor) == Tie::TooLate {
        return ExitCode::FAILURE;
    }
    without_core_dumps();
    // A limit on the length of files is no promise that is broken: calls answer EFBIG then.
    let _ = folio::raw::ignore_signal(folio::raw::Signal::FileSize);
    let place = prepare(task);
    let told = match task.subject {
        Subject::Experiment(experiment) => tell(&place.and_then(|place| (experiment.run)(&place))),
        Subject::Question(question) => tell(&place.and_then(|place| (question.answer)(&place))),
    };
    if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn prepare(task: &Task<'_>) -> Result<Place, Unable> {
    if let Scratch::At(path) = task.scratch {
        let made = DirBuilder::new().mode(0o700).create(path);
        made.map_err(|error| Unable::failed("make a directory", error))?;
    }
    Place::new(task.dir.to_owned(), task.scratch.clone(), task.fill_disk)
        .map_err(|error| Unable::failed("find the file system", error))
}

fn tell(answer: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, answer)?;
    out.flush()
}

/// Whether a process ends with the one that started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tie {
    Made,
    /// That one has ended already.
    TooLate,
}

fn tied_to(parent: u32) -> Tie {
    let tied = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let is_there = std::os::unix::process::parent_id() == parent;
    if tied.is_ok() && is_there { Tie::Made } else { Tie::TooLate }
}

/// Many experiments end in a signal that is followed by a core dump, of which nothing shall be left. A limit of 1 byte
/// keeps the kernel from writing a file and from starting a program of core(5) alike; 0 only does the first.
fn without_core_dumps() {
    let limit = rustix::process::getrlimit(Resource::Core);
    let current = Some(limit.maximum.map_or(1, |maximum| maximum.min(1)));
    // The limit is lowered, which is always allowed.
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current, ..limit });
}
