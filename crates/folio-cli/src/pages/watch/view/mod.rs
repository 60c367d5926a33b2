//! What the screen looks like: a [`Model`] drawn into a frame. Nothing is changed here.
//!
//! [`head`] is what is above the list, [`table`] the list, [`map`] the pages of the file under the cursor, [`help`] what covers
//! them all. Nothing is told by colour alone.

mod head;
mod help;
mod map;
mod pen;
mod table;
mod words;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::event::{Status, Tone};
use super::layout::{AROUND_MAP, Layout, Parts, SMALLEST};
use super::model::{Mode, Model, Work};
use super::row::Mark;

use words::{columns, keep_start, lines};

/// The styles.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Palette {
    pub(super) title: Style,
    /// What is of less weight.
    pub(super) faint: Style,
    pub(super) cached: Style,
    pub(super) dirty: Style,
    pub(super) writeback: Style,
    pub(super) bad: Style,
    pub(super) news: Style,
    pub(super) key: Style,
    /// The names of the columns.
    pub(super) names: Style,
    pub(super) cursor: Style,
}

impl Palette {
    /// Colours of the terminal's own sixteen, so that they suit its background.
    pub(super) fn coloured() -> Self {
        let plain = Style::new();
        Self {
            title: plain.add_modifier(Modifier::BOLD),
            faint: plain.fg(Color::DarkGray),
            cached: plain.fg(Color::Green),
            dirty: plain.fg(Color::Yellow),
            writeback: plain.fg(Color::Magenta),
            bad: plain.fg(Color::Red),
            news: plain.fg(Color::Cyan),
            key: plain.fg(Color::Cyan),
            names: plain.add_modifier(Modifier::REVERSED),
            cursor: plain.add_modifier(Modifier::REVERSED),
        }
    }

    /// Without colours.
    pub(super) fn plain() -> Self {
        let plain = Style::new();
        Self {
            title: plain.add_modifier(Modifier::BOLD),
            bad: plain.add_modifier(Modifier::BOLD),
            news: plain.add_modifier(Modifier::BOLD),
            key: plain.add_modifier(Modifier::BOLD),
            names: plain.add_modifier(Modifier::REVERSED),
            cursor: plain.add_modifier(Modifier::REVERSED),
            ..Self::default()
        }
    }
}

/// Draw everything.
pub(super) fn draw(model: &Model, palette: &Palette, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    match model.layout() {
        // A terminal that is just being made smaller may not be what the model knows of.
        Layout::Parts(parts) if area.width >= parts.columns && area.height >= model.size.rows => {
            parts_of(model, palette, parts, area, buffer);
            if model.mode == Mode::Help {
                help::draw(palette, area, buffer);
            }
        }
        Layout::Parts(_) | Layout::TooSmall => too_small(area, buffer),
    }
}

fn parts_of(model: &Model, palette: &Palette, parts: Parts, area: Rect, buffer: &mut Buffer) {
    let mut below = Stack { area, next: area.y };
    head::draw(model, palette, below.take(parts.head), buffer);
    table::draw(model, palette, below.take(parts.rows + 1), buffer);
    if parts.map > 0 {
        map::draw(model, palette, below.take(parts.map + AROUND_MAP), buffer);
    }
    status(model, palette, below.take(parts.status), buffer);
    keys(model, palette, below.take(1), buffer);
}

/// Takes lines from the top of an area.
struct Stack {
    area: Rect,
    next: u16,
}

impl Stack {
    fn take(&mut self, height: u16) -> Rect {
        let part = Rect { y: self.next, height, ..self.area }.intersection(self.area);
        self.next = self.next.saturating_add(height);
        part
    }
}

/// A line of text at the top of an area, as far as there is room.
fn put(buffer: &mut Buffer, area: Rect, line: &Line<'_>) {
    if area.height > 0 {
        buffer.set_line(area.x, area.y, line, area.width);
    }
}

/// The area below its first lines.
fn under(area: Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    Rect { y: area.y + lines, height: area.height - lines, ..area }
}

/// What happened, or what is happening.
fn status(model: &Model, palette: &Palette, area: Rect, buffer: &mut Buffer) {
    let marked = match model.marked() {
        1 => "1 file is marked: w, e and s are for it; u unmarks it".to_owned(),
        many => format!("{many} files are marked: w, e and s are for them; u unmarks them"),
    };
    let (text, style) = match (&model.mode, &model.work, &model.status) {
        (Mode::Filter, ..) => (format!("show names with: {}▏", model.filter.0), palette.key),
        (_, Work::Busy(text), _) => (format!("{text}  (x ends it early)"), Style::new()),
        (_, Work::Idle, Some(Status { tone: Tone::Plain, text })) => (text.clone(), Style::new()),
        (_, Work::Idle, Some(Status { tone: Tone::Bad, text })) => (text.clone(), palette.bad),
        (_, Work::Idle, None) if model.marked() > 0 => (marked, palette.faint),
        (_, Work::Idle, None) => return,
    };
    let width = usize::from(area.width);
    let mut lines = lines(&text, width);
    // What there is no room for is not passed over in silence.
    let room = usize::from(area.height);
    if lines.len() > room {
        lines.truncate(room);
        if let Some(last) = lines.last_mut() {
            *last = format!("{} …", keep_start(last, width.saturating_sub(2)));
        }
    }
    for (line, words) in lines.iter().enumerate() {
        let line = u16::try_from(line).unwrap_or(u16::MAX);
        put(buffer, under(area, line), &Line::styled(words.as_str(), style));
    }
}

/// The keys, the most needed first; those that do not fit are left out.
fn keys(model: &Model, palette: &Palette, area: Rect, buffer: &mut Buffer) {
    let browse = [
        ("?", "help"),
        ("q", "quit"),
        ("w", "warm"),
        ("e", "evict"),
        ("s", "sync"),
        ("space", "mark"),
        ("o", "order"),
        ("/", "filter"),
        ("p", if model.pace.is_paused() { "go on" } else { "pause" }),
        ("+ -", "interval"),
        ("r", "reverse"),
        ("a", "mark all"),
        ("u", "unmark all"),
    ];
    let filter = [("Enter", "done"), ("Esc", "show all"), ("Backspace", "delete")];
    let keys = match model.mode {
        Mode::Filter => &filter[..],
        Mode::Browse | Mode::Help => &browse[..],
    };
    let mut line = Line::default();
    for (key, what) in keys {
        let width = columns(key) + columns(what) + 3;
        if line.width() + width > usize::from(area.width) + 2 {
            break;
        }
        line.push_span(Span::styled(*key, palette.key));
        line.push_span(Span::raw(format!(" {what}  ")));
    }
    put(buffer, area, &line);
}

/// What is said where nothing else fits: in as many lines as that takes, as far as there are any.
fn too_small(area: Rect, buffer: &mut Buffer) {
    let text = format!(
        "folio needs {} columns and {} rows; this terminal has {} and {}. q quits.",
        SMALLEST.columns, SMALLEST.rows, area.width, area.height
    );
    for (line, words) in lines(&text, area.width.into()).into_iter().enumerate() {
        let line = u16::try_from(line).unwrap_or(u16::MAX);
        put(buffer, under(area, line), &Line::raw(words));
    }
}

/// A mark before a file.
fn mark(mark: Mark) -> &'static str {
    match mark {
        Mark::Marked => "*",
        Mark::Unmarked => " ",
    }
}
