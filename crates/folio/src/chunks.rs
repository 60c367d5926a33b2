//! `Chunks`: a live mapping in order, through one buffer that is used again and again.

use core::fmt;

use crate::error::{Error, Result};
use crate::mapping::Mapping;
use crate::page::MemRange;

/// How many bytes a chunk has at most unless [`Chunks::chunk_size`] says otherwise. The bytes and their copy both stay in the
/// first-level cache, and the copy is so short that the CPU goes on to fetch the next bytes from memory while the last ones
/// are scanned. Measured over 1 GiB: 2 KiB are a quarter faster than 8 KiB, and these than 64 KiB.
const CHUNK: usize = 2 * 1024;

/// The bytes of a live mapping in order, copied piece by piece into one buffer.
///
/// It lends: each chunk is gone when the next is asked for, which the compiler checks. So it is not an `Iterator`; loop
/// with `while let Some(chunk) = chunks.next_chunk()?`. Chunks end at page boundaries, but for the last.
///
/// Made by [`Shared::chunks`](crate::Shared::chunks) and [`SharedMut::chunks`](crate::SharedMut::chunks).
///
/// ```
/// let memory = folio::SharedMut::anonymous(100_000)?;
/// memory.fill(99_990.., b'x')?;
/// let (mut found, mut chunks) = (0, memory.chunks());
/// while let Some(chunk) = chunks.next_chunk()? {
///     found += chunk.iter().filter(|&&byte| byte == b'x').count();
/// }
/// assert_eq!(found, 10);
/// # Ok::<(), folio::Error>(())
/// ```
pub struct Chunks<'a> {
    mapping: &'a Mapping,
    range: MemRange,
    done: usize,
    size: usize,
    buf: Vec<u8>,
    /// What stopped the last chunk short, to be told after its good bytes.
    error: Option<Error>,
}

impl<'a> Chunks<'a> {
    pub(crate) fn new(mapping: &'a Mapping, range: MemRange) -> Self {
        Self { mapping, range, done: 0, size: CHUNK, buf: Vec::new(), error: None }
    }

    /// Make chunks of at most `bytes` bytes; 0 counts as 1.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, b"hello")?;
    /// let map = folio::Shared::open(&path)?;
    /// let mut chunks = map.chunks().chunk_size(3);
    /// assert_eq!(chunks.next_chunk()?, Some(&b"hel"[..]));
    /// assert_eq!(chunks.next_chunk()?, Some(&b"lo"[..]));
    /// assert_eq!(chunks.next_chunk()?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn chunk_size(mut self, bytes: usize) -> Self {
        self.size = bytes.max(1);
        self
    }

    /// Where in the mapping the next chunk begins, in bytes.
    ///
    /// ```
    /// let memory = folio::SharedMut::anonymous(10)?;
    /// memory.store(7, &1_u8)?;
    /// let mut chunks = memory.chunks().chunk_size(4);
    /// let found = loop {
    ///     let start = chunks.position(); // asked before: afterwards it is where the next one begins
    ///     let Some(chunk) = chunks.next_chunk()? else { break None };
    ///     if let Some(at) = chunk.iter().position(|&byte| byte == 1) {
    ///         break Some(start + at);
    ///     }
    /// };
    /// assert_eq!(found, Some(7));
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn position(&self) -> usize {
        self.done
    }

    /// The next bytes, or `None` after the last.
    ///
    /// A chunk that cannot be had whole is lent as far as it is good; the error comes with the next call, and again with
    /// every call after that in which the bytes still cannot be had.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, [1; 10])?;
    /// let map = folio::Shared::open(&path)?;
    /// let mut chunks = map.chunks().chunk_size(4);
    /// let mut lens = Vec::new();
    /// while let Some(chunk) = chunks.next_chunk()? {
    ///     lens.push(chunk.len());
    /// }
    /// assert_eq!(lens, [4, 4, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Shared::read_at`](crate::Shared::read_at); for a [`SharedMut`](crate::SharedMut) also
    /// [`Poisoned`](crate::ErrorKind::Poisoned).
    pub fn next_chunk(&mut self) -> Result<Option<&[u8]>> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let left = self.range.len() - self.done;
        if left == 0 {
            return Ok(None);
        }
        let len = self.next_len().min(left);
        let start = self.make_room(len);
        let buf = &mut self.buf[start..start + len];
        let part = self.range.part(self.done, len);
        let part = part.map_err(|error| self.mapping.name(Error::range("read", error)))?;
        let good = match self.mapping.read(part, buf) {
            Ok(()) => len,
            Err(error) if error.bytes_done() == 0 => return Err(error),
            Err(error) => {
                let good = error.bytes_done();
                self.error = Some(error.with_done(0));
                good
            }
        };
        // After the copy: an atomic of another thread may have lost a page while it was under way.
        self.mapping.check("read")?;
        self.done += good;
        Ok(Some(&self.buf[start..start + good]))
    }

    /// Make the buffer hold `len` bytes and tell where they begin: at a page boundary, as in the mapping. Otherwise loads
    /// would look to the CPU as if they depended on stores just before them, which have nearly the same address in
    /// their page ("4K aliasing"), and the copy would take twice as long.
    fn make_room(&mut self, len: usize) -> usize {
        let page = self.mapping.region.page().bytes().min(4096);
        if self.buf.len() < len + page {
            self.buf = vec![0; len + page];
        }
        self.buf.as_ptr().align_offset(page).min(page)
    }

    /// The length of a chunk here: whole pages, once a first short one has reached a page boundary.
    fn next_len(&self) -> usize {
        let page = self.mapping.region.page();
        let lead = page.lead((self.mapping.region.lead() + self.range.start() + self.done) as u64);
        if self.size > lead { self.size - lead } else { self.size }
    }
}

impl fmt::Debug for Chunks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks")
            .field("file", &self.mapping.backing)
            .field("position", &self.done)
            .field("of", &self.range.len())
            .finish()
    }
}
