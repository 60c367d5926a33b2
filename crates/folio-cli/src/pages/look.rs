//! Looking at each file: its sum, and its row or a place among those to be shown.

use std::fs::File;
use std::io::Write;
use std::sync::Mutex;

use folio::{ErrorKind, FilePages, Folios};

use super::bar::Bar;
use super::flags::Total;
use super::keep::{Keep, Kept};
use super::report::{Broken, Form, Hold, Lines, Ranges, Row};
use super::select::{Chosen, Name, Visitor};
use super::sorted::Sorted;
use super::survey::{Cached, Survey};
use super::tally::Tally;
use crate::failure::{Complaints, Failure, InputFailure, reason};
use crate::progress::Progress;

/// What becomes of a file that was looked at, beside being counted in the sum.
#[derive(Debug)]
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// It is shown at once.
    Show,
    /// The same, with more than is kept of a file.
    ShowMore(More),
    /// It is kept, and shown in the end if it is among the first.
    Keep(Keep<Bar>),
    /// The same, where it is among all of them or too many to be kept.
    Sort(Sorted),
}

/// What there may be too much of to keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct More {
    pub(super) ranges: Asked,
    pub(super) folios: Asked,
}

/// Whether something was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    No,
    Yes,
}

impl Asked {
    pub(super) fn of(flag: bool) -> Self {
        if flag { Self::Yes } else { Self::No }
    }
}

/// Looks at files, for one thread.
#[derive(Debug)]
pub(super) struct Looker<'a, W> {
    pub(super) form: &'a Form,
    pub(super) then: Then,
    /// The files that are drawn, if any are; they stay open.
    pub(super) drawn: Option<Keep<File>>,
    pub(super) lines: Lines<'a, W>,
    pub(super) tally: Tally,
    pub(super) progress: &'a Progress,
}

impl<'a, W: Write> Looker<'a, W> {
    pub(super) fn new(
        form: &'a Form,
        then: Then,
        drawn: Option<Keep<File>>,
        out: &'a Mutex<W>,
        hold: Hold,
        progress: &'a Progress,
    ) -> Self {
        Self { form, then, drawn, lines: Lines::new(out, hold), tally: Tally::default(), progress }
    }

    /// The columns of a bar, where the form has bars.
    fn bar(&self) -> Option<usize> {
        match self.form {
            Form::Text(layout) => Some(layout.bar),
            Form::Json | Form::Csv(_) => None,
        }
    }

    fn bar_of(&self, chosen: &Chosen<'_>, survey: &Survey) -> Result<Bar, Failure> {
        match self.bar() {
            Some(width) => {
                Bar::of(&chosen.file, survey, width).map_err(|error| unreadable(chosen, &error))
            }
            None => Ok(Bar::None),
        }
    }

    fn show(&mut self, chosen: &Chosen<'_>, survey: &Survey) -> Result<(), Failure> {
        let bar = self.bar_of(chosen, survey)?;
        let row = Row { name: chosen.name, survey, bar: &bar, folios: None };
        self.form.row(row, &mut self.lines.buffer);
        self.progress.aside(|| self.lines.offer()).map_err(Failure::Output)
    }

    fn show_more(
        &mut self,
        more: More,
        chosen: &Chosen<'_>,
        survey: &Survey,
    ) -> Result<(), Failure> {
        let bar = self.bar_of(chosen, survey)?;
        let failed = |error| unreadable(chosen, &error);
        let pages = FilePages::of(&chosen.file).map_err(failed)?;
        let is_known = matches!(survey.cached, Cached::Known(_));
        let folios = match more.folios {
            Asked::Yes if is_known => Some(pages.folios(..survey.len).map_err(failed)?),
            Asked::Yes => Some(Folios::Unknown),
            Asked::No => None,
        };
        let row = Row { name: chosen.name, survey, bar: &bar, folios: folios.as_ref() };
        let runs = match more.ranges {
            Asked::Yes if is_known => Ranges::Known(pages.runs(..survey.len).map_err(failed)?),
            Asked::Yes => Ranges::Unknown,
            Asked::No => Ranges::NotAsked,
        };
        let (form, lines) = (self.form, &mut self.lines);
        self.progress.aside(|| form.ranges(row, runs, lines)).map_err(|broken| match broken {
            Broken::Input(error) => failed(error),
            Broken::Output(error) => Failure::Output(error),
        })
    }
}

impl<W: Write> Visitor for Looker<'_, W> {
    fn visit(&mut self, chosen: Chosen<'_>) -> Result<(), Failure> {
        let survey = Survey::of(&chosen).map_err(|error| unreadable(&chosen, &error))?;
        self.tally.add(&survey);
        self.progress.add(survey.len);
        self.then(&chosen, survey)?;
        if let Some(drawn) = &mut self.drawn
            && drawn.wants(chosen.name, &survey)
        {
            drawn.add(chosen.name, survey, chosen.file);
        }
        Ok(())
    }
}

impl<W: Write> Looker<'_, W> {
    fn then(&mut self, chosen: &Chosen<'_>, survey: Survey) -> Result<(), Failure> {
        match &self.then {
            Then::Nothing => Ok(()),
            Then::Show => self.show(chosen, &survey),
            Then::ShowMore(more) => self.show_more(*more, chosen, &survey),
            Then::Sort(_) => {
                let bar = self.bar_of(chosen, &survey)?;
                let row = Row { name: chosen.name, survey: &survey, bar: &bar, folios: None };
                // Nothing else is collected in there meanwhile.
                let text = &mut self.lines.buffer;
                self.form.row(row, text);
                if let Then::Sort(sorted) = &mut self.then {
                    sorted.add(chosen.name, &survey, text);
                }
                text.clear();
                Ok(())
            }
            Then::Keep(keep) if !keep.wants(chosen.name, &survey) => Ok(()),
            Then::Keep(_) => {
                let bar = self.bar_of(chosen, &survey)?;
                if let Then::Keep(keep) = &mut self.then {
                    keep.add(chosen.name, survey, bar);
                }
                Ok(())
            }
        }
    }
}

fn unreadable(chosen: &Chosen<'_>, error: &folio::Error) -> Failure {
    if error.kind() == ErrorKind::Unsupported {
        return InputFailure::cannot(chosen.name.quoted(), "list its pages", reason(error));
    }
    let len = u64::try_from(chosen.stat.st_size).unwrap_or(0);
    InputFailure::map(chosen.name.quoted(), len, error)
}

/// What `total` means for so many files. That there are none is worth saying, unless what was told says it already.
pub(super) fn is_total_shown(total: Total, files: u64, complaints: &Complaints) -> bool {
    match total {
        Total::Auto => files > 1 || files == 0 && !complaints.any(),
        Total::Always | Total::Only => true,
        Total::Never => false,
    }
}

/// Show what was kept.
pub(super) fn show_kept<W: Write>(
    kept: &[Kept<Bar>],
    form: &Form,
    lines: &mut Lines<'_, W>,
) -> std::io::Result<()> {
    for Kept { name, survey, with: bar, .. } in kept {
        let name = Name { directory: b"", entry: name };
        form.row(Row { name, survey, bar, folios: None }, &mut lines.buffer);
        lines.offer()?;
    }
    Ok(())
}
