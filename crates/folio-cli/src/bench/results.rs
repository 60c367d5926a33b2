//! Everything that was measured, for advice and for the reports. Pure.

use std::time::Duration;

use super::cache::State;
use super::costs::Costs;
use super::plan::Pattern;
use super::rounds::{Measured, Row};
use super::stats::Spread;
use super::way::{Cache, Way};
use super::writing::WriteRow;

/// How it was measured.
#[derive(Clone, Debug)]
pub(super) struct Method {
    pub(super) name: String,
    pub(super) own: bool,
    pub(super) filesystem: String,
    pub(super) kernel: String,
    /// Of the file, in bytes.
    pub(super) len: u64,
    /// Of what is measured of it, in bytes.
    pub(super) span: u64,
    pub(super) rounds: u32,
    pub(super) depth: u32,
    pub(super) took: Duration,
    /// Why there are no rows about writing, if there are none.
    pub(super) no_writing: Option<String>,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Results {
    pub(super) method: Method,
    pub(super) costs: Costs,
    pub(super) reads: Vec<Row>,
    pub(super) writes: Vec<WriteRow>,
}

impl Results {
    /// Bytes a second of a way; `None` if it was not measured.
    pub(super) fn rate(
        &self,
        cache: Cache,
        pattern: Pattern,
        threads: usize,
        way: Way,
    ) -> Option<Spread> {
        self.row(cache, pattern, threads, way)?.rate()
    }

    pub(super) fn row(
        &self,
        cache: Cache,
        pattern: Pattern,
        threads: usize,
        way: Way,
    ) -> Option<&Row> {
        self.reads.iter().find(|row| {
            (row.group.cache, row.group.pattern, row.group.threads, row.way)
                == (cache, pattern, threads, way)
        })
    }

    /// The ways of a group that were measured, the fastest first.
    pub(super) fn ranking(
        &self,
        cache: Cache,
        pattern: Pattern,
        threads: usize,
    ) -> Vec<(Way, Spread)> {
        let mut ways: Vec<_> = self
            .reads
            .iter()
            .filter(|row| {
                (row.group.cache, row.group.pattern, row.group.threads) == (cache, pattern, threads)
            })
            .filter_map(|row| Some((row.way, row.rate()?)))
            .collect();
        ways.sort_by(|a, b| b.1.median.total_cmp(&a.1.median));
        ways
    }

    /// Whether the way is the fastest of its group, or cannot be told from it.
    pub(super) fn is_best(&self, row: &Row) -> bool {
        let ranking = self.ranking(row.group.cache, row.group.pattern, row.group.threads);
        match (ranking.first(), row.rate()) {
            (Some((_, best)), Some(rate)) => best.touches(rate),
            _ => false,
        }
    }

    /// The different values of a column, in the order of the rows.
    pub(super) fn distinct<T: PartialEq>(&self, of: impl Fn(&Row) -> T) -> Vec<T> {
        let mut found = Vec::new();
        for row in &self.reads {
            let value = of(row);
            if !found.contains(&value) {
                found.push(value);
            }
        }
        found
    }

    /// What has to be said about rows: ways that are not to be had, and states of the cache that were not as they had to be.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = self.not_to_be_had();
        for row in &self.reads {
            let Measured::Rates { state, .. } = &row.result else { continue };
            let cache = row.group.cache.name();
            let remark = match state {
                State::Verified => continue,
                State::Unverified(why) => format!("whether it was {cache} is not known: {why}"),
                State::Not(why) => {
                    let pattern = row.group.pattern.name();
                    format!("{} {pattern} was not {cache}: {why}", row.way.name())
                }
            };
            if !remarks.contains(&remark) {
                remarks.push(remark);
            }
        }
        remarks
    }

    /// Ways that are not to be had, by the reason, which is often the same for many.
    fn not_to_be_had(&self) -> Vec<String> {
        let mut reasons: Vec<(&str, Vec<&Row>)> = Vec::new();
        for row in &self.reads {
            match &row.result {
                // What makes no sense is said by --list.
                Measured::Not(why)
                    if row.way.fits(row.group.pattern, row.group.cache) != Err(why) =>
                {
                    match reasons.iter_mut().find(|(known, _)| known == why) {
                        Some((_, rows)) => rows.push(row),
                        None => reasons.push((why, vec![row])),
                    }
                }
                _ => {}
            }
        }
        let all = self.distinct(|row| row.way).len();
        let told = |(why, rows): (&str, Vec<&Row>)| {
            let mut ways: Vec<&str> = Vec::new();
            for row in &rows {
                if !ways.contains(&row.way.name()) {
                    ways.push(row.way.name());
                }
            }
            match rows.first() {
                Some(row) if ways.len() == all && all > 1 => {
                    format!("nothing is {}: {why}", row.group.cache.name())
                }
                _ => {
                    let rows = match rows.len() {
                        1 => "1 row".to_owned(),
                        many => format!("{many} rows"),
                    };
                    format!("{}: not measured ({rows}): {why}", ways.join(", "))
                }
            }
        };
        reasons.into_iter().map(told).collect()
    }
}

impl Row {
    /// Bytes a second, if it was measured.
    pub(super) fn rate(&self) -> Option<Spread> {
        match &self.result {
            Measured::Rates { rounds, .. } => rounds.spread(),
            Measured::Not(_) => None,
        }
    }
}

impl WriteRow {
    /// Records a second.
    pub(super) fn rate(&self) -> Option<Spread> {
        self.rounds.spread()
    }

    /// Bytes that the device wrote for each byte that was stored.
    pub(super) fn amplification(&self) -> Option<f64> {
        let stored = self.records * self.record;
        Some(self.written.by_device? as f64 / stored.max(1) as f64)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::device::Written;
    use super::super::rounds::Group;
    use super::super::stats::Rounds;
    use super::super::writing::Store;
    use super::*;

    /// A row with these rates in its rounds.
    pub(in super::super) fn row(
        cache: Cache,
        pattern: Pattern,
        threads: usize,
        way: Way,
        rates: &[f64],
    ) -> Row {
        let rounds: Rounds = rates.iter().copied().collect();
        let result =
            Measured::Rates { rounds, bytes: 1 << 20, pieces: 256, state: State::Verified };
        Row { group: Group { cache, pattern, threads }, way, result }
    }

    pub(in super::super) fn write(
        store: Store,
        record: u64,
        batch: u64,
        rates: &[f64],
        device: u64,
    ) -> WriteRow {
        let written =
            Written { by_process: Some(device), by_device: Some(device), requests: Some(3) };
        WriteRow {
            store,
            record,
            batch,
            rounds: rates.iter().copied().collect(),
            records: 100,
            written,
        }
    }

    pub(in super::super) fn results(reads: Vec<Row>, writes: Vec<WriteRow>) -> Results {
        let cost = |seconds: f64| {
            Some(Spread { low: seconds * 0.9, median: seconds, high: seconds * 1.1 })
        };
        let costs = Costs {
            clock: cost(25e-9),
            call: cost(0.4e-6),
            fault: cost(3.1e-6),
            look: cost(0.2e-6),
        };
        let method = Method {
            name: "/srv/db".to_owned(),
            own: true,
            filesystem: "ext4".to_owned(),
            kernel: "6.18".to_owned(),
            len: 1 << 30,
            span: 1 << 30,
            rounds: 3,
            depth: 32,
            took: Duration::from_secs(25),
            no_writing: None,
        };
        Results { method, costs, reads, writes }
    }

    #[test]
    fn the_best_and_what_cannot_be_told_from_it_are_marked() {
        let rows = vec![
            row(Cache::Warm, Pattern::Random, 1, Way::Pread, &[1.0, 2.0, 3.0]),
            row(Cache::Warm, Pattern::Random, 1, Way::Map, &[5.0, 6.0, 7.0]),
            row(Cache::Warm, Pattern::Random, 1, Way::Frozen, &[4.0, 4.5, 5.0]),
        ];
        let results = results(rows, Vec::new());
        let best: Vec<_> = results.reads.iter().map(|row| results.is_best(row)).collect();
        assert_eq!(best, [false, true, true]);
        assert_eq!(results.ranking(Cache::Warm, Pattern::Random, 1)[0].0, Way::Map);
        assert!(results.remarks().is_empty());
    }

    #[test]
    fn ways_that_lack_the_same_share_a_remark() {
        let not = |(way, why): (Way, &str)| Row {
            group: Group { cache: Cache::Warm, pattern: Pattern::Sequential, threads: 1 },
            way,
            result: Measured::Not(why.to_owned()),
        };
        let rows =
            [(Way::Map, "no lease"), (Way::Direct, "no O_DIRECT"), (Way::MapHuge, "no lease")]
                .map(not);
        let mut rows = rows.to_vec();
        rows.push(row(Cache::Warm, Pattern::Sequential, 1, Way::Pread, &[1.0]));
        let remarks = results(rows, Vec::new()).remarks();
        assert_eq!(
            remarks,
            [
                "map, map-huge: not measured (2 rows): no lease",
                "direct: not measured (1 row): no O_DIRECT"
            ]
        );
    }

    #[test]
    fn what_is_true_of_all_ways_is_said_once() {
        let not = |way| Row {
            group: Group { cache: Cache::Cold, pattern: Pattern::Sequential, threads: 1 },
            way,
            result: Measured::Not("tmpfs".to_owned()),
        };
        let all = results(Way::ALL.map(not).to_vec(), Vec::new());
        assert_eq!(all.remarks(), ["nothing is cold: tmpfs"]);
    }
}
