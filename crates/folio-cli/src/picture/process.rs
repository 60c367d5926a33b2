//! The picture of `folio maps PID`: the mappings of a process, or what two processes share.

use std::ops::Range;

use super::Output;
use super::cells::{Class, Strip};
use super::grid::{Grid, Numbers, classes, mixed};
use super::letters::{fit, width};
use super::palette::{FAINT, INK};
use super::scene::{Anchor, Scene, at};
use super::sheet::{BODY, MARGIN, SMALL, Sheet, WIDTH};
use super::words::{offset, plural, size};
use crate::failure::Failure;

/// One process or two.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    /// `process 1234: cat`, `processes 1234 (cat) and 1300 (cat)`.
    pub(crate) title: String,
    /// Sentences below the title: USS, PSS and RSS; what root would add.
    pub(crate) notes: Vec<String>,
    /// Pages over all mappings: the bar on top.
    pub(crate) totals: Vec<(Class, u64)>,
    /// Bytes of a page.
    pub(crate) page_size: u64,
    /// Mappings under one heading each, dearest first.
    pub(crate) groups: Vec<Group>,
    /// Mappings that are not shown: how many, and their bytes.
    pub(crate) more: Option<(u64, u64)>,
}

/// The mappings of one file, or of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The file's name, or `[heap]`, `anonymous`, …
    pub(crate) name: String,
    /// What it costs, in words: `1.2 MiB resident, 160.0 KiB of it this process's own`.
    pub(crate) cost: String,
    pub(crate) mappings: Vec<Mapping>,
}

/// One mapping.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) addresses: Range<u64>,
    /// Where in the file it begins, if it has one.
    pub(crate) offset: Option<u64>,
    /// As /proc/PID/maps writes it: `r-xp`.
    pub(crate) protection: String,
    /// In words: `program text`, `constants`, `initialised data`, `stack`, …
    pub(crate) kind: String,
    /// Bytes that are present, as told by the kernel; `None` where it does not tell.
    pub(crate) resident: Option<u64>,
    /// Its pages; `start` is its first address. At most [`CELLS`] of them.
    pub(crate) strip: Strip,
}

/// How many mappings are drawn at most.
pub(crate) const MAPPINGS: usize = 200;

/// How many cells a mapping has at most.
pub(crate) const CELLS: u64 = 64;

impl Process {
    /// Draw it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn draw(&self, output: &Output) -> Result<(), Failure> {
        output.write(&self.scene())
    }

    pub(super) fn scene(&self) -> Scene {
        let mut sheet = Sheet::new(&self.title, &self.notes);
        let all = || self.groups.iter().flat_map(|group| &group.mappings);
        let strips = || all().take(MAPPINGS).map(|mapping| &mapping.strip);
        sheet.totals(&self.totals, self.page_size, &classes(strips()));
        sheet.y += 8.0;
        let mut text = format!(
            "Each line is a mapping from its first page to its last, in at most {CELLS} cells of as many pages each."
        );
        if mixed(strips()) {
            text.push_str(" A cell whose pages are not all alike is filled in proportion.");
        }
        sheet.paragraph(&text, SMALL, FAINT);
        let mut left = MAPPINGS;
        for group in &self.groups {
            let shown = &group.mappings[..group.mappings.len().min(left)];
            left -= shown.len();
            if !shown.is_empty() {
                sheet.y += 12.0;
                sheet.heading(&group.name, &group.cost);
                sheet.describe(&format!("{}: {}.", group.name, group.cost));
                shown.iter().for_each(|mapping| line(&mut sheet, mapping));
            }
        }
        let (more, bytes) = self.more.unwrap_or((0, 0));
        let lens = all().skip(MAPPINGS).map(|mapping| mapping.len());
        let bytes = lens.fold(bytes, u64::saturating_add);
        let more = more.saturating_add(all().skip(MAPPINGS).count() as u64);
        if more > 0 {
            sheet.y += 12.0;
            let mappings = plural(more, "more mapping");
            sheet.paragraph(&format!("… and {mappings}, {}, not shown.", size(bytes)), BODY, INK);
        }
        sheet.finish()
    }
}

impl Mapping {
    fn len(&self) -> u64 {
        self.addresses.end.saturating_sub(self.addresses.start)
    }
}

/// A mapping in one line: where, how, what, its cells, how much of it is present.
fn line(sheet: &mut Sheet, mapping: &Mapping) {
    const CELLS_FROM: f64 = 432.0;
    const PITCH: f64 = 5.5;
    let grid = Grid { columns: 64, pitch: PITCH, row: 14.0, numbers: Numbers::Addresses };
    let baseline = sheet.y + 14.0;
    let mut column = |from: f64, to: f64, anchor, text: &str, colour| {
        let x = if anchor == Anchor::End { to } else { from };
        sheet.text(at(x, baseline), &fit(text, SMALL, to - from), SMALL, anchor, colour);
    };
    let address = format!("{:#x}", mapping.addresses.start);
    column(MARGIN, 152.0, Anchor::End, &address, FAINT);
    column(162.0, 196.0, Anchor::Start, &mapping.protection, INK);
    let room = CELLS_FROM - 8.0 - 202.0;
    let longer = mapping.offset.filter(|from| *from > 0);
    let longer = longer.map(|from| format!("{} from {}", mapping.kind, offset(from)));
    // What it is says more than where in the file it begins.
    let kind = longer.filter(|text| width(text, SMALL) <= room).unwrap_or(mapping.kind.clone());
    column(202.0, CELLS_FROM - 8.0, Anchor::Start, &kind, INK);
    let figures = match mapping.resident {
        Some(resident) => format!("{} of {}", size(resident), size(mapping.len())),
        None => format!("? of {}", size(mapping.len())),
    };
    column(CELLS_FROM + 64.0 * PITCH + 6.0, WIDTH - MARGIN, Anchor::End, &figures, FAINT);
    grid.draw(sheet, &mapping.strip, at(CELLS_FROM, sheet.y + 3.0));
    sheet.y += 18.0;
}
