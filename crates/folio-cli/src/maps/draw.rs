//! The picture of a process, or of what two share, filled in for [`picture`](crate::picture) to draw.

use std::ffi::OsString;
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::Path;

use folio::process::{self as kernel, ProcessPages};

use super::both::{self, Compared, Comparison, Segment, Space, Told};
use super::flags::{Sort, Via};
use super::group;
use super::kind::Kind;
use super::look::{Look, Mapped, title};
use super::pages::{PageIs, pages};
use super::words::protection;
use crate::name::quoted;
use crate::picture::cells::{Cell, Class, Strip, pages_per_cell};
use crate::picture::process::{CELLS, Group, MAPPINGS, Mapping, Process};
use crate::units::human;

/// How one process is mapped.
pub(super) fn one(
    look: &Look,
    wanted: &[&Mapped],
    map: &ProcessPages,
    via: Via,
    sort: Sort,
) -> Result<Process, folio::Error> {
    let page = page_size();
    let usage = &look.totals.usage;
    let notes = vec![format!(
        "Own {}: what nobody else has, and what is free again when it ends (USS). Share {}: own, and its part of each page \
             that others have too (PSS). Resident {} (RSS). {} of files' pages were copied on write.",
        human(usage.unique()),
        human(usage.share()),
        human(usage.in_memory()),
        human(look.totals.copied.unwrap_or(0)),
    )];
    let mut groups = Vec::new();
    let mut left = MAPPINGS;
    for named in group::by_file(wanted.iter().copied(), sort) {
        if left == 0 {
            break;
        }
        let mut drawn = Vec::new();
        let of_group = wanted.iter().filter(|mapped| mapped.belongs == named.key);
        for mapped in of_group.take(left) {
            let strip = strip_of(mapped, map, via, page)?;
            drawn.push(mapping(&mapped.found.mapping, mapped, strip));
        }
        left -= drawn.len();
        let (own, resident) = (named.figures.usage.unique(), named.figures.usage.in_memory());
        let cost = format!("{} resident, {} of it this process's own", human(resident), human(own));
        if !drawn.is_empty() {
            groups.push(Group { name: quoted(Path::new(&named.key)), cost, mappings: drawn });
        }
    }
    let shown: usize = groups.iter().map(|group| group.mappings.len()).sum();
    Ok(Process {
        title: title(look),
        notes,
        totals: totals(wanted, page),
        page_size: page,
        more: more(wanted, &groups, shown),
        groups,
    })
}

/// Those that are not drawn: how many, and their bytes.
fn more(wanted: &[&Mapped], groups: &[Group], shown: usize) -> Option<(u64, u64)> {
    let all: u64 = wanted.iter().map(|mapped| mapped.found.mapping.len()).sum();
    let drawn = groups.iter().flat_map(|group| &group.mappings);
    let drawn: u64 = drawn.map(|mapping| mapping.addresses.end - mapping.addresses.start).sum();
    (shown < wanted.len()).then(|| ((wanted.len() - shown) as u64, all - drawn))
}

fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

/// What is in memory or in swap space, in pages. What is not is no part of it: addresses cost nothing.
fn totals(wanted: &[&Mapped], page: u64) -> Vec<(Class, u64)> {
    let mut totals =
        [(Class::FilePage, 0), (Class::OwnPage, 0), (Class::SharedPage, 0), (Class::Swapped, 0)];
    for mapped in wanted {
        let usage = &mapped.found.usage;
        let anonymous = usage.anonymous.min(usage.resident);
        let mapping = &mapped.found.mapping;
        let pool = usage.pool_shared + usage.pool_private;
        // Who else has a page says not whether it is a copy, but for a private mapping of a file of hugetlbfs nothing else does.
        let (of_file, own) = match (mapping.sharing, &mapping.object) {
            (kernel::Sharing::Shared, _) => (pool, 0),
            (kernel::Sharing::Private, kernel::Object::HugeAnonymous) => (0, pool),
            (kernel::Sharing::Private, _) => (usage.pool_shared, usage.pool_private),
        };
        let file = usize::from(matches!(mapped.kind, Kind::SharedMemory | Kind::Kernel)) * 2;
        totals[file].1 += (usage.resident - anonymous + of_file) / page;
        totals[1].1 += (anonymous + own) / page;
        totals[3].1 += usage.swapped / page;
    }
    totals.into_iter().filter(|(_, pages)| *pages > 0).collect()
}

fn mapping(found: &kernel::Mapping, mapped: &Mapped, strip: Strip) -> Mapping {
    Mapping {
        addresses: found.addresses.clone(),
        offset: found.file.map(|_| found.offset),
        protection: protection(found),
        kind: mapped.kind.to_string(),
        resident: Some(mapped.found.usage.in_memory()),
        strip,
    }
}

fn strip_of(
    mapped: &Mapped,
    map: &ProcessPages,
    via: Via,
    page: u64,
) -> Result<Strip, folio::Error> {
    let shared = mapped.kind == Kind::SharedMemory;
    let runs = pages(map, mapped, via)?.into_iter().map(|run| {
        let class = match run.are {
            PageIs::TheFiles if shared => Class::SharedPage,
            PageIs::TheFiles => Class::FilePage,
            PageIs::TheKernels => Class::SharedPage,
            PageIs::Copied | PageIs::Anonymous => Class::OwnPage,
            PageIs::Swapped => Class::Swapped,
            PageIs::Zeros | PageIs::Guard | PageIs::Absent => Class::NotPresent,
        };
        (run.addresses, class)
    });
    Ok(strip(mapped.found.mapping.addresses.clone(), page, runs))
}

/// The cells of `addresses`, which `runs` cover in order.
fn strip(
    addresses: Range<u64>,
    page: u64,
    runs: impl Iterator<Item = (Range<u64>, Class)>,
) -> Strip {
    let pages = (addresses.end - addresses.start).div_ceil(page);
    let most = NonZeroU64::new(CELLS).unwrap_or(NonZeroU64::MIN);
    let cell_bytes = pages_per_cell(pages, most).saturating_mul(page);
    let count = (addresses.end - addresses.start).div_ceil(cell_bytes);
    let mut cells = vec![Cell::default(); usize::try_from(count).unwrap_or(0)];
    for (run, class) in runs {
        let mut at = run.start;
        while at < run.end {
            let index = (at - addresses.start) / cell_bytes;
            let end = run.end.min(addresses.start + (index + 1).saturating_mul(cell_bytes));
            if let Some(cell) = usize::try_from(index).ok().and_then(|index| cells.get_mut(index)) {
                add(cell, class, (end - at).div_ceil(page));
            }
            at = end;
        }
    }
    Strip { start: addresses.start, cell_bytes, cells }
}

fn add(cell: &mut Cell, class: Class, pages: u64) {
    match cell.parts.iter_mut().find(|(other, _)| *other == class) {
        Some((_, sum)) => *sum += pages,
        None => cell.parts.push((class, pages)),
    }
}

/// What two processes share.
pub(super) fn two(looks: [&Look; 2], comparison: &Comparison) -> Process {
    let page = page_size();
    let [same, perhaps, different, first, second] = super::beside::sums(&comparison.parts);
    let [one, two] = looks.map(title);
    let mut notes = vec![format!(
        "{} are the same pages in both; at the same place but different {}; only in the first {}; only in the second {}.",
        human(same),
        human(different),
        human(first),
        human(second),
    )];
    if comparison.frames == Told::No {
        notes.push(format!(
            "{} are perhaps the same, drawn as different: of anonymous and copied pages the kernel tells root alone.",
            human(perhaps)
        ));
    }
    let mut left = MAPPINGS;
    let mut skipped = (0, 0);
    let mut groups: Vec<(u64, Group)> = Vec::new();
    let mut parts: Vec<&Compared> = comparison.parts.iter().collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.sums()));
    for part in parts {
        let mappings = drawn(looks, part, page);
        let kept = mappings.len().min(left);
        left -= kept;
        let (shown, others) = mappings.split_at(kept);
        skipped.0 += others.len() as u64;
        skipped.1 +=
            others.iter().map(|other| other.addresses.end - other.addresses.start).sum::<u64>();
        let sums = part.sums();
        let present: u64 = sums.iter().sum();
        let cost = format!("{} of {} are the same pages", human(sums[0]), human(present));
        let name = quoted(Path::new(&part.name));
        if !shown.is_empty() {
            groups.push((sums[0], Group { name, cost, mappings: shown.to_vec() }));
        }
    }
    let totals = [
        (Class::Both, same),
        (Class::Different, perhaps + different),
        (Class::FirstOnly, first),
        (Class::SecondOnly, second),
    ];
    Process {
        title: format!("{one} and {two}"),
        notes,
        totals: totals
            .into_iter()
            .map(|(class, bytes)| (class, bytes / page))
            .filter(|(_, n)| *n > 0)
            .collect(),
        page_size: page,
        groups: groups.into_iter().map(|(_, group)| group).collect(),
        more: (skipped.0 > 0).then_some(skipped),
    }
}

/// The mappings of a part: those of the first process, and those of the second that show other places.
fn drawn(looks: [&Look; 2], part: &Compared, page: u64) -> Vec<Mapping> {
    type Address = fn(&Segment) -> Option<u64>;
    let of = |look: &Look, address: Address| -> Vec<(Range<u64>, Mapping)> {
        let matching = look.mappings.iter().filter(|mapped| is_of(mapped, &part.name, &part.space));
        let placed = matching.map(|mapped| {
            let found = &mapped.found.mapping;
            let places = part.space.places(found);
            let moved = compared_strip(part, &places, found.addresses.start, page, &address);
            (places, mapping(found, mapped, moved))
        });
        placed.collect()
    };
    let [one, two] = looks;
    let mut first = of(one, |segment| segment.first);
    let second = of(two, |segment| segment.second);
    let overlaps = |a: &Range<u64>, b: &Range<u64>| a.start < b.end && b.start < a.end;
    let others: Vec<_> = second
        .into_iter()
        .filter(|(places, _)| !first.iter().any(|(taken, _)| overlaps(taken, places)))
        .collect();
    first.extend(others);
    first.into_iter().map(|(_, mapping)| mapping).collect()
}

fn is_of(mapped: &Mapped, name: &OsString, space: &Space) -> bool {
    mapped.belongs == *name && Space::of(&mapped.found.mapping) == *space
}

/// The cells of a mapping that shows `places` from address `start` on. Where its process has a page, `address` of the segment
/// says at which: a page of a file may be in two mappings, and in memory in one of them alone. What the other process alone has is
/// shown where this mapping has nothing.
fn compared_strip(
    part: &Compared,
    places: &Range<u64>,
    start: u64,
    page: u64,
    address: &impl Fn(&Segment) -> Option<u64>,
) -> Strip {
    let shift = |place: u64| start + (place - places.start);
    let inside =
        part.segments.iter().filter(|s| s.at.start < places.end && places.start < s.at.end);
    let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
    for segment in inside {
        let at = segment.at.start.max(places.start)..segment.at.end.min(places.end);
        match address(segment).map(|address| address + (at.start - segment.at.start)) {
            Some(address) if address == shift(at.start) => here.push((at, class(segment))),
            Some(_) => {}
            None => elsewhere.push((at, class(segment))),
        }
    }
    let mut runs = Vec::new();
    let mut at = places.start;
    for (run, class) in here {
        fill(at..run.start, &elsewhere, &mut runs);
        at = run.end;
        runs.push((run, class));
    }
    fill(at..places.end, &elsewhere, &mut runs);
    let runs = runs.into_iter().map(|(at, class)| (shift(at.start)..shift(at.end), class));
    strip(start..shift(places.end), page, runs)
}

/// Add to `runs` what there is of `others` in the places of `gap`, where the mapping has nothing.
fn fill(gap: Range<u64>, others: &[(Range<u64>, Class)], runs: &mut Vec<(Range<u64>, Class)>) {
    let mut at = gap.start;
    for (other, class) in others {
        let (start, end) = (other.start.max(at), other.end.min(gap.end));
        if start < end {
            runs.extend([(at..start, Class::Neither), (start..end, *class)]);
            at = end;
        }
    }
    runs.push((at..gap.end, Class::Neither));
}

fn class(segment: &Segment) -> Class {
    match segment.class {
        both::Class::Same => Class::Both,
        both::Class::Perhaps | both::Class::Different => Class::Different,
        both::Class::First => Class::FirstOnly,
        both::Class::Second => Class::SecondOnly,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After a fork others have the pages too, and no file has.
    #[test]
    fn huge_pages_of_a_private_mapping_are_no_files() {
        const HUGE: u64 = 2 << 20;
        let mapped = |sharing, kind| Mapped {
            found: kernel::MappingUsage {
                mapping: kernel::Mapping {
                    addresses: 0..HUGE,
                    protection: kernel::Protection::READ,
                    sharing,
                    offset: 0,
                    file: Some(kernel::FileId { major: 0, minor: 15, inode: 7 }),
                    object: kernel::Object::HugeAnonymous,
                },
                usage: kernel::Usage { size: HUGE, pool_shared: HUGE, ..Default::default() },
                page_size: HUGE,
                flags: kernel::VmFlags::HUGETLB,
                unknown_flags: Vec::new(),
            },
            kind,
            belongs: "[huge]".into(),
        };
        let private = mapped(kernel::Sharing::Private, Kind::Anonymous);
        assert_eq!(totals(&[&private], HUGE), [(Class::OwnPage, 1)]);
        let shared = mapped(kernel::Sharing::Shared, Kind::SharedMemory);
        assert_eq!(
            totals(&[&private, &shared], HUGE),
            [(Class::OwnPage, 1), (Class::SharedPage, 1)]
        );
    }

    #[test]
    fn cells_hold_every_page_once() {
        const PAGE: u64 = 4096;
        let start = 0x10_0000;
        let at = |page: u64| start + page * PAGE;
        for pages in [1, 63, 64, 65, 1000, 1 << 20] {
            let (third, half) = (pages / 3, pages / 2);
            let runs = [
                (at(0)..at(third), Class::FilePage),
                (at(third)..at(half), Class::OwnPage),
                (at(half)..at(pages), Class::NotPresent),
            ];
            let strip = strip(start..at(pages), PAGE, runs.into_iter());
            assert!(strip.cells.len() as u64 <= CELLS, "{pages}");
            let sum = |class: Class| {
                let parts = strip.cells.iter().flat_map(|cell| &cell.parts);
                parts.filter(|(other, _)| *other == class).map(|(_, pages)| pages).sum::<u64>()
            };
            let sums = [Class::FilePage, Class::OwnPage, Class::NotPresent].map(sum);
            assert_eq!(sums, [third, half - third, pages - half], "{pages}");
        }
    }
}
