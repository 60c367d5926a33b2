//! Writing in place: stores to a mapping and msync(2), against pwrite(2) and fdatasync(2), by the size of the record.
//!
//! Both keep the same promise: when a record's turn is over, it is on the device. Each size is tried with every record made
//! durable by itself, and with 64 of them made durable together. It is done on a file of bench's own, whose space is
//! written, so that nothing is allocated meanwhile.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use folio::{MapOptions, SharedMut};
use rustix::fs::Advice;

use super::device::Written;
use super::place::nameless;
use super::plan::Random;
use super::stats::Rounds;

/// How a record gets to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Store {
    /// write_at of a `SharedMut`, then flush_range: msync(2).
    Map,
    /// pwrite(2), then fdatasync(2).
    Pwrite,
}

impl Store {
    pub(super) const ALL: [Self; 2] = [Self::Map, Self::Pwrite];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Map => "map + flush",
            Self::Pwrite => "pwrite + fdatasync",
        }
    }
}

/// One way, one size, so many records made durable together.
#[derive(Clone, Debug)]
pub(super) struct WriteRow {
    pub(super) store: Store,
    /// Bytes.
    pub(super) record: u64,
    /// Records that are made durable together.
    pub(super) batch: u64,
    /// Records a second in each round.
    pub(super) rounds: Rounds,
    /// Records stored in all rounds.
    pub(super) records: u64,
    /// What was written meanwhile.
    pub(super) written: Written,
}

/// The sizes that are tried, in bytes, unless others are asked for.
pub(super) const SIZES: [u64; 5] = [64, 512, 4096, 16 << 10, 64 << 10];
/// How many records are made durable together.
const BATCHES: [u64; 2] = [1, 64];
/// The file, in bytes. It fits the memory of any machine.
const LEN: u64 = 32 << 20;

/// A file of the bench's own, mapped.
struct Target {
    file: File,
    map: SharedMut,
}

impl Target {
    fn make(dir: &Path, longest: u64) -> io::Result<Self> {
        let file = nameless(dir)?;
        let len = LEN.max(longest * 4).next_multiple_of(4096);
        let zeros = vec![0x5a; 1 << 20];
        let mut at = 0;
        while at < len {
            let now = usize::try_from(len - at).unwrap_or(zeros.len()).min(zeros.len());
            file.write_all_at(&zeros[..now], at)?;
            at += now as u64;
        }
        file.sync_all()?;
        // Written in large pieces it is in memory in large folios, each of which would be written for one record.
        rustix::fs::fadvise(&file, 0, None, Advice::DontNeed)?;
        let map = MapOptions::new().advice(folio::Advice::Random).map_shared_mut(&file)?;
        Ok(Self { file, map })
    }

    /// Store records at random places until `until`, at least one batch; says how many.
    fn store(
        &self,
        store: Store,
        record: u64,
        batch: u64,
        until: Duration,
        seed: u64,
    ) -> io::Result<(u64, Duration)> {
        let mut random = Random(seed);
        let places = self.map.len() as u64 / record;
        let bytes = vec![(seed & 0xff) as u8 | 1; usize::try_from(record).unwrap_or(1)];
        let start = Instant::now();
        let mut records = 0;
        while records == 0 || start.elapsed() < until {
            let mut first = u64::MAX;
            let mut end = 0;
            for _ in 0..batch {
                let at = random.below(places) * record;
                (first, end) = (first.min(at), end.max(at + record));
                match store {
                    Store::Map => self.map.write_at(usize::try_from(at).unwrap_or(0), &bytes)?,
                    Store::Pwrite => self.file.write_all_at(&bytes, at)?,
                }
            }
            match store {
                Store::Map => {
                    let range =
                        usize::try_from(first).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
                    self.map.flush_range(range)?;
                }
                Store::Pwrite => rustix::fs::fdatasync(&self.file)?,
            }
            records += batch;
        }
        Ok((records, start.elapsed()))
    }
}

/// Try both ways with each of `sizes`, in turn, for about `time`.
pub(super) fn measure(
    dir: &Path,
    sizes: &[u64],
    rounds: u32,
    time: Duration,
    tell: &mut dyn FnMut(&str, f64),
) -> io::Result<Vec<WriteRow>> {
    tell("writing: making a file", 0.0);
    let target = Target::make(dir, sizes.iter().copied().max().unwrap_or(1))?;
    let mut rows = Vec::new();
    for &record in sizes {
        for batch in BATCHES {
            rows.extend(Store::ALL.map(|store| WriteRow {
                store,
                record,
                batch,
                rounds: Rounds::default(),
                records: 0,
                written: Written { by_process: Some(0), by_device: Some(0), requests: Some(0) },
            }));
        }
    }
    let turns = u32::try_from(rows.len()).unwrap_or(u32::MAX).saturating_mul(rounds).max(1);
    let until = (time / turns).max(Duration::from_millis(2));
    // The first touch of a page is a fault, and a journal may have something to note: not a part of any round.
    for store in Store::ALL {
        target.store(store, 4096.min(target.map.len() as u64), 64, until, 1)?;
    }
    for round in 0..rounds {
        for turn in 0..rows.len() {
            // Which of the two goes first changes with the round.
            let row = &mut rows[turn ^ (round as usize & 1)];
            tell("writing", f64::from(round) / f64::from(rounds));
            target.file.sync_all()?;
            let before = Written::now(&target.file);
            let seed = u64::from(round) * 1000 + row.record + row.batch;
            let (records, took) = target.store(row.store, row.record, row.batch, until, seed)?;
            row.written = row.written.and(Written::now(&target.file).since(before));
            row.rounds.push(records as f64 / took.as_secs_f64().max(1e-9));
            row.records += records;
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_store_and_what_is_written_is_counted() {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let mut parts = Vec::new();
        let rows =
            measure(dir.path(), &[64, 4096], 2, Duration::from_millis(80), &mut |_, part| {
                parts.push(part)
            });
        let rows = rows.unwrap();
        assert_eq!(rows.len(), 2 * 2 * 2);
        for row in &rows {
            assert_eq!(row.rounds.values().len(), 2);
            assert!(row.records >= 2 * row.batch && row.records % row.batch == 0);
            // Each record made durable by itself dirties at least its page; tests may run where nothing is counted.
            if let (Some(bytes), 1, false) = (
                row.written.by_process,
                row.batch,
                super::super::place::is_in_memory(&nameless(dir.path()).unwrap()),
            ) {
                assert!(bytes >= row.record, "{row:?}");
            }
        }
        assert!(parts.is_sorted());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_stored_is_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::make(dir.path(), 64).unwrap();
        for store in Store::ALL {
            target.store(store, 64, 1, Duration::ZERO, 0x70).unwrap();
            let at = Random(0x70).below(target.map.len() as u64 / 64) * 64;
            let mut record = [0; 64];
            target.file.read_exact_at(&mut record, at).unwrap();
            assert_eq!(record, [0x71; 64]);
        }
    }
}
