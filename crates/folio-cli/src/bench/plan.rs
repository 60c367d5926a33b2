//! Which bytes are read, in which order: the patterns. Pure; the same seed gives the same plan.

use std::collections::HashSet;
use std::ops::Range;

/// What is read at once where the pattern jumps, in bytes.
pub(super) const RECORD: u64 = 4096;
/// What is read at once where it does not, in bytes. Fits the second-level cache.
pub(super) const BLOCK: u64 = 256 << 10;
/// From one record to the next of the strided pattern, in bytes: as much as the kernel maps around a fault (`fault_around_bytes`),
/// so that each record is a fault of its own.
pub(super) const STRIDE: u64 = 64 << 10;

/// In which order bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Pattern {
    Sequential,
    Strided,
    Random,
    Hot,
}

impl Pattern {
    pub(super) const ALL: [Self; 4] = [Self::Sequential, Self::Strided, Self::Random, Self::Hot];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Strided => "strided",
            Self::Random => "random",
            Self::Hot => "hot",
        }
    }

    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Sequential => "from front to back, 256 KiB at once",
            Self::Strided => "4 KiB every 64 KiB, from front to back",
            Self::Random => "4 KiB at random places of the whole file, none twice",
            Self::Hot => "4 KiB at random places of a tenth of the file, which come again",
        }
    }

    /// The bytes that are read at once.
    pub(super) fn piece(self) -> u64 {
        if self == Self::Sequential { BLOCK } else { RECORD }
    }

    /// How many different pieces a file of `span` bytes has.
    pub(super) fn pieces_in(self, span: u64) -> u64 {
        match self {
            Self::Sequential => span.div_ceil(BLOCK),
            Self::Strided => span.div_ceil(STRIDE),
            Self::Random => span.div_ceil(RECORD),
            // They come again, so there is no end of them; this many touch most of the tenth.
            Self::Hot => hot_records(span).saturating_mul(4),
        }
    }
}

/// The records of the hot tenth.
fn hot_records(span: u64) -> u64 {
    (span.div_ceil(RECORD) / 10).max(1)
}

/// Bytes that are read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// In the file, in bytes; a multiple of [`RECORD`].
    pub(super) offset: u64,
    /// In bytes; short only at the end of the file.
    pub(super) len: usize,
}

/// What each thread reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) pattern: Pattern,
    /// The pieces of each thread, in order.
    pub(super) shares: Vec<Vec<Piece>>,
}

impl Plan {
    /// About `pieces` pieces of the first `span` bytes, for `threads` threads; never more than the pattern has. `seed` moves the window of the
    /// patterns that do not need the whole file.
    pub(super) fn new(pattern: Pattern, span: u64, pieces: u64, threads: usize, seed: u64) -> Self {
        let count = pieces.clamp(1, pattern.pieces_in(span).max(1));
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ pattern as u64);
        let offsets: Vec<u64> = match pattern {
            Pattern::Sequential => window(span.div_ceil(BLOCK), count, seed, BLOCK),
            Pattern::Strided => window(span.div_ceil(STRIDE), count, seed, STRIDE),
            Pattern::Random => distinct(span.div_ceil(RECORD), count, &mut random),
            Pattern::Hot => {
                let (all, hot) = (span.div_ceil(RECORD), hot_records(span));
                let first = random.below(all - hot + 1);
                (0..count).map(|_| (first + random.below(hot)) * RECORD).collect()
            }
        };
        let pieces: Vec<Piece> = offsets
            .into_iter()
            .map(|offset| Piece { offset, len: short(pattern.piece().min(span - offset)) })
            .collect();
        let share = pieces.len().div_ceil(threads.max(1)).max(1);
        Self { pattern, shares: pieces.chunks(share).map(<[Piece]>::to_vec).collect() }
    }

    /// The first of each share, one piece of `divisor`.
    pub(super) fn part(&self, divisor: u64) -> Self {
        let divisor = usize::try_from(divisor.max(1)).unwrap_or(usize::MAX);
        let first = |share: &Vec<Piece>| share[..(share.len() / divisor).max(1)].to_vec();
        Self { pattern: self.pattern, shares: self.shares.iter().map(first).collect() }
    }

    /// The bytes of the file from the first that is read to the last.
    pub(super) fn range(&self) -> Range<u64> {
        let pieces = || self.shares.iter().flatten();
        let start = pieces().map(|piece| piece.offset).min().unwrap_or(0);
        let end = pieces().map(|piece| piece.offset + piece.len as u64).max().unwrap_or(0);
        start..end
    }

    /// How many bytes are read, each time one is.
    pub(super) fn bytes(&self) -> u64 {
        self.shares.iter().flatten().map(|piece| piece.len as u64).sum()
    }

    /// How many pieces are read.
    pub(super) fn pieces(&self) -> u64 {
        self.shares.iter().map(|share| share.len() as u64).sum()
    }
}

/// A piece is at most [`BLOCK`] long.
fn short(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// `count` places in a row of `all`; each seed goes on where the last one ended.
fn window(all: u64, count: u64, seed: u64, step: u64) -> Vec<u64> {
    let first = seed.wrapping_mul(count) % (all - count + 1);
    (first..first + count).map(|place| place * step).collect()
}

/// `count` different records of `all`, in random order.
fn distinct(all: u64, count: u64, random: &mut Random) -> Vec<u64> {
    if count > all / 2 {
        let mut places: Vec<u64> = (0..all).collect();
        for last in (1..places.len()).rev() {
            places.swap(last, short(random.below(last as u64 + 1)));
        }
        places.truncate(short(count));
        return places.into_iter().map(|place| place * RECORD).collect();
    }
    let mut seen = HashSet::new();
    let mut places = Vec::new();
    while (places.len() as u64) < count {
        let place = random.below(all);
        if seen.insert(place) {
            places.push(place * RECORD);
        }
    }
    places
}

/// splitmix64, Steele and others, "Fast splittable pseudorandom number generators".
#[derive(Clone, Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        u64::try_from((u128::from(self.next()) * u128::from(end)) >> 64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces(plan: &Plan) -> Vec<Piece> {
        plan.shares.concat()
    }

    proptest! {
        #[test]
        fn every_piece_lies_in_the_file(span in 1u64..5_000_000, count in 0u64..3000, threads in 1usize..5, seed: u64) {
            for pattern in Pattern::ALL {
                let plan = Plan::new(pattern, span, count, threads, seed);
                prop_assert!(plan.shares.len() <= threads && !plan.shares.is_empty());
                for piece in pieces(&plan) {
                    prop_assert!(piece.len > 0 && piece.offset % RECORD == 0);
                    let end = piece.offset + piece.len as u64;
                    prop_assert!(end <= span);
                    prop_assert!(piece.len as u64 == pattern.piece() || end == span);
                    prop_assert!(plan.range().start <= piece.offset && end <= plan.range().end);
                }
                prop_assert_eq!(plan.pieces(), count.clamp(1, pattern.pieces_in(span)));
            }
        }
    }

    #[test]
    fn sequential_is_without_gaps_and_all_of_it_is_the_file() {
        let plan = Plan::new(Pattern::Sequential, 10_000_000, u64::MAX, 3, 7);
        let mut next = 0;
        for piece in pieces(&plan) {
            assert_eq!(piece.offset, next);
            next += piece.len as u64;
        }
        assert_eq!((next, plan.bytes(), plan.shares.len()), (10_000_000, 10_000_000, 3));
    }

    #[test]
    fn strided_leaves_the_same_gap_each_time() {
        let plan = Plan::new(Pattern::Strided, 10 << 20, 40, 1, 2);
        assert!(pieces(&plan).windows(2).all(|two| two[1].offset - two[0].offset == STRIDE));
    }

    #[test]
    fn random_takes_no_record_twice_and_is_in_no_order() {
        for count in [50, 2000, 2560] {
            let plan = Plan::new(Pattern::Random, 10 << 20, count, 1, 3);
            let offsets: Vec<u64> = pieces(&plan).iter().map(|piece| piece.offset).collect();
            assert_eq!(offsets.iter().collect::<HashSet<_>>().len() as u64, count);
            assert!(!offsets.is_sorted());
        }
    }

    #[test]
    fn hot_stays_within_a_tenth_and_comes_again() {
        let plan = Plan::new(Pattern::Hot, 100 << 20, 10_000, 1, 9);
        assert!(plan.range().end - plan.range().start <= 10 << 20);
        let places: HashSet<u64> = pieces(&plan).iter().map(|piece| piece.offset).collect();
        assert!(places.len() < 2561 && places.len() > 2000, "{}", places.len());
    }

    #[test]
    fn the_next_round_reads_elsewhere_and_the_same_round_the_same() {
        for pattern in Pattern::ALL {
            let plan = |seed| Plan::new(pattern, 100 << 20, 50, 2, seed);
            assert_eq!(plan(1), plan(1));
            assert_ne!(plan(1), plan(2));
        }
    }

    #[test]
    fn a_part_begins_as_the_whole_does() {
        let plan = Plan::new(Pattern::Random, 10 << 20, 100, 2, 3);
        let part = plan.part(10);
        assert_eq!(part.shares[1], plan.shares[1][..5]);
        assert_eq!(plan.part(1), plan);
        assert_eq!(plan.part(u64::MAX).pieces(), 2);
    }

    #[test]
    fn a_file_of_one_byte_has_one_piece() {
        for pattern in Pattern::ALL {
            let pieces = pieces(&Plan::new(pattern, 1, 100, 4, 5));
            assert!(pieces.iter().all(|&piece| piece == Piece { offset: 0, len: 1 }));
        }
    }
}
