//! How text is laid out: in which colours, and in lines that fit. Tables have columns of figures, the most important first, and a name
//! that takes what is left.

use std::io;

use anstyle::{AnsiColor, Style};

use super::words::short;
use crate::flags::Colour;

/// How wide lines may be, and in which colours.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    /// Columns of the terminal; `None` if the output is for a file or a program, which has room.
    pub(super) width: Option<usize>,
    pub(super) heading: Style,
    pub(super) dim: Style,
    pub(super) strong: Style,
    pub(super) good: Style,
    pub(super) warning: Style,
    pub(super) bad: Style,
}

/// Below this, lines are not made narrower but are left to the terminal to break.
const NARROWEST: usize = 60;

impl Layout {
    /// That for standard output.
    pub(super) fn of_stdout(colour: Colour) -> Self {
        let width = crate::stdout::columns().map(|width| width.max(NARROWEST));
        if !colour.wanted(&io::stdout()) {
            return Self { width, ..Self::default() };
        }
        Self {
            width,
            heading: Style::new().bold(),
            dim: Style::new().dimmed(),
            strong: AnsiColor::Cyan.on_default().bold(),
            good: AnsiColor::Green.on_default(),
            warning: AnsiColor::Yellow.on_default(),
            bad: AnsiColor::Red.on_default().bold(),
        }
    }

    /// Whether there is room for `columns`.
    pub(super) fn has(&self, columns: usize) -> bool {
        self.width.is_none_or(|width| width >= columns)
    }

    /// `text` after `indent` columns, [`broken`] where they end, each line after the first indented likewise.
    pub(super) fn wrapped(&self, text: &str, indent: usize, out: &mut String) {
        let width = self.width.map_or(usize::MAX, |width| width.saturating_sub(indent));
        for line in broken(text, width) {
            out.extend(std::iter::repeat_n(' ', indent));
            out.push_str(&line);
            out.push('\n');
        }
    }

    /// `name` in what `used` columns leave: of a path, directories go first, and then the middle of the last part.
    pub(super) fn shortened(&self, name: &str, used: usize) -> String {
        let Some(width) = self.width else { return name.to_owned() };
        let room = width.saturating_sub(used).max(8);
        let count = |text: &str| text.chars().count();
        if count(name) <= room {
            return name.to_owned();
        }
        // The longest end of the path that fits after `…/`.
        let ends = name.match_indices('/').map(|(at, _)| &name[at..]);
        let fits = |end: &&str| end.len() > 1 && count(end) < room;
        if let Some(end) = ends.skip(1).find(fits) {
            return format!("…{end}");
        }
        // Of a file name that is too long alone, its beginning tells more than where it is.
        let last = name.rsplit('/').next().filter(|last| !last.is_empty()).unwrap_or(name);
        let letters: Vec<char> = last.chars().collect();
        if letters.len() <= room {
            return last.to_owned();
        }
        let head = room / 2;
        let tail = room - 1 - head;
        let (first, last) = (&letters[..head], &letters[letters.len() - tail..]);
        first.iter().chain(&['…']).chain(last).collect()
    }
}

/// `text` in lines of at most `width` columns, broken between words.
pub(super) fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A column of sizes: its heading and the figures of all rows.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) heading: &'static str,
    pub(super) bytes: Vec<u64>,
    pub(super) need: Need,
}

/// When a column is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Always,
    /// If any figure in it is not zero.
    IfAny,
    /// The same, if there is room.
    IfRoom,
}

/// The fewest columns that a size takes.
const SIZE: usize = 5;
/// Between columns.
const GAP: usize = 2;

impl Column {
    fn width(&self) -> usize {
        self.heading.len().max(SIZE) + GAP
    }
}

/// Those of the columns that are shown beside names, with `other` columns of the line taken.
pub(super) fn fitting(columns: Vec<Column>, other: usize, layout: &Layout) -> Vec<Column> {
    const NAME: usize = 30;
    let told = |column: &Column| {
        column.need == Need::Always || column.bytes.iter().any(|&bytes| bytes > 0)
    };
    let mut shown: Vec<Column> = columns.into_iter().filter(told).collect();
    while !layout.has(other + width(&shown) + NAME) {
        let Some(last) = shown.iter().rposition(|column| column.need == Need::IfRoom) else {
            break;
        };
        shown.remove(last);
    }
    shown
}

/// The headings of `columns`, right-aligned over their figures, and a gap.
pub(super) fn headings(columns: &[Column]) -> String {
    row(columns, |column| column.heading.to_owned())
}

/// The figures of row `index`, and a gap.
pub(super) fn cells(columns: &[Column], index: usize) -> String {
    row(columns, |column| short(column.bytes[index]))
}

fn row(columns: &[Column], text: impl Fn(&Column) -> String) -> String {
    let cells = columns.iter().map(|column| format!("{:>1$}", text(column), column.width()));
    cells.chain([" ".repeat(GAP)]).collect()
}

/// The width that the figures and the gap take.
pub(super) fn width(columns: &[Column]) -> usize {
    columns.iter().map(Column::width).sum::<usize>() + GAP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_give_way_to_names() {
        let column = |heading, bytes, need| Column { heading, bytes: vec![bytes], need };
        let columns = vec![
            column("share", 0, Need::Always),
            column("own", 4096, Need::Always),
            column("locked", 0, Need::IfAny),
            column("size", 4096, Need::IfRoom),
            column("dirty", 4096, Need::IfRoom),
        ];
        let shown = |width| {
            let layout = Layout { width, ..Layout::default() };
            headings(&fitting(columns.clone(), 0, &layout))
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(shown(None), ["share", "own", "size", "dirty"]);
        assert_eq!(shown(Some(56)), ["share", "own", "size"]);
        assert_eq!(shown(Some(40)), ["share", "own"]);
        assert_eq!(cells(&columns[..3], 0), "      -     4K       -  ");
    }

    #[test]
    fn a_long_name_loses_its_middle() {
        let layout = Layout { width: Some(80), ..Layout::default() };
        let path = "/usr/lib/x86_64-linux-gnu/libc.so.6";
        assert_eq!(layout.shortened(path, 45), path);
        assert_eq!(layout.shortened(path, 46), "…/lib/x86_64-linux-gnu/libc.so.6");
        assert_eq!(layout.shortened(path, 60), "…/libc.so.6");
        assert_eq!(layout.shortened(path, 72), "libc…o.6");
        assert_eq!(layout.shortened("libc.so.6", 70), "libc.so.6");
        assert_eq!(Layout::default().shortened(&"x".repeat(500), 0).len(), 500);
    }
}
