//! [`MmapOptions`]: the builder, and how each kind of mapping comes about.

use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, BorrowedFd};

use ::folio::best_effort::{Anonymous, BestEffort, BestEffortOptions, Protection, Sharing};

use crate::settings::{self, Settings};
use crate::{MapIfSafeError, Mmap, MmapAsRawDesc, MmapMut, MmapRaw, floor, if_safe};

/// How to map: which bytes, and how the kernel is asked.
///
/// ```
/// use memmap2::MmapOptions;
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello world")?;
/// let file = std::fs::File::open(&path)?;
/// // SAFETY: nobody else knows the file.
/// let world = unsafe { MmapOptions::new().offset(6).len(5).map(&file)? };
/// assert_eq!(&world[..], b"world");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Safety
/// The constructors that are `unsafe` want the promise that memmap2 wants: nobody changes the bytes while a slice of them
/// lives. Where [`guarantee_of`](crate::folio::guarantee_of) names a guarantee, folio keeps it for the caller. Where it
/// names none, truncation does not end the process: zeros take the place of what is gone.
#[derive(Clone, Debug, Default)]
pub struct MmapOptions {
    offset: u64,
    len: Option<usize>,
    huge: Option<u8>,
    stack: bool,
    populate: bool,
    no_reserve_swap: bool,
    no_probe_handle: bool,
}

/// A kind of mapping of a file.
#[derive(Clone, Copy)]
enum Kind {
    Shared(Protection),
    Private(Protection),
    /// Shared, and never kept by a guarantee: its owner wants to follow the file.
    Followed(Protection),
}

impl MmapOptions {
    /// The whole file, nothing special.
    pub fn new() -> MmapOptions {
        MmapOptions::default()
    }

    /// Begin at byte `offset` of the file, which need not be aligned. Of no effect without a file.
    pub fn offset(&mut self, offset: u64) -> &mut Self {
        self.offset = offset;
        self
    }

    /// Map `len` bytes; by default, to the end of the file. Without a file, it must be said.
    ///
    /// A range that reaches past the end of the file is mapped all the same, without a guarantee.
    pub fn len(&mut self, len: usize) -> &mut Self {
        self.len = Some(len);
        self
    }

    /// Memory that suits a stack (`MAP_STACK`). Of no effect with a file.
    pub fn stack(&mut self) -> &mut Self {
        self.stack = true;
        self
    }

    /// Memory in huge pages (`MAP_HUGETLB`) of 2 to the power of `page_bits` bytes, or of the system's usual size. Of no
    /// effect with a file.
    pub fn huge(&mut self, page_bits: Option<u8>) -> &mut Self {
        self.huge = Some(page_bits.unwrap_or(0));
        self
    }

    /// Fault the pages in at once (`MAP_POPULATE`).
    pub fn populate(&mut self) -> &mut Self {
        self.populate = true;
        self
    }

    /// Reserve no swap space (`MAP_NORESERVE`).
    pub fn no_reserve_swap(&mut self) -> &mut Self {
        self.no_reserve_swap = true;
        self
    }

    /// Of effect on Windows alone.
    pub fn no_probe_handle(&mut self) -> &mut Self {
        self.no_probe_handle = true;
        self
    }

    /// Map `file` for reading: the bytes as they are now, under a guarantee, where one is to be had at no visible cost, and
    /// otherwise as the file changes.
    ///
    /// # Safety
    /// As [the type](Self) says.
    ///
    /// # Errors
    /// `InvalidData` for an offset past the end of the file; what fstat(2) and mmap(2) answer.
    #[expect(unsafe_code, reason = "memmap2's signature: clause E1")]
    pub unsafe fn map<T: MmapAsRawDesc>(&self, file: T) -> Result<Mmap> {
        self.read(&file)
    }

    /// Map `file` for reading and executing, as it changes. A fault in its code ends the process: zeros are no code.
    ///
    /// # Safety
    /// As [the type](Self) says.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    #[expect(unsafe_code, reason = "memmap2's signature: clause E1")]
    pub unsafe fn map_exec<T: MmapAsRawDesc>(&self, file: T) -> Result<Mmap> {
        self.of_file(&file, Kind::Shared(Protection::ReadExec)).map(|map| Mmap { map })
    }

    /// Map `file`, open for reading and writing, for both, shared.
    ///
    /// # Safety
    /// As [the type](Self) says.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    #[expect(unsafe_code, reason = "memmap2's signature: clause E1")]
    pub unsafe fn map_mut<T: MmapAsRawDesc>(&self, file: T) -> Result<MmapMut> {
        self.write(&file)
    }

    /// Map `file` for reading and writing, private: stores stay in memory. What is not stored to is as with
    /// [`map`](Self::map).
    ///
    /// # Safety
    /// As [the type](Self) says.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    #[expect(unsafe_code, reason = "memmap2's signature: clause E1")]
    pub unsafe fn map_copy<T: MmapAsRawDesc>(&self, file: T) -> Result<MmapMut> {
        self.of_file(&file, Kind::Private(Protection::ReadWrite)).map(|map| MmapMut { map })
    }

    /// Map `file` for reading, private, so that [`Mmap::make_mut`] needs no file that is open for writing.
    ///
    /// # Safety
    /// As [the type](Self) says.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    #[expect(unsafe_code, reason = "memmap2's signature: clause E1")]
    pub unsafe fn map_copy_read_only<T: MmapAsRawDesc>(&self, file: T) -> Result<Mmap> {
        self.of_file(&file, Kind::Private(Protection::Read)).map(|map| Mmap { map })
    }

    /// Map `file` for reading if the kernel lets nobody change it: a memfd that is sealed against shrinking and writing, or a
    /// file with fs-verity.
    ///
    /// # Errors
    /// [`MapIfSafeError`] says whether the file can be changed, or could not be mapped.
    pub fn map_if_safe<T: MmapAsRawDesc>(
        &self,
        file: T,
    ) -> core::result::Result<Mmap, MapIfSafeError> {
        let fd = floor::descriptor(file.as_raw_desc().0).map_err(MapIfSafeError::failed)?;
        let len = self.len_of(fd).map_err(MapIfSafeError::failed)?;
        if_safe::check(fd, self.offset, len)?;
        self.read(&file).map_err(MapIfSafeError::failed)
    }

    /// Map memory without a file, for reading and writing.
    ///
    /// # Errors
    /// `InvalidData` for a length that no address can hold; what mmap(2) answers.
    pub fn map_anon(&self) -> Result<MmapMut> {
        let len = address_len(self.len.unwrap_or(0) as u64)?;
        let mut anonymous = Anonymous::new();
        anonymous.stack = self.stack;
        anonymous.huge = self.huge;
        let options = self.common().len(len).protection(Protection::ReadWrite);
        options.map_anonymous(anonymous).map(|map| MmapMut { map })
    }

    /// Map `file`, open for reading and writing, for both, shared, and give raw pointers alone.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn map_raw<T: MmapAsRawDesc>(&self, file: T) -> Result<MmapRaw> {
        self.of_file(&file, Kind::Followed(Protection::ReadWrite)).map(|map| MmapRaw { map })
    }

    /// Map `file` for reading, and give raw pointers alone. It follows the file: that is what it is for.
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn map_raw_read_only<T: MmapAsRawDesc>(&self, file: T) -> Result<MmapRaw> {
        self.of_file(&file, Kind::Followed(Protection::Read)).map(|map| MmapRaw { map })
    }

    pub(crate) fn write<T: MmapAsRawDesc>(&self, file: &T) -> Result<MmapMut> {
        self.of_file(file, Kind::Shared(Protection::ReadWrite)).map(|map| MmapMut { map })
    }

    pub(crate) fn read<T: MmapAsRawDesc>(&self, file: &T) -> Result<Mmap> {
        self.of_file(file, Kind::Shared(Protection::Read)).map(|map| Mmap { map })
    }

    fn of_file<T: MmapAsRawDesc>(&self, file: &T, kind: Kind) -> Result<BestEffort> {
        let fd = floor::descriptor(file.as_raw_desc().0)?;
        let settings = settings::now();
        let (protection, sharing) = match kind {
            Kind::Shared(protection) | Kind::Followed(protection) => (protection, Sharing::Shared),
            Kind::Private(protection) => (protection, Sharing::Private),
        };
        let mut options = self
            .common()
            .offset(self.offset)
            .protection(protection)
            .sharing(sharing)
            .on_fault(settings.on_fault);
        if let Some(len) = self.len {
            options = options.len(len);
        }
        // Whatever stands in a guarantee's way, the kernel has the last word on whether the file can be mapped.
        if let Some(kept) = kept(fd, kind, &options, settings) {
            return Ok(kept);
        }
        options.len(self.len_of(fd)?).map(fd)
    }

    /// The length that was said, or that of the file from the offset on.
    fn len_of(&self, fd: BorrowedFd<'_>) -> Result<usize> {
        let len = match self.len {
            Some(len) => len as u64,
            None => file_len(fd)?.checked_sub(self.offset).ok_or_else(|| {
                Error::new(ErrorKind::InvalidData, "memory map offset is larger than length")
            })?,
        };
        address_len(len)
    }

    /// What files and memory without one are asked for alike.
    fn common(&self) -> BestEffortOptions {
        let mut options = BestEffortOptions::new();
        if self.populate {
            options = options.populate();
        }
        if self.no_reserve_swap {
            options = options.no_reserve();
        }
        options
    }
}

/// The file under a guarantee, if one is to be had and the mapping is not one that follows the file.
fn kept(
    fd: BorrowedFd<'_>,
    kind: Kind,
    options: &BestEffortOptions,
    settings: Settings,
) -> Option<BestEffort> {
    let wanted = match kind {
        Kind::Shared(Protection::Read) => true,
        Kind::Private(protection) => protection != Protection::ReadExec,
        _ => false,
    };
    if !wanted || settings.guarantees.is_empty() {
        return None;
    }
    options.map_kept(fd, settings.guarantees).ok()
}

/// `len` if a slice may be so long.
fn address_len(len: u64) -> Result<usize> {
    match isize::try_from(len) {
        Ok(len) => Ok(len.unsigned_abs()),
        Err(_) => Err(Error::new(ErrorKind::InvalidData, "memory map length overflows isize")),
    }
}

/// The length of the file behind `fd`, in bytes.
pub(crate) fn file_len(fd: impl AsFd) -> Result<u64> {
    let stat = rustix::fs::fstat(fd)?;
    Ok(u64::try_from(stat.st_size).unwrap_or(0))
}
