//! One builder for every kind of mapping.

use core::ops::{Bound, RangeBounds};
use std::os::fd::AsFd;
use std::path::Path;

use crate::error::{Cause, Error};
use crate::guarantee::{Guarantees, OnLoss};
use crate::source::{Needs, Source};
use crate::{Advice, Frozen, Memfd, Private, Result, Shared, SharedMut};

/// How to map a file: which bytes, what to do at open, and which guarantees may carry it.
///
/// The builder is one value for all four kinds; what a kind cannot use it refuses with
/// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) rather than ignoring it.
///
/// ```
/// use folio::MapOptions;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![7u8; 10_000])?;
/// let map = MapOptions::new().offset(5000).len(100).populate().open_shared(&path)?;
/// assert_eq!(map.len(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "options map nothing until one of their open_ or map_ methods is called"]
pub struct MapOptions {
    pub(crate) offset: u64,
    pub(crate) len: Option<u64>,
    pub(crate) reserve: Option<u64>,
    pub(crate) populate: bool,
    pub(crate) huge_pages: HugePages,
    pub(crate) lock: Option<LockPages>,
    pub(crate) no_reserve: bool,
    pub(crate) advice: Option<Advice>,
    pub(crate) guarantees: Guarantees,
    pub(crate) on_loss: OnLoss,
}

/// Whether to ask for huge pages. The kernel has them for tmpfs, memfds, anonymous memory and (6.16) large folios of
/// ext4; elsewhere the hint is refused with an error.
///
/// ```
/// use folio::{HugePages, MapOptions};
/// let options = MapOptions::new().len(8 << 20);
/// let huge = options.clone().huge_pages(HugePages::Advise).anonymous_private();
/// let table = huge.or_else(|_| options.anonymous_private())?; // where the kernel has none
/// assert_eq!(table.len(), 8 << 20);
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HugePages {
    /// Whatever the system's setting is.
    #[default]
    System,
    /// `MADV_HUGEPAGE` of madvise(2).
    Advise,
    /// `MADV_NOHUGEPAGE` of madvise(2).
    Never,
}

/// When pages are locked in memory; mlock2(2).
///
/// ```
/// use folio::{LockPages, MapOptions};
/// let memory = folio::Memfd::create("key")?;
/// memory.set_len(32)?;
/// let key = memory.shared_mut_with(&MapOptions::new().lock(LockPages::Now))?;
/// key.write_at(0, &[7; 32])?; // never in swap space
/// key.pages().unlock(..)?;
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockPages {
    /// Fault all pages in now and keep them.
    Now,
    /// Keep each page from its first fault on (`MLOCK_ONFAULT`).
    OnFault,
}

impl MapOptions {
    /// The whole file, nothing special.
    ///
    /// ```
    /// use folio::MapOptions;
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(100)?;
    /// assert_eq!(MapOptions::new().map_shared(&memory)?.file_range(), 0..100);
    /// # Ok::<(), folio::Error>(())
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Map from byte `offset` of the file; it need not be page-aligned.
    ///
    /// ```
    /// use folio::{ErrorKind, MapOptions};
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(10_000)?;
    /// let tail = MapOptions::new().offset(9_999).map_shared(&memory)?;
    /// assert_eq!(tail.len(), 1);
    /// assert!(MapOptions::new().offset(10_000).map_shared(&memory)?.is_empty()); // the end itself is in bounds
    /// let error = MapOptions::new().offset(10_001).map_shared(&memory).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::OutOfRange);
    /// # Ok::<(), folio::Error>(())
    /// ```
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Map `len` bytes. Without it, everything from the offset to the end of the file as it is at open.
    ///
    /// ```
    /// use folio::{ErrorKind, MapOptions};
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(100)?;
    /// let header = MapOptions::new().len(16).map_shared(&memory)?;
    /// assert_eq!(header.len(), 16);
    /// let error = MapOptions::new().len(101).map_shared(&memory).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::OutOfRange); // the file is shorter
    /// # Ok::<(), folio::Error>(())
    /// ```
    pub fn len(mut self, len: u64) -> Self {
        self.len = Some(len);
        self
    }

    /// Map the bytes of `range`, the same as [`offset`](Self::offset) and [`len`](Self::len).
    ///
    /// ```
    /// use folio::MapOptions;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
    /// let world = MapOptions::new().range(6..).open_frozen(&path)?;
    /// assert_eq!(&world[..], b"world");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn range(self, range: impl RangeBounds<u64>) -> Self {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&end) => Some(end.saturating_add(1)),
            Bound::Excluded(&end) => Some(end),
            Bound::Unbounded => None,
        };
        // A reversed range becomes a length that no file has, so that it is refused at open like any other.
        let len = end.map(|end| end.checked_sub(start).unwrap_or(u64::MAX));
        Self { offset: start, len, ..self }
    }

    /// Reserve `len` bytes of addresses, counted from the mapping's first byte, so that a [`SharedMut`] can grow up
    /// to there without moving. Costs address space, no memory.
    ///
    /// ```
    /// use folio::{ErrorKind, MapOptions};
    /// let map = MapOptions::new().len(10).reserve(1 << 20).anonymous_shared_mut()?;
    /// let start = map.as_ptr();
    /// map.extend(1 << 20)?;
    /// assert_eq!(map.as_ptr(), start);
    /// assert_eq!(map.extend((1 << 20) + 1).unwrap_err().kind(), ErrorKind::OutOfRange);
    /// # Ok::<(), folio::Error>(())
    /// ```
    pub fn reserve(mut self, len: u64) -> Self {
        self.reserve = Some(len);
        self
    }

    /// Fault all pages in at open, in windows, so that first touches later cost nothing.
    ///
    /// ```
    /// use folio::{MapOptions, Residency};
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(1 << 20)?; // all of it a hole
    /// let map = MapOptions::new().populate().map_shared(&memory)?;
    /// let Residency::Known(resident) = map.pages().residency(..)? else { panic!("the memory is ours") };
    /// assert_eq!(resident.resident_bytes(), 1 << 20);
    /// # Ok::<(), folio::Error>(())
    /// ```
    pub fn populate(mut self) -> Self {
        self.populate = true;
        self
    }

    /// Ask for huge pages, or for none.
    ///
    /// ```
    /// use folio::{HugePages, MapOptions};
    /// let options = MapOptions::new().len(8 << 20);
    /// match options.clone().huge_pages(HugePages::Never).anonymous_private() {
    ///     Ok(scratch) => assert_eq!(scratch.len(), 8 << 20),
    ///     Err(error) => println!("{error}"), // a kernel without them refuses the hint
    /// }
    /// ```
    pub fn huge_pages(mut self, huge_pages: HugePages) -> Self {
        self.huge_pages = huge_pages;
        self
    }

    /// Lock the pages in memory at open; needs `RLIMIT_MEMLOCK` or CAP_IPC_LOCK.
    ///
    /// ```
    /// use folio::{LockPages, MapOptions};
    /// let options = MapOptions::new().len(4096).lock(LockPages::OnFault);
    /// let mut scratch = options.anonymous_private()?;
    /// scratch[0] = 1; // from now on this page stays in memory
    /// # Ok::<(), folio::Error>(())
    /// ```
    pub fn lock(mut self, lock: LockPages) -> Self {
        self.lock = Some(lock);
        self
    }

    /// Reserve no swap space for private pages (`MAP_NORESERVE` of mmap(2)): opening succeeds where the overcommit
    /// setting would refuse, and a later store can be killed for want of memory.
    ///
    /// ```
    /// use folio::MapOptions;
    /// let mut table = MapOptions::new().len(1 << 30).no_reserve().anonymous_private()?; // 1 GiB of addresses
    /// table[1 << 29] = 1; // and one page of memory
    /// # Ok::<(), folio::Error>(())
    /// ```
    pub fn no_reserve(mut self) -> Self {
        self.no_reserve = true;
        self
    }

    /// Give `advice` for the whole mapping at open.
    ///
    /// ```
    /// use folio::{Advice, MapOptions};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 100_000])?;
    /// let index = MapOptions::new().advice(Advice::Random).open_shared(&path)?; // no reading ahead
    /// assert_eq!(index.load::<u8>(77_777)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn advice(mut self, advice: Advice) -> Self {
        self.advice = Some(advice);
        self
    }

    /// Allow only these guarantees for a [`Frozen`] or [`Private`]; the first that holds is taken, in the order
    /// sealed, lease, snapshot, copied. Small files are copied first where that is allowed, because it is cheaper.
    ///
    /// ```
    /// use folio::{Guarantee, MapOptions};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let map = MapOptions::new().guarantees(Guarantee::Copied).open_frozen(&path)?;
    /// assert_eq!(map.guarantee(), Guarantee::Copied);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn guarantees(mut self, allowed: impl Into<Guarantees>) -> Self {
        self.guarantees = allowed.into();
        self
    }

    /// What to do when a lease breaks and the content cannot be kept.
    ///
    /// ```
    /// use folio::{Guarantee, MapOptions, OnLoss};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 100_000])?;
    /// let options = MapOptions::new().on_loss(OnLoss::Fence);
    /// let file = options.open_frozen(&path)?;
    /// if file.guarantee() != Guarantee::Lease {
    ///     println!("it cannot be lost"); // nothing else can break
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_loss(mut self, on_loss: OnLoss) -> Self {
        self.on_loss = on_loss;
        self
    }

    /// Open the file at `path` for reading and map it as [`Frozen`].
    ///
    /// ```
    /// use folio::{ErrorKind, MapOptions};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
    /// let options = MapOptions::new().len(5);
    /// assert_eq!(&options.open_frozen(&path)?[..], b"hello");
    /// let error = options.open_frozen(dir.path().join("g")).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), [`PermissionDenied`](crate::ErrorKind::PermissionDenied),
    /// [`NotMappable`](crate::ErrorKind::NotMappable), [`OutOfRange`](crate::ErrorKind::OutOfRange) for a range past the
    /// end of the file, [`TooLarge`](crate::ErrorKind::TooLarge), [`NoMemory`](crate::ErrorKind::NoMemory), and
    /// [`NoGuarantee`](crate::ErrorKind::NoGuarantee) if no allowed guarantee can be had.
    pub fn open_frozen(&self, path: impl AsRef<Path>) -> Result<Frozen> {
        Frozen::from_source(Source::open(path.as_ref(), Needs::Read)?, self)
    }

    /// Map `file`, open for reading, as [`Frozen`]. The file may be closed at once.
    ///
    /// ```
    /// use folio::{ErrorKind, MapOptions};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
    /// let hello = MapOptions::new().len(5).map_frozen(&std::fs::File::open(&path)?)?;
    /// assert_eq!(&hello[..], b"hello");
    /// let for_writing = std::fs::File::options().write(true).open(&path)?;
    /// let error = MapOptions::new().map_frozen(&for_writing).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::OpenMode);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open_frozen`](Self::open_frozen), and [`OpenMode`](crate::ErrorKind::OpenMode) if it is not open for reading.
    pub fn map_frozen(&self, file: &impl AsFd) -> Result<Frozen> {
        Frozen::from_source(Source::from_fd(file.as_fd(), Needs::Read)?, self)
    }

    /// Open the file at `path` for reading and map it as [`Private`]: changes stay in memory until committed, so reading is all that it needs.
    ///
    /// ```
    /// use folio::MapOptions;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
    /// let mut draft = MapOptions::new().range(6..).open_private(&path)?;
    /// draft.copy_from_slice(b"folio");
    /// draft.commit()?;
    /// assert_eq!(std::fs::read(&path)?, b"hello folio");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open_frozen`](Self::open_frozen).
    pub fn open_private(&self, path: impl AsRef<Path>) -> Result<Private> {
        Private::from_source(Source::open(path.as_ref(), Needs::Read)?, self)
    }

    /// Map `file`, open for reading, as [`Private`]. The file may be closed at once.
    ///
    /// ```
    /// use folio::MapOptions;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
    /// let file = std::fs::File::open(&path)?; // for reading alone
    /// let mut draft = MapOptions::new().len(5).map_private(&file)?;
    /// draft.make_ascii_uppercase();
    /// assert_eq!((&draft[..], std::fs::read(&path)?), (&b"HELLO"[..], b"hello world".to_vec()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`map_frozen`](Self::map_frozen).
    pub fn map_private(&self, file: &impl AsFd) -> Result<Private> {
        Private::from_source(Source::from_fd(file.as_fd(), Needs::Read)?, self)
    }

    /// Map [`len`](Self::len) bytes of zeros with no file behind them as [`Private`].
    ///
    /// ```
    /// use folio::MapOptions;
    /// let scratch = MapOptions::new().len(1 << 20).no_reserve().anonymous_private()?;
    /// assert_eq!(scratch.len(), 1 << 20);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NoMemory`](crate::ErrorKind::NoMemory), [`TooLarge`](crate::ErrorKind::TooLarge), and
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for what only a file has, an offset above all.
    pub fn anonymous_private(&self) -> Result<Private> {
        Private::anonymous_with(self)
    }

    /// Map [`len`](Self::len) bytes of zeros as [`SharedMut`], shared with the children of this process: a memfd
    /// (memfd_create(2)) that nothing else has a descriptor of. [`Memfd`] is for one that is sent or sealed.
    ///
    /// ```
    /// use folio::MapOptions;
    /// let memory = MapOptions::new().len(4096).reserve(1 << 30).anonymous_shared_mut()?;
    /// memory.extend(1 << 20)?; // in place
    /// assert_eq!(memory.len(), 1 << 20);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NoMemory`](crate::ErrorKind::NoMemory), [`TooLarge`](crate::ErrorKind::TooLarge),
    /// [`NoResource`](crate::ErrorKind::NoResource) if no descriptor is free, and
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for what only a file has, an offset above all.
    pub fn anonymous_shared_mut(&self) -> Result<SharedMut> {
        self.refuse_offset().map_err(|cause| Error::new("map", cause))?;
        let memory = Memfd::create("folio")?;
        memory.set_len(self.len.unwrap_or(0))?;
        memory.shared_mut_with(self)
    }

    /// An error if there is an offset, for memory without a file.
    pub(crate) fn refuse_offset(&self) -> core::result::Result<(), Cause> {
        match self.offset {
            0 => Ok(()),
            _ => Err(Cause::InvalidInput(
                "an offset is a place in a file: anonymous memory has none".into(),
            )),
        }
    }

    /// Whether the pages are to be of some kind.
    pub(crate) fn asks_for_pages(&self) -> bool {
        self.lock.is_some() || self.huge_pages != HugePages::System || self.advice.is_some()
    }

    /// Open the file at `path` for reading and map it as [`Shared`].
    ///
    /// ```
    /// use folio::{ErrorKind, MapOptions};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
    /// let world = MapOptions::new().range(6..).open_shared(&path)?;
    /// assert_eq!(world.load::<[u8; 5]>(0)?, *b"world");
    /// let error = MapOptions::new().reserve(100).open_shared(&path).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput); // what cannot grow has no use for it
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open_frozen`](Self::open_frozen), without the guarantees.
    pub fn open_shared(&self, path: impl AsRef<Path>) -> Result<Shared> {
        Shared::from_source(Source::open(path.as_ref(), Needs::Read)?, self)
    }

    /// Map `file`, open for reading, as [`Shared`]. The file may be closed at once.
    ///
    /// ```
    /// use folio::MapOptions;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
    /// let file = std::fs::File::open(&path)?;
    /// let map = MapOptions::new().len(5).map_shared(&file)?;
    /// drop(file);
    /// assert_eq!(map.load::<[u8; 5]>(0)?, *b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`map_frozen`](Self::map_frozen), without the guarantees.
    pub fn map_shared(&self, file: &impl AsFd) -> Result<Shared> {
        Shared::from_source(Source::from_fd(file.as_fd(), Needs::Read)?, self)
    }

    /// Open the file at `path` for reading and writing and map it as [`SharedMut`].
    ///
    /// ```
    /// use folio::MapOptions;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
    /// let world = MapOptions::new().range(6..).open_shared_mut(&path)?;
    /// world.write_at(0, b"folio")?;
    /// assert_eq!(std::fs::read(&path)?, b"hello folio");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`open_shared`](Self::open_shared).
    pub fn open_shared_mut(&self, path: impl AsRef<Path>) -> Result<SharedMut> {
        SharedMut::from_source(Source::open(path.as_ref(), Needs::ReadWrite)?, self)
    }

    /// Map `file`, open for reading *and* writing, as [`SharedMut`]. The file may be closed at once.
    ///
    /// ```
    /// use folio::{ErrorKind, MapOptions};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
    /// let file = std::fs::File::options().read(true).write(true).open(&path)?;
    /// MapOptions::new().map_shared_mut(&file)?.write_at(0, b"j")?;
    /// assert_eq!(std::fs::read(&path)?, b"jello world");
    /// let for_writing = std::fs::File::options().write(true).open(&path)?;
    /// let error = MapOptions::new().map_shared_mut(&for_writing).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::OpenMode); // writing is not enough
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`map_shared`](Self::map_shared); [`OpenMode`](crate::ErrorKind::OpenMode) also if it is not open for writing,
    /// because the kernel must read a page before a part of it can be changed.
    pub fn map_shared_mut(&self, file: &impl AsFd) -> Result<SharedMut> {
        SharedMut::from_source(Source::from_fd(file.as_fd(), Needs::ReadWrite)?, self)
    }
}
