//! A sheet that is filled from the top: title, sentences, a legend, and then whatever a picture is of.

use super::cells::Class;
use super::letters::{fit, width, wrap};
use super::palette::{FAINT, INK};
use super::scene::{Anchor, At, Colour, Font, Mark, Paint, Rect, Scene, Weight, at, rect};
use super::words::{percent, size};

/// How wide a sheet is.
pub(super) const WIDTH: f64 = 960.0;
/// What stays free on every side.
pub(super) const MARGIN: f64 = 24.0;
/// What is left between the margins.
pub(super) const INNER: f64 = WIDTH - 2.0 * MARGIN;

pub(super) const TITLE: Font = Font { size: 18.0, weight: Weight::Bold };
pub(super) const HEADING: Font = Font { size: 13.0, weight: Weight::Bold };
pub(super) const BODY: Font = Font { size: 13.0, weight: Weight::Regular };
pub(super) const SMALL: Font = Font { size: 11.0, weight: Weight::Regular };

/// A sheet, filled down to `y`.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) y: f64,
    marks: Vec<Mark>,
    title: String,
    description: Vec<String>,
}

/// One colour of a legend and what it means.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) paint: Paint,
    pub(super) words: String,
}

impl Sheet {
    /// A sheet with a title and sentences below it.
    pub(super) fn new(title: &str, notes: &[String]) -> Self {
        let mut sheet =
            Self { y: MARGIN, marks: Vec::new(), title: title.to_owned(), description: Vec::new() };
        sheet.y += TITLE.size;
        sheet.text(at(MARGIN, sheet.y), &fit(title, TITLE, INNER), TITLE, Anchor::Start, INK);
        sheet.y += 8.0;
        for note in notes {
            sheet.paragraph(note, BODY, INK);
        }
        sheet
    }

    pub(super) fn draw(&mut self, mark: Mark) {
        self.marks.push(mark);
    }

    pub(super) fn rect(&mut self, rect: Rect, paint: Paint) {
        self.draw(Mark::Rect { rect, paint });
    }

    pub(super) fn line(&mut self, from: At, to: At, colour: Colour, width: f64) {
        self.draw(Mark::Line { points: vec![from, to], colour, width, dash: None });
    }

    pub(super) fn text(&mut self, at: At, text: &str, font: Font, anchor: Anchor, colour: Colour) {
        if !text.is_empty() {
            self.draw(Mark::Text { at, text: text.to_owned(), font, anchor, colour });
        }
    }

    /// Sentences over the whole width; also what a screen reader is told.
    pub(super) fn paragraph(&mut self, text: &str, font: Font, colour: Colour) {
        for line in wrap(text, font, INNER) {
            self.y += font.size;
            self.text(at(MARGIN, self.y), &line, font, Anchor::Start, colour);
            self.y += (font.size * 0.45).round();
        }
        self.describe(text);
    }

    /// Tell a screen reader what is seen.
    pub(super) fn describe(&mut self, text: &str) {
        self.description.push(text.to_owned());
    }

    /// A name on the left, shortened as needed, and figures on the right, in one line.
    pub(super) fn heading(&mut self, name: &str, figures: &str) {
        let figures = fit(figures, SMALL, INNER * 0.7);
        let left = INNER - width(&figures, SMALL) - 16.0;
        self.y += HEADING.size;
        self.text(at(MARGIN, self.y), &fit(name, HEADING, left), HEADING, Anchor::Start, INK);
        self.text(at(WIDTH - MARGIN, self.y), &figures, SMALL, Anchor::End, FAINT);
        self.y += 6.0;
    }

    /// Swatches with words, in as many lines as they need.
    pub(super) fn legend(&mut self, entries: &[Entry]) {
        const SWATCH: f64 = 12.0;
        let mut x = MARGIN;
        let mut baseline = self.y + SWATCH;
        for Entry { paint, words } in entries {
            let words = fit(words, SMALL, INNER - SWATCH - 6.0);
            let needed = SWATCH + 6.0 + width(&words, SMALL);
            if x > MARGIN && x + needed > WIDTH - MARGIN {
                x = MARGIN;
                baseline += SWATCH + 7.0;
            }
            self.rect(rect(x, baseline - SWATCH + 2.0, SWATCH, SWATCH), *paint);
            let place = at(x + SWATCH + 6.0, baseline);
            self.text(place, &words, SMALL, Anchor::Start, INK);
            x += needed + 20.0;
        }
        if !entries.is_empty() {
            self.y = baseline + 6.0;
        }
    }

    /// A bar over the whole width that shows what `totals` are made of, and the legend with their figures; `also` are
    /// classes that occur in the picture though not in the totals.
    pub(super) fn totals(&mut self, totals: &[(Class, u64)], page_size: u64, also: &[Class]) {
        const HEIGHT: f64 = 18.0;
        let mut parts: Vec<_> = totals.iter().copied().filter(|(_, pages)| *pages > 0).collect();
        parts.sort_unstable_by_key(|(class, _)| *class);
        let all = parts.iter().fold(0u64, |sum, (_, pages)| sum.saturating_add(*pages));
        let widths = shares(&parts, INNER, 3.0);
        let mut x = MARGIN;
        self.y += 6.0;
        for ((class, _), width) in parts.iter().zip(&widths) {
            self.rect(rect(x, self.y, *width, HEIGHT), class.paint());
            x += width;
        }
        if !parts.is_empty() {
            self.y += HEIGHT + 7.0;
        }
        let mut entries: Vec<Entry> = Vec::new();
        for (class, pages) in &parts {
            let bytes = size(pages.saturating_mul(page_size));
            let words = format!("{} · {bytes} ({})", class.words(), percent(*pages, all));
            self.describe(&format!("{words}."));
            entries.push(Entry { paint: class.paint(), words });
        }
        let missing = also.iter().filter(|class| !parts.iter().any(|(found, _)| found == *class));
        entries.extend(
            missing.map(|class| Entry { paint: class.paint(), words: class.words().to_owned() }),
        );
        self.legend(&entries);
    }

    /// The picture, which ends where the sheet is filled.
    pub(super) fn finish(self) -> Scene {
        Scene {
            width: WIDTH,
            height: (self.y + MARGIN).ceil(),
            title: self.title,
            description: self.description.join(" "),
            marks: self.marks,
        }
    }
}

/// How `length` is divided among `parts`: by their sizes in half pixels, but what is there at all gets `least`.
pub(super) fn shares(parts: &[(Class, u64)], length: f64, least: f64) -> Vec<f64> {
    let all: f64 = parts.iter().map(|(_, pages)| *pages as f64).sum();
    let mut lengths: Vec<f64> = parts
        .iter()
        .map(|(_, pages)| match pages {
            0 => 0.0,
            pages => ((*pages as f64 / all * length * 2.0).round() / 2.0).max(least),
        })
        .collect();
    // What the small ones got is taken from the large ones.
    let mut over = lengths.iter().sum::<f64>() - length;
    while over.abs() > 0.25 {
        let Some(largest) = lengths.iter_mut().max_by(|a, b| a.total_cmp(b)) else { break };
        if *largest <= 0.0 || (over > 0.0 && *largest <= least) {
            break;
        }
        let change = if over > 0.0 { over.min(*largest - least) } else { over };
        *largest -= change;
        over -= change;
    }
    lengths
}
