//! Horizontal bars in groups, each with its spread, its value and what there is to say of it.

use super::axis::Ruler;
use super::letters::{fit, width};
use super::palette::{FAINT, GRID, INK, RULE, SERIES};
use super::plots::{Bar, Bars};
use super::scene::{Anchor, Mark, Paint, at, rect};
use super::sheet::{Entry, HEADING, MARGIN, SMALL, Sheet, WIDTH};

/// Where bars begin; their names end before.
const LEFT: f64 = MARGIN + 208.0;
/// Where the axis ends; values that are behind the longest bar go on.
const RIGHT: f64 = WIDTH - MARGIN - 150.0;
/// From one bar to the next.
const ROW: f64 = 19.0;
const BAR: f64 = 13.0;

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
    axis(sheet, bars, &ruler);
    for group in &bars.groups {
        sheet.y += 8.0;
        if !group.name.is_empty() {
            sheet.y += HEADING.size;
            let name = fit(&group.name, HEADING, WIDTH - 2.0 * MARGIN);
            // On a ground of its own: lines of the axis would run through it.
            let ground = rect(MARGIN, sheet.y - 12.0, width(&name, HEADING) + 6.0, 16.0);
            sheet.rect(ground, Paint::Plain(super::palette::WHITE));
            sheet.text(at(MARGIN, sheet.y), &name, HEADING, Anchor::Start, INK);
            sheet.y += 5.0;
        }
        group.bars.iter().for_each(|bar| draw_bar(sheet, bars, &ruler, bar));
    }
}

fn colour(bar: &Bar) -> super::scene::Colour {
    SERIES[bar.series % SERIES.len()]
}

fn x(ruler: &Ruler, value: f64) -> Option<f64> {
    ruler.place(value).map(|share| LEFT + share * (RIGHT - LEFT))
}

/// The numbers of the axis above the bars, and its lines behind all of them.
fn axis(sheet: &mut Sheet, bars: &Bars, ruler: &Ruler) {
    sheet.y += 4.0 + SMALL.size;
    let name = bars.axis.name(WIDTH - MARGIN - LEFT);
    sheet.text(at(LEFT, sheet.y), &name, SMALL, Anchor::Start, FAINT);
    sheet.y += 5.0 + SMALL.size;
    for (x, label) in ruler.numbered(RIGHT - LEFT, 8.0) {
        sheet.text(at(LEFT + x, sheet.y), &label, SMALL, Anchor::Middle, FAINT);
    }
    let heights: f64 = bars
        .groups
        .iter()
        .map(|group| {
            let heading = if group.name.is_empty() { 0.0 } else { HEADING.size + 5.0 };
            8.0 + heading + ROW * group.bars.len() as f64
        })
        .sum();
    sheet.y += 5.0;
    for tick in &ruler.ticks {
        let Some(x) = x(ruler, *tick) else { continue };
        let (top, bottom) = (at(x, sheet.y), at(x, sheet.y + heights + 4.0));
        sheet.line(top, bottom, GRID, 1.0);
    }
    sheet.line(at(LEFT, sheet.y), at(LEFT, sheet.y + heights + 4.0), RULE, 1.0);
}

fn draw_bar(sheet: &mut Sheet, bars: &Bars, ruler: &Ruler, bar: &Bar) {
    let top = sheet.y + (ROW - BAR) / 2.0;
    let baseline = top + BAR - 2.5;
    let name = fit(&bar.name, SMALL, LEFT - MARGIN - 8.0);
    sheet.text(at(LEFT - 7.0, baseline), &name, SMALL, Anchor::End, INK);
    let value = bars.axis.unit.write(bar.value.middle);
    let mut end = LEFT;
    if let Some(x) = x(ruler, bar.value.middle) {
        let area = rect(LEFT, top, (x - LEFT).max(1.0), BAR);
        let mark = Mark::Rect { rect: area, paint: Paint::Plain(colour(bar)) };
        let [low, _, high] = bar.value.values().map(|value| bars.axis.unit.write(value));
        let tip = format!("{}: {value}, from {low} to {high}", bar.name);
        sheet.draw(Mark::Tip { tip, marks: vec![mark] });
        end = x;
    }
    if let (Some(low), Some(high)) = (x(ruler, bar.value.low), x(ruler, bar.value.high)) {
        whisker(sheet, low, high, top + BAR / 2.0);
        end = end.max(high);
    }
    let text = match &bar.note {
        Some(note) => format!("{value}  {note}"),
        None => value,
    };
    sheet.describe(&format!("{}: {text}.", bar.name));
    label(sheet, end, baseline, &text);
    sheet.y += ROW;
}

/// From the lowest to the highest, with ends; on a white edge, so that it is seen on the bar too.
fn whisker(sheet: &mut Sheet, low: f64, high: f64, y: f64) {
    if high - low < 1.5 {
        return;
    }
    for (colour, width) in [(super::palette::WHITE, 3.0), (INK, 1.2)] {
        sheet.line(at(low, y), at(high, y), colour, width);
        for x in [low, high] {
            sheet.line(at(x, y - 3.5), at(x, y + 3.5), colour, width);
        }
    }
}

/// The value behind the bar, on a ground of its own.
fn label(sheet: &mut Sheet, end: f64, baseline: f64, text: &str) {
    let from = end + 7.0;
    let text = fit(text, SMALL, WIDTH - MARGIN - from);
    let ground = rect(from - 2.0, baseline - 9.5, width(&text, SMALL) + 4.0, 12.0);
    sheet.rect(ground, Paint::Plain(super::palette::WHITE));
    sheet.text(at(from, baseline), &text, SMALL, Anchor::Start, INK);
}
