//! What programs are made of.

use crate::{Access, Advice, Allocation, Content, LockOwner, Op, Protection, Seals, Sharing};

/// An operation without its parts.
///
/// ```
/// use folio_model::{Op, Repertoire, Seeded, Verb};
/// let openings = Repertoire::kernel(4096).only(&[Verb::Open]);
/// let program = openings.program(&mut Seeded::new(7), 20);
/// assert!(program.iter().all(|op| matches!(op, Op::Open { .. })));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are the variants of Op")]
pub enum Verb {
    Open,
    Close,
    Read,
    Write,
    Truncate,
    Allocate,
    Length,
    Sync,
    Map,
    Unmap,
    Remap,
    Protect,
    Load,
    Store,
    Flush,
    Advise,
    Fork,
    Exit,
    Seal,
    Lease,
    Lock,
}

/// Which offsets and lengths are tried.
///
/// ```
/// use folio_model::{Op, Positions, Repertoire, Seeded, Verb};
/// let mut small = Repertoire::kernel(4096).only(&[Verb::Open, Verb::Truncate]);
/// small.positions = Positions::Listed { offsets: vec![0], lens: vec![0, 4097] };
/// let program = small.program(&mut Seeded::new(7), 50);
/// assert!(program.iter().all(|op| !matches!(op, Op::Truncate { len: 1..=4096 | 4098.., .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Positions {
    /// As mmap(2) takes them: mappings begin at pages, and what is done to one stays within its pages. One in sixteen
    /// begins elsewhere, to be refused.
    Pages,
    /// Any byte, and sometimes bytes past the end of a mapping, for a library that checks.
    Bytes,
    /// These and no others, for small bounds.
    Listed {
        /// Offsets in files and in mappings.
        offsets: Vec<u64>,
        /// Lengths of files, of mappings and of ranges.
        lens: Vec<u64>,
    },
}

/// What programs are made of. The lists hold what is chosen from, each entry as likely as the others.
///
/// ```
/// use folio_model::{Access, Op, Repertoire, Seeded};
/// let readers = Repertoire { accesses: vec![Access::Read], ..Repertoire::kernel(4096) };
/// for op in readers.program(&mut Seeded::new(7), 50).iter() {
///     assert!(!matches!(op, Op::Open { access: Access::Write | Access::ReadWrite, .. }));
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repertoire {
    /// The size of pages, in bytes.
    pub page_size: u64,
    /// How many processes there may be.
    pub processes: u8,
    /// How many of them are there from the beginning; the others are forked.
    pub processes_at_first: u8,
    /// How many files there are.
    pub files: u8,
    /// How many slots for descriptors each process uses.
    pub descriptors: u8,
    /// How many slots for mappings each process uses.
    pub mappings: u8,
    /// The longest file and mapping, in bytes.
    pub longest: u64,
    /// How every program begins.
    pub opening: Vec<Op>,
    /// Which operations, and how likely each.
    pub verbs: Vec<(Verb, u32)>,
    /// Which offsets and lengths.
    pub positions: Positions,
    /// What files are opened for.
    pub accesses: Vec<Access>,
    /// What becomes of their content.
    pub contents: Vec<Content>,
    /// How files are mapped.
    pub kinds: Vec<(Sharing, Protection)>,
    /// Which advice is given.
    pub advice: Vec<Advice>,
    /// How space is allocated.
    pub allocations: Vec<Allocation>,
    /// Which seals are added.
    pub seals: Vec<Seals>,
    /// Whose locks are taken.
    pub owners: Vec<LockOwner>,
    /// Which bytes are written and stored.
    pub fills: Vec<u8>,
}

pub(crate) const READ_WRITE: Protection = Protection::READ.union(Protection::WRITE);

impl Repertoire {
    /// Everything that [`Op`] has, as the kernel takes it: two processes, two files of a few pages of `page_size` bytes.
    ///
    /// ```
    /// use folio_model::{Repertoire, Seeded};
    /// let program = Repertoire::kernel(16384).program(&mut Seeded::new(7), 60);
    /// assert!(program.iter().all(|op| op.process().0 < 2)); // two processes
    /// println!("{program}");
    /// ```
    #[must_use]
    pub fn kernel(page_size: u64) -> Self {
        let verbs = [
            (Verb::Open, 5),
            (Verb::Close, 2),
            (Verb::Read, 5),
            (Verb::Write, 5),
            (Verb::Truncate, 8),
            (Verb::Allocate, 3),
            (Verb::Length, 1),
            (Verb::Sync, 1),
            (Verb::Map, 8),
            (Verb::Unmap, 2),
            (Verb::Remap, 2),
            (Verb::Protect, 2),
            (Verb::Load, 12),
            (Verb::Store, 12),
            (Verb::Flush, 2),
            (Verb::Advise, 5),
            (Verb::Fork, 1),
            (Verb::Exit, 1),
            (Verb::Seal, 1),
            (Verb::Lease, 1),
            (Verb::Lock, 2),
        ];
        let kinds = [
            (Sharing::Shared, READ_WRITE),
            (Sharing::Private, READ_WRITE),
            (Sharing::Shared, READ_WRITE),
            (Sharing::Private, READ_WRITE),
            (Sharing::Shared, Protection::READ),
            (Sharing::Private, Protection::READ),
            (Sharing::Shared, Protection::WRITE),
            (Sharing::Private, Protection::empty()),
        ];
        Self {
            page_size,
            processes: 2,
            processes_at_first: 1,
            files: 2,
            descriptors: 3,
            mappings: 3,
            longest: 4 * page_size,
            opening: Vec::new(),
            verbs: verbs.to_vec(),
            positions: Positions::Pages,
            accesses: vec![
                Access::ReadWrite,
                Access::ReadWrite,
                Access::ReadWrite,
                Access::Read,
                Access::Write,
            ],
            contents: vec![Content::Keep, Content::Keep, Content::Keep, Content::Truncate],
            kinds: kinds.to_vec(),
            advice: vec![
                Advice::DontNeed,
                Advice::Remove,
                Advice::PopulateRead,
                Advice::PopulateWrite,
                Advice::WillNeed,
            ],
            allocations: vec![Allocation::PunchHole, Allocation::Extend, Allocation::KeepSize],
            seals: vec![
                Seals::WRITE,
                Seals::SHRINK,
                Seals::GROW,
                Seals::FUTURE_WRITE,
                Seals::SEAL,
                Seals::WRITE.union(Seals::SHRINK).union(Seals::GROW),
            ],
            owners: vec![LockOwner::OpenFile, LockOwner::Process, LockOwner::Whole],
            fills: (0..=u8::MAX).collect(),
        }
    }

    /// The same with only these operations.
    ///
    /// ```
    /// use folio_model::{Repertoire, Verb};
    /// let reading = Repertoire::kernel(4096).only(&[Verb::Read, Verb::Open]);
    /// assert_eq!(reading.verbs, [(Verb::Open, 5), (Verb::Read, 5)]); // as likely as before
    /// ```
    #[must_use]
    pub fn only(mut self, verbs: &[Verb]) -> Self {
        self.verbs.retain(|(verb, _)| verbs.contains(verb));
        self
    }
}
