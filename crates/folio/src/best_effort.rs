//! A mapping whose bytes its owner answers for: a guarantee where one is to be had at no visible cost, and otherwise the file
//! as the kernel shows it, with faults survived.
//!
//! It is for those who cannot choose between [`Frozen`](crate::Frozen) and [`Shared`](crate::Shared): for the crate in this
//! repository that stands in for memmap2, above all, whose users expect a slice of whatever there is. A [`BestEffort`]
//! gives raw pointers and no reference. Whoever makes a slice of them promises what Rust wants of one: that nobody changes the
//! bytes while it lives. Where [`guarantee`](BestEffort::guarantee) names one, folio keeps that promise.
//!
//! | | [`Frozen`](crate::Frozen), [`Private`](crate::Private) | [`BestEffort`] |
//! |---|---|---|
//! | no guarantee to be had | an error | the file as it changes |
//! | a child of fork(2) | has no pages under a lease | has them, and sees the file as it changes |
//! | a lease | through a descriptor of folio's own | through the file's own open file description |
//! | the content cannot be kept | the process ends | the mapping shows the file as it changes |
//! | a page that cannot be had | zeros, told by `check` | as [`OnFault`] says |
//!
//! A lease through the file's own open file description can be disturbed by whoever shares that: `F_SETLEASE` and
//! `F_SETOWN` of fcntl(2) through a duplicate of the descriptor change it. The mapping leaves the description as it was: one whose
//! signals go to somebody is not used, but one of folio's own.
//!
//! A program may close all descriptors, folio's among them, and open others with their numbers. The bytes stay what they are; but within
//! a few seconds their content is put where nobody can change it, because nobody could answer a writer any more.

pub use crate::sys::best_effort::{BestEffort, Wait, knows_advice};

use std::io;
use std::os::fd::BorrowedFd;

use crate::error::{Error, Result};
use crate::guarantee::Guarantees;
use crate::sys::fault::Answer;
use crate::sys::region::{Access, Mode, Sharing as Kind};

/// What may be done with the pages; mmap(2), mprotect(2).
///
/// ```
/// use folio::best_effort::{BestEffortOptions, Protection};
/// use std::os::fd::AsFd;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// std::fs::write(&path, b"hello")?;
/// let file = std::fs::File::open(&path)?; // for reading alone
/// let options = BestEffortOptions::new().len(5);
/// assert_eq!(options.map(file.as_fd())?.len(), 5); // Protection::Read is the usual one
/// let error = options.protection(Protection::ReadWrite).map(file.as_fd()).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied); // what is stored would reach the file
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protection {
    /// Loads.
    #[default]
    Read,
    /// Loads and stores.
    ReadWrite,
    /// Loads and instruction fetches.
    ReadExec,
}

/// Whether stores reach the file; mmap(2).
///
/// ```
/// use folio::best_effort::{BestEffortOptions, Protection, Sharing};
/// use std::os::fd::AsFd;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// std::fs::write(&path, b"hello")?;
/// let file = std::fs::File::open(&path)?; // for reading alone, which is enough for private stores
/// let options = BestEffortOptions::new().len(5).protection(Protection::ReadWrite);
/// let map = options.sharing(Sharing::Private).map(file.as_fd())?;
/// // SAFETY: the byte may be stored to, and nobody else has its address.
/// unsafe { map.as_mut_ptr().write(b'j') };
/// assert_eq!(std::fs::read(&path)?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sharing {
    /// They do (`MAP_SHARED`).
    #[default]
    Shared,
    /// They do not: a page is copied on the first store to it (`MAP_PRIVATE`).
    Private,
}

/// What becomes of a touch of a page that cannot be had, because the file was truncated or its disk failed.
///
/// ```
/// use folio::best_effort::{BestEffortOptions, OnFault};
/// use std::os::fd::AsFd;
/// let memory = folio::Memfd::create("short")?;
/// memory.set_len(8)?;
/// let map = BestEffortOptions::new().len(8).on_fault(OnFault::Zeros).map(memory.as_fd())?;
/// memory.set_len(0)?; // somebody truncates it
/// // SAFETY: nobody stores to the byte.
/// assert_eq!(unsafe { map.as_ptr().read_volatile() }, 0); // the process lives
/// assert_eq!(map.poisoned(), Some(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFault {
    /// Zeros take the page's place for as long as the mapping lives, and [`BestEffort::poisoned`] tells.
    Zeros,
    /// The same, and for a mapping's first such page one line on stderr that names the file and the byte.
    #[default]
    ZerosAndLine,
    /// That line, and the process ends (SIGABRT).
    LineAndAbort,
}

/// Whether a mapping may move when it grows; mremap(2).
///
/// ```
/// use folio::best_effort::{Anonymous, BestEffortOptions, Move};
/// let mut map = BestEffortOptions::new().len(4096).map_anonymous(Anonymous::new())?;
/// let start = map.as_ptr();
/// map.resize(100, Move::No)?; // shorter, so it stays where it is
/// assert_eq!(map.as_ptr(), start);
/// map.resize(1 << 20, Move::May)?; // pointers into it are to be made anew
/// assert_eq!(map.len(), 1 << 20);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Move {
    /// Its address stays, or it does not grow.
    No,
    /// It may (`MREMAP_MAYMOVE`).
    May,
}

/// Memory without a file; mmap(2).
///
/// ```
/// use folio::best_effort::{Anonymous, BestEffortOptions};
/// let mut huge = Anonymous::new();
/// huge.huge = Some(21); // pages of 2 MiB, where the system has a pool of them
/// let options = BestEffortOptions::new().len(2 << 20);
/// let map = options.map_anonymous(huge).or_else(|_| options.map_anonymous(Anonymous::new()))?;
/// assert_eq!(map.len(), 2 << 20);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Anonymous {
    /// `MAP_STACK`
    pub stack: bool,
    /// `MAP_HUGETLB`, with the binary logarithm of the page size; 0 for the system's usual one.
    pub huge: Option<u8>,
}

impl Anonymous {
    /// Nothing special.
    ///
    /// ```
    /// use folio::best_effort::Anonymous;
    /// let mut stack = Anonymous::new();
    /// assert!(!stack.stack && stack.huge.is_none());
    /// stack.stack = true; // fields are set one by one: there may be more of them one day
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// How to map. Offset and length are taken as they are: bytes past the end of the file are mapped, too.
///
/// ```
/// use folio::best_effort::BestEffortOptions;
/// use std::os::fd::AsFd;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![7; 50_000])?;
/// let file = std::fs::File::open(&path)?;
/// let map = BestEffortOptions::new().offset(5000).len(100).map(file.as_fd())?;
/// // SAFETY: nobody else knows the file.
/// let bytes = unsafe { std::slice::from_raw_parts(map.as_ptr(), map.len()) };
/// assert_eq!(bytes, [7; 100]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "options map nothing until one of their map methods is called"]
pub struct BestEffortOptions {
    pub(crate) offset: u64,
    pub(crate) len: Option<usize>,
    pub(crate) protection: Protection,
    pub(crate) sharing: Sharing,
    pub(crate) populate: bool,
    pub(crate) no_reserve: bool,
    pub(crate) on_fault: OnFault,
}

impl BestEffortOptions {
    /// Byte 0 of the file on, for reading, shared.
    ///
    /// ```
    /// use folio::best_effort::BestEffortOptions;
    /// use std::os::fd::AsFd;
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(4096)?;
    /// assert!(BestEffortOptions::new().map(memory.as_fd())?.is_empty()); // no length was given
    /// assert_eq!(BestEffortOptions::new().len(4096).map(memory.as_fd())?.len(), 4096);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Map from byte `offset` of the file on; it need not be page-aligned.
    ///
    /// ```
    /// use folio::best_effort::BestEffortOptions;
    /// use std::os::fd::AsFd;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, b"hello world")?;
    /// let file = std::fs::File::open(&path)?;
    /// let map = BestEffortOptions::new().offset(6).len(5).map(file.as_fd())?;
    /// // SAFETY: nobody else knows the file.
    /// assert_eq!(unsafe { std::slice::from_raw_parts(map.as_ptr(), map.len()) }, b"world");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Map `len` bytes.
    ///
    /// ```
    /// use folio::best_effort::BestEffortOptions;
    /// use std::os::fd::AsFd;
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(100)?;
    /// let map = BestEffortOptions::new().len(200).map(memory.as_fd())?; // it is not held against the file's
    /// assert_eq!(map.len(), 200);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn len(mut self, len: usize) -> Self {
        self.len = Some(len);
        self
    }

    /// What may be done with the pages.
    ///
    /// ```
    /// use folio::best_effort::{Anonymous, BestEffortOptions, Protection};
    /// let options = BestEffortOptions::new().len(8).protection(Protection::ReadWrite);
    /// let map = options.map_anonymous(Anonymous::new())?;
    /// // SAFETY: the byte may be stored to, and nobody else has its address.
    /// let byte = unsafe { map.as_mut_ptr().replace(7) };
    /// assert_eq!(byte, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn protection(mut self, protection: Protection) -> Self {
        self.protection = protection;
        self
    }

    /// Whether stores reach the file.
    ///
    /// ```
    /// use folio::best_effort::{BestEffortOptions, Protection, Sharing};
    /// use std::os::fd::AsFd;
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(8)?;
    /// let options = BestEffortOptions::new().len(8).protection(Protection::ReadWrite);
    /// let map = options.sharing(Sharing::Shared).map(memory.as_fd())?;
    /// // SAFETY: the byte may be stored to, and no reference to it lives.
    /// unsafe { map.as_mut_ptr().write(7) };
    /// assert_eq!(memory.shared()?.load::<u8>(0)?, 7); // it reached the file
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sharing(mut self, sharing: Sharing) -> Self {
        self.sharing = sharing;
        self
    }

    /// Fault the pages in at once (`MAP_POPULATE`); what cannot be had is passed by.
    ///
    /// ```
    /// use folio::best_effort::BestEffortOptions;
    /// use std::os::fd::AsFd;
    /// let memory = folio::Memfd::create("example")?;
    /// let map = BestEffortOptions::new().len(1 << 20).populate().map(memory.as_fd())?;
    /// assert_eq!(map.len(), 1 << 20); // the file has no such pages, which is for the first touch to find
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn populate(mut self) -> Self {
        self.populate = true;
        self
    }

    /// Reserve no swap space (`MAP_NORESERVE`).
    ///
    /// ```
    /// use folio::best_effort::{Anonymous, BestEffortOptions, Protection};
    /// let options = BestEffortOptions::new().len(1 << 30).protection(Protection::ReadWrite).no_reserve();
    /// let table = options.map_anonymous(Anonymous::new())?; // sparse: only what is stored to takes memory
    /// assert_eq!(table.len(), 1 << 30);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn no_reserve(mut self) -> Self {
        self.no_reserve = true;
        self
    }

    /// What becomes of a touch of a page that cannot be had.
    ///
    /// ```
    /// use folio::best_effort::{BestEffortOptions, OnFault};
    /// use std::os::fd::AsFd;
    /// let memory = folio::Memfd::create("empty")?;
    /// let options = BestEffortOptions::new().len(8).on_fault(OnFault::Zeros); // and no line on stderr
    /// let map = options.map(memory.as_fd())?;
    /// assert_eq!(map.poisoned(), None); // nothing was touched yet
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_fault(mut self, on_fault: OnFault) -> Self {
        self.on_fault = on_fault;
        self
    }

    /// Map the file behind `fd` as the kernel shows it. Without [`len`](Self::len), no byte of it.
    ///
    /// ```
    /// use folio::best_effort::BestEffortOptions;
    /// use std::os::fd::AsFd;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, b"hello")?;
    /// let map = BestEffortOptions::new().len(5).map(std::fs::File::open(&path)?.as_fd())?;
    /// assert_eq!((map.len(), map.guarantee()), (5, None)); // the file may change below it
    /// let (reader, _writer) = std::io::pipe()?;
    /// assert_eq!(BestEffortOptions::new().len(5).map(reader.as_fd()).unwrap_err().raw_os_error(), Some(19)); // ENODEV
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What mmap(2) answers, with its `raw_os_error`; `EOVERFLOW` where offset and length are no range.
    pub fn map(&self, fd: BorrowedFd<'_>) -> io::Result<BestEffort> {
        BestEffort::map(fd, self)
    }

    /// Map the file behind `fd` under one of the guarantees of `allowed`, or not at all. Without [`len`](Self::len), to the
    /// end of the file. [`Guarantees::SNAPSHOT`] stands for a clone here, and never a copy.
    ///
    /// A guarantee but a seal is taken only if the descriptor is open for reading alone, and a lease only while nobody has
    /// the file open for writing: who writes to a file that it has mapped expects to see that.
    ///
    /// ```
    /// use folio::best_effort::BestEffortOptions;
    /// use folio::Guarantees;
    /// use std::os::fd::AsFd;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![7; 50_000])?;
    /// let file = std::fs::File::options().read(true).write(true).open(&path)?;
    /// let error = BestEffortOptions::new().map_kept(file.as_fd(), Guarantees::all()).unwrap_err();
    /// assert!(error.to_string().contains("open for writing"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Why the last guarantee that was tried is not to be had; [`OutOfRange`](crate::ErrorKind::OutOfRange) for a range past
    /// the end of the file, and [`Unsupported`](crate::ErrorKind::Unsupported) for an empty one and for pages that are to be executed or,
    /// shared, to be stored to.
    pub fn map_kept(&self, fd: BorrowedFd<'_>, allowed: Guarantees) -> Result<BestEffort> {
        BestEffort::keep(fd, self, allowed).map_err(|cause| Error::new("keep", cause))
    }

    /// Map memory without a file, private.
    ///
    /// ```
    /// use folio::best_effort::{Anonymous, BestEffortOptions};
    /// let map = BestEffortOptions::new().len(100).map_anonymous(Anonymous::new())?;
    /// // SAFETY: nobody stores to these bytes.
    /// assert_eq!(unsafe { std::slice::from_raw_parts(map.as_ptr(), map.len()) }, [0; 100]);
    /// let too_long = BestEffortOptions::new().len(usize::MAX).map_anonymous(Anonymous::new());
    /// assert_eq!(too_long.unwrap_err().raw_os_error(), Some(75)); // EOVERFLOW
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What mmap(2) answers.
    pub fn map_anonymous(&self, anonymous: Anonymous) -> io::Result<BestEffort> {
        BestEffort::anonymous(self, anonymous)
    }

    pub(crate) fn mode(&self) -> Mode {
        Mode {
            access: self.protection.access(),
            sharing: match self.sharing {
                Sharing::Shared => Kind::Shared,
                Sharing::Private => Kind::Private,
            },
            no_reserve: self.no_reserve,
        }
    }

    pub(crate) fn answer(&self) -> Answer {
        match self.on_fault {
            OnFault::Zeros => Answer::Zeros,
            OnFault::ZerosAndLine => Answer::ZerosAndLine,
            OnFault::LineAndAbort => Answer::LineAndAbort,
        }
    }
}

impl Protection {
    pub(crate) fn access(self) -> Access {
        match self {
            Self::Read => Access::Read,
            Self::ReadWrite => Access::ReadWrite,
            Self::ReadExec => Access::ReadExec,
        }
    }
}
