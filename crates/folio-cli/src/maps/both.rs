//! What two processes share, page by page.
//!
//! A page of a file that is the file's in both processes is the same page of the page cache: file and offset say so, and
//! everybody who may look at both processes can tell. Other pages, anonymous ones and those copied on write, are the same
//! only if they have been since a fork. The frame of memory tells, which is for root (`CAP_SYS_ADMIN`); others are told whether
//! a page is in one mapping alone, and if not, it may be this process or another that has it too. Such pages are compared
//! where a fork leaves them, at equal addresses or offsets.
//!
//! A process may map a part of a file twice, and have the file's page there and copies of it: then the file's pages are compared
//! first, and a copy with a copy ([`layers`]). The kernel's own pages (`[vdso]`) are where chance put them in each process, and are
//! compared by where in their mapping they are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;

use folio::process::{
    Categories, FileId, FrameFlags, Frames, Mapping, Object, PageEntry, ProcessPages, Scan,
};

use super::flags::Via;
use super::look::{Look, Mapped};

/// What a page, or the place for one, is to two processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Class {
    /// The same page in both.
    Same,
    /// At the same place in both, where a fork or the kernel would put it, and in several mappings: perhaps the same.
    Perhaps,
    /// At the same place, but each has its own.
    Different,
    /// In the first alone.
    First,
    /// In the second alone.
    Second,
}

impl Class {
    pub(super) const ALL: [Self; 5] =
        [Self::Same, Self::Perhaps, Self::Different, Self::First, Self::Second];

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Perhaps => "perhaps",
            Self::Different => "different",
            Self::First => "first",
            Self::Second => "second",
        }
    }
}

/// Places that are of one class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Offsets in the file or in the mapping, or addresses; [`Space`] tells.
    pub(super) at: Range<u64>,
    /// Where it begins in the memory of each process that has it.
    pub(super) first: Option<u64>,
    pub(super) second: Option<u64>,
    pub(super) class: Class,
}

/// What pages are compared by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Space {
    /// Their offsets in this file.
    File(FileId),
    /// Their addresses.
    Addresses,
    /// Where in the mapping they are: for what the kernel puts somewhere in every process.
    Mapping,
}

impl Space {
    /// What the pages of `mapping` are compared by.
    pub(super) fn of(mapping: &Mapping) -> Self {
        match (mapping.file, &mapping.object) {
            (Some(file), _) => Self::File(file),
            (None, Object::Kernel(_)) => Self::Mapping,
            (None, _) => Self::Addresses,
        }
    }

    /// Where there is room for the pages of `mapping`.
    pub(super) fn places(&self, mapping: &Mapping) -> Range<u64> {
        match self {
            Self::File(_) => mapping.offset..mapping.offset.saturating_add(mapping.len()),
            Self::Addresses => mapping.addresses.clone(),
            Self::Mapping => 0..mapping.len(),
        }
    }
}

/// The pages of one file, or of memory of one name.
#[derive(Clone, Debug)]
pub(super) struct Compared {
    pub(super) name: OsString,
    pub(super) space: Space,
    /// In order.
    pub(super) segments: Vec<Segment>,
}

/// How many bytes there are of each class, in the order of [`Class::ALL`].
pub(super) type Sums = [u64; 5];

impl Compared {
    pub(super) fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for segment in &self.segments {
            sums[segment.class as usize] += segment.at.end - segment.at.start;
        }
        sums
    }
}

/// Everything that two processes have in memory, compared.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) parts: Vec<Compared>,
    /// Whether frames could be compared.
    pub(super) frames: Told,
}

/// Whether the kernel tells of frames of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Yes,
    No,
}

/// A process, and the ways to its pages.
#[derive(Debug)]
pub(super) struct Side<'a> {
    pub(super) look: &'a Look,
    pub(super) map: ProcessPages,
}

/// Whose a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// The file's.
    Cache,
    /// Anonymous or copied.
    Own,
}

/// Neighbouring pages of a process.
#[derive(Clone, Debug)]
struct Piece {
    at: Range<u64>,
    address: u64,
    held: Held,
}

impl Piece {
    fn address_of(&self, at: u64) -> u64 {
        self.address + (at - self.at.start)
    }

    /// Its pages at `at`.
    fn part(&self, at: Range<u64>) -> Self {
        Self { address: self.address_of(at.start), at, held: self.held }
    }
}

type Pieces = BTreeMap<(OsString, Space), [Vec<Piece>; 2]>;

/// Compare what both have of the mappings that `is_wanted`.
pub(super) fn compare(
    sides: &[Side<'_>; 2],
    via: Via,
    is_wanted: impl Fn(&Mapped) -> bool,
) -> Result<Comparison, (usize, folio::Error)> {
    let mut pieces = Pieces::new();
    for (number, side) in sides.iter().enumerate() {
        for mapped in side.look.mappings.iter().filter(|mapped| is_wanted(mapped)) {
            collect(&side.map, mapped, via, number, &mut pieces)
                .map_err(|error| (number, error))?;
        }
    }
    let mut told = Told::No;
    let mut parts = Vec::new();
    for ((name, space), pieces) in pieces {
        let mut segments = Vec::new();
        for (segment, held) in paired(pieces) {
            match (held, segment.first, segment.second) {
                (Both::Own, Some(first), Some(second)) => {
                    let pair = Pair { at: segment.at, first, second, space: &space };
                    pair.by_page(sides, &mut told, &mut segments)?;
                }
                _ => push(&mut segments, segment),
            }
        }
        if !segments.is_empty() {
            parts.push(Compared { name, space, segments });
        }
    }
    // Where no page needed it, ask whether it would have been told.
    if told == Told::No && Frames::open().is_ok() {
        told = Told::Yes;
    }
    Ok(Comparison { parts, frames: told })
}

fn collect(
    map: &ProcessPages,
    mapped: &Mapped,
    via: Via,
    number: usize,
    pieces: &mut Pieces,
) -> Result<(), folio::Error> {
    let (mapping, usage) = (&mapped.found.mapping, &mapped.found.usage);
    if usage.resident + usage.huge() == 0 {
        return Ok(());
    }
    let scan = Scan {
        // The page of zeros is nobody's memory.
        inverted: Categories::ZERO,
        all_of: Categories::PRESENT | Categories::ZERO,
        report: Categories::PRESENT | Categories::FILE,
        ..Scan::default()
    };
    let space = Space::of(mapping);
    let first = space.places(mapping).start;
    let shift = |address: u64| first + (address - mapping.addresses.start);
    let held = |categories: Categories| match categories.contains(Categories::FILE) {
        // The kernel's pages are of no file by which they could be told.
        true if space != Space::Mapping => Held::Cache,
        _ => Held::Own,
    };
    let found = map.runs(mapping.addresses.clone(), scan)?.into_iter().map(|run| Piece {
        at: shift(run.addresses.start)..shift(run.addresses.end),
        address: run.addresses.start,
        held: held(run.categories),
    });
    let found: Vec<_> = match via {
        Via::Best => found.collect(),
        Via::Text => without_zeros(map, found.collect())?,
    };
    if !found.is_empty() {
        let both = pieces.entry((mapped.belongs.clone(), space)).or_default();
        both[number].extend(found);
    }
    Ok(())
}

/// Entries do not tell the page of zeros from others; its frame does, to root.
fn without_zeros(map: &ProcessPages, pieces: Vec<Piece>) -> Result<Vec<Piece>, folio::Error> {
    let Ok(frames) = Frames::open() else { return Ok(pieces) };
    let mut kept = Vec::new();
    for piece in pieces {
        if piece.held == Held::Cache {
            kept.push(piece);
            continue;
        }
        let len = piece.at.end - piece.at.start;
        let entries = map.entries(piece.address..piece.address + len)?;
        let page = len / (entries.len() as u64).max(1);
        for (number, entry) in (0u64..).zip(entries) {
            let flags = entry.frame().and_then(|frame| frames.flags(frame).ok());
            if flags.is_some_and(|flags| flags.contains(FrameFlags::ZERO_PAGE)) {
                continue;
            }
            let at = piece.at.start + number * page;
            kept.push(Piece { at: at..at + page, address: piece.address_of(at), held: Held::Own });
        }
    }
    Ok(kept)
}

/// Each page of the first process beside the one of the second that it is to be compared with, by ascending places.
fn paired([first, second]: [Vec<Piece>; 2]) -> Vec<(Segment, Both)> {
    let is_cache = |piece: &Piece| piece.held == Held::Cache;
    let (first_cache, mut first): (Vec<_>, Vec<_>) = first.into_iter().partition(is_cache);
    let (second_cache, mut second): (Vec<_>, Vec<_>) = second.into_iter().partition(is_cache);
    let sweep = Sweep { first: &disjoint(first_cache), second: &disjoint(second_cache) };
    let (mut found, rest): (Vec<_>, Vec<_>) =
        sweep.segments().into_iter().partition(|(segment, _)| segment.class == Class::Same);
    // What is the file's in one of them alone is at the place of a copy in the other, or of nothing.
    for (Segment { at, first: in_first, second: in_second, .. }, _) in rest {
        let piece = |address| Piece { at: at.clone(), address, held: Held::Cache };
        first.extend(in_first.map(piece));
        second.extend(in_second.map(piece));
    }
    let (first, second) = (layers(first), layers(second));
    for layer in 0..first.len().max(second.len()) {
        let [first, second] =
            [&first, &second].map(|layers| layers.get(layer).map_or(&[][..], Vec::as_slice));
        found.extend(Sweep { first, second }.segments());
    }
    found.sort_by_key(|(segment, _)| segment.at.start);
    found
}

/// In order, and each place once: the same page of a file may be mapped twice.
fn disjoint(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.sort_by_key(|piece| (piece.at.start, piece.address));
    let mut end = 0;
    pieces.retain_mut(|piece| {
        let start = piece.at.start.max(end);
        if start >= piece.at.end {
            return false;
        }
        *piece = piece.part(start..piece.at.end);
        end = piece.at.end;
        true
    });
    pieces
}

/// The pieces, in as many layers as there are at one place, each in order. Copies come before the file's page, so that a copy is
/// compared with a copy.
fn layers(mut pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut edges: Vec<u64> =
        pieces.iter().flat_map(|piece| [piece.at.start, piece.at.end]).collect();
    edges.sort_unstable();
    edges.dedup();
    pieces.sort_by_key(|piece| piece.at.start);
    let mut layers: Vec<Vec<Piece>> = Vec::new();
    let mut here: Vec<Piece> = Vec::new();
    let mut coming = pieces.into_iter().peekable();
    for (&start, &end) in edges.iter().zip(edges.iter().skip(1)) {
        here.retain(|piece| piece.at.end > start);
        here.extend(std::iter::from_fn(|| coming.next_if(|piece| piece.at.start == start)));
        here.sort_by_key(|piece| (piece.held == Held::Cache, piece.address_of(start)));
        layers.resize_with(layers.len().max(here.len()), Vec::new);
        for (layer, piece) in layers.iter_mut().zip(&here) {
            layer.push(piece.part(start..end));
        }
    }
    layers
}

/// Whether both have pages of their own at a place, so that each page has to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Both {
    Own,
    Otherwise,
}

/// Goes through the pieces of both, in order.
#[derive(Debug)]
struct Sweep<'a> {
    first: &'a [Piece],
    second: &'a [Piece],
}

impl Sweep<'_> {
    fn segments(&self) -> Vec<(Segment, Both)> {
        let mut found = Vec::new();
        let (mut first, mut second) = (self.first, self.second);
        let mut at = 0;
        loop {
            first = after(first, at);
            second = after(second, at);
            let starts = [first.first(), second.first()].into_iter().flatten();
            let Some(start) = starts.clone().map(|piece| piece.at.start.max(at)).min() else {
                return found;
            };
            let has =
                |pieces: &[Piece]| pieces.first().filter(|piece| piece.at.start <= start).cloned();
            let (a, b) = (has(first), has(second));
            // Up to where the first of them ends, or another begins.
            let edges = starts.flat_map(|piece| [piece.at.start, piece.at.end]);
            let Some(end) = edges.filter(|&edge| edge > start).min() else { return found };
            found.push(segment(start..end, a.as_ref(), b.as_ref()));
            at = end;
        }
    }
}

/// The pieces that do not end before `at`.
fn after(pieces: &[Piece], at: u64) -> &[Piece] {
    &pieces[pieces.iter().take_while(|piece| piece.at.end <= at).count()..]
}

fn segment(at: Range<u64>, first: Option<&Piece>, second: Option<&Piece>) -> (Segment, Both) {
    let (class, both) = match (first.map(|piece| piece.held), second.map(|piece| piece.held)) {
        (Some(Held::Cache), Some(Held::Cache)) => (Class::Same, Both::Otherwise),
        (Some(Held::Own), Some(Held::Own)) => (Class::Different, Both::Own),
        (Some(_), Some(_)) => (Class::Different, Both::Otherwise),
        (Some(_), None) => (Class::First, Both::Otherwise),
        (None, _) => (Class::Second, Both::Otherwise),
    };
    let address = |piece: Option<&Piece>| piece.map(|piece| piece.address_of(at.start));
    let (first, second) = (address(first), address(second));
    (Segment { at, first, second, class }, both)
}

/// How many bytes of entries are compared at once.
const WINDOW: u64 = 32 << 20;

/// Places where each process has a page of its own, or both the same since a fork.
#[derive(Debug)]
struct Pair<'a> {
    at: Range<u64>,
    /// The addresses in each.
    first: u64,
    second: u64,
    space: &'a Space,
}

impl Pair<'_> {
    /// Compare the pages.
    fn by_page(
        &self,
        sides: &[Side<'_>; 2],
        told: &mut Told,
        segments: &mut Vec<Segment>,
    ) -> Result<(), (usize, folio::Error)> {
        let mut start = self.at.start;
        while start < self.at.end {
            let end = self.at.end.min(start + WINDOW);
            let moved = [self.first, self.second].map(|address| address + (start - self.at.start));
            let ask = |number: usize| {
                let range = moved[number]..moved[number] + (end - start);
                sides[number].map.entries(range).map_err(|error| (number, error))
            };
            let (first, second) = (ask(0)?, ask(1)?);
            let page = (end - start) / (first.len() as u64).max(1);
            for (number, (a, b)) in (0u64..).zip(first.into_iter().zip(second)) {
                let skip = number * page;
                let at = start + skip..start + skip + page;
                let (first, second) = (Some(moved[0] + skip), Some(moved[1] + skip));
                push(segments, Segment { at, first, second, class: self.class(a, b, told) });
            }
            start = end;
        }
        Ok(())
    }

    fn class(&self, first: PageEntry, second: PageEntry, told: &mut Told) -> Class {
        let may_be_same = self.first == self.second || *self.space == Space::Mapping;
        match (first.frame(), second.frame()) {
            (Some(a), Some(b)) => {
                *told = Told::Yes;
                if a == b { Class::Same } else { Class::Different }
            }
            _ if first.is_exclusive() || second.is_exclusive() || !may_be_same => Class::Different,
            _ => Class::Perhaps,
        }
    }
}

/// Add a segment, joining it to the last one where they touch, in memory too, and are the same.
fn push(segments: &mut Vec<Segment>, next: Segment) {
    if let Some(last) = segments.last_mut() {
        let len = last.at.end - last.at.start;
        let follows = |before: Option<u64>, after: Option<u64>| before.map(|at| at + len) == after;
        if last.class == next.class
            && last.at.end == next.at.start
            && follows(last.first, next.first)
            && follows(last.second, next.second)
        {
            last.at.end = next.at.end;
            return;
        }
    }
    segments.push(next);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(at: Range<u64>, held: Held) -> Piece {
        Piece { address: at.start + 0x1000, at, held }
    }

    #[test]
    fn places_are_told_apart_at_every_edge() {
        let first = [piece(0..4, Held::Cache), piece(4..6, Held::Own), piece(10..12, Held::Own)];
        let second = [piece(2..5, Held::Cache), piece(5..7, Held::Own)];
        let sweep = Sweep { first: &first, second: &second };
        let found: Vec<_> = sweep
            .segments()
            .into_iter()
            .map(|(segment, both)| (segment.at, segment.class, both))
            .collect();
        assert_eq!(
            found,
            [
                (0..2, Class::First, Both::Otherwise),
                (2..4, Class::Same, Both::Otherwise),
                (4..5, Class::Different, Both::Otherwise),
                (5..6, Class::Different, Both::Own),
                (6..7, Class::Second, Both::Otherwise),
                (10..12, Class::First, Both::Otherwise),
            ]
        );
    }

    #[test]
    fn a_place_that_is_mapped_twice_counts_once() {
        let twice =
            vec![piece(0..8, Held::Cache), piece(4..12, Held::Cache), piece(2..6, Held::Own)];
        let once = disjoint(twice);
        let places: Vec<_> = once.iter().map(|piece| (piece.at.clone(), piece.address)).collect();
        assert_eq!(places, [(0..8, 0x1000), (8..12, 0x1008)]);
    }

    #[test]
    fn the_files_page_is_compared_with_the_files_and_a_copy_with_a_copy() {
        let at = |address: u64, at: Range<u64>, held| Piece { address, at, held };
        // The first copied place 2 in a mapping below the one that shows the file; the second maps the same the other way round, and
        // has no page of the file at 5 but a copy.
        let first = vec![at(102, 2..3, Held::Own), at(200, 0..6, Held::Cache)];
        let second = vec![
            at(300, 0..5, Held::Cache),
            at(402, 2..3, Held::Own),
            at(403, 3..4, Held::Own),
            at(405, 5..6, Held::Own),
        ];
        let found: Vec<_> = paired([first, second])
            .into_iter()
            .map(|(segment, both)| (segment.at, segment.class, segment.first, segment.second, both))
            .collect();
        let (own, otherwise) = (Both::Own, Both::Otherwise);
        assert_eq!(
            found,
            [
                (0..5, Class::Same, Some(200), Some(300), otherwise),
                (2..3, Class::Different, Some(102), Some(402), own),
                (3..4, Class::Second, None, Some(403), otherwise),
                (5..6, Class::Different, Some(205), Some(405), otherwise),
            ]
        );
    }

    #[test]
    fn neighbours_that_are_alike_are_joined_where_their_addresses_are() {
        let segment = |at: Range<u64>, first: u64| Segment {
            at,
            first: Some(first),
            second: None,
            class: Class::First,
        };
        let mut segments = Vec::new();
        push(&mut segments, segment(0..4, 100));
        push(&mut segments, segment(4..8, 104));
        push(&mut segments, segment(8..9, 200));
        assert_eq!(segments, [segment(0..8, 100), segment(8..9, 200)]);
    }
}
