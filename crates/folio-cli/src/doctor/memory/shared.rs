//! Shared mappings: who sees a store, and when.

use folio_model::{Access, Sharing};

use super::super::experiment::{Experiment, Finding, Unable};
use super::super::place::Place;
use super::operations::{CHILD, FIRST, NEW, Part, READ, READ_WRITE};
use super::program::Trial;

pub(super) const PROCESSES: Experiment = Experiment {
    name: "shared-processes",
    about: "a store by one process is seen by another that maps the file",
    source: "mmap(2), MAP_SHARED",
    run: processes,
};

pub(super) const READ_AND_WRITE: Experiment = Experiment {
    name: "shared-read-write",
    about: "read(2) sees stores, and a mapping sees write(2), at once",
    source: "mmap(2), MAP_SHARED; mm/filemap.c: filemap_read",
    run: read_and_write,
};

/// Each process opens the file for itself, as programs that share nothing but its name do.
fn processes(place: &Place) -> Result<Vec<Finding>, Unable> {
    let page = place.page_size();
    let mut trial = Trial::writing(place, 2 * page)?;
    let map = |protection| Part { sharing: Sharing::Shared, protection, offset: 0, len: 2 * page };
    trial.set(FIRST.fork(CHILD));
    trial.set(FIRST.map(0, 0, map(READ_WRITE)));
    trial.set(CHILD.open(1, Access::Read));
    trial.set(CHILD.map(1, 1, map(READ)));
    trial.set(CHILD.load(1, 0, 1));
    trial.set(FIRST.store(0, 0, 1, NEW));
    trial.watch("the other's mapping", CHILD.load(1, 0, 1));
    trial.watch("its read(2)", CHILD.read(1, 0, 1));
    Ok(vec![trial.finding(
        "processes do not see each other's stores: no channel, cell or shared database here",
    )?])
}

fn read_and_write(place: &Place) -> Result<Vec<Finding>, Unable> {
    let page = place.page_size();
    let mut trial = Trial::writing(place, page)?;
    let part = Part { sharing: Sharing::Shared, protection: READ_WRITE, offset: 0, len: page };
    trial.set(FIRST.map(0, 0, part));
    trial.set(FIRST.open(1, Access::ReadWrite));
    trial.set(FIRST.store(0, 1, 1, NEW));
    trial.watch("read(2) after a store", FIRST.read(1, 1, 1));
    trial.set(FIRST.write(1, 2, 1, NEW));
    trial.watch("a load after write(2)", FIRST.load(0, 2, 1));
    Ok(vec![trial.finding(
        "mapping and read(2)/write(2) disagree: use one of the two for a file, never both",
    )?])
}
