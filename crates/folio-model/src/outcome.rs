//! What an operation is seen to do.

use std::fmt;

/// An error number of the kernel; errno(3).
///
/// ```
/// use folio_model::{Errno, Outcome};
/// let error = std::fs::File::open("/").and_then(|dir| dir.set_len(0)).unwrap_err();
/// let seen = Outcome::Failed(Errno(error.raw_os_error().expect("the kernel's answer")));
/// assert_eq!(seen, Outcome::Failed(Errno::EINVAL)); // a directory open for reading has no length to set
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Errno(pub i32);

macro_rules! errnos {
    ($($name:ident = $number:literal, $says:literal;)*) => {
        impl Errno {
            $(#[doc = $says] pub const $name: Self = Self($number);)*

            /// Its name, as in errno(3), if the model has any use for it.
            ///
            /// ```
            /// use folio_model::Errno;
            /// assert_eq!(Errno(22).name(), Some("EINVAL"));
            /// assert_eq!(Errno(9999).name(), None); // shown as a number
            /// ```
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

// asm-generic/errno-base.h and errno.h: the same on x86-64 and aarch64.
errnos! {
    EPERM = 1, "Operation not permitted";
    EIO = 5, "Input/output error";
    ENXIO = 6, "No such device or address";
    EBADF = 9, "Bad file descriptor";
    EAGAIN = 11, "Resource temporarily unavailable";
    ENOMEM = 12, "Cannot allocate memory";
    EACCES = 13, "Permission denied";
    EFAULT = 14, "Bad address";
    EBUSY = 16, "Device or resource busy";
    ENODEV = 19, "No such device";
    EINVAL = 22, "Invalid argument";
    ETXTBSY = 26, "Text file busy";
    EFBIG = 27, "File too large";
    ENOSPC = 28, "No space left on device";
    EROFS = 30, "Read-only file system";
    ENOLCK = 37, "No locks available";
    ENOSYS = 38, "Function not implemented";
    EOVERFLOW = 75, "Value too large for defined data type";
    EOPNOTSUPP = 95, "Operation not supported";
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A signal that a touch raises; signal(7).
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor, mapping) = (Process(0), Descriptor(0), Mapping(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// # model.run(&Op::Write { process, descriptor, offset: 0, len: 4096, fill: 1 });
/// # let (backing, protection) = (Backing::File(descriptor), Protection::READ | Protection::WRITE);
/// # let sharing = Sharing::Shared;
/// # model.run(&Op::Map { process, mapping, backing, sharing, protection, offset: 0, len: 4096 });
/// let load = |offset| Op::Load { process, mapping, offset, len: 1 };
/// model.run(&Op::Truncate { process, descriptor, len: 0 });
/// let fault = |signal| Outcome::Fault { signal, at: 0, before: vec![] };
/// assert_eq!(model.run(&load(0)), fault(Signal::Bus)); // mapped, without a page
/// assert_eq!(model.run(&load(4096)), fault(Signal::Segv)); // not mapped
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Signal {
    /// SIGBUS: there is no page to be had.
    Bus,
    /// SIGSEGV: nothing is mapped there, or its protection forbids the touch.
    Segv,
}

/// What an operation was seen to do.
///
/// A fault ends a process; here it ends the operation, so that a program can go on and see what else is so. Whoever runs
/// programs on a kernel sees to that.
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor, mapping) = (Process(0), Descriptor(0), Mapping(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// # model.run(&Op::Write { process, descriptor, offset: 0, len: 4096, fill: 1 });
/// # let (backing, protection) = (Backing::File(descriptor), Protection::READ | Protection::WRITE);
/// # let sharing = Sharing::Shared;
/// # model.run(&Op::Map { process, mapping, backing, sharing, protection, offset: 0, len: 4096 });
/// let load = Op::Load { process, mapping, offset: 4094, len: 10 };
/// let Outcome::Fault { at, before, .. } = model.run(&load) else { panic!("the mapping ends there") };
/// assert_eq!((at, before), (2, vec![1, 1])); // the process goes on after it
/// assert_eq!(model.run(&Op::Length { process, descriptor }), Outcome::Count(4096));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Outcome {
    /// The process, descriptor or mapping was not there.
    Nothing,
    /// It was done.
    Done,
    /// The call gave this error.
    Failed(Errno),
    /// What was read or loaded, which for a read may be less than was asked for.
    Bytes(Vec<u8>),
    /// How many bytes were written, or how long the file is.
    Count(u64),
    /// A touch raised a signal at byte `at` of the operation's range; the bytes before it were loaded (`before`; empty for
    /// a store) or stored.
    Fault {
        /// Which signal.
        signal: Signal,
        /// The first byte that could not be touched, counted from the first of the operation's range.
        at: u64,
        /// For a load, the bytes before it.
        before: Vec<u8>,
    },
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Done => f.write_str("done"),
            Self::Failed(errno) => write!(f, "{errno}"),
            Self::Bytes(bytes) => write!(f, "{}", Runs(bytes)),
            Self::Count(count) => write!(f, "{count}"),
            Self::Fault { signal, at, before } => {
                let signal = match signal {
                    Signal::Bus => "SIGBUS",
                    Signal::Segv => "SIGSEGV",
                };
                write!(f, "{signal} at {at}")?;
                if before.is_empty() { Ok(()) } else { write!(f, " after {}", Runs(before)) }
            }
        }
    }
}

/// Bytes with equal neighbours told once: `3×00 1×2a`.
struct Runs<'a>(&'a [u8]);

impl fmt::Display for Runs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, run) in self.0.chunk_by(|a, b| a == b).enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{}×{:02x}", run.len(), run[0])?;
        }
        f.write_str("]")
    }
}
