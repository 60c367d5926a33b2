//! Forking, ending, and counting faults.

use std::io;

use super::holes::Holes;
use super::{done, holes};

/// How often a thread that is just ending is waited for.
const PATIENCE: usize = 100;

/// Divide the process; fork(2). `None` in the child.
///
/// Refused with `WouldBlock` while the process has other threads (clause R3).
pub(crate) fn fork() -> io::Result<Option<i32>> {
    alone()?;
    let holes = Holes::find()?;
    // SAFETY: clause R3: this is the only thread, so that every lock and every half-done change in the child is its own.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            if holes.fill().is_err() {
                exit(holes::UNFILLED);
            }
            Ok(None)
        }
        pid => Ok(Some(pid)),
    }
}

/// An error unless this is the only thread. One that is joined may still be counted for a moment.
fn alone() -> io::Result<()> {
    for _ in 0..PATIENCE {
        if threads()? == 1 {
            return Ok(());
        }
        rustix::thread::sched_yield();
    }
    Err(io::Error::new(
        io::ErrorKind::WouldBlock,
        "a process with several threads cannot be forked safely",
    ))
}

/// How many threads this process has; proc_pid_status(5).
fn threads() -> io::Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    threads.and_then(|number| number.trim().parse().ok()).ok_or_else(|| {
        io::Error::new(io::ErrorKind::Unsupported, "/proc/self/status counts no threads")
    })
}

/// End the process at once; _exit(2).
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: clause S1: the call takes an integer and does not return; no destructor runs, which is safe.
    unsafe { libc::_exit(code) }
}

/// How many page faults this process has had: without and with reading from a device; getrusage(2).
pub(crate) fn faults() -> io::Result<(u64, u64)> {
    let mut usage = core::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: clause S1: the struct outlives the call, which writes it.
    done(unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) })?;
    // SAFETY: clause S1: zeros are a value of the struct, and the call succeeded.
    let usage = unsafe { usage.assume_init() };
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok((count(usage.ru_minflt), count(usage.ru_majflt)))
}
