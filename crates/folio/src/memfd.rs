//! `Memfd`: a file that lives in memory, can be sealed, sent to another process, and mapped as any kind.

mod passing;

use core::fmt;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::fs::{MemfdFlags, OFlags, SealFlags};
use rustix::io::Errno;

use crate::error::{Cause, Error, Result};
use crate::growth;
use crate::options::MapOptions;
use crate::page::{PageSize, RangeError};
use crate::source::{Needs, Source, named, page_size_of, path_of};
use crate::{Frozen, Private, Shared, SharedMut};

/// A file in memory, without a name in any directory; memfd_create(2).
///
/// It is gone when the last descriptor and the last mapping of it are, in whichever process. Other processes get at it by
/// being sent it ([`send_over`](Self::send_over)) or by inheriting the descriptor. Sealed against writing,
/// shrinking and growing, its bytes are the same for everybody for as long as it exists, and [`frozen`](Self::frozen)
/// is a slice at no cost: [`Guarantee::Sealed`](crate::Guarantee::Sealed).
///
/// ```
/// use folio::{Memfd, Seals};
/// let memory = Memfd::create("greeting")?;
/// memory.set_len(5)?;
/// memory.shared_mut()?.write_at(0, b"hello")?;
/// memory.seal(Seals::FROZEN)?;
/// assert!(memory.shared_mut().is_err()); // nobody can change it any more
/// let mut bytes = [0; 5];
/// memory.shared()?.read_at(0, &mut bytes)?;
/// assert_eq!(&bytes, b"hello");
/// # Ok::<(), folio::Error>(())
/// ```
pub struct Memfd {
    fd: OwnedFd,
    page: PageSize,
}

bitflags::bitflags! {
    /// What nobody can do to a memory-only file any more; `F_ADD_SEALS` of fcntl(2). Seals cannot be taken off.
    ///
    /// ```
    /// use folio::Seals;
    /// assert_eq!(Seals::FROZEN, Seals::WRITE | Seals::SHRINK | Seals::GROW);
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Seals: u32 {
        /// No seal can be added.
        const SEAL = SealFlags::SEAL.bits();
        /// It cannot be made shorter.
        const SHRINK = SealFlags::SHRINK.bits();
        /// It cannot be made longer.
        const GROW = SealFlags::GROW.bits();
        /// It cannot be written. Cannot be set while a writable mapping lives.
        const WRITE = SealFlags::WRITE.bits();
        /// It cannot be opened or mapped for writing; mappings that can write already still can, so this alone keeps no byte
        /// as it is. Linux 5.1.
        const FUTURE_WRITE = SealFlags::FUTURE_WRITE.bits();
        /// Whether it is executable cannot be changed. Linux 6.3.
        const EXEC = SealFlags::EXEC.bits();
        /// Its bytes stay as they are: [`WRITE`](Self::WRITE), [`SHRINK`](Self::SHRINK) and [`GROW`](Self::GROW).
        const FROZEN = Self::WRITE.bits() | Self::SHRINK.bits() | Self::GROW.bits();
    }
}

/// How to make a [`Memfd`].
///
/// ```
/// let memory = folio::MemfdOptions::new().create("plain")?;
/// assert_eq!(memory.page_size(), folio::PageSize::base());
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "options make nothing until create is called"]
pub struct MemfdOptions {
    huge_pages: Option<PageSize>,
    execution: Execution,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Execution {
    #[default]
    Never,
    Allowed,
}

impl MemfdOptions {
    /// Pages of the usual size, not executable.
    ///
    /// ```
    /// let memory = folio::MemfdOptions::new().create("plain")?;
    /// assert!(memory.is_empty()?); // its length is set afterwards
    /// # Ok::<(), folio::Error>(())
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Take pages of `size`, one of the sizes in /sys/kernel/mm/hugepages, from the system's pool of huge pages; hugetlbfs. The
    /// length must be a multiple of it. The pool is filled by whoever runs the system: /proc/sys/vm/nr_hugepages.
    ///
    /// ```
    /// use folio::{ErrorKind, MemfdOptions, PageSize};
    /// let size = PageSize::new(2 << 20).expect("a power of two");
    /// match MemfdOptions::new().huge_pages(size).create("huge") {
    ///     Ok(memory) => assert_eq!(memory.set_len(4096).unwrap_err().kind(), ErrorKind::InvalidInput), // no multiple
    ///     Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported), // the pool is empty
    /// }
    /// ```
    pub fn huge_pages(mut self, size: PageSize) -> Self {
        self.huge_pages = Some(size);
        self
    }

    /// Let the file be executed; otherwise it is made so that it never can be (`MFD_NOEXEC_SEAL`), where the kernel knows that (6.3).
    ///
    /// ```
    /// use folio::{MemfdOptions, Seals};
    /// let program = MemfdOptions::new().executable().create("program")?;
    /// assert!(!program.seals()?.contains(Seals::EXEC)); // nothing keeps it from being executed
    /// # Ok::<(), folio::Error>(())
    /// ```
    pub fn executable(mut self) -> Self {
        self.execution = Execution::Allowed;
        self
    }

    /// Make it. `name` is for people, in /proc/PID/maps; two may have the same.
    ///
    /// ```
    /// use folio::{ErrorKind, MemfdOptions};
    /// let memory = MemfdOptions::new().create("frames")?;
    /// memory.set_len(1 << 20)?;
    /// let error = MemfdOptions::new().create(&"x".repeat(250)).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput); // one byte too many
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NoResource`](crate::ErrorKind::NoResource) without a free descriptor; [`NoMemory`](crate::ErrorKind::NoMemory);
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a name with a zero byte or longer than 249 bytes;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if the system has no huge pages of that size, not even a pool that could hold some.
    pub fn create(self, name: &str) -> Result<Memfd> {
        let mut flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        if let Some(size) = self.huge_pages {
            huge_pages_exist(size)
                .map_err(|why| Error::new(CREATE, Cause::Unsupported(why.into())))?;
            // The base-2 logarithm of the size, in the flags' upper bits.
            flags |= MemfdFlags::HUGETLB
                | MemfdFlags::from_bits_retain(size.bytes().trailing_zeros() << HUGE_SHIFT);
        }
        let execution = match self.execution {
            Execution::Never => MemfdFlags::NOEXEC_SEAL,
            Execution::Allowed => MemfdFlags::EXEC,
        };
        let fd = match rustix::fs::memfd_create(name, flags | execution) {
            // A kernel before 6.3 knows neither flag.
            Err(Errno::INVAL) => rustix::fs::memfd_create(name, flags),
            other => other,
        };
        let fd = fd.map_err(|errno| Error::os(CREATE, errno).with_path(name))?;
        Ok(Memfd { fd, page: self.huge_pages.unwrap_or_else(PageSize::base) })
    }
}

const CREATE: &str = "create the memory-only file";

/// `MFD_HUGE_SHIFT` of memfd_create(2).
const HUGE_SHIFT: u32 = 26;

/// Whether the system has huge pages of `size`, free or to be had; if not, why.
fn huge_pages_exist(size: PageSize) -> core::result::Result<(), String> {
    let kib = size.bytes() / 1024;
    let pool = format!("/sys/kernel/mm/hugepages/hugepages-{kib}kB");
    let count = |name: &str| -> Option<u64> {
        std::fs::read_to_string(format!("{pool}/{name}")).ok()?.trim().parse().ok()
    };
    let (Some(total), Some(overcommit)) = (count("nr_hugepages"), count("nr_overcommit_hugepages"))
    else {
        return Err(format!("this system knows no pages of {kib} KiB: there is no {pool}"));
    };
    if total == 0 && overcommit == 0 {
        return Err(format!(
            "this system has no huge pages of {kib} KiB: {pool}/nr_hugepages and nr_overcommit_hugepages are 0"
        ));
    }
    Ok(())
}

impl Memfd {
    /// An empty file in memory that can be sealed. `name` is for people, in /proc/PID/maps; two may have the same.
    ///
    /// ```
    /// use folio::{Memfd, Seals};
    /// let memory = Memfd::create("message")?;
    /// memory.set_len(5)?;
    /// memory.shared_mut()?.write_at(0, b"hello")?;
    /// memory.seal(Seals::FROZEN)?; // no writable mapping lives any more
    /// assert_eq!(&memory.frozen()?[..], b"hello"); // without a copy
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`MemfdOptions::create`].
    pub fn create(name: &str) -> Result<Self> {
        MemfdOptions::new().create(name)
    }

    /// Its length in bytes.
    ///
    /// ```
    /// let memory = folio::Memfd::create("example")?;
    /// let mut map = memory.shared_mut()?;
    /// map.grow(10_000)?;
    /// assert_eq!(memory.len()?, 10_000); // the file's length, whoever set it
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// None that the kernel is known to give.
    pub fn len(&self) -> Result<u64> {
        let stat =
            rustix::fs::fstat(&self.fd).map_err(|errno| self.os("ask for the length of", errno))?;
        Ok(u64::try_from(stat.st_size).unwrap_or(0))
    }

    /// Whether it has no byte.
    ///
    /// ```
    /// let memory = folio::Memfd::create("example")?;
    /// assert!(memory.is_empty()?); // as each is at first
    /// memory.set_len(1)?;
    /// assert!(!memory.is_empty()?);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`len`](Self::len).
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Make it `len` bytes long. New bytes are zeros, and take memory when they are first stored to.
    ///
    /// ```
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(1 << 30)?; // takes no memory yet
    /// assert_eq!(memory.shared()?.load::<u64>(1 << 29)?, 0);
    /// memory.set_len(10)?; // and shorter, which takes the bytes away from every mapping of it
    /// assert_eq!(memory.len()?, 10);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) by a seal; [`InvalidInput`](crate::ErrorKind::InvalidInput) for a length that is no
    /// multiple of its huge pages, or over `RLIMIT_FSIZE`; [`TooLarge`](crate::ErrorKind::TooLarge).
    pub fn set_len(&self, len: u64) -> Result<()> {
        const OP: &str = "set the length of";
        if self.page.lead(len) != 0 && self.page > PageSize::base() {
            let why = format!("{len} is no multiple of its pages of {} bytes", self.page.bytes());
            return Err(self.name(Error::new(OP, Cause::InvalidInput(why.into()))));
        }
        if i64::try_from(len).is_err() {
            return Err(self.name(Error::range(OP, RangeError::TooLarge { len })));
        }
        growth::within_file_limit(OP, len).map_err(|error| self.name(error))?;
        rustix::fs::ftruncate(&self.fd, len).map_err(|errno| self.os(OP, errno))
    }

    /// The size of its pages.
    ///
    /// ```
    /// let memory = folio::Memfd::create("example")?;
    /// let len = memory.page_size().ceil(10_000).expect("it fits");
    /// memory.set_len(len)?; // whole pages, as huge ones would need it
    /// assert_eq!(memory.page_size().lead(memory.len()?), 0);
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn page_size(&self) -> PageSize {
        self.page
    }

    /// Add `seals`, for good and for everybody.
    ///
    /// ```
    /// use folio::{Memfd, Seals};
    /// let memory = Memfd::create("log")?;
    /// memory.seal(Seals::SHRINK)?; // readers need not fear a truncation
    /// memory.set_len(4096)?;
    /// assert_eq!(memory.set_len(0).unwrap_err().kind(), folio::ErrorKind::PermissionDenied);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Busy`](crate::ErrorKind::Busy) for [`Seals::WRITE`] while a writable mapping lives, in whichever process;
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) after [`Seals::SEAL`], and if this descriptor is not open for writing;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a seal that this kernel does not know.
    pub fn seal(&self, seals: Seals) -> Result<()> {
        rustix::fs::fcntl_add_seals(&self.fd, SealFlags::from_bits_retain(seals.bits()))
            .map_err(|errno| self.os("seal", errno))
    }

    /// The seals that it has.
    ///
    /// ```
    /// use folio::{Memfd, Seals};
    /// let theirs = Memfd::create("received")?; // from somebody who promised not to shorten it
    /// theirs.seal(Seals::SHRINK)?;
    /// assert!(theirs.seals()?.contains(Seals::SHRINK)); // believe the kernel, not them
    /// assert!(!theirs.seals()?.contains(Seals::WRITE));
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// None that the kernel is known to give.
    pub fn seals(&self) -> Result<Seals> {
        rustix::fs::fcntl_get_seals(&self.fd)
            .map(|seals| Seals::from_bits_retain(seals.bits()))
            .map_err(|errno| self.os("ask for the seals of", errno))
    }

    /// Map all of it as [`Frozen`].
    ///
    /// ```
    /// use folio::{Guarantee, Memfd, Seals};
    /// let memory = Memfd::create("example")?;
    /// memory.set_len(5)?;
    /// let early = memory.frozen()?; // not sealed: the bytes are put out of everybody's reach
    /// assert_ne!(early.guarantee(), Guarantee::Sealed);
    /// memory.shared_mut()?.write_at(0, b"hello")?;
    /// assert_eq!(early, [0; 5][..]);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::map_frozen`].
    pub fn frozen(&self) -> Result<Frozen> {
        self.frozen_with(&MapOptions::new())
    }

    /// Map it as [`Frozen`] with `options`.
    ///
    /// ```
    /// use folio::{ErrorKind, Guarantee, MapOptions, Memfd};
    /// let memory = Memfd::create("example")?; // not sealed
    /// let sealed = MapOptions::new().guarantees(Guarantee::Sealed);
    /// assert_eq!(memory.frozen_with(&sealed).unwrap_err().kind(), ErrorKind::NoGuarantee);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::map_frozen`].
    pub fn frozen_with(&self, options: &MapOptions) -> Result<Frozen> {
        Frozen::from_source(self.source(Needs::Read)?, options)
    }

    /// Map all of it as [`Private`].
    ///
    /// ```
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(5)?;
    /// let mut draft = memory.private()?;
    /// draft.copy_from_slice(b"hello");
    /// assert_eq!(memory.shared()?.load::<[u8; 5]>(0)?, [0; 5]); // it is not in the file
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::map_private`].
    pub fn private(&self) -> Result<Private> {
        self.private_with(&MapOptions::new())
    }

    /// Map it as [`Private`] with `options`.
    ///
    /// ```
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(100)?;
    /// let mut draft = memory.private_with(&folio::MapOptions::new().range(90..))?;
    /// draft[9] = 1;
    /// assert_eq!((draft.len(), draft.file_range()), (10, 90..100));
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::map_private`].
    pub fn private_with(&self, options: &MapOptions) -> Result<Private> {
        Private::from_source(self.source(Needs::Read)?, options)
    }

    /// Map all of it as [`Shared`].
    ///
    /// ```
    /// let memory = folio::Memfd::create("example")?;
    /// memory.set_len(8)?;
    /// let (theirs, ours) = (memory.shared()?, memory.shared_mut()?);
    /// ours.store(0, &7_u64)?;
    /// assert_eq!(theirs.load::<u64>(0)?, 7); // the same memory
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::map_shared`].
    pub fn shared(&self) -> Result<Shared> {
        self.shared_with(&MapOptions::new())
    }

    /// Map it as [`Shared`] with `options`.
    ///
    /// ```
    /// use folio::{ErrorKind, MapOptions, Memfd};
    /// let memory = Memfd::create("example")?;
    /// memory.set_len(100)?;
    /// assert_eq!(memory.shared_with(&MapOptions::new().range(60..))?.len(), 40);
    /// let error = memory.shared_with(&MapOptions::new().range(60..101)).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::OutOfRange);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::map_shared`].
    pub fn shared_with(&self, options: &MapOptions) -> Result<Shared> {
        Shared::from_source(self.source(Needs::Read)?, options)
    }

    /// Map all of it as [`SharedMut`].
    ///
    /// ```
    /// use folio::{ErrorKind, Memfd, Seals};
    /// let memory = Memfd::create("example")?;
    /// memory.set_len(8)?;
    /// memory.shared_mut()?.store(0, &7_u64)?;
    /// memory.seal(Seals::WRITE)?;
    /// assert_eq!(memory.shared_mut().unwrap_err().kind(), ErrorKind::PermissionDenied); // but shared() works
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`MapOptions::map_shared_mut`]; [`PermissionDenied`](crate::ErrorKind::PermissionDenied) by [`Seals::WRITE`].
    pub fn shared_mut(&self) -> Result<SharedMut> {
        self.shared_mut_with(&MapOptions::new())
    }

    /// Map it as [`SharedMut`] with `options`.
    ///
    /// ```
    /// let memory = folio::Memfd::create("queue")?;
    /// memory.set_len(4096)?;
    /// let map = memory.shared_mut_with(&folio::MapOptions::new().reserve(1 << 30))?;
    /// map.extend(1 << 20)?; // without moving
    /// assert_eq!(memory.len()?, 1 << 20);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`shared_mut`](Self::shared_mut).
    pub fn shared_mut_with(&self, options: &MapOptions) -> Result<SharedMut> {
        SharedMut::from_source(self.source(Needs::ReadWrite)?, options)
    }

    fn source(&self, needs: Needs) -> Result<Source> {
        Source::from_fd(self.fd.as_fd(), needs)
    }

    pub(crate) fn os(&self, op: &'static str, errno: Errno) -> Error {
        self.name(Error::os(op, errno))
    }

    fn name(&self, error: Error) -> Error {
        named(self.fd.as_fd(), error)
    }
}

/// The device number of the kernel's own mount that memfds of base pages live on. Other files of tmpfs have another, though
/// they answer the same questions about seals.
fn memfd_device() -> Option<u64> {
    static DEVICE: OnceLock<Option<u64>> = OnceLock::new();
    *DEVICE.get_or_init(|| {
        let probe = rustix::fs::memfd_create("folio-probe", MemfdFlags::CLOEXEC).ok()?;
        Some(rustix::fs::fstat(&probe).ok()?.st_dev)
    })
}

impl TryFrom<OwnedFd> for Memfd {
    type Error = Error;

    /// A descriptor that came from elsewhere: passed over a socket, inherited, from another library.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it is no memfd; [`OpenMode`](crate::ErrorKind::OpenMode) if it is not open for
    /// reading. The descriptor is closed then.
    fn try_from(fd: OwnedFd) -> Result<Self> {
        const OP: &str = "take as a memory-only file";
        let name = |error: Error| named(fd.as_fd(), error);
        let stat = rustix::fs::fstat(&fd).map_err(|errno| name(Error::os(OP, errno)))?;
        let page = page_size_of(&stat, &fd);
        let looks_so = if page > PageSize::base() {
            path_of(fd.as_fd())
                .is_some_and(|path| path.as_os_str().as_encoded_bytes().starts_with(b"/memfd:"))
        } else {
            memfd_device().is_some_and(|device| device == stat.st_dev)
        };
        if !looks_so || rustix::fs::fcntl_get_seals(&fd).is_err() {
            let why = "it was not made by memfd_create(2)";
            return Err(name(Error::new(OP, Cause::InvalidInput(why.into()))));
        }
        let flags = rustix::fs::fcntl_getfl(&fd).map_err(|errno| name(Error::os(OP, errno)))?;
        if flags.contains(OFlags::PATH) || flags & OFlags::RWMODE == OFlags::WRONLY {
            let why = "the descriptor is not open for reading, which every mapping needs";
            return Err(name(Error::new(OP, Cause::OpenMode(why))));
        }
        Ok(Self { fd, page })
    }
}

impl AsFd for Memfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<Memfd> for OwnedFd {
    fn from(memory: Memfd) -> Self {
        memory.fd
    }
}

impl From<Memfd> for File {
    fn from(memory: Memfd) -> Self {
        memory.fd.into()
    }
}

impl fmt::Debug for Memfd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memfd")
            .field("fd", &self.fd)
            .field("path", &path_of(self.fd.as_fd()))
            .finish()
    }
}
