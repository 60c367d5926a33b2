//! A program's file as one column, its memory as another, and bands from what is in the one to what it becomes.

use std::ops::Range;

use super::exe::{Addresses, Exe, Segment, Stores};
use super::letters::{fit, width};
use super::palette::{FAINT, INK, WHITE};
use super::pieces::{Piece, Sort, of_file, of_memory};
use super::scene::{Anchor, Mark, Paint, Scene, at, rect};
use super::sheet::{BODY, Entry, HEADING, MARGIN, SMALL, Sheet, WIDTH};
use super::words::{plural, size};

/// How many segments are drawn at most.
const SEGMENTS: usize = 40;
/// Where the columns are.
const FILE: f64 = 126.0;
const MEMORY: f64 = 490.0;
const COLUMN: f64 = 236.0;
/// Made read-only after relocation, at the column's left edge.
const RELRO: Paint = Paint::Striped { ground: WHITE, stripe: INK };
const RELRO_WIDTH: f64 = 9.0;

/// Pieces with their places on the sheet.
struct Column {
    x: f64,
    pieces: Vec<(Piece, f64, f64)>,
    bottom: f64,
}

pub(super) fn scene(exe: &Exe) -> Scene {
    let title = format!("How {} is mapped", exe.title);
    let mut sheet = Sheet::new(&title, &exe.notes);
    let segments = &exe.segments[..exe.segments.len().min(SEGMENTS)];
    let (file, memory) = (of_file(exe, segments), of_memory(segments));
    sheet.y += 6.0;
    legend(&mut sheet, segments, file.iter().chain(&memory));
    sheet.y += 4.0;
    let text = format!(
        "Heights are not to scale. Solid bands are the bytes that the program headers name, broken lines the whole pages \
         of {} that are mapped for them.",
        size(exe.page_size)
    );
    sheet.paragraph(&text, SMALL, FAINT);
    headings(&mut sheet, exe);
    let file = column(FILE, sheet.y, file);
    let memory = column(MEMORY, sheet.y, memory);
    bands(&mut sheet, segments, &file, &memory);
    draw_file(&mut sheet, segments, &file);
    draw_memory(&mut sheet, segments, &memory);
    for segment in segments {
        sheet.describe(&described(segment));
    }
    sheet.y = file.bottom.max(memory.bottom) + 6.0;
    let more = exe.segments.len() - segments.len();
    if more > 0 {
        sheet.y += 10.0;
        let more = plural(more as u64, "more segment");
        sheet.paragraph(&format!("… and {more}, not shown."), BODY, INK);
    }
    sheet.finish()
}

fn legend<'a>(sheet: &mut Sheet, segments: &[Segment], pieces: impl Iterator<Item = &'a Piece>) {
    let mut sorts: Vec<Sort> = pieces.map(|piece| piece.sort).collect();
    sorts.sort_unstable();
    sorts.dedup();
    let entry = |sort: &Sort| {
        sort.words().map(|words| Entry { paint: sort.paint(), words: words.to_owned() })
    };
    let mut entries: Vec<Entry> = sorts.iter().filter_map(entry).collect();
    if segments.iter().any(|segment| !segment.relro.is_empty()) {
        let words = "made read-only after relocation (RELRO)".to_owned();
        entries.push(Entry { paint: RELRO, words });
    }
    sheet.legend(&entries);
}

fn headings(sheet: &mut Sheet, exe: &Exe) {
    sheet.y += 14.0 + HEADING.size;
    let file = format!("the file, {}", size(exe.file_len));
    sheet.text(at(FILE, sheet.y), &file, HEADING, Anchor::Start, INK);
    sheet.text(at(MEMORY, sheet.y), "memory", HEADING, Anchor::Start, INK);
    let addresses = match exe.addresses {
        Addresses::Fixed => "addresses are fixed",
        Addresses::Relative => "addresses from where it is put",
    };
    let right = at(MEMORY + COLUMN + 8.0, sheet.y);
    sheet.text(right, addresses, SMALL, Anchor::Start, FAINT);
    sheet.text(at(FILE - 8.0, sheet.y), "offset", SMALL, Anchor::End, FAINT);
    sheet.y += 12.0;
}

/// Give every piece a height: more to more bytes, by powers, and to all enough for a line of text.
fn column(x: f64, top: f64, pieces: Vec<Piece>) -> Column {
    let mut y = top;
    let pieces: Vec<_> = pieces
        .into_iter()
        .map(|piece| {
            let powers = f64::from(piece.len().max(1).ilog2());
            let height = match piece.sort {
                Sort::Gap => 26.0,
                Sort::Executable | Sort::Constant | Sort::Writable => 36.0 + powers,
                _ => 20.0 + powers / 2.0,
            };
            let from = y;
            y += height.round();
            (piece, from, y)
        })
        .collect();
    Column { x, pieces, bottom: y }
}

impl Column {
    /// Where a byte lies; `None` if it is in none of the pieces. The end of one counts as in it.
    fn y(&self, byte: u64) -> Option<f64> {
        let holds = |(piece, _, _): &&(Piece, f64, f64)| {
            piece.bytes.start <= byte && byte <= piece.bytes.end
        };
        let (piece, top, bottom) = self.pieces.iter().find(holds)?;
        let share = (byte - piece.bytes.start) as f64 / piece.len() as f64;
        Some(top + share * (bottom - top))
    }

    fn range(&self, bytes: &Range<u64>) -> Option<(f64, f64)> {
        // What ends after the file's last byte ends there in the picture.
        Some((self.y(bytes.start)?, self.y(bytes.end).unwrap_or(self.bottom)))
    }
}

fn bands(sheet: &mut Sheet, segments: &[Segment], file: &Column, memory: &Column) {
    let (left, right) = (FILE + COLUMN, MEMORY);
    for segment in segments {
        let filesz = segment.file.end.saturating_sub(segment.file.start);
        let filled = segment.memory.start..segment.memory.start.saturating_add(filesz);
        if filesz == 0 {
            continue;
        }
        if let (Some(from), Some(to)) = (file.range(&segment.file), memory.range(&filled)) {
            let points = vec![at(left, from.0), at(right, to.0), at(right, to.1), at(left, from.1)];
            let colour = Sort::of(segment).colour();
            sheet.draw(Mark::Polygon { points, colour, opacity: 0.3 });
        }
        let pages = (file.range(&segment.file_pages), memory.range(&segment.memory_pages));
        if let (Some(from), Some(to)) = pages {
            for (from, to) in [(from.0, to.0), (from.1, to.1)] {
                let points = vec![at(left, from), at(right, to)];
                let dash = Some([4.0, 3.0]);
                sheet.draw(Mark::Line { points, colour: FAINT, width: 1.0, dash });
            }
        }
    }
}

fn draw_file(sheet: &mut Sheet, segments: &[Segment], column: &Column) {
    for (index, (piece, top, bottom)) in column.pieces.iter().enumerate() {
        let name = match piece.segment {
            Some(segment) => segments[segment].name.as_str(),
            None => "in no segment",
        };
        block(sheet, column.x, piece, (*top, *bottom), name);
        let label = |sheet: &mut Sheet, byte: u64, y: f64| {
            let place = at(column.x - 8.0, y + SMALL.size * 0.36);
            sheet.text(place, &format!("{byte:#x}"), SMALL, Anchor::End, FAINT);
        };
        label(sheet, piece.bytes.start, *top);
        if index + 1 == column.pieces.len() {
            label(sheet, piece.bytes.end, *bottom);
        }
    }
}

fn draw_memory(sheet: &mut Sheet, segments: &[Segment], column: &Column) {
    let right = column.x + COLUMN + 8.0;
    for (index, (piece, top, bottom)) in column.pieces.iter().enumerate() {
        let segment = piece.segment.map(|segment| &segments[segment]);
        if piece.sort == Sort::Gap {
            let text = format!("not mapped · {}", size(piece.len()));
            let place = at(column.x + COLUMN / 2.0, (top + bottom) / 2.0 + SMALL.size * 0.36);
            sheet.text(place, &text, SMALL, Anchor::Middle, FAINT);
        } else {
            let name = match (piece.sort, segment) {
                (Sort::Slack, _) => "slack",
                (Sort::Zeroed, _) => "zeroed",
                (Sort::Anonymous, _) => "zeros",
                (_, Some(segment)) => segment.name.as_str(),
                (_, None) => "",
            };
            block(sheet, column.x, piece, (*top, *bottom), name);
        }
        let address = |byte: u64| format!("{byte:#x}");
        let label = |sheet: &mut Sheet, text: &str, y: f64, colour| {
            let text = fit(text, SMALL, WIDTH - MARGIN - right);
            sheet.text(at(right, y + SMALL.size * 0.36), &text, SMALL, Anchor::Start, colour);
        };
        label(sheet, &address(piece.bytes.start), *top, FAINT);
        if index + 1 == column.pieces.len() {
            label(sheet, &address(piece.bytes.end), *bottom, FAINT);
        }
        if let (Some(segment), Sort::Executable | Sort::Constant | Sort::Writable) =
            (segment, piece.sort)
        {
            let stores = match segment.stores {
                Stores::Refused => "a store faults",
                Stores::CopyOnWrite => "private, copy-on-write",
            };
            let text = format!("{}, {stores}", segment.protection);
            label(sheet, &text, (top + bottom) / 2.0, INK);
        }
    }
    for segment in segments {
        if let Some((top, bottom)) =
            column.range(&segment.relro).filter(|_| !segment.relro.is_empty())
        {
            sheet.rect(rect(column.x, top, RELRO_WIDTH, bottom - top), RELRO);
        }
    }
}

/// A piece with its name and size on it.
fn block(sheet: &mut Sheet, x: f64, piece: &Piece, (top, bottom): (f64, f64), name: &str) {
    let area = rect(x, top, COLUMN, bottom - top - 1.0);
    let text = format!("{name} · {}", size(piece.len()));
    let tip = format!("{:#x} to {:#x}: {text}", piece.bytes.start, piece.bytes.end);
    let mark = Mark::Rect { rect: area, paint: piece.sort.paint() };
    sheet.draw(Mark::Tip { tip, marks: vec![mark] });
    let text = fit(&text, SMALL, COLUMN - 2.0 * RELRO_WIDTH - 8.0);
    let middle =
        at(x + (COLUMN - width(&text, SMALL)) / 2.0, (top + bottom) / 2.0 + SMALL.size * 0.36);
    sheet.text(middle, &text, SMALL, Anchor::Start, piece.sort.ink());
}

/// A segment for those who do not see the picture.
fn described(segment: &Segment) -> String {
    let Segment { name, protection, file, memory, .. } = segment;
    format!(
        "{name}, {protection}: bytes {:#x} to {:#x} of the file at {:#x} to {:#x}.",
        file.start, file.end, memory.start, memory.end
    )
}
