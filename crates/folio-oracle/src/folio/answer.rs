//! What folio answers, in a form that goes through a pipe.

use std::fmt;
use std::ops::Range;

use folio::{Error, ErrorKind};
use folio_model::Outcome;
use serde::{Deserialize, Serialize};

/// What a step shows.
///
/// ```
/// use folio_model::*;
/// use folio_oracle::{Answer, Bench, Folio, Processes, System};
/// # let dir = tempfile::tempdir()?;
/// # let (process, descriptor, mapping) = (Process(0), Descriptor(0), Mapping(0));
/// let mut bench = Folio::new(dir.path(), &[FileKind::Memory], Processes::Here)?;
/// let (mut system, _) = bench.begin()?;
/// let (access, content) = (Access::ReadWrite, Content::Keep);
/// let open = Op::Open { process, descriptor, file: File(0), access, content };
/// assert_eq!(system.step(&open)?, Answer::Kernel(Outcome::Done)); // a system call beside folio
/// system.step(&Op::Truncate { process, descriptor, len: 10 })?;
/// let (backing, sharing) = (Backing::File(descriptor), Sharing::Shared);
/// let protection = Protection::READ;
/// system.step(&Op::Map { process, mapping, backing, sharing, protection, offset: 0, len: 10 })?;
/// let load = Op::Load { process, mapping, offset: 8, len: 2 };
/// assert_eq!(system.step(&load)?, Answer::Bytes(vec![0, 0])); // folio's
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// There was nothing to do it to, or the kind of mapping has no such operation.
    Nothing,
    /// What the kernel answered to a system call beside folio.
    Kernel(Outcome),
    /// folio did it.
    Done,
    /// folio read these bytes.
    Bytes(Vec<u8>),
    /// folio mapped these bytes, and keeps them as they are.
    Kept {
        /// By which guarantee.
        guarantee: String,
        /// All of them.
        bytes: Vec<u8>,
    },
    /// These bytes of the mapping are changed.
    Changed(Vec<Range<u64>>),
    /// Flushed; so many pages of the range are not on the device all the same. `None` where there is no device, or no way
    /// to ask.
    Flushed(Option<u64>),
    /// folio refused.
    Refused {
        /// Why.
        reason: Reason,
        /// How many bytes are good all the same.
        done: u64,
        /// Those, if any were to be read.
        bytes: Vec<u8>,
        /// The whole error.
        message: String,
    },
    /// The process ended. It must not.
    Died(String),
}

/// Why folio refused: [`ErrorKind`], as far as it is told apart here.
///
/// ```
/// use folio::ErrorKind;
/// use folio_oracle::Reason;
/// assert_eq!(Reason::from(ErrorKind::OutOfRange), Reason::OutOfRange);
/// assert_eq!(Reason::from(ErrorKind::Io), Reason::Other); // programs break no disks
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they are those of ErrorKind")]
pub enum Reason {
    Truncated { offset: u64, len: u64 },
    NotFound,
    OutOfRange,
    OpenMode,
    Busy,
    Conflict,
    PermissionDenied,
    InvalidInput,
    Unsupported,
    Other,
}

impl Answer {
    /// The bytes that folio gave, if it was to give some and did.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) | Self::Kept { bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    /// What `error` says, after `bytes` were read.
    pub(crate) fn refused(error: &Error, bytes: Vec<u8>) -> Self {
        Self::Refused {
            reason: error.kind().into(),
            done: error.bytes_done() as u64,
            bytes,
            message: error.to_string(),
        }
    }

    /// `Done`, or what the error says.
    pub(crate) fn done(result: folio::Result<()>) -> Self {
        match result {
            Ok(()) => Self::Done,
            Err(error) => Self::refused(&error, Vec::new()),
        }
    }
}

impl From<ErrorKind> for Reason {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Truncated { offset, len } => Self::Truncated { offset, len },
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::OutOfRange => Self::OutOfRange,
            ErrorKind::OpenMode => Self::OpenMode,
            ErrorKind::Busy => Self::Busy,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::PermissionDenied => Self::PermissionDenied,
            ErrorKind::InvalidInput => Self::InvalidInput,
            ErrorKind::Unsupported => Self::Unsupported,
            _ => Self::Other,
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = |bytes: &Vec<u8>| format!("{:?}", Outcome::Bytes(bytes.clone()));
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Kernel(outcome) => outcome.fmt(f),
            Self::Done => f.write_str("done"),
            Self::Bytes(read) => f.write_str(&bytes(read)),
            Self::Kept { guarantee, bytes: kept } => write!(f, "{} {guarantee}", bytes(kept)),
            Self::Changed(ranges) => write!(f, "changed: {ranges:?}"),
            Self::Flushed(None | Some(0)) => f.write_str("flushed"),
            Self::Flushed(Some(dirty)) => write!(f, "flushed, but {dirty} pages are dirty"),
            Self::Refused { reason, done, bytes: read, message } => {
                write!(f, "{reason:?} after {done} bytes")?;
                if !read.is_empty() {
                    write!(f, " {}", bytes(read))?;
                }
                write!(f, ": {message}")
            }
            Self::Died(how) => write!(f, "the process ended: {how}"),
        }
    }
}
