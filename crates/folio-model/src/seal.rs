//! Seals of files in memory: fcntl(2), `F_ADD_SEALS`; memfd_create(2).

use std::ops::Range;

use crate::allowed::Pattern;
use crate::file::{FileId, FileState};
use crate::memory::{Area, Writer};
use crate::why::{Stop, Why};
use crate::world::{Answer, Handle, World};
use crate::{Errno, FileKind, Protection, Seals, Sharing, rule};

impl World {
    pub(crate) fn seal(&mut self, why: &mut Why, handle: Handle, seals: Seals) -> Answer {
        let (_, open) = self.descriptor(handle)?;
        if !open.writes() {
            return Err(why.refuse(Errno::EPERM, &rule::SEAL_WRITES));
        }
        if self.file(open.file).kind == FileKind::Disk {
            let errno = [Errno::EINVAL, Errno::EPERM][why.either(2, &rule::SEAL_MEMORY)];
            return Err(Stop::Failed(errno));
        }
        let had = self.file(open.file).seals;
        if had.contains(Seals::SEAL) {
            return Err(why.refuse(Errno::EPERM, &rule::SEAL_SEAL));
        }
        if (seals - had).contains(Seals::WRITE) && self.writably_mapped(open.file) {
            return Err(why.refuse(Errno::EBUSY, &rule::SEAL_BUSY));
        }
        if (seals - had).contains(Seals::FUTURE_WRITE) && self.writably_mapped(open.file) {
            why.so(&rule::SEAL_LEAVES_MAPPINGS);
        }
        why.so(&rule::SEAL);
        self.file(open.file).seals |= seals;
        Ok(Pattern::Done)
    }

    /// Is there a mapping through which the file can be changed, or can be once mprotect(2) allows it?
    fn writably_mapped(&self, file: FileId) -> bool {
        let mut mappings = self.processes.values().flat_map(|process| process.mappings.values());
        mappings.any(|mapping| {
            mapping.areas.iter().any(|area| {
                area.sharing == Sharing::Shared
                    && area.grantable.contains(Protection::WRITE)
                    && area.file_page(area.pages.start).is_some_and(|(other, _)| other == file)
            })
        })
    }
}

/// What seals say to a new mapping: `memfd_check_seals_mmap`.
pub(crate) fn map(why: &mut Why, file: &FileState, area: &mut Area) -> Result<(), Stop> {
    if area.sharing == Sharing::Private
        || !file.seals.intersects(Seals::WRITE | Seals::FUTURE_WRITE)
    {
        return Ok(());
    }
    if area.protection.contains(Protection::WRITE) {
        return Err(why.refuse(Errno::EPERM, &rule::SEAL_MAP));
    }
    // Before Linux 6.7 it counted as a mapping that writes: `mapping_map_writable` said no.
    let sealed = file.seals.contains(Seals::WRITE) && area.writer == Writer::Yes;
    if sealed && why.either(2, &rule::SEAL_MAP_READ) == 1 {
        return Err(Stop::Failed(Errno::EPERM));
    }
    why.so(&rule::SEAL_MAP_READ);
    area.grantable -= Protection::WRITE;
    Ok(())
}

/// How far a write gets, page by page: `shmem_write_begin`.
pub(crate) fn write(
    why: &mut Why,
    file: &FileState,
    range: Range<u64>,
    page_size: u64,
) -> Result<u64, Stop> {
    if file.seals.intersects(Seals::WRITE | Seals::FUTURE_WRITE) {
        return Err(why.refuse(Errno::EPERM, &rule::SEAL_WRITE));
    }
    if range.end <= file.len || !file.seals.contains(Seals::GROW) {
        return Ok(range.end);
    }
    // Not up to the end of the file, but as far as whole pages are within it.
    let reached = file.len / page_size * page_size;
    let refused = why.refuse(Errno::EPERM, &rule::SEAL_GROW);
    if reached > range.start { Ok(reached) } else { Err(refused) }
}

/// What seals say to a new length.
pub(crate) fn resize(why: &mut Why, file: &FileState, len: u64) -> Result<(), Stop> {
    if len < file.len && file.seals.contains(Seals::SHRINK) {
        return Err(why.refuse(Errno::EPERM, &rule::SEAL_SHRINK));
    }
    if len > file.len && file.seals.contains(Seals::GROW) {
        return Err(why.refuse(Errno::EPERM, &rule::SEAL_GROW));
    }
    Ok(())
}
