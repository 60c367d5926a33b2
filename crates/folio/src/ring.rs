//! [`Ring`]: reads of a file through io_uring(7), many at a time.

use core::fmt;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::error::{Cause, Error, Result};
use crate::page::RangeError;
use crate::source::{named, path_of};
use crate::sys::ring::Queue;

/// The most requests of one ring: `IORING_MAX_ENTRIES` of the kernel's io_uring/io_uring.c.
const MOST: u32 = 32_768;

/// Reads of one file through io_uring(7), up to `depth` of them at a time, into buffers of the ring's own that begin at page
/// boundaries, as O_DIRECT wants them.
///
/// Queue reads while there is [`room`](Self::has_room), then take what is [complete](Self::next_completed); it may come in any order. A read is
/// repeated until it is whole, so one that comes short ended at the end of the file.
///
/// Dropping a ring cancels what is under way, and waits for what cannot be cancelled. After fork(2) the ring is the parent's: in the
/// child it reads nothing.
///
/// ```
/// use folio::{ErrorKind, Ring};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![7u8; 100_000])?;
/// let file = std::fs::File::open(&path)?;
/// let mut ring = match Ring::new(&file, 8, 4096) {
///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()), // as in many containers
///     ring => ring?,
/// };
/// let mut offsets = (0..100_000u64).step_by(4096);
/// let mut sum = 0;
/// loop {
///     while ring.has_room() {
///         let Some(offset) = offsets.next() else { break };
///         ring.read(offset, 4096)?;
///     }
///     let Some(completed) = ring.next_completed()? else { break };
///     sum += completed.bytes().iter().map(|&byte| u64::from(byte)).sum::<u64>();
/// }
/// assert_eq!(sum, 700_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Ring<'fd> {
    queue: Queue<'fd>,
    fd: BorrowedFd<'fd>,
    /// Slots without a read.
    free: Vec<usize>,
    /// The read of each slot.
    reads: Vec<Read>,
    /// Reads that have to be put into the queue again, for what is missing.
    again: VecDeque<usize>,
    slot_len: usize,
}

/// What a slot reads.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    offset: u64,
    len: usize,
    /// So many bytes are there.
    done: usize,
}

/// A read that is complete. Its bytes are lent until the ring is used again.
///
/// ```
/// use folio::{ErrorKind, Ring};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
/// let file = std::fs::File::open(&path)?;
/// let mut ring = match Ring::new(&file, 1, 4096) {
///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()), // as in many containers
///     ring => ring?,
/// };
/// ring.read(2, 100)?;
/// let completed = ring.next_completed()?.expect("one is under way");
/// assert_eq!((completed.offset(), completed.bytes()), (2, &b"llo"[..])); // the file ends there
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Completed<'a> {
    offset: u64,
    bytes: &'a [u8],
}

impl<'a> Completed<'a> {
    /// Where in the file the first byte is from.
    ///
    /// ```
    /// # use folio::{ErrorKind, Ring};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![7; 100_000])?;
    /// # let file = std::fs::File::open(&path)?;
    /// # let mut ring = match Ring::new(&file, 8, 4096) {
    /// #     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    /// #     ring => ring?,
    /// # };
    /// ring.read(8192, 4096)?;
    /// ring.read(0, 4096)?;
    /// let mut offsets = Vec::new();
    /// while let Some(completed) = ring.next_completed()? {
    ///     offsets.push(completed.offset()); // which of the two it is
    /// }
    /// offsets.sort_unstable(); // they come in any order
    /// assert_eq!(offsets, [0, 8192]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes: as many as were asked for, fewer if the file ended before.
    ///
    /// ```
    /// # use folio::{ErrorKind, Ring};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// # let file = std::fs::File::open(&path)?;
    /// # let mut ring = match Ring::new(&file, 8, 4096) {
    /// #     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    /// #     ring => ring?,
    /// # };
    /// ring.read(1000, 10)?;
    /// let completed = ring.next_completed()?.expect("one is under way");
    /// assert!(completed.bytes().is_empty()); // past the end of the file
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'fd> Ring<'fd> {
    /// A ring that reads `file`, which is open for reading, with at most `depth` reads under way, each of at most `buffer_len` bytes.
    ///
    /// ```
    /// use folio::{ErrorKind, Ring};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// assert_eq!(Ring::new(&file, 0, 4096).unwrap_err().kind(), ErrorKind::InvalidInput);
    /// match Ring::new(&file, 64, 1 << 16) {
    ///     Ok(ring) => assert!(ring.has_room()),
    ///     Err(error) => println!("{error}; read with pread(2) then"), // as in many containers
    /// }
    /// let (pipe, _) = std::io::pipe()?;
    /// assert_eq!(Ring::new(&pipe, 1, 4096).unwrap_err().kind(), ErrorKind::NotMappable);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// * [`InvalidInput`](crate::ErrorKind::InvalidInput): a depth of 0 or more than 32,768, or buffers of no bytes or of 2 GiB or more.
    /// * [`NotMappable`](crate::ErrorKind::NotMappable): neither a regular file nor a block device. Reads of others may never end.
    /// * [`Unsupported`](crate::ErrorKind::Unsupported): the kernel has no io_uring (5.6), or does not let this process use it, as in most
    ///   containers; the message says which.
    /// * [`NoMemory`](crate::ErrorKind::NoMemory), [`NoResource`](crate::ErrorKind::NoResource)
    pub fn new(file: &'fd impl AsFd, depth: u32, buffer_len: usize) -> Result<Self> {
        const OP: &str = "make a ring for";
        let fd = file.as_fd();
        let failed = |cause| named(fd, Error::new(OP, cause));
        if depth == 0 || depth > MOST {
            let why = format!("a ring has 1 to {MOST} reads under way, not {depth}");
            return Err(failed(Cause::InvalidInput(why.into())));
        }
        if buffer_len == 0 || i32::try_from(buffer_len).is_err() {
            let why = format!("one read takes 1 to {} bytes, not {buffer_len}", i32::MAX);
            return Err(failed(Cause::InvalidInput(why.into())));
        }
        let stat = rustix::fs::fstat(fd).map_err(|errno| failed(Cause::Os(errno.into())))?;
        if !matches!(
            FileType::from_raw_mode(stat.st_mode),
            FileType::RegularFile | FileType::BlockDevice
        ) {
            let why = "it is neither a regular file nor a block device, and reads of others may never end";
            return Err(failed(Cause::NotMappable(why)));
        }
        let queue = Queue::new(fd, depth, buffer_len).map_err(|error| failed(refusal(error)))?;
        let depth = depth as usize;
        Ok(Self {
            queue,
            fd,
            free: (0..depth).rev().collect(),
            reads: vec![Read::default(); depth],
            again: VecDeque::new(),
            slot_len: buffer_len,
        })
    }

    /// How many reads may be under way.
    ///
    /// ```
    /// # use folio::{ErrorKind, Ring};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![7; 100_000])?;
    /// # let file = std::fs::File::open(&path)?;
    /// # let mut ring = match Ring::new(&file, 5, 4096) {
    /// #     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    /// #     ring => ring?,
    /// # };
    /// for number in 0..ring.depth() as u64 {
    ///     ring.read(number * 4096, 4096)?; // there is room for all of them
    /// }
    /// assert_eq!(ring.under_way(), ring.depth());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn depth(&self) -> usize {
        self.reads.len()
    }

    /// How many are under way, queued ones included.
    ///
    /// ```
    /// # use folio::{ErrorKind, Ring};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![7; 100_000])?;
    /// # let file = std::fs::File::open(&path)?;
    /// # let mut ring = match Ring::new(&file, 5, 4096) {
    /// #     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    /// #     ring => ring?,
    /// # };
    /// ring.read(0, 4096)?;
    /// assert_eq!(ring.under_way(), 1);
    /// ring.next_completed()?;
    /// assert_eq!(ring.under_way(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.reads.len() - self.free.len()
    }

    /// Whether another read can be queued.
    ///
    /// ```
    /// # use folio::{ErrorKind, Ring};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![7; 100_000])?;
    /// # let file = std::fs::File::open(&path)?;
    /// # let mut ring = match Ring::new(&file, 5, 4096) {
    /// #     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    /// #     ring => ring?,
    /// # };
    /// let mut offset = 0;
    /// while ring.has_room() {
    ///     ring.read(offset, 4096)?;
    ///     offset += 4096;
    /// }
    /// assert_eq!(ring.read(offset, 4096).unwrap_err().kind(), ErrorKind::Busy);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// Queue a read of `len` bytes at `offset` of the file. The kernel hears of it with the next
    /// [`next_completed`](Self::next_completed), together with all others that are queued by then.
    ///
    /// ```
    /// # use folio::{ErrorKind, Ring};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// # let file = std::fs::File::open(&path)?;
    /// # let mut ring = match Ring::new(&file, 8, 4096) {
    /// #     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    /// #     ring => ring?,
    /// # };
    /// ring.read(0, 4096)?; // more than the file has, and as much as a buffer holds
    /// assert_eq!(ring.read(0, 4097).unwrap_err().kind(), ErrorKind::OutOfRange);
    /// assert_eq!(ring.read(u64::MAX, 1).unwrap_err().kind(), ErrorKind::OutOfRange);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// * [`Busy`](crate::ErrorKind::Busy): there is no [room](Self::has_room).
    /// * [`OutOfRange`](crate::ErrorKind::OutOfRange): more bytes than a buffer holds, or an end past what a file can have.
    /// * [`Unsupported`](crate::ErrorKind::Unsupported): this is a child of the process that made the ring.
    pub fn read(&mut self, offset: u64, len: usize) -> Result<()> {
        const OP: &str = "queue a read of";
        let end = offset.checked_add(len as u64).filter(|&end| i64::try_from(end).is_ok());
        let mistake = match end {
            None => Some(RangeError::Overflow { offset, len: len as u64 }),
            Some(_) if len > self.slot_len => {
                Some(RangeError::PastEnd { end: len as u64, limit: self.slot_len as u64 })
            }
            Some(_) => None,
        };
        if let Some(mistake) = mistake {
            return Err(self.name(Error::range(OP, mistake)));
        }
        self.check_process(OP)?;
        let Some(slot) = self.free.pop() else {
            let why = format!("all {} reads of the ring are under way", self.reads.len());
            return Err(self.name(Error::new(OP, Cause::Busy(why.into()))));
        };
        self.reads[slot] = Read { offset, len, done: 0 };
        self.again.push_back(slot);
        Ok(())
    }

    /// Wait for a read to be complete, whichever it is; `None` if none is under way.
    ///
    /// ```
    /// # use folio::{ErrorKind, Ring};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// # let file = std::fs::File::open(&path)?;
    /// # let mut ring = match Ring::new(&file, 8, 4096) {
    /// #     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    /// #     ring => ring?,
    /// # };
    /// assert!(ring.next_completed()?.is_none()); // nothing to wait for
    /// ring.read(0, 5)?;
    /// let text = ring.next_completed()?.expect("one is under way").bytes().to_vec(); // lent until the next use
    /// assert_eq!(text, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The range in the error says which read failed; the others go on, and so may the caller.
    /// * [`Io`](crate::ErrorKind::Io): the disk failed.
    /// * [`InvalidInput`](crate::ErrorKind::InvalidInput): the file is open with O_DIRECT, and the offset or the length is not aligned as its device wants it.
    /// * [`NoMemory`](crate::ErrorKind::NoMemory): the kernel has none for the queued reads, of which none is lost.
    /// * [`Unsupported`](crate::ErrorKind::Unsupported): this is a child of the process that made the ring.
    pub fn next_completed(&mut self) -> Result<Option<Completed<'_>>> {
        self.check_process("read")?;
        loop {
            if self.under_way() == 0 {
                return Ok(None);
            }
            if let Some((slot, result)) = self.queue.reap() {
                if self.settle(slot, result)? {
                    self.free.push(slot);
                    let Read { offset, done, .. } = self.reads[slot];
                    return Ok(Some(Completed { offset, bytes: self.queue.bytes(slot, done) }));
                }
                continue;
            }
            self.push_queued();
            self.queue
                .enter(1)
                .map_err(|error| self.name(Error::os("wait for a read of", error)))?;
        }
    }

    fn push_queued(&mut self) {
        while let Some(&slot) = self.again.front() {
            let Read { offset, len, done } = self.reads[slot];
            // There is an entry for each slot; should the queue be full all the same, the next turn has it.
            if !self.queue.push(slot, done, len - done, offset + done as u64) {
                return;
            }
            self.again.pop_front();
        }
    }

    /// What a result means for its read: whether it is complete.
    fn settle(&mut self, slot: usize, result: i32) -> Result<bool> {
        let read = &mut self.reads[slot];
        match usize::try_from(result) {
            Ok(0) => return Ok(true),
            Ok(n) => {
                read.done = (read.done + n).min(read.len);
                if read.done == read.len || self.ends_at(slot) {
                    return Ok(true);
                }
                self.again.push_back(slot);
                return Ok(false);
            }
            Err(_) => {}
        }
        let error = io::Error::from_raw_os_error(result.saturating_neg());
        // Cancelled with the thread that queued it, or not to be had without waiting: this thread waits for it instead.
        let read_here = [libc::EAGAIN, libc::EINTR, libc::ECANCELED];
        let outcome = if error.raw_os_error().is_some_and(|errno| read_here.contains(&errno)) {
            self.read_here(slot)
        } else {
            Err(error)
        };
        outcome.map(|()| true).map_err(|error| {
            self.free.push(slot);
            let Read { offset, len, done } = self.reads[slot];
            self.name(Error::os("read", error))
                .with_range(offset..offset + len as u64)
                .with_done(done)
        })
    }

    /// Whether what a read has is all that the file had.
    fn ends_at(&self, slot: usize) -> bool {
        let Read { offset, done, .. } = self.reads[slot];
        rustix::fs::fstat(self.fd).is_ok_and(|stat| {
            let len = u64::try_from(stat.st_size).unwrap_or(0);
            FileType::from_raw_mode(stat.st_mode).is_file() && offset + done as u64 >= len
        })
    }

    /// Read what is missing with pread(2).
    fn read_here(&mut self, slot: usize) -> io::Result<()> {
        loop {
            let Read { offset, len, done } = self.reads[slot];
            let rest = self.queue.bytes_mut(slot, done, len);
            if rest.is_empty() {
                return Ok(());
            }
            match rustix::io::pread(self.fd, rest, offset + done as u64) {
                Ok(0) => return Ok(()),
                Ok(n) => self.reads[slot].done += n,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn check_process(&self, op: &'static str) -> Result<()> {
        if self.queue.is_ours() {
            return Ok(());
        }
        let why =
            "the ring belongs to the process that forked this one, which may be reading with it";
        Err(self.name(Error::new(op, Cause::Unsupported(why.into()))))
    }

    fn name(&self, error: Error) -> Error {
        named(self.fd, error)
    }
}

/// What it means that a ring cannot be made; io_uring_setup(2).
#[cold]
fn refusal(error: io::Error) -> Cause {
    let why = match error.raw_os_error() {
        Some(libc::ENOSYS) => "the kernel has no io_uring, or a sandbox hides it",
        Some(libc::EPERM | libc::EACCES) => {
            "this process may not use io_uring: kernel.io_uring_disabled is set, or a sandbox (as containers have it) forbids it"
        }
        Some(libc::EOPNOTSUPP) => {
            "this kernel's io_uring does not read into buffers, which came with Linux 5.6"
        }
        _ => return Cause::Os(error),
    };
    Cause::Unsupported(why.into())
}

impl fmt::Debug for Ring<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("file", &path_of(self.fd))
            .field("depth", &self.depth())
            .field("under_way", &self.under_way())
            .finish_non_exhaustive()
    }
}
