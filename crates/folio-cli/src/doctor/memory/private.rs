//! Private mappings: what stays theirs, and what does not.

use folio_model::{Access, Sharing};

use super::super::experiment::{Experiment, Finding, Unable};
use super::super::place::Place;
use super::operations::{FIRST, NEW, OLD, Part, READ, READ_WRITE};
use super::program::{LOOK, Trial};
use super::words;

pub(super) const WRITE: Experiment = Experiment {
    name: "private-write",
    about: "a store to a private mapping never reaches the file",
    source: "mmap(2), MAP_PRIVATE; mm/memory.c: do_cow_fault",
    run: write,
};

pub(super) const FOLLOWS: Experiment = Experiment {
    name: "private-follows",
    about: "pages of a private mapping that were not stored to follow the file",
    source: "mmap(2), MAP_PRIVATE, which leaves it open; mm/memory.c: do_read_fault",
    run: follows,
};

pub(super) const FIRST_TOUCH: Experiment = Experiment {
    name: "first-touch-race",
    about: "what is written after mmap and before the first touch is seen",
    source: "mmap(2), MAP_SHARED, MAP_PRIVATE; mm/filemap.c: filemap_fault",
    run: first_touch,
};

fn write(place: &Place) -> Result<Vec<Finding>, Unable> {
    let page = place.page_size();
    let mut trial = Trial::reading(place)?;
    let whole =
        Part { sharing: Sharing::Private, protection: READ_WRITE, offset: 0, len: 2 * page };
    trial.set(FIRST.map(0, 0, whole));
    trial.set(FIRST.store(0, 0, LOOK, NEW));
    trial.watch("mapping", FIRST.load(0, 0, LOOK));
    trial.watch("file", FIRST.read(0, 0, LOOK));
    trial.set(FIRST.unmap(0, 0, 2 * page));
    trial.watch("file after munmap", FIRST.read(0, 0, LOOK));
    Ok(vec![trial.finding(
        "edits in a private mapping are not kept apart from the file here: no Private, no copy-on-write database",
    )?])
}

fn follows(place: &Place) -> Result<Vec<Finding>, Unable> {
    let page = place.page_size();
    let mut trial = Trial::writing(place, 3 * page)?;
    let whole =
        Part { sharing: Sharing::Private, protection: READ_WRITE, offset: 0, len: 3 * page };
    trial.set(FIRST.map(0, 0, whole));
    trial.set(FIRST.load(0, 0, 1));
    trial.set(FIRST.store(0, page + 1, 1, OLD));
    trial.set(FIRST.write(0, 0, 3 * page, NEW));
    trial.watch("loaded page", FIRST.load(0, 0, 1));
    trial.watch("untouched page", FIRST.load(0, 2 * page, 1));
    trial.watch("stored page", FIRST.load(0, page, 1));
    Ok(vec![trial.finding(
        "a private mapping shows other than this kernel's usual mix of old and new: do not map files that change",
    )?])
}

fn first_touch(place: &Place) -> Result<Vec<Finding>, Unable> {
    [Sharing::Shared, Sharing::Private]
        .map(|sharing| before_first_touch(place, sharing))
        .into_iter()
        .collect()
}

/// Map, let another descriptor write, touch for the first time.
fn before_first_touch(place: &Place, sharing: Sharing) -> Result<Finding, Unable> {
    let page = place.page_size();
    let mut trial = Trial::writing(place, 2 * page)?;
    trial.set(FIRST.map(0, 0, Part { sharing, protection: READ, offset: 0, len: 2 * page }));
    trial.set(FIRST.open(1, Access::Write));
    trial.set(FIRST.write(1, 0, 2 * page, NEW));
    trial.watch("first touch after write(2)", FIRST.load(0, 0, 2 * page));
    let finding = trial.finding(
        "a mapping shows content that was replaced before it was touched: readers see stale bytes",
    )?;
    Ok(finding.part(words::sharing(sharing)))
}
