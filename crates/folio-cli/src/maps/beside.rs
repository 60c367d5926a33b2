//! The report of two processes for people: what both have, and which pages.

use std::fmt::Write as _;
use std::path::Path;

use super::both::{Class, Compared, Comparison, Segment, Space, Sums, Told};
use super::flags::{PageDetail, Sort};
use super::layout::{Column, Layout, Need, cells, fitting, headings, width};
use super::look::{Look, title};
use super::text::{Rows, plural};
use crate::name::quoted;
use crate::units::human;

/// The text of it.
#[derive(Debug)]
pub(super) struct Beside<'a> {
    pub(super) layout: &'a Layout,
    pub(super) looks: [&'a Look; 2],
    pub(super) sort: Option<Sort>,
    pub(super) rows: Rows,
    pub(super) pages: Option<PageDetail>,
    /// The size of a page, in bytes.
    pub(super) page: u64,
}

impl Beside<'_> {
    /// All of it.
    pub(super) fn text(&self, comparison: &Comparison) -> String {
        let mut text = String::new();
        self.totals(comparison, &mut text);
        if self.rows == Rows::None {
            return text;
        }
        self.table(&by_name(&comparison.parts, self.sort), &mut text);
        if let Some(detail) = self.pages {
            for part in &comparison.parts {
                self.segments(part, detail, &mut text);
            }
        }
        text
    }

    fn totals(&self, comparison: &Comparison, text: &mut String) {
        let bold = self.layout.heading;
        for look in self.looks {
            let usage = &look.totals.usage;
            let who = title(look);
            let program = look.program.as_deref().map(|path| {
                let used = who.chars().count() + 2;
                format!(": {}", self.layout.shortened(&quoted(path), used))
            });
            let (own, resident) = (human(usage.unique()), human(usage.in_memory()));
            let _ = writeln!(text, "{bold}{who}{}{bold:#}", program.unwrap_or_default());
            let _ = writeln!(text, "{own:>10} own, {resident} resident");
        }
        let [same, perhaps, different, first, second] = sums(&comparison.parts);
        let [one, two] = self.looks.map(|look| look.process.pid());
        text.push('\n');
        let mut line = |bytes: u64, means: &str| {
            let strong = self.layout.strong;
            let _ = writeln!(text, "{strong}{:>10}{strong:#} {means}", human(bytes));
        };
        line(same, "both: the same pages of memory in both processes");
        if perhaps > 0 {
            line(perhaps, "perhaps: at the same place, and in several mappings");
        }
        line(different, "differ: at the same place, but each has a page of its own");
        line(first, &format!("only in {one}"));
        line(second, &format!("only in {two}"));
        if comparison.frames == Told::No {
            self.layout.wrapped(
                "Pages of files are told for certain. Of anonymous and copied pages the kernel tells root alone \
                 (CAP_SYS_ADMIN) which are the same: here, those that may be count as perhaps, and the others as differing.",
                0,
                text,
            );
        }
    }

    fn table(&self, rows: &[(String, Sums)], text: &mut String) {
        let column = |heading, class: Class, need| Column {
            heading,
            need,
            bytes: rows.iter().map(|(_, sums)| sums[class as usize]).collect(),
        };
        let columns = vec![
            column("both", Class::Same, Need::Always),
            column("perhaps", Class::Perhaps, Need::IfAny),
            column("differ", Class::Different, Need::Always),
            column("1st only", Class::First, Need::Always),
            column("2nd only", Class::Second, Need::Always),
        ];
        let columns = fitting(columns, 0, self.layout);
        let bold = self.layout.heading;
        let _ = writeln!(text, "\n{bold}{}by file{bold:#}", headings(&columns));
        for (index, (name, _)) in rows.iter().enumerate() {
            let name = self.layout.shortened(name, width(&columns));
            let _ = writeln!(text, "{}{name}", cells(&columns, index));
        }
    }

    /// Where the pages of a part are.
    fn segments(&self, part: &Compared, detail: PageDetail, text: &mut String) {
        let bold = self.layout.heading;
        let by = match part.space {
            Space::File(_) => "by offset in the file",
            Space::Addresses => "by address",
            Space::Mapping => "by offset in the mapping",
        };
        let name = quoted(Path::new(&part.name));
        let _ = writeln!(text, "\n{bold}{name}{bold:#}, {by}");
        for segment in &part.segments {
            let len = segment.at.end - segment.at.start;
            let step = if detail == PageDetail::Each { self.page } else { len };
            let mut skip = 0;
            while skip < len {
                self.segment(segment, skip..len.min(skip + step), text);
                skip += step;
            }
        }
    }

    fn segment(&self, segment: &Segment, part: std::ops::Range<u64>, text: &mut String) {
        let [one, two] = self.looks.map(|look| look.process.pid());
        let (start, end) = (segment.at.start + part.start, segment.at.start + part.end);
        let pages = plural((end - start).div_ceil(self.page), "page");
        let at = |address: Option<u64>| address.map(|address| address + part.start);
        let mut line = format!("  {start:#x}-{end:#x}  {pages:>10}  ");
        let _ = match (segment.class, at(segment.first), at(segment.second)) {
            (Class::First, Some(first), _) => write!(line, "only in {one} at {first:x}"),
            (Class::Second, _, Some(second)) => write!(line, "only in {two} at {second:x}"),
            (class, Some(first), Some(second)) => {
                let words = match class {
                    Class::Same => "both",
                    Class::Perhaps => "perhaps",
                    _ => "differ",
                };
                write!(line, "{words}, at {first:x}").and_then(|()| {
                    if first == second { Ok(()) } else { write!(line, " and {second:x}") }
                })
            }
            _ => Ok(()),
        };
        text.push_str(&line);
        text.push('\n');
    }
}

/// The sums over all parts.
pub(super) fn sums(parts: &[Compared]) -> Sums {
    let mut all = Sums::default();
    for part in parts {
        all.iter_mut().zip(part.sums()).for_each(|(sum, more)| *sum += more);
    }
    all
}

/// The sums for each name, in the order asked for: what is the same in both comes first.
fn by_name(parts: &[Compared], sort: Option<Sort>) -> Vec<(String, Sums)> {
    let mut rows: Vec<(String, Sums)> = Vec::new();
    // The parts of a name are neighbours: they are in its order.
    for part in parts {
        let name = quoted(Path::new(&part.name));
        match rows.last_mut() {
            Some((last, sums)) if *last == name => {
                sums.iter_mut().zip(part.sums()).for_each(|(sum, more)| *sum += more);
            }
            _ => rows.push((name, part.sums())),
        }
    }
    if !matches!(sort, Some(Sort::Name | Sort::Address)) {
        rows.sort_by_key(|(_, sums)| std::cmp::Reverse(*sums));
    }
    rows
}
