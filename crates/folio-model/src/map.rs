//! Making mappings and taking them away.

use crate::allowed::Pattern;
use crate::file::{FileId, FileState};
use crate::limits::{self, ADDRESS_SPACE};
use crate::memory::{Area, Behind, Counted, MappingState, Writer};
use crate::process::OpenId;
use crate::why::{Stop, Why};
use crate::world::{Answer, Slot, World};
use crate::{Backing, Errno, Facility, FileKind, Protection, Sharing, permission, rule, seal};

/// What mmap(2) is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) backing: Backing,
    pub(crate) sharing: Sharing,
    pub(crate) protection: Protection,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl World {
    /// mmap(2). The order of the checks is the kernel's: the first that fails names the error.
    pub(crate) fn map(&mut self, why: &mut Why, slot: Slot, wanted: Wanted) -> Answer {
        let page_size = self.page_size();
        let open = match wanted.backing {
            Backing::File(descriptor) => Some(self.descriptor((slot.0, descriptor))?),
            Backing::Anonymous => None,
        };
        if !wanted.offset.is_multiple_of(page_size) {
            return Err(why.refuse(Errno::EINVAL, &rule::MAP_ALIGNED));
        }
        let pages = check_len(why, &wanted, page_size)?;
        let first = wanted.offset / page_size;
        let mut area = match open {
            Some((id, open)) => {
                limits::mapped_file(why, first + pages, page_size)?;
                let allowed = permission::map(why, open.access, wanted.sharing, wanted.protection)?;
                let behind = Behind::File { file: open.file, open: Some(id), page: first };
                let mut area = Area { pages: 0..pages, behind, ..area(wanted, allowed) };
                if !self.has(open.file, Facility::Execute) {
                    permission::no_exec(why, &mut area)?;
                }
                seal::map(why, self.file(open.file), &mut area)?;
                area
            }
            None => {
                let behind = self.anonymous(wanted.sharing, pages);
                Area { pages: 0..pages, behind, ..area(wanted, permission::anonymous()) }
            }
        };
        if area.charged() {
            area.counted = Counted::Once;
            limits::memory(why, wanted.len)?;
        }
        why.so(&rule::MAP);
        self.process(slot.0)?.mappings.insert(slot.1, MappingState::new(area));
        Ok(Pattern::Done)
    }

    /// What stands behind anonymous memory: if it is shared, a file without a name, as long as it (mm/shmem.c).
    fn anonymous(&mut self, sharing: Sharing, pages: u64) -> Behind {
        if sharing == Sharing::Private {
            return Behind::Zero;
        }
        let page_size = self.page_size();
        self.files.push(FileState::new(FileKind::Memory, page_size, pages * page_size));
        Behind::File { file: FileId(self.files.len() - 1), open: None::<OpenId>, page: 0 }
    }

    /// munmap(2)
    pub(crate) fn unmap(&mut self, why: &mut Why, slot: Slot, offset: u64, len: u64) -> Answer {
        let page_size = self.page_size();
        let state = self.mapping(slot)?;
        let beyond = offset >= ADDRESS_SPACE || len >= ADDRESS_SPACE;
        if !offset.is_multiple_of(page_size) || len == 0 || beyond {
            return Err(why.refuse(Errno::EINVAL, &rule::UNMAP_EMPTY));
        }
        why.so(&rule::UNMAP);
        let first = offset / page_size;
        state.unmap(&(first..first + len.div_ceil(page_size)));
        if state.areas.is_empty() {
            self.process(slot.0)?.mappings.remove(&slot.1);
        }
        Ok(Pattern::Done)
    }
}

/// How many pages it is.
fn check_len(why: &mut Why, wanted: &Wanted, page_size: u64) -> Result<u64, Stop> {
    if wanted.len == 0 {
        return Err(why.refuse(Errno::EINVAL, &rule::MAP_EMPTY));
    }
    limits::addresses(why, wanted.len)?;
    Ok(wanted.len.div_ceil(page_size))
}

fn area(wanted: Wanted, (grantable, writer): (Protection, Writer)) -> Area {
    Area {
        pages: 0..0,
        behind: Behind::Zero,
        sharing: wanted.sharing,
        protection: wanted.protection,
        grantable,
        writer,
        counted: Counted::Never,
    }
}
