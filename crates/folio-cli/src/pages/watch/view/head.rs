//! The lines above the list: totals of the files, what the machine does, what the processes do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Sparkline, Widget as _};

use crate::name::quoted;
use crate::units::human;

use super::super::model::Model;
use super::super::rates::{History, Life, ProcessMeter};
use super::pen::Pen;
use super::words::{columns, count, or_dash, percent, seconds};
use super::{Palette, under};

/// Columns before the figures of a line, which say what they are of.
const LABEL: usize = 9;

/// As many lines as the area has.
pub(super) fn draw(model: &Model, palette: &Palette, area: Rect, buffer: &mut Buffer) {
    totals(model, palette, area, buffer);
    machine(model, palette, under(area, 1), buffer);
    disks(model, palette, under(area, 2), buffer);
    let lines = under(area, 3);
    for (line, process) in model.meter.processes.iter().enumerate() {
        let line = u16::try_from(line).unwrap_or(u16::MAX);
        one_process(process, palette, under(lines, line), buffer);
    }
    let left_out = model.pids.len().saturating_sub(lines.height.into());
    if left_out > 0 && lines.height > 0 {
        let text = format!("{left_out} more ");
        right(buffer, under(lines, lines.height - 1), &text, palette.faint);
    }
}

/// A figure and its name, if there is room for all of it.
fn figure(pen: &mut Pen<'_>, palette: &Palette, name: &str, figure: &str, style: Style) {
    let width = columns(name) + 1 + columns(figure);
    if width > pen.room() {
        pen.skip(width);
        return;
    }
    pen.text(name, palette.faint).skip(1).text(figure, style).skip(2);
}

fn totals(model: &Model, palette: &Palette, area: Rect, buffer: &mut Buffer) {
    let totals = &model.totals;
    let pace = if model.pace.is_paused() {
        " PAUSED ".to_owned()
    } else {
        format!("every {}", seconds(model.pace.interval()))
    };
    let style = if model.pace.is_paused() { palette.names } else { palette.faint };
    let taken = u16::try_from(columns(&pace) + 1).unwrap_or(u16::MAX).min(area.width);
    let mut pen = Pen::new(buffer, Rect { width: area.width - taken, ..area });
    let files = match totals.files {
        1 => "1 file".to_owned(),
        many => format!("{many} files"),
    };
    pen.left(&files, (columns(&files) + 2).max(LABEL), palette.title);
    let known = percent(totals.cached, totals.known_len);
    let cached = format!("{} of {} ({known})", human(totals.cached), human(totals.known_len));
    figure(&mut pen, palette, "cached", &cached, palette.cached);
    if totals.unknown > 0 {
        let text = format!("{} unknown", count(totals.unknown));
        pen.text(&text, palette.bad).skip(2);
    }
    figure(&mut pen, palette, "dirty", &human(totals.dirty), palette.dirty);
    figure(&mut pen, palette, "writing", &human(totals.writeback), palette.writeback);
    right(buffer, area, &pace, style);
}

fn machine(model: &Model, palette: &Palette, area: Rect, buffer: &mut Buffer) {
    let rates = &model.meter.rates;
    let page = model.page_size();
    let plain = Style::new();
    let pages = |pages: Option<u64>| or_dash(pages, |pages| human(pages.saturating_mul(page)));
    let mut pen = Pen::new(buffer, area);
    pen.left("machine", LABEL, palette.title);
    figure(&mut pen, palette, "minor faults", &per_second(rates.minor), plain);
    figure(&mut pen, palette, "major", &per_second(rates.major), plain);
    figure(&mut pen, palette, "dirty", &pages(rates.dirty), palette.dirty);
    figure(&mut pen, palette, "writing", &pages(rates.writeback), palette.writeback);
}

/// What is read and written, with what it was a little while ago as far as there is room.
fn disks(model: &Model, palette: &Palette, area: Rect, buffer: &mut Buffer) {
    const RATE: usize = 12;
    const REFAULTS: usize = "refaults 99.9k/s".len() + 2;
    let meter = &model.meter;
    let speed = |rate| or_dash(rate, |rate| format!("{}/s", human(rate)));
    let words = LABEL + "read written ".len() + 2 * (RATE + 2) + REFAULTS;
    let graph = usize::from(area.width).saturating_sub(words).min(120) / 2;
    let mut pen = Pen::new(buffer, area);
    pen.left("disks", LABEL, palette.title);
    let sides =
        [("read", meter.rates.read, &meter.reads), ("written", meter.rates.written, &meter.writes)];
    for (name, rate, history) in sides {
        pen.text(name, palette.faint).skip(1).left(&speed(rate), RATE, Style::new());
        let place = pen.take(graph);
        spark(history, None, palette.news, place, pen.buffer());
        pen.skip(2);
    }
    figure(&mut pen, palette, "refaults", &per_second(meter.rates.refaults), Style::new());
}

fn per_second(rate: Option<u64>) -> String {
    or_dash(rate, |rate| format!("{}/s", count(rate)))
}

/// A graph of the newest values, scaled to `max` or else to the highest of them; they come in from the right.
pub(super) fn spark(
    history: &History,
    max: Option<u64>,
    style: Style,
    area: Rect,
    buffer: &mut Buffer,
) {
    let width = usize::from(area.width);
    let blank = width.saturating_sub(history.len());
    let values = std::iter::repeat_n(0, blank).chain(history.last(width));
    let mut graph = Sparkline::default().data(values.collect::<Vec<_>>()).style(style);
    if let Some(max) = max {
        graph = graph.max(max);
    }
    graph.render(area, buffer);
}

fn one_process(process: &ProcessMeter, palette: &Palette, area: Rect, buffer: &mut Buffer) {
    let ProcessMeter { pid, is, minor, major, .. } = process;
    let mut pen = Pen::new(buffer, area);
    let label = format!("pid {pid}");
    pen.left(&label, (columns(&label) + 2).max(LABEL), palette.title);
    // One that was never seen has no name.
    if !process.name().is_empty() {
        pen.text(&quoted(process.name().as_ref()), Style::new()).skip(2);
    }
    match is {
        Life::Running => {
            figure(&mut pen, palette, "minor faults", &per_second(*minor), Style::new());
            figure(&mut pen, palette, "major", &per_second(*major), Style::new());
        }
        Life::Ended => {
            pen.text("has ended", palette.bad);
        }
    }
}

/// At the right end of a line.
fn right(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    let width = u16::try_from(columns(text)).unwrap_or(u16::MAX).min(area.width);
    Pen::new(buffer, Rect { x: area.x + area.width - width, width, ..area }).text(text, style);
}
