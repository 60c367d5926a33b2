//! Horizontal bars in groups, each with its spread, its value and what there is to say of it. Two groups are side by side,
//! each below an axis of its own with the same numbers.

use super::axis::Ruler;
use super::letters::{fit, width};
use super::palette::{FAINT, GRID, INK, RULE, SERIES, WHITE};
use super::plots::{Bar, BarGroup, Bars};
use super::scene::{Anchor, Colour, Mark, Paint, at, rect};
use super::sheet::{Entry, HEADING, INNER, MARGIN, SMALL, Sheet};

/// From one bar to the next.
const ROW: f64 = 16.0;
const BAR: f64 = 11.0;
/// Between two groups that are side by side.
const BETWEEN: f64 = 28.0;

/// Where a group is drawn, from left to right: names, bars, and what is written behind the longest of them.
#[derive(Clone, Copy, Debug)]
struct Column {
    left: f64,
    from: f64,
    to: f64,
    right: f64,
}

pub(super) fn draw(sheet: &mut Sheet, bars: &Bars) {
    sheet.heading(&bars.title, "");
    let all = || bars.groups.iter().flat_map(|group| &group.bars);
    let ruler = Ruler::new(&bars.axis, all().flat_map(|bar| bar.value.values()));
    let mut entries: Vec<Entry> = Vec::new();
    for bar in all() {
        let Some(words) = &bar.series_name else { continue };
        if !entries.iter().any(|entry| entry.words == *words) {
            entries.push(Entry { paint: Paint::Plain(colour(bar)), words: words.clone() });
        }
    }
    sheet.y += 2.0;
    sheet.legend(&entries);
    for side_by_side in bars.groups.chunks(2) {
        let top = sheet.y;
        let mut bottom = top;
        for (group, column) in side_by_side.iter().zip(columns(bars)) {
            sheet.y = top;
            draw_group(sheet, bars, &ruler, group, column);
            bottom = bottom.max(sheet.y);
        }
        sheet.y = bottom + 4.0;
    }
}

/// The places of a row of groups: two, or one over the whole width where there is only one.
fn columns(bars: &Bars) -> Vec<Column> {
    let all = || bars.groups.iter().flat_map(|group| &group.bars);
    let count = bars.groups.len().clamp(1, 2);
    let whole = (INNER - BETWEEN * (count as f64 - 1.0)) / count as f64;
    let names = all().map(|bar| width(&fit(&bar.name, SMALL, whole * 0.34), SMALL));
    let names = names.fold(40.0, f64::max) + 8.0;
    // Enough for most values and notes; longer ones are shortened behind long bars only.
    let values = all().map(|bar| width(&written(bars, bar), SMALL));
    let values = values.fold(40.0, f64::max).min(whole * 0.3) + 14.0;
    (0..count)
        .map(|index| {
            let left = MARGIN + index as f64 * (whole + BETWEEN);
            let right = left + whole;
            Column { left, from: left + names, to: right - values, right }
        })
        .collect()
}

fn colour(bar: &Bar) -> Colour {
    SERIES[bar.series % SERIES.len()]
}

/// What stands behind a bar.
fn written(bars: &Bars, bar: &Bar) -> String {
    let value = bars.axis.unit.write(bar.value.middle);
    match &bar.note {
        Some(note) => format!("{value}  {note}"),
        None => value,
    }
}

fn draw_group(sheet: &mut Sheet, bars: &Bars, ruler: &Ruler, group: &BarGroup, column: Column) {
    let name = fit(&group.name, HEADING, column.right - column.left);
    sheet.y += 6.0 + HEADING.size;
    sheet.text(at(column.left, sheet.y), &name, HEADING, Anchor::Start, INK);
    axis(sheet, bars, ruler, group, column);
    group.bars.iter().for_each(|bar| draw_bar(sheet, bars, ruler, bar, column));
}

impl Column {
    fn x(self, ruler: &Ruler, value: f64) -> Option<f64> {
        ruler.place(value).map(|share| self.from + share * (self.to - self.from))
    }
}

/// The numbers of the axis above the bars, and its lines behind all of them.
fn axis(sheet: &mut Sheet, bars: &Bars, ruler: &Ruler, group: &BarGroup, column: Column) {
    sheet.y += 4.0 + SMALL.size;
    let name = bars.axis.name(column.right - column.from);
    sheet.text(at(column.from, sheet.y), &name, SMALL, Anchor::Start, FAINT);
    sheet.y += 5.0 + SMALL.size;
    for (x, label) in ruler.numbered(column.to - column.from, 8.0) {
        let place = at(column.from + x, sheet.y);
        sheet.text(place, &label, SMALL, Anchor::Middle, FAINT);
    }
    sheet.y += 5.0;
    let bottom = sheet.y + ROW * group.bars.len() as f64 + 4.0;
    for tick in &ruler.ticks {
        let Some(x) = column.x(ruler, *tick) else { continue };
        sheet.line(at(x, sheet.y), at(x, bottom), GRID, 1.0);
    }
    sheet.line(at(column.from, sheet.y), at(column.from, bottom), RULE, 1.0);
    sheet.y += 2.0;
}

fn draw_bar(sheet: &mut Sheet, bars: &Bars, ruler: &Ruler, bar: &Bar, column: Column) {
    let top = sheet.y + (ROW - BAR) / 2.0;
    let baseline = top + BAR - 1.5;
    let name = fit(&bar.name, SMALL, column.from - column.left - 7.0);
    sheet.text(at(column.from - 7.0, baseline), &name, SMALL, Anchor::End, INK);
    let value = bars.axis.unit.write(bar.value.middle);
    let mut end = column.from;
    if let Some(x) = column.x(ruler, bar.value.middle) {
        let area = rect(column.from, top, (x - column.from).max(1.0), BAR);
        let mark = Mark::Rect { rect: area, paint: Paint::Plain(colour(bar)) };
        let [low, _, high] = bar.value.values().map(|value| bars.axis.unit.write(value));
        let tip = format!("{}: {value}, from {low} to {high}", bar.name);
        sheet.draw(Mark::Tip { tip, marks: vec![mark] });
        end = x;
    }
    if let (Some(low), Some(high)) =
        (column.x(ruler, bar.value.low), column.x(ruler, bar.value.high))
    {
        whisker(sheet, low, high, top + BAR / 2.0);
        end = end.max(high);
    }
    let text = written(bars, bar);
    sheet.describe(&format!("{}: {text}.", bar.name));
    label(sheet, end, baseline, &text, column.right);
    sheet.y += ROW;
}

/// From the lowest to the highest, with ends; on a white edge, so that it is seen on the bar too.
fn whisker(sheet: &mut Sheet, low: f64, high: f64, y: f64) {
    if high - low < 1.5 {
        return;
    }
    for (colour, width) in [(WHITE, 3.0), (INK, 1.2)] {
        sheet.line(at(low, y), at(high, y), colour, width);
        for x in [low, high] {
            sheet.line(at(x, y - 3.0), at(x, y + 3.0), colour, width);
        }
    }
}

/// The value behind the bar, on a ground of its own: lines of the axis would run through it.
fn label(sheet: &mut Sheet, end: f64, baseline: f64, text: &str, right: f64) {
    let from = end + 7.0;
    let text = fit(text, SMALL, right - from);
    let ground = rect(from - 2.0, baseline - 9.5, width(&text, SMALL) + 4.0, 12.0);
    sheet.rect(ground, Paint::Plain(WHITE));
    sheet.text(at(from, baseline), &text, SMALL, Anchor::Start, INK);
}
