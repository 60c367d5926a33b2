//! `--save`: remembering which ranges are in the page cache.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use folio::{FilePages, PageSize, PageState};
use rustix::fs::{Stat, major, minor};
use serde_json::json;

use super::report::{self, Form};
use super::saved::{SavedFile, Sums, Writer};
use super::{Plan, cannot, sync_first};
use crate::draft::{Draft, Readers};
use crate::failure::{Complaints, Failure, InputFailure, why};
use crate::name::quoted;
use crate::pages::select::{Chosen, leads_to};
use crate::units::human;

/// The longest path that can be opened again, in bytes, with the zero at its end; `PATH_MAX`.
const PATH_MAX: usize = 4096;

/// Write what is cached of the chosen files to `target`.
pub(super) fn run(
    plan: &Plan<'_>,
    target: &Path,
    out: &mut (impl Write + Send),
    complaints: &mut Complaints,
) -> io::Result<()> {
    if target == Path::new("-") {
        let mut out = io::BufWriter::new(out);
        let sums = write(plan, &mut out, complaints)?;
        debug_assert!(sums.bytes >= sums.ranges);
        return out.flush();
    }
    let told = |error: &io::Error| format!("{}: cannot write: {}", quoted(target), why(error));
    // It tells what somebody uses.
    let mut draft = match Draft::new(target, Readers::Owner) {
        Ok(draft) => draft,
        Err(error) => {
            complaints.tell(&told(&error));
            return Ok(());
        }
    };
    // The errors here are those of the draft, because nothing else is written meanwhile.
    let placed = write(plan, &mut draft, complaints).and_then(|sums| draft.place().map(|()| sums));
    let sums = match placed {
        Ok(sums) => sums,
        Err(error) => {
            complaints.tell(&told(&error));
            return Ok(());
        }
    };
    let text = match plan.form {
        Form::Json => json!({
            "total": true, "files": sums.files, "ranges": sums.ranges, "cached": sums.bytes,
        })
        .to_string(),
        Form::Text => in_words(sums, target),
    };
    plan.progress.aside(|| report::line(out, &text))
}

fn in_words(sums: Sums, target: &Path) -> String {
    let Sums { files, ranges, bytes } = sums;
    let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    let ranges = if ranges == 1 { "1 range".to_owned() } else { format!("{ranges} ranges") };
    format!("saved {ranges} of {files}, {} cached, to {}", human(bytes), quoted(target))
}

fn write(
    plan: &Plan<'_>,
    out: &mut (impl Write + Send),
    complaints: &mut Complaints,
) -> io::Result<Sums> {
    let mut writer = Writer::new(out, PageSize::base().bytes() as u64)?;
    let visitor = |chosen: Chosen<'_>| one(plan, &chosen, &mut writer);
    plan.selection.visit(vec![visitor], complaints, plan.progress)?;
    writer.end().map(|(_, sums)| sums)
}

fn one(
    plan: &Plan<'_>,
    chosen: &Chosen<'_>,
    writer: &mut Writer<impl Write>,
) -> Result<(), Failure> {
    let failed = |error| cannot("tell what is cached", chosen, &error);
    let pages = FilePages::of(&chosen.file).map_err(failed)?;
    sync_first(plan.sync, chosen, &pages)?;
    if let Some(why) = pages.why_unknown() {
        return Err(InputFailure::cannot(
            chosen.name.quoted(),
            "tell what is cached",
            why.to_string(),
        ));
    }
    let mut begun = false;
    for run in pages.runs(..).map_err(failed)? {
        let run = run.map_err(failed)?;
        if run.state != PageState::Resident {
            continue;
        }
        if !begun {
            let path = absolute(chosen)?;
            writer.file(&saved(path, &chosen.stat, pages.len())).map_err(Failure::Output)?;
            begun = true;
        }
        plan.progress.add(run.range.end - run.range.start);
        writer.range(&run.range).map_err(Failure::Output)?;
    }
    Ok(())
}

/// A path that leads to the file from everywhere.
fn absolute(chosen: &Chosen<'_>) -> Result<PathBuf, Failure> {
    let refused = |why| InputFailure::refused(chosen.name.quoted(), why);
    let path = std::path::absolute(chosen.name.to_path())
        .map_err(|error| InputFailure::os(chosen.name.quoted(), "tell the path of", &error))?;
    if path.as_os_str().len() >= PATH_MAX {
        return Err(refused("is not saved: its path is too long to be opened again"));
    }
    if !leads_to(&path, &chosen.stat) {
        return Err(refused("is not saved: it has no name here by which it could be opened again"));
    }
    Ok(path)
}

/// What the file is known by afterwards.
pub(super) fn saved(path: PathBuf, stat: &Stat, len: u64) -> SavedFile {
    SavedFile {
        path,
        dev: (major(stat.st_dev), minor(stat.st_dev)),
        ino: stat.st_ino,
        len,
        modified: (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0)),
    }
}
