//! The pages of the file under the cursor over its length: a cell for each run of pages.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::pages::tally::bytes_of;
use crate::units::human;

use super::super::event::{Cell, Figures, FileMap, Ground};
use super::super::files::Named as _;
use super::super::layout::{AROUND_MAP, MAP_MARGIN};
use super::super::model::Model;
use super::super::row::{Row, State};
use super::head::spark;
use super::pen::Pen;
use super::words::{bytes, columns, count, keep_end, lines, or_dash, percent};
use super::{Palette, under};

/// A title, the cells, the legend, the history.
pub(super) fn draw(model: &Model, palette: &Palette, area: Rect, buffer: &mut Buffer) {
    let lines = area.height.saturating_sub(AROUND_MAP);
    let cells = Rect { height: lines, ..under(area, 1) };
    let legend_at = under(area, 1 + lines);
    let history_at = under(area, 2 + lines);
    let Some(row) = model.selected() else {
        let nothing = "─".repeat(usize::from(area.width));
        Pen::new(buffer, area).text(&nothing, palette.faint);
        return;
    };
    let map = model.map.as_ref().filter(|map| row.file_name().is(&map.path));
    title(row, map, palette, area, buffer);
    match (row.figures(), map) {
        (Some(figures), Some(map)) => {
            draw_cells(map, figures, palette, cells, buffer);
            legend(palette, legend_at, buffer);
        }
        (Some(_), None) => {}
        (None, _) => why_nothing(model, row, palette, cells, buffer),
    }
    history(row, palette, history_at, buffer);
}

fn title(row: &Row, map: Option<&FileMap>, palette: &Palette, area: Rect, buffer: &mut Buffer) {
    let scale = match map {
        Some(map) if !map.cells.is_empty() => {
            format!(" {}, a cell is {} ", human(map.len), human(map.per_cell))
        }
        _ => String::new(),
    };
    let mut pen = Pen::new(buffer, area);
    pen.text("── ", palette.faint);
    let room = pen.room().saturating_sub(columns(&scale) + 4);
    pen.text(&keep_end(&row.name(), room), palette.title).skip(1);
    let rest = pen.room().saturating_sub(columns(&scale) + 2);
    pen.text(&"─".repeat(rest), palette.faint).text(&scale, Style::new()).text("──", palette.faint);
}

/// Why there is nothing to draw.
fn why_nothing(model: &Model, row: &Row, palette: &Palette, area: Rect, buffer: &mut Buffer) {
    let why = match &row.state {
        State::Here(..) => return,
        State::Gone { .. } if !model.pids.is_empty() => "the process does not have it any more",
        State::Gone { .. } => "there is no file of this name any more",
        State::Failed(why) => why.as_str(),
    };
    Pen::new(buffer, area).skip(MAP_MARGIN.into()).text(why, palette.bad);
}

/// Lines of cells, each with the offset that it begins at.
fn draw_cells(
    map: &FileMap,
    figures: &Figures,
    palette: &Palette,
    area: Rect,
    buffer: &mut Buffer,
) {
    if let Some(why) = &map.why_not {
        wrapped(why, palette.bad, area, buffer);
        return;
    }
    if map.cells.is_empty() {
        let why = match (figures.why_unknown(), figures.pages()) {
            (_, 0) => "the file is empty: it has no pages".to_owned(),
            (Some(why), _) => why.to_string(),
            (None, _) => String::new(),
        };
        wrapped(&why, palette.faint, area, buffer);
        return;
    }
    let across = usize::from(area.width.saturating_sub(MAP_MARGIN + 1)).max(1);
    for (line, cells) in map.cells.chunks(across).enumerate().take(area.height.into()) {
        let offset = (line as u64).saturating_mul(across as u64).saturating_mul(map.per_cell);
        let line = u16::try_from(line).unwrap_or(u16::MAX);
        let mut pen = Pen::new(buffer, under(area, line));
        pen.right(&human(offset), usize::from(MAP_MARGIN) - 1, palette.faint).skip(1);
        for cell in cells {
            let (symbol, style) = symbol(cell, palette);
            pen.text(symbol, style);
        }
    }
}

/// Words over several lines.
fn wrapped(text: &str, style: Style, area: Rect, buffer: &mut Buffer) {
    let room = usize::from(area.width.saturating_sub(MAP_MARGIN + 1));
    for (line, words) in lines(text, room).iter().enumerate().take(area.height.into()) {
        let line = u16::try_from(line).unwrap_or(u16::MAX);
        Pen::new(buffer, under(area, line)).skip(MAP_MARGIN.into()).text(words, style);
    }
}

/// What a cell looks like. Letters, not colours alone, tell dirty pages and those being written.
fn symbol(cell: &Cell, palette: &Palette) -> (&'static str, Style) {
    if cell.writeback > 0 {
        return ("W", palette.writeback);
    }
    if cell.dirty > 0 {
        return ("D", palette.dirty);
    }
    match (cell.cached, cell.ground) {
        (0, Ground::Hole) => (" ", palette.faint),
        (0, Ground::Data) => ("·", palette.faint),
        (cached, _) if cached >= cell.pages => ("█", palette.cached),
        (cached, _) => {
            let third = u128::from(cached) * 3 / u128::from(cell.pages.max(1));
            (["░", "▒", "▓"][usize::try_from(third).unwrap_or(2).min(2)], palette.cached)
        }
    }
}

fn legend(palette: &Palette, area: Rect, buffer: &mut Buffer) {
    let mut pen = Pen::new(buffer, area);
    pen.skip(MAP_MARGIN.into());
    let signs = [
        ("█", palette.cached, "cached"),
        ("░▒▓", palette.cached, "partly"),
        ("·", palette.faint, "not cached"),
        ("D", palette.dirty, "dirty"),
        ("W", palette.writeback, "writing"),
    ];
    for (sign, style, what) in signs {
        pen.text(sign, style).skip(1).text(what, palette.faint).skip(2);
    }
    pen.text("blank: hole", palette.faint);
}

/// How much of it was cached, and the figures that may not have a column.
fn history(row: &Row, palette: &Palette, area: Rect, buffer: &mut Buffer) {
    let Some(figures) = row.figures() else { return };
    let mut pen = Pen::new(buffer, area);
    pen.skip(MAP_MARGIN.into());
    let pages = |name: &str, pages: Option<u64>| {
        pages.map_or_else(String::new, |pages| format!("{name} {}  ", bytes(bytes_of(pages))))
    };
    let share = or_dash(figures.cached(), |cached| percent(cached, figures.pages()));
    pen.text("cached ", palette.faint).left(&share, 5, palette.cached);
    let words = format!(
        "  pages in {}/s  out {}/s  {}{}",
        count(row.rate().into),
        count(row.rate().out),
        pages("evicted", figures.state(|states| states.evicted)),
        pages("recently", figures.state(|states| states.recently_evicted)),
    );
    let width = pen.room().saturating_sub(columns(&words)).min(120);
    let place = pen.take(width);
    // All of the file is the full height.
    spark(row.history(), Some(1000), palette.cached, place, pen.buffer());
    pen.text(&words, palette.faint);
}
