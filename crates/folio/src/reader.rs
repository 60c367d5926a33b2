//! `Reader`: a live mapping with a position, for everything that takes std's `Read`, `Seek` and `BufRead`.

use core::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::mapping::Mapping;
use crate::page::MemRange;

/// What `fill_buf` copies at a time, as std's BufReader. Reads of at least as much go past the buffer.
const BUFFER: usize = 8 * 1024;

/// A position in a live mapping, with std's reading traits.
///
/// The end is the end of the mapping. A read that meets a fault returns the bytes before it, and the next read the error:
/// an [`io::Error`] that carries folio's [`Error`] inside (`error.get_ref()`).
/// Seeking past the end is allowed, as in a file; reads there return 0 bytes.
///
/// Made by [`Shared::reader`](crate::Shared::reader) and [`SharedMut::reader`](crate::SharedMut::reader).
///
/// ```
/// use std::io::{Read, Seek, SeekFrom};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// std::fs::write(&path, b"hello world")?;
/// let mut reader = folio::Shared::open(&path)?.reader();
/// reader.seek(SeekFrom::End(-5))?;
/// let mut word = String::new();
/// reader.read_to_string(&mut word)?;
/// assert_eq!(word, "world");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader {
    mapping: Arc<Mapping>,
    range: MemRange,
    /// Where the first unread byte of the buffer stands, from the start of the range; past the end after such a seek.
    position: u64,
    buf: Vec<u8>,
    /// The unread bytes of the buffer.
    unread: core::ops::Range<usize>,
}

impl Reader {
    pub(crate) fn new(mapping: Arc<Mapping>, range: MemRange) -> Self {
        Self { mapping, range, position: 0, buf: Vec::new(), unread: 0..0 }
    }

    /// The position in the mapping, in bytes.
    ///
    /// ```
    /// use std::io::BufRead;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, "key=value")?;
    /// let mut reader = folio::Shared::open(&path)?.reader();
    /// reader.read_until(b'=', &mut Vec::new())?;
    /// assert_eq!(reader.position(), 4); // where the value begins; what is buffered does not count
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The bytes from the position on, `len` at most.
    fn ahead(&self, len: usize) -> Result<MemRange> {
        let start = usize::try_from(self.position).unwrap_or(usize::MAX).min(self.range.len());
        self.range
            .part(start, len.min(self.range.len() - start))
            .map_err(|error| self.mapping.name(Error::range("read", error)))
    }

    /// Copy bytes from the position on into `buf`, as many as are good.
    fn copy(&self, buf: &mut [u8]) -> Result<usize> {
        let range = self.ahead(buf.len())?;
        let good = match self.mapping.read(range, &mut buf[..range.len()]) {
            Ok(()) => range.len(),
            Err(error) if error.bytes_done() > 0 => error.bytes_done(),
            Err(error) => return Err(error),
        };
        // After the copy: an atomic of another thread may have lost a page while it was under way.
        self.mapping.check("read").map(|()| good)
    }
}

impl Read for Reader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() && buf.len() >= BUFFER {
            let read = self.copy(buf)?;
            self.position += read as u64;
            return Ok(read);
        }
        let ready = self.fill_buf()?;
        let read = ready.len().min(buf.len());
        buf[..read].copy_from_slice(&ready[..read]);
        self.consume(read);
        Ok(read)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let start = buf.len();
        let left = self.ahead(usize::MAX)?.len();
        buf.try_reserve(left)?;
        loop {
            let ready = self.fill_buf()?;
            if ready.is_empty() {
                return Ok(buf.len() - start);
            }
            buf.extend_from_slice(ready);
            let read = ready.len();
            self.consume(read);
        }
    }
}

impl BufRead for Reader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.unread.is_empty() {
            let len = self.ahead(BUFFER)?.len();
            let mut buf = core::mem::take(&mut self.buf);
            if buf.len() < len {
                buf.resize(len, 0);
            }
            let copied = self.copy(&mut buf[..len]);
            self.buf = buf;
            self.unread = 0..copied?;
        }
        Ok(&self.buf[self.unread.clone()])
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.unread.len());
        self.unread.start += amount;
        self.position += amount as u64;
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = target(to, self.position, self.range.len())?;
        let within = target
            .checked_sub(self.position)
            .and_then(|ahead| usize::try_from(ahead).ok())
            .filter(|&ahead| ahead <= self.unread.len());
        match within {
            Some(ahead) => self.unread.start += ahead,
            None => self.unread = 0..0,
        }
        self.position = target;
        Ok(target)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.position)
    }
}

/// Where `to` leads from `position` in a mapping of `len` bytes.
pub(crate) fn target(to: SeekFrom, position: u64, len: usize) -> io::Result<u64> {
    let target = match to {
        SeekFrom::Start(at) => Some(at),
        SeekFrom::End(by) => (len as u64).checked_add_signed(by),
        SeekFrom::Current(by) => position.checked_add_signed(by),
    };
    target.ok_or_else(|| {
        let why = "the position would be before the start or does not fit 64 bits";
        io::Error::new(io::ErrorKind::InvalidInput, why)
    })
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("file", &self.mapping.backing)
            .field("position", &self.position)
            .field("of", &self.range.len())
            .finish()
    }
}
