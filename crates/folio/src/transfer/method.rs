//! The ways to move bytes between two descriptors, and which of them fit which ends.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{FileType, OFlags, Stat};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

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
    /// splice(2) twice, through a pipe of folio's own: pages are handed over, or copied once. More than 1 MiB of a file to a
    /// pipe, or to a file on a file system that cannot share blocks (ext4, tmpfs), by [`transfer`](crate::transfer).
    ThroughPipe,
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

/// What a pipe is grown to: the kernel's default limit for users without privileges (pipe(7)).
pub(super) const PIPE_LEN: usize = 1 << 20;

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

/// What is between the two ends.
#[derive(Debug, Default)]
pub(super) struct Between {
    pub(super) buffer: Buffer,
    pipe: Pipe,
}

/// A pipe of folio's own, and how many bytes are in it that have not arrived yet.
#[derive(Debug, Default)]
struct Pipe {
    ends: Option<(OwnedFd, OwnedFd)>,
    held: usize,
}

/// The methods worth trying from a file like `from` to one like `to`, the fastest first, [`Method::ReadWrite`] last.
pub(super) fn fitting(from: &Stat, to: &Stat, to_flags: OFlags) -> &'static [Method] {
    use FileType::{BlockDevice, CharacterDevice, Fifo, RegularFile, Socket};
    use Method::{CopyFileRange, ReadWrite, SendFile, Splice, ThroughPipe};
    let appends = to_flags.contains(OFlags::APPEND);
    match (FileType::from_raw_mode(from.st_mode), FileType::from_raw_mode(to.st_mode)) {
        // Empty, or a file of procfs, which answers each call in its own way and is read as everybody reads it.
        (RegularFile, _) if from.st_size == 0 => &[ReadWrite],
        (RegularFile | BlockDevice, Fifo) => &[ThroughPipe, Splice, ReadWrite],
        (Socket, Fifo) => &[Splice, ReadWrite],
        // The kernel moves nothing into a file open for appending: it would need an offset.
        (_, RegularFile) if appends => &[ReadWrite],
        (Fifo, _) => &[Splice, ReadWrite],
        (RegularFile, RegularFile) => &[ThroughPipe, CopyFileRange, SendFile, ReadWrite],
        (BlockDevice, RegularFile) => &[ThroughPipe, SendFile, ReadWrite],
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
        between: &mut Between,
    ) -> Result<usize, Failure> {
        match self {
            Self::ThroughPipe => between.pipe.step(from, cursor, to, want),
            Self::CopyFileRange => {
                rustix::fs::copy_file_range(from, cursor, to, None, want).map_err(Failure::of_both)
            }
            Self::Splice => {
                splice(from, cursor, to, None, want, SpliceFlags::MOVE).map_err(Failure::of_both)
            }
            Self::SendFile => {
                rustix::fs::sendfile(to, from, cursor, want).map_err(Failure::of_both)
            }
            Self::ReadWrite => between.buffer.step(from, cursor, to, want),
        }
    }
}

impl Pipe {
    /// Fill the pipe if it is empty, then send from it once. `cursor` is behind the last byte that arrived: whichever method goes
    /// on from there, what is left in the pipe is not missed.
    fn step(
        &mut self,
        from: BorrowedFd<'_>,
        cursor: Option<&mut u64>,
        to: BorrowedFd<'_>,
        want: usize,
    ) -> Result<usize, Failure> {
        let Some(cursor) = cursor else { return Err(Failure::of_both(Errno::INVAL)) };
        let (reader, writer) = match &mut self.ends {
            Some(ends) => ends,
            none => none.insert(Self::open().map_err(Failure::of_both)?),
        };
        if self.held == 0 {
            let mut ahead = *cursor;
            let want = want.min(PIPE_LEN);
            self.held = splice(from, Some(&mut ahead), writer, None, want, SpliceFlags::MOVE)
                .map_err(|errno| Failure::of(End::Source, errno))?;
        }
        if self.held == 0 {
            return Ok(0);
        }
        let moved = splice(reader, None, to, None, self.held, SpliceFlags::MOVE)
            .map_err(|errno| Failure::of(End::Target, errno))?;
        self.held -= moved;
        *cursor += moved as u64;
        Ok(moved)
    }

    fn open() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        fcntl_setpipe_size(&writer, PIPE_LEN)?;
        Ok((reader, writer))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;

    #[test]
    fn another_method_goes_on_from_the_byte_that_arrived() {
        let bytes: Vec<u8> = (0..2 * PIPE_LEN).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let (mut cursor, mut between) = (1000, Between::default());
        let mut step = |method: Method| {
            let (from, to) = (file.as_fd(), writer.as_fd());
            method.step(from, Some(&mut cursor), to, bytes.len(), &mut between)
        };
        let arrived = step(Method::ThroughPipe).unwrap();
        assert_eq!(
            step(Method::ThroughPipe).unwrap_err().errno,
            Errno::AGAIN,
            "the target is full"
        );
        let mut got = vec![0; arrived];
        reader.read_exact(&mut got).unwrap();
        let more = step(Method::ReadWrite).unwrap();
        drop(writer);
        reader.read_to_end(&mut got).unwrap();
        assert!(arrived < PIPE_LEN && got == bytes[1000..1000 + arrived + more]);
    }
}
