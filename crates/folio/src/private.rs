//! [`Private`]: a file's bytes to change in memory, and to commit or drop.

use core::borrow::{Borrow, BorrowMut};
use core::fmt;
use core::ops::{Deref, DerefMut, Range, RangeBounds};
use std::os::fd::AsFd;
use std::path::Path;

use crate::commit;
use crate::error::{Cause, Error, Result};
use crate::guarantee::Guarantee;
use crate::options::MapOptions;
use crate::page::{MemRange, RangeError};
use crate::pages::Pages;
use crate::source::Source;
use crate::sys::pagemap;
use crate::sys::stable::{self, SliceMut};

/// How much is compared with the file at a time, in bytes.
const WINDOW: usize = 64 << 10;

/// The bytes of a file as they were when it was opened, yours to change: a plain `&mut [u8]`.
///
/// A page is copied on the first store to it (copy-on-write); the file changes only through [`commit`](Self::commit) or
/// [`commit_in_place`](Self::commit_in_place). Reading permission is all that opening needs. Nobody else can change what you see,
/// for the same [guarantees](Guarantee) as with [`Frozen`](crate::Frozen).
///
/// ```
/// use folio::Private;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
/// let mut draft = Private::open(&path)?;
/// draft[..5].copy_from_slice(b"HELLO");
/// assert_eq!(draft.changed()?, [0..5]);
/// assert_eq!(std::fs::read(&path)?, b"hello world"); // the file knows nothing of it
/// draft.commit()?;
/// assert_eq!(std::fs::read(&path)?, b"HELLO world");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Under a lease
/// When somebody wants to write the file, the mapping is put out of reach window by window. A thread that stores to
/// the window meanwhile waits. A *system call* that writes into it at that instant may fail with EFAULT or stop short;
/// call it again. Direct I/O into the mapping (O_DIRECT, registered io_uring buffers) needs another guarantee than the lease.
pub struct Private {
    bytes: SliceMut,
    /// The file, for committing; `None` for anonymous memory.
    file: Option<Source>,
    options: MapOptions,
}

impl Private {
    /// Open the file at `path` and map all of it; [`MapOptions`] has more.
    ///
    /// ```
    /// use folio::{ErrorKind, Private};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let mut draft = Private::open(&path)?;
    /// draft.reverse();
    /// assert_eq!(&draft[..], b"olleh");
    /// drop(draft); // and the file is what it was
    /// assert_eq!(std::fs::read(&path)?, b"hello");
    /// assert_eq!(Private::open(dir.path()).unwrap_err().kind(), ErrorKind::NotMappable); // a directory
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::open_private`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        MapOptions::new().open_private(path)
    }

    /// Map `file`, which must be open for reading and may be closed at once.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let mut draft = folio::Private::from_file(&std::fs::File::open(&path)?)?;
    /// draft.fill(b'x');
    /// assert_eq!(&draft[..], b"xxxxx");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::map_private`].
    pub fn from_file(file: &impl AsFd) -> Result<Self> {
        MapOptions::new().map_private(file)
    }

    /// `len` bytes of zeros with no file behind them; a page takes memory from the first store to it on.
    ///
    /// ```
    /// let mut scratch = folio::Private::anonymous(1 << 20)?;
    /// scratch[1000] = 7;
    /// assert_eq!(scratch.iter().map(|&byte| u64::from(byte)).sum::<u64>(), 7);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NoMemory`](crate::ErrorKind::NoMemory), [`TooLarge`](crate::ErrorKind::TooLarge).
    pub fn anonymous(len: usize) -> Result<Self> {
        MapOptions::new().len(len as u64).anonymous_private()
    }

    pub(crate) fn anonymous_with(options: &MapOptions) -> Result<Self> {
        refuse_reserve(options)
            .and_then(|()| options.refuse_offset())
            .and_then(|()| refuse_without_copied(options))
            .map_err(|cause| Error::new("map", cause))?;
        let len = options.len.unwrap_or(0);
        if isize::try_from(len).is_err() {
            return Err(Error::range("map", RangeError::TooLarge { len }));
        }
        let bytes = stable::anonymous(len, options)?;
        Ok(Self { bytes, file: None, options: options.clone() })
    }

    pub(crate) fn from_source(source: Source, options: &MapOptions) -> Result<Self> {
        refuse_reserve(options).map_err(|cause| source.name(Error::new("map", cause)))?;
        let bytes = stable::acquire(&source, options)?;
        Ok(Self { bytes, file: Some(source), options: options.clone() })
    }

    /// Why nobody else can change the bytes. A lease becomes a snapshot once somebody wanted to write the file.
    ///
    /// ```
    /// use folio::{Guarantee, Private};
    /// assert_eq!(Private::anonymous(100)?.guarantee(), Guarantee::Copied); // nobody else has it
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn guarantee(&self) -> Guarantee {
        self.bytes.stable().guarantee()
    }

    /// Whether all bytes are the file's or yours: an error if the disk failed under the mapping and left zeros in place of a page.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let mut draft = folio::Private::open(&path)?;
    /// draft.sort_unstable();
    /// draft.check()?; // what was sorted were the file's bytes
    /// assert_eq!(&draft[..], b"ehllo");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Poisoned`](crate::ErrorKind::Poisoned), with the cause and the first range that was lost.
    pub fn check(&self) -> Result<()> {
        self.bytes.stable().check("trust")
    }

    /// The bytes of the file that these were at open.
    ///
    /// ```
    /// use folio::MapOptions;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
    /// let mut draft = MapOptions::new().range(6..).open_private(&path)?;
    /// draft[4] = b'!';
    /// let change = &draft.changed()?[0];
    /// assert_eq!(draft.file_range().start + change.start as u64, 10); // where it is in the file
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn file_range(&self) -> Range<u64> {
        self.bytes.stable().origin().range.file_range()
    }

    /// The pages behind it: what is in memory, advice, populating, locking.
    ///
    /// ```
    /// use folio::{Advice, ErrorKind, Private};
    /// let scratch = Private::anonymous(1 << 20)?;
    /// scratch.pages().advise(.., Advice::DontDump)?; // not in a core dump
    /// let error = scratch.pages().advise(.., Advice::DontNeed).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Unsupported); // it would lose the bytes
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn pages(&self) -> Pages<'_> {
        self.bytes.pages()
    }

    /// The ranges, in bytes of the mapping and in order, that differ from the file as it was opened.
    ///
    /// Only pages that were copied on a store are compared, found through pagemap (`PAGEMAP_SCAN` of Linux 6.7, or
    /// /proc/self/pagemap), so that the cost follows the changes and not the file. Without /proc all are compared.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![0; 100_000])?;
    /// let mut draft = folio::Private::open(&path)?;
    /// draft[70_000] = 1;
    /// draft[70_001] = 1;
    /// draft[80_000] = 0; // a store, but no difference
    /// assert_eq!(draft.changed()?, [70_000..70_002]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Poisoned`](crate::ErrorKind::Poisoned); [`Io`](crate::ErrorKind::Io) if the original cannot be read.
    pub fn changed(&self) -> Result<Vec<Range<usize>>> {
        self.bytes.stable().check("compare")?;
        let mut differences = Vec::new();
        for pages in self.stored_pages() {
            let mut at = pages.start;
            while at < pages.end {
                let window = at..pages.end.min(at + WINDOW);
                at = window.end;
                let mut original = vec![0u8; window.len()];
                self.read_original(window.start, &mut original)?;
                add_differences(&mut differences, window.start, &self[window], &original);
            }
        }
        Ok(differences)
    }

    /// Take back the changes in `range`: it shows the file's bytes as they were at open again.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
    /// let mut draft = folio::Private::open(&path)?;
    /// draft.fill(b'x');
    /// draft.revert(..6)?;
    /// assert_eq!(&draft[..], b"hello xxxxx");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange); [`Poisoned`](crate::ErrorKind::Poisoned); [`Io`](crate::ErrorKind::Io) if the
    /// original cannot be read.
    pub fn revert(&mut self, range: impl RangeBounds<usize>) -> Result<()> {
        self.bytes.stable().check("revert")?;
        let range = MemRange::within(&range, self.len())
            .map_err(|error| self.name(Error::range("revert", error)))?;
        let Some(whole) = self.whole_pages(range) else {
            return self.revert_bytes(range.start()..range.end());
        };
        self.revert_bytes(range.start()..whole.start())?;
        self.bytes.drop_changes(whole).map_err(|error| self.name(Error::os("revert", error)))?;
        self.revert_bytes(whole.end()..range.end())?;
        self.bytes.stable().check("revert")
    }

    /// Make the changes the file's, all or none of them, also through a crash: a new file is written, synced, and renamed
    /// over the old one, and the directory is synced. The new file is a clone where the file system can; mode, owner and
    /// extended attributes are kept. Nothing happens if nothing was changed.
    ///
    /// Afterwards the mapping shows the new file, under one of the guarantees that the options allow if one can be had, and
    /// under any other if not. On an error before the rename the file
    /// and the changes are as they were.
    ///
    /// ```
    /// use folio::{ErrorKind, Private};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let mut draft = Private::open(&path)?;
    /// draft[0] = b'j';
    /// draft.commit()?;
    /// draft[4] = b'y'; // it shows the new file, and goes on
    /// std::fs::write(&path, b"somebody else's")?;
    /// assert_eq!(draft.commit().unwrap_err().kind(), ErrorKind::Conflict); // nothing of theirs is lost
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if the file was changed or replaced since it was opened, or has several hard links (the
    /// others would keep the old content: use [`commit_in_place`](Self::commit_in_place)); [`NoSpace`](crate::ErrorKind::NoSpace);
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) for the directory or for keeping the owner;
    /// [`NotFound`](crate::ErrorKind::NotFound) if the file has no name any more; [`Unsupported`](crate::ErrorKind::Unsupported) for anonymous memory.
    pub fn commit(&mut self) -> Result<()> {
        let changes = self.changed()?;
        let file = self.file()?;
        if changes.is_empty() {
            return Ok(());
        }
        let renewed = commit::replace(self, file, &changes).map_err(|error| self.name(error))?;
        *self = renewed;
        Ok(())
    }

    /// Write the changes into the file itself and sync it (fdatasync(2)): the same inode, so that hard links and open descriptors
    /// see them. A crash in the middle can leave a part of them.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); let link = dir.path().join("g");
    /// std::fs::write(&path, b"hello")?;
    /// std::fs::hard_link(&path, &link)?;
    /// let mut draft = folio::Private::open(&path)?;
    /// draft[0] = b'j';
    /// assert_eq!(draft.commit().unwrap_err().kind(), folio::ErrorKind::Conflict); // it has two names
    /// draft.commit_in_place()?;
    /// assert_eq!(std::fs::read(&link)?, b"jello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if the file cannot be opened for writing;
    /// [`Conflict`](crate::ErrorKind::Conflict) if it was changed since; what pwrite(2) and fdatasync(2) give, with
    /// [`bytes_done`](Error::bytes_done) telling how much was written.
    pub fn commit_in_place(&mut self) -> Result<()> {
        let changes = self.changed()?;
        let file = self.file()?;
        if changes.is_empty() {
            return Ok(());
        }
        let renewed = commit::write_into(self, file, &changes).map_err(|error| self.name(error))?;
        *self = renewed;
        Ok(())
    }

    pub(crate) fn options(&self) -> &MapOptions {
        &self.options
    }

    fn file(&self) -> Result<&Source> {
        self.file.as_ref().ok_or_else(|| {
            Error::new(
                "commit",
                Cause::Unsupported("it is anonymous memory with no file behind it".into()),
            )
        })
    }

    /// The ranges of the mapping whose pages were stored to.
    fn stored_pages(&self) -> Vec<Range<usize>> {
        let region = self.bytes.stable().region();
        if region.map_len() == 0 {
            return Vec::new();
        }
        let (base, first) = (region.base().addr(), region.as_ptr().addr());
        let pages = pagemap::anonymous_pages(base..base + region.map_len());
        let position = |address: usize| address.saturating_sub(first).min(self.len());
        pages.into_iter().map(|pages| position(pages.start)..position(pages.end)).collect()
    }

    /// The bytes at `position` as they were at open.
    fn read_original(&self, position: usize, buf: &mut [u8]) -> Result<()> {
        if self.file.is_none() {
            buf.fill(0);
            return Ok(());
        }
        match self.bytes.stable().read_base(position, buf) {
            Ok(count) if count == buf.len() => Ok(()),
            Ok(_) => Err(self
                .name(Error::new("read the original of", Cause::Io(rustix::io::Errno::IO.into())))),
            Err(error) => Err(self.name(Error::new("read the original of", Cause::Io(error)))),
        }
    }

    /// The pages that lie in `range` whole, counting bytes around the mapping's own as within.
    fn whole_pages(&self, range: MemRange) -> Option<MemRange> {
        let page = self.bytes.stable().origin().range.page().bytes();
        let lead = self.bytes.stable().origin().range.lead();
        let start = if range.start() == 0 {
            0
        } else {
            (lead + range.start()).next_multiple_of(page) - lead
        };
        let end = if range.end() == self.len() {
            self.len()
        } else {
            ((lead + range.end()) / page * page).saturating_sub(lead)
        };
        if start < end { MemRange::new(start..end, self.len()).ok() } else { None }
    }

    /// Write the original bytes over those of `range`, where they differ.
    fn revert_bytes(&mut self, range: Range<usize>) -> Result<()> {
        let mut at = range.start;
        while at < range.end {
            let window = at..range.end.min(at + WINDOW);
            at = window.end;
            let mut original = vec![0u8; window.len()];
            self.read_original(window.start, &mut original)?;
            if self[window.clone()] != original {
                self[window].copy_from_slice(&original);
            }
        }
        Ok(())
    }

    fn name(&self, error: Error) -> Error {
        self.bytes.stable().name(error)
    }
}

fn refuse_reserve(options: &MapOptions) -> core::result::Result<(), Cause> {
    match options.reserve {
        None => Ok(()),
        Some(_) => Err(Cause::InvalidInput(
            "reserve is for SharedMut, which can grow: a Private cannot".into(),
        )),
    }
}

fn refuse_without_copied(options: &MapOptions) -> core::result::Result<(), Cause> {
    if options.guarantees.contains(Guarantee::Copied.into()) {
        return Ok(());
    }
    let why = "anonymous memory rests on the guarantee Copied, which is not allowed here";
    Err(Cause::InvalidInput(why.into()))
}

/// Add the ranges in which `new` differs from `old`, counted from `start`, joining those that touch.
fn add_differences(found: &mut Vec<Range<usize>>, start: usize, new: &[u8], old: &[u8]) {
    const BLOCK: usize = 64;
    for (index, (new, old)) in new.chunks(BLOCK).zip(old.chunks(BLOCK)).enumerate() {
        if new == old {
            continue;
        }
        for (offset, (new, old)) in new.iter().zip(old).enumerate() {
            if new != old {
                let at = start + index * BLOCK + offset;
                match found.last_mut() {
                    Some(last) if last.end == at => last.end += 1,
                    _ => found.push(at..at + 1),
                }
            }
        }
    }
}

impl Deref for Private {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes.as_slice()
    }
}

impl DerefMut for Private {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes.as_mut_slice()
    }
}

impl AsRef<[u8]> for Private {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsMut<[u8]> for Private {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl Borrow<[u8]> for Private {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl BorrowMut<[u8]> for Private {
    fn borrow_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Private")
            .field("path", &self.bytes.stable().origin().path)
            .field("file_range", &self.file_range())
            .field("guarantee", &self.guarantee())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_the_bytes_that_differ_joined() {
        let old = vec![0u8; 200];
        let mut new = old.clone();
        for at in [0, 63, 64, 65, 100, 199] {
            new[at] = 1;
        }
        let mut found = Vec::new();
        add_differences(&mut found, 1000, &new, &old);
        assert_eq!(found, [1000..1001, 1063..1066, 1100..1101, 1199..1200]);
    }
}
