//! Growing and shrinking a mapping: mremap(2).

use crate::allowed::Pattern;
use crate::limits::{self, ADDRESS_SPACE};
use crate::memory::equal_now;
use crate::why::{Stop, Why};
use crate::world::{Answer, Slot, World};
use crate::{Errno, Sharing, rule};

impl World {
    pub(crate) fn remap(&mut self, why: &mut Why, slot: Slot, len: u64) -> Answer {
        let page_size = self.page_size();
        let state = self.mapping(slot)?;
        if len == 0 {
            return Err(why.refuse(Errno::EINVAL, &rule::REMAP_EMPTY));
        }
        if len > ADDRESS_SPACE {
            return Err(why.refuse(Errno::EINVAL, &rule::REMAP_TOO_LONG));
        }
        let new = len.div_ceil(page_size);
        let old = state.page_count;
        if state.area(0).is_none() {
            return Err(why.refuse(Errno::EFAULT, &rule::REMAP_ONE_AREA));
        }
        if new > old {
            // Without holes, and of one kind.
            if !state.covers(&(0..old)) || !equal_now(&state.areas) {
                return Err(why.refuse(Errno::EFAULT, &rule::REMAP_ONE_AREA));
            }
            if state.areas.len() > 1 && why.either(2, &rule::REMAP_PAST) == 1 {
                return Err(Stop::Failed(Errno::EFAULT));
            }
            let Some(area) = state.areas.last_mut() else { return Err(Stop::Nothing) };
            let charged = area.charged() && area.sharing == Sharing::Private;
            limits::addresses(why, len)?;
            if charged {
                limits::memory(why, len)?;
            }
            why.so(&rule::REMAP_GROWS);
            area.pages.end = new;
        } else {
            why.so(&rule::REMAP_SHRINKS);
            state.unmap(&(new..old));
        }
        state.page_count = new;
        Ok(Pattern::Done)
    }
}
