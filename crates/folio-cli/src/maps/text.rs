//! The report for people: what the process costs, by kind, by file, and each mapping and its pages if that is wanted.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use folio::process::{Frames, Mapping, PageEntry, ProcessPages};

use super::Listed;
use super::flags::{PageDetail, Sort, Via};
use super::group::{self, Figures, Group};
use super::kind::Kind;
use super::layout::{Column, Layout, Need, cells, fitting, headings, width};
use super::look::{Look, Mapped, title};
use super::pages::{PageIs, Pages, pages};
use super::words::{protection, words};
use crate::name::quoted;
use crate::units::human;

/// Which rows of a table are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// None: the totals say enough.
    None,
    All,
    /// The first, and the sum of the others.
    Most,
}

/// Text is written when there are so many bytes of it.
const FULL: usize = 64 << 10;

/// How many rows are most.
const MOST: usize = 16;

/// The text of a report that is not written yet.
#[derive(Debug)]
pub(super) struct Text<'a> {
    pub(super) layout: &'a Layout,
    pub(super) sort: Option<Sort>,
    pub(super) text: String,
}

impl Text<'_> {
    pub(super) fn write(&mut self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())?;
        self.text.clear();
        Ok(())
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.text.write_fmt(line);
        while self.text.ends_with(' ') {
            self.text.pop();
        }
        self.text.push('\n');
    }

    /// Who it is, and what it costs.
    pub(super) fn totals(&mut self, look: &Look) {
        self.who(look);
        if look.is_kernel_thread() {
            return self.layout.wrapped(
                "It is a thread of the kernel and has no addresses of its own: nothing is mapped.",
                0,
                &mut self.text,
            );
        }
        let usage = &look.totals.usage;
        for (figure, bytes, means) in [
            ("own", usage.unique(), "nobody else has it: free again when it ends (USS)"),
            ("share", usage.share(), "own, and its part of what others have too (PSS)"),
            ("resident", usage.in_memory(), "all that is in memory, shared pages in full (RSS)"),
        ] {
            let (strong, dim) = (self.layout.strong, self.layout.dim);
            self.line(format_args!(
                "{figure:>10}  {strong}{:>10}{strong:#}  {dim}{means}{dim:#}",
                human(bytes)
            ));
        }
        let mut more = Vec::new();
        if let Some(copied) = look.totals.copied {
            more.push(format!("{} of files' pages copied on write", human(copied)));
        }
        more.push(format!("{} dirty", human(usage.dirty())));
        more.push(format!("{} swapped", human(usage.swapped)));
        more.push(format!("{} locked", human(usage.locked)));
        more.push(format!("{} in huge pages", human(usage.huge())));
        self.layout.wrapped(&more.join(", "), 12, &mut self.text);
    }

    fn who(&mut self, look: &Look) {
        let heading = self.layout.heading;
        let mut who = title(look);
        if let Some(program) = &look.program {
            let used = who.chars().count() + 2;
            let _ = write!(who, ": {}", self.layout.shortened(&quoted(program), used));
        }
        self.line(format_args!("{heading}{who}{heading:#}"));
        let mut facts = Vec::new();
        if let Some(mappings) = look.totals.mappings.filter(|_| !look.is_kernel_thread()) {
            facts.push(format!("{mappings} mappings of {}", human(look.totals.usage.size)));
        }
        let state = &look.state;
        facts.push(match state.threads {
            1 => "1 thread".to_owned(),
            threads => format!("{threads} threads"),
        });
        facts.push(format!("user {}", state.user));
        if let Some(inner) = state.numbers.last().filter(|_| state.numbers.len() > 1) {
            facts.push(format!("process {inner} in a namespace of its own"));
        }
        self.layout.wrapped(&facts.join(", "), 0, &mut self.text);
    }

    /// What the mappings cost by kind and by file.
    pub(super) fn groups(&mut self, mappings: &[&Mapped], rows: Rows) {
        let sort = self.sort.unwrap_or(Sort::Share);
        let kinds = group::by_kind(mappings.iter().copied(), sort);
        let named = |group: &Group<Kind>| (group.key.to_string(), group.figures);
        self.table("by kind", &kinds.iter().map(named).collect::<Vec<_>>(), Rows::All);
        let files = group::by_file(mappings.iter().copied(), sort);
        let named = |group: &Group<_>| (quoted(Path::new(&group.key)), group.figures);
        self.table("by file", &files.iter().map(named).collect::<Vec<_>>(), rows);
    }

    fn table(&mut self, heading: &str, rows: &[(String, Figures)], shown: Rows) {
        let (rows, left_out) = match shown {
            Rows::None => return,
            // One or two more are not worth a line that says so.
            Rows::Most if rows.len() > MOST + 2 => rows.split_at(MOST),
            _ => (rows, &[][..]),
        };
        let mut rows = rows.to_vec();
        if !left_out.is_empty() {
            let sum = left_out.iter().map(|(_, figures)| *figures).sum();
            rows.push((format!("{} others: --all", left_out.len()), sum));
        }
        let figures: Vec<_> = rows.iter().map(|(_, figures)| *figures).collect();
        let columns = fitting(columns(&figures), 0, self.layout);
        let bold = self.layout.heading;
        self.text.push('\n');
        self.line(format_args!("{bold}{}{heading}{bold:#}", headings(&columns)));
        for (index, (name, figures)) in rows.iter().enumerate() {
            let count = match figures.mappings {
                1 => String::new(),
                mappings => format!(" ({mappings})"),
            };
            let used = width(&columns) + count.len();
            let name = self.layout.shortened(name, used);
            self.line(format_args!("{}{name}{count}", cells(&columns, index)));
        }
    }

    /// Every mapping, a line each; where there is little room, what is special about it stands below.
    pub(super) fn mappings(
        &mut self,
        mappings: &[&Mapped],
        detail: Option<&Detail<'_>>,
        out: &mut impl Write,
    ) -> Result<(), Listed> {
        let figures: Vec<_> = mappings.iter().map(|mapped| Figures::of(mapped)).collect();
        let places = Places::of(mappings, self.layout);
        let columns = fitting(narrow(columns(&figures), self.layout), places.width(), self.layout);
        let bold = self.layout.heading;
        self.text.push('\n');
        let (before, after) = places.headings();
        self.line(format_args!("{bold}{before}{}{after}{bold:#}", headings(&columns)));
        for (index, mapped) in mappings.iter().enumerate() {
            let mut line = places.before(&mapped.found.mapping);
            line += &cells(&columns, index);
            let name = places.after(mapped, &mut line, self.layout);
            self.mapping(mapped, &line, &name);
            if let Some(detail) = detail {
                self.pages(mapped, detail).map_err(Listed::Lost)?;
            }
            if self.text.len() >= FULL {
                self.write(out).map_err(Listed::Output)?;
            }
        }
        Ok(())
    }

    fn mapping(&mut self, mapped: &Mapped, line: &str, name: &str) {
        let special = words(mapped.found.flags, &mapped.found.unknown_flags).join(", ");
        let used = line.chars().count();
        let dim = self.layout.dim;
        let beside = used + name.chars().count() + 2 + special.len();
        if !special.is_empty() && self.layout.has(beside) {
            return self.line(format_args!("{line}{name}  {dim}{special}{dim:#}"));
        }
        self.line(format_args!("{line}{}", self.layout.shortened(name, used)));
        if !special.is_empty() {
            self.layout.wrapped(&special, 4, &mut self.text);
        }
    }

    /// Which pages of a mapping are what.
    fn pages(&mut self, mapped: &Mapped, detail: &Detail<'_>) -> Result<(), folio::Error> {
        let found = pages(detail.map, mapped, detail.via)?;
        let page = mapped.found.page_size.max(1);
        // One line would only repeat that nothing is there.
        if let [Pages { are: PageIs::Absent, .. }] = found.as_slice() {
            return Ok(());
        }
        for run in &found {
            for (part, who) in detail.parts(run, page)? {
                let count = plural((part.end - part.start) / page, "page");
                let room = if self.layout.has(PAGES) { Room::Wide } else { Room::Narrow };
                let place = place(&mapped.found.mapping, &part, room);
                let who = who.map(|who| who.words()).unwrap_or_default();
                self.line(format_args!("    {place}  {count:>9}  {}{who}", run.are.words()));
            }
        }
        Ok(())
    }
}

/// What is asked about pages, and of whom.
#[derive(Debug)]
pub(super) struct Detail<'a> {
    pub(super) map: &'a ProcessPages,
    pub(super) via: Via,
    pub(super) detail: PageDetail,
    /// For root.
    pub(super) frames: Option<Frames>,
}

/// In how many mappings a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mappings {
    /// In so many.
    Counted(u64),
    /// In more than one.
    Several,
}

impl Mappings {
    fn words(self) -> String {
        match self {
            Self::Counted(1) => ", in this mapping alone".to_owned(),
            Self::Counted(count) => format!(", in {count} mappings"),
            Self::Several => ", in several mappings".to_owned(),
        }
    }
}

/// Pages that are shown in one line, and who has them if that was asked for.
pub(super) type Part = (Range<u64>, Option<Mappings>);

impl From<Mappings> for serde_json::Value {
    fn from(mappings: Mappings) -> Self {
        match mappings {
            Mappings::Counted(count) => count.into(),
            Mappings::Several => "several".into(),
        }
    }
}

impl Detail<'_> {
    /// A run as it is shown: as a whole, or page by page with who else has each.
    pub(super) fn parts(&self, run: &Pages, page: u64) -> Result<Vec<Part>, folio::Error> {
        if self.detail == PageDetail::Ranges || run.are == PageIs::Absent {
            return Ok(vec![(run.addresses.clone(), None)]);
        }
        let entries = self.map.entries(run.addresses.clone())?;
        // A huge page from the pool has an entry for each of the small pages that it could be.
        let base = (run.addresses.end - run.addresses.start) / (entries.len() as u64).max(1);
        let step = usize::try_from(page / base.max(1)).unwrap_or(1).max(1);
        let starts = (run.addresses.start..).step_by(usize::try_from(page).unwrap_or(1).max(1));
        let parts = entries.iter().step_by(step).zip(starts);
        Ok(parts.map(|(entry, start)| (start..start + page, self.mappings(*entry))).collect())
    }

    fn mappings(&self, entry: PageEntry) -> Option<Mappings> {
        let counted = entry.frame().zip(self.frames.as_ref());
        match counted.and_then(|(frame, frames)| frames.mapped(frame).ok()) {
            Some(count) => Some(Mappings::Counted(count)),
            None if !entry.is_present() => None,
            None if entry.is_exclusive() => Some(Mappings::Counted(1)),
            None => Some(Mappings::Several),
        }
    }
}

/// Addresses, and where in the file that is; that alone where there is little room.
fn place(mapping: &Mapping, addresses: &Range<u64>, room: Room) -> String {
    let offset = mapping.file.map(|_| {
        let offset = |address: u64| mapping.offset + (address - mapping.addresses.start);
        format!("file {:#x}-{:#x}", offset(addresses.start), offset(addresses.end))
    });
    let addresses = format!("{:x}-{:x}", addresses.start, addresses.end);
    match (room, offset) {
        (Room::Wide, Some(offset)) => format!("{addresses}  {offset}"),
        (Room::Narrow, Some(offset)) => offset,
        (_, None) => addresses,
    }
}

pub(super) fn plural(count: u64, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// What stands beside the figures of a mapping: its place before, its name after.
#[derive(Clone, Copy, Debug)]
struct Places {
    /// Digits of an address.
    address: usize,
    room: Room,
}

/// How much of the names there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// For the offset, the kind and the whole path.
    Wide,
    /// For the last part of the path and the kind.
    Narrow,
}

/// The most columns that addresses, offsets and what pages are take.
const PAGES: usize = 110;
/// The columns of an offset and of a kind, with a gap each.
const OFFSET: usize = 13;
const KIND: usize = 29;
/// Between a name and what follows.
const GAP: usize = 2;

impl Places {
    fn of(mappings: &[&Mapped], layout: &Layout) -> Self {
        let last = mappings.iter().map(|mapped| mapped.found.mapping.addresses.end).max();
        let address = last.map_or(1, |end| format!("{end:x}").len());
        Self { address, room: if layout.has(140) { Room::Wide } else { Room::Narrow } }
    }

    fn width(self) -> usize {
        let addresses = 2 * self.address + 1 + 5;
        match self.room {
            Room::Wide => addresses + OFFSET + KIND,
            Room::Narrow => addresses,
        }
    }

    fn headings(self) -> (String, String) {
        let addresses = format!("{:1$}", "addresses", 2 * self.address + 1 + 5);
        match self.room {
            Room::Wide => {
                (format!("{addresses}{:>OFFSET$}", "offset"), format!("{:KIND$}file", "kind"))
            }
            Room::Narrow => (addresses, "file and kind".to_owned()),
        }
    }

    fn before(self, mapping: &Mapping) -> String {
        let Range { start, end } = mapping.addresses;
        let (width, protection) = (self.address, protection(mapping));
        let addresses = format!("{start:0width$x}-{end:0width$x} {protection}");
        let offset = mapping.file.map(|_| format!("{:#x}", mapping.offset)).unwrap_or_default();
        match self.room {
            Room::Wide => format!("{addresses}{offset:>OFFSET$}"),
            Room::Narrow => addresses,
        }
    }

    /// The name; what comes before it is added to `line`.
    fn after(self, mapped: &Mapped, line: &mut String, layout: &Layout) -> String {
        let (name, kind) = (quoted(Path::new(&mapped.belongs)), mapped.kind.to_string());
        match self.room {
            Room::Wide => {
                *line += &format!("{kind:KIND$}");
                name
            }
            // Of `[heap]`, of kind heap, once is enough.
            Room::Narrow if name.contains(&kind) => name,
            Room::Narrow => {
                let last = name.rsplit('/').next().filter(|last| !last.is_empty());
                // Whose part it is can be told from the name.
                let part = kind.strip_prefix("program ").or(kind.strip_prefix("library "));
                let part = part.unwrap_or(&kind);
                let name = last.unwrap_or(&name);
                let used = line.chars().count() + GAP + part.chars().count();
                format!("{}{:GAP$}{part}", layout.shortened(name, used), "")
            }
        }
    }
}

/// The figures as columns, the most telling first.
fn columns(rows: &[Figures]) -> Vec<Column> {
    let column = |heading, need, sort| Column {
        heading,
        need,
        bytes: rows.iter().map(|figures| figures.key(sort)).collect(),
    };
    vec![
        column("share", Need::Always, Sort::Share),
        column("own", Need::Always, Sort::Own),
        column("shared", Need::Always, Sort::Shared),
        column("copied", Need::IfAny, Sort::Copied),
        column("swapped", Need::IfAny, Sort::Swapped),
        column("dirty", Need::IfRoom, Sort::Dirty),
        column("size", Need::IfRoom, Sort::Size),
        column("resident", Need::IfRoom, Sort::Resident),
        column("locked", Need::IfRoom, Sort::Locked),
        column("huge", Need::IfRoom, Sort::Huge),
    ]
}

/// Beside addresses there is less room: what is shared can be told from the share.
fn narrow(mut columns: Vec<Column>, layout: &Layout) -> Vec<Column> {
    if !layout.has(100) {
        columns.retain(|column| column.heading != "shared");
        columns.iter_mut().skip(2).for_each(|column| column.need = Need::IfRoom);
    }
    columns
}
