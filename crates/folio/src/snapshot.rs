//! Files of folio's own that hold another file's bytes, out of everybody's reach.
//!
//! Three ways, cheapest first: a clone that shares the blocks (`FICLONE`), a copy made by the kernel into an unnamed file
//! on disk (copy_file_range(2)), a copy in a sealed memfd.

use std::borrow::Cow;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};
use rustix::io::Errno;

use crate::error::Cause;
use crate::filesystem::FileSystemType;
use crate::own_file::OwnFile;
use crate::page::PageRange;
use crate::room;
use crate::source::{path_of, reopen};
use crate::sys::stable::Base;

type Result<T> = core::result::Result<T, Cause>;

/// How much is copied between two looks at the clock.
const WINDOW: usize = 8 << 20;

/// An unnamed file with the bytes of a range.
#[derive(Debug)]
pub(crate) struct Snapshot {
    file: OwnFile,
    /// The position in it of the first byte of the range's first page.
    start: u64,
}

/// Something to do before each window of a copy, such as looking at the clock; an error ends the copy.
pub(crate) type Pace<'a> = &'a dyn Fn() -> Result<()>;

/// Bytes of a file that cannot be read, for a failing disk or because the file ends before them.
pub(crate) type Lost = Vec<Range<u64>>;

impl Snapshot {
    /// A file that was just made, to hold the pages from its start on.
    pub(crate) fn new(fd: OwnedFd) -> Result<Self> {
        Ok(Self { file: OwnFile::new(fd).map_err(os)?, start: 0 })
    }

    /// Whether its descriptor is its own still.
    pub(crate) fn is_still(&self) -> bool {
        self.file.is_still()
    }

    /// An error where it is not.
    pub(crate) fn still(&self) -> Result<()> {
        self.file.still().map_err(os)
    }

    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// The bytes, to be read from but not changed any more.
    pub(crate) fn into_base(self) -> Result<Base> {
        let fd = reopen(self.as_fd(), OFlags::RDONLY).map_err(os)?;
        self.still()?;
        Ok(Base::new(fd, self.start))
    }
}

impl AsFd for Snapshot {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// A clone, or else a copy on disk, of the pages of `range`.
pub(crate) fn take(from: BorrowedFd<'_>, range: &PageRange) -> Result<Snapshot> {
    match clone_of(from, range) {
        Ok(clone) => Ok(clone),
        Err(cause @ Cause::Truncated { .. }) => Err(cause),
        Err(_) => copy_to_disk(from, range),
    }
}

/// A clone of the whole file.
pub(crate) fn clone_of(from: BorrowedFd<'_>, range: &PageRange) -> Result<Snapshot> {
    let folder =
        folder_of(from).ok_or_else(|| unsupported("the file has no folder to make a clone in"))?;
    let mut clone = Snapshot::new(unnamed(&folder)?)?;
    rustix::fs::ioctl_ficlone(&clone, from).map_err(|errno| match errno {
        Errno::OPNOTSUPP | Errno::NOTTY | Errno::INVAL | Errno::XDEV => {
            unsupported("this file system cannot clone")
        }
        errno => os(errno),
    })?;
    let len = len_of(clone.as_fd())?;
    if len < range.file_range().end {
        return Err(Cause::Truncated { offset: len.max(range.offset()), len });
    }
    clone.start = range.map_offset();
    Ok(clone)
}

/// A copy of the pages of `range` in an unnamed file beside the original, or else among the temporary files.
pub(crate) fn copy_to_disk(from: BorrowedFd<'_>, range: &PageRange) -> Result<Snapshot> {
    let to = Snapshot::new(unnamed_for(Some(from), range.map_len() as u64)?)?;
    copy(from, pages(range), to.as_fd(), &|| to.still(), &mut None)?;
    Ok(to)
}

/// A copy of the pages of `range` in memory.
pub(crate) fn copy_to_memory(from: BorrowedFd<'_>, range: &PageRange) -> Result<Snapshot> {
    let to = Snapshot::new(memory()?)?;
    copy(from, pages(range), to.as_fd(), &|| to.still(), &mut None)?;
    to.still()?;
    seal(to.as_fd())?;
    Ok(to)
}

/// An empty file in memory that can be sealed.
pub(crate) fn memory() -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // MFD_NOEXEC_SEAL is 6.3; before, it is EINVAL.
    match rustix::fs::memfd_create("folio", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => rustix::fs::memfd_create("folio", flags).map_err(os),
        answer => answer.map_err(os),
    }
}

/// Seal a file in memory against every change. The kernel answers EBUSY while it holds a page itself, for its migration or
/// whatever else; that passes.
pub(crate) fn seal(fd: BorrowedFd<'_>) -> Result<()> {
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    for milliseconds in [1, 2, 4, 8, 16, 32, 64, 128] {
        match rustix::fs::fcntl_add_seals(fd, seals) {
            Err(Errno::BUSY) => std::thread::park_timeout(Duration::from_millis(milliseconds)),
            answer => return answer.map_err(os),
        }
    }
    rustix::fs::fcntl_add_seals(fd, seals).map_err(os)
}

/// An unnamed file with room for `len` bytes, beside `beside` or else among the temporary files.
pub(crate) fn unnamed_for(beside: Option<BorrowedFd<'_>>, len: u64) -> Result<OwnedFd> {
    let mut refused = unsupported("there is no folder to make an unnamed file in");
    for folder in beside.and_then(folder_of).into_iter().chain([std::env::temp_dir()]) {
        match unnamed(&folder).and_then(|fd| room::on_disk(fd.as_fd(), len).map(|()| fd)) {
            Ok(fd) => return Ok(fd),
            Err(cause) => refused = cause,
        }
    }
    Err(refused)
}

/// A file without a name, which nobody but its owner may open again, and that only for reading.
fn unnamed(folder: &Path) -> Result<OwnedFd> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::EXCL | OFlags::CLOEXEC;
    let fd = rustix::fs::open(folder, flags, Mode::RUSR).map_err(|errno| match errno {
        Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT => {
            unsupported("this file system has no unnamed files (O_TMPFILE)")
        }
        errno => os(errno),
    })?;
    // A server could change it.
    if !FileSystemType::of(&fd).map_err(os)?.is_local() {
        return Err(unsupported("this file system may change files without asking this kernel"));
    }
    Ok(fd)
}

/// The folder that the file behind `fd` is in.
fn folder_of(fd: BorrowedFd<'_>) -> Option<PathBuf> {
    let path = path_of(fd)?;
    Some(path.parent()?.to_owned())
}

/// The bytes of the file that the pages of `range` show, to the end of the range.
fn pages(range: &PageRange) -> Range<u64> {
    range.map_offset()..range.file_range().end
}

/// Copy `range` of `from` to the start of `to`, in windows. With a list, pages that cannot be read become zeros and are
/// entered there; without one they are an error.
pub(crate) fn copy(
    from: BorrowedFd<'_>,
    range: Range<u64>,
    to: BorrowedFd<'_>,
    pace: Pace<'_>,
    lost: &mut Option<Lost>,
) -> Result<()> {
    room::in_a_file(range.end - range.start)?;
    // Pages that are skipped, and the last one's tail, are zeros.
    rustix::fs::ftruncate(to, range.end - range.start).map_err(os)?;
    let mut at = range.start;
    while at < range.end {
        pace()?;
        let window = usize::try_from(range.end - at).unwrap_or(WINDOW).min(WINDOW);
        match copy_some(from, at, to, at - range.start, window) {
            Ok(0) => match lost {
                None => return Err(Cause::Truncated { offset: at, len: at }),
                Some(lost) => {
                    lost.push(at..range.end);
                    break;
                }
            },
            Ok(count) => at += count as u64,
            Err(Errno::INTR) => {}
            Err(errno @ (Errno::IO | Errno::UCLEAN | Errno::BADMSG | Errno::NODATA)) => {
                match lost {
                    None => return Err(Cause::Io(errno.into())),
                    Some(lost) => {
                        let page = crate::page::PageSize::base().bytes() as u64;
                        let next = (at / page + 1) * page;
                        lost.push(at..next.min(range.end));
                        at = next;
                    }
                }
            }
            Err(errno) => return Err(os(errno)),
        }
    }
    Ok(())
}

/// Copy at most `len` bytes in the kernel, or else through a buffer.
fn copy_some(
    from: BorrowedFd<'_>,
    mut at: u64,
    to: BorrowedFd<'_>,
    mut target: u64,
    len: usize,
) -> core::result::Result<usize, Errno> {
    match rustix::fs::copy_file_range(from, Some(&mut at), to, Some(&mut target), len) {
        Ok(0) | Err(Errno::XDEV | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS | Errno::BADF) => {
        }
        answer => return answer,
    }
    rustix::fs::seek(to, rustix::fs::SeekFrom::Start(target))?;
    match rustix::fs::sendfile(to, from, Some(&mut at), len) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        answer => return answer,
    }
    let mut buffer = vec![0u8; len.min(256 << 10)];
    let count = rustix::io::pread(from, &mut buffer[..], at)?;
    rustix::io::pwrite(to, &buffer[..count], target)
}

fn len_of(fd: BorrowedFd<'_>) -> Result<u64> {
    let stat = rustix::fs::fstat(fd).map_err(os)?;
    Ok(u64::try_from(stat.st_size).unwrap_or(0))
}

fn os(errno: Errno) -> Cause {
    Cause::Os(errno.into())
}

fn unsupported(why: &'static str) -> Cause {
    Cause::Unsupported(Cow::Borrowed(why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::PageSize;
    use crate::sys::region::{self, Access, Region, Sharing};

    #[test]
    fn a_file_that_is_busy_for_a_moment_is_sealed() {
        let fd = memory().unwrap();
        rustix::fs::ftruncate(&fd, 4096).unwrap();
        let range = PageRange::new(PageSize::base(), 0, 4096).unwrap();
        let mode =
            region::Mode { access: Access::ReadWrite, sharing: Sharing::Shared, no_reserve: false };
        // A writable mapping is told as EBUSY, too.
        let busy = Region::map(fd.as_fd(), &range, 0, mode).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::park_timeout(Duration::from_millis(20));
                drop(busy);
            });
            seal(fd.as_fd()).unwrap();
        });
    }
}
