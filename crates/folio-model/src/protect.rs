//! Changing protection: mprotect(2).

use std::ops::Range;

use crate::allowed::Pattern;
use crate::limits::{self, LAST};
use crate::memory::Counted;
use crate::why::{Stop, Why};
use crate::world::{Answer, Slot, World};
use crate::{Errno, Protection, Sharing, rule};

impl World {
    pub(crate) fn protect(
        &mut self,
        why: &mut Why,
        slot: Slot,
        protection: Protection,
        offset: u64,
        len: u64,
    ) -> Answer {
        let page_size = self.page_size();
        let state = self.mapping(slot)?;
        let pages = check_pages(why, page_size, offset, len)?;
        // Area by area: what comes before one that refuses is changed.
        let mut changed = pages.start;
        for area in state.within(&pages) {
            if area.pages.start != changed {
                break;
            }
            if !area.grantable.contains(protection) {
                let lacks = protection - area.grantable;
                let exec = lacks == Protection::EXEC;
                let rule = if exec { &rule::NO_EXEC } else { &rule::PROTECT_WRITES };
                return Err(why.refuse(Errno::EACCES, rule));
            }
            why.so(&rule::PROTECT);
            changed = area.pages.end;
            let becomes_charged = area.sharing == Sharing::Private
                && protection.contains(Protection::WRITE)
                && !area.protection.contains(Protection::WRITE);
            if becomes_charged {
                limits::memory(why, (area.pages.end - area.pages.start) * page_size)?;
            }
            state.change(&area.pages, |area| {
                area.protection = protection;
                if area.charged() {
                    area.counted = Counted::Once;
                }
            });
        }
        if changed < pages.end {
            return Err(why.refuse(Errno::ENOMEM, &rule::HOLE));
        }
        Ok(Pattern::Done)
    }
}

/// The pages that a call is about which begins at one and ends anywhere.
pub(crate) fn check_pages(
    why: &mut Why,
    page_size: u64,
    offset: u64,
    len: u64,
) -> Result<Range<u64>, Stop> {
    if !offset.is_multiple_of(page_size) {
        return Err(why.refuse(Errno::EINVAL, &rule::PROTECT_ALIGNED));
    }
    let first = offset / page_size;
    let end = first + len.div_ceil(page_size);
    if end > LAST / page_size {
        let errno = [Errno::ENOMEM, Errno::EINVAL][why.either(2, &rule::RANGE_WRAPS)];
        return Err(Stop::Failed(errno));
    }
    Ok(first..end)
}
