//! `folio pages`: what of files is in the page cache.
//!
//! [`select`] finds the files, in [`tree`]s and of a [`process`] too, and [`survey`] asks the kernel about each.

pub(crate) mod flags;
mod process;
pub(crate) mod select;
pub(crate) mod survey;
mod tree;
mod watch;

use std::io::{self, Write as _};

use crate::failure::{Complaints, Failure, InputFailure};
use crate::flags::Colour;
use crate::progress::{Progress, Show};
use crate::stdout::Stdout;
use crate::units::human;

use flags::PagesFlags;
use select::{Chosen, Selection};
use survey::Survey;

/// Look and print.
pub(crate) fn run(
    flags: &PagesFlags,
    colour: Colour,
    complaints: &mut Complaints,
) -> io::Result<()> {
    let selection = Selection::new(&flags.select);
    let mut out = Stdout::new()?;
    if let Some(interval) = flags.show.watch {
        return if flags.show.json {
            watch::stream(&selection, interval, &mut out)
        } else {
            watch::run(selection, interval, colour)
        };
    }
    let progress = Progress::new(Show::between_rows(out.sink()));
    let mut rows = Vec::new();
    let visitor = |chosen: Chosen<'_>| {
        let survey = Survey::of(&chosen).map_err(|error| {
            InputFailure::map(chosen.name.quoted(), chosen.stat.st_size.unsigned_abs(), &error)
        })?;
        let page = folio::PageSize::base().bytes() as u64;
        writeln!(
            rows,
            "{:>10} of {:>10}  {}",
            human(survey.cached_pages() * page),
            human(survey.len),
            chosen.name.quoted()
        )
        .map_err(Failure::Output)
    };
    selection.visit(vec![visitor], complaints, &progress)?;
    out.write_all(&rows)
}
