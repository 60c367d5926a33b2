//! Writing out: msync(2), fsync(2), fdatasync(2).

use crate::allowed::Pattern;
use crate::memory::Writer;
use crate::protect::check_pages;
use crate::why::Why;
use crate::world::{Answer, Handle, Slot, World};
use crate::{Errno, Msync, rule};

impl World {
    /// fsync(2), and fdatasync(2), which leaves out only what is not needed to find the content again.
    pub(crate) fn sync(&mut self, why: &mut Why, handle: Handle) -> Answer {
        let (_, open) = self.descriptor(handle)?;
        why.so(&rule::SYNC);
        self.file(open.file).disk.sync_all();
        Ok(Pattern::Done)
    }

    pub(crate) fn flush(
        &mut self,
        why: &mut Why,
        slot: Slot,
        how: Msync,
        offset: u64,
        len: u64,
    ) -> Answer {
        let page_size = self.page_size();
        let state = self.mapping(slot)?;
        let pages = check_pages(why, page_size, offset, len)?;
        let (areas, covered) = (state.within(&pages), state.covers(&pages));
        for area in areas {
            let Some((file, first)) = area.file_page(area.pages.start) else { continue };
            match (how, area.writer) {
                (Msync::Async, _) => why.so(&rule::MSYNC_ASYNC),
                (Msync::Sync, Writer::No) => why.so(&rule::MSYNC_WRITERS),
                (Msync::Sync, Writer::Yes) => {
                    why.so(&rule::MSYNC);
                    let end = first + (area.pages.end - area.pages.start);
                    self.file(file).disk.sync(first * page_size..end.saturating_mul(page_size));
                }
            }
        }
        if !covered {
            return Err(why.refuse(Errno::ENOMEM, &rule::HOLE));
        }
        why.so(&rule::MSYNC_RANGE);
        Ok(Pattern::Done)
    }
}
