//! The text for people: a bar, a share and a name for each file.

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use folio::{Folios, PageRun};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{Row, word};
use crate::flags::Colour;
use crate::pages::bar::{Bar, Characters};
use crate::pages::select::Name;
use crate::pages::survey::Cached;
use crate::pages::tally::{Sums, Tally, bytes_of};
use crate::units::{human, percent};

/// What the layout is for where there is no terminal that says it.
const USUAL_WIDTH: usize = 80;
/// A name is not cut to less than this.
const SHORTEST_NAME: usize = 12;
/// The columns of ` 100 %  123.4 MiB of  123.4 MiB  `.
const FIGURES: usize = 33;

/// How the text is laid out.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Columns of the bar.
    pub(crate) bar: usize,
    /// Names are cut to so many columns; `None` if they are not.
    name: Option<usize>,
    characters: Characters,
    details: Details,
    styles: Styles,
}

/// Whether a file has a second line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Details {
    No,
    /// Dirty and evicted pages, and holes, where there are any.
    Yes,
}

#[derive(Clone, Copy, Debug, Default)]
struct Styles {
    bar: Style,
    unknown: Style,
    quiet: Style,
    total: Style,
}

impl Layout {
    /// That for standard output: as wide as a terminal, or with whole names for what is none.
    pub(crate) fn of_stdout(colour: Colour, details: Details) -> Self {
        let stdout = io::stdout();
        let mut layout = Self::new(crate::stdout::columns(), Characters::of_locale(), details);
        if colour.wanted(&stdout) {
            layout.styles = Styles {
                bar: AnsiColor::Cyan.on_default(),
                unknown: AnsiColor::Yellow.on_default(),
                quiet: Style::new().dimmed(),
                total: Style::new().bold(),
            };
        }
        layout
    }

    /// For a terminal of so many columns, or for none.
    pub(crate) fn new(columns: Option<usize>, characters: Characters, details: Details) -> Self {
        let bar = (columns.unwrap_or(USUAL_WIDTH) / 5).clamp(8, 48);
        let name = columns.map(|all| all.saturating_sub(bar + FIGURES).max(SHORTEST_NAME));
        Self { bar, name, characters, details, styles: Styles::default() }
    }

    /// The line of a file, and that of its details.
    pub(super) fn row(&self, row: Row<'_>, out: &mut Vec<u8>) {
        let Row { name, survey, bar, folios } = row;
        let Styles { bar: bar_style, unknown, .. } = self.styles;
        let style = if *bar == Bar::Unknown { unknown } else { bar_style };
        put(out, format_args!("{style}"));
        bar.draw(self.characters, self.bar, out);
        put(out, format_args!("{style:#}"));
        match survey.cached {
            Cached::Known(cached) => {
                let share = share(cached, survey.pages());
                let bytes = if cached >= survey.pages() { survey.len } else { bytes_of(cached) };
                put(
                    out,
                    format_args!(" {share:>5} {:>10} of {:>10}  ", human(bytes), human(survey.len)),
                );
            }
            Cached::Unknown(_) => {
                let (what, len) = ("unknown", human(survey.len));
                put(out, format_args!("     ? {unknown}{what:>10}{unknown:#} of {len:>10}  "));
            }
        }
        self.put_name(name, out);
        out.push(b'\n');
        if self.details == Details::Yes {
            let sums = survey.states.map(Sums::of).unwrap_or_default();
            self.details(&sums, survey.holes(), out);
        }
        if let Some(folios) = folios {
            let (quiet, indent) = (self.styles.quiet, self.bar + 1);
            put(out, format_args!("{:indent$}{quiet}{}{quiet:#}\n", "", in_words(folios)));
        }
    }

    /// A line of what there is beside cached pages, if there is any.
    fn details(&self, sums: &Sums, holes: u64, out: &mut Vec<u8>) {
        let Sums { dirty, writeback, evicted, recently_evicted, .. } = *sums;
        let mut parts = Vec::new();
        let mut part = |bytes: u64, what: &str| {
            if bytes > 0 {
                parts.push(format!("{} {what}", human(bytes)));
            }
        };
        part(bytes_of(dirty), "dirty");
        part(bytes_of(writeback), "being written");
        part(bytes_of(evicted), "evicted");
        part(bytes_of(recently_evicted), "of it recently");
        part(holes, "in holes");
        if !parts.is_empty() {
            let (quiet, indent) = (self.styles.quiet, self.bar + 1);
            put(out, format_args!("{:indent$}{quiet}{}{quiet:#}\n", "", parts.join(", ")));
        }
    }

    /// The line of a range.
    pub(super) fn range(&self, run: &PageRun, out: &mut Vec<u8>) {
        let (start, end) = (run.range.start, run.range.end);
        let indent = self.bar + 1;
        let quiet = if word(run.state) == "cached" { Style::new() } else { self.styles.quiet };
        let (word, len) = (word(run.state), human(end - start));
        put(
            out,
            format_args!("{:indent$}{quiet}{word:<6} {len:>10}  {start}..{end}{quiet:#}\n", ""),
        );
    }

    /// The sum.
    pub(super) fn total(&self, tally: &Tally, left_out: u64, out: &mut Vec<u8>) {
        let indent = self.bar;
        if left_out > 0 {
            let (quiet, count) = (self.styles.quiet, grouped(left_out));
            let text = format!("and {count} more: see --top");
            let indent = indent + FIGURES;
            put(out, format_args!("{:indent$}{quiet}{text}{quiet:#}\n", ""));
        }
        let share = share(tally.cached, tally.known_pages());
        let bytes = bytes_of(tally.cached).min(tally.len);
        let total = self.styles.total;
        put(out, format_args!("{:indent$}{total}", ""));
        put(out, format_args!(" {share:>5} {:>10} of {:>10}  ", human(bytes), human(tally.len)));
        let files = if tally.files == 1 { "file" } else { "files" };
        put(out, format_args!("total, {} {files}{total:#}\n", grouped(tally.files)));
        if tally.unknown.files > 0 {
            let unknown = self.styles.unknown;
            let (len, count) = (human(bytes_of(tally.unknown.pages)), tally.unknown.files);
            let files = if count == 1 { "file" } else { "files" };
            let count = grouped(count);
            let indent = indent + 1;
            put(
                out,
                format_args!(
                    "{:indent$}{unknown}unknown of {len} in {count} {files} that others own{unknown:#}\n",
                    ""
                ),
            );
        }
        self.details(&tally.states, tally.holes, out);
    }

    /// The name, cut at its start where it is too long: its end says more.
    fn put_name(&self, name: Name<'_>, out: &mut Vec<u8>) {
        let [directory, entry] = name.parts();
        let harmless = |part: &[u8]| part.iter().all(|byte| (0x20..0x7f).contains(byte));
        let fits = self.name.is_none_or(|most| directory.len() + entry.len() <= most);
        if fits && harmless(directory) && harmless(entry) {
            out.extend_from_slice(directory);
            out.extend_from_slice(entry);
            return;
        }
        let quoted = name.quoted();
        match self.name {
            Some(most) if quoted.width() > most => {
                let mark = match self.characters {
                    Characters::Blocks => "…",
                    Characters::Ascii => "<",
                };
                out.extend_from_slice(mark.as_bytes());
                out.extend_from_slice(end_of(&quoted, most - 1).as_bytes());
            }
            _ => out.extend_from_slice(quoted.as_bytes()),
        }
    }
}

/// What the kernel tells of folios, the largest first.
fn in_words(folios: &Folios) -> String {
    match folios {
        Folios::BySize(sizes) if sizes.is_empty() => "no folios".to_owned(),
        Folios::BySize(sizes) => {
            let part = |(size, pages): (&u64, &u64)| {
                format!("{} in folios of {}", human(bytes_of(*pages)), human(*size))
            };
            sizes.iter().rev().map(part).collect::<Vec<_>>().join(", ")
        }
        Folios::HugeAlone { huge, .. } => {
            format!("{} mapped as huge pages; root is told all folios", human(bytes_of(*huge)))
        }
        _ => "the kernel does not tell the folios".to_owned(),
    }
}

/// The end of `text` that fits in so many columns.
fn end_of(text: &str, columns: usize) -> &str {
    let mut left = columns;
    let mut start = text.len();
    for (at, character) in text.char_indices().rev() {
        let Some(rest) = left.checked_sub(character.width().unwrap_or(0)) else { break };
        (left, start) = (rest, at);
    }
    &text[start..]
}

/// Writing to a vector does not fail.
fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// A share in percent; of nothing there is none.
fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{} %", percent(part, whole)) }
}

/// `1,234,567`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::survey::Survey;
    use folio::{PageState, StateCounts};
    use std::path::Path;

    fn line(columns: Option<usize>, name: &str, cached: u64, bar: &Bar) -> String {
        let layout = Layout::new(columns, Characters::Blocks, Details::No);
        let cached = Cached::Known(cached);
        let survey = Survey { dev: 1, ino: 1, len: 1 << 20, allocated: 0, cached, states: None };
        let mut out = Vec::new();
        layout.row(
            Row { name: Name::of(Path::new(name)), survey: &survey, bar, folios: None },
            &mut out,
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_fits_the_terminal_and_keeps_the_end_of_the_name() {
        let long = format!("/usr/{}/ファイル.txt", "x".repeat(300));
        for columns in [60, 80, 81, 120, 200, 400] {
            for (name, pages) in [("a", 0), (long.as_str(), 256), ("b\nc", 255)] {
                let line = line(Some(columns), name, pages, &Bar::All);
                assert!(line.trim_end().width() <= columns, "{columns}: {line:?}");
                assert_eq!(line.matches('\n').count(), 1);
            }
        }
        assert!(line(Some(80), &long, 1, &Bar::All).ends_with("x/ファイル.txt\n"));
        // In a pipe nothing is cut.
        assert!(line(None, &long, 1, &Bar::All).contains(&long));
    }

    #[test]
    fn only_all_of_a_file_is_100_percent_and_only_nothing_is_0() {
        for (cached, percent) in
            [(0, "  0 %"), (1, " <1 %"), (171, " 67 %"), (255, ">99 %"), (256, "100 %")]
        {
            let line = line(None, "a", cached, &Bar::None);
            assert!(line.contains(percent), "{line}");
        }
    }

    #[test]
    fn the_sum_says_what_is_not_known() {
        let mut tally = Tally::default();
        let states = Some(StateCounts::default());
        let known =
            Survey { dev: 1, ino: 1, len: 8192, allocated: 8192, cached: Cached::Known(1), states };
        let why = folio::WhyUnknown::NeitherOwnerNorWriter { owner: 1, user: 2 };
        let unknown = Survey { cached: Cached::Unknown(why), states: None, ..known };
        tally.add(&known);
        tally.add(&unknown);
        let layout = Layout::new(None, Characters::Ascii, Details::No);
        let mut out = Vec::new();
        layout.total(&tally, 1234, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("and 1,234 more"), "{text}");
        assert!(text.contains(" 50 %    4.0 KiB of   16.0 KiB  total, 2 files"), "{text}");
        assert!(text.contains("unknown of 8.0 KiB in 1 file that"), "{text}");
    }

    #[test]
    fn a_range_says_its_state_its_size_and_where_it_is() {
        let layout = Layout::new(None, Characters::Ascii, Details::No);
        let mut out = Vec::new();
        layout.range(&PageRun { range: 4096..8192, state: PageState::Hole }, &mut out);
        assert_eq!(String::from_utf8(out).unwrap().trim(), "hole      4.0 KiB  4096..8192");
    }
}
