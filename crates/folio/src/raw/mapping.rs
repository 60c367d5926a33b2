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
#[derive(Debug)]
pub struct Mapping {
    region: RawRegion,
}

/// A mapping that munmap(2) took no pages from, and why.
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
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "the kernel maps no empty range")]
    pub fn len(&self) -> usize {
        self.region.len()
    }

    /// The address of the first byte.
    #[must_use]
    pub fn address(&self) -> usize {
        self.region.base().addr()
    }

    /// Touch the byte at `position` to read it.
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
    /// # Panics
    /// If `range` does not lie within [`len`](Self::len).
    #[must_use]
    pub fn load_range(&self, range: Range<usize>) -> Vec<u8> {
        let range = self.touched(range);
        (0..range.len()).map(|index| self.region.load(range, index)).collect()
    }

    /// Touch the byte at `position` to set it to `byte`.
    ///
    /// # Panics
    /// If `position` is not below [`len`](Self::len).
    pub fn store(&self, position: usize, byte: u8) {
        let range = self.touched(position..position.saturating_add(1));
        self.region.store(range, 0, byte);
    }

    /// Touch the bytes of `range` to set them to `fill`, one after the other.
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
    /// # Errors
    /// What msync(2) answers; [`InvalidInput`](io::ErrorKind::InvalidInput), without a number, for a range that does not lie
    /// within [`len`](Self::len). So for every call below.
    pub fn sync(&self, range: Range<usize>, how: Msync) -> io::Result<()> {
        self.region.sync(self.within(range)?, how.flags())
    }

    /// madvise(2) for `range`.
    ///
    /// # Errors
    /// What madvise(2) answers.
    pub fn advise(&self, range: Range<usize>, advice: Advice) -> io::Result<()> {
        self.region.madvise(self.within(range)?, advice.number())
    }

    /// mprotect(2) of `range`.
    ///
    /// # Errors
    /// What mprotect(2) answers.
    pub fn protect(&self, range: Range<usize>, protection: Protection) -> io::Result<()> {
        self.region.protect(self.within(range)?, protection.mprotect())
    }

    /// mlock2(2) of `range`.
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
    /// # Errors
    /// What munlock(2) answers.
    pub fn unlock(&self, range: Range<usize>) -> io::Result<()> {
        self.region.unlock(self.within(range)?)
    }

    /// munmap(2) of `range`: what is left before and behind it. There is never a hole inside one value, because something else
    /// could be mapped there.
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
    /// # Errors
    /// What mincore(2) answers.
    pub fn resident(&self, range: Range<usize>) -> io::Result<Vec<bool>> {
        let pages = self.region.resident(self.within(range)?)?;
        Ok(pages.into_iter().map(|page| page & 1 == 1).collect())
    }

    /// What `/proc/self/pagemap` says of the pages that `range` touches.
    ///
    /// # Errors
    /// What reading it answers.
    pub fn pagemap(&self, range: Range<usize>) -> io::Result<Vec<PageEntry>> {
        pages::entries(self.addresses(range)?)
    }

    /// `PAGEMAP_SCAN` (6.7) of the pages of `range`, whose start has to be a page's: runs of pages of the categories asked
    /// for, at positions in this mapping.
    ///
    /// # Errors
    /// What the ioctl(2) answers: `ENOTTY` from older kernels.
    pub fn scan(&self, range: Range<usize>, scan: Scan) -> io::Result<Vec<Scanned>> {
        pages::scan(self.addresses(range)?, self.address(), scan)
    }

    /// mseal(2) (6.10): no page can be unmapped, moved or protected otherwise any more. The addresses stay in use until the
    /// process ends, also when this value is dropped.
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
