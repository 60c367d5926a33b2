//! The report for people: a line for each finding, and what it means below those that are not as promised.

use std::io::{self, Write};

use anstyle::AnsiColor;

use super::super::Outcome;
use super::super::experiment::{Finding, Unable, Verdict};
use super::{Header, Report, Summary};
use crate::flags::Colour;
use crate::name::quoted;

/// How the text is laid out.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Style {
    /// Lines are broken to this many columns; `None` if they are not.
    width: Option<usize>,
    colours: Colours,
}

#[derive(Clone, Copy, Debug, Default)]
struct Colours {
    heading: anstyle::Style,
    ok: anstyle::Style,
    differs: anstyle::Style,
    not_here: anstyle::Style,
}

impl Style {
    /// That for standard output: broken to the width of a terminal, in colour if it is wanted.
    pub(in super::super) fn of_stdout(colour: Colour) -> Self {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
        let width = size.map(|size| usize::from(size.ws_col)).filter(|&width| width > 0);
        let colours = if colour.wanted(&io::stdout()) {
            Colours {
                heading: anstyle::Style::new().bold(),
                ok: AnsiColor::Green.on_default(),
                differs: AnsiColor::Red.on_default().bold(),
                not_here: AnsiColor::Yellow.on_default(),
            }
        } else {
            Colours::default()
        };
        Self { width, colours }
    }
}

/// The columns of the verdict and the space after it.
const VERDICT: usize = 10;
/// Lines are not broken to less than this.
const NARROWEST: usize = 30;

/// The report as text; it is written as it comes.
#[derive(Debug)]
pub(in super::super) struct Text<W> {
    out: W,
    style: Style,
    /// The columns of the name and the space after it.
    name: usize,
    group: &'static str,
    as_root: Vec<String>,
}

impl<W: Write> Text<W> {
    /// `names` are those of the experiments that will come.
    pub(in super::super) fn new(
        out: W,
        style: Style,
        names: impl Iterator<Item = &'static str>,
    ) -> Self {
        let name = names.map(str::len).max().unwrap_or(0) + 2;
        Self { out, style, name, group: "", as_root: Vec::new() }
    }

    fn finding(&self, name: &str, finding: &Finding, text: &mut String) {
        let colours = self.style.colours;
        let (verdict, colour) = match finding.verdict {
            Verdict::Ok => ("ok", colours.ok),
            Verdict::Differs => ("differs", colours.differs),
            Verdict::NotHere => ("not here", colours.not_here),
        };
        let part = finding.part.as_ref().map(|part| format!("{part}: ")).unwrap_or_default();
        let Finding { promised, seen, .. } = finding;
        let line = format!("{part}{promised} → {seen}");
        *text += &format!("{colour}{verdict:8}{colour:#}  {name:width$}", width = self.name);
        self.wrapped(&line, text);
        if let Some(means) = &finding.means {
            *text += &" ".repeat(VERDICT + self.name);
            self.wrapped(means, text);
        }
    }

    /// `line`, broken between words, in the column after the name.
    fn wrapped(&self, line: &str, text: &mut String) {
        let indent = VERDICT + self.name;
        let room = self.style.width.map(|width| width.saturating_sub(indent).max(NARROWEST));
        let mut used = 0;
        for word in line.split(' ') {
            let len = word.chars().count();
            if used > 0 && room.is_some_and(|room| used + 1 + len > room) {
                *text += "\n";
                *text += &" ".repeat(indent);
                used = 0;
            } else if used > 0 {
                text.push(' ');
                used += 1;
            }
            *text += word;
            used += len;
        }
        text.push('\n');
    }
}

impl<W: Write> Report for Text<W> {
    fn begin(&mut self, header: &Header) -> io::Result<()> {
        let heading = self.style.colours.heading;
        let Header { dir, file_system, no_files, kernel, page_size } = header;
        let cannot = no_files.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let line = format!(
            "{heading}{}{heading:#}: {}{cannot}, {}, pages of {} KiB\n",
            quoted(dir),
            file_system.name,
            kernel.join(" "),
            page_size / 1024
        );
        self.out.write_all(line.as_bytes())
    }

    fn outcome(&mut self, outcome: &Outcome) -> io::Result<()> {
        let mut text = String::new();
        let heading = self.style.colours.heading;
        if self.group != outcome.group {
            self.group = outcome.group;
            text += &format!("\n{heading}{}{heading:#}\n", outcome.group);
        }
        let name = outcome.experiment.name;
        match &outcome.result {
            Ok(findings) => {
                for (index, finding) in findings.iter().enumerate() {
                    self.finding(if index == 0 { name } else { "" }, finding, &mut text);
                    self.as_root.extend(finding.as_root.clone());
                }
            }
            Err(Unable::NotHere { why, means }) => {
                let finding = Finding::not_here(outcome.experiment.about, why, means);
                self.finding(name, &finding, &mut text);
            }
            Err(Unable::Failed { what, why }) => {
                let colour = self.style.colours.differs;
                text += &format!("{colour}failed  {colour:#}  {name:width$}", width = self.name);
                self.wrapped(&format!("cannot {what}: {why}"), &mut text);
            }
        }
        self.out.write_all(text.as_bytes())
    }

    fn end(&mut self, summary: &Summary) -> io::Result<()> {
        let Summary { ok, differs, not_here, failed, took } = summary;
        let mut text = String::from("\n");
        if !self.as_root.is_empty() {
            text += &format!("As root: {}\n", self.as_root.join("; "));
        }
        let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
        let seconds = took.as_secs_f64();
        text +=
            &format!("{ok} ok, {differs} differ, {not_here} not here{failed}, in {seconds:.1} s\n");
        self.out.write_all(text.as_bytes())
    }
}
