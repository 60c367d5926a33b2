//! Operations on descriptors.

use std::fs::File;
use std::io;

use folio::raw;
use folio_model::{
    Access, Allocation, Content, Descriptor, File as FileNumber, FileSync, Lease, LockMode,
    LockOwner, Op, Outcome, Seals,
};
use rustix::fs::{FallocateFlags, FlockOperation, Mode, OFlags, SealFlags};

use super::process::State;
use super::seen;

/// More than this is not written in one step.
const MOST: u64 = 64 << 20;

/// Do `op`, which is one on a descriptor.
pub(super) fn step(state: &mut State, op: &Op) -> io::Result<Outcome> {
    match *op {
        Op::Open { descriptor, file, access, content, .. } => {
            open(state, descriptor, file, access, content)
        }
        Op::Close { descriptor, .. } => Ok(match state.descriptors.remove(&descriptor) {
            Some(_) => Outcome::Done,
            None => Outcome::Nothing,
        }),
        Op::Read { descriptor, .. }
        | Op::Write { descriptor, .. }
        | Op::Truncate { descriptor, .. }
        | Op::Allocate { descriptor, .. }
        | Op::Length { descriptor, .. }
        | Op::Sync { descriptor, .. }
        | Op::Seal { descriptor, .. }
        | Op::Lease { descriptor, .. }
        | Op::Lock { descriptor, .. } => match state.descriptors.get(&descriptor) {
            Some(file) => on_open(file, op),
            None => Ok(Outcome::Nothing),
        },
        _ => Ok(Outcome::Nothing),
    }
}

fn open(
    state: &mut State,
    descriptor: Descriptor,
    file: FileNumber,
    access: Access,
    content: Content,
) -> io::Result<Outcome> {
    let Some(path) = state.paths.get(usize::from(file.0)) else { return Ok(Outcome::Nothing) };
    let access = match access {
        Access::Read => OFlags::RDONLY,
        Access::Write => OFlags::WRONLY,
        Access::ReadWrite => OFlags::RDWR,
    };
    let content = match content {
        Content::Keep => OFlags::empty(),
        Content::Truncate => OFlags::TRUNC,
    };
    let flags = access | content | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    seen(opened.map_err(io::Error::from), |opened| {
        state.descriptors.insert(descriptor, File::from(opened));
        Outcome::Done
    })
}

fn on_open(file: &File, op: &Op) -> io::Result<Outcome> {
    let done =
        |answer: rustix::io::Result<()>| seen(answer.map_err(Into::into), |()| Outcome::Done);
    match *op {
        Op::Read { offset, len, .. } => read(file, offset, len),
        Op::Write { offset, len, fill, .. } => write(file, offset, len, fill),
        Op::Truncate { len, .. } => done(rustix::fs::ftruncate(file, len)),
        Op::Allocate { how, offset, len, .. } => {
            let how = match how {
                Allocation::Extend => FallocateFlags::empty(),
                Allocation::KeepSize => FallocateFlags::KEEP_SIZE,
                Allocation::PunchHole => FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            };
            done(rustix::fs::fallocate(file, how, offset, len))
        }
        Op::Length { .. } => seen(file.metadata(), |metadata| Outcome::Count(metadata.len())),
        Op::Sync { how, .. } => done(match how {
            FileSync::All => rustix::fs::fsync(file),
            FileSync::Content => rustix::fs::fdatasync(file),
        }),
        Op::Seal { seals, .. } => done(rustix::fs::fcntl_add_seals(file, seal_flags(seals))),
        Op::Lease { lease, .. } => {
            let lease = match lease {
                Lease::None => raw::Lease::None,
                Lease::Read => raw::Lease::Read,
                Lease::Write => raw::Lease::Write,
            };
            seen(raw::lease(file, lease), |()| Outcome::Done)
        }
        Op::Lock { owner, mode, offset, len, .. } => lock(file, owner, mode, offset, len),
        _ => Ok(Outcome::Nothing),
    }
}

/// A range that the kernel answers for as for this one, and that a buffer can be had for. One that ends behind the last offset that
/// there can be is refused for that, however long it is (fs/read_write.c, `rw_verify_area`).
fn within_offsets(offset: u64, len: u64) -> (u64, u64) {
    let last = i64::MAX.unsigned_abs();
    match offset.checked_add(len) {
        Some(end) if end <= last => (offset, len),
        _ => (offset.max(last), len.min(1)),
    }
}

fn read(file: &File, offset: u64, len: u64) -> io::Result<Outcome> {
    let (offset, len) = within_offsets(offset, len);
    // No more than there is comes back, however much is asked for; one byte more than that asks for the end.
    let left = file.metadata()?.len().saturating_sub(offset);
    let len = usize::try_from(len.min(left + 1)).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    let count = rustix::io::pread(file, &mut bytes, offset);
    seen(count.map_err(Into::into), |count| {
        bytes.truncate(count);
        Outcome::Bytes(bytes)
    })
}

fn write(file: &File, offset: u64, len: u64, fill: u8) -> io::Result<Outcome> {
    let (offset, len) = within_offsets(offset, len);
    if len > MOST {
        return Err(io::Error::other(format!("{len} bytes in one write are too many to try")));
    }
    let len = usize::try_from(len).map_err(io::Error::other)?;
    let count = rustix::io::pwrite(file, &vec![fill; len], offset);
    seen(count.map_err(Into::into), |count| Outcome::Count(count as u64))
}

fn seal_flags(seals: Seals) -> SealFlags {
    SealFlags::from_bits_retain(u32::from(seals.bits()))
}

fn lock(
    file: &File,
    owner: LockOwner,
    mode: LockMode,
    offset: u64,
    len: u64,
) -> io::Result<Outcome> {
    let owner = match owner {
        LockOwner::OpenFile => raw::LockOwner::OpenFile,
        LockOwner::Process => raw::LockOwner::Process,
        LockOwner::Whole => {
            let operation = match mode {
                LockMode::Shared => FlockOperation::NonBlockingLockShared,
                LockMode::Exclusive => FlockOperation::NonBlockingLockExclusive,
                LockMode::Unlock => FlockOperation::NonBlockingUnlock,
            };
            let answer = rustix::fs::flock(file, operation);
            return seen(answer.map_err(Into::into), |()| Outcome::Done);
        }
    };
    let lock = match mode {
        LockMode::Shared => raw::RecordLock::Shared,
        LockMode::Exclusive => raw::RecordLock::Exclusive,
        LockMode::Unlock => raw::RecordLock::Unlock,
    };
    seen(raw::record_lock(file, owner, lock, offset, len), |()| Outcome::Done)
}
