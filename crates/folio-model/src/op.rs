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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Process(pub u8);

/// A slot for an open file in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Descriptor(pub u8);

/// A slot for a mapping in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Mapping(pub u8);

/// A file; which there are, and of which kind, is set when the model is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct File(pub u8);

/// What a descriptor is opened for; open(2).
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Content {
    /// It stays.
    Keep,
    /// `O_TRUNC`
    Truncate,
}

/// Whether stores reach the file; mmap(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Sharing {
    /// `MAP_SHARED`
    Shared,
    /// `MAP_PRIVATE`
    Private,
}

/// What stands behind a mapping; mmap(2).
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FileSync {
    /// fsync(2)
    All,
    /// fdatasync(2)
    Content,
}

/// How a mapping is written out; msync(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Msync {
    /// `MS_SYNC`
    Sync,
    /// `MS_ASYNC`
    Async,
}

/// Advice that changes content, or brings pages in; madvise(2).
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
