//! The process that makes the scratch directory and takes it away, whatever becomes of doctor.
//!
//! doctor may be killed at any moment, and then cannot clean up. So another process does, which nothing that is sent to
//! doctor or typed at its terminal reaches: the janitor, in a process group of its own. It makes the directory, so that
//! there is never a directory without a janitor; then it reads from a pipe whose write end doctor and all its workers
//! hold. When the last of them is gone the pipe ends, and it removes the directory.
//!
//! Workers end with doctor (prctl(2), `PR_SET_PDEATHSIG`), but what they forked may not. So the janitor also watches
//! doctor itself (pidfd_open(2)), is told on the pipe which worker runs, and kills that one's process group if the pipe
//! does not end by itself when doctor has. As long as it has not ended there is somebody in that group, so the number is
//! not another's.

use std::fs::{self, DirBuilder, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use folio::raw::Signal;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::{Errno, FdFlags};
use rustix::process::{Pid, PidfdFlags};

use super::filesystem::FileSystem;
use super::place::{Scratch, why_no_scratch};
use super::worker::{Role, THIS_PROGRAM};
use crate::failure::why;

/// How long what a worker has forked may take to end after doctor has.
const GRACE: Duration = Duration::from_millis(200);
/// How long the kernel may take to end what was killed.
const KILLED: Duration = Duration::from_secs(5);

/// The janitor, as doctor holds it. Dropping it has the directory removed, and waits for that.
#[derive(Debug)]
pub(super) struct Janitor {
    process: Child,
    pipe: Option<ChildStdin>,
    scratch: Scratch,
}

impl Janitor {
    /// Start it, and have it make a directory in `dir` if one can be made there.
    pub(super) fn start(dir: &Path, file_system: &FileSystem) -> io::Result<Self> {
        let mut process = Command::new(THIS_PROGRAM)
            .args([Role::JANITOR, &std::process::id().to_string()])
            .arg(dir)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(not_started)?;
        let pipe = process.stdin.take();
        if let Some(pipe) = &pipe {
            // For the workers; the janitor itself has started without it.
            rustix::io::fcntl_setfd(pipe, FdFlags::empty())?;
        }
        let mut answer = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut answer)?;
        }
        let scratch = match answer.trim_end().split_once(' ') {
            Some(("made", name)) => Scratch::At(dir.join(name)),
            Some(("failed", errno)) => {
                let error = io::Error::from_raw_os_error(errno.parse().unwrap_or(0));
                Scratch::Missing(why_no_scratch(file_system, &error))
            }
            _ => return Err(io::Error::other("the process that cleans up did not start")),
        };
        Ok(Self { process, pipe, scratch })
    }

    /// The directory that it made.
    pub(super) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Tell it which worker runs now.
    pub(super) fn watch_over(&mut self, worker: u32) -> io::Result<()> {
        self.pipe.as_mut().map_or(Ok(()), |pipe| writeln!(pipe, "{worker}"))
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // Without an answer it has been killed, and the directory is there still.
        let _ = self.process.wait();
        if let Scratch::At(path) = &self.scratch
            && path.exists()
        {
            let _ = remove(path);
        }
    }
}

/// The directory has no part in it: without /proc there is no program to start, say.
fn not_started(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot start {THIS_PROGRAM}: {}", why(&error)))
}

/// What the janitor does: make the directory in `dir`, say so, wait until nobody needs it, remove it.
pub(super) fn janitor(doctor: u32, dir: &Path) -> ExitCode {
    for signal in [Signal::Hangup, Signal::Interrupt, Signal::Quit, Signal::Terminate] {
        // killall(1) and service managers mean every process of doctor; this one ends soon enough.
        let _ = folio::raw::ignore_signal(signal);
    }
    // As in the workers: a limit on the length of files shall be an answer.
    let _ = folio::raw::ignore_signal(Signal::FileSize);
    let Some(pid) = i32::try_from(doctor).ok().and_then(Pid::from_raw) else {
        return ExitCode::FAILURE;
    };
    // Before Linux 5.3 there is only the pipe to watch.
    let doctor = rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok();
    let made = make_scratch(dir, pid);
    let answer = match &made {
        Ok(path) => format!("made {}", path.file_name().unwrap_or_default().display()),
        Err(error) => format!("failed {}", error.raw_os_error().unwrap_or(0)),
    };
    // If doctor is gone already, the pipe says so.
    let _ = writeln!(io::stdout(), "{answer}");
    until_nobody_needs_it(doctor.as_ref());
    match made.map(|path| remove(&path)) {
        // Without a directory there were only workers to watch over.
        Ok(Ok(())) | Err(_) => ExitCode::SUCCESS,
        Ok(Err(_)) => ExitCode::FAILURE,
    }
}

/// Remove the directory and all that is in it. A FUSE server renames an open file that is removed, into the same
/// directory, and takes it away only after it has heard that whoever had it open is dead.
fn remove(path: &Path) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error)
                if error.kind() == io::ErrorKind::DirectoryNotEmpty && start.elapsed() < KILLED =>
            {
                rustix::thread::sched_yield();
            }
            answer => return answer,
        }
    }
}

fn make_scratch(dir: &Path, doctor: Pid) -> io::Result<PathBuf> {
    loop {
        let random = RandomState::new().hash_one(0) & 0xffff;
        let path = dir.join(format!(".folio-doctor-{}-{random:04x}", doctor.as_raw_pid()));
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) => return takes_files(&path).map(|()| path),
        }
    }
}

/// Whether files can be made and written in the new directory `path`; it is removed if not. There are file systems where a
/// directory is another kind of thing, a control group in cgroups(7), and has in it what the kernel puts there; files of
/// hugetlbfs cannot be written.
fn takes_files(path: &Path) -> io::Result<()> {
    let file = path.join("file");
    let made = File::create_new(&file)
        .and_then(|mut file| file.write_all(b"?"))
        .and_then(|()| fs::remove_file(&file));
    if made.is_err() {
        // With the file, if it could be made and not be removed.
        fs::remove_dir(path).or_else(|_| remove(path))?;
    }
    made
}

/// Until the pipe has ended, or what still holds it has been killed.
fn until_nobody_needs_it(doctor: Option<&OwnedFd>) {
    let Ok(descriptor) = io::stdin().as_fd().try_clone_to_owned() else { return };
    let mut pipe = Pipe { end: File::from(descriptor), heard: Vec::new() };
    let ended = loop {
        match pipe.wait(doctor, None) {
            Event::Heard => {}
            event => break event,
        }
    };
    if ended == Event::PipeEnded || pipe.ends_within(GRACE) {
        return;
    }
    if let Some(worker) = pipe.last_worker() {
        // It may have ended just now.
        let _ = rustix::process::kill_process_group(worker, rustix::process::Signal::KILL);
    }
    pipe.ends_within(KILLED);
}

/// The read end of the pipe, and what came through it: process ids, one a line.
struct Pipe {
    end: File,
    heard: Vec<u8>,
}

/// What the janitor waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Heard,
    PipeEnded,
    DoctorEnded,
    TimeUp,
}

impl Pipe {
    /// Wait for the pipe, for doctor's end, or until the time is up. What the pipe says comes first.
    fn wait(&mut self, doctor: Option<&OwnedFd>, limit: Option<Duration>) -> Event {
        let timeout = limit.and_then(|limit| Timespec::try_from(limit).ok());
        let mut watched = vec![PollFd::new(&self.end, PollFlags::IN)];
        watched.extend(doctor.map(|doctor| PollFd::new(doctor, PollFlags::IN)));
        match rustix::event::poll(&mut watched, timeout.as_ref()) {
            Ok(0) => return Event::TimeUp,
            Err(Errno::INTR) => return Event::Heard,
            Err(_) => return Event::PipeEnded,
            Ok(_) if watched[0].revents().is_empty() => return Event::DoctorEnded,
            Ok(_) => {}
        }
        let mut bytes = [0; 64];
        match self.end.read(&mut bytes) {
            Ok(0) | Err(_) => Event::PipeEnded,
            Ok(count) => {
                self.heard.extend_from_slice(&bytes[..count]);
                Event::Heard
            }
        }
    }

    /// Whether the pipe ends in time.
    fn ends_within(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        loop {
            match self.wait(None, Some(limit.saturating_sub(start.elapsed()))) {
                Event::Heard => {}
                event => return event == Event::PipeEnded,
            }
        }
    }

    /// That on the last whole line.
    fn last_worker(&self) -> Option<Pid> {
        let heard = str::from_utf8(&self.heard).ok()?;
        let (whole, _) = heard.rsplit_once('\n')?;
        whole.lines().last()?.parse().ok().and_then(Pid::from_raw)
    }
}
