//! What is there before a program begins.

/// What a file of a program is.
///
/// ```
/// use folio_model::*;
/// let (process, descriptor, seals) = (Process(0), Descriptor(0), Seals::WRITE);
/// let (access, content) = (Access::ReadWrite, Content::Keep);
/// let mut model = Model::new(Setting::new(4096).file(FileKind::Disk).file(FileKind::Memory));
/// model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// let seal = Op::Seal { process, descriptor, seals };
/// assert_eq!(model.run(&seal), Outcome::Failed(Errno::EINVAL)); // only memory files can be sealed
/// model.run(&Op::Open { process, descriptor, file: File(1), access, content });
/// assert_eq!(model.run(&seal), Outcome::Done);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FileKind {
    /// A regular file of a file system with a disk under it, which belongs to whoever runs the program.
    Disk,
    /// A file in memory that can be sealed; memfd_create(2) with `MFD_ALLOW_SEALING`. Opened by its name in `/proc`.
    Memory,
}

/// What a file system may do without. Those under [`FileKind::Memory`] have all of it.
///
/// ```
/// use folio_model::*;
/// let (process, descriptor) = (Process(0), Descriptor(0));
/// let setting = Setting::new(4096).file(FileKind::Disk).without(Facility::Allocate);
/// let mut model = Model::new(setting);
/// let (access, content) = (Access::ReadWrite, Content::Keep);
/// model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// let allocate = Op::Allocate { process, descriptor, how: Allocation::Extend, offset: 0, len: 1 };
/// assert_eq!(model.run(&allocate), Outcome::Failed(Errno::EOPNOTSUPP));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Facility {
    /// fallocate(2) that sets space aside.
    Allocate,
    /// fallocate(2) and madvise(2) that make holes.
    PunchHole,
    /// Leases.
    Leases,
    /// Mapping files to be executed, which a mount with `noexec` forbids.
    Execute,
}

/// What is there before a program begins: files, all empty, and pages of a size.
///
/// ```
/// use folio_model::{FileKind, Setting};
///
/// let setting = Setting::new(4096).file(FileKind::Disk).file(FileKind::Memory);
/// assert_eq!(setting.files(), [FileKind::Disk, FileKind::Memory]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    page_size: u64,
    files: Vec<FileKind>,
    lacks: Vec<Facility>,
}

impl Setting {
    /// No files; pages of `page_size` bytes, a power of two of at least 512.
    ///
    /// ```
    /// use folio_model::{Model, Setting};
    /// let model = Model::new(Setting::new(65536)); // as some machines have them; without files
    /// assert!(std::panic::catch_unwind(|| Setting::new(5000)).is_err());
    /// ```
    ///
    /// # Panics
    /// If `page_size` is no such number.
    #[must_use]
    pub fn new(page_size: u64) -> Self {
        assert!(page_size.is_power_of_two() && page_size >= 512, "no machine has such pages");
        Self { page_size, files: Vec::new(), lacks: Vec::new() }
    }

    /// One more file; the first is [`File`](crate::File)`(0)`.
    ///
    /// ```
    /// use folio_model::{File, FileKind, Model, Setting};
    /// let setting = Setting::new(4096).file(FileKind::Disk).file(FileKind::Memory);
    /// assert_eq!(setting.files()[usize::from(File(1).0)], FileKind::Memory);
    /// ```
    #[must_use]
    pub fn file(mut self, kind: FileKind) -> Self {
        self.files.push(kind);
        self
    }

    /// The file system of the files of [`FileKind::Disk`] does without this. Without a word it has everything.
    ///
    /// ```
    /// use folio_model::{Facility, FileKind, Setting};
    /// let setting = Setting::new(4096).file(FileKind::Disk);
    /// let ext2 = setting.clone().without(Facility::Allocate).without(Facility::PunchHole);
    /// assert_ne!(ext2, setting);
    /// ```
    #[must_use]
    pub fn without(mut self, facility: Facility) -> Self {
        self.lacks.push(facility);
        self
    }

    /// Has a file of this kind that?
    pub(crate) fn has(&self, kind: FileKind, facility: Facility) -> bool {
        kind == FileKind::Memory || !self.lacks.contains(&facility)
    }

    /// The size of a page in bytes.
    ///
    /// ```
    /// use folio_model::{Repertoire, Setting};
    /// let setting = Setting::new(4096);
    /// assert_eq!(Repertoire::kernel(setting.page_size()).longest, 4 * 4096);
    /// ```
    #[must_use]
    pub fn page_size(&self) -> u64 {
        self.page_size
    }

    /// The files, in order.
    ///
    /// ```
    /// use folio_model::{FileKind, Setting};
    /// assert!(Setting::new(4096).files().is_empty());
    /// assert_eq!(Setting::new(4096).file(FileKind::Memory).files(), [FileKind::Memory]);
    /// ```
    #[must_use]
    pub fn files(&self) -> &[FileKind] {
        &self.files
    }
}
