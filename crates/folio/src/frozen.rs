//! [`Frozen`]: bytes of a file as they were when it was opened, as a plain slice.

use core::borrow::Borrow;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::{Deref, Range, RangeBounds};
use std::os::fd::AsFd;
use std::path::Path;

use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::error::{Cause, Error, Result};
use crate::guarantee::Guarantee;
use crate::options::MapOptions;
use crate::page::MemRange;
use crate::pages::Pages;
use crate::source::Source;
use crate::sys::stable::{self, Slice};

/// The bytes of a file as they were when it was opened: a plain `&[u8]` that nobody can change, shorten or take away.
///
/// What makes that so is the [`Guarantee`]: the file is sealed, or under a lease, or cloned, or copied. Whoever wants to
/// write a file under lease waits, for as long as it takes to put the content out of reach; readers notice nothing.
///
/// Cloning and [`slice`](Self::slice) cost a reference count and keep the bytes alive.
///
/// ```
/// use folio::Frozen;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"one\ntwo\n")?;
/// let file = Frozen::open(&path)?;
/// std::fs::write(&path, b"")?; // somebody truncates the file
/// assert_eq!(file.iter().filter(|&&byte| byte == b'\n').count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Under a lease
/// - A raw fork(2) leaves the child without the pages: touching them there ends the child (SIGSEGV).
/// - open(2) with O_RDONLY | O_TRUNC, which POSIX leaves undefined and nobody should use, truncates the file without the
///   kernel asking: what is lost reads as zero, and [`check`](Self::check) says so. A snapshot or a copy is safe from that, too.
/// - A failing disk can still lose bytes: they read as zero, and [`check`](Self::check) says so.
/// - A process that is stopped (SIGSTOP, Ctrl-Z) while somebody waits to write the file, for longer than the kernel holds the
///   writer back (45 seconds, /proc/sys/fs/lease-break-time), loses the lease. It ends when it goes on, but another thread may see
///   changed bytes just before. Where that can happen, allow other guarantees than the lease.
/// - Each mapping under lease holds one descriptor.
#[derive(Clone)]
pub struct Frozen {
    slice: Slice,
}

impl Frozen {
    /// Open the file at `path` and freeze all of it; [`MapOptions`] has more.
    ///
    /// ```
    /// use folio::{ErrorKind, Frozen};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, "name = folio\n")?;
    /// let file = Frozen::open(&path)?;
    /// let text = std::str::from_utf8(&file)?; // borrowed: nobody can change it
    /// assert_eq!(text.split_once(" = "), Some(("name", "folio\n")));
    /// assert_eq!(Frozen::open(dir.path()).unwrap_err().kind(), ErrorKind::NotMappable); // a directory
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::open_frozen`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        MapOptions::new().open_frozen(path)
    }

    /// Freeze the content of `file`, which must be open for reading and may be closed at once.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// let frozen = folio::Frozen::from_file(&file)?;
    /// drop(file);
    /// assert_eq!(&frozen[..], b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::map_frozen`].
    pub fn from_file(file: &impl AsFd) -> Result<Self> {
        MapOptions::new().map_frozen(file)
    }

    pub(crate) fn from_source(source: Source, options: &MapOptions) -> Result<Self> {
        if options.reserve.is_some() {
            let why = "reserve is for SharedMut, which can grow: a Frozen cannot";
            return Err(source.name(Error::new("map", Cause::InvalidInput(why.into()))));
        }
        Ok(Self { slice: stable::acquire(&source, options)? })
    }

    /// The part of it in `range`, in bytes; it shares the mapping and keeps it alive.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
    /// let file = folio::Frozen::open(&path)?;
    /// let world = file.slice(6..)?;
    /// drop(file);
    /// assert_eq!(world, b"world"[..]);
    /// assert_eq!(world.file_range(), 6..11);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange) if the range is reversed or reaches past the end;
    /// [`Poisoned`](crate::ErrorKind::Poisoned) as [`check`](Self::check), wherever in the file the bytes were lost.
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Result<Self> {
        let range = self.check_range("take a slice of", &range)?;
        Ok(Self { slice: self.slice.part(range) })
    }

    /// The bytes at `offset` as a `T`, without a copy.
    ///
    /// ```
    /// use zerocopy::{FromBytes, Immutable, KnownLayout, little_endian::U32};
    /// #[derive(FromBytes, Immutable, KnownLayout)]
    /// #[repr(C)]
    /// struct Header { magic: [u8; 4], version: U32 }
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"FOLI\x02\0\0\0")?;
    /// let file = folio::Frozen::open(&path)?;
    /// let header: &Header = file.view(0)?;
    /// assert_eq!((&header.magic, header.version.get()), (b"FOLI", 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OutOfRange`](crate::ErrorKind::OutOfRange) if it reaches past the end, and [`Misaligned`](crate::ErrorKind::Misaligned)
    /// if the address does not suit `T`; [`Poisoned`](crate::ErrorKind::Poisoned) as [`check`](Self::check). An offset in the *file* that
    /// suits `T` gives such an address, for every alignment up to a page.
    pub fn view<T: FromBytes + Immutable + KnownLayout>(&self, offset: usize) -> Result<&T> {
        self.slice.stable().check("view")?;
        let range = MemRange::at(offset, size_of::<T>(), self.len())
            .map_err(|error| self.range_error("view", error))?;
        T::ref_from_bytes(&self[range.start()..range.end()]).map_err(|_| {
            self.name(Error::new("view", Cause::Misaligned { offset, align: align_of::<T>() }))
        })
    }

    /// The `count` values of type `T` from `offset` on, without a copy.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, [1, 0, 2, 0])?;
    /// let file = folio::Frozen::open(&path)?;
    /// assert_eq!(file.view_slice::<u16>(0, 2)?, [1u16.to_le(), 2u16.to_le()]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`view`](Self::view), and [`OutOfRange`](crate::ErrorKind::OutOfRange) if the length overflows.
    pub fn view_slice<T: FromBytes + Immutable>(
        &self,
        offset: usize,
        count: usize,
    ) -> Result<&[T]> {
        self.slice.stable().check("view")?;
        let len = size_of::<T>().saturating_mul(count);
        let range = MemRange::at(offset, len, self.len())
            .map_err(|error| self.range_error("view", error))?;
        <[T]>::ref_from_bytes_with_elems(&self[range.start()..range.end()], count).map_err(|_| {
            self.name(Error::new("view", Cause::Misaligned { offset, align: align_of::<T>() }))
        })
    }

    /// Why the bytes stay as they are. A lease becomes a snapshot once somebody wanted to write.
    ///
    /// ```
    /// use folio::{Guarantee, Memfd, Seals};
    /// let memory = Memfd::create("config")?;
    /// memory.set_len(100_000)?;
    /// memory.seal(Seals::FROZEN)?;
    /// assert_eq!(memory.frozen()?.guarantee(), Guarantee::Sealed); // and stays so
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn guarantee(&self) -> Guarantee {
        self.slice.stable().guarantee()
    }

    /// Whether all bytes are the file's: an error if the disk failed under the mapping and left zeros in place of a page.
    /// One atomic load.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = folio::Frozen::open(&path)?;
    /// let sum: u64 = file.iter().map(|&byte| u64::from(byte)).sum();
    /// file.check()?; // afterwards: had the disk failed meanwhile, the sum would be of zeros in part
    /// assert_eq!(sum, 532);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Poisoned`](crate::ErrorKind::Poisoned), with the cause and the first range that was lost.
    pub fn check(&self) -> Result<()> {
        self.slice.stable().check("trust")
    }

    /// The bytes of the file that these are, as they were at open.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
    /// let world = folio::MapOptions::new().range(6..).open_frozen(&path)?;
    /// assert_eq!(world.file_range(), 6..11);
    /// let at = world.iter().position(|&byte| byte == b'l').map(|at| world.file_range().start + at as u64);
    /// assert_eq!(at, Some(9)); // where it is in the file
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn file_range(&self) -> Range<u64> {
        let start = self.slice.stable().origin().range.offset() + self.slice.position() as u64;
        start..start + self.len() as u64
    }

    /// The pages behind it: what is in memory, advice, populating, locking.
    ///
    /// ```
    /// use folio::{Advice, PopulateFor};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![0; 100_000])?;
    /// let file = folio::Frozen::open(&path)?;
    /// file.pages().advise(.., Advice::Sequential)?;
    /// file.pages().populate(..50_000, PopulateFor::Read)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn pages(&self) -> Pages<'_> {
        self.slice.pages()
    }

    fn check_range(&self, op: &'static str, range: &impl RangeBounds<usize>) -> Result<MemRange> {
        self.slice.stable().check(op)?;
        MemRange::within(range, self.len()).map_err(|error| self.range_error(op, error))
    }

    #[cold]
    fn range_error(&self, op: &'static str, error: crate::page::RangeError) -> Error {
        self.name(Error::range(op, error))
    }

    fn name(&self, error: Error) -> Error {
        self.slice.stable().name(error)
    }
}

impl Deref for Frozen {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.slice.as_slice()
    }
}

impl AsRef<[u8]> for Frozen {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Borrow<[u8]> for Frozen {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Frozen {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Frozen {}

impl PartialEq<[u8]> for Frozen {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl Hash for Frozen {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frozen")
            .field("path", &self.slice.stable().origin().path)
            .field("file_range", &self.file_range())
            .field("guarantee", &self.guarantee())
            .finish_non_exhaustive()
    }
}

/// With the feature `bytes`: the bytes are shared, not copied.
#[cfg(feature = "bytes")]
impl From<Frozen> for bytes::Bytes {
    fn from(frozen: Frozen) -> Self {
        Self::from_owner(frozen)
    }
}
