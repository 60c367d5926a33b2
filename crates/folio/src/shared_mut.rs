//! `SharedMut`: a file's bytes, to read and to write, while others may change them too.

use core::fmt;
use core::ops::{Range, RangeBounds};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::chunks::Chunks;
use crate::error::{Cause, Error, Result};
use crate::mapping::Mapping;
use crate::options::MapOptions;
use crate::page::{MemRange, RangeError};
use crate::reader::Reader;
use crate::source::Source;
use crate::sys::region::Access;
use crate::writer::Writer;

/// A shared, writable mapping: stores reach the file, and every process that maps or reads it sees them at once.
///
/// Reading and writing copy bytes, at the speed of `memcpy`; what another process or thread does to the same bytes
/// meanwhile may be seen in part. For bytes that are shared on purpose there are atomics ([`atomic_u64`](Self::atomic_u64)).
/// Nothing is on the device before [`flush`](Self::flush).
///
/// All methods but [`grow`](Self::grow) and [`shrink`](Self::shrink) take `&self`: the bytes are no more yours than
/// anybody's, so exclusive access to this value would promise nothing.
///
/// **After a fault under an atomic reference** a page of zeros stands in place of the file's, for good. The load or store
/// that met the fault cannot tell, but [`check`](Self::check) and every later call that can fail report
/// [`Poisoned`](crate::ErrorKind::Poisoned). After a thousand such faults zeros stand in place of all pages. Copies do not poison anything.
///
/// ```
/// use folio::SharedMut;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// std::fs::write(&path, b"hello world")?;
/// let map = SharedMut::open(&path)?;
/// map.write_at(6, b"folio")?;
/// assert_eq!(std::fs::read(&path)?, b"hello folio");
/// map.flush()?; // and now it is on the device
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// Copies ask for a lost page twice: before, so that nothing is stored to a mapping that is known to have one, and after,
// because another thread's atomic may have lost it while the bytes were copied, and zeros are not the file's.
pub struct SharedMut {
    mapping: Arc<Mapping>,
    /// The bytes of a slice; `None` for the whole mapping, whose length changes.
    part: Option<MemRange>,
}

impl SharedMut {
    pub(crate) fn from_source(source: Source, options: &MapOptions) -> Result<Self> {
        let mapping = Mapping::new(source, options, Access::ReadWrite, "SharedMut")?;
        Ok(Self { mapping: Arc::new(mapping), part: None })
    }

    /// Map the whole file at `path`, as it is now, for reading and writing.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// folio::SharedMut::open(&path)?.write_at(0, b"j")?;
    /// assert_eq!(std::fs::read(&path)?, b"jello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::open_shared_mut`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        MapOptions::new().open_shared_mut(path)
    }

    /// Map the whole of `file`, open for reading *and* writing. It may be closed at once.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let error = folio::SharedMut::from_file(&std::fs::File::open(&path)?).unwrap_err();
    /// assert_eq!(error.kind(), folio::ErrorKind::OpenMode); // it is open for reading alone
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::map_shared_mut`].
    pub fn from_file(file: &impl AsFd) -> Result<Self> {
        MapOptions::new().map_shared_mut(file)
    }

    /// `len` bytes of zeros that no named file stands behind, shared with the children of this process: what one stores the
    /// other sees. They are a memfd (memfd_create(2)) that nothing else has a descriptor of.
    ///
    /// ```
    /// use std::sync::atomic::Ordering;
    /// let memory = folio::SharedMut::anonymous(4096)?;
    /// memory.atomic_u64(0)?.store(7, Ordering::Release); // a child made by fork(2) loads the 7
    /// assert_eq!(memory.load::<u64>(0)?, 7);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NoMemory`](crate::ErrorKind::NoMemory), [`TooLarge`](crate::ErrorKind::TooLarge),
    /// [`NoResource`](crate::ErrorKind::NoResource) if no descriptor is free.
    pub fn anonymous(len: usize) -> Result<Self> {
        MapOptions::new().len(len as u64).anonymous_shared_mut()
    }

    /// The number of bytes mapped. Only this value's methods change it; for the file see [`file_len`](Self::file_len).
    ///
    /// ```
    /// let mut map = folio::SharedMut::anonymous(10)?;
    /// map.grow(100)?;
    /// assert_eq!(map.len(), 100);
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        match self.part {
            None => self.mapping.region.len(),
            Some(part) => part.len(),
        }
    }

    /// Whether no byte is mapped.
    ///
    /// ```
    /// let mut map = folio::SharedMut::anonymous(0)?; // which may grow
    /// assert!(map.is_empty());
    /// map.grow(1)?;
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the first byte of this mapping stands in the file, in bytes.
    ///
    /// ```
    /// let map = folio::SharedMut::anonymous(100)?;
    /// assert_eq!((map.file_offset(), map.slice(40..)?.file_offset()), (0, 40));
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn file_offset(&self) -> u64 {
        self.mapping.file_range(self.mem_range()).start
    }

    /// The bytes of the file that this mapping shows.
    ///
    /// ```
    /// let record = folio::SharedMut::anonymous(100)?.slice(40..60)?;
    /// assert_eq!(record.file_range(), 40..60); // what a RangeLock for it is to lock
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn file_range(&self) -> Range<u64> {
        self.mapping.file_range(self.mem_range())
    }

    /// The length of the file now, in bytes; as [`Shared::file_len`](crate::Shared::file_len).
    ///
    /// ```
    /// let memory = folio::Memfd::create("example")?;
    /// let mut map = memory.shared_mut()?;
    /// memory.set_len(100)?; // somebody makes it longer
    /// assert_eq!((map.len(), map.file_len()?), (0, 100));
    /// map.grow(100)?; // to see what is new
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// What fstat(2) answers, which on local file systems is nothing.
    pub fn file_len(&self) -> Result<u64> {
        self.mapping.file_len()
    }

    /// `Ok` unless a fault under an atomic reference has left zeros in place of a page.
    ///
    /// ```
    /// use std::sync::atomic::Ordering;
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, [1; 8])?;
    /// let map = folio::SharedMut::open(&path)?;
    /// let word = map.atomic_u64(0)?;
    /// std::fs::write(&path, b"")?; // somebody truncates the file
    /// assert_eq!(word.load(Ordering::Relaxed), 0);
    /// assert_eq!(map.check().unwrap_err().kind(), folio::ErrorKind::Poisoned);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Poisoned`](crate::ErrorKind::Poisoned), with the cause in the message and the bytes of the file that were lost as
    /// [`range_in_file`](crate::Error::range_in_file).
    #[inline]
    pub fn check(&self) -> Result<()> {
        self.mapping.check("use")
    }

    /// Copy the bytes at `offset` into `buf`: all of `buf`, or an error. See [`Shared::read_at`](crate::Shared::read_at).
    ///
    /// ```
    /// let map = folio::SharedMut::anonymous(10)?;
    /// map.write_at(8, b"ok")?;
    /// let mut end = [0; 2];
    /// map.read_at(8, &mut end)?; // one byte further is OutOfRange
    /// assert_eq!(&end, b"ok");
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Shared::read_at`](crate::Shared::read_at); and [`Poisoned`](crate::ErrorKind::Poisoned).
    #[inline]
    pub fn read_at(&self, offset: usize, buf: &mut [u8]) -> Result<()> {
        let range = self.at("read", offset, buf.len())?;
        self.mapping.read(range, buf)?;
        self.mapping.check("read")
    }

    /// Copy `bytes` to `offset`: all of them, or an error.
    ///
    /// When it returns `Ok`, the file reached to the end of these bytes when they had been copied: the file is asked for its
    /// length afterwards, each time, because stores past the end of a file, in its last page, go nowhere.
    ///
    /// ```
    /// use folio::{ErrorKind, SharedMut};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, [0; 100])?;
    /// let map = SharedMut::open(&path)?;
    /// map.write_at(90, b"ten bytes!")?;
    /// assert_eq!(map.write_at(91, b"ten bytes!").unwrap_err().kind(), ErrorKind::OutOfRange);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange) if `bytes` reach past the end of the mapping;
    /// [`Truncated`](crate::ErrorKind::Truncated) if the file is shorter now; [`NoSpace`](crate::ErrorKind::NoSpace) for
    /// a hole when the file system is full (see [`allocate`](Self::allocate));
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if the file was made immutable meanwhile;
    /// [`Io`](crate::ErrorKind::Io) if the medium fails; [`Poisoned`](crate::ErrorKind::Poisoned).
    /// [`bytes_done`](crate::Error::bytes_done) tells how many of `bytes` are in the file all the same.
    #[inline]
    pub fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        let range = self.at("write", offset, bytes.len())?;
        self.mapping.write(range, bytes)?;
        self.mapping.check("write")
    }

    /// The value of type `T` at `offset`, in the machine's byte order. See [`Shared::load`](crate::Shared::load).
    ///
    /// ```
    /// let map = folio::SharedMut::anonymous(16)?;
    /// map.store(8, &7_u64.to_be())?; // in an order that files have
    /// assert_eq!(u64::from_be(map.load(8)?), 7);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Shared::load`](crate::Shared::load); and [`Poisoned`](crate::ErrorKind::Poisoned).
    #[inline]
    pub fn load<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        let range = self.at("load", offset, size_of::<T>())?;
        let value = self.mapping.load(range)?;
        self.mapping.check("load").map(|()| value)
    }

    /// Store `value` at `offset`, in the machine's byte order.
    ///
    /// A value of 1, 2, 4 or 8 bytes whose place is aligned to its size is stored in one access: nobody sees half of it.
    /// Unlike [`write_at`](Self::write_at) it does not ask for the length of the file: a store past its end, in its last
    /// page, goes nowhere.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, [0; 16])?;
    /// folio::SharedMut::open(&path)?.store(8, &0x0102_u16.to_be())?;
    /// assert_eq!(std::fs::read(&path)?[8..10], [1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`write_at`](Self::write_at).
    #[inline]
    pub fn store<T: IntoBytes + Immutable>(&self, offset: usize, value: &T) -> Result<()> {
        let range = self.at("store", offset, size_of::<T>())?;
        self.mapping.store(range, value)?;
        self.mapping.check("store")
    }

    /// Store `byte` to every byte of `range`.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, b"secret here")?;
    /// folio::SharedMut::open(&path)?.fill(0..6, b'*')?;
    /// assert_eq!(std::fs::read(&path)?, b"****** here");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`write_at`](Self::write_at).
    pub fn fill(&self, range: impl RangeBounds<usize>, byte: u8) -> Result<()> {
        let range = self.checked("fill", range)?;
        self.mapping.fill(range, byte)?;
        self.mapping.check("fill")
    }

    /// Copy the bytes of `from` to `to` and on; they may overlap, as in [`slice::copy_within`].
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, b"abcdef")?;
    /// folio::SharedMut::open(&path)?.copy_within(0..4, 2)?;
    /// assert_eq!(std::fs::read(&path)?, b"ababcd");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at) of the one and [`write_at`](Self::write_at) of the other.
    /// [`bytes_done`](crate::Error::bytes_done) counts from the start; where the ranges overlap and `to` lies inside `from`, bytes are copied from the
    /// last to the first, and it counts from the end.
    pub fn copy_within(&self, from: impl RangeBounds<usize>, to: usize) -> Result<()> {
        let from = self.checked("copy", from)?;
        let to = self.at("copy", to, from.len())?;
        self.mapping.copy_within(from, to)?;
        self.mapping.check("copy")
    }

    /// The bytes in order, in pieces that are copied into one buffer. See [`Shared::chunks`](crate::Shared::chunks).
    ///
    /// ```
    /// let map = folio::SharedMut::anonymous(5)?;
    /// let mut chunks = map.chunks();
    /// map.fill(.., 7)?; // chunks show what is there when each is asked for
    /// assert_eq!(chunks.next_chunk()?, Some(&[7; 5][..]));
    /// # Ok::<(), folio::Error>(())
    /// ```
    pub fn chunks(&self) -> Chunks<'_> {
        Chunks::new(&self.mapping, self.mem_range())
    }

    /// A reader with a position: `Read`, `Seek` and `BufRead`. It keeps the mapping alive, and its length is that of now.
    ///
    /// ```
    /// let mut map = folio::SharedMut::anonymous(5)?;
    /// let reader = map.reader();
    /// assert_eq!(map.grow(1 << 20).unwrap_err().kind(), folio::ErrorKind::Busy); // while it lives
    /// assert_eq!(std::io::read_to_string(reader)?, "\0\0\0\0\0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.mapping), self.mem_range())
    }

    /// A writer with a position: `Write` and `Seek`. It keeps the mapping alive, and its length is that of now.
    ///
    /// ```
    /// use std::io::Write;
    /// let map = folio::SharedMut::anonymous(8)?;
    /// write!(map.writer(), "{:>8}", 42)?;
    /// assert_eq!(map.load::<[u8; 8]>(0)?, *b"      42");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer::new(Arc::clone(&self.mapping), self.mem_range())
    }

    /// The bytes of `range`, which count from the start of this mapping, as a `SharedMut` of their own. It shares the mapping
    /// and keeps it alive. A slice does not grow or shrink, and while one lives the whole does not move or shrink either.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, b"hello world")?;
    /// folio::SharedMut::open(&path)?.slice(6..)?.write_at(0, b"folio")?;
    /// assert_eq!(std::fs::read(&path)?, b"hello folio");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange) if it is reversed or reaches past the end.
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Result<Self> {
        let part = self.ranged("slice", range)?;
        Ok(Self { mapping: Arc::clone(&self.mapping), part: Some(part) })
    }

    /// The address of the first byte, for foreign code. It stays valid while this mapping or a slice lives and does not
    /// [`grow`](Self::grow) or [`shrink`](Self::shrink). As [`Shared::as_ptr`](crate::Shared::as_ptr).
    ///
    /// ```
    /// let map = folio::SharedMut::anonymous(100)?;
    /// let part = map.slice(40..)?;
    /// assert_eq!(part.as_ptr().addr() - map.as_ptr().addr(), 40);
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.as_mut_ptr()
    }

    /// As [`as_ptr`](Self::as_ptr), to store through.
    ///
    /// ```
    /// let map = folio::SharedMut::anonymous(8)?;
    /// // SAFETY: the byte is in the mapping, and no thread or process uses it meanwhile.
    /// unsafe { map.as_mut_ptr().write(7) };
    /// assert_eq!(map.load::<u8>(0)?, 7);
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.mapping.region.address(self.mem_range().start())
    }

    /// All bytes of this value.
    pub(crate) fn mem_range(&self) -> MemRange {
        self.part.unwrap_or_else(|| self.mapping.region.whole())
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// `len` bytes at `offset`, if they are in bounds and no page has been lost.
    #[inline]
    pub(crate) fn at(&self, op: &'static str, offset: usize, len: usize) -> Result<MemRange> {
        let range = match self.part {
            None => MemRange::at(offset, len, self.mapping.region.len()),
            Some(part) => part.part(offset, len),
        };
        match range {
            Ok(range) => self.mapping.check(op).map(|()| range),
            Err(error) => Err(self.out_of_range(op, error)),
        }
    }

    /// `range`, if it is in bounds and no page has been lost.
    pub(crate) fn checked(
        &self,
        op: &'static str,
        range: impl RangeBounds<usize>,
    ) -> Result<MemRange> {
        self.mapping.check(op)?;
        self.ranged(op, range)
    }

    fn ranged(&self, op: &'static str, range: impl RangeBounds<usize>) -> Result<MemRange> {
        let whole = self.mem_range();
        MemRange::within(&range, whole.len())
            .and_then(|part| whole.part(part.start(), part.len()))
            .map_err(|error| self.out_of_range(op, error))
    }

    #[cold]
    fn out_of_range(&self, op: &'static str, error: RangeError) -> Error {
        self.mapping.name(Error::range(op, error))
    }

    /// Whether this is the whole mapping, with no page lost.
    pub(crate) fn is_whole(&self, op: &'static str) -> Result<()> {
        self.mapping.check(op)?;
        if self.part.is_none() {
            return Ok(());
        }
        let why = "this is a slice: only the whole mapping has a length of its own";
        Err(self.mapping.name(Error::new(op, Cause::InvalidInput(why.into()))))
    }

    /// The mapping, if no slice or reader has it too.
    pub(crate) fn alone(&mut self, op: &'static str) -> Result<&mut Mapping> {
        if Arc::get_mut(&mut self.mapping).is_none() {
            let why = "slices or readers of this mapping live, whose bytes would move or go";
            return Err(self.mapping.name(Error::new(op, Cause::Busy(why.into()))));
        }
        match Arc::get_mut(&mut self.mapping) {
            Some(mapping) => Ok(mapping),
            None => unreachable!(
                "&mut self keeps others from taking a reference since the question above"
            ),
        }
    }
}

impl AsFd for SharedMut {
    /// A descriptor of the file, to ask about it. Mappings of the same file may share it, so its offset means nothing.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.mapping.fd()
    }
}

impl fmt::Debug for SharedMut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMut")
            .field("file", &self.mapping.backing)
            .field("range", &self.mapping.file_range(self.mem_range()))
            .finish()
    }
}
