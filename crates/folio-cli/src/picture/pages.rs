//! The picture of `folio pages`: a map of each file, one cell per run of pages.

use std::num::NonZeroU64;

use super::Output;
use super::cells::{Class, Strip};
use super::grid::{Grid, Numbers, classes, mixed};
use super::letters::{fit, width};
use super::palette::{FAINT, INK};
use super::scene::{Anchor, Scene, at};
use super::sheet::{BODY, INNER, MARGIN, SMALL, Sheet, WIDTH};
use super::words::{offset, percent, plural, size};
use crate::failure::Failure;

/// What of some files is in the page cache.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    /// What was asked: a file's name, a directory's, `process 1234`.
    pub(crate) title: String,
    /// Sentences below the title: what could not be looked at, when this was, …
    pub(crate) notes: Vec<String>,
    /// Pages over all files, also those without a map: the bar on top.
    pub(crate) totals: Vec<(Class, u64)>,
    /// Bytes of a page.
    pub(crate) page_size: u64,
    /// The maps, most interesting first; [`Detail::of`] says how many at most.
    pub(crate) files: Vec<FileMap>,
    /// Files that have no map here: how many, and their bytes.
    pub(crate) more: Option<(u64, u64)>,
}

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct FileMap {
    pub(crate) name: String,
    /// Bytes.
    pub(crate) len: u64,
    /// Bytes of it that are in the page cache, or why the kernel does not tell.
    pub(crate) cached: Result<u64, String>,
    /// Its pages, from offset 0; of class [`Class::Unknown`] where the kernel does not tell. Empty for an empty file.
    pub(crate) strip: Strip,
}

/// How much is shown of so many files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Detail {
    /// How many get a map.
    pub(crate) files: usize,
    /// How many cells a map has at most.
    pub(crate) cells: NonZeroU64,
}

impl Detail {
    /// A picture of so many files stays one that can be read: one file has 4096 cells, a thousand files are the first
    /// forty, a line of cells each.
    pub(crate) fn of(files: usize) -> Self {
        let (files, cells) = match files {
            0 | 1 => (1, 4096),
            2..=4 => (4, 1024),
            5..=12 => (12, 256),
            _ => (40, 64),
        };
        Self { files, cells: NonZeroU64::new(cells).expect("no number above is zero") }
    }
}

impl Pages {
    /// Draw it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn draw(&self, output: &Output) -> Result<(), Failure> {
        output.write(&self.scene())
    }

    pub(super) fn scene(&self) -> Scene {
        let title = format!("In the page cache: {}", self.title);
        let mut sheet = Sheet::new(&title, &self.notes);
        let detail = Detail::of(self.files.len());
        let (files, rest) = self.files.split_at(self.files.len().min(detail.files));
        let strips = || files.iter().map(|file| &file.strip);
        sheet.totals(&self.totals, self.page_size, &classes(strips()));
        sheet.y += 8.0;
        sheet.paragraph(&self.explanation(files), SMALL, FAINT);
        match files {
            [file] => block(&mut sheet, file, Heading::None),
            files if files.len() <= BLOCKS => {
                let prefix = self.prefix(files);
                files.iter().for_each(|file| block(&mut sheet, file, Heading::Below(prefix)));
            }
            files => {
                sheet.y += 4.0;
                let prefix = self.prefix(files);
                files.iter().for_each(|file| line(&mut sheet, file, prefix));
            }
        }
        let lens = rest.iter().fold(0u64, |sum, file| sum.saturating_add(file.len));
        let (more, bytes) = self.more.unwrap_or((0, 0));
        let more = more.saturating_add(rest.len() as u64);
        if more > 0 {
            sheet.y += 10.0;
            let files = plural(more, "more file");
            let bytes = size(bytes.saturating_add(lens));
            sheet.paragraph(&format!("… and {files}, {bytes}, without a map here."), BODY, INK);
        }
        sheet.finish()
    }

    /// What all names begin with and the title says: how many bytes of them are not said again.
    fn prefix(&self, files: &[FileMap]) -> usize {
        let directory = self.title.strip_suffix('/').unwrap_or(&self.title);
        let is_below = |file: &FileMap| {
            file.name
                .strip_prefix(directory)
                .is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
        };
        if files.iter().all(is_below) { directory.len() + 1 } else { 0 }
    }

    /// How the cells are to be read.
    fn explanation(&self, files: &[FileMap]) -> String {
        let mut text = match files {
            [] => return "No file was looked at.".to_owned(),
            [file] if file.strip.cells.is_empty() => return "The file is empty.".to_owned(),
            [file] => format!(
                "Cached: {}. One cell is {}. Offsets are those of a row's ends.",
                file.figures(),
                self.cell(file)
            ),
            files if files.len() <= BLOCKS => {
                "Each file from its first byte to its last; offsets are those of a row's ends."
                    .to_owned()
            }
            _ => "Each line is a file from its first byte to its last.".to_owned(),
        };
        if mixed(files.iter().map(|file| &file.strip)) {
            text.push_str(" A cell whose pages are not all alike is filled in proportion.");
        }
        text
    }

    fn cell(&self, file: &FileMap) -> String {
        let bytes = file.strip.cell_bytes;
        match bytes / self.page_size.max(1) {
            0 | 1 => format!("a page, {}", size(bytes)),
            pages => {
                format!("{}, {} of {}", size(bytes), plural(pages, "page"), size(self.page_size))
            }
        }
    }
}

/// Up to so many files have rows of their own; more have a line each.
const BLOCKS: usize = 12;

/// What stands above a file's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heading {
    /// Its name, without so many bytes at the beginning.
    Below(usize),
    /// Nothing: it is alone, and in the title.
    None,
}

impl FileMap {
    /// `60 % · 1.2 GiB of 2 GiB`
    fn figures(&self) -> String {
        match &self.cached {
            Ok(_) if self.len == 0 => "empty".to_owned(),
            Ok(cached) => {
                format!("{} · {} of {}", percent(*cached, self.len), size(*cached), size(self.len))
            }
            Err(why) => format!("unknown ({why}) · {}", size(self.len)),
        }
    }
}

/// What is left beside the cells for the offsets.
const GUTTER: f64 = 88.0;

/// A file's cells in rows, with the offsets of their ends.
fn block(sheet: &mut Sheet, file: &FileMap, heading: Heading) {
    let cells = file.strip.cells.len();
    if let Heading::Below(prefix) = heading {
        sheet.y += 14.0;
        let cell = size(file.strip.cell_bytes);
        let figures = match cells {
            0 => file.figures(),
            _ => format!("{} · one cell is {cell}", file.figures()),
        };
        sheet.heading(&file.name[prefix..], &figures);
        sheet.describe(&format!("{}: {}.", file.name, file.figures()));
    } else {
        sheet.y += 4.0;
    }
    let columns = match cells {
        0..=16 => 16,
        17..=128 => 32,
        _ => 64,
    };
    let pitch = (INNER - 2.0 * GUTTER) / columns as f64;
    let grid = Grid { columns, pitch, row: pitch.min(30.0), numbers: Numbers::Offsets };
    grid.draw(sheet, &file.strip, at(MARGIN + GUTTER, sheet.y));
    row_ends(sheet, file, grid);
    sheet.y += grid.row * grid.rows(cells) as f64;
}

/// The offsets at which rows begin, on the left, and end, on the right: in every row where there is room, else in every
/// other one, and always those of the last.
fn row_ends(sheet: &mut Sheet, file: &FileMap, grid: Grid) {
    let rows = grid.rows(file.strip.cells.len());
    let step = if grid.row < SMALL.size + 3.0 { 2 } else { 1 };
    let row_bytes = file.strip.cell_bytes.saturating_mul(grid.columns as u64);
    let room = GUTTER - 8.0;
    for row in 0..rows {
        let last = row + 1 == rows;
        if !last && row % step != 0 {
            continue;
        }
        let baseline = sheet.y + grid.row * (row as f64 + 0.5) + SMALL.size * 0.36;
        let start = row_bytes.saturating_mul(row as u64);
        if row % step == 0 {
            let place = at(MARGIN + room, baseline);
            sheet.text(place, &fit(&offset(start), SMALL, room), SMALL, Anchor::End, FAINT);
        }
        // The end of the last row is so near that it would touch this one.
        if !last && row + step > rows - 1 {
            continue;
        }
        let (end, x) = if last {
            let cells = file.strip.cells.len() - row * grid.columns;
            (file.len, MARGIN + GUTTER + cells as f64 * grid.pitch + 7.0)
        } else {
            (start.saturating_add(row_bytes), WIDTH - MARGIN - room)
        };
        let exact = offset(end);
        let label = if width(&exact, SMALL) <= room { exact } else { size(end) };
        sheet.text(at(x, baseline), &label, SMALL, Anchor::Start, FAINT);
    }
}

/// A file in one line: its name, its cells, its figures.
fn line(sheet: &mut Sheet, file: &FileMap, prefix: usize) {
    const NAME: f64 = 280.0;
    const CELLS: f64 = 416.0;
    const HEIGHT: f64 = 20.0;
    let grid = Grid { columns: 64, pitch: CELLS / 64.0, row: 14.0, numbers: Numbers::Offsets };
    let baseline = sheet.y + 14.0;
    let name = fit(&file.name[prefix..], SMALL, NAME - 12.0);
    sheet.text(at(MARGIN, baseline), &name, SMALL, Anchor::Start, INK);
    grid.draw(sheet, &file.strip, at(MARGIN + NAME, sheet.y + 3.0));
    let figures = fit(&file.figures(), SMALL, INNER - NAME - CELLS - 10.0);
    sheet.text(at(WIDTH - MARGIN, baseline), &figures, SMALL, Anchor::End, FAINT);
    sheet.describe(&format!("{}: {}.", file.name, file.figures()));
    sheet.y += HEIGHT;
}
