//! `Shared`: a file's bytes, read-only, while others may change them.
//!
//! There is no `&[u8]` here: another process may store to the page at any moment, and truncate it away. Bytes are copied
//! out, by routines that survive the fault, and an error says why they could not be had. See
//! [`Frozen`](crate::Frozen) for slices.

use core::fmt;
use core::ops::{Range, RangeBounds};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use zerocopy::{FromBytes, IntoBytes};

use crate::chunks::Chunks;
use crate::error::{Error, Result};
use crate::mapping::Mapping;
use crate::options::MapOptions;
use crate::page::MemRange;
use crate::reader::Reader;
use crate::source::Source;
use crate::sys::region::Access;

/// A shared, read-only mapping: it shows what is in the file now, also what other processes write.
///
/// Reading copies bytes out ([`read_at`](Self::read_at), [`load`](Self::load), [`chunks`](Self::chunks),
/// [`reader`](Self::reader)) at the speed of `memcpy`. If the file is truncated, the disk fails or a tmpfs is full, the
/// read is an error that says so; the process never gets SIGBUS. A clone and a [`slice`](Self::slice) share the mapping.
///
/// What another process writes while a copy is under way may be seen in part: nothing orders a copy of more than one
/// machine word.
///
/// ```
/// use folio::Shared;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// std::fs::write(&path, b"hello world")?;
/// let map = Shared::open(&path)?;
/// let mut word = [0; 5];
/// map.read_at(6, &mut word)?;
/// assert_eq!(&word, b"world");
/// std::fs::write(&path, b"hello folio")?;
/// map.read_at(6, &mut word)?;
/// assert_eq!(&word, b"folio");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Shared {
    mapping: Arc<Mapping>,
    range: MemRange,
}

impl Shared {
    pub(crate) fn from_source(source: Source, options: &MapOptions) -> Result<Self> {
        let mapping = Mapping::new(source, options, Access::Read, "Shared")?;
        let range = mapping.region.whole();
        Ok(Self { mapping: Arc::new(mapping), range })
    }

    /// Map the whole file at `path`, as it is now.
    ///
    /// ```
    /// use folio::{ErrorKind, Shared};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let map = Shared::open(&path)?;
    /// std::fs::File::options().append(true).open(&path)?.set_len(100)?; // somebody makes it longer
    /// assert_eq!((map.len(), map.file_len()?), (5, 100)); // what was there at open is mapped
    /// assert_eq!(Shared::open(dir.path().join("g")).unwrap_err().kind(), ErrorKind::NotFound);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::open_shared`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        MapOptions::new().open_shared(path)
    }

    /// Map the whole of `file`, open for reading. It may be closed at once.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// let map = folio::Shared::from_file(&file)?;
    /// drop(file);
    /// assert_eq!(map.load::<[u8; 5]>(0)?, *b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::map_shared`].
    pub fn from_file(file: &impl AsFd) -> Result<Self> {
        MapOptions::new().map_shared(file)
    }

    /// The number of bytes mapped. It stays, whatever becomes of the file: see [`file_len`](Self::file_len).
    ///
    /// ```
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(100)?;
    /// let map = memory.shared()?;
    /// memory.set_len(10)?; // somebody truncates it
    /// assert_eq!((map.len(), map.file_len()?), (100, 10));
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether no byte is mapped.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"")?;
    /// let map = folio::Shared::open(&path)?; // an empty file is no error
    /// assert!(map.is_empty());
    /// assert_eq!(map.chunks().next_chunk()?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Where the first byte of this mapping stands in the file, in bytes.
    ///
    /// ```
    /// use folio::MapOptions;
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(10_000)?;
    /// let map = MapOptions::new().offset(5_000).map_shared(&memory)?;
    /// assert_eq!(map.file_offset(), 5_000); // not rounded to a page
    /// assert_eq!(map.slice(100..)?.file_offset(), 5_100);
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn file_offset(&self) -> u64 {
        self.mapping.file_range(self.range).start
    }

    /// The bytes of the file that this mapping shows.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
    /// let world = folio::Shared::open(&path)?.slice(6..)?;
    /// let (mut reader, writer) = std::io::pipe()?;
    /// folio::transfer(&world, world.file_range(), writer)?; // these bytes, inside the kernel
    /// assert_eq!(std::io::read_to_string(&mut reader)?, "world");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn file_range(&self) -> Range<u64> {
        self.mapping.file_range(self.range)
    }

    /// The length of the file now, in bytes; fstat(2). That of a block device is what it was at open.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"one\n")?;
    /// let mut log = folio::Shared::open(&path)?;
    /// std::fs::write(&path, b"one\ntwo\n")?; // somebody appends to it
    /// if log.file_len()? > log.file_range().end {
    ///     log = folio::Shared::open(&path)?; // to see what is new
    /// }
    /// assert_eq!(log.load::<[u8; 4]>(4)?, *b"two\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What fstat(2) answers, which on local file systems is nothing.
    pub fn file_len(&self) -> Result<u64> {
        self.mapping.file_len()
    }

    /// Copy the bytes at `offset` into `buf`: all of `buf`, or an error.
    ///
    /// When it returns `Ok`, the file reached to the end of these bytes when they had been copied. (Bytes between the
    /// end of a file and the end of its last page can be touched and read as zero; so if the last byte is zero, and what follows it at
    /// the end of its page too, the file is asked for its length, and otherwise it need not be. Once a mapping has seen its file
    /// too short, it always is.)
    /// One corner is left: whoever has the page mapped for writing can store past the end of the file, which POSIX leaves
    /// undefined and file systems keep for a while or for good. A byte that is not zero and was stored there after a truncation
    /// that this mapping has not seen is taken for one of the file.
    ///
    /// ```
    /// use folio::{ErrorKind, Shared};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, vec![1; 20_000])?;
    /// let map = Shared::open(&path)?;
    /// std::fs::File::options().write(true).open(&path)?.set_len(10_000)?; // somebody truncates it
    /// let error = map.read_at(0, &mut vec![0; 20_000]).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Truncated { offset: 10_000, len: 10_000 });
    /// assert_eq!(error.bytes_done(), 10_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange) if `buf` reaches past the end of the mapping;
    /// [`Truncated`](crate::ErrorKind::Truncated) if the file is shorter now; [`NoSpace`](crate::ErrorKind::NoSpace) for
    /// a hole of a tmpfs that is full; [`Io`](crate::ErrorKind::Io) if the medium fails.
    /// [`bytes_done`](crate::Error::bytes_done) tells how many bytes of `buf` are good all the same.
    #[inline]
    pub fn read_at(&self, offset: usize, buf: &mut [u8]) -> Result<()> {
        match self.range.part(offset, buf.len()) {
            Ok(range) => self.mapping.read(range, buf),
            Err(error) => Err(self.mapping.name(Error::range("read", error))),
        }
    }

    /// The value of type `T` at `offset`, in the machine's byte order.
    ///
    /// A value of 1, 2, 4 or 8 bytes whose place is aligned to its size is loaded in one access and never torn; any
    /// other may be a mixture if somebody writes at the same time. Unlike [`read_at`](Self::read_at) it does not ask
    /// for the length of the file: past its end, up to the end of the last page, zeros are loaded.
    ///
    /// ```
    /// use folio::Shared;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, 7u64.to_ne_bytes())?;
    /// assert_eq!(Shared::open(&path)?.load::<u64>(0)?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at).
    #[inline]
    pub fn load<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        match self.range.part(offset, size_of::<T>()) {
            Ok(range) => self.mapping.load(range),
            Err(error) => Err(self.mapping.name(Error::range("load", error))),
        }
    }

    /// The bytes in order, in pieces of 2 KiB that are copied into one buffer: for scanning at full speed.
    ///
    /// ```
    /// use folio::Shared;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, "line\n".repeat(100_000))?;
    /// let map = Shared::open(&path)?;
    /// let (mut lines, mut chunks) = (0, map.chunks());
    /// while let Some(chunk) = chunks.next_chunk()? {
    ///     lines += chunk.iter().filter(|&&byte| byte == b'\n').count();
    /// }
    /// assert_eq!(lines, 100_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn chunks(&self) -> Chunks<'_> {
        Chunks::new(&self.mapping, self.range)
    }

    /// A reader with a position: `Read`, `Seek` and `BufRead`. It keeps the mapping alive.
    ///
    /// ```
    /// use std::io::BufRead;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, "one\ntwo\n")?;
    /// let lines: Result<Vec<_>, _> = folio::Shared::open(&path)?.reader().lines().collect();
    /// assert_eq!(lines?, ["one", "two"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.mapping), self.range)
    }

    /// The bytes of `range`, which count from the start of this mapping, as a `Shared` of their own. It shares the mapping
    /// and keeps it alive.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, b"hello world")?;
    /// let world = folio::Shared::open(&path)?.slice(6..)?;
    /// assert_eq!((world.len(), world.file_offset()), (5, 6));
    /// assert_eq!(world.load::<u8>(0)?, b'w');
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange) if it is reversed or reaches past the end.
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Result<Self> {
        let part = MemRange::within(&range, self.len())
            .and_then(|part| self.range.part(part.start(), part.len()))
            .map_err(|error| self.mapping.name(Error::range("slice", error)))?;
        Ok(Self { mapping: Arc::clone(&self.mapping), range: part })
    }

    /// The address of the first byte, for foreign code. It stays valid while this mapping, a clone or a slice lives.
    ///
    /// Making the pointer is safe; reading through it is not: other processes may store at the same time, which no Rust
    /// load may meet, and past the end of a truncated file it raises SIGBUS. See
    /// [`as_slice_unchecked`](Self::as_slice_unchecked) for what must hold.
    ///
    /// ```
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(100)?;
    /// let map = memory.shared()?;
    /// assert_eq!(map.slice(40..)?.as_ptr(), map.as_ptr().wrapping_add(40)); // one mapping, seen twice
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.mapping.region.address(self.range.start())
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    pub(crate) fn mem_range(&self) -> MemRange {
        self.range
    }
}

impl AsFd for Shared {
    /// A descriptor of the file, to ask about it. Mappings of the same file may share it, so its offset means nothing.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.mapping.fd()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("file", &self.mapping.backing)
            .field("range", &self.mapping.file_range(self.range))
            .finish()
    }
}
