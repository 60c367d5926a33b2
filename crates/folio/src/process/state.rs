//! What a process is, which everybody may know: `/proc/PID/status` and `/proc/PID/stat`; proc_pid_status(5), proc_pid_stat(5).

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;

/// What a process is and what it is doing.
///
/// ```
/// use folio::process::Process;
/// let state = Process::current()?.state()?;
/// println!("{} of user {}: {}", state.name.display(), state.user, state.letter);
/// let inside = state.numbers.last(); // its number in the innermost container
/// # assert!(inside.is_some_and(|&number| number > 0) && state.threads > 0);
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its name: that of the program, cut to 15 bytes, unless it gave itself another.
    pub name: OsString,
    /// A letter of proc_pid_stat(5): `R` running, `S` sleeping, `T` stopped, `Z` zombie …
    pub letter: char,
    /// Whether it has memory of its own.
    pub kind: Kind,
    /// The number of its threads.
    pub threads: u64,
    /// Its effective user.
    pub user: u32,
    /// Its numbers in the namespaces of processes that it is in, from that of /proc inward: more than one in a container.
    pub numbers: Vec<u32>,
}

/// Whether a process has memory of its own.
///
/// ```
/// use folio::process::{Kind, MappingsVia, Process};
/// let process = Process::current()?;
/// match process.state()?.kind {
///     Kind::Program => assert!(!process.mappings(MappingsVia::Best)?.is_empty()),
///     Kind::KernelThread => unreachable!("this is a program"),
/// }
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It runs a program.
    Program,
    /// A thread of the kernel, which has no addresses of its own.
    KernelThread,
}

impl State {
    /// Whether it has ended and its parent has not taken notice yet. Its memory is gone.
    ///
    /// ```
    /// use folio::process::Process;
    /// let mut child = std::process::Command::new("true").spawn()?;
    /// let process = Process::open(child.id())?;
    /// while !process.state()?.is_zombie() {
    ///     std::thread::yield_now(); // until it has ended, of which this process takes no notice
    /// }
    /// assert!(process.mappings(Default::default()).is_err());
    /// child.wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_zombie(&self) -> bool {
        matches!(self.letter, 'Z' | 'X')
    }

    pub(super) fn parse(status: &[u8], stat: &[u8]) -> io::Result<Self> {
        let odd = || io::Error::new(io::ErrorKind::InvalidData, "not as proc_pid_stat(5) has it");
        parse(status, stat).ok_or_else(odd)
    }
}

/// `PF_KTHREAD` of linux/sched.h.
const KERNEL_THREAD: u32 = 0x0020_0000;

fn parse(status: &[u8], stat: &[u8]) -> Option<State> {
    // The name stands in parentheses and may hold any byte, parentheses among them; what follows does not.
    let (open, close) =
        (stat.iter().position(|&byte| byte == b'(')?, stat.iter().rposition(|&byte| byte == b')')?);
    let name = OsString::from_vec(stat.get(open + 1..close)?.to_vec());
    let after = str::from_utf8(stat.get(close + 1..)?).ok()?;
    let mut fields = after.split_ascii_whitespace();
    let letter = fields.next()?.chars().next()?;
    // The ninth field; the state was the third.
    let flags: u32 = fields.nth(5)?.parse().ok()?;
    let line = |key: &str| {
        let mut lines = status.split(|&byte| byte == b'\n');
        let found = lines.find_map(|line| line.strip_prefix(key.as_bytes()))?;
        str::from_utf8(found).ok()
    };
    let numbers = line("NSpid:").unwrap_or_default().split_ascii_whitespace();
    Some(State {
        name,
        letter,
        kind: if flags & KERNEL_THREAD == 0 { Kind::Program } else { Kind::KernelThread },
        threads: line("Threads:").and_then(|text| text.trim().parse().ok()).unwrap_or(1),
        user: line("Uid:")?.split_ascii_whitespace().nth(1)?.parse().ok()?,
        numbers: numbers.filter_map(|number| number.parse().ok()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_anything() {
        let stat = b"7 (a) Z (b\n) S 1 7 7 0 -1 4194560 91 0 0 0";
        let status = b"Name:\ta) Z (b\\n\nUid:\t1\t1000\t1\t1\nNSpid:\t7\t1\nThreads:\t3\n";
        let state = State::parse(status, stat).unwrap();
        assert_eq!(state.name, "a) Z (b\n");
        assert_eq!((state.letter, state.kind, state.is_zombie()), ('S', Kind::Program, false));
        assert_eq!((state.threads, state.user, state.numbers), (3, 1000, vec![7, 1]));
        let kernel = State::parse(status, b"2 (kthreadd) S 0 0 0 0 -1 2129984 0").unwrap();
        assert_eq!(kernel.kind, Kind::KernelThread);
        assert!(State::parse(status, b"2 kthreadd S").is_err());
    }
}
