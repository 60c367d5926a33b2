//! Runs a worker for each experiment, and makes an outcome of its end: an answer, a signal, or no end at all.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::MemfdFlags;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};
use serde::de::DeserializeOwned;

use super::experiment::{Finding, Unable};
use super::janitor::Janitor;
use super::place::{FillDisk, Scratch};
use super::subject::Subject;
use super::verdict::Ruling;
use super::worker::{self, Task};

/// A worker that takes longer is killed.
const LIMIT: Duration = Duration::from_secs(10);
/// A worker that takes longer is told of.
const PATIENCE: Duration = Duration::from_millis(200);

/// Runs experiments in `dir`.
#[derive(Debug)]
pub(super) struct Supervisor<'a> {
    dir: &'a Path,
    fill_disk: FillDisk,
    janitor: Janitor,
}

/// What came of a worker.
#[derive(Debug)]
pub(super) enum End {
    /// It said this.
    Answered(Vec<u8>),
    /// It did not end by itself; in words.
    Unpromised(String),
}

/// How a process ended, and what it had written.
#[derive(Debug)]
struct Ended {
    /// `None` if it did not by itself.
    status: Option<ExitStatus>,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl<'a> Supervisor<'a> {
    pub(super) fn new(dir: &'a Path, fill_disk: FillDisk, janitor: Janitor) -> Self {
        Self { dir, fill_disk, janitor }
    }

    /// Have a worker try `subject`. `waiting` is called if it takes a while.
    pub(super) fn run(&mut self, subject: Subject, waiting: impl FnOnce()) -> Result<End, Unable> {
        let scratch = self.janitor.scratch().clone();
        let task = Task { subject, dir: self.dir, scratch: &scratch, fill_disk: self.fill_disk };
        let command = worker::command(&task);
        let started = |worker| self.janitor.watch_over(worker);
        let ended = watch(command, LIMIT, started, waiting)
            .map_err(|error| Unable::failed("start a process", error));
        if let Scratch::At(path) = &scratch {
            // The space is for the next; what cannot be removed now is the janitor's.
            let _ = fs::remove_dir_all(path.join(subject.name()));
        }
        ended?.meaning()
    }

    /// All is done: have the scratch directory removed.
    pub(super) fn finish(self) {
        drop(self.janitor);
    }
}

/// Run `command` in a process group of its own for at most `limit`. Nothing of the group is left.
fn watch(
    mut command: Command,
    limit: Duration,
    started: impl FnOnce(u32) -> io::Result<()>,
    waiting: impl FnOnce(),
) -> io::Result<Ended> {
    // Files, not pipes, which something that the worker has forked and forgotten could hold open for ever.
    let (out, err) = (memory_file()?, memory_file()?);
    let mut worker =
        command.process_group(0).stdout(out.try_clone()?).stderr(err.try_clone()?).spawn()?;
    let told = started(worker.id());
    let in_time = told.and_then(|()| ends_within(&mut worker, limit, waiting));
    // Before it is waited for: until then the number is its own.
    let group = i32::try_from(worker.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
    let status = worker.wait()?;
    let status = in_time?.then_some(status);
    Ok(Ended { status, out: content(&out)?, err: content(&err)? })
}

/// Whether it ends by itself.
fn ends_within(worker: &mut Child, limit: Duration, waiting: impl FnOnce()) -> io::Result<bool> {
    let pid = i32::try_from(worker.id()).ok().and_then(Pid::from_raw);
    let opened = pid
        .ok_or(Errno::SRCH)
        .and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()));
    let process = match opened {
        Ok(process) => process,
        // Before Linux 5.3 there is no waiting with a limit that would not disturb the measurements.
        Err(Errno::NOSYS) => return worker.wait().map(|_| true),
        Err(errno) => return Err(errno.into()),
    };
    if has_ended(&process, PATIENCE.min(limit))? {
        return Ok(true);
    }
    waiting();
    has_ended(&process, limit.saturating_sub(PATIENCE))
}

fn has_ended(process: &OwnedFd, limit: Duration) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        let left = limit.saturating_sub(start.elapsed());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut watched = [PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN)];
        match rustix::event::poll(&mut watched, Some(&timeout)) {
            Err(Errno::INTR) => {}
            other => return Ok(other? > 0),
        }
    }
}

fn memory_file() -> io::Result<File> {
    Ok(File::from(rustix::fs::memfd_create("folio-doctor", MemfdFlags::CLOEXEC)?))
}

fn content(file: &File) -> io::Result<Vec<u8>> {
    let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

impl Ended {
    fn meaning(self) -> Result<End, Unable> {
        let Some(status) = self.status else {
            return Ok(End::Unpromised(format!("no end within {} s", LIMIT.as_secs())));
        };
        if let Some(signal) = status.signal() {
            return Ok(End::Unpromised(format!("killed by {}", signal_name(signal))));
        }
        if status.success() {
            return Ok(End::Answered(self.out));
        }
        let said = String::from_utf8_lossy(&self.err);
        let said: Vec<_> = said.lines().filter(|line| !line.is_empty()).take(2).collect();
        Err(Unable::Failed { what: "answer".into(), why: format!("{status}; {}", said.join(": ")) })
    }
}

impl End {
    /// What an experiment found. An end that nobody promised is a finding, too.
    pub(super) fn findings(self) -> Result<Vec<Finding>, Unable> {
        match self {
            Self::Answered(json) => parsed(&json),
            Self::Unpromised(seen) => Ok(vec![Finding::differs(
                "the experiment ends by itself",
                seen,
                "what it tries ends or blocks a process here, and would do so to yours",
            )]),
        }
    }

    /// The answer to a question.
    pub(super) fn ruling(self) -> Result<Ruling, Unable> {
        match self {
            Self::Answered(json) => parsed(&json),
            Self::Unpromised(seen) => Ok(Ruling::broken(format!("the trial: {seen}"))),
        }
    }
}

fn parsed<T: DeserializeOwned>(json: &[u8]) -> Result<T, Unable> {
    serde_json::from_slice(json).unwrap_or_else(|error| {
        Err(Unable::Failed { what: "understand the answer".into(), why: error.to_string() })
    })
}

/// As signal(7) writes those that end experiments.
fn signal_name(signal: i32) -> String {
    let name = match Signal::from_named_raw(signal) {
        Some(Signal::BUS) => "SIGBUS",
        Some(Signal::SEGV) => "SIGSEGV",
        Some(Signal::KILL) => "SIGKILL",
        Some(Signal::ABORT) => "SIGABRT",
        Some(Signal::ILL) => "SIGILL",
        Some(Signal::SYS) => "SIGSYS",
        Some(Signal::XFSZ) => "SIGXFSZ",
        Some(Signal::TERM) => "SIGTERM",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::experiment::Verdict;
    use crate::doctor::verdict::Fit;

    fn sh(script: &str, limit: Duration) -> Ended {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        watch(command, limit, |_| Ok(()), || {}).unwrap()
    }

    fn only(ended: Ended) -> Finding {
        let mut findings = ended.meaning().and_then(End::findings).unwrap();
        assert_eq!(findings.len(), 1);
        findings.remove(0)
    }

    #[test]
    fn a_signal_is_an_observation() {
        let finding = only(sh("kill -BUS $$", LIMIT));
        assert_eq!(finding.seen, "killed by SIGBUS");
        assert_eq!(finding.verdict, Verdict::Differs);
        assert!(finding.means.is_some());
    }

    #[test]
    fn a_worker_that_hangs_is_killed_with_all_that_it_started() {
        let ended = sh("sleep 1000 & echo $!; wait", Duration::from_millis(300));
        assert!(ended.status.is_none());
        let sleeper = String::from_utf8(ended.out.clone()).unwrap();
        let alive = || Path::new("/proc").join(sleeper.trim()).join("exe").exists();
        let start = Instant::now();
        while alive() && start.elapsed() < LIMIT {
            std::thread::yield_now();
        }
        assert!(!alive(), "{sleeper}");
        assert_eq!(only(ended).seen, "no end within 10 s");
    }

    #[test]
    fn a_worker_that_leaves_something_running_is_not_waited_for() {
        let start = Instant::now();
        let ended = sh("sleep 1000 & echo '{\"Ok\":[]}'", LIMIT);
        assert!(start.elapsed() < LIMIT);
        assert!(ended.meaning().and_then(End::findings).unwrap().is_empty());
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_a_failure_with_its_reason() {
        let failed = |script| match sh(script, LIMIT).meaning().and_then(End::findings) {
            Err(Unable::Failed { why, .. }) => why,
            other => panic!("{other:?}"),
        };
        let panicked = failed("echo 'thread panicked' >&2; exit 101");
        assert!(panicked.contains("101; thread panicked"), "{panicked}");
        assert!(failed("echo nonsense").contains("line 1"));
    }

    #[test]
    fn a_promise_of_folio_that_ends_in_a_signal_is_broken() {
        let ruling = sh("kill -BUS $$", LIMIT).meaning().and_then(End::ruling).unwrap();
        assert_eq!(ruling.fit, Fit::Broken);
        assert_eq!(ruling.why, ["the trial: killed by SIGBUS"]);
    }
}
