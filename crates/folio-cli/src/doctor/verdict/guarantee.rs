//! `Frozen` and `Private`: under which guarantee the bytes of a file here stay as they are.

use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use folio::{Guarantee, MapOptions};

use super::{Question, Ruling, is_own, refused};
use crate::doctor::experiment::Unable;
use crate::doctor::place::Place;
use crate::failure::reason;

pub(super) const FROZEN: Question = Question {
    name: "frozen",
    label: "Frozen",
    about: "a file as a slice that stays as it is while somebody truncates it",
    source: "folio::Frozen; soundness.md, G1 to G5",
    rests_on: &["lease", "reflink"],
    answer: frozen,
};

pub(super) const PRIVATE: Question = Question {
    name: "private",
    label: "Private",
    about: "changes in memory, then all of them in the file or none",
    source: "folio::Private; soundness.md, G1 to G6",
    rests_on: &["lease", "reflink", "private-write", "truncate-private", "replace"],
    answer: private,
};

/// No more of a file is mapped: one that was found may be of any length, and may have to be copied.
const MAPPED: u64 = 1 << 20;

fn beginning_of(file: &File) -> Result<MapOptions, Unable> {
    let len = file.metadata().map_err(|error| Unable::failed("ask for the length", error))?.len();
    Ok(MapOptions::new().len(len.min(MAPPED)))
}

fn frozen(place: &Place) -> Result<Ruling, Unable> {
    let (path, file) = place.readable_at_least()?;
    let start = Instant::now();
    let frozen = match beginning_of(&file)?.open_frozen(&path) {
        Ok(frozen) => frozen,
        Err(error) => return Ok(refused("none of the guarantees can be had", &error)),
    };
    let took = start.elapsed().as_secs_f64() * 1e6;
    let used = frozen.guarantee();
    let before = frozen.to_vec();
    if is_own(place, &path) {
        fs::write(&path, b"").map_err(|error| Unable::failed("truncate the file", error))?;
    }
    if frozen[..] != before[..] || frozen.check().is_err() {
        return Ok(Ruling::broken(format!("its bytes changed, although under a {used}")));
    }
    let again = if is_own(place, &path) {
        place.file("again", before.len() as u64)?;
        place.path("again")?
    } else {
        path.clone()
    };
    let mut ruling = chosen(used, &again).measured("open_us", took);
    if !is_own(place, &path) {
        ruling.why.push("nobody could be made to write here, so only opening was tried".into());
    }
    Ok(ruling)
}

fn private(place: &Place) -> Result<Ruling, Unable> {
    let (path, file) = place.readable_at_least()?;
    let mut draft = match beginning_of(&file)?.open_private(&path) {
        Ok(draft) => draft,
        Err(error) => return Ok(refused("none of the guarantees can be had", &error)),
    };
    let mut ruling = chosen(draft.guarantee(), &path);
    let Some(first) = draft.first_mut() else {
        return Ok(Ruling::broken("a file with bytes is mapped without any"));
    };
    *first = !*first;
    if !is_own(place, &path) {
        ruling.limit("changes cannot be committed: nothing can be written here");
        return Ok(ruling);
    }
    let before = fs::read(&path).map_err(|error| Unable::failed("read the file", error))?;
    if before[..1] == draft[..1] {
        return Ok(Ruling::broken("the file changed before anything was committed"));
    }
    let start = Instant::now();
    if let Err(error) = draft.commit() {
        ruling.limit(match draft.commit_in_place() {
            Ok(()) => format!(
                "changes can be committed in place only, where a crash may leave a part of them: {}",
                reason(&error)
            ),
            Err(_) => format!("changes cannot be committed: {}", reason(&error)),
        });
        return Ok(ruling);
    }
    let took = start.elapsed().as_secs_f64() * 1e6;
    let after = fs::read(&path).map_err(|error| Unable::failed("read the file", error))?;
    if after[..] != draft[..] || after[1..] != before[1..] {
        return Ok(Ruling::broken("what was committed is not what is in the file"));
    }
    ruling.why.push("a commit replaces the file as a whole".into());
    Ok(ruling.measured("commit_us", took))
}

/// Why folio uses this guarantee for the file at `path`, which nobody has open for writing.
fn chosen(used: Guarantee, path: &Path) -> Ruling {
    match used {
        Guarantee::Lease => Ruling::yes(
            "lease",
            "the file system is local and nobody has the file open for writing",
        ),
        Guarantee::Snapshot if clones(path) => Ruling::yes(
            "snapshot by reflink",
            format!("no lease: {}", why_not(Guarantee::Lease, path)),
        ),
        Guarantee::Snapshot => {
            let why = format!("no lease: {}", why_not(Guarantee::Lease, path));
            let mut ruling = Ruling::yes("snapshot by copy", why);
            ruling.why.push("no reflink: the kernel copies the file at each open".into());
            ruling
        }
        other => {
            let mut ruling = Ruling::yes(
                other.to_string(),
                format!("no lease: {}", why_not(Guarantee::Lease, path)),
            );
            ruling.why.push(format!("no snapshot: {}", why_not(Guarantee::Snapshot, path)));
            ruling.why.push("each open costs as much memory as the file is long".into());
            ruling
        }
    }
}

/// folio's reason not to use this guarantee for the file.
fn why_not(guarantee: Guarantee, path: &Path) -> String {
    let options = File::open(path).map_err(|error| Unable::failed("open", error));
    let options = match options.and_then(|file| beginning_of(&file)) {
        Ok(options) => options,
        Err(unable) => return unable.to_string(),
    };
    match options.guarantees(guarantee).open_frozen(path) {
        Ok(_) => "it can be had now".to_owned(),
        Err(error) => match error.attempts() {
            [(_, error)] => reason(error),
            _ => reason(&error),
        },
    }
}

/// Whether the file can be cloned to one without a name beside it, as a snapshot is.
fn clones(path: &Path) -> bool {
    use rustix::fs::{Mode, OFlags};
    let Some(folder) = path.parent() else { return false };
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let unnamed = rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR);
    let Ok(file) = File::open(path) else { return false };
    unnamed.is_ok_and(|unnamed| rustix::fs::ioctl_ficlone(unnamed, file).is_ok())
}
