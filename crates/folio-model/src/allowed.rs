//! The set of outcomes that an operation may have, with the rules each rests on.

use std::fmt;

use crate::byte::{Byte, Runs};
use crate::{Errno, Op, Outcome, Rule, Signal};

/// Outcomes that differ in nothing but bytes that the kernel is free to choose.
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
/// // Seven bytes past the end of the file, in its last page: stored, and then kept or not.
/// model.run(&Op::Truncate { process, descriptor, len: 100 });
/// model.run(&Op::Store { process, mapping, offset: 100, len: 7, fill: 2 });
/// let allowed = model.allowed(&Op::Load { process, mapping, offset: 99, len: 2 });
/// let pattern = &allowed.alternatives[0].outcome;
/// assert_eq!(*pattern, Pattern::Bytes(vec![Byte::Known(1), Byte::ZeroOr(2)]));
/// ```
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
    ///
    /// ```
    /// use folio_model::{Byte, Outcome, Pattern};
    /// let pattern = Pattern::Bytes(vec![Byte::Known(1), Byte::ZeroOr(2)]);
    /// assert!(pattern.contains(&Outcome::Bytes(vec![1, 0])));
    /// assert!(!pattern.contains(&Outcome::Bytes(vec![0, 2])));
    /// assert!(!pattern.contains(&Outcome::Bytes(vec![1]))); // nor fewer
    /// ```
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
    ///
    /// ```
    /// use folio_model::{Byte, Outcome, Pattern};
    /// let pattern = Pattern::Bytes(vec![Byte::Known(1), Byte::ZeroOr(2)]);
    /// assert_eq!(pattern.likeliest(), Outcome::Bytes(vec![1, 2]));
    /// ```
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
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// let allowed = model.allowed(&Op::Truncate { process, descriptor, len: u64::MAX });
/// let Alternative { outcome, why } = &allowed.alternatives[0];
/// assert_eq!(*outcome, Pattern::Failed(Errno::EINVAL));
/// let deciding = why.last().expect("there is always one");
/// println!("{} says so: {}", deciding.source, deciding.says);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// What.
    pub outcome: Pattern,
    /// The rules it rests on, in the order in which they came up; the last one decides. There is always one.
    pub why: Vec<&'static Rule>,
}

/// Every outcome that the kernel may give to an operation.
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// let allowed = model.allowed(&Op::Length { process, descriptor });
/// assert_eq!(allowed.alternatives.len(), 1); // the kernel is not free here
/// println!("{allowed}"); // 0, and a line for each rule
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// One for each way to use the kernel's freedom; most often there is just one. The likeliest is first.
    pub alternatives: Vec<Alternative>,
}

impl Allowed {
    /// May this happen?
    ///
    /// ```
    /// # use folio_model::*;
    /// # let (process, descriptor) = (Process(0), Descriptor(0));
    /// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
    /// # let (access, content) = (Access::ReadWrite, Content::Keep);
    /// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
    /// let allowed = model.allowed(&Op::Read { process, descriptor, offset: 0, len: 10 });
    /// assert!(allowed.contains(&Outcome::Bytes(vec![]))); // of an empty file
    /// assert!(!allowed.contains(&Outcome::Failed(Errno::EINVAL)));
    /// ```
    #[must_use]
    pub fn contains(&self, outcome: &Outcome) -> bool {
        self.alternatives.iter().any(|alternative| alternative.outcome.contains(outcome))
    }

    /// All the rules that any of it rests on, each once.
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
    /// model.run(&Op::Truncate { process, descriptor, len: 0 });
    /// let allowed = model.allowed(&Op::Load { process, mapping, offset: 0, len: 1 });
    /// assert!(allowed.rules().contains(&&rule::PAST_END)); // what a test of this step covers
    /// ```
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
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// let op = Op::Length { process, descriptor };
/// let wrong = model.step(&op, &Outcome::Count(7)).unwrap_err();
/// assert_eq!((wrong.op, &wrong.seen), (op, &Outcome::Count(7)));
/// assert!(wrong.allowed.contains(&Outcome::Count(0)));
/// println!("{wrong}"); // what was done, what was seen, what would have been right and why
/// ```
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
