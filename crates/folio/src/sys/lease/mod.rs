//! File leases: the kernel's promise to hold writers back until we are ready for them.
//!
//! A [`Lease`] is taken on an open file description that folio shares with nobody (clause G2), because a second
//! `F_SETLEASE` through the same description would change the first. Who wants to write is held back by the kernel,
//! which sends SIGIO to one thread of folio's, [`watch`]; that thread puts the content out of the writer's reach
//! ([`materialise`]) and gives the lease up.
//!
//! fcntl(2) "Leases"; Linux `fs/locks.c`.

pub(crate) mod materialise;
pub(crate) mod watch;

use std::borrow::Cow;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::process::id as process;
use super::stable::Loss;
use crate::error::Cause;

/// `F_SETOWN_EX` and what it takes; fcntl(2).
const F_SETOWN_EX: i32 = 15;
const F_OWNER_TID: i32 = 0;

#[repr(C)]
struct OwnerEx {
    kind: i32,
    id: i32,
}

/// Between the question whether a description has a lease and taking it, no other thread takes it.
static TURN: Mutex<()> = Mutex::new(());

/// The locks of this module, for a process that forks.
pub(crate) struct Held {
    _window: MutexGuard<'static, ()>,
    _turn: MutexGuard<'static, ()>,
    _watch: watch::Held,
}

/// Wait until no other thread holds them, and hold them.
pub(crate) fn hold() -> Held {
    // The window first: it may take a while, and nobody who has it waits for the others.
    Held {
        _window: materialise::hold(),
        _turn: TURN.lock().unwrap_or_else(PoisonError::into_inner),
        _watch: watch::hold(),
    }
}

/// Give up the leases of this process whose mappings can bear it: it ends.
pub(crate) fn let_go_of_all() {
    for stable in watch::all() {
        if let (Some(lease), Loss::LetGo(_)) = (stable.lease(), stable.loss())
            && lease.is_own()
        {
            stable.set_lost();
            lease.give_up();
        }
    }
}

/// A read lease on a file, given up when dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    fd: OwnedFd,
    /// The process that took it: a child of fork(2) shares the open file description and must not give it up.
    pid: i32,
    held: AtomicBool,
}

/// What giving a lease up showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// It was held until now: no writer came in.
    Held,
    /// It was gone: the kernel's patience had run out, a writer may have been let in.
    Broken,
}

impl Lease {
    /// Take a read lease on `fd`, an open file description of folio's own, and have its break told to the watcher.
    pub(crate) fn take(fd: OwnedFd) -> Result<Self, Cause> {
        let tid = watch::thread().map_err(Cause::Os)?;
        let owner = OwnerEx { kind: F_OWNER_TID, id: tid };
        // SAFETY: clause S1: `owner` is the struct that F_SETOWN_EX reads.
        let answer = unsafe { libc::fcntl(fd.as_raw_fd(), F_SETOWN_EX, &raw const owner) };
        if answer != 0 {
            return Err(Cause::Os(io::Error::last_os_error()));
        }
        // SAFETY: clause S1: F_SETLEASE takes an integer.
        let answer = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETLEASE, libc::F_RDLCK) };
        if answer != 0 {
            return Err(refusal(io::Error::last_os_error()));
        }
        Ok(Self { fd, pid: process(), held: AtomicBool::new(true) })
    }

    /// Take a read lease through `fd` itself, an open file description that is not folio's own, and keep it by a duplicate of
    /// the descriptor (clause E2). `None` where the description has a lease already, which this one would be, too.
    pub(crate) fn take_through(fd: BorrowedFd<'_>) -> Result<Option<Self>, Cause> {
        let owner = OwnerEx { kind: F_OWNER_TID, id: watch::thread().map_err(Cause::Os)? };
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: clause S1: F_GETLEASE takes nothing.
        let kind = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETLEASE) };
        if kind != libc::F_UNLCK {
            return Ok(None);
        }
        // The owner first: the kernel makes it the process, which a SIGIO ends.
        // SAFETY: clause S1: `owner` is the struct that F_SETOWN_EX reads.
        let answer = unsafe { libc::fcntl(fd.as_raw_fd(), F_SETOWN_EX, &raw const owner) };
        if answer != 0 {
            return Err(Cause::Os(io::Error::last_os_error()));
        }
        // SAFETY: clause S1: F_SETLEASE takes an integer.
        let answer = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETLEASE, libc::F_RDLCK) };
        if answer != 0 {
            return Err(refusal(io::Error::last_os_error()));
        }
        drop(turn);
        // Only now: closing a descriptor of a file that others may have locked drops this process' locks (fcntl(2)), and
        // where there is a lease nobody has one for writing.
        match rustix::io::fcntl_dupfd_cloexec(fd, 0) {
            Ok(fd) => Ok(Some(Self { fd, pid: process(), held: AtomicBool::new(true) })),
            Err(errno) => {
                // SAFETY: clause S1: F_SETLEASE takes an integer.
                unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) };
                Err(Cause::Os(errno.into()))
            }
        }
    }

    /// Whether somebody waits for the lease to be given up, or it is gone.
    pub(crate) fn is_breaking(&self) -> bool {
        // SAFETY: clause S1: F_GETLEASE takes nothing.
        let kind = unsafe { libc::fcntl(self.fd.as_raw_fd(), libc::F_GETLEASE) };
        self.is_held() && kind != libc::F_RDLCK
    }

    /// Whether it was not given up yet.
    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    /// Whether this process took it, and is not a child of fork(2) that only looks as if.
    pub(crate) fn is_own(&self) -> bool {
        self.pid == process()
    }

    /// Give it up. The answer says whether a writer may have come in before.
    pub(crate) fn give_up(&self) -> GivenUp {
        if !self.held.swap(false, Ordering::AcqRel) {
            return GivenUp::Held;
        }
        // SAFETY: clause S1: F_SETLEASE takes an integer.
        let answer = unsafe { libc::fcntl(self.fd.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) };
        // generic_delete_lease answers EAGAIN where there is no lease any more.
        if answer == 0 { GivenUp::Held } else { GivenUp::Broken }
    }
}

impl AsFd for Lease {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Closing gives it up too, but a child of fork(2) may still hold the description open.
        if self.is_own() {
            self.give_up();
        }
    }
}

/// Why the kernel grants no lease, in words; fcntl(2).
fn refusal(error: io::Error) -> Cause {
    let why = match error.raw_os_error() {
        Some(libc::EAGAIN) => {
            return Cause::Busy(Cow::Borrowed(
                "somebody has the file open, or mapped, for writing",
            ));
        }
        Some(libc::EINVAL) => {
            "this file system grants no leases, or /proc/sys/fs/leases-enable is 0"
        }
        _ => return Cause::Os(error),
    };
    Cause::Unsupported(Cow::Borrowed(why))
}
