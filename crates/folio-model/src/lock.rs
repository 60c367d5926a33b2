//! Advisory locks: fcntl(2) of two kinds, and flock(2).
//!
//! They keep nobody from the file but those who ask. Locks of ranges, of an open file or of a process, live in one world and
//! conflict with each other; those of flock(2) live in another.

use std::ops::Range;

use crate::allowed::Pattern;
use crate::file::FileId;
use crate::limits::LAST;
use crate::process::{OpenFile, OpenId};
use crate::why::{Stop, Why};
use crate::world::{Answer, Handle, World};
use crate::{Errno, LockMode, LockOwner, Process, rule};

/// Who has a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// An open file, by `F_OFD_SETLK`.
    Open(OpenId),
    /// A process, by `F_SETLK`.
    Process(Process),
    /// An open file, by flock(2).
    Whole(OpenId),
}

impl Holder {
    fn same_world(self, other: Self) -> bool {
        matches!(self, Self::Whole(_)) == matches!(other, Self::Whole(_))
    }
}

/// A lock on a range of a file.
#[derive(Clone, Debug)]
pub(crate) struct LockState {
    pub(crate) holder: Holder,
    mode: LockMode,
    range: Range<u64>,
}

impl World {
    pub(crate) fn lock(
        &mut self,
        why: &mut Why,
        handle: Handle,
        owner: LockOwner,
        mode: LockMode,
        offset: u64,
        len: u64,
    ) -> Answer {
        let (id, open) = self.descriptor(handle)?;
        let (holder, range) = match owner {
            LockOwner::OpenFile => (Holder::Open(id), lock_range(why, offset, len)?),
            LockOwner::Process => (Holder::Process(handle.0), lock_range(why, offset, len)?),
            LockOwner::Whole => (Holder::Whole(id), 0..u64::MAX),
        };
        if owner != LockOwner::Whole {
            check_access(why, &open, mode)?;
        }
        let locks = &mut self.file(open.file).locks;
        let mut had = 0;
        if owner == LockOwner::Whole {
            let same = |lock: &LockState| lock.holder == holder && lock.mode == mode;
            if locks.iter().any(same) {
                why.so(&rule::LOCK);
                return Ok(Pattern::Done);
            }
            // A flock is given up before another mode is asked for, and stays so if that fails.
            had = locks.len();
            locks.retain(|lock| lock.holder != holder);
            had -= locks.len();
        }
        let conflicts = |lock: &&LockState| {
            lock.holder != holder
                && lock.holder.same_world(holder)
                && lock.range.start < range.end
                && range.start < lock.range.end
                && (lock.mode == LockMode::Exclusive || mode == LockMode::Exclusive)
        };
        if mode != LockMode::Unlock && locks.iter().find(conflicts).is_some() {
            if had > 0 {
                why.so(&rule::FLOCK_LOST);
            }
            return Err(why.refuse(Errno::EAGAIN, &rule::LOCK_CONFLICT));
        }
        why.so(if mode == LockMode::Unlock { &rule::UNLOCK } else { &rule::LOCK });
        replace(locks, holder, mode, range);
        Ok(Pattern::Done)
    }

    /// A process closes a descriptor of a file: its own locks on the file are gone, whichever descriptor took them.
    pub(crate) fn forget_locks(&mut self, why: &mut Why, process: Process, file: FileId) {
        let locks = &mut self.file(file).locks;
        let before = locks.len();
        locks.retain(|lock| lock.holder != Holder::Process(process));
        if locks.len() < before {
            why.so(&rule::LOCK_CLOSED);
        }
    }
}

/// Which bytes, with an end past the last one for "up to any end".
fn lock_range(why: &mut Why, offset: u64, len: u64) -> Result<Range<u64>, Stop> {
    if offset > LAST {
        return Err(why.refuse(Errno::EINVAL, &rule::LOCK_RANGE));
    }
    match len {
        0 => Ok(offset..u64::MAX),
        // As a loff_t it is negative: so many bytes before the offset.
        _ if len > LAST => match offset.checked_sub(len.wrapping_neg()) {
            Some(start) => Ok(start..offset),
            None => Err(why.refuse(Errno::EINVAL, &rule::LOCK_RANGE)),
        },
        _ if len - 1 > LAST - offset => Err(why.refuse(Errno::EOVERFLOW, &rule::LOCK_RANGE)),
        _ => Ok(offset..offset + len),
    }
}

fn check_access(why: &mut Why, open: &OpenFile, mode: LockMode) -> Result<(), Stop> {
    let may = match mode {
        LockMode::Shared => open.reads(),
        LockMode::Exclusive => open.writes(),
        LockMode::Unlock => true,
    };
    if may { Ok(()) } else { Err(why.refuse(Errno::EBADF, &rule::LOCK_ACCESS)) }
}

/// What the holder has of the range is this now; what it has around it stays.
fn replace(locks: &mut Vec<LockState>, holder: Holder, mode: LockMode, range: Range<u64>) {
    let mut kept = Vec::new();
    for lock in locks.drain(..) {
        if lock.holder != holder {
            kept.push(lock);
            continue;
        }
        let before = lock.range.start..lock.range.end.min(range.start);
        let behind = lock.range.start.max(range.end)..lock.range.end;
        for range in [before, behind] {
            if !range.is_empty() {
                kept.push(LockState { range, ..lock.clone() });
            }
        }
    }
    if mode != LockMode::Unlock {
        kept.push(LockState { holder, mode, range });
    }
    *locks = kept;
}
