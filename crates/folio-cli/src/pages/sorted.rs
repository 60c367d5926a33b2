//! All files in an order, however many there are.
//!
//! Rows wait in memory until there are too many of them; then they are put in order and written to a temporary file without a name. In
//! the end these files are merged. So memory is bounded, as it is by [`keep`](super::keep) for the first few of an order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Seek as _, Write as _};

use super::flags::Sort;
use super::keep::rank;
use super::select::Name;
use super::survey::Survey;
use crate::scratch::scratch;

/// How many bytes of rows wait in memory, of all threads together.
const HELD: usize = 64 << 20;

/// The rows of files, to be had in an order.
#[derive(Debug)]
pub(super) struct Sorted {
    sort: Sort,
    held: Held,
    /// How many bytes are held before they are written.
    limit: usize,
    /// What was written: each in order.
    runs: Vec<File>,
}

/// Records one behind the other.
#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

/// A row, and its place in the order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    /// The larger comes first.
    rank: Reverse<u64>,
    name: Vec<u8>,
    row: Vec<u8>,
}

/// A record begins with its rank and the lengths of its name and its row.
const HEAD: usize = 8 + 4 + 4;

impl Sorted {
    /// For one of so many threads.
    pub(super) fn new(sort: Sort, threads: usize) -> Self {
        Self::with(sort, HELD / threads.max(1))
    }

    fn with(sort: Sort, limit: usize) -> Self {
        Self { sort, held: Held::default(), limit, runs: Vec::new() }
    }

    /// Add the row of a file.
    pub(super) fn add(&mut self, name: Name<'_>, survey: &Survey, row: &[u8]) {
        self.held.push(rank(self.sort, survey), name.parts(), row);
        if self.held.bytes.len() < self.limit {
            return;
        }
        self.held.put_in_order();
        match self.held.write() {
            Ok(run) => {
                self.runs.push(run);
                self.held.clear();
            }
            // Where nothing can be written, memory has to do.
            Err(_) => self.limit = usize::MAX,
        }
    }

    /// The rows of all threads in order.
    ///
    /// # Errors
    /// What was written cannot be read.
    pub(super) fn merged(all: Vec<Self>) -> io::Result<Merged> {
        let mut sources = Vec::new();
        for Self { mut held, runs, .. } in all {
            for mut run in runs {
                run.rewind()?;
                sources.push(Source::Run(BufReader::new(run)));
            }
            held.put_in_order();
            sources.push(Source::Held(held, 0));
        }
        let mut merged = Merged { sources, heads: BinaryHeap::new() };
        for index in 0..merged.sources.len() {
            merged.pull(index)?;
        }
        Ok(merged)
    }
}

impl Held {
    fn push(&mut self, rank: u64, name: [&[u8]; 2], row: &[u8]) {
        // Neither is longer than a few pages.
        let len = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_ne_bytes();
        self.starts.push(self.bytes.len());
        self.bytes.extend_from_slice(&rank.to_ne_bytes());
        self.bytes.extend_from_slice(&len(name.iter().map(|part| part.len()).sum()));
        self.bytes.extend_from_slice(&len(row.len()));
        name.iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.bytes.extend_from_slice(row);
    }

    fn put_in_order(&mut self) {
        let bytes = &self.bytes;
        let place = |start: usize| {
            let (rank, name, _) = parts(&bytes[start..]);
            (Reverse(rank), &bytes[start + HEAD..][..name])
        };
        self.starts.sort_unstable_by(|&a, &b| place(a).cmp(&place(b)));
    }

    /// Write it to a file without a name.
    fn write(&self) -> io::Result<File> {
        let mut out = BufWriter::new(scratch()?);
        for &start in &self.starts {
            let (_, name, row) = parts(&self.bytes[start..]);
            out.write_all(&self.bytes[start..][..HEAD + name + row])?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
    }
}

/// The rank in the head of a record, and the lengths of its name and its row.
fn parts(head: &[u8]) -> (u64, usize, usize) {
    let rank = head.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
    let len = |at: usize| {
        let bytes = head.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes) as usize)
    };
    (rank, len(8), len(12))
}

/// Where records come from, in order.
#[derive(Debug)]
enum Source {
    Held(Held, usize),
    Run(BufReader<File>),
}

impl Source {
    fn next(&mut self) -> io::Result<Option<Record>> {
        match self {
            Self::Held(held, at) => {
                let Some(&start) = held.starts.get(*at) else { return Ok(None) };
                *at += 1;
                Record::read(&mut &held.bytes[start..]).map(Some)
            }
            Self::Run(run) => {
                let is_over = run.fill_buf()?.is_empty();
                if is_over { Ok(None) } else { Record::read(run).map(Some) }
            }
        }
    }
}

impl Record {
    fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut head = [0; HEAD];
        from.read_exact(&mut head)?;
        let (rank, name, row) = parts(&head);
        let mut name = vec![0; name];
        from.read_exact(&mut name)?;
        let mut row = vec![0; row];
        from.read_exact(&mut row)?;
        Ok(Self { rank: Reverse(rank), name, row })
    }
}

/// Rows in order.
#[derive(Debug)]
pub(super) struct Merged {
    sources: Vec<Source>,
    /// The first of each source that has any left; the first of all on top.
    heads: BinaryHeap<Reverse<(Record, usize)>>,
}

impl Merged {
    fn pull(&mut self, index: usize) -> io::Result<()> {
        if let Some(record) = self.sources[index].next()? {
            self.heads.push(Reverse((record, index)));
        }
        Ok(())
    }
}

impl Iterator for Merged {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((record, index)) = self.heads.pop()?;
        Some(self.pull(index).map(|()| record.row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::survey::Cached;
    use proptest::prelude::*;
    use std::path::Path;

    fn survey(len: u64) -> Survey {
        Survey { dev: 1, ino: 1, len, allocated: 0, cached: Cached::Known(0), states: None }
    }

    proptest! {
        /// By any number of threads, in pieces of any size, and where nothing has to be written too.
        #[test]
        fn all_rows_come_out_in_order(
            files in prop::collection::vec(("[a-z/]{1,30}", 0u64..4, ".{0,40}"), 1..200),
            threads in 1usize..4,
            limit in prop_oneof![1usize..2000, Just(usize::MAX)],
        ) {
            let mut all: Vec<_> = (0..threads).map(|_| Sorted::with(Sort::Size, limit)).collect();
            let mut expected = Vec::new();
            for (index, (name, len, row)) in files.into_iter().enumerate() {
                let name = format!("{name}{index}");
                all[index % threads].add(Name::of(Path::new(&name)), &survey(len), row.as_bytes());
                expected.push((Reverse(len), name, row.into_bytes()));
            }
            prop_assert!(all.iter().all(|one| one.held.bytes.len() < limit));
            if limit <= HEAD {
                prop_assert!(all.iter().any(|one| !one.runs.is_empty()));
            }
            expected.sort();
            let expected: Vec<_> = expected.into_iter().map(|(.., row)| row).collect();
            let rows: Vec<_> = Sorted::merged(all).unwrap().map(Result::unwrap).collect();
            prop_assert_eq!(rows, expected);
        }
    }
}
