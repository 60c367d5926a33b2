//! The forms of the output: text with bars, JSON and CSV.
//!
//! Rows are put together in a buffer, by whatever thread looked at the file, so that a row costs no more than its bytes.

mod csv;
mod json;
mod text;

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use folio::{Folios, PageRuns, PageState};

use super::bar::Bar;
use super::select::Name;
use super::survey::Survey;
use super::tally::Tally;

pub(crate) use text::{Details, Layout};

/// A file to be shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) survey: &'a Survey,
    pub(crate) bar: &'a Bar,
    /// The folios of its pages, if they were asked for.
    pub(crate) folios: Option<&'a Folios>,
}

/// The ranges of a file.
#[derive(Debug)]
pub(crate) enum Ranges<'a> {
    NotAsked,
    /// The kernel does not tell.
    Unknown,
    Known(PageRuns<'a>),
}

/// How it is printed.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    Text(Layout),
    Json,
    Csv(Columns),
}

/// What a line of CSV is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Columns {
    OfFiles,
    OfRanges,
}

/// Lines are collected up to this many bytes.
const FULL: usize = 64 << 10;

/// Lines on their way to the output.
#[derive(Debug)]
pub(crate) struct Lines<'a, W> {
    out: &'a Mutex<W>,
    pub(super) buffer: Vec<u8>,
    pub(super) hold: Hold,
}

/// What to do with lines before there is enough for a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    UntilFull,
    /// Somebody is watching.
    No,
}

impl<'a, W: Write> Lines<'a, W> {
    pub(crate) fn new(out: &'a Mutex<W>, hold: Hold) -> Self {
        Self { out, buffer: Vec::new(), hold }
    }

    /// Write what there is if it is enough. To be called between rows, or by the only thread that has any.
    pub(crate) fn offer(&mut self) -> io::Result<()> {
        if self.buffer.len() >= FULL || self.hold == Hold::No { self.write() } else { Ok(()) }
    }

    /// Write what there is.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        let result =
            self.out.lock().unwrap_or_else(PoisonError::into_inner).write_all(&self.buffer);
        self.buffer.clear();
        result
    }
}

/// Why the ranges of a file did not come to their end.
#[derive(Debug)]
pub(crate) enum Broken {
    Input(folio::Error),
    Output(io::Error),
}

impl Form {
    /// What stands above all rows.
    pub(crate) fn head(&self, out: &mut Vec<u8>) {
        if let Self::Csv(columns) = self {
            csv::head(*columns, out);
        }
    }

    /// The row of a file.
    pub(crate) fn row(&self, row: Row<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Text(layout) => layout.row(row, out),
            Self::Json => json::row(row, out),
            Self::Csv(_) => csv::row(row, out),
        }
    }

    /// The row of a file with its ranges, which may be more than fit in memory.
    pub(crate) fn ranges<W: Write>(
        &self,
        row: Row<'_>,
        ranges: Ranges<'_>,
        lines: &mut Lines<'_, W>,
    ) -> Result<(), Broken> {
        let runs = match ranges {
            Ranges::NotAsked => {
                self.row(row, &mut lines.buffer);
                return lines.offer().map_err(Broken::Output);
            }
            Ranges::Unknown => None,
            Ranges::Known(runs) => Some(runs),
        };
        match self {
            Self::Text(layout) => layout.row(row, &mut lines.buffer),
            Self::Json => json::open(row, &mut lines.buffer),
            Self::Csv(_) => {}
        }
        let result = self.each_range(row, runs, lines);
        if let Self::Json = self {
            json::close(&mut lines.buffer);
        }
        result
    }

    fn each_range<W: Write>(
        &self,
        row: Row<'_>,
        runs: Option<PageRuns<'_>>,
        lines: &mut Lines<'_, W>,
    ) -> Result<(), Broken> {
        for (index, run) in runs.into_iter().flatten().enumerate() {
            let run = run.map_err(Broken::Input)?;
            match self {
                Self::Text(layout) => layout.range(&run, &mut lines.buffer),
                Self::Json => json::range(&run, index, &mut lines.buffer),
                Self::Csv(_) => csv::range(row.name, &run, &mut lines.buffer),
            }
            lines.offer().map_err(Broken::Output)?;
        }
        Ok(())
    }

    /// The sum; `left_out` files have no row.
    pub(crate) fn total(&self, tally: &Tally, left_out: u64, out: &mut Vec<u8>) {
        match self {
            Self::Text(layout) => layout.total(tally, left_out, out),
            Self::Json => json::total(tally, out),
            // It would be taken for a file.
            Self::Csv(_) => {}
        }
    }
}

/// The word for a state.
pub(super) fn word(state: PageState) -> &'static str {
    match state {
        PageState::Resident => "cached",
        PageState::Absent => "absent",
        PageState::Hole => "hole",
    }
}
