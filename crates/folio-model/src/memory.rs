//! Mappings: which page shows what, and what may be done with it.
//!
//! A mapping is made of *areas* (the kernel's `vm_area_struct`): runs of pages that come from one place and have one
//! protection. It begins as one; unmapping cuts holes into it, changing protection splits it. Pages count from its first one.
//!
//! A private mapping shows the page cache until a page is stored to; then it has a *copy* of that page, its own from then on.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::byte::Page;
use crate::file::FileId;
use crate::process::OpenId;
use crate::{Protection, Sharing};

/// Where the pages of an area come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// A file, beginning with this page of it. It is `open` as what it was mapped from; shared anonymous memory is a file
    /// without a name that nobody can open.
    File { file: FileId, open: Option<OpenId>, page: u64 },
    /// Zeros: private anonymous memory.
    Zero,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    /// Its pages, counted from the mapping's first.
    pub(crate) pages: Range<u64>,
    pub(crate) behind: Behind,
    pub(crate) sharing: Sharing,
    pub(crate) protection: Protection,
    /// What mprotect(2) may grant: the kernel's `VM_MAYREAD`, `VM_MAYWRITE` and `VM_MAYEXEC`.
    pub(crate) grantable: Protection,
    /// Whether a store can ever have reached the file through it: the kernel's `VM_SHARED`, which a shared mapping of a
    /// descriptor that is only open for reading lacks.
    pub(crate) writer: Writer,
    /// Whether it ever counted as memory in use: the kernel's `VM_ACCOUNT`.
    pub(crate) counted: Counted,
}

/// Whether an area has ever counted as memory in use, by [`Area::charged`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Never,
    Once,
}

/// Whether an area counts as one that writes its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    Yes,
    No,
}

impl Area {
    /// The file and the page of it that is seen at a page of the mapping.
    pub(crate) fn file_page(&self, page: u64) -> Option<(FileId, u64)> {
        match self.behind {
            Behind::File { file, page: first, .. } => Some((file, first + page - self.pages.start)),
            Behind::Zero => None,
        }
    }

    /// Does it count as memory in use before anything is stored to it? That is what `accountable_mapping` says, and
    /// `shmem_acct_size` for shared anonymous memory.
    pub(crate) fn charged(&self) -> bool {
        match self.behind {
            Behind::File { open: None, .. } => true,
            _ => self.sharing == Sharing::Private && self.protection.contains(Protection::WRITE),
        }
    }

    /// The part of it within `pages`, if any.
    fn part(&self, pages: Range<u64>) -> Option<Self> {
        let pages = self.pages.start.max(pages.start)..self.pages.end.min(pages.end);
        if pages.is_empty() {
            return None;
        }
        let behind = match self.behind {
            Behind::File { file, open, page } => {
                Behind::File { file, open, page: page + pages.start - self.pages.start }
            }
            Behind::Zero => Behind::Zero,
        };
        Some(Self { pages, behind, ..self.clone() })
    }
}

/// What is in a slot for a mapping.
#[derive(Clone, Debug)]
pub(crate) struct MappingState {
    /// How many pages it has, those unmapped since included.
    pub(crate) page_count: u64,
    /// In order, without overlap.
    pub(crate) areas: Vec<Area>,
    /// Pages that are this mapping's own, by their place in it.
    pub(crate) copies: BTreeMap<u64, Page>,
}

impl MappingState {
    pub(crate) fn new(area: Area) -> Self {
        Self { page_count: area.pages.end, areas: vec![area], copies: BTreeMap::new() }
    }

    pub(crate) fn area(&self, page: u64) -> Option<&Area> {
        self.areas.iter().find(|area| area.pages.contains(&page))
    }

    pub(crate) fn keeps(&self, open: OpenId) -> bool {
        self.areas.iter().any(
            |area| matches!(area.behind, Behind::File { open: Some(other), .. } if other == open),
        )
    }

    /// Has it a copy of one of these pages of the file?
    pub(crate) fn copied(&self, file: FileId, pages: &Range<u64>) -> bool {
        let file_page = |page: u64| self.area(page).and_then(|area| area.file_page(page));
        self.copies
            .keys()
            .filter_map(|&page| file_page(page))
            .any(|(other, page)| other == file && pages.contains(&page))
    }

    /// The parts of its areas within `pages`, in order.
    pub(crate) fn within(&self, pages: &Range<u64>) -> Vec<Area> {
        self.areas.iter().filter_map(|area| area.part(pages.clone())).collect()
    }

    /// Is every one of these pages mapped?
    pub(crate) fn covers(&self, pages: &Range<u64>) -> bool {
        let mapped: u64 =
            self.within(pages).iter().map(|area| area.pages.end - area.pages.start).sum();
        mapped == pages.end - pages.start
    }

    /// Take pages out, with the copies there.
    pub(crate) fn unmap(&mut self, pages: &Range<u64>) {
        self.areas = self
            .areas
            .iter()
            .flat_map(|area| [area.part(0..pages.start), area.part(pages.end..u64::MAX)])
            .flatten()
            .collect();
        self.copies.retain(|page, _| !pages.contains(page));
    }

    /// Change the areas within `pages`, splitting those that reach out of it.
    pub(crate) fn change(&mut self, pages: &Range<u64>, change: impl Fn(&mut Area)) {
        let mut areas = Vec::new();
        for area in &self.areas {
            areas.extend(area.part(0..pages.start));
            if let Some(mut within) = area.part(pages.clone()) {
                change(&mut within);
                areas.push(within);
            }
            areas.extend(area.part(pages.end..u64::MAX));
        }
        self.areas = areas;
        self.merge();
    }

    /// Neighbours that differ in nothing are one, as the kernel has it (`vma_merge_existing_range`).
    fn merge(&mut self) {
        let mut merged: Vec<Area> = Vec::new();
        for area in self.areas.drain(..) {
            match merged.last_mut() {
                Some(last) if continues(last, &area) => last.pages.end = area.pages.end,
                _ => merged.push(area),
            }
        }
        self.areas = merged;
    }
}

/// Are they one but for their past? Two neighbours, one of which once could be written, may stay two when they have become
/// equal: that hangs on whether anything was stored there by then (mm/mprotect.c: `mprotect_fixup`, `VM_ACCOUNT`).
pub(crate) fn equal_now(areas: &[Area]) -> bool {
    areas.windows(2).all(|pair| {
        let forgetful = Area { counted: pair[0].counted, ..pair[1].clone() };
        continues(&pair[0], &forgetful)
    })
}

/// Could the two be one area?
fn continues(first: &Area, second: &Area) -> bool {
    let whole = Area { pages: first.pages.start..second.pages.end, ..first.clone() };
    first.pages.end == second.pages.start
        && whole.part(second.pages.clone()).as_ref() == Some(second)
}
