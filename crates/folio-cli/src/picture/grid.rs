//! Cells on a sheet: one after the other in rows, each filled from below with what its pages are.

use super::cells::{Cell, Class, Strip};
use super::scene::{At, Mark, at, rect};
use super::sheet::{Sheet, shares};
use super::words::{offset, pages};

/// How cells are laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub(super) columns: usize,
    /// From one cell to the next, in pixels.
    pub(super) pitch: f64,
    /// From one row to the next.
    pub(super) row: f64,
    pub(super) numbers: Numbers,
}

/// How places are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// Of a file: `16 MiB`.
    Offsets,
    /// In memory: `0x7f00…`.
    Addresses,
}

impl Numbers {
    pub(super) fn write(self, place: u64) -> String {
        match self {
            Self::Offsets => offset(place),
            Self::Addresses => format!("{place:#x}"),
        }
    }
}

/// What is left free between cells.
const GAP: f64 = 1.0;
/// What is seen of a class in a cell at least, however few of the cell's pages are of it.
const LEAST: f64 = 1.5;

impl Grid {
    /// How many rows so many cells make.
    pub(super) fn rows(self, cells: usize) -> usize {
        cells.div_ceil(self.columns)
    }

    /// Draw the cells of `strip` from `corner` to the right and down. Neighbours in a row that are wholly of one class are
    /// told of together.
    pub(super) fn draw(self, sheet: &mut Sheet, strip: &Strip, corner: At) {
        for (row, cells) in strip.cells.chunks(self.columns).enumerate() {
            let first = row * self.columns;
            let y = corner.y + row as f64 * self.row;
            let mut from = 0;
            for run in cells.chunk_by(|one, next| {
                let class = pure(one);
                class.is_some() && class == pure(next)
            }) {
                let mut marks = Vec::with_capacity(run.len());
                for (index, cell) in run.iter().enumerate() {
                    let x = corner.x + (from + index) as f64 * self.pitch;
                    self.cell(cell, at(x, y), &mut marks);
                }
                let tip = self.tip(strip, first + from, run);
                sheet.draw(Mark::Tip { tip, marks });
                from += run.len();
            }
        }
    }

    /// Add what a cell is filled with.
    fn cell(self, cell: &Cell, corner: At, marks: &mut Vec<Mark>) {
        let height = self.row - GAP;
        let mut parts: Vec<_> = cell.parts.iter().copied().filter(|part| part.1 > 0).collect();
        parts.sort_unstable_by_key(|part| part.0);
        let heights = shares(&parts, height, LEAST.min(height / parts.len().max(1) as f64));
        let mut bottom = corner.y + height;
        for ((class, _), height) in parts.iter().zip(heights) {
            bottom -= height;
            let rect = rect(corner.x, bottom, self.pitch - GAP, height);
            marks.push(Mark::Rect { rect, paint: class.paint() });
        }
    }

    /// What cells are, the first of which is `index`.
    fn tip(self, strip: &Strip, index: usize, run: &[Cell]) -> String {
        let place = |index: usize| {
            let bytes = (index as u64).saturating_mul(strip.cell_bytes);
            self.numbers.write(strip.start.saturating_add(bytes))
        };
        let (from, to) = (place(index), place(index + run.len()));
        match (run, run.first().and_then(pure)) {
            (_, Some(class)) => format!("{from} to {to}: {}", class.words()),
            ([cell, ..], None) => {
                let parts = cell.parts.iter().filter(|(_, number)| *number > 0);
                let what: Vec<_> = parts
                    .map(|(class, number)| format!("{} {}", pages(*number), class.words()))
                    .collect();
                format!("{from} to {to}: {}", what.join("; "))
            }
            ([], None) => from,
        }
    }
}

/// The class of a cell's pages, if they are all of one.
fn pure(cell: &Cell) -> Option<Class> {
    let mut found = cell.parts.iter().filter(|(_, pages)| *pages > 0);
    match (found.next(), found.next()) {
        (Some((class, _)), None) => Some(*class),
        _ => None,
    }
}

/// The classes that occur in some strips, each once.
pub(super) fn classes<'a>(strips: impl IntoIterator<Item = &'a Strip>) -> Vec<Class> {
    let mut found: Vec<Class> = Vec::new();
    for (class, _) in parts(strips) {
        if !found.contains(&class) {
            found.push(class);
        }
    }
    found.sort_unstable();
    found
}

/// Whether some cell holds pages of more than one class.
pub(super) fn mixed<'a>(strips: impl IntoIterator<Item = &'a Strip>) -> bool {
    let several = |cell: &Cell| cell.parts.iter().filter(|(_, pages)| *pages > 0).count() > 1;
    strips.into_iter().any(|strip| strip.cells.iter().any(several))
}

fn parts<'a>(strips: impl IntoIterator<Item = &'a Strip>) -> impl Iterator<Item = (Class, u64)> {
    let cells = strips.into_iter().flat_map(|strip| &strip.cells);
    cells.flat_map(|cell| cell.parts.iter().copied()).filter(|(_, pages)| *pages > 0)
}
