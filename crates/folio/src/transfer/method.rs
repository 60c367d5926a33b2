//! The ways to move bytes between two descriptors, and which of them fit which ends.

use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, OFlags, Stat};
use rustix::io::Errno;
use rustix::pipe::SpliceFlags;

/// How bytes were moved from one descriptor to another.
///
/// ```
/// use folio::{Method, transfer};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
/// let file = std::fs::File::open(&path)?;
/// let (_reader, writer) = std::io::pipe()?;
/// assert_eq!(transfer(&file, .., &writer)?.method, Method::Splice);
/// let copy = std::fs::File::create(dir.path().join("copy"))?;
/// assert_ne!(transfer(&file, .., &copy)?.method, Method::Splice); // no end is a pipe
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// copy_file_range(2), between two regular files: blocks are shared where the file system can, else copied within
    /// the kernel.
    CopyFileRange,
    /// splice(2), where an end is a pipe: pages are handed over.
    Splice,
    /// sendfile(2), from a file to anything else: pages are handed over, or copied within the kernel.
    SendFile,
    /// read(2) and write(2) through a buffer: where nothing else is offered.
    ReadWrite,
}

/// The most that is asked for at a time, in bytes: below the kernel's own limit of 2 GiB less a page, and a multiple of
/// any file system's block, so that blocks can be shared.
pub(super) const MAX_STEP: usize = 1 << 30;

/// The length of the buffer of [`Method::ReadWrite`]: what GNU cat was found to be fastest with.
const BUFFER_LEN: usize = 256 * 1024;

/// One of the two descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Source,
    Target,
}

/// Why a step moved nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub(super) errno: Errno,
    /// The end whose call it was; none if the call was about both.
    pub(super) end: Option<End>,
}

impl Failure {
    pub(super) fn of(end: End, errno: Errno) -> Self {
        Self { errno, end: Some(end) }
    }

    fn of_both(errno: Errno) -> Self {
        Self { errno, end: None }
    }

    /// The end that failed, as far as can be told.
    pub(super) fn end(&self) -> Option<End> {
        const OF_TARGETS: [Errno; 4] = [Errno::PIPE, Errno::NOSPC, Errno::DQUOT, Errno::FBIG];
        self.end.or_else(|| OF_TARGETS.contains(&self.errno).then_some(End::Target))
    }

    /// Whether the method does not apply to these ends, so that another may. Where the end itself is at fault, the
    /// other method meets the same and names it.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(
            self.errno,
            Errno::INVAL
                | Errno::XDEV
                | Errno::OPNOTSUPP
                | Errno::NOSYS
                // copy_file_range to a file open for appending; to one that is immutable or a swap file; from a directory;
                // so near to the largest offset that offset and length overflow.
                | Errno::BADF
                | Errno::PERM
                | Errno::TXTBSY
                | Errno::ISDIR
                | Errno::OVERFLOW
        )
    }
}

/// Bytes that were read and are not written yet.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// The methods worth trying from a file like `from` to one like `to`, the fastest first, [`Method::ReadWrite`] last.
pub(super) fn fitting(from: &Stat, to: &Stat, to_flags: OFlags) -> &'static [Method] {
    use FileType::{BlockDevice, CharacterDevice, Fifo, RegularFile, Socket};
    use Method::{CopyFileRange, ReadWrite, SendFile, Splice};
    let appends = to_flags.contains(OFlags::APPEND);
    match (FileType::from_raw_mode(from.st_mode), FileType::from_raw_mode(to.st_mode)) {
        // Empty, or a file of procfs, which answers each call in its own way and is read as everybody reads it.
        (RegularFile, _) if from.st_size == 0 => &[ReadWrite],
        (RegularFile | BlockDevice | Fifo | Socket, Fifo) => &[Splice, ReadWrite],
        // The kernel moves nothing into a file open for appending: it would need an offset.
        (_, RegularFile) if appends => &[ReadWrite],
        (Fifo, _) => &[Splice, ReadWrite],
        (RegularFile, RegularFile) => &[CopyFileRange, SendFile, ReadWrite],
        (RegularFile | BlockDevice, _) => &[SendFile, ReadWrite],
        // A terminal's end of file is a line of its own: asking by two methods would need it typed twice.
        (CharacterDevice, _) => &[ReadWrite],
        _ => &[ReadWrite],
    }
}

impl Method {
    /// Move up to `want` bytes; `cursor` is where the source is read, and moves with them, or its own position is.
    pub(super) fn step(
        self,
        from: BorrowedFd<'_>,
        cursor: Option<&mut u64>,
        to: BorrowedFd<'_>,
        want: usize,
        buffer: &mut Buffer,
    ) -> Result<usize, Failure> {
        match self {
            Self::CopyFileRange => {
                rustix::fs::copy_file_range(from, cursor, to, None, want).map_err(Failure::of_both)
            }
            Self::Splice => rustix::pipe::splice(from, cursor, to, None, want, SpliceFlags::MOVE)
                .map_err(Failure::of_both),
            Self::SendFile => {
                rustix::fs::sendfile(to, from, cursor, want).map_err(Failure::of_both)
            }
            Self::ReadWrite => buffer.step(from, cursor, to, want),
        }
    }
}

impl Buffer {
    pub(super) fn holds_bytes(&self) -> bool {
        self.start < self.end
    }

    /// Read if there is nothing to write, then write once. What was not written stays for the next step.
    fn step(
        &mut self,
        from: BorrowedFd<'_>,
        cursor: Option<&mut u64>,
        to: BorrowedFd<'_>,
        want: usize,
    ) -> Result<usize, Failure> {
        if !self.holds_bytes() {
            self.bytes.resize(BUFFER_LEN, 0);
            let room = &mut self.bytes[..want.min(BUFFER_LEN)];
            let read = match &cursor {
                Some(at) => rustix::io::pread(from, room, **at),
                None => rustix::io::read(from, room),
            };
            (self.start, self.end) = (0, read.map_err(|errno| Failure::of(End::Source, errno))?);
            if let Some(at) = cursor {
                *at += self.end as u64;
            }
            if self.end == 0 {
                return Ok(0);
            }
        }
        match rustix::io::write(to, &self.bytes[self.start..self.end]) {
            // Nothing written of something, and no error: a driver's fault. Trying again could go on for ever.
            Ok(0) => Err(Failure::of(End::Target, Errno::IO)),
            Ok(written) => {
                self.start += written;
                Ok(written)
            }
            Err(errno) => Err(Failure::of(End::Target, errno)),
        }
    }
}
