//! Advice that is no mere advice: it changes what a mapping shows.

use folio_model::{Advice, Sharing};

use super::super::experiment::{Experiment, Finding, Unable};
use super::super::place::Place;
use super::operations::{FIRST, NEW, Part, READ_WRITE};
use super::program::{self, LOOK, Trial};

pub(super) const DONTNEED: Experiment = Experiment {
    name: "dontneed",
    about: "MADV_DONTNEED throws away what was stored to a private mapping, and nothing of a shared one",
    source: "madvise(2), MADV_DONTNEED",
    run: dontneed,
};

pub(super) const REMOVE: Experiment = Experiment {
    name: "remove",
    about: "MADV_REMOVE punches a hole into the file under a shared mapping",
    source: "madvise(2), MADV_REMOVE; mm/madvise.c: madvise_remove",
    run: remove,
};

fn dontneed(place: &Place) -> Result<Vec<Finding>, Unable> {
    let promised = "the advised page keeps what was stored";
    let shared = program::line_of_part("shared", promised, dontneed_shared(place))?;
    Ok(vec![dontneed_private(place)?.part("private"), shared])
}

fn dontneed_private(place: &Place) -> Result<Finding, Unable> {
    let page = place.page_size();
    let mut trial = Trial::reading(place)?;
    let part = Part { sharing: Sharing::Private, protection: READ_WRITE, offset: 0, len: 2 * page };
    trial.set(FIRST.map(0, 0, part));
    trial.set(FIRST.store(0, 0, 2 * page, NEW));
    trial.set(FIRST.advise(0, Advice::DontNeed, 0, page));
    trial.watch("advised page", FIRST.load(0, 0, LOOK));
    trial.watch("next page", FIRST.load(0, page, LOOK));
    trial.finding("giving pages back does not undo private changes: do not revert by advice here")
}

fn dontneed_shared(place: &Place) -> Result<Finding, Unable> {
    let page = place.page_size();
    let mut trial = Trial::writing(place, 2 * page)?;
    let part = Part { sharing: Sharing::Shared, protection: READ_WRITE, offset: 0, len: 2 * page };
    trial.set(FIRST.map(0, 0, part));
    trial.set(FIRST.store(0, 0, page, NEW));
    trial.set(FIRST.advise(0, Advice::DontNeed, 0, page));
    trial.watch("advised page", FIRST.load(0, 0, page));
    trial.watch("file", FIRST.read(0, 0, page));
    trial.finding("giving pages back loses stores to a shared mapping: flush before such advice")
}

fn remove(place: &Place) -> Result<Vec<Finding>, Unable> {
    let page = place.page_size();
    let mut trial = Trial::writing(place, 3 * page)?;
    let part = Part { sharing: Sharing::Shared, protection: READ_WRITE, offset: 0, len: 3 * page };
    trial.set(FIRST.map(0, 0, part));
    trial.set(FIRST.store(0, 0, 3 * page, NEW));
    trial.set(FIRST.advise(0, Advice::Remove, page, page));
    trial.watch("advised page", FIRST.load(0, page, page));
    trial.watch("file there", FIRST.read(0, page, page));
    trial.watch("next page", FIRST.load(0, 2 * page, page));
    Ok(vec![trial.finding(
        "holes cannot be punched through a mapping: a log or database gives space back by other means, or not at all",
    )?])
}
