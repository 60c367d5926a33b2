//! Processes that may die.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Resource, Rlimit, WaitOptions, WaitStatus};

use crate::sys::raw::process as sys;

/// The exit code of a child whose closure panicked, as of a Rust program.
const PANICKED: i32 = 101;
/// The exit code of a child that could not tell its parent what it saw.
const UNHEARD: i32 = 102;

/// Which of the two processes this is; fork(2).
///
/// ```
/// use folio::raw::{Ended, Fork, exit, fork};
/// match fork()? {
///     Fork::Child => exit(3),
///     Fork::Parent(child) => assert_eq!(child.wait()?, Ended::Exited(3)),
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "both processes go on from here"]
pub enum Fork {
    /// The one that called, with the new one.
    Parent(Child),
    /// The new one. End it with [`exit`].
    Child,
}

/// Divide the process in two; fork(2).
///
/// The child has a copy of all memory, also of values that remove files or end other things when they are dropped: it should
/// not return from here, but do what it is for and [`exit`].
///
/// ```
/// use folio::raw::fork;
/// let (keep, kept) = std::sync::mpsc::channel::<()>();
/// let thread = std::thread::spawn(move || kept.recv());
/// let error = fork().unwrap_err(); // the child would lack that thread, and what it is to do
/// assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
/// drop(keep); // and so the thread ends
/// # let _ = thread.join();
/// ```
///
/// # Errors
/// [`WouldBlock`](io::ErrorKind::WouldBlock), without a number, while the process has more than one thread: another's locks and
/// half-done changes would stay as they are in the child for ever (clause R3). A lease of folio's comes with a thread. And
/// what fork(2) answers.
pub fn fork() -> io::Result<Fork> {
    Ok(match sys::fork()? {
        Some(pid) => Fork::Parent(Child { pid }),
        None => Fork::Child,
    })
}

/// End this process at once, without running destructors or flushing buffers; _exit(2). For children of [`fork`], whose
/// buffers and values are copies of their parent's.
///
/// ```
/// use folio::raw::{Fork, exit, fork};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// struct Cleanup<'a>(&'a std::path::Path);
/// impl Drop for Cleanup<'_> {
///     fn drop(&mut self) {
///         let _ = std::fs::remove_file(self.0);
///     }
/// }
/// std::fs::write(&path, b"hello")?;
/// let cleanup = Cleanup(&path);
/// match fork()? {
///     Fork::Child => exit(0), // does not drop its copy of `cleanup`
///     Fork::Parent(child) => child.wait()?,
/// };
/// assert!(path.exists());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn exit(code: i32) -> ! {
    sys::exit(code)
}

/// How a process ended; wait(2).
///
/// ```
/// use folio::raw::{Ended, observe};
/// assert_eq!(observe(Vec::new)?.ended, Ended::Exited(0));
/// let abort = observe(|| std::process::abort())?;
/// assert_eq!(abort.ended, Ended::Signalled(libc::SIGABRT));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
}

/// A process that [`fork`] made. Dropping the value leaves it alone.
///
/// ```
/// use folio::raw::{Ended, Fork, Signal, default_signal, exit, fork};
/// match fork()? {
///     Fork::Child => {
///         if default_signal(Signal::Terminate).is_err() {
///             exit(1);
///         }
///         loop {
///             std::thread::park();
///         }
///     }
///     Fork::Parent(child) => {
///         let pid = rustix::process::Pid::from_raw(child.pid()).expect("a child has a number");
///         rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
///         assert_eq!(child.wait()?, Ended::Signalled(Signal::Terminate.number()));
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Child {
    pid: i32,
}

impl Child {
    /// Its process id.
    ///
    /// ```
    /// use folio::raw::{Fork, exit, fork};
    /// match fork()? {
    ///     Fork::Child => exit(0),
    ///     Fork::Parent(child) => {
    ///         let status = format!("/proc/{}/status", child.pid());
    ///         assert!(std::fs::exists(&status)?); // at least until it is waited for
    ///         child.wait()?;
    ///     }
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Wait until it ends; waitpid(2).
    ///
    /// ```
    /// use folio::raw::{Ended, Fork, exit, fork};
    /// match fork()? {
    ///     Fork::Child => exit(256 + 7),
    ///     Fork::Parent(child) => assert_eq!(child.wait()?, Ended::Exited(7)), // of a code 8 bits are kept
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What waitpid(2) answers: `ECHILD` if somebody else has waited for it.
    pub fn wait(self) -> io::Result<Ended> {
        let pid = Pid::from_raw(self.pid);
        loop {
            match rustix::process::waitpid(pid, WaitOptions::empty()) {
                Ok(Some((_, status))) => {
                    if let Some(ended) = ended(status) {
                        return Ok(ended);
                    }
                }
                Ok(None) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

fn ended(status: WaitStatus) -> Option<Ended> {
    let exited = status.exit_status().map(Ended::Exited);
    exited.or_else(|| status.terminating_signal().map(Ended::Signalled))
}

/// What a process told before it ended.
///
/// ```
/// use folio::raw::{Ended, observe};
/// let seen = observe(|| b"seen".to_vec())?;
/// assert_eq!((seen.bytes, seen.ended), (b"seen".to_vec(), Ended::Exited(0)));
/// let seen = observe(|| panic!("of this only the code is known"))?;
/// assert_eq!((seen.bytes, seen.ended), (Vec::new(), Ended::Exited(101)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What the closure returned; empty if it did not return.
    pub bytes: Vec<u8>,
    /// How the process ended: `Exited(0)` if the closure returned, `Exited(101)` if it panicked.
    pub ended: Ended,
}

/// Run `experiment` in a child, and wait for it. It may die of a signal; no core is dumped.
///
/// What the closure owns is dropped in both processes: a value that removes a file does so twice.
///
/// ```
/// use folio::raw::{Ended, observe};
/// let seen = observe(|| b"hello".to_vec())?;
/// assert_eq!((seen.bytes.as_slice(), seen.ended), (b"hello".as_slice(), Ended::Exited(0)));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// As [`fork`], and what making and reading a pipe answers.
pub fn observe(experiment: impl FnOnce() -> Vec<u8>) -> io::Result<Observation> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    match fork()? {
        Fork::Child => {
            drop(reader);
            tell(writer, experiment)
        }
        Fork::Parent(child) => {
            drop(writer);
            let mut bytes = Vec::new();
            let read = std::fs::File::from(reader).read_to_end(&mut bytes);
            let ended = child.wait()?;
            read?;
            Ok(Observation { bytes, ended })
        }
    }
}

/// The child's part: nothing of it unwinds into frames that are copies of the parent's.
fn tell(writer: OwnedFd, experiment: impl FnOnce() -> Vec<u8>) -> ! {
    dump_no_core();
    let bytes = match catch_unwind(AssertUnwindSafe(experiment)) {
        Ok(bytes) => bytes,
        Err(payload) => {
            // Dropping what it panicked with might panic again.
            core::mem::forget(payload);
            exit(PANICKED)
        }
    };
    match std::fs::File::from(writer).write_all(&bytes) {
        Ok(()) => exit(0),
        Err(_) => exit(UNHEARD),
    }
}

pub(super) fn dump_no_core() {
    let maximum = rustix::process::getrlimit(Resource::Core).maximum;
    // Lowering the limit is always allowed; at worst there is a core.
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
}

/// How many page faults a process has had; getrusage(2).
///
/// ```
/// use folio::raw::{MapFlags, Mapping, Protection, Sharing, faults};
/// let rw = Protection::READ | Protection::WRITE;
/// let mapping = Mapping::anonymous(1, rw, Sharing::Private, MapFlags::empty())?;
/// let before = faults()?;
/// mapping.store(0, 7); // the first touch
/// assert!(faults()?.minor > before.minor);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Faults {
    /// Without reading from a device (`ru_minflt`).
    pub minor: u64,
    /// With reading from a device (`ru_majflt`).
    pub major: u64,
}

/// The page faults of this process so far.
///
/// ```
/// use folio::raw::{MapFlags, Mapping, Protection, Sharing, faults};
/// let rw = Protection::READ | Protection::WRITE;
/// let mapping = Mapping::anonymous(1 << 20, rw, Sharing::Private, MapFlags::POPULATE)?;
/// let before = faults()?;
/// mapping.store_range(0..1 << 20, 7);
/// println!("{} faults", faults()?.minor - before.minor); // the pages were there already
/// # assert!(faults()?.minor - before.minor < 100);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// What getrusage(2) answers.
pub fn faults() -> io::Result<Faults> {
    let (minor, major) = sys::faults()?;
    Ok(Faults { minor, major })
}
