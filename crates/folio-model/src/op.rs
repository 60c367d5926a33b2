//! What a program does: one operation a step, by one of several processes.
//!
//! Operations name processes, descriptors, mappings and files by small numbers. Descriptors and mappings are *slots* of a
//! process: opening into a slot that is in use closes what was there (as dup2(2) does), mapping into one unmaps what was there,
//! and an operation on an empty slot does nothing but answer [`Outcome::Nothing`](crate::Outcome::Nothing). So every part of a
//! program is a program, which is what shrinking needs.
//!
//! Offsets and lengths are bytes. Those of a mapping count from its first byte, which is the first byte of a page.
//!
//! What is left of a mapping keeps its offsets when a part of it is unmapped. Where a part is gone, and past the end, nothing is
//! mapped; whoever runs programs on a kernel sees to it that nothing else comes to be there. A mapping of which nothing is left
//! is gone from its slot. A file is opened or mapped before what was in the slot goes, and if that fails, that stays.

use bitflags::bitflags;

/// A process, by number; 0 is there from the beginning.
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// let child = Process(1);
/// let length = Op::Length { process: child, descriptor };
/// assert_eq!(model.run(&length), Outcome::Nothing); // there is none yet
/// model.run(&Op::Fork { process, child });
/// assert_eq!(model.run(&length), Outcome::Count(0)); // it has its parent's descriptors
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Process(pub u8);

/// A slot for an open file in a process.
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// let absent = Descriptor(7);
/// assert_eq!(model.run(&Op::Length { process, descriptor: absent }), Outcome::Nothing);
/// let (access, content) = (Access::Read, Content::Keep);
/// model.run(&Op::Open { process, descriptor, file: File(0), access, content }); // closes what was there
/// let write = Op::Write { process, descriptor, offset: 0, len: 1, fill: 7 };
/// assert_eq!(model.run(&write), Outcome::Failed(Errno::EBADF));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Descriptor(pub u8);

/// A slot for a mapping in a process.
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor, mapping) = (Process(0), Descriptor(0), Mapping(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// # model.run(&Op::Write { process, descriptor, offset: 0, len: 4096, fill: 1 });
/// # let (backing, protection) = (Backing::File(descriptor), Protection::READ | Protection::WRITE);
/// # let sharing = Sharing::Shared;
/// # model.run(&Op::Map { process, mapping, backing, sharing, protection, offset: 0, len: 4096 });
/// model.run(&Op::Unmap { process, mapping, offset: 0, len: 4096 });
/// let load = Op::Load { process, mapping, offset: 0, len: 1 };
/// assert_eq!(model.run(&load), Outcome::Nothing); // the slot is empty
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Mapping(pub u8);

/// A file; which there are, and of which kind, is set when the model is made.
///
/// ```
/// use folio_model::*;
/// let model = Model::new(Setting::new(4096).file(FileKind::Disk).file(FileKind::Memory));
/// assert!(model.content(File(1)).is_empty()); // the one in memory
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct File(pub u8);

/// What a descriptor is opened for; open(2).
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// let (access, content) = (Access::Write, Content::Keep);
/// model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// let read = Op::Read { process, descriptor, offset: 0, len: 1 };
/// assert_eq!(model.run(&read), Outcome::Failed(Errno::EBADF));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Access {
    /// `O_RDONLY`
    Read,
    /// `O_WRONLY`
    Write,
    /// `O_RDWR`
    ReadWrite,
}

/// What happens to the content at an open; open(2).
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// model.run(&Op::Write { process, descriptor, offset: 0, len: 5, fill: 7 });
/// let (access, content) = (Access::Read, Content::Truncate);
/// model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// assert_eq!(model.run(&Op::Length { process, descriptor }), Outcome::Count(0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Content {
    /// It stays.
    Keep,
    /// `O_TRUNC`
    Truncate,
}

/// Whether stores reach the file; mmap(2).
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor, mapping) = (Process(0), Descriptor(0), Mapping(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// # model.run(&Op::Write { process, descriptor, offset: 0, len: 4096, fill: 1 });
/// # let (backing, protection) = (Backing::File(descriptor), Protection::READ | Protection::WRITE);
/// # let sharing = Sharing::Private;
/// # model.run(&Op::Map { process, mapping, backing, sharing, protection, offset: 0, len: 4096 });
/// model.run(&Op::Store { process, mapping, offset: 0, len: 1, fill: 7 }); // in a private mapping
/// assert_eq!(model.content(File(0))[0], Byte::Known(1)); // as it was
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Sharing {
    /// `MAP_SHARED`
    Shared,
    /// `MAP_PRIVATE`
    Private,
}

/// What stands behind a mapping; mmap(2).
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// let (mapping, backing, sharing) = (Mapping(0), Backing::Anonymous, Sharing::Private);
/// let protection = Protection::READ;
/// model.run(&Op::Map { process, mapping, backing, sharing, protection, offset: 0, len: 4096 });
/// let load = Op::Load { process, mapping, offset: 4095, len: 2 };
/// let fault = Outcome::Fault { signal: Signal::Segv, at: 1, before: vec![0] };
/// assert_eq!(model.run(&load), fault); // zeros, up to the end
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Backing {
    /// An open file.
    File(Descriptor),
    /// Nothing: `MAP_ANONYMOUS`.
    Anonymous,
}

bitflags! {
    /// What may be done with a page; mmap(2), mprotect(2). Empty: `PROT_NONE`.
    ///
    /// ```
    /// # use folio_model::*;
    /// # let (process, descriptor, mapping) = (Process(0), Descriptor(0), Mapping(0));
    /// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
    /// # let (access, content) = (Access::ReadWrite, Content::Keep);
    /// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
    /// # model.run(&Op::Write { process, descriptor, offset: 0, len: 4096, fill: 1 });
    /// # let (backing, protection) = (Backing::File(descriptor), Protection::READ | Protection::WRITE);
    /// # let sharing = Sharing::Shared;
    /// # model.run(&Op::Map { process, mapping, backing, sharing, protection, offset: 0, len: 4096 });
    /// let protection = Protection::READ;
    /// model.run(&Op::Protect { process, mapping, protection, offset: 0, len: 4096 });
    /// let store = Op::Store { process, mapping, offset: 0, len: 1, fill: 7 };
    /// let fault = Outcome::Fault { signal: Signal::Segv, at: 0, before: vec![] };
    /// assert_eq!(model.run(&store), fault);
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
    pub struct Protection: u8 {
        /// `PROT_READ`
        const READ = 1;
        /// `PROT_WRITE`
        const WRITE = 2;
        /// `PROT_EXEC`
        const EXEC = 4;
    }
}

bitflags! {
    /// What can no longer be done with a memory file; fcntl(2), `F_ADD_SEALS`. The bits are the kernel's.
    ///
    /// ```
    /// # use folio_model::*;
    /// # let (process, descriptor) = (Process(0), Descriptor(0));
    /// # let mut model = Model::new(Setting::new(4096).file(FileKind::Memory));
    /// # let (access, content) = (Access::ReadWrite, Content::Keep);
    /// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
    /// model.run(&Op::Truncate { process, descriptor, len: 100 });
    /// model.run(&Op::Seal { process, descriptor, seals: Seals::SHRINK });
    /// let shorter = Op::Truncate { process, descriptor, len: 99 };
    /// assert_eq!(model.run(&shorter), Outcome::Failed(Errno::EPERM));
    /// assert_eq!(model.run(&Op::Truncate { process, descriptor, len: 101 }), Outcome::Done);
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
    pub struct Seals: u8 {
        /// `F_SEAL_SEAL`: no more seals.
        const SEAL = 1;
        /// `F_SEAL_SHRINK`
        const SHRINK = 2;
        /// `F_SEAL_GROW`
        const GROW = 4;
        /// `F_SEAL_WRITE`
        const WRITE = 8;
        /// `F_SEAL_FUTURE_WRITE`: no new way to write.
        const FUTURE_WRITE = 16;
    }
}

/// How space is set aside or given back; fallocate(2).
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// let (offset, len, length) = (0, 4096, Op::Length { process, descriptor });
/// model.run(&Op::Allocate { process, descriptor, how: Allocation::KeepSize, offset, len });
/// assert_eq!(model.run(&length), Outcome::Count(0));
/// model.run(&Op::Allocate { process, descriptor, how: Allocation::Extend, offset, len });
/// assert_eq!(model.run(&length), Outcome::Count(4096));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Allocation {
    /// Mode 0: the file grows to hold the range.
    Extend,
    /// `FALLOC_FL_KEEP_SIZE`
    KeepSize,
    /// `FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE`
    PunchHole,
}

/// How a file is written out.
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// model.run(&Op::Write { process, descriptor, offset: 0, len: 5, fill: 7 });
/// model.run(&Op::Sync { process, descriptor, how: FileSync::Content });
/// assert_eq!(model.disk(File(0)).lens(), [5]); // fdatasync(2) also keeps what it takes to find the content
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FileSync {
    /// fsync(2)
    All,
    /// fdatasync(2)
    Content,
}

/// How a mapping is written out; msync(2).
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor, mapping) = (Process(0), Descriptor(0), Mapping(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// # model.run(&Op::Write { process, descriptor, offset: 0, len: 4096, fill: 1 });
/// # let (backing, protection) = (Backing::File(descriptor), Protection::READ | Protection::WRITE);
/// # let sharing = Sharing::Shared;
/// # model.run(&Op::Map { process, mapping, backing, sharing, protection, offset: 0, len: 4096 });
/// model.run(&Op::Sync { process, descriptor, how: FileSync::All });
/// model.run(&Op::Store { process, mapping, offset: 0, len: 4096, fill: 7 });
/// for (how, old_may_be_found) in [(Msync::Async, true), (Msync::Sync, false)] {
///     model.run(&Op::Flush { process, mapping, how, offset: 0, len: 4096 });
///     assert_eq!(model.disk(File(0)).allows(&[1; 4096]).is_ok(), old_may_be_found);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Msync {
    /// `MS_SYNC`
    Sync,
    /// `MS_ASYNC`
    Async,
}

/// Advice that changes content, or brings pages in; madvise(2).
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor, mapping) = (Process(0), Descriptor(0), Mapping(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// # model.run(&Op::Write { process, descriptor, offset: 0, len: 4096, fill: 1 });
/// # let (backing, protection) = (Backing::File(descriptor), Protection::READ | Protection::WRITE);
/// # let sharing = Sharing::Private;
/// # model.run(&Op::Map { process, mapping, backing, sharing, protection, offset: 0, len: 4096 });
/// model.run(&Op::Store { process, mapping, offset: 0, len: 1, fill: 7 });
/// let advice = Advice::DontNeed; // drops the copy
/// model.run(&Op::Advise { process, mapping, advice, offset: 0, len: 4096 });
/// let load = Op::Load { process, mapping, offset: 0, len: 1 };
/// assert_eq!(model.run(&load), Outcome::Bytes(vec![1]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Advice {
    /// `MADV_WILLNEED`, which changes nothing.
    WillNeed,
    /// `MADV_DONTNEED`
    DontNeed,
    /// `MADV_REMOVE`
    Remove,
    /// `MADV_POPULATE_READ`
    PopulateRead,
    /// `MADV_POPULATE_WRITE`
    PopulateWrite,
}

/// A lease on an open file; fcntl(2), `F_SETLEASE`.
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// let lease = Op::Lease { process, descriptor, lease: Lease::Read };
/// assert_eq!(model.run(&lease), Outcome::Failed(Errno::EAGAIN)); // it is open for writing, by whomever
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Lease {
    /// `F_UNLCK`: none.
    None,
    /// `F_RDLCK`: nobody opens it for writing without our being told.
    Read,
    /// `F_WRLCK`: nobody opens it without our being told.
    Write,
}

/// Whose lock an advisory lock is.
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// let other = Descriptor(1);
/// model.run(&Op::Open { process, descriptor: other, file: File(0), access, content });
/// for (owner, second) in [
///     (LockOwner::Process, Outcome::Done), // it has the lock already
///     (LockOwner::Whole, Outcome::Failed(Errno::EAGAIN)), // that open file has it, and not this
/// ] {
///     let lock = |descriptor| {
///         Op::Lock { process, descriptor, owner, mode: LockMode::Exclusive, offset: 0, len: 0 }
///     };
///     assert_eq!(model.run(&lock(descriptor)), Outcome::Done);
///     assert_eq!(model.run(&lock(other)), second);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LockOwner {
    /// The open file's (fcntl(2), `F_OFD_SETLK`): inherited by fork(2), gone with the last descriptor.
    OpenFile,
    /// The process's (fcntl(2), `F_SETLK`): gone when it closes *any* descriptor of the file.
    Process,
    /// The open file's, of the whole file (flock(2)), in a world of its own: the range is not looked at.
    Whole,
}

/// What a lock is taken for.
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// model.run(&Op::Open { process, descriptor: Descriptor(1), file: File(0), access, content });
/// let lock = |descriptor, mode| Op::Lock {
///     process, descriptor: Descriptor(descriptor), owner: LockOwner::OpenFile, mode, offset: 0, len: 1,
/// };
/// assert_eq!(model.run(&lock(0, LockMode::Shared)), Outcome::Done);
/// assert_eq!(model.run(&lock(1, LockMode::Exclusive)), Outcome::Failed(Errno::EAGAIN));
/// model.run(&lock(0, LockMode::Unlock));
/// assert_eq!(model.run(&lock(1, LockMode::Exclusive)), Outcome::Done);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LockMode {
    /// Others may share it.
    Shared,
    /// Nobody else has one.
    Exclusive,
    /// Give it up.
    Unlock,
}

/// One step of a program.
///
/// ```
/// use folio_model::{Descriptor, Op, Process};
/// let op = Op::Write { process: Process(0), descriptor: Descriptor(1), offset: 100, len: 5, fill: 7 };
/// assert_eq!(op.to_string(), "write d1 100..105 = 07");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(
    missing_docs,
    reason = "the fields are of types that say what they are; offsets and lengths are bytes"
)]
pub enum Op {
    /// open(2), with `O_NONBLOCK`, so that a lease in the way is an answer instead of a wait.
    Open { process: Process, descriptor: Descriptor, file: File, access: Access, content: Content },
    /// close(2)
    Close { process: Process, descriptor: Descriptor },
    /// pread(2)
    Read { process: Process, descriptor: Descriptor, offset: u64, len: u64 },
    /// pwrite(2) of `len` bytes `fill`
    Write { process: Process, descriptor: Descriptor, offset: u64, len: u64, fill: u8 },
    /// ftruncate(2)
    Truncate { process: Process, descriptor: Descriptor, len: u64 },
    /// fallocate(2)
    Allocate { process: Process, descriptor: Descriptor, how: Allocation, offset: u64, len: u64 },
    /// fstat(2), the length
    Length { process: Process, descriptor: Descriptor },
    /// fsync(2), fdatasync(2)
    Sync { process: Process, descriptor: Descriptor, how: FileSync },
    /// mmap(2); the offset is the file's.
    Map {
        process: Process,
        mapping: Mapping,
        backing: Backing,
        sharing: Sharing,
        protection: Protection,
        offset: u64,
        len: u64,
    },
    /// munmap(2) of the pages from `offset`; what is left on either side stays where it was.
    Unmap { process: Process, mapping: Mapping, offset: u64, len: u64 },
    /// mremap(2) with `MREMAP_MAYMOVE`, of the whole mapping, to `len`
    Remap { process: Process, mapping: Mapping, len: u64 },
    /// mprotect(2)
    Protect { process: Process, mapping: Mapping, protection: Protection, offset: u64, len: u64 },
    /// Touch these bytes to read them, one after the other.
    Load { process: Process, mapping: Mapping, offset: u64, len: u64 },
    /// Touch these bytes to set them to `fill`, one after the other.
    Store { process: Process, mapping: Mapping, offset: u64, len: u64, fill: u8 },
    /// msync(2)
    Flush { process: Process, mapping: Mapping, how: Msync, offset: u64, len: u64 },
    /// madvise(2)
    Advise { process: Process, mapping: Mapping, advice: Advice, offset: u64, len: u64 },
    /// fork(2); nothing if there is a process `child` already.
    Fork { process: Process, child: Process },
    /// _exit(2)
    Exit { process: Process },
    /// fcntl(2), `F_ADD_SEALS`
    Seal { process: Process, descriptor: Descriptor, seals: Seals },
    /// fcntl(2), `F_SETLEASE`
    Lease { process: Process, descriptor: Descriptor, lease: Lease },
    /// fcntl(2) or flock(2), without waiting; `len` 0 is up to any end.
    Lock {
        process: Process,
        descriptor: Descriptor,
        owner: LockOwner,
        mode: LockMode,
        offset: u64,
        len: u64,
    },
}

impl Op {
    /// Who does it.
    ///
    /// ```
    /// use folio_model::{Op, Process};
    /// let op = Op::Fork { process: Process(1), child: Process(2) };
    /// assert_eq!(op.process(), Process(1)); // the parent does it
    /// ```
    #[must_use]
    pub fn process(&self) -> Process {
        match *self {
            Self::Open { process, .. }
            | Self::Close { process, .. }
            | Self::Read { process, .. }
            | Self::Write { process, .. }
            | Self::Truncate { process, .. }
            | Self::Allocate { process, .. }
            | Self::Length { process, .. }
            | Self::Sync { process, .. }
            | Self::Map { process, .. }
            | Self::Unmap { process, .. }
            | Self::Remap { process, .. }
            | Self::Protect { process, .. }
            | Self::Load { process, .. }
            | Self::Store { process, .. }
            | Self::Flush { process, .. }
            | Self::Advise { process, .. }
            | Self::Fork { process, .. }
            | Self::Exit { process }
            | Self::Seal { process, .. }
            | Self::Lease { process, .. }
            | Self::Lock { process, .. } => process,
        }
    }
}
