//! The picture of a process, or of what two share, filled in for [`picture`](crate::picture) to draw.

use std::collections::BTreeMap;
use std::ffi::OsStr;
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
    let mut groups = Vec::new();
    let by_part = by_part(looks);
    let mut parts: Vec<&Compared> = comparison.parts.iter().collect();
    parts.sort_by_cached_key(|part| std::cmp::Reverse(part.sums()));
    for part in parts {
        let both = by_part.get(&(part.name.as_os_str(), part.space.clone()));
        let mappings = both.map(|both| together(both, &part.space)).unwrap_or_default();
        let (shown, others) = mappings.split_at(mappings.len().min(left));
        left -= shown.len();
        skipped.0 += others.len() as u64;
        skipped.1 += others.iter().map(|(_, other)| other.found.mapping.len()).sum::<u64>();
        if shown.is_empty() {
            continue;
        }
        let segments = Segments::of(&part.segments);
        let drawn = shown.iter().map(|(of, mapped)| {
            let found = &mapped.found.mapping;
            let places = part.space.places(found);
            let strip = compared_strip(&segments, &places, found.addresses.start, page, *of);
            mapping(found, mapped, strip)
        });
        let sums = part.sums();
        let present: u64 = sums.iter().sum();
        let cost = format!("{} of {} are the same pages", human(sums[0]), human(present));
        let name = quoted(Path::new(&part.name));
        groups.push(Group { name, cost, mappings: drawn.collect() });
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
        groups,
        more: (skipped.0 > 0).then_some(skipped),
    }
}

/// Which of the two processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    First,
    Second,
}

impl Of {
    /// Where `segment` is in the memory of the process.
    fn address(self, segment: &Segment) -> Option<u64> {
        match self {
            Self::First => segment.first,
            Self::Second => segment.second,
        }
    }
}

/// The mappings of one part, of each process.
type OfBoth<'a> = [Vec<&'a Mapped>; 2];

/// The mappings of both processes, by what they are compared by.
fn by_part(looks: [&Look; 2]) -> BTreeMap<(&OsStr, Space), OfBoth<'_>> {
    let mut parts: BTreeMap<_, OfBoth<'_>> = BTreeMap::new();
    for (number, look) in looks.into_iter().enumerate() {
        for mapped in &look.mappings {
            let part = (mapped.belongs.as_os_str(), Space::of(&mapped.found.mapping));
            parts.entry(part).or_default()[number].push(mapped);
        }
    }
    parts
}

/// The mappings that are drawn of a part: those of the first process, and those of the second that show other places.
fn together<'a>([first, second]: &OfBoth<'a>, space: &Space) -> Vec<(Of, &'a Mapped)> {
    let places = |mapped: &Mapped| space.places(&mapped.found.mapping);
    let taken = union(first.iter().map(|mapped| places(mapped)).collect());
    let others = second.iter().filter(|mapped| !is_in(&places(mapped), &taken));
    let first = first.iter().map(|mapped| (Of::First, *mapped));
    first.chain(others.map(|mapped| (Of::Second, *mapped))).collect()
}

/// The same places in order, those that overlap or touch as one.
fn union(mut places: Vec<Range<u64>>) -> Vec<Range<u64>> {
    places.sort_by_key(|places| places.start);
    places.dedup_by(|next, last| {
        let joins = next.start <= last.end;
        if joins {
            last.end = last.end.max(next.end);
        }
        joins
    });
    places
}

/// Whether some of `places` are in the `union` of others.
fn is_in(places: &Range<u64>, union: &[Range<u64>]) -> bool {
    let after = union.partition_point(|taken| taken.end <= places.start);
    union.get(after).is_some_and(|taken| taken.start < places.end)
}

/// The segments of a part, so that those at some places are found without looking at all: there may be as many mappings as segments.
#[derive(Debug)]
struct Segments<'a> {
    /// In the order of their beginnings.
    segments: Vec<&'a Segment>,
    /// For each, the furthest end of it and those before it; they may overlap.
    ends: Vec<u64>,
}

impl<'a> Segments<'a> {
    fn of(segments: &'a [Segment]) -> Self {
        let mut segments: Vec<_> = segments.iter().collect();
        segments.sort_by_key(|segment| segment.at.start);
        let ends = segments.iter().scan(0, |furthest: &mut u64, segment| {
            *furthest = segment.at.end.max(*furthest);
            Some(*furthest)
        });
        Self { ends: ends.collect(), segments }
    }

    /// All that are at `places`, and few others.
    fn around(&self, places: &Range<u64>) -> &[&'a Segment] {
        let from = self.ends.partition_point(|end| *end <= places.start);
        let to = self.segments.partition_point(|segment| segment.at.start < places.end);
        self.segments.get(from..to).unwrap_or_default()
    }
}

/// The cells of a mapping that shows `places` from address `start` on. Where its process has a page, the segment says at which
/// address: a page of a file may be in two mappings, and in memory in one of them alone. What the other process alone has is
/// shown where this mapping has nothing.
fn compared_strip(
    segments: &Segments<'_>,
    places: &Range<u64>,
    start: u64,
    page: u64,
    of: Of,
) -> Strip {
    let shift = |place: u64| start + (place - places.start);
    let inside = segments.around(places).iter().filter(|segment| places.start < segment.at.end);
    let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
    for segment in inside {
        let at = segment.at.start.max(places.start)..segment.at.end.min(places.end);
        match of.address(segment).map(|address| address + (at.start - segment.at.start)) {
            Some(address) if address == shift(at.start) => here.push((at, class(segment))),
            Some(_) => {}
            None => elsewhere.push((at, class(segment))),
        }
    }
    let elsewhere = disjoint(elsewhere);
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

/// The same in order, each place once.
fn disjoint(mut runs: Vec<(Range<u64>, Class)>) -> Vec<(Range<u64>, Class)> {
    let mut end = 0;
    runs.retain_mut(|(run, _)| {
        run.start = run.start.max(end);
        end = end.max(run.end);
        run.start < run.end
    });
    runs
}

/// Add to `runs` what there is of `others` in the places of `gap`, where the mapping has nothing. Others are [`disjoint`].
fn fill(gap: Range<u64>, others: &[(Range<u64>, Class)], runs: &mut Vec<(Range<u64>, Class)>) {
    let from = others.partition_point(|(other, _)| other.end <= gap.start);
    let mut at = gap.start;
    for (other, class) in others[from..].iter().take_while(|(other, _)| other.start < gap.end) {
        let (start, end) = (other.start.max(at), other.end.min(gap.end));
        runs.extend([(at..start, Class::Neither), (start..end, *class)]);
        at = end;
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

    fn segment(at: Range<u64>, first: Option<u64>, second: Option<u64>) -> Segment {
        let class = if first.is_some() { both::Class::First } else { both::Class::Second };
        Segment { at, first, second, class }
    }

    #[test]
    fn of_many_segments_few_are_looked_at_for_a_mapping() {
        const MANY: u64 = 100_000;
        // One for each mapping, in an order that pages compared one by one leave, and one that goes over some of them.
        let own = |index: u64| segment(10 * index..10 * index + 8, Some(10 * index), None);
        let mut segments: Vec<_> = (0..MANY).rev().map(own).collect();
        segments.push(segment(40..80, None, Some(0)));
        let found = Segments::of(&segments);
        let mut seen = 0;
        for index in 0..MANY {
            let places = 10 * index..10 * (index + 1);
            let around = found.around(&places);
            assert!(around.contains(&&own(index)));
            assert_eq!(around.contains(&&segments[100_000]), (4..8).contains(&index), "{index}");
            seen += around.len() as u64;
        }
        assert!(seen < MANY + 16, "{seen}");
        assert!(found.around(&(10 * MANY..20 * MANY)).is_empty());
        assert!(found.around(&(8..10)).is_empty());
    }

    #[test]
    fn mappings_that_show_a_place_of_another_are_known() {
        let taken = union(vec![30..40, 0..10, 5..20, 20..25]);
        assert_eq!(taken, [0..25, 30..40]);
        for (places, expected) in
            [(0..1, true), (24..26, true), (25..30, false), (39..50, true), (40..50, false)]
        {
            assert_eq!(is_in(&places, &taken), expected, "{places:?}");
        }
    }

    #[test]
    fn what_the_other_has_is_shown_where_a_mapping_has_nothing() {
        // The other process has the whole, and parts of it once more.
        let both = [
            segment(0..10, None, Some(500)),
            segment(2..3, Some(102), None),
            segment(5..6, Some(105), None),
            segment(5..7, None, Some(900)),
            segment(20..21, None, Some(520)),
        ];
        let strip = compared_strip(&Segments::of(&both), &(1..24), 101, 1, Of::First);
        let cells: Vec<_> = strip.cells.iter().map(|cell| cell.parts[0].0).collect();
        let at = |place: u64| match place {
            2 | 5 => Class::FirstOnly,
            1..10 | 20 => Class::SecondOnly,
            _ => Class::Neither,
        };
        assert_eq!(cells, (1..24).map(at).collect::<Vec<_>>());
        assert!(strip.cells.iter().all(|cell| cell.parts.len() == 1));
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
