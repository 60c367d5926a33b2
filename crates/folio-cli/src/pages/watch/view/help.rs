//! What the keys do and what the columns mean.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget as _};

use super::{Palette, put, under};

const KEYS: [(&str, &str); 15] = [
    ("↑ ↓ j k  PgUp PgDn", "move; Home End g G: to the ends"),
    ("space", "mark or unmark this file"),
    ("a  u", "mark all files shown; unmark all"),
    ("w", "warm: read in what is not cached"),
    ("e", "evict: drop what is cached; says what stays, and why"),
    ("s", "sync: write dirty pages back"),
    ("x", "end that work early"),
    ("", "w, e and s are for the marked files, or else this one"),
    ("o  r", "sort by the next column; the other way round"),
    ("/", "show only names with some text; Esc shows all again"),
    ("p", "pause, go on"),
    ("+  -", "look less often, more often"),
    ("Ctrl-L  Ctrl-Z", "draw again; suspend"),
    ("q  Esc  Ctrl-C", "quit"),
    ("", ""),
];

const COLUMNS: [(&str, &str); 5] = [
    ("DIRTY  WRITE", "changed, not on disk yet; being written now"),
    ("IN/S  OUT/S", "pages that came into memory and went, a second: what"),
    ("", "changed between two looks, not all that happened"),
    ("EVICT  RECENT", "pages that were dropped; those that still would be"),
    ("", "in memory if it were only a little larger"),
];

/// Cover the screen with it, as far as there is room.
pub(super) fn draw(palette: &Palette, area: Rect, buffer: &mut Buffer) {
    let lines = KEYS.iter().chain(&COLUMNS);
    let height = u16::try_from(lines.clone().count() + 3).unwrap_or(u16::MAX);
    let width = 78.min(area.width);
    let height = height.min(area.height);
    let frame = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(frame, buffer);
    let block =
        Block::bordered().title(" folio pages --watch ").title_bottom(" any key goes back ");
    let mut left = block.inner(frame);
    block.render(frame, buffer);
    for (key, what) in lines {
        let line = Line::from(vec![
            Span::styled(format!(" {key:<20}"), palette.key),
            Span::styled(*what, Style::new()),
        ]);
        put(buffer, left, &line);
        left = under(left, 1);
    }
}
