//! A job, and what happens to its file in the middle of it.
//!
//! So that it is surely the middle, the process is watched from outside: once the file is among its mappings
//! (`/proc/PID/maps`) and enough pages of files are in its memory (`/proc/PID/statm`), it is stopped. Then the file is changed,
//! by another thread, because under folio that has to wait. When the change is done, or is seen to wait, the process goes
//! on. What the writer waited counts from then, because the stop is none of the program's.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::input::{Sample, Samples, largest};
use super::package::{Side, Workshop, run};
use super::programs::{Answer, Job, Program};
use super::verdict::{Outcome, Seen, judge, telling};

/// How long a job may take.
const PATIENCE: Timespec = Timespec { tv_sec: 120, tv_nsec: 0 };
/// How often a job is begun again that was at its end before it could be stopped.
const ATTEMPTS: u32 = 8;
const PAGE: u64 = 4096;

/// What somebody does to the file while the job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Opens it and truncates it to nothing, as `>` of a shell does.
    Truncated,
    /// Opens it and writes other content over it.
    Rewritten,
    /// Truncates it through a descriptor from before the program opened it.
    TruncatedByHolder,
    /// The same, where folio was told to end the program then.
    TruncatedByHolderToAbort,
}

impl Fault {
    /// Each of them.
    pub const ALL: [Self; 4] =
        [Self::Truncated, Self::Rewritten, Self::TruncatedByHolder, Self::TruncatedByHolderToAbort];

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Rewritten => "rewritten",
            Self::TruncatedByHolder => "truncated by a process that had it open",
            Self::TruncatedByHolderToAbort => "the same, with `FOLIO_MEMMAP2=abort`",
        }
    }

    /// What the environment variable `FOLIO_MEMMAP2` says, which memmap2 does not heed.
    #[must_use]
    pub fn setting(self) -> Option<&'static str> {
        (self == Self::TruncatedByHolderToAbort).then_some("abort")
    }
}

/// Where a job is done, anew for each.
struct Place {
    dir: PathBuf,
    victim: PathBuf,
    stdout: PathBuf,
    stderr: PathBuf,
    output: PathBuf,
}

/// Do the job on a copy of `dir` with memmap2 as it is, and leave it alone.
///
/// # Errors
/// It could not be started, or took too long.
pub fn undisturbed(
    workshop: &Workshop,
    program: &Program,
    job: &Job,
    dir: &Path,
) -> Result<Sample, String> {
    let place = Place::new(&workshop.bench(program), dir)?;
    let seen = place.start(&workshop.binary(program, Side::Memmap2), job, None).and_then(wait);
    let Some(status) = seen.map_err(|error| format!("{}: {error}", program.package))? else {
        return Err(format!("{}: it does not end", program.package));
    };
    Ok(Sample {
        dir: dir.to_owned(),
        answer: place.answer(job),
        stderr: place.said(),
        code: status.code(),
    })
}

/// Do the job, and change its file in the middle of it.
///
/// # Errors
/// It could not be started, or was always at its end before it could be stopped.
pub fn disturb(
    workshop: &Workshop,
    program: &Program,
    job: &Job,
    samples: &Samples,
    side: Side,
    fault: Fault,
) -> Result<Seen, String> {
    let content = largest(&samples.new.dir)
        .and_then(fs::read)
        .map_err(|error| format!("{}: {error}", samples.new.dir.display()))?;
    for _ in 0..ATTEMPTS {
        let place = Place::new(&workshop.bench(program), &samples.old.dir)?;
        let named = |error: io::Error| format!("{}: {error}", program.package);
        let change = Change::prepare(fault, &place.victim, &content).map_err(named)?;
        let child =
            place.start(&workshop.binary(program, side), job, fault.setting()).map_err(named)?;
        let Some((touched, waited)) = change.strike(&child, job.touched).map_err(named)? else {
            let _ = wait(child).map_err(named)?;
            continue;
        };
        let status = wait(child).map_err(named)?;
        let outcome =
            status.map_or(Outcome::Hung, |status| judge(status, &place.answer(job), samples));
        let (file, dir) = (place.victim.display().to_string(), place.dir.display().to_string());
        let said = telling(&place.said(), &samples.old.stderr, &file, &dir);
        return Ok(Seen { outcome, said, waited, touched });
    }
    Err(format!("{}: {}: always done before its file could be changed", program.package, job.says))
}

impl Place {
    fn new(bench: &Path, input: &Path) -> Result<Self, String> {
        let dir = bench.join("run");
        let _ = fs::remove_dir_all(&dir);
        run(Command::new("cp")
            .args(["--recursive", "--no-target-directory"])
            .arg(input)
            .arg(&dir))?;
        let victim = largest(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let output = bench.join("output");
        let _ = fs::remove_file(&output);
        Ok(Self { dir, victim, stdout: bench.join("stdout"), stderr: bench.join("stderr"), output })
    }

    fn start(&self, binary: &Path, job: &Job, setting: Option<&str>) -> io::Result<Child> {
        let mut command = Command::new(binary);
        for argument in job.arguments {
            match *argument {
                "DIR" => command.arg(&self.dir),
                "FILE" => command.arg(&self.victim),
                "OUTPUT" => command.arg(&self.output),
                other => command.arg(other),
            };
        }
        command.env_remove("FOLIO_MEMMAP2").env_remove("RUST_BACKTRACE");
        command.envs(setting.map(|setting| ("FOLIO_MEMMAP2", setting)));
        command.stdin(Stdio::null());
        command.stdout(File::create(&self.stdout)?).stderr(File::create(&self.stderr)?);
        command.spawn()
    }

    /// What the program answered; nothing if it did not come to that.
    fn answer(&self, job: &Job) -> Vec<u8> {
        let place = match job.answer {
            Answer::Stdout => &self.stdout,
            Answer::Output => &self.output,
            Answer::InPlace => &self.victim,
        };
        fs::read(place).unwrap_or_default()
    }

    fn said(&self) -> String {
        fs::read(&self.stderr)
            .map_or(String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// A change that is about to be made to a file.
struct Change<'a> {
    path: &'a Path,
    content: &'a [u8],
    fault: Fault,
    holder: Option<File>,
    file_len: u64,
}

impl<'a> Change<'a> {
    fn prepare(fault: Fault, path: &'a Path, content: &'a [u8]) -> io::Result<Self> {
        let holder = match fault {
            Fault::TruncatedByHolder | Fault::TruncatedByHolderToAbort => {
                Some(File::options().write(true).open(path)?)
            }
            Fault::Truncated | Fault::Rewritten => None,
        };
        Ok(Self { path, content, fault, holder, file_len: fs::metadata(path)?.len() })
    }

    /// Stop the program when it has touched `wanted` bytes of the file, change the file, let the program go on: how much it
    /// had touched, and how long the change had to wait. `None` if the program was at its end before.
    fn strike(&self, child: &Child, wanted: u64) -> io::Result<Option<(u64, Duration)>> {
        let pid = Pid::from_child(child);
        let Some(touched) = stop_in_the_middle(pid, self.file_len, wanted)? else {
            return Ok(None);
        };
        let (report, news) = mpsc::channel();
        thread::scope(|scope| {
            let writer = scope.spawn(move || {
                let _ = report.send(rustix::thread::gettid());
                let began = Instant::now();
                self.change().map(|let_in| (began, let_in))
            });
            let writers_id = news.recv().map_err(io::Error::other)?;
            while !writer.is_finished() && !is_asleep(writers_id) {
                thread::yield_now();
            }
            let went_on = Instant::now();
            kill_process(pid, Signal::CONT)?;
            let (began, let_in) =
                writer.join().map_err(|_| io::Error::other("the writer panicked"))??;
            Ok(Some((touched, let_in - if let_in > went_on { went_on } else { began })))
        })
    }

    /// Change the file: the moment when the kernel let the writer in.
    fn change(&self) -> io::Result<Instant> {
        if let Some(holder) = &self.holder {
            holder.set_len(0)?;
            return Ok(Instant::now());
        }
        let truncate = self.fault == Fault::Truncated;
        let file = File::options().write(true).truncate(truncate).open(self.path)?;
        let let_in = Instant::now();
        if self.fault == Fault::Rewritten {
            file.write_all_at(self.content, 0)?;
            file.set_len(self.content.len() as u64)?;
        }
        Ok(let_in)
    }
}

/// Watch `pid` until it maps a file of `file_len` bytes and has touched `wanted` bytes more than when it was first seen to,
/// and stop it there: how many it has touched. `None` if it ended before.
fn stop_in_the_middle(pid: Pid, file_len: u64, wanted: u64) -> io::Result<Option<u64>> {
    let mut base = None;
    loop {
        if state(&format!("/proc/{pid}/stat")).is_none_or(|state| state == 'Z') {
            return Ok(None);
        }
        let resident = file_pages(pid) * PAGE;
        match base {
            None if maps_file(pid, file_len) => base = Some(resident),
            Some(base) if resident >= base + wanted => break,
            _ => {}
        }
    }
    kill_process(pid, Signal::STOP)?;
    loop {
        match state(&format!("/proc/{pid}/stat")) {
            Some('T' | 't') => break,
            None | Some('Z') => return Ok(None),
            Some(_) => thread::yield_now(),
        }
    }
    let touched = (file_pages(pid) * PAGE).saturating_sub(base.unwrap_or(0));
    // Done with it already, or not mapped any more.
    if !maps_file(pid, file_len) || touched >= file_len {
        kill_process(pid, Signal::CONT)?;
        return Ok(None);
    }
    Ok(Some(touched))
}

/// Whether a mapping of `pid` has the length of the file. (Its name may be another's: that of a snapshot.)
fn maps_file(pid: Pid, file_len: u64) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    maps.lines().any(|line| mapped_len(line) == Some(file_len.next_multiple_of(PAGE)))
}

/// The length of a mapping of a file, from its line in `/proc/PID/maps`; proc_pid_maps(5).
fn mapped_len(line: &str) -> Option<u64> {
    line.contains('/').then_some(())?;
    let (start, end) = line.split_whitespace().next()?.split_once('-')?;
    Some(u64::from_str_radix(end, 16).ok()? - u64::from_str_radix(start, 16).ok()?)
}

/// Pages of files in the memory of `pid`: the third number of proc_pid_statm(5).
fn file_pages(pid: Pid) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    statm.split_whitespace().nth(2).and_then(|pages| pages.parse().ok()).unwrap_or(0)
}

/// The state of a process or thread: the letter behind its name in proc_pid_stat(5).
fn state(stat: &str) -> Option<char> {
    let stat = fs::read_to_string(stat).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Whether a thread of this process waits for something that a signal may end. That is how a lease holds a writer back; a
/// writer who waits for the disk is in state D.
fn is_asleep(thread: Pid) -> bool {
    state(&format!("/proc/self/task/{thread}/stat")) == Some('S')
}

/// Wait for the end of `child`; `None` if it had to be ended.
fn wait(mut child: Child) -> io::Result<Option<ExitStatus>> {
    let pid = Pid::from_child(&child);
    let fd = pidfd_open(pid, PidfdFlags::empty())?;
    let ended = poll(&mut [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)], Some(&PATIENCE))?;
    if ended == 0 {
        child.kill()?;
        child.wait()?;
        return Ok(None);
    }
    child.wait().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_mappings_are_read() {
        let line = "7f0000000000-7f0000003000 r--s 00000000 fe:00 42    /tmp/f";
        assert_eq!(mapped_len(line), Some(0x3000));
        assert_eq!(mapped_len("7f0000000000-7f0000003000 rw-p 00000000 00:00 0"), None);
    }

    #[test]
    fn a_process_is_stopped_once_it_maps_the_file() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_child(&child);
        // Once it sleeps it maps and touches nothing more. Any mapping of a file will do: the first of the program itself.
        while state(&format!("/proc/{pid}/stat")) != Some('S') {
            thread::yield_now();
        }
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let len = maps.lines().find_map(mapped_len).unwrap();
        assert_eq!(stop_in_the_middle(pid, len, 0).unwrap(), Some(0));
        assert_eq!(state(&format!("/proc/{pid}/stat")), Some('T'));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_process_that_ends_first_is_not_waited_for() {
        let child = Command::new("true").spawn().unwrap();
        assert_eq!(stop_in_the_middle(Pid::from_child(&child), u64::MAX / 2, 0).unwrap(), None);
        assert_eq!(wait(child).unwrap().and_then(|status| status.code()), Some(0));
    }
}
