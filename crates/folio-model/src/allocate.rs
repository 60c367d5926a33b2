//! Space set aside and given back: fallocate(2).

use crate::allowed::Pattern;
use crate::file::FileId;
use crate::limits::{self, LAST};
use crate::why::{Stop, Why};
use crate::world::{Answer, Handle, World};
use crate::{Allocation, Errno, Seals, rule};

impl World {
    pub(crate) fn allocate(
        &mut self,
        why: &mut Why,
        handle: Handle,
        how: Allocation,
        offset: u64,
        len: u64,
    ) -> Answer {
        let (_, open) = self.descriptor(handle)?;
        if offset > LAST || len == 0 || len > LAST {
            return Err(why.refuse(Errno::EINVAL, &rule::ALLOCATE_RANGE));
        }
        if !open.writes() {
            return Err(why.refuse(Errno::EBADF, &rule::NOT_OPEN_FOR));
        }
        let end = offset + len;
        limits::file(why, end)?;
        if how == Allocation::PunchHole {
            self.punch(why, open.file, offset, end)?;
            return Ok(Pattern::Done);
        }
        let file = self.file(open.file);
        if file.seals.contains(Seals::GROW) && end > file.len {
            return Err(why.refuse(Errno::EPERM, &rule::SEAL_GROW));
        }
        limits::disk(why, len)?;
        why.so(&rule::ALLOCATE);
        if how == Allocation::Extend {
            file.len = file.len.max(end);
        }
        Ok(Pattern::Done)
    }

    /// Make a hole, which is zeros. What is past the end of the file may or may not be part of it.
    pub(crate) fn punch(
        &mut self,
        why: &mut Why,
        file: FileId,
        offset: u64,
        end: u64,
    ) -> Result<(), Stop> {
        let file = self.file(file);
        if file.seals.intersects(Seals::WRITE | Seals::FUTURE_WRITE) {
            return Err(why.refuse(Errno::EPERM, &rule::SEAL_WRITE));
        }
        why.so(&rule::PUNCH);
        file.zero(offset..end.min(file.len).max(offset));
        Ok(())
    }
}
