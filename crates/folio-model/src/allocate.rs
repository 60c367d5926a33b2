//! Space set aside and given back: fallocate(2).

use crate::allowed::Pattern;
use crate::file::FileId;
use crate::limits::{self, LAST};
use crate::why::{Stop, Why};
use crate::world::{Answer, Handle, World};
use crate::{Allocation, Errno, Facility, Seals, rule};

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
        if !self.has(open.file, Facility::Allocate) {
            return Err(why.refuse(Errno::EOPNOTSUPP, &rule::NO_SPACE_TO_GIVE));
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
        id: FileId,
        offset: u64,
        end: u64,
    ) -> Result<(), Stop> {
        if !self.has(id, Facility::PunchHole) {
            return Err(why.refuse(Errno::EOPNOTSUPP, &rule::NO_SPACE_TO_GIVE));
        }
        let file = self.file(id);
        if file.seals.intersects(Seals::WRITE | Seals::FUTURE_WRITE) {
            return Err(why.refuse(Errno::EPERM, &rule::SEAL_WRITE));
        }
        why.so(&rule::PUNCH);
        let page_size = file.page_size;
        file.zero(offset..end.min(file.len).max(offset));
        let pages = offset / page_size..end.div_ceil(page_size);
        let mut mappings = self.processes.values().flat_map(|process| process.mappings.values());
        if mappings.any(|mapping| mapping.copied(id, &pages)) {
            why.so(&rule::PUNCH_KEEPS_COPIES);
        }
        Ok(())
    }
}
