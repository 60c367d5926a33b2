//! The one error type: what was done, to which file and range, and why it failed.

use core::fmt;
use core::ops::Range;
use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use crate::Guarantee;
use crate::page::RangeError;

/// The result of folio's fallible calls.
pub type Result<T> = core::result::Result<T, Error>;

/// What was done, to which file and range, and why it failed.
///
/// The message reads `cannot WHAT "FILE" bytes A..B: WHY`. [`kind`](Error::kind) is what a program decides on,
/// [`raw_os_error`](Error::raw_os_error) the number of errno(3) behind it, if there was one.
///
/// ```
/// use folio::{ErrorKind, Frozen};
/// let error = Frozen::open("/no/such/file").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert!(error.to_string().contains("/no/such/file"));
/// ```
pub struct Error(Box<Repr>);

struct Repr {
    op: &'static str,
    path: Option<PathBuf>,
    range: Option<Range<u64>>,
    done: usize,
    cause: Cause,
}

/// What kind of failure an [`Error`] is.
///
/// ```
/// use folio::{ErrorKind, Memfd};
/// let memory = Memfd::create("example")?;
/// memory.set_len(100_000)?;
/// let map = memory.shared()?;
/// memory.set_len(10)?; // somebody truncates it
/// match map.read_at(90_000, &mut [0; 8]).map_err(|error| error.kind()) {
///     Err(ErrorKind::Truncated { offset, len }) => assert_eq!((offset, len), (90_000, 10)),
///     other => panic!("{other:?}"),
/// }
/// assert_eq!(map.read_at(99_999, &mut [0; 8]).unwrap_err().kind(), ErrorKind::OutOfRange); // the caller's mistake
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such file, or no such process any more.
    NotFound,
    /// The kernel refuses: no permission for the file or the operation.
    PermissionDenied,
    /// The file was opened without the access that this kind of mapping needs; found before the kernel was asked.
    OpenMode,
    /// Not something that can be mapped: a directory, pipe, socket, character device, or a file whose length the file
    /// system does not tell (as in /proc).
    NotMappable,
    /// The range is reversed, overflows, or reaches past the end of the file or the mapping.
    OutOfRange,
    /// The place in the mapping is not aligned for the type.
    Misaligned,
    /// The length is more than the address space or the kernel's limits can hold.
    TooLarge,
    /// The file was shorter than the range when the bytes were asked for.
    Truncated {
        /// The first byte of the file, in bytes, that was asked for and is gone.
        offset: u64,
        /// The length of the file now, in bytes.
        len: u64,
    },
    /// The file system has no space for the page: a store into a hole of a full disk, a load from one of a full tmpfs.
    NoSpace,
    /// The disk, the network, or the memory behind the page failed.
    Io,
    /// There is not enough memory, or a limit on it (`RLIMIT_AS`, `RLIMIT_MEMLOCK`, `vm.max_map_count`) is reached.
    NoMemory,
    /// No free file descriptor or thread.
    NoResource,
    /// None of the allowed guarantees could be had; [`attempts`](Error::attempts) lists each and why.
    NoGuarantee,
    /// Somebody else holds what is asked for: a lock, a lease, an open file.
    Busy,
    /// The file is not as it was when it was opened, so that going on would undo somebody's change.
    Conflict,
    /// This kernel, file system or kind of mapping does not offer the operation.
    Unsupported,
    /// An earlier fault left zeros in place of bytes of this mapping; the cause follows in the message.
    Poisoned,
    /// An argument makes no sense; the message says which.
    InvalidInput,
    /// Anything else that the kernel answered.
    Other,
}

/// Why it failed.
#[derive(Debug)]
pub(crate) enum Cause {
    /// The kernel's answer.
    Os(io::Error),
    /// A range that cannot be used.
    Range(RangeError),
    /// The file is shorter now.
    Truncated { offset: u64, len: u64 },
    /// No space for a page that is not there yet.
    NoSpace,
    /// Reading the byte gave this error.
    Io(io::Error),
    /// An earlier write-back gave this error, and the kernel has forgotten it.
    FailedFlush(io::Error),
    /// Opened without an access that is needed: what is missing and why.
    OpenMode(&'static str),
    /// A file of a type that has no pages to map: the type.
    NotMappable(&'static str),
    /// Every rung that was allowed, and why it failed.
    NoGuarantee(Vec<(Guarantee, Error)>),
    /// An address that the type's alignment does not allow.
    Misaligned { offset: usize, align: usize },
    /// A zero page stands where bytes were lost.
    Poisoned(Box<Cause>),
    /// A limit of the process is reached: which, and how far it is away.
    OverLimit(Cow<'static, str>),
    /// Not offered here: what and why.
    Unsupported(Cow<'static, str>),
    /// Held by somebody else: what.
    Busy(Cow<'static, str>),
    /// Somebody changed the file meanwhile: how.
    Conflict(&'static str),
    /// An argument that makes no sense: which and why.
    InvalidInput(Cow<'static, str>),
}

impl Error {
    /// An error of operation `op`, a verb that fits after "cannot".
    #[cold]
    pub(crate) fn new(op: &'static str, cause: Cause) -> Self {
        Self(Box::new(Repr { op, path: None, range: None, done: 0, cause }))
    }

    /// The kernel refused `op` with `error`.
    #[cold]
    pub(crate) fn os(op: &'static str, error: impl Into<io::Error>) -> Self {
        Self::new(op, Cause::Os(error.into()))
    }

    /// `op` was asked for a range that cannot be used.
    #[cold]
    pub(crate) fn range(op: &'static str, error: RangeError) -> Self {
        Self::new(op, Cause::Range(error))
    }

    /// The same error with the file's name, unless it has one.
    pub(crate) fn with_path(mut self, path: impl AsRef<Path>) -> Self {
        self.0.path.get_or_insert_with(|| path.as_ref().to_owned());
        self
    }

    /// The same error with the range of the file in bytes, unless it has one.
    pub(crate) fn with_range(mut self, range: Range<u64>) -> Self {
        self.0.range.get_or_insert(range);
        self
    }

    /// The same error saying how many bytes were good before it.
    pub(crate) fn with_done(mut self, done: usize) -> Self {
        self.0.done = done;
        self
    }

    /// The reason alone, for an error about more.
    pub(crate) fn into_cause(self) -> Cause {
        self.0.cause
    }

    /// What kind of failure this is.
    ///
    /// ```
    /// # use folio::{ErrorKind, Shared};
    /// assert_eq!(Shared::open("/").unwrap_err().kind(), ErrorKind::NotMappable);
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.cause.kind()
    }

    /// The number of errno(3) that the kernel gave, if the failure came from a system call.
    ///
    /// ```
    /// # use folio::Shared;
    /// assert_eq!(Shared::open("/no/such/file").unwrap_err().raw_os_error(), Some(2));
    /// ```
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.0.cause.os_error()?.raw_os_error()
    }

    /// The file, where its name is known.
    ///
    /// ```
    /// use std::path::Path;
    /// let error = folio::Shared::open("/no/such/file").unwrap_err();
    /// assert_eq!(error.path(), Some(Path::new("/no/such/file")));
    /// ```
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The range of the file that was asked for, in bytes.
    ///
    /// ```
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(100_000)?;
    /// let map = memory.shared_with(&folio::MapOptions::new().offset(50_000))?;
    /// memory.set_len(0)?; // somebody truncates it
    /// let error = map.read_at(1_000, &mut [0; 8]).unwrap_err();
    /// assert_eq!(error.range_in_file(), Some(51_000..51_008)); // counted in the file, not in the mapping
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn range_in_file(&self) -> Option<Range<u64>> {
        self.0.range.clone()
    }

    /// How many bytes were copied, and are good, before the failure. Zero for operations that copy nothing.
    ///
    /// ```
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(100_000)?;
    /// let map = memory.shared()?;
    /// memory.set_len(30_000)?; // somebody truncates it
    /// let mut buf = vec![1; 50_000];
    /// let error = map.read_at(0, &mut buf).unwrap_err();
    /// assert_eq!(error.bytes_done(), 30_000);
    /// assert!(buf[..error.bytes_done()].iter().all(|&byte| byte == 0)); // these are the file's
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn bytes_done(&self) -> usize {
        self.0.done
    }

    /// The guarantees that were tried, in order, each with the reason why it could not be had; empty unless the kind
    /// is [`NoGuarantee`](ErrorKind::NoGuarantee).
    ///
    /// ```
    /// use folio::{ErrorKind, Guarantee, MapOptions};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let error = MapOptions::new().guarantees(Guarantee::Sealed).open_frozen(&path).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NoGuarantee);
    /// let [(guarantee, why)] = error.attempts() else { panic!("one was allowed") };
    /// assert_eq!(*guarantee, Guarantee::Sealed);
    /// assert!(error.to_string().contains(&why.reason().to_string())); // on a disk: "it is not a memfd"
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn attempts(&self) -> &[(Guarantee, Error)] {
        match &self.0.cause {
            Cause::NoGuarantee(attempts) => attempts,
            _ => &[],
        }
    }

    /// The reason alone, without the operation, the file and the range.
    ///
    /// ```
    /// # use folio::Shared;
    /// let error = Shared::open("/").unwrap_err();
    /// assert_eq!(error.reason().to_string(), "it is a directory, which has no bytes to map");
    /// ```
    #[must_use]
    pub fn reason(&self) -> impl fmt::Display + '_ {
        &self.0.cause
    }
}

impl Cause {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Os(error) | Self::FailedFlush(error) => kind_of_os(error),
            Self::Range(RangeError::TooLarge { .. }) => ErrorKind::TooLarge,
            Self::Range(_) => ErrorKind::OutOfRange,
            Self::Truncated { offset, len } => ErrorKind::Truncated { offset: *offset, len: *len },
            Self::NoSpace => ErrorKind::NoSpace,
            Self::Io(_) => ErrorKind::Io,
            Self::OpenMode(_) => ErrorKind::OpenMode,
            Self::NotMappable(_) => ErrorKind::NotMappable,
            Self::NoGuarantee(_) => ErrorKind::NoGuarantee,
            Self::Misaligned { .. } => ErrorKind::Misaligned,
            Self::Poisoned(_) => ErrorKind::Poisoned,
            Self::OverLimit(_) => ErrorKind::NoMemory,
            Self::Unsupported(_) => ErrorKind::Unsupported,
            Self::Busy(_) => ErrorKind::Busy,
            Self::Conflict(_) => ErrorKind::Conflict,
            Self::InvalidInput(_) => ErrorKind::InvalidInput,
        }
    }

    fn os_error(&self) -> Option<&io::Error> {
        match self {
            Self::Os(error) | Self::Io(error) | Self::FailedFlush(error) => Some(error),
            Self::Poisoned(cause) => cause.os_error(),
            _ => None,
        }
    }
}

/// What a system call's errno means for someone who maps files; mmap(2), open(2).
fn kind_of_os(error: &io::Error) -> ErrorKind {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::ESRCH) => ErrorKind::NotFound,
        Some(libc::EACCES | libc::EPERM | libc::EROFS | libc::ETXTBSY) => {
            ErrorKind::PermissionDenied
        }
        Some(libc::ENOMEM | libc::EAGAIN) => ErrorKind::NoMemory,
        Some(libc::EMFILE | libc::ENFILE) => ErrorKind::NoResource,
        Some(libc::ENOSPC | libc::EDQUOT) => ErrorKind::NoSpace,
        Some(libc::EIO | libc::EUCLEAN | libc::EBADMSG | libc::EHWPOISON | libc::ESTALE) => {
            ErrorKind::Io
        }
        Some(libc::EOVERFLOW | libc::EFBIG) => ErrorKind::TooLarge,
        Some(libc::ENODEV | libc::EOPNOTSUPP | libc::ENOSYS | libc::ENOTTY | libc::EXDEV) => {
            ErrorKind::Unsupported
        }
        Some(libc::EBUSY) => ErrorKind::Busy,
        Some(libc::EINVAL | libc::EBADF) => ErrorKind::InvalidInput,
        _ => ErrorKind::Other,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.0.op)?;
        if let Some(path) = &self.0.path {
            write!(f, " {path:?}")?;
        }
        if let Some(range) = &self.0.range {
            write!(f, " bytes {}..{}", range.start, range.end)?;
        }
        write!(f, ": {}", self.0.cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os(error) if error.raw_os_error() == Some(libc::EMFILE) => {
                write!(f, "{error}: this process may have ")?;
                match rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
                    Some(limit) => write!(f, "{limit} (RLIMIT_NOFILE)"),
                    None => f.write_str("as many as fs.nr_open says"),
                }
            }
            Self::Os(error) => error.fmt(f),
            Self::FailedFlush(error) => {
                write!(
                    f,
                    "an earlier flush failed, and which bytes the device has is not known: {error}"
                )
            }
            Self::Range(error) => error.fmt(f),
            Self::Truncated { offset, len } => {
                write!(f, "the file was truncated to {len} bytes, byte {offset} is gone")
            }
            Self::NoSpace => f.write_str("no space left on the file system for a page of a hole"),
            Self::Io(error) => write!(f, "the page cannot be read: {error}"),
            Self::OpenMode(why) | Self::NotMappable(why) | Self::Conflict(why) => f.write_str(why),
            Self::NoGuarantee(attempts) => {
                f.write_str("no guarantee that its bytes stay can be had")?;
                for (guarantee, error) in attempts {
                    write!(f, "; {guarantee}: {}", error.reason())?;
                }
                Ok(())
            }
            Self::Misaligned { offset, align } => {
                write!(f, "position {offset} of the mapping is not aligned to {align} bytes")
            }
            Self::Poisoned(cause) => {
                write!(f, "bytes were lost in an earlier fault and read as zero: {cause}")
            }
            Self::OverLimit(why)
            | Self::Unsupported(why)
            | Self::Busy(why)
            | Self::InvalidInput(why) => f.write_str(why),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind())
            .field("message", &self.to_string())
            .field("bytes_done", &self.0.done)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.os_error().map(|error| error as _)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::PermissionDenied | ErrorKind::OpenMode => io::ErrorKind::PermissionDenied,
            ErrorKind::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            ErrorKind::NoSpace => io::ErrorKind::StorageFull,
            ErrorKind::NoMemory => io::ErrorKind::OutOfMemory,
            ErrorKind::Busy => io::ErrorKind::WouldBlock,
            ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            ErrorKind::TooLarge => io::ErrorKind::FileTooLarge,
            ErrorKind::OutOfRange
            | ErrorKind::Misaligned
            | ErrorKind::InvalidInput
            | ErrorKind::NotMappable => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
