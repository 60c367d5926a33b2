//! Growing and shrinking a mapping: mremap(2).

use crate::allowed::Pattern;
use crate::limits::{self, ADDRESS_SPACE};
use crate::why::Why;
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
            let [area] = state.areas.as_mut_slice() else {
                return Err(why.refuse(Errno::EFAULT, &rule::REMAP_ONE_AREA));
            };
            if area.pages.end < old {
                return Err(why.refuse(Errno::EFAULT, &rule::REMAP_ONE_AREA));
            }
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
