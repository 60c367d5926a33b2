//! The descriptor of a lease, and whether its number still means that.
//!
//! Programs close descriptors that they did not open: to become a daemon, with closefrom(3) or close_range(2), or one twice by
//! mistake. What is opened next gets the number, and to copy, give up or close what the number means then would be to do so
//! to somebody else's file. So each use asks first (clause S2):
//!
//! 1. Was the number seen in other hands since? Each lease enters its own in a table, and a descriptor that the program gives
//!    folio to map is the program's.
//! 2. Does the kernel send the signals of the open file description to the watcher? Nobody but folio sees to that.
//! 3. Is it the same file, by device and inode number? Not asked where nothing is done to the file: at the end of a mapping that
//!    costs more than it could find.
//!
//! The lease itself does not end with the descriptor: the mapping was made through the same open file description, and holds it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::Stat;

/// `F_SETOWN_EX` and what it takes; fcntl(2).
const F_SETOWN_EX: i32 = 15;
const F_OWNER_TID: i32 = 0;

#[repr(C)]
struct OwnerEx {
    kind: i32,
    id: i32,
}

/// Which lease's the numbers of descriptors are.
static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers { holders: Vec::new(), last: 0 });

/// The table of [`NUMBERS`]; while it is locked, no other thread takes a lease.
#[derive(Debug)]
pub(super) struct Numbers {
    /// By number, the lease that had it last; 0 for none. One that closed it asks no more.
    holders: Vec<u64>,
    last: u64,
}

/// The table, for whoever takes a lease.
pub(super) fn numbers() -> MutexGuard<'static, Numbers> {
    NUMBERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Numbers {
    /// The number of `fd`, which is not a lease's, is no longer that of a lease that had it.
    pub(super) fn forget(&mut self, fd: BorrowedFd<'_>) {
        if let Some(holder) =
            usize::try_from(fd.as_raw_fd()).ok().and_then(|at| self.holders.get_mut(at))
        {
            *holder = 0;
        }
    }

    /// `fd` is a lease's from now on.
    pub(super) fn enter(&mut self, fd: OwnedFd, watcher: i32) -> Descriptor {
        self.last += 1;
        let ticket = self.last;
        let number = fd.into_raw_fd();
        let at = usize::try_from(number).unwrap_or(0);
        if at >= self.holders.len() {
            self.holders.resize(at + 1, 0);
        }
        self.holders[at] = ticket;
        Descriptor { number: AtomicI32::new(number), ticket, file: (0, 0), watcher }
    }

    fn holds(&self, number: RawFd, ticket: u64) -> bool {
        usize::try_from(number).is_ok_and(|at| self.holders.get(at) == Some(&ticket))
    }
}

/// A lease's descriptor. Dropping it closes nothing: that needs asking, and who asks knows what for.
#[derive(Debug)]
pub(super) struct Descriptor {
    /// −1 once it is closed.
    number: AtomicI32,
    ticket: u64,
    /// Device and inode number.
    file: (u64, u64),
    /// The thread that the description's signals go to.
    watcher: i32,
}

impl Descriptor {
    /// Note which file it is, from its fstat(2).
    pub(super) fn remember(&mut self, stat: &Stat) {
        self.file = (stat.st_dev, stat.st_ino);
    }

    /// The descriptor, if it is the lease's and the same file's as ever.
    pub(super) fn get(&self) -> Option<BorrowedFd<'_>> {
        self.unasked().filter(|&fd| self.is_same_file(fd))
    }

    /// The thread that the description's signals go to.
    pub(super) fn watcher(&self) -> i32 {
        self.watcher
    }

    /// The descriptor, entered a moment ago: who uses it so asks afterwards.
    pub(super) fn fresh(&self) -> BorrowedFd<'_> {
        // SAFETY: clause S2: it was opened by the caller, who asks afterwards.
        unsafe { BorrowedFd::borrow_raw(self.number.load(Ordering::Acquire)) }
    }

    /// The descriptor, if it is the lease's; which file it is nobody asked.
    pub(super) fn unasked(&self) -> Option<BorrowedFd<'_>> {
        let number = self.number.load(Ordering::Acquire);
        if !numbers().holds(number, self.ticket) {
            return None;
        }
        // SAFETY: clause S2: to ask whose it is.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        (owner(fd) == self.watcher).then_some(fd)
    }

    /// Close it; it was just found to be the lease's, and nobody else has it from here.
    pub(super) fn close(&self) {
        let number = self.number.swap(-1, Ordering::AcqRel);
        if number >= 0 {
            // Not as an `OwnedFd`, which in a program with debug assertions ends it where somebody was faster.
            // SAFETY: clause S2: it was the lease's a moment ago, and nobody gets the number from here again.
            unsafe { libc::close(number) };
        }
    }

    /// The descriptor in a child of fork(2). It is told of no owner once its parent is gone, nor of any of what it has opened itself; but that
    /// has no lease.
    pub(super) fn inherited(&self) -> Option<BorrowedFd<'_>> {
        let number = self.number.load(Ordering::Acquire);
        if !numbers().holds(number, self.ticket) {
            return None;
        }
        // SAFETY: clause S2: to ask which file it is.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        let is_folios = match owner(fd) {
            0 => lease_of(fd) == libc::F_RDLCK,
            owner => owner == self.watcher,
        };
        (is_folios && self.is_same_file(fd)).then_some(fd)
    }

    fn is_same_file(&self, fd: BorrowedFd<'_>) -> bool {
        rustix::fs::fstat(fd).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == self.file)
    }
}

/// The thread or process that the signals of the open file description go to; 0 for none, also where it is gone, and −1 where
/// there is no description.
pub(super) fn owner(fd: BorrowedFd<'_>) -> i32 {
    // SAFETY: clause S1: F_GETOWN takes nothing.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETOWN) }
}

/// Have the signals of the open file description sent to the thread `tid`.
pub(super) fn set_owner(fd: BorrowedFd<'_>, tid: i32) -> io::Result<()> {
    let owner = OwnerEx { kind: F_OWNER_TID, id: tid };
    // SAFETY: clause S1: `owner` is the struct that F_SETOWN_EX reads.
    let answer = unsafe { libc::fcntl(fd.as_raw_fd(), F_SETOWN_EX, &raw const owner) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Have them sent to nobody, as it was.
pub(super) fn clear_owner(fd: BorrowedFd<'_>) {
    // SAFETY: clause S1: F_SETOWN takes an integer.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETOWN, 0) };
}

/// Set or end the lease of the open file description.
pub(super) fn set_lease(fd: BorrowedFd<'_>, kind: i32) -> io::Result<()> {
    // SAFETY: clause S1: F_SETLEASE takes an integer.
    let answer = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETLEASE, kind) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The lease of the open file description, in the words of `l_type`.
pub(super) fn lease_of(fd: BorrowedFd<'_>) -> i32 {
    // SAFETY: clause S1: F_GETLEASE takes nothing.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETLEASE) }
}
