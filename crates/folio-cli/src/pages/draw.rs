//! The picture: a map of each file, made of what [`folio::FilePages`] tells.

use std::fs::File;

use folio::{ErrorKind, FilePages, PageSize, PageState};

use super::keep::Kept;
use super::select::{Name, Selection};
use super::survey::{Cached, Survey};
use super::tally::{Tally, bytes_of};
use crate::failure::{Complaints, Failure, InputFailure};
use crate::picture::Output;
use crate::picture::cells::{Cell, Class, Strip, pages_per_cell};
use crate::picture::pages::{Detail, FileMap, Pages};

/// How many files have a map at most.
pub(super) const MOST: usize = 40;

/// Draw the maps of `kept`, most interesting first, to each of `outputs`.
pub(super) fn draw(
    selection: &Selection,
    kept: &[Kept<File>],
    tally: &Tally,
    outputs: &[Output],
    complaints: &mut Complaints,
) -> std::io::Result<()> {
    let detail = Detail::of(kept.len());
    let mut files = Vec::new();
    for one in kept.iter().take(detail.files) {
        match map(one, detail) {
            Ok(map) => files.push(map),
            Err(failure) => complaints.sort(Err(failure))?,
        }
    }
    let mapped: u64 = kept.iter().take(detail.files).map(|kept| kept.survey.len).sum();
    let left = tally.files.saturating_sub(kept.len().min(detail.files) as u64);
    let pages = Pages {
        title: selection.words(),
        notes: notes(tally),
        totals: totals(tally),
        page_size: PageSize::base().bytes() as u64,
        files,
        more: (left > 0).then(|| (left, tally.len.saturating_sub(mapped))),
    };
    outputs.iter().try_for_each(|output| complaints.sort(pages.draw(output)))
}

fn notes(tally: &Tally) -> Vec<String> {
    let mut notes = Vec::new();
    if tally.unknown.files > 0 {
        notes.push(format!(
            "Of {} of {} files the kernel does not tell what is cached: others own them.",
            tally.unknown.files, tally.files
        ));
    }
    notes
}

/// The sum by classes.
fn totals(tally: &Tally) -> Vec<(Class, u64)> {
    let in_states = tally.states.dirty + tally.states.writeback;
    let absent = tally.known_pages().saturating_sub(tally.cached);
    let holes = (tally.holes / PageSize::base().bytes() as u64).min(absent);
    vec![
        (Class::Clean, tally.cached.saturating_sub(in_states)),
        (Class::Dirty, tally.states.dirty),
        (Class::Writeback, tally.states.writeback),
        (Class::Absent, absent - holes),
        (Class::Hole, holes),
        (Class::Unknown, tally.unknown.pages),
    ]
}

fn map(kept: &Kept<File>, detail: Detail) -> Result<FileMap, Failure> {
    let Kept { name, survey, with: file, .. } = kept;
    let name = Name { directory: b"", entry: name };
    let failed = |error| InputFailure::map(name.quoted(), survey.len, &error);
    Ok(FileMap {
        name: name.quoted(),
        len: survey.len,
        cached: match survey.cached {
            Cached::Known(pages) => Ok(bytes_of(pages).min(survey.len)),
            Cached::Unknown(_) => Err("another user's file".to_owned()),
        },
        strip: strip(file, survey, detail).map_err(failed)?,
    })
}

/// The cells of a file.
fn strip(file: &File, survey: &Survey, detail: Detail) -> folio::Result<Strip> {
    let pages_in_cell = pages_per_cell(survey.pages(), detail.cells);
    let cell_bytes = bytes_of(pages_in_cell);
    let mut counts = vec![Counts::default(); index(survey.pages().div_ceil(pages_in_cell))];
    let is_told = match survey.cached {
        Cached::Unknown(_) => false,
        Cached::Known(_) => match fill(file, survey, cell_bytes, &mut counts) {
            // How many pages there are hugetlbfs tells, and not which.
            Err(error) if error.kind() == ErrorKind::Unsupported => false,
            filled => filled.map(|()| true)?,
        },
    };
    if !is_told {
        for (number, cell) in counts.iter_mut().enumerate() {
            let before = number as u64 * pages_in_cell;
            cell.unknown = pages_in_cell.min(survey.pages() - before);
        }
    }
    Ok(Strip { start: 0, cell_bytes, cells: counts.iter().map(Counts::cell).collect() })
}

/// Count what is in each cell.
fn fill(file: &File, survey: &Survey, cell_bytes: u64, counts: &mut [Counts]) -> folio::Result<()> {
    let of_file = FilePages::of(file)?;
    for run in of_file.runs(..survey.len)? {
        let run = run?;
        spread(&run.range, run.state, cell_bytes, counts);
    }
    for (number, cell) in counts.iter_mut().enumerate().filter(|(_, cell)| cell.resident > 0) {
        let start = number as u64 * cell_bytes;
        if let Some(states) = of_file.counts(start..start.saturating_add(cell_bytes))?.states {
            cell.dirty = states.dirty.min(cell.resident);
            cell.writeback = states.writeback.min(cell.resident - cell.dirty);
        }
    }
    Ok(())
}

/// What is in a cell, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    resident: u64,
    dirty: u64,
    writeback: u64,
    absent: u64,
    hole: u64,
    unknown: u64,
}

impl Counts {
    fn cell(&self) -> Cell {
        let clean = self.resident - self.dirty - self.writeback;
        let parts = [
            (Class::Clean, clean),
            (Class::Dirty, self.dirty),
            (Class::Writeback, self.writeback),
            (Class::Absent, self.absent),
            (Class::Hole, self.hole),
            (Class::Unknown, self.unknown),
        ];
        Cell { parts: parts.into_iter().filter(|&(_, pages)| pages > 0).collect() }
    }
}

/// Add the pages of a run to the cells that it is in.
fn spread(run: &std::ops::Range<u64>, state: PageState, cell_bytes: u64, cells: &mut [Counts]) {
    let page = PageSize::base().bytes() as u64;
    let mut at = run.start;
    while at < run.end {
        let number = at / cell_bytes;
        let end = run.end.min((number + 1).saturating_mul(cell_bytes));
        if let Some(cell) = cells.get_mut(index(number)) {
            let pages = (end - at).div_ceil(page);
            match state {
                PageState::Resident => cell.resident += pages,
                PageState::Absent => cell.absent += pages,
                PageState::Hole => cell.hole += pages,
            }
        }
        at = end;
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt as _;

    #[test]
    fn cells_hold_the_pages_of_the_file_each_once() {
        let page = PageSize::base().bytes() as u64;
        let file = tempfile::tempfile().unwrap();
        file.set_len(1000 * page + 5).unwrap();
        file.write_all_at(&vec![1; 3 * 4096], 10 * page).unwrap();
        let survey = Survey::of_file(&file, &rustix::fs::fstat(&file).unwrap()).unwrap();
        let strip = strip(&file, &survey, Detail::of(13)).unwrap();
        assert_eq!((strip.start, strip.cell_bytes, strip.cells.len()), (0, 16 * page, 63));
        let pages = |class: Class| -> u64 {
            let parts = strip.cells.iter().flat_map(|cell| &cell.parts);
            parts.filter(|(of, _)| *of == class).map(|(_, pages)| pages).sum()
        };
        let cached = pages(Class::Clean) + pages(Class::Dirty) + pages(Class::Writeback);
        assert_eq!(
            (cached, pages(Class::Hole) + pages(Class::Absent)),
            (3 * 4096 / page, 1001 - 3 * 4096 / page)
        );
        let first: u64 = strip.cells[0].parts.iter().map(|(_, pages)| pages).sum();
        assert_eq!(first, 16);
    }
}
