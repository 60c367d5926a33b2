//! Advisory locks on byte ranges.

use std::fs::File;

use folio::{ErrorKind, LockMode, RangeLock};
use rustix::fs::FlockOperation;

use super::errno;
use crate::doctor::experiment::{Experiment, Finding, Unable};
use crate::doctor::place::Place;

pub(super) const LOCKS: Experiment = Experiment {
    name: "locks",
    about: "lock byte ranges against other processes and other descriptors",
    source: "F_OFD_SETLK(2const), fcntl_locking(2)",
    run: locks,
};

fn locks(place: &Place) -> Result<Vec<Finding>, Unable> {
    let file = place.file("locked", 2 * place.page_size())?;
    let held = match RangeLock::try_acquire(&file, 0..100, LockMode::Exclusive) {
        Ok(held) => held,
        Err(error) => {
            return Ok(vec![Finding::not_here(
                "a range lock keeps others from locking the same bytes",
                format!("F_OFD_SETLK gives {}", errno::of_folio(&error)),
                "nothing keeps two writers apart: agree on one writer by other means",
            )]);
        }
    };
    let path = place.path("locked")?;
    let reopened = || File::options().read(true).write(true).open(&path);
    let other = reopened().map_err(|error| Unable::failed("open the file again", error))?;
    let between = between_descriptions(&other)?;
    drop(reopened().map_err(|error| Unable::failed("open the file again", error))?);
    let kept = kept_at_close(&other)?;
    drop(held);
    let released = released(&other)?;
    Ok(vec![between, kept, released, lost_at_close(&file, &other, reopened)?])
}

/// Whether somebody else can lock the same bytes, and other bytes.
fn between_descriptions(other: &File) -> Result<Finding, Unable> {
    const PROMISED: &str = "a locked range is refused to others, other ranges are not";
    let same = acquired(other, 50)?;
    let beside = acquired(other, 100)?;
    let finding = match (same, beside) {
        (false, true) => Finding::ok(PROMISED, "the same bytes are busy, the next are free"),
        (true, _) => Finding::differs(
            PROMISED,
            "two lock the same bytes",
            "locks keep nobody apart here: two writers can corrupt a database or a log",
        ),
        (false, false) => Finding::differs(
            PROMISED,
            "the next bytes are busy too",
            "a lock holds up more than its range: writers of different parts wait for each other",
        ),
    };
    Ok(finding.part("range"))
}

fn kept_at_close(other: &File) -> Result<Finding, Unable> {
    const PROMISED: &str = "an OFD lock stays when another descriptor is closed";
    let finding = if acquired(other, 50)? {
        Finding::differs(
            PROMISED,
            "gone after a close",
            "any code in the process that opens and closes the file loses its locks",
        )
    } else {
        Finding::ok(PROMISED, "still held after a close")
    };
    Ok(finding.part("kept-at-close"))
}

fn released(other: &File) -> Result<Finding, Unable> {
    const PROMISED: &str = "a lock ends with its descriptor";
    let finding = if acquired(other, 50)? {
        Finding::ok(PROMISED, "the next one gets it")
    } else {
        Finding::differs(
            PROMISED,
            "still busy after the close",
            "a lock can outlive its holder: a crashed writer may block the next one",
        )
    };
    Ok(finding.part("released"))
}

/// What happens to the record lock that belongs to the process, which folio does not use.
fn lost_at_close(
    file: &File,
    other: &File,
    reopened: impl Fn() -> std::io::Result<File>,
) -> Result<Finding, Unable> {
    const PROMISED: &str = "an old record lock (F_SETLK) goes at any close of the file";
    rustix::fs::fcntl_lock(file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|why| Unable::failed("take a record lock", why))?;
    let held = !acquired(other, 50)?;
    drop(reopened().map_err(|error| Unable::failed("open the file again", error))?);
    let lost = acquired(other, 50)?;
    let finding = match (held, lost) {
        (true, true) => Finding::ok(PROMISED, "held, and gone after a close"),
        (true, false) => Finding::differs(
            PROMISED,
            "held after a close",
            "better than promised, and no program should rely on it",
        ),
        (false, _) => Finding::differs(
            PROMISED,
            "never seen by an OFD lock",
            "programs with the two kinds of lock do not keep each other out",
        ),
    };
    Ok(finding.part("record-lock"))
}

/// Whether byte `at` can be locked through `file`; the lock is given up at once.
fn acquired(file: &File, at: u64) -> Result<bool, Unable> {
    match RangeLock::try_acquire(file, at..at + 1, LockMode::Exclusive) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::Busy => Ok(false),
        Err(error) => {
            Err(Unable::Failed { what: "lock a byte".into(), why: errno::of_folio(&error) })
        }
    }
}
