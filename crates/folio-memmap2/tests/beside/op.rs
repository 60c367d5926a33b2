//! What a program can do, and what it is seen to do.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

use proptest::prelude::*;

/// How the file is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Opened {
    ReadOnly,
    WriteOnly,
    ReadWrite,
}

/// Which constructor is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Map,
    MapExec,
    MapMut,
    MapCopy,
    MapCopyReadOnly,
    MapIfSafe,
    MapRaw,
    MapRawReadOnly,
    MapAnon,
}

/// How a mapping begins.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) opened: Opened,
    /// The length of the file, in bytes.
    pub(crate) file_len: usize,
    pub(crate) kind: Kind,
    pub(crate) offset: u64,
    pub(crate) len: Option<usize>,
    pub(crate) populate: bool,
    pub(crate) no_reserve: bool,
}

/// What is done to it then.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Store {
        at: usize,
        byte: u8,
    },
    Flush,
    FlushRange {
        offset: usize,
        len: usize,
        wait: bool,
    },
    Advise(usize),
    AdviseRange {
        advice: usize,
        offset: usize,
        len: usize,
    },
    Unchecked(usize),
    UncheckedRange {
        advice: usize,
        offset: usize,
        len: usize,
    },
    Lock,
    Unlock,
    MakeMut,
    MakeReadOnly,
    MakeExec,
    IntoRaw,
    Remap {
        len: usize,
        may_move: bool,
    },
    /// Write to the file through the descriptor that was mapped.
    WriteFile {
        at: u64,
        byte: u8,
    },
}

/// What came of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done, and these are the bytes that there are to be seen now.
    Done {
        len: usize,
        seen: Vec<u8>,
    },
    Failed {
        kind: io::ErrorKind,
        errno: Option<i32>,
    },
    /// The kind of mapping has no such method.
    NoSuchMethod,
    /// The mapping was taken by a call that failed.
    NoMapping,
}

/// The bytes by their number and their checksum alone.
impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done { len, seen } => {
                write!(f, "Done({len} bytes, {} seen, sum {:x})", seen.len(), sum_of(seen))
            }
            Self::Failed { kind, errno } => write!(f, "Failed({kind:?}, {errno:?})"),
            Self::NoSuchMethod => f.write_str("NoSuchMethod"),
            Self::NoMapping => f.write_str("NoMapping"),
        }
    }
}

/// A checksum, to be told instead of the bytes.
pub(crate) fn sum_of(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

impl From<io::Error> for Outcome {
    fn from(error: io::Error) -> Self {
        Self::Failed { kind: error.kind(), errno: error.raw_os_error() }
    }
}

/// Positions and lengths at which something can go wrong.
fn position() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => prop::sample::select(vec![0, 1, 100, 4095, 4096, 4097, 5000, 8191, 8192, 8193, 12_288, 20_000]),
        2 => 0..20_000usize,
        1 => prop::sample::select(vec![1 << 20, 1 << 40, 1 << 62, usize::MAX / 2, usize::MAX / 2 + 1, usize::MAX]),
    ]
}

pub(crate) fn start() -> impl Strategy<Value = Start> {
    let opened = prop_oneof![
        4 => Just(Opened::ReadOnly),
        1 => Just(Opened::WriteOnly),
        3 => Just(Opened::ReadWrite)
    ];
    let kind = prop::sample::select(vec![
        Kind::Map,
        Kind::Map,
        Kind::MapExec,
        Kind::MapMut,
        Kind::MapCopy,
        Kind::MapCopyReadOnly,
        Kind::MapIfSafe,
        Kind::MapRaw,
        Kind::MapRawReadOnly,
        Kind::MapAnon,
    ]);
    let file_len = prop_oneof![Just(0usize), Just(4096usize), Just(8192usize), 1..20_000usize];
    let offset =
        prop_oneof![3 => Just(0u64), 2 => 0..9000u64, 1 => position().prop_map(|at| at as u64)];
    let len = prop_oneof![2 => Just(None), 2 => (0..20_000usize).prop_map(Some), 1 => position().prop_map(Some)];
    (opened, file_len, kind, offset, len, any::<bool>(), any::<bool>()).prop_map(
        |(opened, file_len, kind, offset, len, populate, no_reserve)| Start {
            opened,
            file_len,
            kind,
            offset,
            len,
            // Faulting in a terabyte of zeros is no test.
            populate: populate && len.is_none_or(|len| len < 1 << 20),
            no_reserve,
        },
    )
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let advice = || 0..14usize;
    let unchecked = || 0..3usize;
    prop_oneof![
        4 => (position(), any::<u8>()).prop_map(|(at, byte)| Op::Store { at, byte }),
        1 => Just(Op::Flush),
        3 => (position(), position(), any::<bool>())
            .prop_map(|(offset, len, wait)| Op::FlushRange { offset, len, wait }),
        1 => advice().prop_map(Op::Advise),
        3 => (advice(), position(), position())
            .prop_map(|(advice, offset, len)| Op::AdviseRange { advice, offset, len }),
        1 => unchecked().prop_map(Op::Unchecked),
        3 => (unchecked(), position(), position())
            .prop_map(|(advice, offset, len)| Op::UncheckedRange { advice, offset, len }),
        1 => Just(Op::Lock),
        1 => Just(Op::Unlock),
        1 => Just(Op::MakeMut),
        1 => Just(Op::MakeReadOnly),
        1 => Just(Op::MakeExec),
        1 => Just(Op::IntoRaw),
        2 => (position(), any::<bool>()).prop_map(|(len, may_move)| Op::Remap { len, may_move }),
        2 => (0..20_000u64, any::<u8>()).prop_map(|(at, byte)| Op::WriteFile { at, byte }),
    ]
}
