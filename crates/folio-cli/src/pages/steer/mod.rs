//! `folio pages --warm`, `--evict`, `--sync`, `--lock`, `--save` and `--restore`: changing what is in the page cache, or
//! remembering it.
//!
//! Each says what really came of it, and the exit code is 1 if that is not what was asked for. [`warm`] and [`restore`] read in
//! through [`memory`], which stops them before they undo their own work; [`evict`] asks [`because`] why pages stayed, which asks
//! [`mappers`] who has them mapped. What is remembered is in a file of [`saved`]'s format, which is put in its place at once.

pub(super) mod because;
mod evict;
pub(crate) mod flags;
mod lock;
pub(super) mod mappers;
pub(super) mod memory;
mod report;
mod restore;
mod save;
mod saved;
#[cfg(test)]
mod saved_fuzzed;
mod warm;

use std::io;

use crate::failure::{Complaints, Failure, InputFailure};
use crate::progress::{Progress, Show};
use crate::stdout::Stdout;

use super::flags::PagesFlags;
use super::select::{Chosen, Selection};
use flags::{Action, Sync};
use report::{Form, Lines};

/// What every action works with.
struct Plan<'a> {
    selection: Selection,
    sync: Sync,
    form: Form,
    lines: Lines,
    progress: &'a Progress,
}

/// Do it.
pub(crate) fn run(
    action: Action<'_>,
    flags: &PagesFlags,
    complaints: &mut Complaints,
) -> io::Result<()> {
    let selection = Selection::new(&flags.select);
    let lines = if selection.is_of_files_alone() { Lines::Each } else { Lines::Unusual };
    let mut out = Stdout::new()?;
    let progress = Progress::new(Show::between_rows(out.sink()));
    let plan = Plan {
        selection,
        sync: flags.steer.sync(),
        form: if flags.show.json { Form::Json } else { Form::Text },
        lines,
        progress: &progress,
    };
    match action {
        Action::Warm => warm::run(&plan, &flags.select.paths, &mut out, complaints),
        Action::Evict => evict::run(&plan, &mut out, complaints),
        Action::Sync => evict::sync(&plan, &mut out, complaints),
        Action::Lock(when) => {
            let held = lock::run(&plan, when, &mut out, complaints)?;
            // The line on the terminal goes before the long wait.
            drop(progress);
            held.map_or(Ok(()), lock::Held::wait)
        }
        Action::Save(file) => save::run(&plan, file, &mut out, complaints),
        Action::Restore(file, changed) => restore::run(&plan, file, changed, &mut out, complaints),
    }
}

/// The failure to do `what` to a chosen file.
fn cannot(what: &'static str, chosen: &Chosen<'_>, error: &folio::Error) -> Failure {
    InputFailure::cannot(chosen.name.quoted(), what, crate::failure::reason(error))
}

/// Write the file's dirty pages if that is to be done first.
fn sync_first(
    sync: Sync,
    chosen: &Chosen<'_>,
    pages: &folio::FilePages<'_>,
) -> Result<(), Failure> {
    match sync {
        Sync::First => pages.sync().map_err(|error| cannot("sync", chosen, &error)),
        Sync::No => Ok(()),
    }
}
