//! Every advice of madvise(2) that concerns only the addresses that it is given for.

/// An advice of madvise(2), in the kernel's names.
///
/// All but `MADV_HWPOISON` and `MADV_SOFT_OFFLINE`, which take memory out of use for the whole machine.
///
/// ```
/// use folio::raw::{Advice, MapFlags, Mapping, Protection, Sharing};
/// let rw = Protection::READ | Protection::WRITE;
/// let mapping = Mapping::anonymous(1, rw, Sharing::Private, MapFlags::empty())?;
/// mapping.store(0, 7);
/// mapping.advise(0..mapping.len(), Advice::DontNeed)?;
/// assert_eq!(mapping.load(0), 0); // the page was dropped with what it held
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "madvise(2) describes them by these names")]
#[non_exhaustive]
pub enum Advice {
    Normal,
    Random,
    Sequential,
    WillNeed,
    DontNeed,
    Free,
    /// Makes a hole in the file: only of a shared mapping whose file is open for writing.
    Remove,
    /// A child of [`fork`](super::fork) gets pages that cannot be touched instead.
    DontFork,
    DoFork,
    Mergeable,
    Unmergeable,
    HugePage,
    NoHugePage,
    DontDump,
    DoDump,
    WipeOnFork,
    KeepOnFork,
    Cold,
    PageOut,
    PopulateRead,
    PopulateWrite,
    DontNeedLocked,
    Collapse,
    GuardInstall,
    GuardRemove,
}

impl Advice {
    /// Its number in asm-generic/mman-common.h, which both architectures share.
    pub(super) fn number(self) -> i32 {
        match self {
            Self::Normal => 0,
            Self::Random => 1,
            Self::Sequential => 2,
            Self::WillNeed => 3,
            Self::DontNeed => 4,
            Self::Free => 8,
            Self::Remove => 9,
            Self::DontFork => 10,
            Self::DoFork => 11,
            Self::Mergeable => 12,
            Self::Unmergeable => 13,
            Self::HugePage => 14,
            Self::NoHugePage => 15,
            Self::DontDump => 16,
            Self::DoDump => 17,
            Self::WipeOnFork => 18,
            Self::KeepOnFork => 19,
            Self::Cold => 20,
            Self::PageOut => 21,
            Self::PopulateRead => 22,
            Self::PopulateWrite => 23,
            Self::DontNeedLocked => 24,
            Self::Collapse => 25,
            Self::GuardInstall => 102,
            Self::GuardRemove => 103,
        }
    }
}
