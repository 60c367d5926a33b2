//! What is there before a program begins.

/// What a file of a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FileKind {
    /// A regular file of a file system with a disk under it, which belongs to whoever runs the program.
    Disk,
    /// A file in memory that can be sealed; memfd_create(2) with `MFD_ALLOW_SEALING`. Opened by its name in `/proc`.
    Memory,
}

/// What a file system may do without. Those under [`FileKind::Memory`] have all of it.
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
    /// # Panics
    /// If `page_size` is no such number.
    #[must_use]
    pub fn new(page_size: u64) -> Self {
        assert!(page_size.is_power_of_two() && page_size >= 512, "no machine has such pages");
        Self { page_size, files: Vec::new(), lacks: Vec::new() }
    }

    /// One more file; the first is [`File`](crate::File)`(0)`.
    #[must_use]
    pub fn file(mut self, kind: FileKind) -> Self {
        self.files.push(kind);
        self
    }

    /// The file system of the files of [`FileKind::Disk`] does without this. Without a word it has everything.
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
    #[must_use]
    pub fn page_size(&self) -> u64 {
        self.page_size
    }

    /// The files, in order.
    #[must_use]
    pub fn files(&self) -> &[FileKind] {
        &self.files
    }
}
