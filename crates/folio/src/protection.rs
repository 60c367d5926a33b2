//! What may be done with the pages of a mapping and who sees it: the words of mmap(2), which `raw` and `process` share.

use bitflags::bitflags;

bitflags! {
    /// What may be done with a page; mmap(2), mprotect(2). Empty: `PROT_NONE`.
    ///
    /// ```
    /// # #[cfg(feature = "raw")] {
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let none = Protection::empty(); // PROT_NONE: addresses alone
    /// let memory = Mapping::anonymous(4096, none, Sharing::Private, MapFlags::empty())?;
    /// memory.protect(0..4096, Protection::READ | Protection::WRITE)?;
    /// memory.store(0, 1);
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Protection: u8 {
        /// `PROT_READ`
        const READ = 1;
        /// `PROT_WRITE`
        const WRITE = 2;
        /// `PROT_EXEC`
        const EXEC = 4;
    }
}

/// Whether stores reach the file, or the processes that inherit the memory; mmap(2).
///
/// ```
/// # #[cfg(feature = "raw")] {
/// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// std::fs::write(&path, b"hello")?;
/// let file = std::fs::File::options().read(true).write(true).open(&path)?;
/// let may = Protection::READ | Protection::WRITE;
/// Mapping::file(&file, 0, 5, may, Sharing::Private, MapFlags::empty())?.store(0, b'x'); // gone with it
/// Mapping::file(&file, 0, 5, may, Sharing::Shared, MapFlags::empty())?.store(4, b'!');
/// assert_eq!(std::fs::read(&path)?, b"hell!");
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// `MAP_SHARED`
    Shared,
    /// `MAP_PRIVATE`
    Private,
}
