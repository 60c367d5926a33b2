//! The results as tables that fit the terminal, and the advice below them.

use std::fmt::Display;
use std::io::{self, Write};

use anstyle::Style;

use crate::units::human;

use super::super::advice::{advise, figure, time};
use super::super::plan::Pattern;
use super::super::results::{Method, Results};
use super::super::rounds::{Group, Row};
use super::super::stats::Spread;
use super::super::way::Cache;
use super::super::writing::WriteRow;

/// How tables look.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Look {
    /// Columns of the terminal.
    pub(in super::super) width: usize,
    /// What the best of a column is set in.
    pub(in super::super) best: Style,
    /// What headings are set in.
    pub(in super::super) heading: Style,
}

/// A way's name.
const NAME: usize = 15;
/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cells {
    /// A number and marks.
    Narrow,
    /// A number, its spread and a mark.
    Wide,
}

impl Cells {
    fn width(self) -> usize {
        match self {
            Self::Narrow => 8,
            Self::Wide => 14,
        }
    }
}

/// From here on a spread is worth a mark, in percent.
const NOISY: f64 = 25.0;

/// Print everything.
pub(in super::super) fn write(
    results: &Results,
    look: Look,
    out: &mut impl Write,
) -> io::Result<()> {
    method(&results.method, look, out)?;
    for cache in results.distinct(|row| row.group.cache) {
        table(results, cache, look, out)?;
    }
    writes(results, look, out)?;
    for remark in results.remarks() {
        paragraph(&remark, "  ", look, out)?;
    }
    let advice = advise(results);
    if !advice.is_empty() {
        writeln!(out, "\n{}Advice{:#}", look.heading, look.heading)?;
        for sentence in advice {
            paragraph(&sentence, "- ", look, out)?;
        }
    }
    Ok(())
}

fn method(method: &Method, look: Look, out: &mut impl Write) -> io::Result<()> {
    let what = if method.own {
        format!("a file of {} made for this in {}", human(method.span), method.name)
    } else if method.span < method.len {
        format!("the first {} of {} ({})", human(method.span), method.name, human(method.len))
    } else {
        format!("{} ({})", method.name, human(method.len))
    };
    let how = format!(
        "{what}, {}, Linux {}: {} rounds in {:.0} s",
        method.filesystem,
        method.kernel,
        method.rounds,
        method.took.as_secs_f64()
    );
    paragraph(&how, "", look, out)
}

/// The ways by patterns and threads, for one state of the cache.
fn table(results: &Results, cache: Cache, look: Look, out: &mut impl Write) -> io::Result<()> {
    let rows: Vec<&Row> = results.reads.iter().filter(|row| row.group.cache == cache).collect();
    if rows.iter().all(|row| row.rate().is_none()) {
        return Ok(());
    }
    let columns = columns(&rows);
    let wide = look.width >= NAME + Cells::Wide.width() * columns.len();
    let cells = if wide { Cells::Wide } else { Cells::Narrow };
    let width = cells.width();
    // What does not fit beside it goes below, as another table.
    let fit = ((look.width.max(NAME + width) - NAME) / width).max(1);
    for columns in columns.chunks(fit) {
        heading(cache, columns, width, look, out)?;
        for way in results.distinct(|row| row.way) {
            let mut line = format!("{:NAME$}", way.name());
            for &group in columns {
                let found = results.row(cache, group.pattern, group.threads, way);
                line.push_str(&cell(results, found, cells, look));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    let spread = if wide { "" } else { "; ~ spread of more than 25 %" };
    let key =
        format!("* best, or not to be told from it{spread}; - makes no sense or is not to be had");
    paragraph(&key, "", look, out)
}

fn columns(rows: &[&Row]) -> Vec<Group> {
    let mut columns: Vec<Group> = Vec::new();
    for row in rows {
        if !columns.contains(&row.group) {
            columns.push(row.group);
        }
    }
    columns.sort_by_key(|group| (group.pattern, group.threads));
    columns
}

fn heading(
    cache: Cache,
    columns: &[Group],
    width: usize,
    look: Look,
    out: &mut impl Write,
) -> io::Result<()> {
    let style = look.heading;
    writeln!(out)?;
    let mut first = format!("{:NAME$}", cache.name());
    for same in columns.chunk_by(|a, b| a.pattern == b.pattern) {
        let rest = width * same.len() - 1;
        let name: String = same[0].pattern.name().chars().take(rest).collect();
        first.push_str(&format!(" {name:<rest$}"));
    }
    writeln!(out, "{style}{}{style:#}", first.trim_end())?;
    let mut second = format!("{:NAME$}", "");
    let mut third = format!("{:NAME$}", "");
    for group in columns {
        let threads =
            if group.threads == 1 { "1 thr".to_owned() } else { format!("{} thr", group.threads) };
        second.push_str(&format!(" {threads:<rest$}", rest = width - 1));
        third.push_str(&format!(" {:<rest$}", unit(group.pattern), rest = width - 1));
    }
    writeln!(out, "{style}{}{style:#}", second.trim_end())?;
    writeln!(out, "{style}{}{style:#}", third.trim_end())
}

fn unit(pattern: Pattern) -> &'static str {
    if pattern == Pattern::Sequential { "GB/s" } else { "k/s" }
}

fn shown(rate: Spread, pattern: Pattern) -> String {
    match pattern {
        Pattern::Sequential => figure(rate.median / 1e9),
        _ => figure(rate.median / pattern.piece() as f64 / 1e3),
    }
}

fn cell(results: &Results, row: Option<&Row>, cells: Cells, look: Look) -> String {
    let rest = cells.width() - 1;
    let Some((row, rate)) = row.and_then(|row| Some((row, row.rate()?))) else {
        return format!(" {:<rest$}", "-");
    };
    let mut text = shown(rate, row.group.pattern);
    if cells == Cells::Wide {
        text.push_str(&format!(" ±{:.0}%", rate.percent()));
    } else if rate.percent() > NOISY {
        text.push('~');
    }
    let is_best = results.is_best(row);
    if is_best {
        text.push('*');
    }
    let style = if is_best { look.best } else { Style::new() };
    let pad = rest.saturating_sub(text.chars().count());
    format!(" {style}{text}{style:#}{:pad$}", "")
}

/// Records by size, the two ways beside each other.
fn writes(results: &Results, look: Look, out: &mut impl Write) -> io::Result<()> {
    if let Some(why) = &results.method.no_writing {
        writeln!(out)?;
        return paragraph(&format!("Writing was not measured: {why}"), "", look, out);
    }
    if results.writes.is_empty() {
        return Ok(());
    }
    let style = look.heading;
    for line in [
        written("writing,", "random places", [("map + flush", ""), ("pwrite + fdatasync", "")]),
        written("record", "durable together", [("a record", "device B/B"); 2]),
    ] {
        writeln!(out, "{style}{line}{style:#}")?;
    }
    let mut sizes: Vec<(u64, u64)> =
        results.writes.iter().map(|row| (row.batch, row.record)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    for (batch, record) in sizes {
        let size = human(record).replace(".0 ", " ");
        let rows = results.writes.iter().filter(|row| (row.batch, row.record) == (batch, record));
        let cells = rows.map(|row| (took(row), device(row)));
        writeln!(out, "{}", written(&size, &batch.to_string(), cells))?;
    }
    writeln!(out, "device B/B: bytes that the device wrote for each byte stored, whoever caused it")
}

/// A line of the table of writes: for each way the time and what the device wrote. It is 80 columns wide at most.
fn written<T: Display>(size: &str, batch: &str, ways: impl IntoIterator<Item = (T, T)>) -> String {
    let mut line = format!("{size:8} {batch:<19}");
    for (took, device) in ways {
        line.push_str(&format!(" {took:14} {device:10}"));
    }
    line.truncate(line.trim_end().len());
    line
}

fn took(row: &WriteRow) -> String {
    row.rate().map_or("-".to_owned(), |rate| {
        format!("{} ±{:.0}%", time(rate.per(1.0).median), rate.percent())
    })
}

fn device(row: &WriteRow) -> String {
    row.amplification().map_or("not told".to_owned(), figure)
}

/// A text in lines that fit.
fn paragraph(text: &str, mark: &str, look: Look, out: &mut impl Write) -> io::Result<()> {
    let indent = mark.chars().count();
    let mut used = indent;
    write!(out, "{mark}")?;
    for (index, word) in text.split(' ').enumerate() {
        let len = word.chars().count();
        if index > 0 && used + 1 + len > look.width {
            write!(out, "\n{:indent$}", "")?;
            used = indent;
        } else if index > 0 {
            write!(out, " ")?;
            used += 1;
        }
        write!(out, "{word}")?;
        used += len;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::super::super::results::tests::{results, row, write as stored};
    use super::super::super::way::Way;
    use super::super::super::writing::Store;
    use super::*;

    fn printed(width: usize) -> String {
        let mut reads = Vec::new();
        for cache in [Cache::Warm, Cache::Cold] {
            for pattern in Pattern::ALL {
                for threads in [1, 2] {
                    for (index, way) in Way::ALL.into_iter().enumerate() {
                        let rate = 1e9 * (index + 1) as f64;
                        reads.push(row(
                            cache,
                            pattern,
                            threads,
                            way,
                            &[rate * 0.99, rate, rate * 1.3],
                        ));
                    }
                }
            }
        }
        let writes = vec![
            stored(Store::Map, 64, 1, &[9e3, 1e4], 819_200),
            stored(Store::Pwrite, 64, 1, &[9e3, 1e4], 409_600),
            stored(Store::Map, 4096, 1, &[1e2, 1e3, 1e4], 819_200),
            stored(Store::Pwrite, 4096, 1, &[1e2, 1e3, 1e4], 409_600),
        ];
        let mut text = Vec::new();
        let look = Look { width, best: Style::new(), heading: Style::new() };
        write(&results(reads, writes), look, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn every_line_fits_the_terminal() {
        for width in [40, 80, 120, 200] {
            for line in printed(width).lines() {
                let allowed = if width < 80 { 80 } else { width };
                assert!(line.chars().count() <= allowed, "{width}: {line}");
                assert!(!line.contains('\u{1b}'));
            }
        }
    }

    #[test]
    fn a_narrow_table_marks_the_best_and_the_noisy() {
        let text = printed(80);
        assert!(text.contains("uring-direct    19.0~*"), "{text}");
        assert!(
            text.contains("warm            sequential      strided         random          hot\n"),
            "{text}"
        );
        assert!(text.contains("64 B     1                   105 µs ±"), "{text}");
    }

    #[test]
    fn records_stand_below_their_headings_however_far_they_spread() {
        let text = printed(80);
        let at = |line: &str, word: &str| -> Vec<usize> {
            line.match_indices(word).map(|(at, _)| line[..at].chars().count()).collect()
        };
        let line = |begin: &str| text.lines().find(|line| line.starts_with(begin)).unwrap();
        let headings = line("record ");
        let (times, devices) = (at(headings, "a record"), at(headings, "device B/B"));
        assert_eq!((times.len(), devices.len()), (2, 2), "{text}");
        assert_eq!(at(line("writing, random places"), "map + flush"), times[..1], "{text}");
        for begin in ["64 B ", "4 KiB "] {
            let row = line(begin);
            let columns: Vec<char> = row.chars().collect();
            for start in times.iter().chain(&devices) {
                assert!(columns[*start] != ' ' && columns[*start - 1] == ' ', "{row}");
            }
            assert!(row.contains('±') && !row.ends_with(' '), "{row}");
        }
    }

    #[test]
    fn a_wide_table_has_the_spread_beside_the_number() {
        assert!(printed(200).contains("19.0 ±30%*"), "{}", printed(200));
    }

    #[test]
    fn words_are_not_broken() {
        let mut text = Vec::new();
        let look = Look { width: 10, best: Style::new(), heading: Style::new() };
        paragraph("one two three four", "- ", look, &mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "- one two\n  three\n  four\n");
    }
}
