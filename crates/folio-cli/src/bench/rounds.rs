//! The order in which ways are measured, and for how long.
//!
//! All ways of a *group* (a pattern, a number of threads, a state of the cache) read the same bytes in the same round, each going first
//! as often as the others. Before, and not timed, the bytes are read once with pread(2): that gives the sum that every way must
//! find, and it treats all alike where the device or a hypervisor keeps a cache of its own.
//!
//! How much is read in a round is found by trying: as much as pread(2) does in the time that the whole bench leaves for it.

use std::time::{Duration, Instant};

use crate::failure::{Failure, InputFailure};

use super::cache::{self, State};
use super::place::Subject;
use super::plan::{Pattern, Plan};
use super::read::{Tally, Trouble, once};
use super::stats::Rounds;
use super::way::{Cache, Way};

/// What is to be measured.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) ways: Vec<Way>,
    pub(super) patterns: Vec<Pattern>,
    /// Numbers of threads.
    pub(super) threads: Vec<usize>,
    pub(super) caches: Vec<Cache>,
    pub(super) rounds: u32,
    /// About so long, all together.
    pub(super) time: Duration,
    /// Reads under way in a ring.
    pub(super) depth: u32,
}

/// What is compared with one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) cache: Cache,
    pub(super) pattern: Pattern,
    pub(super) threads: usize,
}

/// One way in one group.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) group: Group,
    pub(super) way: Way,
    pub(super) result: Measured,
}

/// What came out.
#[derive(Clone, Debug)]
pub(super) enum Measured {
    /// Bytes a second in each round.
    Rates {
        rounds: Rounds,
        /// What was read in all rounds together, in bytes, each time one was.
        bytes: u64,
        /// In how many pieces.
        pieces: u64,
        state: State,
    },
    /// It does not make sense here, or is not to be had: why.
    Not(String),
}

/// A measurement of at least this is long enough that the clock and a timer's interrupt do not show.
const SHORTEST: Duration = Duration::from_millis(2);
/// And one of this is long enough for anything.
const LONGEST: Duration = Duration::from_secs(2);

/// Measures everything that is wanted. `tell` hears what is being done, and how far it is, of 1.
pub(super) fn measure(
    subject: &Subject,
    wanted: &Wanted,
    tell: &mut dyn FnMut(&str, f64),
) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut caches = wanted.caches.clone();
    caches.sort_unstable();
    let share = wanted.time / u32::try_from(caches.len().max(1)).unwrap_or(1);
    for (index, &cache) in caches.iter().enumerate() {
        if let (Cache::Cold, Some(why)) = (cache, cache::never_cold(&subject.file)) {
            rows.extend(none_of(wanted, cache, why));
            continue;
        }
        let done = index as f64 / caches.len() as f64;
        let mut tell = |what: &str, part: f64| tell(what, done + part / caches.len() as f64);
        tell(cache.name(), 0.0);
        let mut phase = Phase::new(subject, wanted, cache, Instant::now() + share)?;
        phase.run(&mut tell)?;
        rows.extend(phase.into_rows());
    }
    Ok(rows)
}

fn groups(wanted: &Wanted, cache: Cache) -> impl Iterator<Item = Group> + '_ {
    wanted.threads.iter().flat_map(move |&threads| {
        wanted.patterns.iter().map(move |&pattern| Group { cache, pattern, threads })
    })
}

fn none_of(wanted: &Wanted, cache: Cache, why: &str) -> Vec<Row> {
    let row = |group, way| Row { group, way, result: Measured::Not(why.to_owned()) };
    groups(wanted, cache)
        .flat_map(|group| wanted.ways.iter().map(move |&way| row(group, way)))
        .collect()
}

/// All groups with one state of the cache.
struct Phase<'a> {
    subject: &'a Subject,
    wanted: &'a Wanted,
    cache: Cache,
    until: Instant,
    contests: Vec<Contest>,
}

/// A group while it is measured.
struct Contest {
    group: Group,
    /// How many pieces a run reads.
    pieces: u64,
    /// And at least so many, however short the time gets: with fewer, what is done once for a file would be all that shows.
    fewest: u64,
    cells: Vec<Cell>,
}

struct Cell {
    way: Way,
    /// It reads one piece of so many, because it is so much slower than the others.
    divisor: u64,
    rounds: Rounds,
    bytes: u64,
    pieces: u64,
    state: State,
    /// Why it is not measured, or not any more.
    not: Option<String>,
}

impl<'a> Phase<'a> {
    fn new(
        subject: &'a Subject,
        wanted: &'a Wanted,
        cache: Cache,
        until: Instant,
    ) -> Result<Self, Failure> {
        let cell = |group: Group, way: Way| Cell {
            way,
            divisor: 1,
            rounds: Rounds::default(),
            bytes: 0,
            pieces: 0,
            state: State::Verified,
            not: way.fits(group.pattern, group.cache).err().map(str::to_owned),
        };
        let contests: Vec<_> = groups(wanted, cache)
            .map(|group| Contest {
                group,
                pieces: 1,
                fewest: 1,
                cells: wanted.ways.iter().map(|&way| cell(group, way)).collect(),
            })
            .collect();
        let mut phase = Self { subject, wanted, cache, until, contests };
        phase.calibrate()?;
        Ok(phase)
    }

    /// How long one run of one cell may take: what is left, by all cells and rounds, and half of it for what is not timed.
    fn slice(&self) -> Duration {
        let cells: usize = self.contests.iter().map(Contest::measured).sum();
        let runs =
            u32::try_from(cells).unwrap_or(u32::MAX).saturating_mul(self.wanted.rounds).max(1);
        let left = self.until.saturating_duration_since(Instant::now());
        (left / runs * 2 / 3).clamp(SHORTEST, LONGEST)
    }

    /// Find out how many pieces pread(2) reads in a slice.
    fn calibrate(&mut self) -> Result<(), Failure> {
        cache::prepare(self.subject, self.cache)?;
        let slice = self.slice();
        for index in 0..self.contests.len() {
            let group = self.contests[index].group;
            let most = group.pattern.pieces_in(self.subject.span);
            let mut pieces = (group.threads as u64 * 4).min(most);
            loop {
                let took = self.least(group, pieces, slice)?;
                if pieces >= most || took * 4 >= slice {
                    let contest = &mut self.contests[index];
                    contest.pieces = scaled(pieces, took, slice).clamp(1, most);
                    contest.fewest = (contest.pieces / 4).max(group.threads as u64);
                    break;
                }
                pieces = (pieces * 4).min(most);
            }
            self.find_slow(index, slice)?;
        }
        Ok(())
    }

    /// How long pread(2) takes for so many pieces. A run that was interrupted is not believed: it would leave every way with a few pieces.
    fn least(&self, group: Group, pieces: u64, slice: Duration) -> Result<Duration, Failure> {
        let mut least = Duration::MAX;
        for seed in 0..3 {
            cache::prepare(self.subject, self.cache)?;
            let plan = Plan::new(group.pattern, self.subject.span, pieces, group.threads, seed);
            least = least.min(self.once(Way::Pread, &plan)?.map_or(slice, |once| once.took));
            if least * 4 < slice {
                break;
            }
        }
        Ok(least)
    }

    /// Find the ways that would take all the time: a cold fault may read megabytes ahead for a record. They get as much of the plan as
    /// fills a slice; less would measure what is done once for a file.
    fn find_slow(&mut self, index: usize, slice: Duration) -> Result<(), Failure> {
        for cell in 0..self.contests[index].cells.len() {
            if self.contests[index].cells[cell].not.is_none() {
                self.find_share(index, cell, slice)?;
            }
        }
        Ok(())
    }

    fn find_share(&mut self, index: usize, cell: usize, slice: Duration) -> Result<(), Failure> {
        let Contest { group, pieces: all, .. } = self.contests[index];
        let way = self.contests[index].cells[cell].way;
        let mut pieces = (group.threads as u64 * 4).min(all);
        loop {
            let seed = pieces + cell as u64;
            let plan = Plan::new(group.pattern, self.subject.span, pieces, group.threads, seed);
            cache::prepare(self.subject, self.cache)?;
            match once(way, self.subject, &plan, self.wanted.depth) {
                Ok(once) if pieces < all && once.took < slice => pieces = (pieces * 4).min(all),
                Ok(_) => {
                    self.contests[index].cells[cell].divisor = (all / pieces).max(1);
                    return Ok(());
                }
                Err(trouble) => {
                    let why = trouble.into_failure(self.subject)?;
                    self.contests[index].cells[cell].not = Some(why);
                    return Ok(());
                }
            }
        }
    }

    fn run(&mut self, tell: &mut dyn FnMut(&str, f64)) -> Result<(), Failure> {
        let rounds = self.wanted.rounds;
        let count = self.contests.len();
        for round in 0..rounds {
            let start = Instant::now();
            for index in 0..count {
                let group = self.contests[index].group;
                let what = format!("{} {}", group.cache.name(), group.pattern.name());
                let done =
                    (round as usize * count + index) as f64 / (rounds as usize * count) as f64;
                tell(&what, done);
                self.round(index, round)?;
            }
            self.pace(start.elapsed(), rounds - round - 1);
        }
        Ok(())
    }

    /// The rounds that are left have to fit into the time that is: read less in each if they do not.
    fn pace(&mut self, took: Duration, rounds_left: u32) {
        let left = self.until.saturating_duration_since(Instant::now());
        let needed = took * rounds_left;
        if rounds_left == 0 || needed <= left {
            return;
        }
        for contest in &mut self.contests {
            // What is too short is not worth the time that is saved.
            let part = scaled(contest.pieces, needed, left).max(contest.fewest);
            contest.pieces = part.min(contest.pieces);
        }
    }

    /// Every way of a group once, in turn.
    fn round(&mut self, index: usize, round: u32) -> Result<(), Failure> {
        let Contest { group, pieces, ref cells, .. } = self.contests[index];
        let seed = u64::from(round) + 1;
        let plan = Plan::new(group.pattern, self.subject.span, pieces, group.threads, seed);
        cache::prepare(self.subject, self.cache)?;
        let Some(reference) = self.once(Way::Pread, &plan)? else { return Ok(()) };
        let slice = reference.took.max(SHORTEST);
        let ways: Vec<usize> = (0..cells.len()).filter(|&cell| cells[cell].not.is_none()).collect();
        let first = if ways.is_empty() { 0 } else { round as usize * 7 % ways.len() };
        for &cell in ways[first..].iter().chain(&ways[..first]) {
            self.cell(index, cell, &plan, reference.tally, slice)?;
        }
        Ok(())
    }

    /// One way, as often as it takes to fill the slice; a file that fits into one run is read again.
    fn cell(
        &mut self,
        index: usize,
        cell: usize,
        plan: &Plan,
        expected: Tally,
        slice: Duration,
    ) -> Result<(), Failure> {
        let Cell { way, divisor, .. } = self.contests[index].cells[cell];
        let part = plan.part(divisor);
        let (plan, expected) = if divisor > 1 {
            let Some(reference) = self.once(Way::Pread, &part)? else { return Ok(()) };
            (&part, reference.tally)
        } else {
            (plan, expected)
        };
        let (mut took, mut runs, start) = (Duration::ZERO, 0u64, Instant::now());
        let mut state = cache::prepare(self.subject, self.cache)?;
        loop {
            match once(way, self.subject, plan, self.wanted.depth) {
                Ok(once) if once.tally == expected => took += once.took,
                Ok(_) => return Err(self.other_bytes(way)),
                Err(trouble) => {
                    let why = trouble.into_failure(self.subject)?;
                    self.contests[index].cells[cell].not = Some(why);
                    return Ok(());
                }
            }
            runs += 1;
            // Making it cold takes longer than reading a small file; there has to be an end to that, too.
            if divisor > 1 || took * 2 >= slice || start.elapsed() >= slice * 3 {
                break;
            }
            if self.cache == Cache::Cold {
                state = state.and(cache::prepare(self.subject, self.cache)?);
            }
        }
        let cell = &mut self.contests[index].cells[cell];
        let bytes = plan.bytes() * runs;
        cell.rounds.push(bytes as f64 / took.as_secs_f64().max(1e-9));
        cell.bytes += bytes;
        cell.pieces += plan.pieces() * runs;
        cell.state = cell.state.clone().and(state);
        Ok(())
    }

    /// `None` if pread(2) is not to be had, which does not happen.
    fn once(&self, way: Way, plan: &Plan) -> Result<Option<super::read::Once>, Failure> {
        match once(way, self.subject, plan, self.wanted.depth) {
            Ok(once) => Ok(Some(once)),
            Err(trouble @ Trouble::NotHere(_)) => trouble.into_failure(self.subject).map(|_| None),
            Err(trouble) => Err(trouble.into_failure(self.subject).err().unwrap_or_else(|| {
                InputFailure::refused(self.subject.name.clone(), "cannot be read")
            })),
        }
    }

    /// The sum of the bytes is not that of the other ways.
    fn other_bytes(&self, way: Way) -> Failure {
        if let Err(truncated) = self.subject.check_length() {
            return truncated;
        }
        if self.subject.was_written() {
            return InputFailure::refused(
                self.subject.name.clone(),
                "was written to while it was measured: the ways did not read the same bytes",
            );
        }
        let what = format!("{} read other bytes than pread", way.name());
        self.subject.failed("compare the ways", &std::io::Error::other(what))
    }

    fn into_rows(self) -> impl Iterator<Item = Row> {
        self.contests.into_iter().flat_map(|contest| {
            let group = contest.group;
            contest.cells.into_iter().map(move |cell| Row {
                group,
                way: cell.way,
                result: cell.result(),
            })
        })
    }
}

impl Contest {
    /// How many cells are measured.
    fn measured(&self) -> usize {
        self.cells.iter().filter(|cell| cell.not.is_none()).count()
    }
}

impl Cell {
    fn result(self) -> Measured {
        match self.not {
            Some(why) => Measured::Not(why),
            None => Measured::Rates {
                rounds: self.rounds,
                bytes: self.bytes,
                pieces: self.pieces,
                state: self.state,
            },
        }
    }
}

/// `pieces`, by as much more or less as `wanted` is than `took`.
fn scaled(pieces: u64, took: Duration, wanted: Duration) -> u64 {
    let scaled = u128::from(pieces) * wanted.as_nanos() / took.as_nanos().max(1);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::place::Place;
    use super::*;

    fn everything(caches: Vec<Cache>) -> Wanted {
        Wanted {
            ways: Way::ALL.to_vec(),
            patterns: Pattern::ALL.to_vec(),
            threads: vec![1, 2],
            caches,
            rounds: 2,
            time: Duration::from_millis(500),
            depth: 8,
        }
    }

    #[test]
    fn every_way_has_a_row_in_every_group() {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let place = Place::open(dir.path(), Some(4 << 20), false).unwrap();
        let wanted = everything(vec![Cache::Cold, Cache::Warm]);
        let mut parts = Vec::new();
        let rows = measure(place.subject(), &wanted, &mut |_, part| parts.push(part)).unwrap();
        assert_eq!(rows.len(), Way::ALL.len() * 4 * 2 * 2);
        assert!(parts.is_sorted() && parts.iter().all(|part| (0.0..=1.0).contains(part)));
        for row in &rows {
            let fits = row.way.fits(row.group.pattern, row.group.cache).is_ok();
            match &row.result {
                Measured::Rates { rounds, bytes, pieces, .. } => {
                    assert!(fits && *bytes > 0 && *pieces > 0);
                    assert_eq!(rounds.values().len(), 2);
                    assert!(rounds.values().iter().all(|&rate| rate.is_finite() && rate > 0.0));
                }
                Measured::Not(why) if fits => testfs::skip(row.way.name(), why),
                Measured::Not(why) => assert!(!why.is_empty()),
            }
        }
    }

    #[test]
    fn a_truncated_file_ends_the_bench() {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, vec![1; 2 << 20]).unwrap();
        let place = Place::open(&path, None, false).unwrap();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 20).unwrap();
        let failed = measure(place.subject(), &everything(vec![Cache::Warm]), &mut |_, _| {});
        let Err(Failure::Input(failure)) = failed else { panic!("it was truncated") };
        assert!(failure.to_string().contains("truncated from 2097152 to 1048576"), "{failure}");
    }

    #[test]
    fn amounts_follow_the_time() {
        let (one, four) = (Duration::from_millis(1), Duration::from_millis(4));
        assert_eq!(
            (scaled(100, one, four), scaled(100, four, one), scaled(5, Duration::ZERO, one)),
            (400, 25, 5_000_000)
        );
    }
}
