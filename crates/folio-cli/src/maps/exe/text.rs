//! `folio maps --exe` for people: the file on the left, the memory that it becomes on the right, and what is to be said about it.

use std::io::{self, Write};
use std::ops::Range;

use anstyle::Style;
use object::elf;

use super::findings::Weight;
use super::layout::{Area, Backing, Loader, Part, costs, mapped_twice};
use super::look::Program;
use super::program::ElfLayout;
use super::sections::Sections;
use crate::maps::layout::{Layout, broken};
use crate::maps::text::plural;
use crate::name::quoted;
use crate::units::human;

/// How wide lines are where nothing says how wide they may be: prose and lists are broken.
const WIDTH: usize = 100;

/// Print all of it.
pub(super) fn print(program: &Program, layout: &Layout, out: &mut impl Write) -> io::Result<()> {
    let mut text = Text { program, style: layout, width: layout.width.unwrap_or(WIDTH), out };
    text.head()?;
    let Some(layout) = &program.layout else { return text.unmapped_file() };
    text.memory(layout)?;
    text.segments(layout)?;
    text.sections(layout)?;
    text.prose(layout)?;
    text.findings()
}

#[derive(Debug)]
struct Text<'a, W> {
    program: &'a Program,
    style: &'a Layout,
    /// Columns.
    width: usize,
    out: &'a mut W,
}

impl<W: Write> Text<'_, W> {
    /// What it is.
    fn head(&mut self) -> io::Result<()> {
        let (program, heading) = (self.program, self.style.heading);
        writeln!(self.out, "{heading}{}{heading:#}", quoted(&program.path))?;
        let what = format!(
            "{}: {}, {}.",
            program.form_words(),
            program.machine_words(),
            human(program.file_len)
        );
        self.wrapped("", &what)?;
        if let Some(foreign) = program.foreign() {
            self.wrapped("", &foreign)?;
        }
        Ok(())
    }

    /// Of what nobody maps.
    fn unmapped_file(&mut self) -> io::Result<()> {
        use super::program::Form;
        let program = self.program;
        match program.form {
            Form::Object if program.is_kernel_module() => self.wrapped("", "Nothing of it is mapped to be run: the kernel copies its sections into memory of its own."),
            Form::Object => self.wrapped("", "Nothing of it is mapped to be run: the linker puts its sections into programs and libraries."),
            Form::Core => {
                let loads = program.header.loads().count();
                let (in_file, in_memory) = program.header.loads().fold((0u64, 0u64), |(file, memory), load| {
                    (file.saturating_add(load.filesz), memory.saturating_add(load.memsz))
                });
                let what = format!(
                    "Nothing of it is mapped to be run: it is the memory of a process that ended, {} of {}, of which {} are in the file.",
                    plural(loads as u64, "mapping"),
                    human(in_memory),
                    human(in_file)
                );
                self.wrapped("", &what)
            }
            _ => self.wrapped("", "Neither the kernel nor ld.so maps such a file."),
        }
    }

    /// The table: file on the left, memory on the right.
    fn memory(&mut self, layout: &ElfLayout) -> io::Result<()> {
        let unmapped = self.program.unmapped();
        if layout.areas.is_empty() && unmapped.is_empty() {
            return Ok(());
        }
        let file: Vec<_> = layout.areas.iter().map(source).collect();
        let gaps = unmapped.iter().map(|(gap, _)| span(gap).len());
        let left = file.iter().map(String::len).chain(gaps).max().unwrap_or(0).max(4);
        let right =
            layout.areas.iter().map(|area| span(&area.addresses).len()).max().unwrap_or(0).max(6);
        let (heading, dim) = (self.style.heading, self.style.dim);
        writeln!(self.out)?;
        writeln!(
            self.out,
            "{heading}{:left$}       {:right$}  {:>9}  prot  what{heading:#}",
            "file", "memory", "size"
        )?;
        let mut gaps = unmapped.iter().peekable();
        for (area, file_span) in layout.areas.iter().zip(&file) {
            // Parts of the file that come before this one.
            let start = area.file().map_or(0, |file| file.start);
            while let Some((gap, names)) = gaps.next_if(|(gap, _)| gap.start < start) {
                self.gap(gap, names, left, right)?;
            }
            let arrow = match area.backing {
                Backing::File(_) => "───>",
                Backing::Zeros => "···>",
                Backing::Reserved => "    ",
            };
            let size = human(area.addresses.end - area.addresses.start);
            let style = self.style_of(area);
            let what = what(area);
            let line = format!(
                "{file_span:left$}  {dim}{arrow}{dim:#} {:right$}  {size:>9}  {:4}  ",
                format!("{}", Span(&area.addresses)),
                area.access.letters()
            );
            writeln!(self.out, "{line}{style}{what}{style:#}")?;
        }
        for (gap, names) in gaps {
            self.gap(gap, names, left, right)?;
        }
        Ok(())
    }

    fn gap(
        &mut self,
        gap: &Range<u64>,
        names: &[&str],
        left: usize,
        right: usize,
    ) -> io::Result<()> {
        let dim = self.style.dim;
        let size = human(gap.end - gap.start);
        let before =
            format!("{:left$}       {:right$}  {size:>9}        ", span(gap), "not mapped");
        let room = self.width.saturating_sub(before.chars().count());
        let names = clipped(names, room);
        writeln!(self.out, "{dim}{}{dim:#}", format!("{before}{names}").trim_end())
    }

    fn style_of(&self, area: &Area) -> Style {
        match area.part {
            Part::Text | Part::Constants => self.style.good,
            Part::Relocated | Part::Data | Part::Bss => self.style.warning,
            Part::Gap => self.style.dim,
        }
    }

    /// The program headers that are loaded, as they are in the file, and what comes along.
    fn segments(&mut self, layout: &ElfLayout) -> io::Result<()> {
        let header = [
            "#",
            "offset",
            "address",
            "in file",
            "in memory",
            "flags",
            "align",
            "before",
            "after",
            "zeroed",
        ];
        let mut rows: Vec<[String; 10]> = vec![header.map(str::to_owned)];
        for load in self.program.header.loads() {
            let placed = layout.placed.iter().find(|placed| placed.segment.index == load.index);
            let slack = |bytes: Option<u64>| match bytes {
                None => "?".to_owned(),
                Some(0) => "-".to_owned(),
                Some(bytes) => format!("{bytes:#x}"),
            };
            rows.push([
                load.index.to_string(),
                format!("{:#x}", load.offset),
                format!("{:#x}", load.vaddr),
                format!("{:#x}", load.filesz),
                format!("{:#x}", load.memsz),
                load.segment().access.letters(),
                alignment(load.align),
                slack(placed.map(|placed| placed.slack_before)),
                slack(placed.map(|placed| placed.slack_after)),
                slack(placed.map(|placed| placed.zeroed.end - placed.zeroed.start)),
            ]);
        }
        if rows.len() == 1 {
            return Ok(());
        }
        writeln!(self.out)?;
        let widths: Vec<usize> = (0..10)
            .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
            .collect();
        for (index, row) in rows.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}")).collect();
            let style = if index == 0 { self.style.heading } else { Style::new() };
            writeln!(self.out, "{style}{}{style:#}", cells.join("  "))?;
        }
        let dim = self.style.dim;
        let legend = "before, after: bytes of the file that come along, because whole pages are mapped; zeroed: the rest of the last page, overwritten with zeros";
        for line in broken(legend, self.width) {
            writeln!(self.out, "{dim}{line}{dim:#}")?;
        }
        Ok(())
    }

    /// Which sections lie in which segment.
    fn sections(&mut self, layout: &ElfLayout) -> io::Result<()> {
        writeln!(self.out)?;
        match &self.program.sections {
            Sections::Stripped => {
                return self.wrapped(
                    "",
                    "The file has no section table; nothing that loads it needs one.",
                );
            }
            Sections::Unreadable(why) => {
                return self.wrapped("", &format!("The section table cannot be read: {why}. Nothing that loads the file needs it."));
            }
            Sections::Known(_) => {}
        }
        let program = self.program;
        let width = layout
            .placed
            .iter()
            .map(|placed| placed.segment.index.to_string().len())
            .max()
            .unwrap_or(1);
        let heading = self.style.heading;
        writeln!(self.out, "{heading}{:>width$}  sections{heading:#}", "#")?;
        for load in program.header.loads() {
            let names: Vec<&str> = program.sections.within(load).collect();
            let names = if names.is_empty() { "-".to_owned() } else { names.join(" ") };
            self.wrapped(&format!("{:>width$}  ", load.index), &names)?;
        }
        Ok(())
    }

    /// What it costs, and what is special.
    fn prose(&mut self, layout: &ElfLayout) -> io::Result<()> {
        let program = self.program;
        writeln!(self.out)?;
        self.cost(layout)?;
        let place = match (layout.loader, program.form.is_relative()) {
            (Loader::Kernel, true) => {
                "The kernel maps it at an address that it chooses, which is added to those above."
            }
            (Loader::Kernel, false) => "The kernel maps it at exactly these addresses.",
            (Loader::Glibc, _) => {
                "ld.so maps it at an address that the kernel chooses, which is added to those above."
            }
        };
        let interpreter = match &program.interpreter {
            Some(path) if !program.is_library() && program.dynamic.needed > 0 => {
                let libraries = if program.dynamic.needed == 1 { "library" } else { "libraries" };
                format!(
                    " {} runs first and maps {} {libraries} and those that they need.",
                    quoted(path),
                    program.dynamic.needed
                )
            }
            Some(path) if !program.is_library() => format!(" {} runs first.", quoted(path)),
            _ => String::new(),
        };
        self.wrapped("", &format!("{place}{interpreter} Pages have {} bytes.", layout.page))?;
        self.mapped_twice(layout)?;
        self.large_pages(layout)?;
        if let Some(tls) = program.header.find(elf::PT_TLS) {
            self.wrapped("", &format!("Each thread gets {:#x} bytes of its own (TLS): {:#x} copied from the file, the rest zeros.", tls.memsz, tls.filesz))?;
        }
        if layout.relro.is_none() && program.dynamic.needed > 0 {
            self.wrapped("", "No PT_GNU_RELRO: relocated constants stay writable.")?;
        }
        if !program.is_library() {
            self.wrapped("", &program.stack_words())?;
        }
        Ok(())
    }

    /// What its pages cost.
    fn cost(&mut self, layout: &ElfLayout) -> io::Result<()> {
        let costs = costs(&layout.areas);
        let parts = [
            (costs.shared, "of the file, shared by all that have it mapped"),
            (costs.relocated, "relocated as it starts, so each process has its own"),
            (costs.copied_if_written, "of initialised data, each copied when it is written"),
            (costs.zeros, "of zeros, had when first touched"),
        ];
        let told: Vec<String> = parts
            .into_iter()
            .filter(|&(bytes, _)| bytes > 0)
            .map(|(bytes, what)| format!("{} {what}", pages(bytes, layout.page)))
            .collect();
        if told.is_empty() {
            Ok(())
        } else {
            self.wrapped("Cost: ", &format!("{}.", told.join("; ")))
        }
    }

    /// Pages of the file where one segment ends and another begins.
    fn mapped_twice(&mut self, layout: &ElfLayout) -> io::Result<()> {
        let twice = mapped_twice(&layout.placed);
        if twice.is_empty() {
            return Ok(());
        }
        let told: Vec<String> = twice
            .iter()
            .map(|common| {
                format!(
                    "{} by segments {} and {}",
                    Span(&common.pages),
                    common.segments[0],
                    common.segments[1]
                )
            })
            .collect();
        self.wrapped(
            "",
            &format!(
                "Parts of the file that are mapped twice, because segments meet within a page: {}.",
                told.join(", ")
            ),
        )
    }

    /// Alignment to more than a page, which is what lets a file be mapped by larger ones.
    fn large_pages(&mut self, layout: &ElfLayout) -> io::Result<()> {
        let aligns = || self.program.header.loads().map(|load| load.align);
        let (Some(least), Some(most)) = (aligns().min(), aligns().max()) else { return Ok(()) };
        if most <= layout.page {
            return Ok(());
        }
        let apart = layout
            .placed
            .windows(2)
            .any(|pair| pair[1].memory_pages.start > pair[0].zero_pages.end);
        let gaps =
            if apart { "; the gaps between segments are of addresses, not of memory" } else { "" };
        let larger = if least > layout.page {
            format!(
                "Segments are aligned to {}, so that pages as large could map them",
                alignment(least)
            )
        } else {
            format!("Some segments are aligned to {}", alignment(most))
        };
        self.wrapped("", &format!("{larger}{gaps}."))
    }

    fn findings(&mut self) -> io::Result<()> {
        for finding in &self.program.findings {
            let style = match finding.weight {
                Weight::Refused => self.style.bad,
                Weight::Broken | Weight::Note => self.style.warning,
            };
            let word = finding.weight.word();
            let mut lines = broken(&format!("{word}: {finding}"), self.width).into_iter();
            let first = lines.next().unwrap_or_default();
            let rest = first.strip_prefix(word).unwrap_or_default();
            writeln!(self.out, "{style}{word}{style:#}{rest}")?;
            for line in lines {
                writeln!(self.out, "  {line}")?;
            }
        }
        Ok(())
    }

    /// Prose after `label`, broken at the width; what follows is indented as far.
    fn wrapped(&mut self, label: &str, text: &str) -> io::Result<()> {
        let indent = label.chars().count();
        for (index, line) in broken(text, self.width.saturating_sub(indent)).iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            writeln!(self.out, "{label:indent$}{line}")?;
        }
        Ok(())
    }
}

/// Where the bytes of an area come from.
fn source(area: &Area) -> String {
    match (area.file(), area.backing) {
        (Some(file), _) => span(&file),
        (None, Backing::Reserved) => "nothing".to_owned(),
        (None, _) => "zeros".to_owned(),
    }
}

/// What an area is for, and what becomes of it.
fn what(area: &Area) -> &'static str {
    match area.part {
        Part::Text => "program text",
        Part::Constants => "constants",
        Part::Relocated => "relocated constants",
        Part::Data => "data, copy-on-write",
        Part::Bss => "bss",
        Part::Gap => "gap, kept by ld.so",
    }
}

/// A range of bytes or addresses: its end is the first that is not in it.
#[derive(Debug)]
struct Span<'a>(&'a Range<u64>);

impl std::fmt::Display for Span<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}-{:#x}", self.0.start, self.0.end)
    }
}

fn span(range: &Range<u64>) -> String {
    Span(range).to_string()
}

/// `3 pages (12.0 KiB)`
fn pages(bytes: u64, page: u64) -> String {
    match bytes / page {
        1 => format!("1 page ({})", human(bytes)),
        pages => format!("{pages} pages ({})", human(bytes)),
    }
}

/// `4K`, `64K`, `2M`; what is no power of two in hexadecimal.
fn alignment(align: u64) -> String {
    match align {
        _ if !align.is_power_of_two() => format!("{align:#x}"),
        0..1024 => align.to_string(),
        1024..0x10_0000 => format!("{}K", align >> 10),
        0x10_0000..0x4000_0000 => format!("{}M", align >> 20),
        _ => format!("{}G", align >> 30),
    }
}

/// As many of `names` as fit, and that there are more.
fn clipped(names: &[&str], room: usize) -> String {
    let all = names.join(" ");
    if all.chars().count() <= room {
        return all;
    }
    let mut text = String::new();
    for name in names {
        if text.chars().count() + name.chars().count() + 2 > room {
            break;
        }
        text.push_str(name);
        text.push(' ');
    }
    if room > 0 {
        text.push('…');
    }
    text
}
