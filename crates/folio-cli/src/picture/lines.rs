//! Lines over an axis of sizes or numbers: a mark at each measurement, its spread, the line's name at its end.

use super::axis::Ruler;
use super::letters::fit;
use super::palette::{FAINT, GRID, INK, RULE, SERIES, WHITE};
use super::plots::{Lines, Point, Series};
use super::scene::{Anchor, At, Colour, Mark, Paint, at, rect};
use super::sheet::{MARGIN, SMALL, Sheet, WIDTH};

/// Where the plot begins, right of the numbers of its axis.
const LEFT: f64 = MARGIN + 84.0;
/// Where it ends, left of the lines' names.
const RIGHT: f64 = WIDTH - MARGIN - 190.0;
const HEIGHT: f64 = 320.0;
/// What stays free on both sides, where half of a mark would lie outside.
const EDGE: f64 = 10.0;
/// How lines are broken, so that they are told apart without colours.
const DASHES: [Option<[f64; 2]>; 3] = [None, Some([7.0, 3.0]), Some([2.0, 3.0])];

pub(super) fn draw(sheet: &mut Sheet, lines: &Lines) {
    sheet.heading(&lines.title, "");
    let points = || lines.series.iter().flat_map(|series| &series.points);
    let x = Ruler::new(&lines.x, points().map(|point| point.x));
    let y = Ruler::new(&lines.y, points().flat_map(|point| point.y.values()));
    sheet.y += SMALL.size + 2.0;
    sheet.text(at(MARGIN, sheet.y), &lines.y.name(RIGHT - MARGIN), SMALL, Anchor::Start, FAINT);
    sheet.y += 10.0;
    let plot = Plot { top: sheet.y, x, y };
    plot.grid(sheet);
    let mut ends = Vec::new();
    for (index, series) in lines.series.iter().enumerate() {
        if let Some(end) = plot.series(sheet, lines, series, index) {
            ends.push((end.y, index));
        }
    }
    plot.names(sheet, lines, ends);
    sheet.y += HEIGHT + SMALL.size + 8.0 + SMALL.size + 6.0;
    let middle = (LEFT + RIGHT) / 2.0;
    sheet.text(at(middle, sheet.y), &lines.x.name(RIGHT - LEFT), SMALL, Anchor::Middle, FAINT);
    sheet.y += 4.0;
}

struct Plot {
    top: f64,
    x: Ruler,
    y: Ruler,
}

impl Plot {
    fn x(&self, value: f64) -> Option<f64> {
        self.x.place(value).map(|share| LEFT + EDGE + share * (RIGHT - LEFT - 2.0 * EDGE))
    }

    fn y(&self, value: f64) -> Option<f64> {
        self.y.place(value).map(|share| self.top + (1.0 - share) * HEIGHT)
    }

    fn at(&self, x: f64, y: f64) -> Option<At> {
        Some(at(self.x(x)?, self.y(y)?))
    }

    fn grid(&self, sheet: &mut Sheet) {
        let bottom = self.top + HEIGHT;
        for tick in &self.x.ticks {
            let Some(x) = self.x(*tick) else { continue };
            sheet.line(at(x, self.top), at(x, bottom), GRID, 1.0);
        }
        for (x, label) in self.x.numbered(RIGHT - LEFT - 2.0 * EDGE, 8.0) {
            let place = at(LEFT + EDGE + x, bottom + 6.0 + SMALL.size);
            sheet.text(place, &label, SMALL, Anchor::Middle, FAINT);
        }
        for tick in &self.y.ticks {
            let Some(y) = self.y(*tick) else { continue };
            sheet.line(at(LEFT, y), at(RIGHT, y), GRID, 1.0);
            let place = at(LEFT - 8.0, y + SMALL.size * 0.36);
            sheet.text(place, &self.y.label(*tick), SMALL, Anchor::End, FAINT);
        }
        sheet.line(at(LEFT, bottom), at(RIGHT, bottom), RULE, 1.0);
    }

    /// A line with its marks; where its last one is.
    fn series(
        &self,
        sheet: &mut Sheet,
        lines: &Lines,
        series: &Series,
        index: usize,
    ) -> Option<At> {
        let colour = SERIES[index % SERIES.len()];
        let places: Vec<(&Point, At)> = series
            .points
            .iter()
            .filter_map(|point| Some((point, self.at(point.x, point.y.middle)?)))
            .collect();
        let points: Vec<At> = places.iter().map(|(_, place)| *place).collect();
        let dash = DASHES[index / SERIES.len() % DASHES.len()];
        sheet.draw(Mark::Line { points: points.clone(), colour, width: 2.0, dash });
        for (point, place) in places {
            if let (Some(low), Some(high)) = (self.y(point.y.low), self.y(point.y.high)) {
                for y in [low, high] {
                    sheet.line(at(place.x - 3.5, y), at(place.x + 3.5, y), colour, 1.2);
                }
                sheet.line(at(place.x, low), at(place.x, high), colour, 1.2);
            }
            let [low, middle, high] = point.y.values().map(|value| lines.y.unit.write(value));
            let x = lines.x.unit.write(point.x);
            let tip = format!("{}, {x}: {middle}, from {low} to {high}", series.name);
            sheet.describe(&format!("{tip}."));
            sheet.draw(Mark::Tip { tip, marks: vec![spot(place, colour, index)] });
        }
        points.last().copied()
    }

    /// The lines' names at their ends, moved apart as far as they would touch.
    fn names(&self, sheet: &mut Sheet, lines: &Lines, mut ends: Vec<(f64, usize)>) {
        const APART: f64 = 15.0;
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut lowest = self.top + HEIGHT + 6.0;
        // From below, then from above: what is pushed out at the bottom goes up.
        for end in ends.iter_mut().rev() {
            end.0 = end.0.min(lowest);
            lowest = end.0 - APART;
        }
        let mut highest = self.top;
        for end in &mut ends {
            end.0 = end.0.max(highest);
            highest = end.0 + APART;
        }
        for (y, index) in ends {
            let colour = SERIES[index % SERIES.len()];
            let dash = DASHES[index / SERIES.len() % DASHES.len()];
            let from = RIGHT + 12.0;
            let points = vec![at(from, y), at(from + 22.0, y)];
            sheet.draw(Mark::Line { points, colour, width: 2.0, dash });
            sheet.draw(spot(at(from + 11.0, y), colour, index));
            let place = at(from + 29.0, y + SMALL.size * 0.36);
            let name = fit(&lines.series[index].name, SMALL, WIDTH - MARGIN - place.x);
            sheet.text(place, &name, SMALL, Anchor::Start, INK);
        }
    }
}

/// A mark whose shape tells lines apart too: square, diamond, triangle, hollow square in turn.
fn spot(place: At, colour: Colour, index: usize) -> Mark {
    let At { x, y } = place;
    let polygon = |points| Mark::Polygon { points, colour, opacity: 1.0 };
    match index % 4 {
        0 => Mark::Rect { rect: rect(x - 3.5, y - 3.5, 7.0, 7.0), paint: Paint::Plain(colour) },
        1 => polygon(vec![at(x, y - 5.0), at(x + 5.0, y), at(x, y + 5.0), at(x - 5.0, y)]),
        2 => polygon(vec![at(x, y - 5.0), at(x + 5.0, y + 4.0), at(x - 5.0, y + 4.0)]),
        _ => {
            let paint = Paint::Outlined { ground: WHITE, line: colour };
            Mark::Rect { rect: rect(x - 4.0, y - 4.0, 8.0, 8.0), paint }
        }
    }
}
