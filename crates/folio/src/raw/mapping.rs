//! A mapping, and every system call on one.

use core::fmt;
use core::ops::Range;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::FileType;
use rustix::mm::{MlockFlags, MremapFlags};

use super::pages::{self, Scanned};
use super::{Advice, Growth, MapFlags, Msync, PageEntry, Protection, Scan, Sharing};
use crate::LockPages;
use crate::filesystem::FileSystemType;
use crate::page::{MemRange, PageSize, RangeError};
use crate::sys::raw::region::{Behind, RawRegion};

/// Whole pages of a file, or of memory, mapped as asked for; dropping it unmaps them.
///
/// Positions are bytes from the first byte of the first page, up to the end of the last page. Calls hand them to the kernel
/// as they are: most want the start of a range to be a page's, and answer `EINVAL` otherwise.
///
/// ```
/// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
/// let mapping = Mapping::anonymous(5, Protection::READ, Sharing::Private, MapFlags::empty())?;
/// assert_eq!(mapping.load(mapping.len() - 1), 0); // the whole page is there
/// let page = mapping.len();
/// let error = mapping.protect(page..page + 1, Protection::READ).unwrap_err();
/// assert_eq!((error.kind(), error.raw_os_error()), (std::io::ErrorKind::InvalidInput, None)); // not asked
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Mapping {
    region: RawRegion,
}

/// A mapping that munmap(2) took no pages from, and why.
///
/// ```
/// use folio::raw::{MapFlags, Mapping, NotUnmapped, Protection, Sharing};
/// let mapping = Mapping::anonymous(1, Protection::READ, Sharing::Private, MapFlags::empty())?;
/// let NotUnmapped { mapping, error } = mapping.unmap(1..2).unwrap_err();
/// assert_eq!(error.raw_os_error(), Some(libc::EINVAL)); // no page begins at 1
/// assert_eq!(mapping.load(1), 0); // it is still there
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct NotUnmapped {
    /// The mapping as it was.
    pub mapping: Mapping,
    /// The kernel's answer.
    pub error: io::Error,
}

impl fmt::Display for NotUnmapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "munmap: {}", self.error)
    }
}

impl core::error::Error for NotUnmapped {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<NotUnmapped> for io::Error {
    fn from(not: NotUnmapped) -> Self {
        not.error
    }
}

impl Mapping {
    /// Map `len` bytes of `file` from byte `offset` on, and what follows up to the end of the last page; mmap(2).
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// let map = |offset, len, protection| {
    ///     let mapped = Mapping::file(&file, offset, len, protection, Sharing::Shared, MapFlags::empty());
    ///     mapped.map(|mapping| mapping.len()).map_err(|error| error.raw_os_error())
    /// };
    /// let page = map(0, 1, Protection::READ).expect("the file is open for reading");
    /// assert_eq!(map(0, page + 1, Protection::READ), Ok(2 * page)); // though the file ends before
    /// assert_eq!(map(1, 4, Protection::READ), Err(Some(libc::EINVAL)));
    /// assert_eq!(map(0, 5, Protection::WRITE), Err(Some(libc::EACCES)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What mmap(2) answers: `EINVAL` for an offset that is no page's or a length of zero, `EACCES` for what the file is not
    /// open for, `ENODEV` for what cannot be mapped. [`InvalidInput`](io::ErrorKind::InvalidInput), without a number, for a
    /// device or another thing that is no file: its memory may be more than bytes (clause R2).
    pub fn file(
        file: &impl AsFd,
        offset: u64,
        len: usize,
        protection: Protection,
        sharing: Sharing,
        flags: MapFlags,
    ) -> io::Result<Self> {
        let fd = file.as_fd();
        let page = page_size_of(fd)?;
        let behind = Behind::File(fd, offset);
        let region = RawRegion::map(behind, len, page, protection.prot(), flags.with(sharing))?;
        Ok(Self { region })
    }

    /// Map `len` bytes of zeros with nothing behind them, rounded up to whole pages; mmap(2) with `MAP_ANONYMOUS`.
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing, observe};
    /// let rw = Protection::READ | Protection::WRITE;
    /// let shared = Mapping::anonymous(1, rw, Sharing::Shared, MapFlags::empty())?;
    /// let private = Mapping::anonymous(1, rw, Sharing::Private, MapFlags::empty())?;
    /// observe(|| {
    ///     shared.store(0, 7);
    ///     private.store(0, 7); // in the child's copy
    ///     Vec::new()
    /// })?;
    /// assert_eq!((shared.load(0), private.load(0)), (7, 0));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What mmap(2) answers.
    pub fn anonymous(
        len: usize,
        protection: Protection,
        sharing: Sharing,
        flags: MapFlags,
    ) -> io::Result<Self> {
        let page = match flags.contains(MapFlags::HUGETLB) {
            true => default_huge_page()?,
            false => PageSize::base(),
        };
        let region =
            RawRegion::map(Behind::Nothing, len, page, protection.prot(), flags.with(sharing))?;
        Ok(Self { region })
    }

    /// The length of the pages, in bytes.
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let mapping = Mapping::anonymous(1, Protection::READ, Sharing::Private, MapFlags::empty())?;
    /// assert_eq!(mapping.len(), folio::PageSize::base().bytes()); // not 1
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "the kernel maps no empty range")]
    pub fn len(&self) -> usize {
        self.region.len()
    }

    /// The address of the first byte.
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let mapping = Mapping::anonymous(1, Protection::READ, Sharing::Private, MapFlags::empty())?;
    /// assert_eq!(mapping.address() % mapping.len(), 0); // a page's; look for it in /proc/self/maps
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn address(&self) -> usize {
        self.region.base().addr()
    }

    /// Touch the byte at `position` to read it.
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::options().read(true).write(true).open(&path)?;
    /// let mapping = Mapping::file(&file, 0, 5, Protection::READ, Sharing::Shared, MapFlags::empty())?;
    /// assert_eq!(mapping.load(1), b'e');
    /// std::fs::write(&path, b"hallo")?; // truncates and writes: a touch in between would have been SIGBUS
    /// assert_eq!(mapping.load(1), b'a');
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `position` is not below [`len`](Self::len).
    #[must_use]
    pub fn load(&self, position: usize) -> u8 {
        let range = self.touched(position..position.saturating_add(1));
        self.region.load(range, 0)
    }

    /// Touch the bytes of `range` to read them, one after the other.
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// let mapping = Mapping::file(&file, 0, 5, Protection::READ, Sharing::Private, MapFlags::empty())?;
    /// assert_eq!(mapping.load_range(3..7), b"lo\0\0"); // past the end of the file, within its last page
    /// assert_eq!(mapping.load_range(7..7), b"");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `range` does not lie within [`len`](Self::len).
    #[must_use]
    pub fn load_range(&self, range: Range<usize>) -> Vec<u8> {
        let range = self.touched(range);
        (0..range.len()).map(|index| self.region.load(range, index)).collect()
    }

    /// Touch the byte at `position` to set it to `byte`.
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// let rw = Protection::READ | Protection::WRITE;
    /// let mapping = Mapping::file(&file, 0, 5, rw, Sharing::Private, MapFlags::empty())?;
    /// mapping.store(0, b'j');
    /// assert_eq!(mapping.load_range(0..5), b"jello");
    /// assert_eq!(std::fs::read(&path)?, b"hello"); // private: the page was copied
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `position` is not below [`len`](Self::len).
    pub fn store(&self, position: usize, byte: u8) {
        let range = self.touched(position..position.saturating_add(1));
        self.region.store(range, 0, byte);
    }

    /// Touch the bytes of `range` to set them to `fill`, one after the other.
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::options().read(true).write(true).open(&path)?;
    /// let rw = Protection::READ | Protection::WRITE;
    /// let mapping = Mapping::file(&file, 0, 5, rw, Sharing::Shared, MapFlags::empty())?;
    /// mapping.store_range(3..10, b'x'); // those past the end of the file do not make it longer
    /// assert_eq!(std::fs::read(&path)?, b"helxx");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `range` does not lie within [`len`](Self::len).
    pub fn store_range(&self, range: Range<usize>, fill: u8) {
        let range = self.touched(range);
        for index in 0..range.len() {
            self.region.store(range, index, fill);
        }
    }

    /// msync(2) of `range`.
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Msync, Protection, Sharing};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::options().read(true).write(true).open(&path)?;
    /// let rw = Protection::READ | Protection::WRITE;
    /// let mapping = Mapping::file(&file, 0, 5, rw, Sharing::Shared, MapFlags::empty())?;
    /// mapping.store(0, b'j');
    /// mapping.sync(0..5, Msync::Sync)?; // now it outlasts a power failure
    /// let error = mapping.sync(1..5, Msync::Sync).unwrap_err();
    /// assert_eq!(error.raw_os_error(), Some(libc::EINVAL)); // no page begins at 1
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What msync(2) answers; [`InvalidInput`](io::ErrorKind::InvalidInput), without a number, for a range that does not lie
    /// within [`len`](Self::len). So for every call below.
    pub fn sync(&self, range: Range<usize>, how: Msync) -> io::Result<()> {
        self.region.sync(self.within(range)?, how.flags())
    }

    /// madvise(2) for `range`.
    ///
    /// ```
    /// use folio::raw::{Advice, MapFlags, Mapping, Protection, Sharing};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// let rw = Protection::READ | Protection::WRITE;
    /// let mapping = Mapping::file(&file, 0, 5, rw, Sharing::Private, MapFlags::empty())?;
    /// mapping.store(0, b'j');
    /// mapping.advise(0..5, Advice::DontNeed)?; // drops the copy
    /// assert_eq!(mapping.load_range(0..5), b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What madvise(2) answers.
    pub fn advise(&self, range: Range<usize>, advice: Advice) -> io::Result<()> {
        self.region.madvise(self.within(range)?, advice.number())
    }

    /// mprotect(2) of `range`.
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing, Signal, Touch, observe_touches};
    /// let rw = Protection::READ | Protection::WRITE;
    /// let mapping = Mapping::anonymous(1, rw, Sharing::Private, MapFlags::empty())?;
    /// mapping.protect(0..mapping.len(), Protection::READ)?;
    /// let touched = observe_touches(&mapping, 0..1, Touch::Store(7))?;
    /// assert_eq!(touched.signal, Some(Signal::Segv.number()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What mprotect(2) answers.
    pub fn protect(&self, range: Range<usize>, protection: Protection) -> io::Result<()> {
        self.region.protect(self.within(range)?, protection.mprotect())
    }

    /// mlock2(2) of `range`.
    ///
    /// ```
    /// use folio::LockPages;
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let rw = Protection::READ | Protection::WRITE;
    /// let mapping = Mapping::anonymous(1, rw, Sharing::Private, MapFlags::empty())?;
    /// match mapping.lock(0..mapping.len(), LockPages::Now) {
    ///     Ok(()) => assert!(mapping.pagemap(0..1)?[0].is_present()), // untouched
    ///     Err(error) => println!("more than RLIMIT_MEMLOCK: {error}"),
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What mlock2(2) answers.
    pub fn lock(&self, range: Range<usize>, when: LockPages) -> io::Result<()> {
        let flags = match when {
            LockPages::Now => MlockFlags::empty(),
            LockPages::OnFault => MlockFlags::ONFAULT,
        };
        self.region.lock(self.within(range)?, flags)
    }

    /// munlock(2) of `range`.
    ///
    /// ```
    /// use folio::LockPages;
    /// use folio::raw::{Advice, MapFlags, Mapping, Protection, Sharing};
    /// let rw = Protection::READ | Protection::WRITE;
    /// let mapping = Mapping::anonymous(1, rw, Sharing::Private, MapFlags::empty())?;
    /// # if mapping.lock(0..mapping.len(), LockPages::Now).is_err() { return Ok(()); } // RLIMIT_MEMLOCK
    /// mapping.lock(0..mapping.len(), LockPages::Now)?;
    /// assert!(mapping.advise(0..mapping.len(), Advice::DontNeed).is_err()); // EINVAL: it is locked
    /// mapping.unlock(0..mapping.len())?;
    /// mapping.advise(0..mapping.len(), Advice::DontNeed)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What munlock(2) answers.
    pub fn unlock(&self, range: Range<usize>) -> io::Result<()> {
        self.region.unlock(self.within(range)?)
    }

    /// munmap(2) of `range`: what is left before and behind it. There is never a hole inside one value, because something else
    /// could be mapped there.
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let page = folio::PageSize::base().bytes();
    /// let mapping = Mapping::anonymous(3 * page, Protection::READ, Sharing::Private, MapFlags::empty())?;
    /// let (before, behind) = mapping.unmap(page..2 * page)?;
    /// let (before, behind) = (before.expect("the first page"), behind.expect("the last page"));
    /// assert_eq!(behind.address() - before.address(), 2 * page);
    /// let (before, behind) = before.unmap(0..page)?;
    /// assert!(before.is_none() && behind.is_none()); // nothing is left
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What munmap(2) answers, with the mapping as it was.
    pub fn unmap(self, range: Range<usize>) -> Result<(Option<Self>, Option<Self>), NotUnmapped> {
        let range = match self.within(range) {
            Ok(range) => range,
            Err(error) => return Err(NotUnmapped { mapping: self, error }),
        };
        let wrap = |region: Option<RawRegion>| region.map(|region| Self { region });
        match self.region.unmap(range) {
            Ok((before, behind)) => Ok((wrap(before), wrap(behind))),
            Err((region, error)) => Err(NotUnmapped { mapping: Self { region }, error }),
        }
    }

    /// mremap(2) of the whole mapping to `len` bytes, rounded up to whole pages.
    ///
    /// ```
    /// use folio::raw::{Growth, MapFlags, Mapping, Protection, Sharing};
    /// let rw = Protection::READ | Protection::WRITE;
    /// let mut mapping = Mapping::anonymous(1, rw, Sharing::Private, MapFlags::empty())?;
    /// mapping.store(0, 7);
    /// mapping.remap(1 << 20, Growth::MayMove)?;
    /// assert_eq!((mapping.load(0), mapping.load(1 << 19)), (7, 0)); // pages move with what they hold
    /// assert_eq!(mapping.remap(0, Growth::MayMove).unwrap_err().raw_os_error(), Some(libc::EINVAL));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What mremap(2) answers. The mapping is then as it was.
    pub fn remap(&mut self, len: usize, growth: Growth) -> io::Result<()> {
        let flags = match growth {
            Growth::MayMove => MremapFlags::MAYMOVE,
            Growth::InPlace => MremapFlags::empty(),
        };
        self.region.remap(len, flags)
    }

    /// mincore(2): which pages of `range` are in the page cache, or so it says where the caller may not know.
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// let mapping = Mapping::file(&file, 0, 5, Protection::READ, Sharing::Shared, MapFlags::empty())?;
    /// assert_eq!(mapping.resident(0..5)?, [true]); // just written, though never touched here
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What mincore(2) answers.
    pub fn resident(&self, range: Range<usize>) -> io::Result<Vec<bool>> {
        let pages = self.region.resident(self.within(range)?)?;
        Ok(pages.into_iter().map(|page| page & 1 == 1).collect())
    }

    /// What `/proc/self/pagemap` says of the pages that `range` touches.
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// let rw = Protection::READ | Protection::WRITE;
    /// let mapping = Mapping::file(&file, 0, 5, rw, Sharing::Private, MapFlags::empty())?;
    /// assert!(!mapping.pagemap(0..1)?[0].is_present()); // not touched yet
    /// assert_eq!(mapping.load(0), b'h');
    /// assert!(mapping.pagemap(0..1)?[0].is_file());
    /// mapping.store(0, b'j');
    /// assert!(!mapping.pagemap(0..1)?[0].is_file()); // a copy of the process's own
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What reading it answers.
    pub fn pagemap(&self, range: Range<usize>) -> io::Result<Vec<PageEntry>> {
        pages::entries(self.addresses(range)?)
    }

    /// `PAGEMAP_SCAN` (6.7) of the pages of `range`, whose start has to be a page's: runs of pages of the categories asked
    /// for, at positions in this mapping.
    ///
    /// ```
    /// use folio::raw::{Categories, MapFlags, Mapping, Protection, Scan, Sharing};
    /// let page = folio::PageSize::base().bytes();
    /// let rw = Protection::READ | Protection::WRITE;
    /// let mapping = Mapping::anonymous(3 * page, rw, Sharing::Shared, MapFlags::empty())?;
    /// mapping.store(page, 7);
    /// let present = Scan { all_of: Categories::PRESENT, ..Scan::default() };
    /// match mapping.scan(0..3 * page, present) {
    ///     Ok(found) => assert_eq!(found[0].range, page..2 * page),
    ///     Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ENOTTY)), // before Linux 6.7
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the ioctl(2) answers: `ENOTTY` from older kernels.
    pub fn scan(&self, range: Range<usize>, scan: Scan) -> io::Result<Vec<Scanned>> {
        pages::scan(self.addresses(range)?, self.address(), scan)
    }

    /// mseal(2) (6.10): no page can be unmapped, moved or protected otherwise any more. The addresses stay in use until the
    /// process ends, also when this value is dropped.
    ///
    /// ```
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let mut mapping = Mapping::anonymous(1, Protection::READ, Sharing::Private, MapFlags::empty())?;
    /// match mapping.seal() {
    ///     Ok(()) => {
    ///         let error = mapping.protect(0..mapping.len(), Protection::WRITE).unwrap_err();
    ///         assert_eq!(error.raw_os_error(), Some(libc::EPERM));
    ///     }
    ///     Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ENOSYS)), // before Linux 6.10
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What mseal(2) answers: `ENOSYS` from older kernels.
    pub fn seal(&mut self) -> io::Result<()> {
        self.region.seal()
    }

    /// The pages, for calls of other modules.
    pub(super) fn region(&self) -> &RawRegion {
        &self.region
    }

    /// `range` as one that lies within.
    pub(super) fn within(&self, range: Range<usize>) -> io::Result<MemRange> {
        self.bounded(range)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))
    }

    fn bounded(&self, range: Range<usize>) -> Result<MemRange, RangeError> {
        MemRange::new(range, self.len())
    }

    fn touched(&self, range: Range<usize>) -> MemRange {
        match self.bounded(range) {
            Ok(range) => range,
            Err(error) => panic!("{error}"),
        }
    }

    fn addresses(&self, range: Range<usize>) -> io::Result<Range<usize>> {
        let range = self.within(range)?;
        Ok(self.address() + range.start()..self.address() + range.end())
    }
}

/// The size of the pages that the file is mapped in, if it is one whose memory is nothing but bytes (clause R2).
fn page_size_of(fd: BorrowedFd<'_>) -> io::Result<PageSize> {
    let stat = rustix::fs::fstat(fd)?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    if !matches!(kind, FileType::RegularFile | FileType::Directory | FileType::Fifo) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "devices and sockets are not mapped: their memory may be more than bytes",
        ));
    }
    let page = match FileSystemType::of(fd)?.is_hugetlbfs() {
        true => usize::try_from(stat.st_blksize).ok().and_then(PageSize::new),
        false => Some(PageSize::base()),
    };
    Ok(page.unwrap_or_else(PageSize::base))
}

/// The size of the pages that `MAP_HUGETLB` gives.
fn default_huge_page() -> io::Result<PageSize> {
    let meminfo = std::fs::read_to_string("/proc/meminfo")?;
    let kib = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("Hugepagesize:")?.trim().strip_suffix("kB"))
        .and_then(|kib| kib.trim().parse::<usize>().ok());
    let page = kib.and_then(|kib| PageSize::new(kib * 1024));
    // The kernel's own answer where it has none.
    page.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOSYS))
}
