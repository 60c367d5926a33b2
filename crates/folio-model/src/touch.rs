//! Loads and stores, and the faults they meet.

use std::ops::Range;

use crate::allowed::Pattern;
use crate::byte::{Byte, Page};
use crate::file::FileId;
use crate::permission::{self, Touch};
use crate::why::{Stop, Why};
use crate::world::{Answer, Slot, World};
use crate::{Sharing, Signal, rule};

/// Where the bytes of a page are that a touch has found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// In a page of a file in the page cache.
    File(FileId, u64),
    /// In the mapping's own copy.
    Copy,
    /// Nowhere yet: it is anonymous and was not stored to.
    Zero,
}

impl World {
    pub(crate) fn load(&mut self, why: &mut Why, slot: Slot, offset: u64, len: u64) -> Answer {
        self.mapping(slot)?;
        let mut bytes = Vec::new();
        for (page, within) in self.split(offset, len) {
            match self.touch(why, slot, page, Touch::Load)? {
                Ok(place) => {
                    for at in within {
                        bytes.push(self.byte(why, slot, page, place, at)?);
                    }
                }
                Err(signal) => {
                    let at = bytes.len() as u64;
                    return Ok(Pattern::Fault { signal, at, before: bytes });
                }
            }
        }
        why.so(&rule::LOAD);
        Ok(Pattern::Bytes(bytes))
    }

    pub(crate) fn store(
        &mut self,
        why: &mut Why,
        slot: Slot,
        offset: u64,
        len: u64,
        fill: u8,
    ) -> Answer {
        self.mapping(slot)?;
        let mut at = 0;
        for (page, within) in self.split(offset, len) {
            match self.touch(why, slot, page, Touch::Store)? {
                Ok(place) => {
                    at += within.end - within.start;
                    self.set(why, slot, page, place, within, fill)?;
                }
                Err(signal) => return Ok(Pattern::Fault { signal, at, before: Vec::new() }),
            }
        }
        why.so(&rule::STORE);
        Ok(Pattern::Done)
    }

    /// A range of a mapping page by page: which page, and which bytes of it.
    fn split(&self, offset: u64, len: u64) -> impl Iterator<Item = (u64, Range<u64>)> + use<> {
        let page_size = self.page_size();
        let end = offset.saturating_add(len);
        let pages = offset / page_size..end.div_ceil(page_size);
        pages.filter(move |_| len > 0).map(move |page| {
            let start = page * page_size;
            (page, offset.max(start) - start..(end - start).min(page_size))
        })
    }

    /// The page fault: `handle_mm_fault`.
    pub(crate) fn touch(
        &mut self,
        why: &mut Why,
        slot: Slot,
        page: u64,
        touch: Touch,
    ) -> Result<Result<Place, Signal>, Stop> {
        let page_size = self.page_size();
        let state = self.mapping(slot)?;
        let Some(area) = state.area(page).cloned() else {
            why.so(&rule::NOT_MAPPED);
            return Ok(Err(Signal::Segv));
        };
        if !permission::touch(why, &area, touch) {
            why.so(&rule::PROTECTED);
            return Ok(Err(Signal::Segv));
        }
        let has_copy = state.copies.contains_key(&page);
        if has_copy {
            why.so(&rule::COPIED);
        }
        let found = match area.file_page(page) {
            _ if has_copy => return Ok(Ok(Place::Copy)),
            Some((file, number)) if number >= self.file(file).end_page() => {
                why.so(&rule::PAST_END);
                return Ok(Err(Signal::Bus));
            }
            Some((file, number)) => Place::File(file, number),
            None => Place::Zero,
        };
        if touch == Touch::Load || area.sharing == Sharing::Shared {
            why.so(match (found, area.sharing) {
                (Place::Zero, _) => &rule::ANONYMOUS,
                (_, Sharing::Shared) => &rule::SHARED,
                (_, Sharing::Private) => &rule::PRIVATE_FOLLOWS,
            });
            return Ok(Ok(found));
        }
        why.so(&rule::PRIVATE);
        let copy = match found {
            Place::File(file, number) => self.file(file).page(number),
            Place::Copy | Place::Zero => Page::zero(page_size),
        };
        self.mapping(slot)?.copies.insert(page, copy);
        Ok(Ok(Place::Copy))
    }

    fn byte(
        &mut self,
        why: &mut Why,
        slot: Slot,
        page: u64,
        place: Place,
        at: u64,
    ) -> Result<Byte, Stop> {
        let page_size = self.page_size();
        Ok(match place {
            Place::Zero => Byte::ZERO,
            Place::Copy => self.mapping(slot)?.copies.get(&page).map_or(Byte::ZERO, |c| c.byte(at)),
            Place::File(file, number) => {
                let offset = number * page_size + at;
                if offset >= self.file(file).len {
                    why.so(&rule::TAIL);
                }
                let byte = self.file(file).byte(offset);
                if matches!(byte, Byte::ZeroOr(_)) {
                    why.so(&rule::TAIL_STORE);
                }
                byte
            }
        })
    }

    fn set(
        &mut self,
        why: &mut Why,
        slot: Slot,
        page: u64,
        place: Place,
        within: Range<u64>,
        fill: u8,
    ) -> Result<(), Stop> {
        let page_size = self.page_size();
        for at in within {
            match place {
                Place::File(file, number) => {
                    let offset = number * page_size + at;
                    let file = self.file(file);
                    let byte = if offset < file.len {
                        Byte::Known(fill)
                    } else {
                        why.so(&rule::TAIL_STORE);
                        Byte::zero_or(fill)
                    };
                    file.set(offset, byte);
                }
                Place::Copy | Place::Zero => {
                    if let Some(copy) = self.mapping(slot)?.copies.get_mut(&page) {
                        copy.set(at, Byte::Known(fill));
                    }
                }
            }
        }
        Ok(())
    }

    /// A byte was loaded and is this.
    pub(crate) fn learn_loaded(&mut self, slot: Slot, offset: u64, seen: u8) {
        let page_size = self.page_size();
        let (page, at) = (offset / page_size, offset % page_size);
        let Ok(state) = self.mapping(slot) else { return };
        if let Some(copy) = state.copies.get_mut(&page) {
            if copy.byte(at) != Byte::Known(seen) {
                copy.set(at, Byte::Known(seen));
            }
        } else if let Some((file, number)) = state.area(page).and_then(|area| area.file_page(page))
        {
            self.file(file).learn(number * page_size + at, seen);
        }
    }
}
