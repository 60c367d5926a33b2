//! What a child gets of its parent's mappings.

use folio_model::Sharing;

use super::super::experiment::{Experiment, Finding, Unable};
use super::super::place::Place;
use super::operations::{CHILD, FIRST, NEW, Part, READ_WRITE};
use super::program::{self, LOOK, Trial};

pub(super) const FORK: Experiment = Experiment {
    name: "fork",
    about: "a child shares its parent's shared mappings, and has a copy of the private ones",
    source: "fork(2); mmap(2), MAP_SHARED, MAP_PRIVATE; mm/memory.c: copy_page_range",
    run: fork,
};

fn fork(place: &Place) -> Result<Vec<Finding>, Unable> {
    let promised = "stores of parent and child are seen by both";
    Ok(vec![
        program::line_of_part("shared", promised, shared(place))?,
        private(place)?.part("private"),
    ])
}

fn both_pages(place: &Place, sharing: Sharing) -> Part {
    Part { sharing, protection: READ_WRITE, offset: 0, len: 2 * place.page_size() }
}

fn shared(place: &Place) -> Result<Finding, Unable> {
    let page = place.page_size();
    let mut trial = Trial::writing(place, 2 * page)?;
    trial.set(FIRST.map(0, 0, both_pages(place, Sharing::Shared)));
    trial.set(FIRST.fork(CHILD));
    trial.set(CHILD.store(0, 0, 1, NEW));
    trial.watch("in the parent, the child's page", FIRST.load(0, 0, 1));
    trial.set(FIRST.store(0, page, 1, NEW));
    trial.watch("in the child, the parent's page", CHILD.load(0, page, 1));
    trial.finding("parent and child do not share a shared mapping: no IPC by inheritance")
}

fn private(place: &Place) -> Result<Finding, Unable> {
    let page = place.page_size();
    let mut trial = Trial::reading(place)?;
    trial.set(FIRST.map(0, 0, both_pages(place, Sharing::Private)));
    trial.set(FIRST.store(0, 0, LOOK, NEW));
    trial.set(FIRST.fork(CHILD));
    trial.set(CHILD.store(0, page, LOOK, NEW));
    trial.watch("in the child, the page stored to before", CHILD.load(0, 0, LOOK));
    trial.watch("in the parent, the child's page", FIRST.load(0, page, LOOK));
    trial
        .finding("private changes leak between parent and child: do not fork while a Private lives")
}
