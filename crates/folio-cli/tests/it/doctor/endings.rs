//! doctor and its workers, stopped at any moment.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal};

use super::*;

/// Processes whose arguments name `dir`.
fn running_in(dir: &Path) -> Vec<i32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            arguments
                .split(|byte| *byte == 0)
                .any(|argument| argument.starts_with(dir.as_os_str().as_bytes()))
        })
        .collect()
}

#[track_caller]
fn nothing_is_left_in(dir: &Path) {
    wait_until("the scratch directory is gone", || left_in(dir).is_empty());
    wait_until("its processes are gone", || running_in(dir).is_empty());
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn start(dir: &Path) -> Child {
    let mut command = doctor(dir);
    command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Whoever is killed: doctor alone, as kill(1) does, or its process group, as a terminal does.
#[derive(Clone, Copy, Debug)]
enum Target {
    Process,
    Group,
}

/// After a number of looks at the directory that is anything between none and as many as doctor leaves time for.
fn kill_at_a_random_moment(dir: &Path, signal: Signal, target: Target, most: u64) -> u64 {
    let looks = RandomState::new().hash_one(0) % (most + 1);
    let mut child = start(dir);
    let mut looked = 0;
    while looked < looks && child.try_wait().unwrap().is_none() {
        left_in(dir);
        looked += 1;
    }
    // It may have ended by itself: then it is not there, or still waits to be asked.
    let _ = match target {
        Target::Process => rustix::process::kill_process(pid(&child), signal),
        Target::Group => rustix::process::kill_process_group(pid(&child), signal),
    };
    let status = child.wait().unwrap();
    assert!(status.code().is_some() || status.signal() == Some(signal.as_raw()), "{status}");
    nothing_is_left_in(dir);
    looked
}

#[test]
fn killed_at_any_moment_it_leaves_nothing() {
    let dir = Dir::new();
    let path = dir.as_ref().canonicalize().unwrap();
    // How many looks fit into a run.
    let mut longest = kill_at_a_random_moment(&path, Signal::TERM, Target::Process, u64::MAX - 1);
    for signal in [Signal::INT, Signal::TERM, Signal::KILL, Signal::HUP] {
        for target in [Target::Process, Target::Group] {
            longest = longest.max(kill_at_a_random_moment(&path, signal, target, longest));
        }
    }
    assert!(longest > 0);
}

/// The moment when there is most to leave: a worker runs, with files of its own.
#[test]
fn killed_while_a_worker_runs_it_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        if is_ignored(signal) {
            testfs::pass_over("SIGINT", "it is ignored here, as by what a shell runs behind it");
            continue;
        }
        let dir = Dir::new();
        let path = dir.as_ref().canonicalize().unwrap();
        let mut child = start(&path);
        wait_until("a worker has a directory", || {
            let scratch = left_in(&path).first().map(|name| path.join(name));
            scratch.is_some_and(|scratch| {
                fs::read_dir(scratch).is_ok_and(|mut entries| entries.next().is_some())
            })
        });
        rustix::process::kill_process(pid(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(signal.as_raw()));
        nothing_is_left_in(&path);
    }
}

/// Whether this process, and so what it starts, ignores a signal.
fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(ignored.trim(), 16).unwrap() >> (signal.as_raw() - 1) & 1 == 1
}

/// Every process of it, as killall(1) finds them.
#[test]
fn asked_to_end_altogether_it_leaves_nothing() {
    let dir = Dir::new();
    let path = dir.as_ref().canonicalize().unwrap();
    let mut child = start(&path);
    wait_until("there is a directory", || !left_in(&path).is_empty());
    for pid in running_in(&path) {
        // It may have ended meanwhile.
        let _ = rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM);
    }
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
    nothing_is_left_in(&path);
}

#[test]
fn whoever_reads_can_go_away() {
    let dir = Dir::new();
    let path = dir.as_ref().canonicalize().unwrap();
    let mut command = doctor(&path);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    nothing_is_left_in(&path);
}

#[test]
fn a_full_device_is_told() {
    let dir = Dir::new();
    for form in [&[][..], &["--json"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let ran = run_into(doctor(dir.as_ref()).args(["--only", "mount"]).args(form), full);
        let told = "folio: standard output: cannot write: No space left on device\n";
        assert_eq!(ran.failed(), told);
        assert_eq!(left_in(dir.as_ref()), [] as [&str; 0]);
    }
}

/// Somebody else kills a worker: that is a finding, and the others go on.
#[test]
fn a_worker_that_is_killed_is_a_finding() {
    let dir = Dir::new();
    let path = dir.as_ref().canonicalize().unwrap();
    for _ in 0..100 {
        let mut command = doctor(&path);
        let child =
            command.arg("--json").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let doctor = child.id().to_string();
        wait_until("a worker was killed", || {
            let killed = running_in(&path).into_iter().find(|pid| is_worker_of(*pid, &doctor));
            killed.is_some_and(|pid| {
                rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).is_ok()
            }) || left_in(&path).is_empty() && has_ended(&doctor)
        });
        let report: Value =
            serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
        let findings = list(&report["findings"]);
        if let Some(killed) = findings.iter().find(|found| found["seen"] == "killed by SIGKILL") {
            assert_eq!(killed["verdict"], "differs");
            assert!(list(&report["verdicts"]).len() > 3, "the others went on");
            return;
        }
        // It was so quick that the signal came after its answer.
    }
    panic!("of a hundred workers none could be killed in time");
}

fn is_worker_of(pid: i32, doctor: &str) -> bool {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut arguments = arguments.split(|byte| *byte == 0).skip(1);
    arguments.next() == Some(b"doctor-worker") && arguments.next() == Some(doctor.as_bytes())
}

fn has_ended(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}
