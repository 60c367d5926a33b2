//! Advisory locks on byte ranges of a file, as guards.
//!
//! A [`RangeLock`] keeps others from locking the same bytes, in other processes and in other threads, for as long as it
//! lives. It keeps nobody from reading or writing them: everyone who cares must lock (*advisory*; fcntl_locking(2)).

use core::ops::{Bound, RangeBounds};
use std::borrow::Cow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::OFlags;

use crate::bounds::FileRange;
use crate::error::{Cause, Error, Result};
use crate::source;
use crate::source::named;
use crate::sys::ofd::{self, Conflict, LockType, Patience};

/// Who else may lock the same bytes.
///
/// ```
/// use folio::{LockMode, RangeLock};
/// let memory = folio::Memfd::create("example")?;
/// let _reader = RangeLock::acquire(&memory, .., LockMode::Shared)?;
/// assert!(RangeLock::try_acquire(&memory, .., LockMode::Shared).is_ok()); // readers do not mind each other
/// assert!(RangeLock::try_acquire(&memory, .., LockMode::Exclusive).is_err()); // a writer minds both
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockMode {
    /// Others may hold shared locks: for reading.
    Shared,
    /// Nobody else may hold a lock: for changing.
    Exclusive,
}

impl LockMode {
    fn lock_type(self) -> LockType {
        match self {
            Self::Shared => LockType::Read,
            Self::Exclusive => LockType::Write,
        }
    }
}

/// A lock on a byte range of a file, released when it is dropped.
///
/// It keeps others, in other processes and in other threads, from locking the same bytes. It keeps nobody from reading or
/// writing them: everyone who cares must lock (*advisory*; fcntl_locking(2)).
///
/// The range may lie past the end of the file; `start..` reaches to the end wherever that will be, so it covers what is
/// appended later. The descriptor that it was made from may be closed at once.
///
/// ```
/// use folio::{ErrorKind, LockMode, RangeLock};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
/// let file = std::fs::File::options().read(true).write(true).open(&path)?;
/// let header = RangeLock::acquire(&file, 0..64, LockMode::Exclusive)?;
/// let records = RangeLock::acquire(&file, 64.., LockMode::Shared)?; // other bytes: not in the way
/// let busy = RangeLock::try_acquire(&file, 10..20, LockMode::Shared).unwrap_err();
/// assert_eq!(busy.kind(), ErrorKind::Busy);
/// drop(header);
/// let _header = RangeLock::try_acquire(&file, 10..20, LockMode::Shared)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Why open file description locks
/// Linux has three kinds of advisory lock.
///
/// | lock | belongs to | bytes | trouble |
/// |---|---|---|---|
/// | `fcntl(F_SETLK)`, POSIX | the process | a range | closing *any* descriptor of the file drops all of them; threads do not exclude each other |
/// | flock(2) | the open file description | the whole file | no ranges |
/// | `fcntl(F_OFD_SETLK)` | the open file description | a range | none of these: what folio uses |
///
/// An open file description is what open(2) makes; descriptors from dup(2), and those that a child has from fork(2),
/// share one. Each `RangeLock` opens the file anew, through `/proc/self/fd`, and so has a description of its own: two
/// guards exclude each other also within one process, and closing other descriptors of the file leaves a guard alone.
/// POSIX locks of others and these conflict as they should; flock(2) does not see them.
///
/// # What they do not do
/// * The kernel looks for no deadlock among them: two guards that wait for each other wait for ever. Take ranges in
///   ascending order, or use [`RangeLock::try_acquire`].
/// * Changing a shared lock to an exclusive one is not offered, because two that try at once would deadlock: let go and
///   lock anew, and look again at what was read before.
/// * There is no queue: an exclusive lock may wait for as long as shared ones overlap in time.
/// * A child of fork(2) that executes no other program holds the guard's description too. The guard unlocks
///   when it is dropped, in either process; what ends with a process is only the last descriptor's share in it.
/// * On network file systems it depends on the server; on NFS they become locks of the client's.
#[derive(Debug)]
#[must_use = "the lock is released when the guard is dropped"]
pub struct RangeLock {
    fd: OwnedFd,
    range: FileRange,
    mode: LockMode,
}

/// A lock that somebody else holds.
///
/// ```
/// use folio::{LockMode, RangeLock};
/// let memory = folio::Memfd::create("example")?;
/// let _lock = RangeLock::acquire(&memory, 100..200, LockMode::Exclusive)?;
/// let holder = RangeLock::holder(&memory, .., LockMode::Shared)?.expect("it is locked");
/// assert_eq!((holder.start, holder.end), (100, Some(200)));
/// assert_eq!(holder.pid, None); // a lock like folio's belongs to no process
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockHolder {
    /// The process, if it is a POSIX lock. A lock of an open file description may belong to several processes, and the
    /// kernel names none.
    pub pid: Option<u32>,
    /// How it is locked.
    pub mode: LockMode,
    /// The first locked byte.
    pub start: u64,
    /// The byte after the last; `None` is the end of the file, wherever that will be.
    pub end: Option<u64>,
}

impl RangeLock {
    /// Lock `range` of `file`, and wait for as long as somebody else holds a lock in the way.
    ///
    /// ```
    /// use folio::{ErrorKind, LockMode, RangeLock};
    /// let memory = folio::Memfd::create("example")?;
    /// let lock = RangeLock::acquire(&memory, 0..8, LockMode::Exclusive)?; // past the end, which is allowed
    /// memory.set_len(8)?;
    /// memory.shared_mut()?.store(0, &1_u64)?;
    /// drop(lock); // whoever waits for these bytes goes on
    /// let empty = RangeLock::acquire(&memory, 8..8, LockMode::Exclusive).unwrap_err();
    /// assert_eq!(empty.kind(), ErrorKind::InvalidInput);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// * [`OutOfRange`](crate::ErrorKind::OutOfRange): the range is reversed or does not fit signed 64-bit offsets.
    /// * [`InvalidInput`](crate::ErrorKind::InvalidInput): the range is empty.
    /// * [`OpenMode`](crate::ErrorKind::OpenMode): a shared lock needs a file open for reading, an exclusive one a file open
    ///   for writing.
    /// * [`PermissionDenied`](crate::ErrorKind::PermissionDenied), [`NotFound`](crate::ErrorKind::NotFound): the file cannot be
    ///   opened anew through `/proc/self/fd`, because its permissions have changed or /proc is not mounted.
    /// * [`Unsupported`](crate::ErrorKind::Unsupported): the file system has no such locks.
    pub fn acquire(file: impl AsFd, range: impl RangeBounds<u64>, mode: LockMode) -> Result<Self> {
        Self::lock(file.as_fd(), &range, mode, Patience::Wait)
    }

    /// Lock `range` of `file` if nobody else holds a lock in the way.
    ///
    /// ```
    /// use folio::{ErrorKind, LockMode, RangeLock};
    /// let memory = folio::Memfd::create("example")?;
    /// let _theirs = RangeLock::acquire(&memory, 10.., LockMode::Shared)?;
    /// match RangeLock::try_acquire(&memory, 0..20, LockMode::Exclusive) {
    ///     Ok(_lock) => panic!("bytes 10 to 19 are locked"),
    ///     Err(error) => assert_eq!(error.kind(), ErrorKind::Busy), // do something else first
    /// }
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Busy`](crate::ErrorKind::Busy) if somebody does; the message says which bytes, how, and where the kernel knows it
    /// the process. Else as [`acquire`](Self::acquire).
    pub fn try_acquire(
        file: impl AsFd,
        range: impl RangeBounds<u64>,
        mode: LockMode,
    ) -> Result<Self> {
        Self::lock(file.as_fd(), &range, mode, Patience::Try)
    }

    /// The lock that keeps `range` of `file` from being locked so, if there is one. It may be gone, or another have
    /// come, by the time the answer is read.
    ///
    /// ```
    /// use folio::{LockMode, RangeLock};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// let _lock = RangeLock::acquire(&file, 2.., LockMode::Shared)?;
    /// let holder = RangeLock::holder(&file, 0..10, LockMode::Exclusive)?.expect("a shared lock is in the way");
    /// assert_eq!((holder.mode, holder.start, holder.end), (LockMode::Shared, 2, None));
    /// assert_eq!(RangeLock::holder(&file, 0..10, LockMode::Shared)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire), but any open mode will do.
    pub fn holder(
        file: impl AsFd,
        range: impl RangeBounds<u64>,
        mode: LockMode,
    ) -> Result<Option<LockHolder>> {
        let range = lockable(&range)?;
        // A guard made from this very descriptor has a description of its own, so it is seen like any other.
        let conflict = ofd::conflict(file.as_fd(), range, mode.lock_type());
        Ok(conflict.map_err(|error| refused(error, file.as_fd()))?.map(LockHolder::from))
    }

    /// How it is locked.
    ///
    /// ```
    /// use folio::{LockMode, RangeLock};
    /// let memory = folio::Memfd::create("example")?;
    /// let lock = RangeLock::acquire(&memory, .., LockMode::Shared)?;
    /// assert_eq!(lock.mode(), LockMode::Shared); // enough to read, not to write
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn mode(&self) -> LockMode {
        self.mode
    }

    /// The locked bytes of the file.
    ///
    /// ```
    /// use core::ops::{Bound, RangeBounds};
    /// use folio::{LockMode, RangeLock};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let lock = RangeLock::acquire(std::fs::File::open(&path)?, 3.., LockMode::Shared)?;
    /// assert!(lock.range().contains(&1_000_000));
    /// assert_eq!(lock.range(), (Bound::Included(3), Bound::Unbounded));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn range(&self) -> (Bound<u64>, Bound<u64>) {
        (
            Bound::Included(self.range.start()),
            self.range.end().map_or(Bound::Unbounded, Bound::Excluded),
        )
    }

    fn lock(
        file: BorrowedFd<'_>,
        range: &impl RangeBounds<u64>,
        mode: LockMode,
        patience: Patience,
    ) -> Result<Self> {
        let range = lockable(range)?;
        let fd = reopen(file, mode).map_err(|error| named(file, error))?;
        match ofd::set(fd.as_fd(), range, mode.lock_type(), patience) {
            Ok(()) => Ok(Self { fd, range, mode }),
            Err(error) if patience == Patience::Try && is_held(&error) => {
                // The holder may be gone by now; then its name is, too.
                let conflict = ofd::conflict(fd.as_fd(), range, mode.lock_type()).ok().flatten();
                Err(named(file, Error::new("lock", Cause::Busy(describe(conflict)))))
            }
            Err(error) => Err(refused(error, file)),
        }
    }
}

impl Drop for RangeLock {
    fn drop(&mut self) {
        // Closing is not enough: a child of fork(2) may hold the description too. If it fails, as it can where a network
        // is between, closing is all that is left to do.
        let _ = ofd::set(self.fd.as_fd(), self.range, LockType::Unlock, Patience::Try);
    }
}

impl From<Conflict> for LockHolder {
    fn from(conflict: Conflict) -> Self {
        Self {
            pid: conflict.pid,
            mode: if conflict.exclusive { LockMode::Exclusive } else { LockMode::Shared },
            start: conflict.start,
            end: (conflict.len > 0).then(|| conflict.start.saturating_add(conflict.len)),
        }
    }
}

/// The range, which must not be empty: to the kernel a length of zero is everything to the end.
fn lockable(range: &impl RangeBounds<u64>) -> Result<FileRange> {
    let range = FileRange::new("lock", range)?;
    if range.len() == Some(0) {
        return Err(Error::new(
            "lock",
            Cause::InvalidInput(
                "the range is empty, and a lock on no byte keeps nobody out".into(),
            ),
        ));
    }
    Ok(range)
}

/// An open file description of the guard's own, with the access that the kernel asks for and that `file` has.
fn reopen(file: BorrowedFd<'_>, mode: LockMode) -> Result<OwnedFd> {
    let flags = rustix::fs::fcntl_getfl(file).map_err(|errno| Error::os("lock", errno))?;
    let has = flags & OFlags::RWMODE;
    let (needed, lacks, why) = match mode {
        LockMode::Shared => (
            OFlags::RDONLY,
            has == OFlags::WRONLY,
            "a shared lock needs a file open for reading, and it is open for writing only",
        ),
        LockMode::Exclusive => (
            OFlags::WRONLY,
            has == OFlags::RDONLY,
            "an exclusive lock needs a file open for writing, and it is open for reading only",
        ),
    };
    if lacks || flags.contains(OFlags::PATH) {
        return Err(Error::new("lock", Cause::OpenMode(why)));
    }
    // O_NONBLOCK so that a pipe without its other end does not keep the caller; to a regular file it is nothing.
    source::reopen(file, needed | OFlags::NONBLOCK)
        .map_err(|errno| Error::os("open anew for a lock", errno))
}

fn is_held(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES))
}

fn refused(error: std::io::Error, file: BorrowedFd<'_>) -> Error {
    let cause = match error.raw_os_error() {
        Some(libc::EINVAL | libc::EOPNOTSUPP | libc::ENOSYS) => {
            Cause::Unsupported("the kernel or the file system has no open file description locks (fcntl(2), F_OFD_SETLK)".into())
        }
        _ => Cause::Os(error),
    };
    named(file, Error::new("lock", cause))
}

fn describe(conflict: Option<Conflict>) -> Cow<'static, str> {
    let Some(conflict) = conflict else {
        return "somebody else held a lock on some of its bytes".into();
    };
    let LockHolder { pid, mode, start, end } = conflict.into();
    let who = match pid {
        Some(pid) => format!("process {pid}"),
        None => "another open file description".to_owned(),
    };
    let how = match mode {
        LockMode::Shared => "a shared",
        LockMode::Exclusive => "an exclusive",
    };
    match end {
        Some(end) => format!("{who} holds {how} lock on bytes {start}..{end}").into(),
        None => format!("{who} holds {how} lock from byte {start} on").into(),
    }
}
