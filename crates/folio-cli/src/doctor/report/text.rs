//! The report for people: a line for each finding, and what it means below those that are not as promised.

use std::io::{self, Write};

use anstyle::AnsiColor;

use super::super::experiment::{Finding, Unable, Verdict};
use super::super::subject::VERDICTS;
use super::super::verdict::{Fit, Ruling};
use super::super::{Answer, Outcome};
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
        let width = crate::stdout::columns();
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

    /// `line`, broken between words, in the columns from `indent` on.
    pub(in super::super) fn wrap(&self, line: &str, indent: usize, text: &mut String) {
        let room = self.room_from(indent);
        let mut used = 0;
        for word in line.split(' ') {
            let len = word.chars().count();
            if used > 0 && room.is_some_and(|room| used + 1 + len > room) {
                text.push('\n');
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

    fn room_from(&self, indent: usize) -> Option<usize> {
        self.width.map(|width| width.saturating_sub(indent).max(NARROWEST))
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
    /// Experiments of the group that were not tried, for something that many need and that is wanting here.
    untried: Vec<Untried>,
    as_root: Vec<String>,
}

/// Experiments that want the same.
#[derive(Debug)]
struct Untried {
    /// What that means.
    want: &'static str,
    /// Why the first of them could not have it.
    why: String,
    names: Vec<&'static str>,
}

/// How something went, in a word, and what there is to say: a paragraph, and others below.
struct Row<'a> {
    word: &'static str,
    colour: anstyle::Style,
    name: &'a str,
    lines: Vec<String>,
}

impl<W: Write> Text<W> {
    /// `names` are those of the experiments that will come.
    pub(in super::super) fn new(
        out: W,
        style: Style,
        names: impl Iterator<Item = &'static str>,
    ) -> Self {
        let name = names.map(str::len).max().unwrap_or(0) + 2;
        Self { out, style, name, group: "", untried: Vec::new(), as_root: Vec::new() }
    }

    /// The end of the group before and the heading of this one, if another one begins.
    fn enter(&mut self, group: &'static str) -> String {
        if self.group == group {
            return String::new();
        }
        let mut text = self.leave();
        self.group = group;
        let heading = self.style.colours.heading;
        text += &format!("\n{heading}{group}{heading:#}\n");
        text
    }

    /// The end of the group: what could not be tried there, in a row for each want.
    fn leave(&mut self) -> String {
        let mut text = String::new();
        for Untried { want, why, names } in std::mem::take(&mut self.untried) {
            let (name, line) = match names.as_slice() {
                [name] => ((*name).to_owned(), why),
                names => {
                    (format!("{} untried", names.len()), format!("{} → {why}", names.join(", ")))
                }
            };
            let lines = vec![line, want.to_owned()];
            let row =
                Row { word: "not here", colour: self.style.colours.not_here, name: &name, lines };
            self.print(&row, &mut text);
        }
        text
    }

    fn put_off(&mut self, name: &'static str, unable: &Unable) {
        let Some(want) = unable.common_want() else { return };
        match self.untried.iter_mut().find(|untried| untried.want == want) {
            Some(untried) => untried.names.push(name),
            None => self.untried.push(Untried { want, why: unable.to_string(), names: vec![name] }),
        }
    }

    fn print(&self, row: &Row<'_>, text: &mut String) {
        let Row { word, colour, name, lines } = row;
        let room = VERDICT - 2;
        *text += &format!("{colour}{word:room$}{colour:#}  {name:width$}", width = self.name);
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                *text += &" ".repeat(VERDICT + self.name);
            }
            self.style.wrap(line, VERDICT + self.name, text);
        }
    }

    /// The columns after the name.
    fn room(&self) -> Option<usize> {
        self.style.room_from(VERDICT + self.name)
    }

    fn finding<'a>(&self, name: &'a str, finding: &Finding) -> Row<'a> {
        let colours = self.style.colours;
        let (word, colour) = match finding.verdict {
            Verdict::Ok => ("ok", colours.ok),
            Verdict::Differs => ("differs", colours.differs),
            Verdict::NotHere => ("not here", colours.not_here),
        };
        let part = finding.part.as_ref().map(|part| format!("{part}: ")).unwrap_or_default();
        let Finding { promised, seen, .. } = finding;
        // Many promises are words for exactly what is to be seen: once is enough for people.
        let seen = if seen == promised { "as promised" } else { seen };
        let promise = format!("{part}{promised}");
        let is_short = |line: &str| self.room().is_none_or(|room| line.chars().count() <= room);
        let line = format!("{promise} → {seen}");
        let mut lines = if is_short(&promise) && !is_short(&line) {
            vec![promise, format!("→ {seen}")]
        } else {
            vec![line]
        };
        lines.extend(finding.means.clone());
        Row { word, colour, name, lines }
    }

    fn failed<'a>(&self, name: &'a str, unable: &Unable) -> Row<'a> {
        let colour = self.style.colours.differs;
        Row { word: "failed", colour, name, lines: vec![unable.to_string()] }
    }

    fn ruling(&self, answer: &Answer, ruling: &Ruling) -> Row<'static> {
        let colours = self.style.colours;
        let (word, colour) = match ruling.fit {
            Fit::Yes => ("yes", colours.ok),
            Fit::Limited => ("limited", colours.not_here),
            Fit::No => ("no", colours.not_here),
            Fit::Broken => ("broken", colours.differs),
        };
        let mut lines = ruling.why.clone();
        if let Some(first) = lines.first_mut()
            && !ruling.uses.is_empty()
        {
            *first = format!("{}: {first}", ruling.uses);
        }
        if !answer.against.is_empty() {
            lines.push(format!("see above: {}", answer.against.join(", ")));
        }
        Row { word, colour, name: answer.question.label, lines }
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
        let mut text = self.enter(outcome.group);
        let name = outcome.experiment.name;
        match &outcome.result {
            Ok(findings) => {
                for (index, finding) in findings.iter().enumerate() {
                    // Lines of a file or a pipe may be read one at a time.
                    let once = self.style.width.is_some() && index > 0;
                    let name = if once { "" } else { name };
                    self.print(&self.finding(name, finding), &mut text);
                    let new = |more: &&String| !self.as_root.contains(*more);
                    self.as_root.extend(finding.as_root.iter().find(new).cloned());
                }
            }
            Err(unable) if unable.common_want().is_some() => self.put_off(name, unable),
            Err(Unable::NotHere { why, means }) => {
                let finding = Finding::not_here(outcome.experiment.about, why, means);
                self.print(&self.finding(name, &finding), &mut text);
            }
            Err(failed) => self.print(&self.failed(name, failed), &mut text),
        }
        self.out.write_all(text.as_bytes())
    }

    fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        let mut text = self.enter(VERDICTS);
        let row = match &answer.result {
            Ok(ruling) => self.ruling(answer, ruling),
            Err(unable) => self.failed(answer.question.label, unable),
        };
        self.print(&row, &mut text);
        self.out.write_all(text.as_bytes())
    }

    fn end(&mut self, summary: &Summary) -> io::Result<()> {
        let Summary { ok, differs, not_here, failed, took } = summary;
        let mut text = self.leave();
        text.push('\n');
        if !self.as_root.is_empty() {
            const LABEL: &str = "As root: ";
            text += LABEL;
            self.style.wrap(&self.as_root.join("; "), LABEL.len(), &mut text);
        }
        let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
        let seconds = took.as_secs_f64();
        let differ = if *differs == 1 { "differs" } else { "differ" };
        text += &format!(
            "{ok} ok, {differs} {differ}, {not_here} not here{failed}, in {seconds:.1} s\n"
        );
        self.out.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::experiment::{Experiment, NO_FILES};
    use crate::doctor::filesystem::FileSystem;

    const FIRST: Experiment = Experiment {
        name: "first",
        about: "try something",
        source: "x(2)",
        run: |_| Ok(Vec::new()),
    };
    const LONG: Experiment = Experiment { name: "a-longer-name", ..FIRST };

    fn header(no_files: Option<&str>) -> Header {
        Header {
            dir: "/some/directory".into(),
            file_system: FileSystem { name: "ext4".into(), magic: 0xef53, options: Vec::new() },
            no_files: no_files.map(str::to_owned),
            kernel: ["Linux", "6.18.0", "x86_64"].map(str::to_owned),
            page_size: 4096,
        }
    }

    /// What is printed in `width` columns of these outcomes, all of one group.
    fn printed(
        width: Option<usize>,
        no_files: Option<&str>,
        outcomes: Vec<(&'static Experiment, Result<Vec<Finding>, Unable>)>,
    ) -> String {
        let style = Style { width, colours: Colours::default() };
        let mut out = Vec::new();
        let mut text = Text::new(&mut out, style, [FIRST.name, LONG.name].into_iter());
        text.begin(&header(no_files)).unwrap();
        let mut summary = Summary::default();
        for (experiment, result) in outcomes {
            let outcome = Outcome { group: "group", experiment, result };
            summary.add(&outcome);
            text.outcome(&outcome).unwrap();
        }
        text.end(&summary).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_was_seen_word_for_word_is_not_repeated() {
        let findings = vec![Finding::ok("the file is old", "the file is old")];
        let text = printed(None, None, vec![(&FIRST, Ok(findings))]);
        assert!(text.contains("the file is old → as promised\n"), "{text}");
    }

    fn differing() -> Finding {
        Finding::differs(
            "a promise of some length that hardly fits",
            "something else altogether",
            "whoever relies on it here will find that it is not so, and had better not",
        )
    }

    #[test]
    fn lines_are_broken_between_words_to_the_width_of_the_terminal() {
        let findings = vec![
            differing().part("part").with_root("look closer"),
            Finding::ok("a", "b"),
            Finding::ok("c", "c"),
        ];
        let text = printed(Some(80), None, vec![(&LONG, Ok(findings))]);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(
            text,
            "\
/some/directory: ext4, Linux 6.18.0 x86_64, pages of 4 KiB

group
differs   a-longer-name  part: a promise of some length that hardly fits
                         → something else altogether
                         whoever relies on it here will find that it is not so,
                         and had better not
ok                       a → b
ok                       c → as promised

As root: look closer
2 ok, 1 differs, 0 not here, in 0.0 s
"
        );
    }

    #[test]
    fn without_a_terminal_each_part_is_one_line() {
        let text = printed(None, None, vec![(&FIRST, Ok(vec![differing()]))]);
        let found = text.lines().find(|line| line.starts_with("differs")).unwrap();
        assert!(found.contains("hardly fits → something else"), "{text}");
        assert_eq!(text.lines().count(), 7, "{text}");
    }

    #[test]
    fn what_was_not_tried_for_want_of_files_is_one_row() {
        let untried = || Err(Unable::not_here("read-only", NO_FILES));
        let other = Err(Unable::not_here("no such call", "make do without"));
        let failed = Err(Unable::Failed { what: "write".into(), why: "no reason".into() });
        let outcomes =
            vec![(&FIRST, untried()), (&LONG, untried()), (&FIRST, other), (&FIRST, failed)];
        assert_eq!(
            printed(None, Some("read-only"), outcomes),
            "\
/some/directory: ext4 (read-only), Linux 6.18.0 x86_64, pages of 4 KiB

group
not here  first          try something → no such call
                         make do without
failed    first          cannot write: no reason
not here  2 untried      first, a-longer-name → read-only
                         needs a file of its own; nothing can be written here, so only reading was tried

0 ok, 0 differ, 3 not here, 1 failed, in 0.0 s
"
        );
    }
}
