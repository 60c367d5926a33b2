//! Moving bytes between descriptors inside the kernel, without copying them through the program's memory.
//!
//! [`transfer`] sends a byte range of a file to a pipe, socket, file or terminal; [`transfer_all`] sends what is left of
//! anything that can be read, a pipe or socket included. Both look at what the two ends are and take the first
//! [`Method`] that fits; where the kernel refuses one, the next goes on from the same byte:
//!
//! ```text
//! methods = those that fit the two ends, fastest first, read(2) and write(2) last
//! until nothing is left to send:
//!     ask the first method for the rest
//!     n bytes moved      -> count them
//!     0 bytes moved      -> the end, if a plain read says so too; else go on by reading
//!     would block        -> poll(2) the end that it waits for
//!     not for these ends -> drop the method
//!     else               -> the error, with the number of bytes that went out before it
//! ```
//!
//! A byte is sent once: the source's cursor is the kernel's own, so it stands behind the last byte that was moved
//! whichever method moved it. The end of file is only believed from read(2), because copy_file_range(2) moves nothing
//! out of files of procfs, whose length reads as 0, and calls it success.
//!
//! Of much more than a pipe holds, the fastest method is a pipe of folio's own between the ends. To a file it costs a fifth less
//! than copy_file_range(2), which in the kernel goes through a smaller one where blocks cannot be shared; to a pipe it takes
//! a tenth less time than splicing directly, because the next pages are fetched while the reader is still at the last.

use core::ops::RangeBounds;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, OFlags, Stat};
use rustix::io::Errno;

use crate::bounds::FileRange;
use crate::error::{Cause, Error, Result};
use crate::filesystem::FileSystemType;
use crate::source::named;

mod method;

pub use method::Method;
use method::{Between, End, Failure, PIPE_LEN};

/// What a transfer did.
///
/// ```
/// use std::io::Read;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
/// let (mut reader, writer) = std::io::pipe()?;
/// let sent = folio::transfer(std::fs::File::open(&path)?, 3.., &writer)?;
/// let mut got = vec![0; usize::try_from(sent.bytes)?];
/// reader.read_exact(&mut got)?;
/// assert_eq!(got, b"lo");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transferred {
    /// How many bytes were sent.
    pub bytes: u64,
    /// How the last of them were sent; of an empty transfer, how they would have been.
    pub method: Method,
}

/// Send the bytes of `range` of the file `from` to `to`, a pipe, socket, file or terminal, inside the kernel.
///
/// `a..b` sends exactly those bytes or fails; `a..` and `..` send everything up to the end of the file, wherever that is
/// when it is reached. The position of `from` neither matters nor moves. Bytes go to `to` as write(2) would put them: at
/// its position, which moves, or to the end of a file open for appending.
///
/// What may surprise:
/// * A descriptor in non-blocking mode is waited for with poll(2).
/// * A pipe or socket may hold the file's pages themselves, not copies: if the file changes before the other side
///   has read them, the other side reads the change. A target pipe is grown to 1 MiB where the kernel allows it.
/// * Holes of a sparse file arrive as zeros. Between two files of a file system that can share blocks (xfs, btrfs),
///   whole blocks are shared and holes stay holes.
/// * The kernel moves up to 1 GiB per call. To show progress, send a large file as several ranges.
///
/// A mapping is a source too: `Shared` and `SharedMut` are [`AsFd`] and tell their `file_offset()`, so byte `i` of the
/// mapping is byte `file_offset() + i` here. What was stored through a `SharedMut` is sent, flushed or not.
///
/// ```
/// use folio::transfer;
/// use std::io::Read;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello, world")?;
/// let file = std::fs::File::open(&path)?;
/// let (mut reader, writer) = std::io::pipe()?;
/// let sent = transfer(&file, 7..12, &writer)?;
/// assert_eq!((sent.bytes, sent.method), (5, folio::Method::Splice));
/// drop(writer);
/// let mut got = String::new();
/// reader.read_to_string(&mut got)?;
/// assert_eq!(got, "world");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// In each case [`Error::bytes_done`] tells how many bytes were sent before.
/// * [`Truncated`](crate::ErrorKind::Truncated): the file ends before the range does.
/// * [`OutOfRange`](crate::ErrorKind::OutOfRange), [`TooLarge`](crate::ErrorKind::TooLarge): the range is reversed or
///   overflows.
/// * [`OpenMode`](crate::ErrorKind::OpenMode): `from` is not open for reading, or `to` not for writing.
/// * [`InvalidInput`](crate::ErrorKind::InvalidInput): `from` has no offsets (a pipe, socket or terminal: that is for
///   [`transfer_all`]), or both ends are the same bytes of the same file.
/// * Whatever reading `from` or writing to `to` answers. A pipe or socket that nobody reads any more is `EPIPE` in
///   [`Error::raw_os_error`].
pub fn transfer(
    from: impl AsFd,
    range: impl RangeBounds<u64>,
    to: impl AsFd,
) -> Result<Transferred> {
    let range = FileRange::new("transfer", &range)?;
    let mut run = Run::new(from.as_fd(), to.as_fd(), Some(range.start()))?;
    run.left = range.len();
    if !run.source_has_offsets() {
        return Err(run.name_source(Error::new(
            "transfer",
            Cause::InvalidInput("it is a pipe, a socket or a terminal, whose bytes have no offsets: send all of them".into()),
        )));
    }
    run.finish()
}

/// Send everything that is left to read of `from` to `to`, inside the kernel where it can be done.
///
/// For sources without offsets: pipes, sockets, terminals. Files are sent from their position, which moves. Returns when
/// `from` is at its end, which for a pipe or socket is when its last writer is gone. Everything else is as in
/// [`transfer`].
///
/// ```
/// use folio::transfer_all;
/// use std::io::Write;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// let (reader, mut writer) = std::io::pipe()?;
/// writer.write_all(b"through a pipe")?;
/// drop(writer);
/// let file = std::fs::File::create(&path)?;
/// assert_eq!(transfer_all(&reader, &file)?.bytes, 14);
/// assert_eq!(std::fs::read(&path)?, b"through a pipe");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`transfer`], without those about ranges. After a failed write, up to 256 KiB that were read from a pipe, socket or
/// terminal by read(2) may be gone with it; splice(2) takes nothing that it cannot deliver.
pub fn transfer_all(from: impl AsFd, to: impl AsFd) -> Result<Transferred> {
    Run::new(from.as_fd(), to.as_fd(), None)?.finish()
}

/// One transfer on its way.
#[derive(Debug)]
struct Run<'fd> {
    from: BorrowedFd<'fd>,
    to: BorrowedFd<'fd>,
    from_stat: Stat,
    to_stat: Stat,
    to_flags: OFlags,
    /// The next byte to read from the source; without it, the source's own position counts.
    cursor: Option<u64>,
    /// Where `cursor` began.
    start: Option<u64>,
    /// How many bytes are still to be sent; without it, all up to the end.
    left: Option<u64>,
    done: u64,
    /// What can still be tried: the first is in use.
    methods: &'static [Method],
    /// The method that moved the last bytes.
    used: Option<Method>,
    between: Between,
}

impl<'fd> Run<'fd> {
    fn new(from: BorrowedFd<'fd>, to: BorrowedFd<'fd>, start: Option<u64>) -> Result<Self> {
        let stat = |fd| rustix::fs::fstat(fd).map_err(|errno| Error::os("transfer", errno));
        let flags = |fd| rustix::fs::fcntl_getfl(fd).map_err(|errno| Error::os("transfer", errno));
        let (from_stat, to_stat) = (stat(from)?, stat(to)?);
        let (from_flags, to_flags) = (flags(from)?, flags(to)?);
        if from_flags & OFlags::RWMODE == OFlags::WRONLY || from_flags.contains(OFlags::PATH) {
            let why = "it is to be read from, and is not open for reading";
            return Err(named(from, Error::new("transfer", Cause::OpenMode(why))));
        }
        if to_flags & OFlags::RWMODE == OFlags::RDONLY || to_flags.contains(OFlags::PATH) {
            let why = "it is to be written to, and is not open for writing";
            return Err(named(to, Error::new("transfer to", Cause::OpenMode(why))));
        }
        let methods = method::fitting(&from_stat, &to_stat, to_flags);
        Ok(Self {
            from,
            to,
            from_stat,
            to_stat,
            to_flags,
            cursor: start,
            start,
            left: None,
            done: 0,
            methods,
            used: None,
            between: Between::default(),
        })
    }

    fn source_has_offsets(&self) -> bool {
        match FileType::from_raw_mode(self.from_stat.st_mode) {
            FileType::Fifo | FileType::Socket => false,
            FileType::CharacterDevice => rustix::fs::tell(self.from).is_ok(),
            _ => true,
        }
    }

    /// Send until nothing is left.
    fn finish(mut self) -> Result<Transferred> {
        self.refuse_overlap()?;
        self.grow_pipes();
        if self.methods.first() == Some(&Method::ThroughPipe) && !self.is_worth_a_pipe() {
            self.methods = &self.methods[1..];
        }
        while self.left != Some(0) {
            let Some(&method) = self.methods.first() else { break };
            match self.step(method) {
                Ok(0) if method == Method::ReadWrite => break,
                // Only a read tells the end for certain.
                Ok(0) => self.methods = &[Method::ReadWrite],
                Ok(moved) => self.count(method, moved),
                Err(Failure { errno: Errno::INTR, .. }) => {}
                Err(Failure { errno: Errno::AGAIN, end }) => self.wait(end)?,
                // What stopped a pipe of one's own stops the next method as well, which knows which end it was.
                Err(failure)
                    if (method == Method::ThroughPipe || failure.is_refusal())
                        && self.methods.len() > 1 =>
                {
                    self.methods = &self.methods[1..]
                }
                Err(Failure { errno: Errno::PIPE, .. })
                    if self.left.is_none() && self.source_is_spent() =>
                {
                    break;
                }
                Err(failure) => return Err(self.failed(failure)),
            }
        }
        match self.left {
            None | Some(0) => Ok(self.report()),
            Some(_) => Err(self.truncated()),
        }
    }

    /// Whether a source pipe is empty and has no writer. From pipe to pipe splice(2) answers EPIPE for a target without
    /// readers before it looks for bytes; but then every byte there was has been taken, and nothing failed.
    fn source_is_spent(&self) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(self.from, PollFlags::IN)];
        let polled =
            rustix::event::poll(&mut fds, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 }));
        polled.is_ok()
            && fds[0].revents() & (PollFlags::IN | PollFlags::HUP) == PollFlags::HUP
            && !self.between.buffer.holds_bytes()
    }

    /// Ask `method` for the rest.
    fn step(&mut self, method: Method) -> core::result::Result<usize, Failure> {
        // An offset and a length that overflow together are EINVAL, even where the file ends long before.
        let addressable = (i64::MAX as u64).saturating_sub(self.cursor.unwrap_or(0));
        let want = self.left.unwrap_or(u64::MAX).min(method::MAX_STEP as u64).min(addressable);
        #[expect(clippy::cast_possible_truncation, reason = "at most MAX_STEP, a usize")]
        let want = want as usize;
        method.step(self.from, self.cursor.as_mut(), self.to, want, &mut self.between)
    }

    fn count(&mut self, method: Method, moved: usize) {
        self.used = Some(method);
        self.done += moved as u64;
        if let Some(left) = &mut self.left {
            *left -= moved as u64;
        }
    }

    fn report(&self) -> Transferred {
        let method = self.used.or(self.methods.first().copied()).unwrap_or(Method::ReadWrite);
        Transferred { bytes: self.done, method }
    }

    /// Refuse to read what this transfer itself writes: it would send bytes twice, or never end.
    fn refuse_overlap(&self) -> Result<()> {
        let same = (self.from_stat.st_dev, self.from_stat.st_ino)
            == (self.to_stat.st_dev, self.to_stat.st_ino);
        let overlaps = match FileType::from_raw_mode(self.from_stat.st_mode) {
            FileType::RegularFile => same && self.writes_what_it_reads(),
            FileType::Fifo => same,
            _ => false,
        };
        if !overlaps {
            return Ok(());
        }
        let why = "the source and the target are the same bytes of the same file";
        Err(self.name_source(Error::new("transfer", Cause::InvalidInput(why.into()))))
    }

    /// Of one file: whether the bytes to be written are among those to be read.
    fn writes_what_it_reads(&self) -> bool {
        let position = |fd| rustix::fs::tell(fd).unwrap_or(0);
        let read_from = self.start.unwrap_or_else(|| position(self.from));
        let write_to = match self.to_flags.contains(OFlags::APPEND) {
            true => u64::try_from(self.to_stat.st_size).unwrap_or(0),
            false => position(self.to),
        };
        match self.left {
            Some(left) => {
                read_from < write_to.saturating_add(left)
                    && write_to < read_from.saturating_add(left)
            }
            // Everything to the end: the target grows the end. Only where there is nothing to read is there no harm.
            None => u64::try_from(self.from_stat.st_size).is_ok_and(|len| read_from < len),
        }
    }

    /// Whether a pipe of folio's own is worth making: for more than it holds, and not to a file that may come to share the source's
    /// blocks. It is filled ahead of what has arrived, so the source's own position cannot be the cursor.
    fn is_worth_a_pipe(&self) -> bool {
        self.cursor.is_some()
            && self.expected() > PIPE_LEN as u64
            && (FileType::from_raw_mode(self.to_stat.st_mode) == FileType::Fifo
                || FileSystemType::of(self.to).is_ok_and(FileSystemType::never_shares_blocks))
    }

    /// How many bytes there are to send, if the source tells; at most what is left.
    fn expected(&self) -> u64 {
        let known = match FileType::from_raw_mode(self.from_stat.st_mode) {
            FileType::RegularFile => Some(
                u64::try_from(self.from_stat.st_size)
                    .unwrap_or(0)
                    .saturating_sub(self.start.unwrap_or(0)),
            ),
            _ => None,
        };
        self.left.into_iter().chain(known).min().unwrap_or(u64::MAX)
    }

    /// Give the pipes of a large transfer room for more pages at a time, where the kernel allows it.
    fn grow_pipes(&self) {
        let expected = self.expected();
        for (fd, stat) in [(self.from, &self.from_stat), (self.to, &self.to_stat)] {
            let is_pipe = FileType::from_raw_mode(stat.st_mode) == FileType::Fifo;
            if is_pipe
                && rustix::pipe::fcntl_getpipe_size(fd)
                    .is_ok_and(|len| len < PIPE_LEN && expected > len as u64)
            {
                // EPERM and EBUSY leave it as it is, which is slower and as right.
                let _ = rustix::pipe::fcntl_setpipe_size(fd, PIPE_LEN);
            }
        }
    }

    /// Wait until `end` can go on; where the call did not say which end it was, until both can.
    fn wait(&self, end: Option<End>) -> Result<()> {
        if end != Some(End::Source) {
            ready(self.to, PollFlags::OUT)
                .map_err(|errno| self.failed(Failure::of(End::Target, errno)))?;
        }
        if end != Some(End::Target) {
            ready(self.from, PollFlags::IN)
                .map_err(|errno| self.failed(Failure::of(End::Source, errno)))?;
        }
        Ok(())
    }

    #[cold]
    fn failed(&self, failure: Failure) -> Error {
        let error = match failure.end() {
            Some(End::Target) => named(self.to, Error::os("write to", failure.errno)),
            Some(End::Source) => self.name_source(Error::os("read", failure.errno)),
            None => self.name_source(Error::os("transfer", failure.errno)),
        };
        error.with_done(self.done())
    }

    #[cold]
    fn truncated(&self) -> Error {
        let reached = self.start.unwrap_or(0) + self.done;
        let len = match rustix::fs::fstat(self.from) {
            // In procfs the length reads as 0, and where the end was met is all that is known.
            Ok(stat) if stat.st_size > 0 || self.from_stat.st_size > 0 => {
                u64::try_from(stat.st_size).unwrap_or(reached)
            }
            _ => reached,
        };
        self.name_source(Error::new("transfer", Cause::Truncated { offset: reached, len }))
            .with_done(self.done())
    }

    fn name_source(&self, error: Error) -> Error {
        let error = named(self.from, error);
        match (self.start, self.left) {
            (Some(start), Some(left)) => error.with_range(start..start + self.done + left),
            _ => error,
        }
    }

    fn done(&self) -> usize {
        usize::try_from(self.done).unwrap_or(usize::MAX)
    }
}

/// Wait until `fd` has one of `events`, or an error that the next call on it will report.
fn ready(fd: BorrowedFd<'_>, events: PollFlags) -> rustix::io::Result<()> {
    let mut fds = [PollFd::from_borrowed_fd(fd, events)];
    loop {
        match rustix::event::poll(&mut fds, None) {
            Err(Errno::INTR) => {}
            other => return other.map(|_| ()),
        }
    }
}
