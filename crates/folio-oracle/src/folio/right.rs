//! A right answer: what folio answers, what that is to the kernel, and what is to be remembered of it.

use std::ops::{Range, RangeInclusive};

use folio_model::{Access, Descriptor, Errno, File, Mapping, Op, Outcome, Signal};

use super::answer::{Answer, Reason};
use super::state::{Kept, Live, Locked};

/// A right answer.
pub(super) struct Right {
    /// What is answered.
    pub(super) answer: Expected,
    /// What it is to the kernel.
    pub(super) raw: Vec<Raw>,
    /// What is to be remembered.
    pub(super) then: Vec<Then>,
    /// Why it is right.
    pub(super) because: &'static str,
}

/// What is answered.
#[derive(Debug)]
pub(super) enum Expected {
    Nothing,
    Done,
    /// What the model allows for the operation itself.
    Kernel,
    /// So many bytes, which the model knows.
    Bytes(u64),
    Exactly(Vec<u8>),
    Changed(Vec<Range<u64>>),
    Flushed,
    Refused(Reason),
    /// Truncated, with as many good bytes as it says, from this byte of the file on.
    Truncated {
        from: u64,
        len: u64,
        done: RangeInclusive<u64>,
    },
}

/// What a step is to the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) enum Raw {
    /// This, seen as the answer says.
    AsSeen(Op),
    /// This happens.
    Does(Op),
    /// This is refused.
    Fails(Op, Errno),
    /// This writes so many bytes.
    Writes(Op, u64),
    /// This stores up to the page that is not there.
    Faults(Op, u64),
    /// This load or read, of as many bytes as were answered, gives them.
    Gives(Op),
}

/// What is to be remembered.
#[derive(Clone, Debug)]
pub(super) enum Then {
    Open(Descriptor, File, Access),
    Close(Descriptor),
    /// The file is not as it was.
    Touch(File),
    /// And it was by write(2), if that wrote anything.
    Written(File),
    MapLive(Mapping, Live),
    /// With the bytes of the answer.
    MapKept(Mapping, Kept),
    /// The name of the one stands for the other now.
    Rename(File, File),
    Unmap(Mapping),
    Resize(Mapping, u64),
    SeenShort(Mapping),
    Fill(Mapping, Range<usize>, u8),
    Revert(Mapping, Range<usize>),
    Unlock(Descriptor),
    Lock(Descriptor, Locked),
}

impl Right {
    pub(super) fn new(answer: Expected, because: &'static str) -> Self {
        Self { answer, raw: Vec::new(), then: Vec::new(), because }
    }

    pub(super) fn raw(mut self, raw: impl IntoIterator<Item = Raw>) -> Self {
        self.raw.extend(raw);
        self
    }

    pub(super) fn then(mut self, then: impl IntoIterator<Item = Then>) -> Self {
        self.then.extend(then);
        self
    }

    pub(super) fn nothing() -> Self {
        Self::new(
            Expected::Nothing,
            "there is nothing to do it to, or the kind has no such operation",
        )
    }

    pub(super) fn refused(reason: Reason, because: &'static str) -> Self {
        Self::new(Expected::Refused(reason), because)
    }

    pub(super) fn out_of_range() -> Self {
        Self::refused(Reason::OutOfRange, "the range reaches past the end")
    }
}

impl Expected {
    /// Is it this answer?
    pub(super) fn matches(&self, answer: &Answer) -> bool {
        match (self, answer) {
            (Self::Nothing, Answer::Nothing)
            | (Self::Done, Answer::Done)
            | (Self::Kernel, Answer::Kernel(_))
            | (Self::Flushed, Answer::Flushed(None | Some(0))) => true,
            // No descriptor.
            (Self::Kernel, Answer::Nothing) => true,
            (Self::Bytes(len), Answer::Bytes(bytes)) => bytes.len() as u64 == *len,
            (Self::Exactly(right), Answer::Bytes(bytes)) => right == bytes,
            (Self::Changed(right), Answer::Changed(ranges)) => right == ranges,
            (Self::Refused(right), Answer::Refused { reason, .. }) => right == reason,
            (
                Self::Truncated { from, len, done: right },
                Answer::Refused { reason: Reason::Truncated { offset, len: seen }, done, .. },
            ) => {
                let first = (from + done).max(*len).max(*from);
                let later = from + right.end();
                seen == len && right.contains(done) && (*offset == first || *offset == later)
            }
            _ => false,
        }
    }
}

impl Raw {
    /// The operation, and its outcome if folio's is `answer`; `None` if nothing was done.
    pub(super) fn seen(self, answer: &Answer) -> Option<(Op, Outcome)> {
        Some(match self {
            Self::AsSeen(op) => match answer {
                Answer::Kernel(outcome) => (op, outcome.clone()),
                _ => (op, Outcome::Nothing),
            },
            Self::Does(op) => (op, Outcome::Done),
            Self::Fails(op, errno) => (op, Outcome::Failed(errno)),
            Self::Writes(op, count) => (op, Outcome::Count(count)),
            Self::Faults(op, at) => {
                (op, Outcome::Fault { signal: Signal::Bus, at, before: Vec::new() })
            }
            Self::Gives(op) => {
                let (Answer::Bytes(bytes) | Answer::Refused { bytes, .. }) = answer else {
                    return None;
                };
                let given = bytes.len() as u64;
                let op = match op {
                    _ if given == 0 => return None,
                    Op::Load { process, mapping, offset, .. } => {
                        Op::Load { process, mapping, offset, len: given }
                    }
                    read => read,
                };
                (op, Outcome::Bytes(bytes.clone()))
            }
        })
    }
}
