//! The set of outcomes that an operation may have, with the rules each rests on.

use std::fmt;

use crate::byte::{Byte, Runs};
use crate::{Errno, Op, Outcome, Rule, Signal};

/// Outcomes that differ in nothing but bytes that the kernel is free to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// [`Outcome::Nothing`]
    Nothing,
    /// [`Outcome::Done`]
    Done,
    /// [`Outcome::Failed`]
    Failed(Errno),
    /// [`Outcome::Bytes`], each of them one of these.
    Bytes(Vec<Byte>),
    /// [`Outcome::Count`]
    Count(u64),
    /// [`Outcome::Fault`]
    Fault {
        /// Which signal.
        signal: Signal,
        /// The byte that cannot be touched, counted from the first of the operation's range.
        at: u64,
        /// For a load, the bytes before it.
        before: Vec<Byte>,
    },
}

impl Pattern {
    /// Is it one of these?
    #[must_use]
    pub fn contains(&self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::Nothing, Outcome::Nothing) | (Self::Done, Outcome::Done) => true,
            (Self::Failed(errno), Outcome::Failed(seen)) => errno == seen,
            (Self::Bytes(bytes), Outcome::Bytes(seen)) => all_allowed(bytes, seen),
            (Self::Count(count), Outcome::Count(seen)) => count == seen,
            (
                Self::Fault { signal, at, before },
                Outcome::Fault { signal: seen, at: seen_at, before: bytes },
            ) => signal == seen && at == seen_at && all_allowed(before, bytes),
            _ => false,
        }
    }

    /// One of them: where the model has to choose a byte, the one that was stored.
    #[must_use]
    pub fn likeliest(&self) -> Outcome {
        let choose = |bytes: &[Byte]| bytes.iter().map(|byte| byte.likeliest()).collect();
        match self {
            Self::Nothing => Outcome::Nothing,
            Self::Done => Outcome::Done,
            Self::Failed(errno) => Outcome::Failed(*errno),
            Self::Bytes(bytes) => Outcome::Bytes(choose(bytes)),
            Self::Count(count) => Outcome::Count(*count),
            Self::Fault { signal, at, before } => {
                Outcome::Fault { signal: *signal, at: *at, before: choose(before) }
            }
        }
    }
}

fn all_allowed(bytes: &[Byte], seen: &[u8]) -> bool {
    bytes.len() == seen.len() && bytes.iter().zip(seen).all(|(byte, &seen)| byte.allows(seen))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{}", Runs(bytes)),
            Self::Fault { signal, at, before } if !before.is_empty() => {
                let bare = Outcome::Fault { signal: *signal, at: *at, before: Vec::new() };
                write!(f, "{bare:?} after {}", Runs(before))
            }
            certain => write!(f, "{:?}", certain.likeliest()),
        }
    }
}

/// Something that may happen, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// What.
    pub outcome: Pattern,
    /// The rules it rests on, in the order in which they came up; the last one decides. There is always one.
    pub why: Vec<&'static Rule>,
}

/// Every outcome that the kernel may give to an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// One for each way to use the kernel's freedom; most often there is just one. The likeliest is first.
    pub alternatives: Vec<Alternative>,
}

impl Allowed {
    /// May this happen?
    #[must_use]
    pub fn contains(&self, outcome: &Outcome) -> bool {
        self.alternatives.iter().any(|alternative| alternative.outcome.contains(outcome))
    }

    /// All the rules that any of it rests on, each once.
    #[must_use]
    pub fn rules(&self) -> Vec<&'static Rule> {
        let mut rules: Vec<&'static Rule> = Vec::new();
        for rule in self.alternatives.iter().flat_map(|alternative| &alternative.why) {
            if !rules.contains(rule) {
                rules.push(rule);
            }
        }
        rules
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, alternative) in self.alternatives.iter().enumerate() {
            if index > 0 {
                f.write_str("\nor ")?;
            }
            write!(f, "{}", alternative.outcome)?;
            for rule in &alternative.why {
                write!(f, "\n    {rule}")?;
            }
        }
        Ok(())
    }
}

/// What was seen is none of what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// What was done.
    pub op: Op,
    /// What was seen.
    pub seen: Outcome,
    /// What would have been right.
    pub allowed: Allowed,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}, where the model allows\n{}", self.op, self.seen, self.allowed)
    }
}

impl std::error::Error for Disagreement {}
