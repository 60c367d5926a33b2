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

    /// Draw the cells of `strip` from `corner` to the right and down.
    pub(super) fn draw(self, sheet: &mut Sheet, strip: &Strip, corner: At) {
        for (index, cell) in strip.cells.iter().enumerate() {
            let x = corner.x + (index % self.columns) as f64 * self.pitch;
            let y = corner.y + (index / self.columns) as f64 * self.row;
            sheet.draw(self.cell(strip, index, cell, at(x, y)));
        }
    }

    fn cell(self, strip: &Strip, index: usize, cell: &Cell, corner: At) -> Mark {
        let height = self.row - GAP;
        let mut parts: Vec<_> = cell.parts.iter().copied().filter(|part| part.1 > 0).collect();
        parts.sort_unstable_by_key(|part| part.0);
        let heights = shares(&parts, height, LEAST.min(height / parts.len().max(1) as f64));
        let mut bottom = corner.y + height;
        let mut marks = Vec::with_capacity(parts.len());
        for ((class, _), height) in parts.iter().zip(heights) {
            bottom -= height;
            let rect = rect(corner.x, bottom, self.pitch - GAP, height);
            marks.push(Mark::Rect { rect, paint: class.paint() });
        }
        let start = strip.start.saturating_add((index as u64).saturating_mul(strip.cell_bytes));
        let what: Vec<_> = parts
            .iter()
            .map(|(class, number)| format!("{} {}", pages(*number), class.words()))
            .collect();
        Mark::Tip { tip: format!("{}: {}", self.numbers.write(start), what.join("; ")), marks }
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
