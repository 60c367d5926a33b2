//! Writes from left to right on one line of the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::words::columns;

/// Where the next text goes.
pub(super) struct Pen<'a> {
    buffer: &'a mut Buffer,
    /// What is left of the line.
    left: Rect,
}

impl<'a> Pen<'a> {
    /// At the beginning of the first line of `area`.
    pub(super) fn new(buffer: &'a mut Buffer, area: Rect) -> Self {
        let line = Rect { height: area.height.min(1), ..area };
        let left = line.intersection(buffer.area);
        Self { buffer, left }
    }

    /// How many columns are left.
    pub(super) fn room(&self) -> usize {
        if self.left.height == 0 { 0 } else { usize::from(self.left.width) }
    }

    /// Write, as far as there is room.
    pub(super) fn text(&mut self, text: &str, style: Style) -> &mut Self {
        if self.left.height > 0 {
            self.buffer.set_stringn(self.left.x, self.left.y, text, self.room(), style);
        }
        self.skip(columns(text))
    }

    /// Write at the right of `width` columns.
    pub(super) fn right(&mut self, text: &str, width: usize, style: Style) -> &mut Self {
        self.skip(width.saturating_sub(columns(text))).text(text, style)
    }

    /// Write at the left of `width` columns.
    pub(super) fn left(&mut self, text: &str, width: usize, style: Style) -> &mut Self {
        self.text(text, style).skip(width.saturating_sub(columns(text)))
    }

    /// Leave columns as they are.
    pub(super) fn skip(&mut self, width: usize) -> &mut Self {
        self.take(width);
        self
    }

    /// Leave columns for somebody else to draw in.
    pub(super) fn take(&mut self, width: usize) -> Rect {
        let width = u16::try_from(width).unwrap_or(u16::MAX).min(self.left.width);
        let taken = Rect { width, ..self.left };
        self.left.x += width;
        self.left.width -= width;
        taken
    }

    /// The buffer, for what is drawn in columns that were taken.
    pub(super) fn buffer(&mut self) -> &mut Buffer {
        self.buffer
    }
}
