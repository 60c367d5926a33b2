//! What is done to a file by its descriptor: open, close, read, write, truncate.

use crate::allowed::Pattern;
use crate::byte::Byte;
use crate::file::FileId;
use crate::limits::{self, ADDRESS_SPACE, LAST};
use crate::memory::MappingState;
use crate::process::OpenFile;
use crate::why::{Stop, Why};
use crate::world::{Answer, Handle, World};
use crate::{Access, Content, Errno, File, rule, seal};

/// The most that one read(2) or write(2) moves; include/linux/fs.h, `MAX_RW_COUNT`, for pages of 4096 bytes.
const MAX_RW: u64 = 0x7fff_f000;

impl World {
    pub(crate) fn open(
        &mut self,
        why: &mut Why,
        handle: Handle,
        file: File,
        access: Access,
        content: Content,
    ) -> Answer {
        let file = FileId(usize::from(file.0));
        if file.0 >= self.setting.files().len() {
            return Err(Stop::Nothing);
        }
        let open = OpenFile { file, access };
        self.break_leases(why, &open)?;
        if content == Content::Truncate {
            if access == Access::Read && !self.file(file).leases.is_empty() {
                why.so(&rule::LEASE_TRUNCATED);
            }
            why.so(&rule::OPEN_TRUNCATES);
            self.resize(why, file, 0)?;
        }
        why.so(&rule::OPEN);
        let id = self.add_open(open);
        self.forget(why, handle)?;
        self.process(handle.0)?.descriptors.insert(handle.1, id);
        Ok(Pattern::Done)
    }

    pub(crate) fn close(&mut self, why: &mut Why, handle: Handle) -> Answer {
        self.descriptor(handle)?;
        why.so(&rule::CLOSE);
        self.forget(why, handle)?;
        Ok(Pattern::Done)
    }

    /// Empty a slot for a descriptor, if there is anything in it.
    fn forget(&mut self, why: &mut Why, handle: Handle) -> Result<(), Stop> {
        if let Ok((_, open)) = self.descriptor(handle) {
            self.process(handle.0)?.descriptors.remove(&handle.1);
            self.forget_locks(why, handle.0, open.file);
        }
        Ok(())
    }

    pub(crate) fn read(&mut self, why: &mut Why, handle: Handle, offset: u64, len: u64) -> Answer {
        let (_, open) = self.descriptor(handle)?;
        check_position(why, offset, open.reads(), len)?;
        let file = self.file(open.file);
        let end = offset.saturating_add(len.min(MAX_RW)).min(file.len);
        why.so(&rule::READ);
        Ok(Pattern::Bytes(file.bytes(offset.min(end)..end)))
    }

    pub(crate) fn write(
        &mut self,
        why: &mut Why,
        handle: Handle,
        offset: u64,
        len: u64,
        fill: u8,
    ) -> Answer {
        let (_, open) = self.descriptor(handle)?;
        check_position(why, offset, open.writes(), len)?;
        why.so(&rule::WRITE);
        if len == 0 {
            return Ok(Pattern::Count(0));
        }
        limits::file(why, offset + len)?;
        let page_size = self.page_size();
        let file = self.file(open.file);
        let end = seal::write(why, file, offset..offset + len.min(MAX_RW), page_size)?;
        for offset in offset..end {
            file.set(offset, Byte::Known(fill));
        }
        file.len = file.len.max(end);
        Ok(Pattern::Count(end - offset))
    }

    pub(crate) fn truncate(&mut self, why: &mut Why, handle: Handle, len: u64) -> Answer {
        let (_, open) = self.descriptor(handle)?;
        if len > LAST {
            return Err(why.refuse(Errno::EINVAL, &rule::OFFSET_RANGE));
        }
        if !open.writes() {
            return Err(why.refuse(Errno::EINVAL, &rule::TRUNCATE_WRITES));
        }
        limits::file(why, len)?;
        why.so(&rule::TRUNCATE);
        self.resize(why, open.file, len)?;
        Ok(Pattern::Done)
    }

    pub(crate) fn length(&mut self, why: &mut Why, handle: Handle) -> Answer {
        let (_, open) = self.descriptor(handle)?;
        why.so(&rule::LENGTH);
        Ok(Pattern::Count(self.file(open.file).len))
    }

    /// Give a file a length, with what that does to mappings.
    pub(crate) fn resize(&mut self, why: &mut Why, file: FileId, len: u64) -> Result<(), Stop> {
        seal::resize(why, self.file(file), len)?;
        let page_size = self.page_size();
        self.file(file).resize(len);
        let end = self.file(file).end_page();
        for mapping in self.processes.values_mut().flat_map(|p| p.mappings.values_mut()) {
            destroy_copies(why, mapping, file, end);
            if !len.is_multiple_of(page_size) && mapping.copied(file, &(end - 1..end)) {
                why.so(&rule::COPY_KEEPS_TAIL);
            }
        }
        Ok(())
    }
}

/// What read(2) and write(2) check before they do anything.
fn check_position(why: &mut Why, offset: u64, may: bool, len: u64) -> Result<(), Stop> {
    if offset > LAST {
        return Err(why.refuse(Errno::EINVAL, &rule::OFFSET_RANGE));
    }
    if !may {
        return Err(why.refuse(Errno::EBADF, &rule::NOT_OPEN_FOR));
    }
    if len > ADDRESS_SPACE {
        return Err(why.refuse(Errno::EFAULT, &rule::BUFFER));
    }
    if offset.checked_add(len).is_none_or(|end| end > LAST) {
        return Err(why.refuse(Errno::EINVAL, &rule::OFFSET_RANGE));
    }
    Ok(())
}

/// Pages of the file from `end` on are gone: so are the copies of them.
fn destroy_copies(why: &mut Why, mapping: &mut MappingState, file: FileId, end: u64) {
    let MappingState { areas, copies, .. } = mapping;
    let of_file = |page: u64| {
        let area = areas.iter().find(|area| area.pages.contains(&page))?;
        area.file_page(page).filter(|&(other, _)| other == file).map(|(_, page)| page)
    };
    let before = copies.len();
    copies.retain(|&page, _| of_file(page).is_none_or(|page| page < end));
    if copies.len() < before {
        why.so(&rule::COPIES_DESTROYED);
    }
}
