//! What a byte may be, and pages of such bytes.

use std::fmt;
use std::sync::Arc;

/// What one byte may be.
///
/// One thing alone leaves the model in doubt about a byte: a store past the end of the file, in its last page, which the
/// kernel may keep or put back to zero at any time ([`rule::TAIL_STORE`](crate::rule::TAIL_STORE)).
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
/// model.run(&Op::Truncate { process, descriptor, len: 10 });
/// model.run(&Op::Store { process, mapping, offset: 10, len: 1, fill: 7 }); // after the end
/// model.run(&Op::Truncate { process, descriptor, len: 11 });
/// let content = model.content(File(0));
/// assert_eq!((content[9], content[10]), (Byte::Known(1), Byte::ZeroOr(7)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Byte {
    /// This and nothing else.
    Known(u8),
    /// This, or zero.
    ZeroOr(u8),
}

impl Byte {
    /// Zero, for certain.
    pub const ZERO: Self = Self::Known(0);

    /// A byte of which it is not known whether it was kept.
    ///
    /// ```
    /// use folio_model::Byte;
    /// assert_eq!(Byte::zero_or(7), Byte::ZeroOr(7));
    /// assert_eq!(Byte::zero_or(0), Byte::ZERO); // no doubt there
    /// ```
    #[must_use]
    pub fn zero_or(value: u8) -> Self {
        if value == 0 { Self::ZERO } else { Self::ZeroOr(value) }
    }

    /// May it be this?
    ///
    /// ```
    /// use folio_model::Byte;
    /// assert!(Byte::ZeroOr(7).allows(0) && Byte::ZeroOr(7).allows(7));
    /// assert!(!Byte::ZeroOr(7).allows(1) && !Byte::Known(7).allows(0));
    /// ```
    #[must_use]
    pub fn allows(self, seen: u8) -> bool {
        match self {
            Self::Known(value) => seen == value,
            Self::ZeroOr(value) => seen == value || seen == 0,
        }
    }

    /// What the model takes it for where it has to choose: as it was stored.
    ///
    /// ```
    /// use folio_model::Byte;
    /// assert_eq!([Byte::Known(1), Byte::ZeroOr(7)].map(Byte::likeliest), [1, 7]);
    /// ```
    #[must_use]
    pub fn likeliest(self) -> u8 {
        match self {
            Self::Known(value) | Self::ZeroOr(value) => value,
        }
    }
}

impl fmt::Debug for Byte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => write!(f, "{value:02x}"),
            Self::ZeroOr(value) => write!(f, "00|{value:02x}"),
        }
    }
}

/// Bytes, told as runs of equals: `4×00 1×00|2a`.
pub(crate) struct Runs<'a>(pub(crate) &'a [Byte]);

impl fmt::Display for Runs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, run) in self.0.chunk_by(|a, b| a == b).enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{}×{:?}", run.len(), run[0])?;
        }
        f.write_str("]")
    }
}

/// One page of memory. Cloning it is cheap until one of the two is changed: a model is cloned at every step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page(Arc<[Byte]>);

impl Page {
    pub(crate) fn zero(page_size: u64) -> Self {
        Self((0..page_size).map(|_| Byte::ZERO).collect())
    }

    /// Its byte at `at`, counted from the page's first; zero past its end, where nobody asks.
    pub(crate) fn byte(&self, at: u64) -> Byte {
        usize::try_from(at).ok().and_then(|at| self.0.get(at)).copied().unwrap_or(Byte::ZERO)
    }

    pub(crate) fn set(&mut self, at: u64, byte: Byte) {
        let bytes = Arc::make_mut(&mut self.0);
        if let Some(place) = usize::try_from(at).ok().and_then(|at| bytes.get_mut(at)) {
            *place = byte;
        }
    }
}
