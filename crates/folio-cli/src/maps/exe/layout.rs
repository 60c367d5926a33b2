//! Where the segments of an ELF file go in memory. Pure arithmetic, of nothing but numbers.
//!
//! A segment begins and ends at any byte; memory is mapped by whole pages. So a loader maps the pages of the file around the
//! segment ([`Placed`]), and what lies before and after it in the first and last of them comes along: slack. A segment
//! with more memory than bytes in the file goes on with zeros. The rest of its last page is overwritten with them, which copies that
//! page, and after that come anonymous pages.
//!
//! There are two loaders, and they differ in small things: the kernel maps programs and their interpreter
//! (`load_elf_binary` and `elf_load` of fs/binfmt_elf.c, Linux 6.6 and later), the interpreter maps libraries (`_dl_map_object_from_fd` of
//! glibc's elf/dl-load.c, `_dl_map_segments` of elf/dl-map-segments.h).

use std::collections::BTreeMap;
use std::ops::Range;

/// What a process may do with memory: the bits of `p_flags`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Access(u8);

impl Access {
    /// `PF_X`
    pub(crate) const EXECUTE: Self = Self(1);
    /// `PF_W`
    pub(crate) const WRITE: Self = Self(2);
    /// `PF_R`
    pub(crate) const READ: Self = Self(4);

    /// The bits of `p_flags` that a loader looks at.
    pub(crate) fn of_flags(flags: u32) -> Self {
        Self((flags & 7) as u8)
    }

    /// Both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is allowed.
    pub(crate) fn allows(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// `r-x`
    pub(crate) fn letters(self) -> String {
        let letter = |access, letter| if self.allows(access) { letter } else { '-' };
        [letter(Self::READ, 'r'), letter(Self::WRITE, 'w'), letter(Self::EXECUTE, 'x')]
            .iter()
            .collect()
    }
}

/// A segment that is loaded (`PT_LOAD`), with the numbers of its program header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Which entry of the program header table it is.
    pub(crate) index: usize,
    /// `p_offset`, its first byte in the file.
    pub(crate) offset: u64,
    /// `p_vaddr`, its first address, before the bias of something that may be anywhere.
    pub(crate) vaddr: u64,
    /// `p_filesz`, its bytes in the file.
    pub(crate) filesz: u64,
    /// `p_memsz`, its bytes in memory.
    pub(crate) memsz: u64,
    /// `p_align`
    pub(crate) align: u64,
    /// `p_flags`
    pub(crate) access: Access,
}

/// Who maps the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loader {
    /// execve(2): programs, and the interpreter of one.
    Kernel,
    /// glibc's ld.so: libraries.
    Glibc,
}

/// Why a segment cannot be where it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unplaceable {
    /// Its entry of the program header table.
    pub(crate) index: usize,
    pub(crate) why: Why,
}

/// The field that is wrong, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// `p_filesz` is more than `p_memsz`.
    MoreInFile,
    /// `p_offset` and `p_vaddr` are not at the same byte of a page, so that no page of the file could be mapped there.
    Incongruent,
    /// `p_offset` and `p_filesz` end after the last byte that a file can have.
    FileEnd,
    /// `p_vaddr` and `p_memsz` end after the last address.
    MemoryEnd,
}

/// A segment with the pages that it is mapped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) segment: Segment,
    /// The pages of the file that are mapped, in bytes of the file; empty if none are.
    pub(crate) file_pages: Range<u64>,
    /// Their addresses.
    pub(crate) memory_pages: Range<u64>,
    /// Bytes before the segment in its first page of the file.
    pub(crate) slack_before: u64,
    /// Bytes of the file after the segment in its last page, which stay: all of them, but for those that are zeroed.
    pub(crate) slack_after: u64,
    /// Addresses in the last page of the file that the loader overwrites with zeros; empty if there are none.
    pub(crate) zeroed: Range<u64>,
    /// Addresses of the anonymous pages after that; empty if there are none.
    pub(crate) zero_pages: Range<u64>,
}

/// Place a segment with pages of `page` bytes, a power of two.
pub(crate) fn place(segment: Segment, page: u64, loader: Loader) -> Result<Placed, Unplaceable> {
    let no = |why| Unplaceable { index: segment.index, why };
    let Segment { offset, vaddr, filesz, memsz, .. } = segment;
    if filesz > memsz {
        return Err(no(Why::MoreInFile));
    }
    let start = vaddr - vaddr % page;
    let file_end = vaddr.checked_add(filesz).ok_or(no(Why::MemoryEnd))?;
    let memory_end = vaddr.checked_add(memsz).ok_or(no(Why::MemoryEnd))?;
    let pages_end = memory_end.checked_next_multiple_of(page).ok_or(no(Why::MemoryEnd))?;
    // elf_load maps nothing of the file for no bytes; ld.so maps the page that such a segment begins in the middle of.
    let file_pages_end = if filesz == 0 && loader == Loader::Kernel {
        start
    } else {
        // It is at most pages_end.
        file_end.next_multiple_of(page)
    };
    let len = file_pages_end - start;
    let offset_end = offset.checked_add(filesz).ok_or(no(Why::FileEnd))?;
    if len > 0 && offset % page != vaddr % page {
        return Err(no(Why::Incongruent));
    }
    if len > 0 && offset_end.checked_next_multiple_of(page).is_none() {
        return Err(no(Why::FileEnd));
    }
    let first = offset - offset % page;
    let file_pages = if len > 0 { first..first + len } else { first..first };
    let zeroed = zeroed(&segment, file_end..file_pages_end.max(file_end), loader);
    let slack_after =
        if len == 0 { 0 } else { file_pages_end - file_end - (zeroed.end - zeroed.start) };
    Ok(Placed {
        segment,
        file_pages,
        memory_pages: start..file_pages_end,
        slack_before: if len == 0 { 0 } else { vaddr - start },
        slack_after,
        zeroed,
        zero_pages: file_pages_end..pages_end.max(file_pages_end),
    })
}

/// What of `rest`, the bytes after the segment's in its last page of the file, is overwritten with zeros.
///
/// The kernel fills the page; where it may not write, it leaves the bytes of the file there (`padzero`). ld.so stops at
/// the end of the segment, and makes the page writable for the while.
fn zeroed(segment: &Segment, rest: Range<u64>, loader: Loader) -> Range<u64> {
    let end = match loader {
        _ if segment.memsz == segment.filesz => rest.start,
        Loader::Kernel if !segment.access.allows(Access::WRITE) => rest.start,
        Loader::Kernel => rest.end,
        Loader::Glibc => rest.end.min(segment.vaddr + segment.memsz),
    };
    rest.start..end
}

/// What is behind a range of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backing {
    /// The file, from this byte on.
    File(u64),
    /// Zeros, memory of the process's own.
    Zeros,
    /// Nothing: a gap between segments that ld.so keeps for itself (`PROT_NONE`).
    Reserved,
}

/// What a part of a program or a library is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    /// Instructions.
    Text,
    /// Never written: constants, but also headers, symbols and relocations.
    Constants,
    /// Constants that addresses are written into before they are made read-only (RELRO), the GOT among them.
    Relocated,
    /// Variables with a value in the file.
    Data,
    /// Variables that begin as zeros.
    Bss,
    /// A gap that is kept free.
    Gap,
}

impl Part {
    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Constants => "constants",
            Self::Relocated => "relocated constants",
            Self::Data => "data",
            Self::Bss => "bss",
            Self::Gap => "gap",
        }
    }
}

/// A range of memory that is mapped in one way, when the program begins to run its own code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    /// Whole pages, before the bias.
    pub(crate) addresses: Range<u64>,
    pub(crate) backing: Backing,
    /// How it ends up: relocated parts are read-only here.
    pub(crate) access: Access,
    pub(crate) part: Part,
    /// The segment's entry of the program header table; for a gap that of the one before.
    pub(crate) segment: usize,
}

impl Area {
    /// What is left of it from `start` to `end`.
    fn cut(&self, start: u64, end: u64) -> Self {
        let backing = match self.backing {
            Backing::File(offset) => Backing::File(offset + (start - self.addresses.start)),
            other => other,
        };
        Self { addresses: start..end, backing, ..self.clone() }
    }

    /// The bytes of the file that are mapped.
    pub(crate) fn file(&self) -> Option<Range<u64>> {
        match self.backing {
            Backing::File(offset) => {
                Some(offset..offset + (self.addresses.end - self.addresses.start))
            }
            Backing::Zeros | Backing::Reserved => None,
        }
    }
}

/// What memory looks like after the loader, by ascending address.
///
/// A segment that is mapped later replaces what was mapped where it goes (`MAP_FIXED`). `relro` is `p_vaddr` and `p_memsz` of `PT_GNU_RELRO`;
/// whole pages of it are made read-only, both ends rounded down (`_dl_protect_relro` of glibc's elf/dl-reloc.c).
pub(crate) fn areas(
    placed: &[Placed],
    relro: Option<&Range<u64>>,
    page: u64,
    loader: Loader,
) -> Vec<Area> {
    let mut map = Mapped::default();
    if let (Loader::Glibc, [first, .., last]) = (loader, placed) {
        map.put(Area {
            addresses: first.memory_pages.end..last.memory_pages.start,
            backing: Backing::Reserved,
            access: Access::default(),
            part: Part::Gap,
            segment: first.segment.index,
        });
    }
    for one in placed {
        for area in pieces(one, loader) {
            map.put(area);
        }
    }
    if let Some(relro) = relro {
        let down = |address: u64| address - address % page;
        map.protect(down(relro.start)..down(relro.end));
    }
    map.0.into_values().collect()
}

/// The two ways that a segment is mapped: its file, its zeros.
fn pieces(placed: &Placed, loader: Loader) -> [Area; 2] {
    let segment = &placed.segment;
    let access = segment.access;
    let part = if access.allows(Access::EXECUTE) {
        Part::Text
    } else if access.allows(Access::WRITE) {
        Part::Data
    } else {
        Part::Constants
    };
    let zeros = match loader {
        // vm_brk_flags gives VM_DATA_DEFAULT_FLAGS, whatever the segment allows.
        Loader::Kernel => Access::READ.and(Access::WRITE).and(Access(access.0 & 1)),
        Loader::Glibc => access,
    };
    let area = |addresses: &Range<u64>, backing, access, part| Area {
        addresses: addresses.clone(),
        backing,
        access,
        part,
        segment: segment.index,
    };
    [
        area(&placed.memory_pages, Backing::File(placed.file_pages.start), access, part),
        area(&placed.zero_pages, Backing::Zeros, zeros, Part::Bss),
    ]
}

/// Areas by their first address, none of which overlap.
#[derive(Debug, Default)]
struct Mapped(BTreeMap<u64, Area>);

impl Mapped {
    /// Map `area` in place of whatever was there.
    fn put(&mut self, area: Area) {
        if area.addresses.start >= area.addresses.end {
            return;
        }
        self.take(&area.addresses);
        self.0.insert(area.addresses.start, area);
    }

    /// Unmap `range`, and hand out what was there.
    fn take(&mut self, range: &Range<u64>) -> Vec<Area> {
        let before = self.0.range(..range.start).next_back().map(|(&start, _)| start);
        let from = before.unwrap_or(range.start);
        let touched: Vec<u64> = self.0.range(from..range.end).map(|(&start, _)| start).collect();
        let mut taken = Vec::new();
        for start in touched {
            let Some(area) = self.0.remove(&start) else { continue };
            let (start, end) = (area.addresses.start, area.addresses.end);
            for (kept_start, kept_end) in
                [(start, end.min(range.start)), (start.max(range.end), end)]
            {
                if kept_start < kept_end {
                    self.0.insert(kept_start, area.cut(kept_start, kept_end));
                }
            }
            let (taken_start, taken_end) = (start.max(range.start), end.min(range.end));
            if taken_start < taken_end {
                taken.push(area.cut(taken_start, taken_end));
            }
        }
        taken
    }

    /// `mprotect(range, PROT_READ)`, as after relocation.
    fn protect(&mut self, range: Range<u64>) {
        if range.start >= range.end {
            return;
        }
        for mut area in self.take(&range) {
            if area.backing != Backing::Reserved {
                area.access = Access::READ;
                area.part = Part::Relocated;
            }
            self.0.insert(area.addresses.start, area);
        }
    }
}

/// What the areas cost, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Costs {
    /// Of the file, never written: one copy in memory for all who run it.
    pub(crate) shared: u64,
    /// Of the file, and writable: each page that is written becomes the process's own.
    pub(crate) copied_if_written: u64,
    /// Of the file, and written before the program starts: by relocation.
    pub(crate) relocated: u64,
    /// Zeros, had when first touched.
    pub(crate) zeros: u64,
}

/// What `areas` cost.
pub(crate) fn costs(areas: &[Area]) -> Costs {
    let mut costs = Costs::default();
    for area in areas {
        let sum = match (area.backing, area.part) {
            (Backing::Reserved, _) => continue,
            (Backing::Zeros, _) => &mut costs.zeros,
            (Backing::File(_), Part::Relocated) => &mut costs.relocated,
            (Backing::File(_), _) if area.access.allows(Access::WRITE) => {
                &mut costs.copied_if_written
            }
            (Backing::File(_), _) => &mut costs.shared,
        };
        // Areas do not overlap, so that all of them fit into the addresses.
        *sum += area.addresses.end - area.addresses.start;
    }
    costs
}

/// Pages that two segments have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Common {
    /// The pages, in bytes of the file or as addresses.
    pub(crate) pages: Range<u64>,
    /// The entries of the two in the program header table, in the order of where they begin.
    pub(crate) segments: [usize; 2],
}

/// Pages of the file that are mapped by two segments: the end of one and the beginning of the next, usually.
pub(crate) fn mapped_twice(placed: &[Placed]) -> Vec<Common> {
    overlaps(placed.iter().map(|one| (one.file_pages.clone(), one.segment.index)))
}

/// Pages of memory that two segments want. The later one gets them.
pub(crate) fn contested(placed: &[Placed]) -> Vec<Common> {
    overlaps(
        placed.iter().map(|one| (one.memory_pages.start..one.zero_pages.end, one.segment.index)),
    )
}

/// Where a range begins before an earlier one ends. Only the one that reaches furthest is compared with, so that there are
/// never more of these than ranges.
fn overlaps(ranges: impl Iterator<Item = (Range<u64>, usize)>) -> Vec<Common> {
    let mut ranges: Vec<_> = ranges.filter(|(range, _)| range.start < range.end).collect();
    ranges.sort_by_key(|(range, index)| (range.start, *index));
    let mut found = Vec::new();
    let mut furthest: Option<(u64, usize)> = None;
    for (range, index) in ranges {
        if let Some((end, other)) = furthest.filter(|&(end, _)| range.start < end) {
            let pages = range.start..end.min(range.end);
            found.push(Common { pages, segments: [other, index] });
        }
        if furthest.is_none_or(|(end, _)| end < range.end) {
            furthest = Some((range.end, index));
        }
    }
    found
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
