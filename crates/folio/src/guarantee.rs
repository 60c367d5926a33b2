//! Guarantees: why the bytes of a [`Frozen`](crate::Frozen) or [`Private`](crate::Private) stay as they are.

use core::fmt;

/// Why the bytes of a mapping cannot change while it lives; `docs/soundness.md`, clauses G1 to G5.
///
/// ```
/// use folio::{Frozen, Guarantee};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
/// let file = Frozen::open(&path)?;
/// assert_eq!(&file[..], b"hello");
/// assert_eq!(file.guarantee(), Guarantee::Copied); // small files are cheaper to copy than to lease
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Guarantee {
    /// The file is a memfd sealed against writing, shrinking and growing (`F_ADD_SEALS` of fcntl(2)); the kernel
    /// keeps it so for as long as the file exists.
    Sealed,
    /// The file is under a read lease (`F_SETLEASE` of fcntl(2)): the kernel holds every writer back until folio has
    /// put the content out of its reach.
    Lease,
    /// The bytes are in an unnamed file of folio's own that nobody else can open: a clone (`FICLONE` of
    /// ioctl_ficlone(2)), or a copy made by the kernel (copy_file_range(2)). A copy that somebody wrote to the file during is
    /// made again, up to three times; after that it may hold some old and some new bytes. A clone is of one moment.
    Snapshot,
    /// The bytes are in anonymous memory: they were copied, as carefully as for a snapshot, or never were in a file.
    Copied,
}

impl Guarantee {
    pub(crate) const fn bit(self) -> Guarantees {
        match self {
            Self::Sealed => Guarantees::SEALED,
            Self::Lease => Guarantees::LEASE,
            Self::Snapshot => Guarantees::SNAPSHOT,
            Self::Copied => Guarantees::COPIED,
        }
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sealed => "sealed",
            Self::Lease => "lease",
            Self::Snapshot => "snapshot",
            Self::Copied => "copied",
        })
    }
}

bitflags::bitflags! {
    /// The guarantees that a mapping may rest on; see [`MapOptions::guarantees`](crate::MapOptions::guarantees).
    ///
    /// ```
    /// use folio::{Guarantee, Guarantees};
    /// let cheap = Guarantees::SEALED | Guarantees::LEASE;
    /// assert!(cheap.contains(Guarantee::Lease.into()));
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Guarantees: u8 {
        /// [`Guarantee::Sealed`]
        const SEALED = 1;
        /// [`Guarantee::Lease`]
        const LEASE = 2;
        /// [`Guarantee::Snapshot`]
        const SNAPSHOT = 4;
        /// [`Guarantee::Copied`]
        const COPIED = 8;
    }
}

impl Default for Guarantees {
    /// All of them.
    fn default() -> Self {
        Self::all()
    }
}

impl From<Guarantee> for Guarantees {
    fn from(guarantee: Guarantee) -> Self {
        guarantee.bit()
    }
}

/// What happens when a lease breaks and the content cannot be put out of the writer's reach in time: no memory and
/// no disk space for it, or the kernel's patience (`/proc/sys/fs/lease-break-time`) running out.
///
/// Either way it comes before the lease is given up. Sizes and free space are checked when the lease is taken, so that
/// this stays a corner of a corner. What neither can help: a process that is stopped (SIGSTOP, a freezer) for longer than the
/// kernel's patience while a writer waits finds the file changed when it goes on, and ends as soon as it notices.
///
/// ```
/// use folio::{MapOptions, OnLoss};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![7; 100_000])?;
/// // A server that would rather lose this file than its other work:
/// let file = MapOptions::new().on_loss(OnLoss::Fence).open_frozen(&path)?;
/// if file.check().is_ok() {
///     assert_eq!(file[99_999], 7);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnLoss {
    /// The process ends (SIGABRT) with a message on stderr that names the file.
    #[default]
    Abort,
    /// The mapping's addresses become inaccessible: [`check`](crate::Frozen::check) reports it, and a thread that
    /// touches the bytes all the same ends the process (SIGSEGV).
    Fence,
}
