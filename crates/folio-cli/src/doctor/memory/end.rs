//! The end of the file: zeros to the end of its last page, SIGBUS beyond, and what happens when it moves.

use folio_model::{Outcome, Sharing};

use super::super::experiment::{Experiment, Finding, Unable};
use super::super::place::Place;
use super::operations::{FIRST, NEW, Part, READ, READ_WRITE};
use super::program::{self, LOOK, Trial};
use super::words;

pub(super) const ZERO_FILL: Experiment = Experiment {
    name: "zero-fill",
    about: "from the end of the file to the end of its last page: zeros that never reach the file",
    source: "mmap(2), \"mapped in multiples of the page size\"; mm/truncate.c: pagecache_isize_extended",
    run: zero_fill,
};

pub(super) const SIGBUS: Experiment = Experiment {
    name: "sigbus",
    about: "where SIGBUS begins: the first page that lies wholly past the end of the file",
    source: "mmap(2), SIGBUS; mm/filemap.c: filemap_fault",
    run: sigbus,
};

pub(super) const TRUNCATE_SHARED: Experiment = Experiment {
    name: "truncate-shared",
    about: "a truncation takes pages away from a shared mapping at once",
    source: "mmap(2), SIGBUS; mm/truncate.c: truncate_pagecache",
    run: |place| truncate(place, Sharing::Shared),
};

pub(super) const TRUNCATE_PRIVATE: Experiment = Experiment {
    name: "truncate-private",
    about: "a truncation takes pages of a private mapping too, those that were copied included",
    source: "mm/truncate.c: truncate_pagecache; mm/memory.c: unmap_mapping_range (even_cows)",
    run: |place| truncate(place, Sharing::Private),
};

pub(super) const REGROW: Experiment = Experiment {
    name: "regrow",
    about: "when the file grows again, mappings show zeros where it was cut",
    source: "truncate(2); mm/truncate.c: truncate_pagecache",
    run: regrow,
};

const LOST: &str =
    "a truncation by somebody else does other than expected: map only files that nobody truncates";

/// Five thousand bytes with 4 KiB pages: the last page is partly filled.
fn short_of_two_pages(page: u64) -> u64 {
    page + 904
}

/// Where the last page begins, and how far in it the last bytes are that may be looked at.
fn near_the_end(trial: &Trial, page: u64) -> (u64, u64) {
    let base = (trial.len() - 1) / page * page;
    (base, (trial.len() - base).saturating_sub(LOOK))
}

fn zero_fill(place: &Place) -> Result<Vec<Finding>, Unable> {
    let promised = "such a store does not change the file";
    Ok(vec![
        last_page(place)?.part("load"),
        program::line_of_part("store-past-end", promised, store_past_end(place))?,
    ])
}

fn last_page(place: &Place) -> Result<Finding, Unable> {
    let page = place.page_size();
    let mut trial = Trial::reading(place)?;
    let (base, near) = near_the_end(&trial, page);
    let part = Part { sharing: Sharing::Private, protection: READ, offset: base, len: page };
    trial.set(FIRST.map(0, 0, part));
    trial.watch("last page", FIRST.load(0, near, page - near));
    trial.finding("bytes after the end of the file are not zero: they leak what was there before")
}

fn store_past_end(place: &Place) -> Result<Finding, Unable> {
    let page = place.page_size();
    let len = short_of_two_pages(page);
    let mut trial = Trial::writing(place, len)?;
    let part = Part { sharing: Sharing::Shared, protection: READ_WRITE, offset: 0, len: 2 * page };
    trial.set(FIRST.map(0, 0, part));
    trial.set(FIRST.store(0, len + 6, 1, NEW));
    trial.watch("length", FIRST.length(0));
    trial.watch("read(2)", FIRST.read(0, len + 6, 1));
    trial.set(FIRST.truncate(0, 2 * page));
    let grown = trial.watch("once grown it", FIRST.read(0, len + 6, 1));
    let finding = trial
        .finding("a store past the end changes the file: check the length before each store")?;
    if grown == Some(Outcome::Bytes(vec![NEW])) {
        let means = "a store past the end stays in memory here and comes up when the file grows: never store there";
        return Ok(Finding { means: Some(means.to_owned()), ..finding });
    }
    Ok(finding)
}

fn sigbus(place: &Place) -> Result<Vec<Finding>, Unable> {
    let page = place.page_size();
    let mut findings = Vec::new();
    for sharing in [Sharing::Shared, Sharing::Private] {
        let mut trial = Trial::reading(place)?;
        let (base, near) = near_the_end(&trial, page);
        let part = Part { sharing, protection: READ, offset: base, len: 2 * page };
        trial.set(FIRST.map(0, 0, part));
        trial.watch("mapping", FIRST.load(0, near, 2 * page - near));
        let finding = trial.finding("a touch past the end of the file is not what it is elsewhere: compare with the length first")?;
        findings.push(finding.part(words::sharing(sharing)));
    }
    Ok(findings)
}

/// Four pages, of which the second and the third were stored to; cut in the middle of the second.
fn cut(trial: &mut Trial, page: u64, sharing: Sharing) {
    let part = Part { sharing, protection: READ_WRITE, offset: 0, len: 4 * page };
    trial.set(FIRST.map(0, 0, part));
    trial.set(FIRST.load(0, 0, 4 * page));
    trial.set(FIRST.store(0, page, 2 * page, NEW));
    trial.set(FIRST.truncate(0, short_of_two_pages(page)));
}

fn truncate(place: &Place, sharing: Sharing) -> Result<Vec<Finding>, Unable> {
    let page = place.page_size();
    let mut trial = Trial::writing(place, 4 * page)?;
    cut(&mut trial, page, sharing);
    trial.watch("the part before the cut", FIRST.load(0, page, 904));
    trial.watch("rest of the page", FIRST.load(0, page + 904, page - 904));
    let beyond = match sharing {
        Sharing::Shared => "beyond",
        Sharing::Private => "copied page beyond",
    };
    trial.watch(beyond, FIRST.load(0, 2 * page, page));
    Ok(vec![trial.finding(LOST)?])
}

fn regrow(place: &Place) -> Result<Vec<Finding>, Unable> {
    let page = place.page_size();
    let mut findings = Vec::new();
    for sharing in [Sharing::Shared, Sharing::Private] {
        let mut trial = Trial::writing(place, 4 * page)?;
        cut(&mut trial, page, sharing);
        trial.set(FIRST.truncate(0, 4 * page));
        trial.watch("rest of the page", FIRST.load(0, page + 904, page - 904));
        trial.watch("beyond", FIRST.load(0, 2 * page, 2 * page));
        findings.push(trial.finding(LOST)?.part(words::sharing(sharing)));
    }

    let mut tail = Trial::writing(place, short_of_two_pages(page))?;
    let part = Part { sharing: Sharing::Shared, protection: READ, offset: 0, len: 4 * page };
    tail.set(FIRST.map(0, 0, part));
    tail.set(FIRST.truncate(0, 3 * page));
    tail.set(FIRST.write(0, 3 * page, 1, NEW));
    tail.watch("third page", FIRST.load(0, 2 * page, page));
    tail.watch("fourth", FIRST.load(0, 3 * page, 1));
    findings.push(
        tail.finding(
            "a mapping made before the file grew does not show what was added: map again",
        )?
        .part("tail"),
    );
    Ok(findings)
}
