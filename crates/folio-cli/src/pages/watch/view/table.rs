//! The list of files: a bar and figures for each.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::pages::tally::bytes_of;

use super::super::event::Figures;
use super::super::model::Model;
use super::super::order::{Direction, SortKey};
use super::super::row::{News, Row, State};
use super::pen::Pen;
use super::words::{bytes, count, keep_end, or_dash, percent};
use super::{Palette, mark, put, under};

/// A column of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Percent,
    Cached,
    Size,
    Dirty,
    Writeback,
    Into,
    Out,
    Evicted,
    Recent,
}

/// Each figure takes at most this, and a blank before it.
const FIGURE: usize = 6;
/// The mark.
const MARK: usize = 2;

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::Percent => "%",
            Self::Cached => "CACHED",
            Self::Size => "SIZE",
            Self::Dirty => "DIRTY",
            Self::Writeback => "WRITE",
            Self::Into => "IN/S",
            Self::Out => "OUT/S",
            Self::Evicted => "EVICT",
            Self::Recent => "RECENT",
        }
    }

    /// What sorting by it is called.
    fn key(self) -> Option<SortKey> {
        match self {
            Self::Percent => Some(SortKey::Percent),
            Self::Cached => Some(SortKey::Cached),
            Self::Size => Some(SortKey::Size),
            Self::Dirty => Some(SortKey::Dirty),
            Self::Into => Some(SortKey::Activity),
            Self::Writeback | Self::Out | Self::Evicted | Self::Recent => None,
        }
    }

    fn figure(self, row: &Row, figures: &Figures) -> String {
        let pages = |pages: Option<u64>| or_dash(pages, |pages| bytes(bytes_of(pages)));
        match self {
            Self::Percent => or_dash(figures.cached(), |cached| percent(cached, figures.pages())),
            Self::Cached => or_dash(figures.cached_bytes(), bytes),
            Self::Size => bytes(figures.len),
            Self::Dirty => pages(figures.state(|states| states.dirty)),
            Self::Writeback => pages(figures.state(|states| states.writeback)),
            Self::Into => count(row.rate().into),
            Self::Out => count(row.rate().out),
            Self::Evicted => pages(figures.state(|states| states.evicted)),
            Self::Recent => pages(figures.state(|states| states.recently_evicted)),
        }
    }

    fn style(self, row: &Row, figures: &Figures, palette: &Palette) -> Style {
        let unless_nothing = |number: Option<u64>, style| {
            if number.is_some_and(|number| number > 0) { style } else { palette.faint }
        };
        match self {
            Self::Percent | Self::Cached | Self::Size => Style::new(),
            Self::Dirty => unless_nothing(figures.state(|states| states.dirty), palette.dirty),
            Self::Writeback => {
                unless_nothing(figures.state(|states| states.writeback), palette.writeback)
            }
            Self::Into => unless_nothing(Some(row.rate().into), palette.news),
            Self::Out => unless_nothing(Some(row.rate().out), palette.news),
            Self::Evicted | Self::Recent => palette.faint,
        }
    }
}

/// Which columns there are, and how wide the bar is.
struct Columns {
    bar: usize,
    shown: &'static [Column],
}

impl Columns {
    fn of(width: u16) -> Self {
        use Column::{Cached, Dirty, Evicted, Into, Out, Percent, Recent, Size, Writeback};
        match width {
            ..60 => Self { bar: 6, shown: &[Percent, Size] },
            60..76 => Self { bar: 8, shown: &[Percent, Cached, Size, Dirty] },
            76..110 => Self { bar: 10, shown: &[Percent, Cached, Size, Dirty, Into, Out] },
            110..150 => {
                Self { bar: 20, shown: &[Percent, Cached, Size, Dirty, Writeback, Into, Out] }
            }
            150.. => Self {
                bar: 30,
                shown: &[Percent, Cached, Size, Dirty, Writeback, Into, Out, Evicted, Recent],
            },
        }
    }
}

impl Columns {
    fn bar_name(&self) -> &'static str {
        if self.bar < 8 { "CACHE" } else { "IN CACHE" }
    }
}

/// The names of the columns and the files.
pub(super) fn draw(model: &Model, palette: &Palette, area: Rect, buffer: &mut Buffer) {
    let columns = Columns::of(area.width);
    names(model, palette, &columns, area, buffer);
    let list = under(area, 1);
    if model.shown.is_empty() {
        return put(buffer, list, &nothing(model, palette));
    }
    for line in 0..list.height {
        let place = model.top + usize::from(line);
        let Some(row) = model.row(place) else { break };
        let area = Rect { height: 1, ..under(list, line) };
        file(model, row, palette, &columns, area, buffer);
        if place == model.cursor {
            buffer.set_style(area, palette.cursor);
        }
    }
}

fn names(model: &Model, palette: &Palette, columns: &Columns, area: Rect, buffer: &mut Buffer) {
    buffer.set_style(Rect { height: area.height.min(1), ..area }, palette.names);
    let arrow = |key: Option<SortKey>| match (key, model.direction) {
        (Some(key), Direction::Usual) if key == model.sort => "▾",
        (Some(key), Direction::Reversed) if key == model.sort => "▴",
        _ => "",
    };
    let mut pen = Pen::new(buffer, area);
    pen.skip(MARK).left(columns.bar_name(), columns.bar, palette.names);
    for column in columns.shown {
        let name = format!("{}{}", arrow(column.key()), column.name());
        pen.right(&name, FIGURE + 1, palette.names);
    }
    pen.skip(2).text(&format!("FILE{}", arrow(Some(SortKey::Name))), palette.names);
    let among = if model.filter.is_empty() {
        format!(" {} of {} ", model.cursor + 1, model.shown.len())
    } else {
        format!(" {} of {} with {:?} ", model.cursor + 1, model.shown.len(), model.filter.0)
    };
    let room = pen.room();
    if !model.shown.is_empty() && room > super::words::columns(&among) {
        pen.right(&among, room, palette.names);
    }
}

/// What is said when there are no files to show.
fn nothing(model: &Model, palette: &Palette) -> Line<'static> {
    let text = if model.sweeps == 0 {
        format!("  looking at {} …", model.asked)
    } else if model.files() > 0 {
        format!(
            "  none of {} files has {:?} in its name; Esc shows all",
            model.files(),
            model.filter.0
        )
    } else {
        format!("  no file at {}; one that appears will be shown", model.asked)
    };
    Line::styled(text, palette.faint)
}

fn file(
    model: &Model,
    row: &Row,
    palette: &Palette,
    columns: &Columns,
    area: Rect,
    buffer: &mut Buffer,
) {
    let mut pen = Pen::new(buffer, area);
    pen.left(mark(row.mark), MARK, palette.key);
    match row.figures() {
        Some(figures) => {
            bar(figures, columns.bar, palette, &mut pen);
            for column in columns.shown {
                let style = column.style(row, figures, palette);
                pen.right(&column.figure(row, figures), FIGURE + 1, style);
            }
        }
        None => {
            pen.skip(columns.bar + columns.shown.len() * (FIGURE + 1));
        }
    }
    pen.skip(2);
    let (tag, style) = tag(model, row, palette);
    pen.text(tag, style);
    let room = pen.room();
    pen.text(&keep_end(&row.name(), room), Style::new());
}

/// What happened to the file, before its name.
fn tag(model: &Model, row: &Row, palette: &Palette) -> (&'static str, Style) {
    match (&row.state, row.news(model.now)) {
        (State::Gone { .. }, _) => ("gone ", palette.bad),
        (State::Failed(_), _) => ("error ", palette.bad),
        (State::Here(..), Some(News::New)) => ("new ", palette.news),
        (State::Here(..), Some(News::Replaced)) => ("replaced ", palette.news),
        (State::Here(..), Some(News::Truncated)) => ("truncated ", palette.bad),
        (State::Here(..), None) => ("", Style::new()),
    }
}

/// How much of the file is cached: whole blocks and one of eighths. What is not nothing shows, what is not all leaves room.
fn bar(figures: &Figures, width: usize, palette: &Palette, pen: &mut Pen<'_>) {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let Some(cached) = figures.cached() else {
        pen.left("?", width, palette.bad);
        return;
    };
    let eighths = eighths(cached, figures.pages(), width);
    let text = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
    let style = match figures.state(|states| states.dirty) {
        Some(dirty) if dirty > 0 => palette.dirty,
        _ => palette.cached,
    };
    let filled = eighths.div_ceil(8);
    pen.text(&text, style).text(&"·".repeat(width - filled), palette.faint);
}

/// Eighths of a column that a share takes.
fn eighths(part: u64, whole: u64, width: usize) -> usize {
    let all = width * 8;
    if part == 0 || whole == 0 {
        return 0;
    }
    if part >= whole {
        return all;
    }
    let exact = u128::from(part) * all as u128 / u128::from(whole);
    usize::try_from(exact).unwrap_or(all).clamp(1, all - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_empty_or_full_only_if_the_file_is() {
        assert_eq!(eighths(0, 1_000_000, 10), 0);
        assert_eq!(eighths(1, 1_000_000, 10), 1);
        assert_eq!(eighths(500_000, 1_000_000, 10), 40);
        assert_eq!(eighths(999_999, 1_000_000, 10), 79);
        assert_eq!(eighths(1_000_000, 1_000_000, 10), 80);
        assert_eq!(eighths(u64::MAX - 1, u64::MAX, 30), 239);
        assert_eq!(eighths(0, 0, 10), 0);
    }
}
