//! File leases: the kernel's promise to hold writers back until we are ready for them.
//!
//! A [`Lease`] is taken on an open file description that folio shares with nobody (clause G2), because a second
//! `F_SETLEASE` through the same description would change the first. Who wants to write is held back by the kernel,
//! which sends SIGIO to one thread of folio's, [`watch`]; that thread puts the content out of the writer's reach
//! ([`materialise`]) and gives the lease up.
//!
//! The mapping holds the same description. So the lease stays when somebody closes all descriptors, and only [`descriptor`]
//! knows whether there is one to give it up through.
//!
//! fcntl(2) "Leases"; Linux `fs/locks.c`.

mod descriptor;
pub(crate) mod materialise;
pub(crate) mod watch;

use std::borrow::Cow;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::Stat;

use self::descriptor::{Descriptor, Numbers, clear_owner, lease_of, numbers, owner, set_owner};
use super::process::id as process;
use super::region::{Mode, Region};
use super::stable::Loss;
use crate::error::Cause;
use crate::page::PageRange;

/// The locks of this module, for a process that forks.
pub(crate) struct Held {
    _window: MutexGuard<'static, ()>,
    _watch: watch::Held,
    _numbers: MutexGuard<'static, Numbers>,
}

/// Wait until no other thread holds them, and hold them.
pub(crate) fn hold() -> Held {
    // The window first: it may take a while, and nobody who has it waits for the others.
    Held { _window: materialise::hold(), _watch: watch::hold(), _numbers: numbers() }
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

/// Whose the open file description is that a lease was taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Description {
    /// Folio's alone.
    Own,
    /// The program's (clause E2).
    Shared,
}

/// A read lease on a file, given up when dropped.
///
/// What it guards is mapped by [`Lease::map`].
#[derive(Debug)]
pub(crate) struct Lease {
    descriptor: Descriptor,
    description: Description,
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
    /// Nothing is known: somebody closed the descriptor, or this process may not give up leases any more. The lease ends with the
    /// last mapping of the file through that open file description.
    Closed,
}

impl Lease {
    /// Take a read lease on `fd`, an open file description of folio's own for what is mapped from `shown`, and have its break told
    /// to the watcher; also what the file is like under it.
    pub(crate) fn take(fd: OwnedFd, shown: BorrowedFd<'_>) -> Result<(Self, Stat), Cause> {
        let watcher = watch::thread().map_err(Cause::Os)?;
        let mut numbers = numbers();
        numbers.forget(shown);
        set_owner(fd.as_fd(), watcher).map_err(Cause::Os)?;
        descriptor::set_lease(fd.as_fd(), libc::F_RDLCK).map_err(refusal)?;
        let descriptor = numbers.enter(fd, watcher);
        drop(numbers);
        let stat = rustix::fs::fstat(descriptor.fresh());
        Self::of(descriptor, Description::Own, stat)
    }

    /// Take a read lease through `fd` itself, an open file description that is not folio's own, and keep it by a duplicate of
    /// the descriptor (clause E2). `None` where its signals go to somebody: then it has a lease already, which this one would
    /// be, too, or the program has plans with it.
    pub(crate) fn take_through(fd: BorrowedFd<'_>) -> Result<Option<(Self, Stat)>, Cause> {
        let watcher = watch::thread().map_err(Cause::Os)?;
        let mut numbers = numbers();
        numbers.forget(fd);
        if owner(fd) != 0 {
            return Ok(None);
        }
        // The owner first: the kernel makes it the process, which a SIGIO ends. What has no lease, a device above all, is told of
        // nothing without an owner, and has none afterwards.
        set_owner(fd, watcher).map_err(Cause::Os)?;
        if let Err(error) = descriptor::set_lease(fd, libc::F_RDLCK) {
            clear_owner(fd);
            return Err(refusal(error));
        }
        // Only now: closing a descriptor of a file that others may have locked drops this process' locks (fcntl(2)), and
        // where there is a lease nobody has one for writing.
        let duplicate = rustix::io::fcntl_dupfd_cloexec(fd, 0).map_err(|errno| {
            let _ = descriptor::set_lease(fd, libc::F_UNLCK);
            clear_owner(fd);
            Cause::Os(errno.into())
        })?;
        let descriptor = numbers.enter(duplicate, watcher);
        drop(numbers);
        Self::of(descriptor, Description::Shared, rustix::fs::fstat(fd)).map(Some)
    }

    /// The lease that was just taken, and what the file is like under it.
    fn of(
        descriptor: Descriptor,
        description: Description,
        stat: rustix::io::Result<Stat>,
    ) -> Result<(Self, Stat), Cause> {
        let held = AtomicBool::new(true);
        let mut lease = Self { descriptor, description, pid: process(), held };
        let stat = stat.map_err(|errno| Cause::Os(errno.into()))?;
        lease.descriptor.remember(&stat);
        Ok((lease, stat))
    }

    /// The descriptor that it was taken through, or a duplicate of it: an error where somebody closed it. Another thread may do so
    /// at any moment, so whoever makes something of what is read through it asks again afterwards.
    pub(crate) fn descriptor(&self) -> Result<BorrowedFd<'_>, Cause> {
        self.descriptor.get().ok_or_else(closed)
    }

    /// Map `range` of the file that `shown`, a descriptor of the caller's, shows, too. The mapping holds the lease's open file
    /// description, and with it the lease: closing all descriptors does not end that.
    pub(crate) fn map(
        &self,
        shown: BorrowedFd<'_>,
        range: &PageRange,
        mode: Mode,
    ) -> Result<Region, Cause> {
        match self.description {
            Description::Shared => Region::map(shown, range, 0, mode).map_err(Cause::Os),
            Description::Own => {
                let fd = self.descriptor.fresh();
                let region = Region::map(fd, range, 0, mode).map_err(Cause::Os)?;
                // Then it was so since it was opened.
                self.descriptor.unasked().ok_or_else(closed)?;
                Ok(region)
            }
        }
    }

    /// Whether somebody waits for the lease to be given up, or it is gone, or nobody can tell.
    pub(crate) fn is_breaking(&self) -> bool {
        self.is_held() && self.descriptor.get().map(lease_of) != Some(libc::F_RDLCK)
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
        let Some(fd) = self.descriptor.unasked() else {
            return GivenUp::Closed;
        };
        let answer = descriptor::set_lease(fd, libc::F_UNLCK);
        if answer.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::EACCES)) {
            // The process took it as somebody else (setuid(2)), and is left with what ends every lease: to hold the file no more.
            self.descriptor.close();
            return GivenUp::Closed;
        }
        // With the lease the kernel ends who is told of it (lease_modify), and without that the descriptor could not be told from
        // another.
        match self.description {
            Description::Own => drop(set_owner(fd, self.descriptor.watcher())),
            // Nobody needs it any more.
            Description::Shared => self.descriptor.close(),
        }
        // generic_delete_lease answers EAGAIN where there is no lease any more.
        if answer.is_ok() { GivenUp::Held } else { GivenUp::Broken }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let found =
            if self.is_own() { self.descriptor.unasked() } else { self.descriptor.inherited() };
        let Some(fd) = found else {
            return;
        };
        // Closing gives it up too, but a child of fork(2) may still hold the description open.
        if self.is_own() && self.is_held() {
            let _ = descriptor::set_lease(fd, libc::F_UNLCK);
        }
        self.descriptor.close();
    }
}

/// Why there is no descriptor any more.
fn closed() -> Cause {
    Cause::Unsupported(Cow::Borrowed("the program closed folio's descriptor of the file"))
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
