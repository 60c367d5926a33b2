//! `Writer`: a live, writable mapping with a position, for everything that takes std's `Write` and `Seek`.

use core::fmt;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::mapping::Mapping;
use crate::page::MemRange;
use crate::reader;

/// A position in a live, writable mapping, with std's `Write` and `Seek`.
///
/// It writes over what is there and ends where the mapping ends: there [`write`](Write::write) returns 0, as for a
/// `Cursor<&mut [u8]>`, and `write_all` is an error of kind [`WriteZero`](io::ErrorKind::WriteZero). A write that meets a fault
/// returns how many bytes are in the file, and the next one the error: an [`io::Error`] that carries folio's [`Error`] inside
/// (`error.get_ref()`). Nothing is buffered, so [`flush`](Write::flush) has nothing to do; what brings the bytes to the
/// device is [`SharedMut::flush`](crate::SharedMut::flush).
///
/// Made by [`SharedMut::writer`](crate::SharedMut::writer).
///
/// ```
/// use std::io::{Seek, SeekFrom, Write};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// std::fs::write(&path, b"hello world")?;
/// let map = folio::SharedMut::open(&path)?;
/// let mut writer = map.writer();
/// writer.seek(SeekFrom::Start(6))?;
/// write!(writer, "{}", "folio")?;
/// assert_eq!(writer.write(b"more")?, 0); // here the mapping ends
/// assert_eq!(std::fs::read(&path)?, b"hello folio");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Writer {
    mapping: Arc<Mapping>,
    range: MemRange,
    position: u64,
}

impl Writer {
    pub(crate) fn new(mapping: Arc<Mapping>, range: MemRange) -> Self {
        Self { mapping, range, position: 0 }
    }

    /// The position in the mapping, in bytes.
    ///
    /// ```
    /// use std::io::Write;
    /// let map = folio::SharedMut::anonymous(100)?;
    /// let mut writer = map.writer();
    /// writeln!(writer, "{}", 1.5)?;
    /// let len = usize::try_from(writer.position())?; // how far it was written
    /// assert_eq!(len, 4);
    /// map.fill(len.., b' ')?; // and over the old rest
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Copy `bytes` to the position, as many as there is room for: how many are in the file.
    fn copy(&self, bytes: &[u8]) -> Result<usize> {
        let len = self.range.len();
        let start = usize::try_from(self.position).unwrap_or(usize::MAX).min(len);
        let bytes = &bytes[..bytes.len().min(len - start)];
        let range = self
            .range
            .part(start, bytes.len())
            .map_err(|error| self.mapping.name(Error::range("write", error)))?;
        let good = match self.mapping.write(range, bytes) {
            Ok(()) => bytes.len(),
            Err(error) if error.bytes_done() > 0 => error.bytes_done(),
            Err(error) => return Err(error),
        };
        self.mapping.check("write").map(|()| good)
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.copy(bytes)?;
        self.position += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Writer {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = reader::target(to, self.position, self.range.len())?;
        Ok(self.position)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.position)
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("file", &self.mapping.backing)
            .field("position", &self.position)
            .field("of", &self.range.len())
            .finish()
    }
}
