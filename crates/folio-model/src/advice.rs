//! Advice that changes content or brings pages in: madvise(2).

use std::ops::Range;

use crate::allowed::Pattern;
use crate::memory::{Area, Writer};
use crate::permission::Touch;
use crate::protect::check_pages;
use crate::why::{Stop, Why};
use crate::world::{Answer, Slot, World};
use crate::{Advice, Errno, Protection, Sharing, rule};

impl World {
    pub(crate) fn advise(
        &mut self,
        why: &mut Why,
        slot: Slot,
        advice: Advice,
        offset: u64,
        len: u64,
    ) -> Answer {
        let page_size = self.page_size();
        self.mapping(slot)?;
        let pages = check_pages(why, page_size, offset, len)?;
        match advice {
            Advice::PopulateRead => self.populate(why, slot, &pages, Touch::Load)?,
            Advice::PopulateWrite => self.populate(why, slot, &pages, Touch::Store)?,
            Advice::WillNeed | Advice::DontNeed | Advice::Remove => {
                // Holes are passed over, and told of in the end.
                for area in self.mapping(slot)?.within(&pages) {
                    self.advise_area(why, slot, &area, advice)?;
                }
                if !self.mapping(slot)?.covers(&pages) {
                    return Err(why.refuse(Errno::ENOMEM, &rule::HOLE));
                }
            }
        }
        why.so(&rule::ADVICE);
        Ok(Pattern::Done)
    }

    fn advise_area(
        &mut self,
        why: &mut Why,
        slot: Slot,
        area: &Area,
        advice: Advice,
    ) -> Result<(), Stop> {
        match advice {
            Advice::DontNeed => {
                why.so(&rule::DONT_NEED);
                let copies = &mut self.mapping(slot)?.copies;
                copies.retain(|page, _| !area.pages.contains(page));
                Ok(())
            }
            Advice::Remove => self.remove(why, area),
            Advice::WillNeed | Advice::PopulateRead | Advice::PopulateWrite => {
                why.so(&rule::WILL_NEED);
                Ok(())
            }
        }
    }

    /// `MADV_REMOVE`: punch a hole into the file.
    fn remove(&mut self, why: &mut Why, area: &Area) -> Result<(), Stop> {
        let page_size = self.page_size();
        let Some((file, first)) = area.file_page(area.pages.start) else {
            return Err(why.refuse(Errno::EINVAL, &rule::REMOVE_FILE));
        };
        if area.writer == Writer::No || !area.grantable.contains(Protection::WRITE) {
            return Err(why.refuse(Errno::EACCES, &rule::REMOVE_WRITES));
        }
        let end = first + (area.pages.end - area.pages.start);
        why.so(&rule::REMOVE);
        self.punch(why, file, first * page_size, end.saturating_mul(page_size))
    }

    /// `MADV_POPULATE_READ` and `MADV_POPULATE_WRITE`: touch every page, but with an error where a touch faults.
    fn populate(
        &mut self,
        why: &mut Why,
        slot: Slot,
        pages: &Range<u64>,
        touch: Touch,
    ) -> Result<(), Stop> {
        for page in pages.clone() {
            let Some(area) = self.mapping(slot)?.area(page).cloned() else {
                return Err(why.refuse(Errno::ENOMEM, &rule::HOLE));
            };
            let needed = match touch {
                Touch::Load => Protection::READ,
                Touch::Store => Protection::WRITE,
            };
            if !area.protection.contains(needed) {
                return Err(why.refuse(Errno::EINVAL, &rule::POPULATE_PROTECTED));
            }
            if self.touch(why, slot, page, touch)?.is_err() {
                return Err(why.refuse(Errno::EFAULT, &rule::POPULATE_FAULTS));
            }
        }
        why.so(match (touch, self.mapping(slot)?.area(pages.start).map(|area| area.sharing)) {
            (Touch::Store, Some(Sharing::Private)) => &rule::POPULATE_COPIES,
            _ => &rule::POPULATE,
        });
        Ok(())
    }
}
