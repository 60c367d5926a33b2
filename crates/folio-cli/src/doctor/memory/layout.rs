//! Where a mapping may begin, what is left when a part is unmapped, and how it grows.

use folio::MapOptions;
use folio_model::{Access, Errno, Sharing};

use super::super::experiment::{Experiment, Finding, Unable};
use super::super::place::Place;
use super::operations::{FIRST, NEW, Part, READ};
use super::program::{LOOK, NOT_MAPPED, Trial};

pub(super) const ALIGNMENT: Experiment = Experiment {
    name: "alignment",
    about: "an offset must be a page's; through folio any byte can be the first",
    source: "mmap(2), EINVAL; arch/x86/kernel/sys_x86_64.c: mmap",
    run: alignment,
};

pub(super) const UNMAP_SPLIT: Experiment = Experiment {
    name: "unmap-split",
    about: "unmapping the middle of a mapping leaves both sides as they were",
    source: "munmap(2); mm/vma.c: vms_gather_munmap_vmas",
    run: unmap_split,
};

pub(super) const REMAP: Experiment = Experiment {
    name: "remap",
    about: "a mapping grows by mremap, past the end of the file too, and follows the file from then on",
    source: "mremap(2); mm/mremap.c: do_mremap",
    run: remap,
};

fn alignment(place: &Place) -> Result<Vec<Finding>, Unable> {
    let page = place.page_size();
    let odd = page + 904;
    let mut trial = Trial::reading(place)?;
    let at = |offset| Part { sharing: Sharing::Private, protection: READ, offset, len: page };
    trial.watch(format!("offset {odd}"), FIRST.map(0, 0, at(odd)));
    trial.watch(format!("offset {page}"), FIRST.map(1, 0, at(page)));
    let raw = trial.finding(
        "mappings begin elsewhere than at a page: nothing that maps files can be trusted here",
    )?;
    Ok(vec![raw.part("mmap"), through_folio(place, odd)?.part("folio")])
}

/// What folio shows of the bytes from `offset` on, against read(2).
fn through_folio(place: &Place, offset: u64) -> Result<Finding, Unable> {
    let (path, file) = place.readable()?;
    let mut read = [0; 16];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut read, offset)
        .map_err(|error| Unable::failed("read a file", error))?;
    let mut shown = [0; 16];
    let mapped = MapOptions::new()
        .offset(offset)
        .len(read.len() as u64)
        .open_shared(&path)
        .and_then(|shared| shared.read_at(0, &mut shown));
    let promised = format!("byte {offset} of the file is the mapping's first");
    Ok(match mapped {
        Ok(()) if shown == read => Finding::ok(promised, "the same bytes as read(2) there"),
        Ok(()) => Finding::differs(
            promised,
            "other bytes than read(2) there",
            "mapping and read(2) disagree: nothing that maps files can be trusted here",
        ),
        Err(error) => match error.raw_os_error() {
            Some(number) if [Errno::ENODEV, Errno::EIO].contains(&Errno(number)) => {
                let seen = format!("mmap(2) answers {}", Errno(number));
                Finding::not_here(promised, seen, NOT_MAPPED)
            }
            _ => Finding::differs(promised, error.to_string(), "folio cannot map files here"),
        },
    })
}

fn unmap_split(place: &Place) -> Result<Vec<Finding>, Unable> {
    let page = place.page_size();
    let mut trial = Trial::reading(place)?;
    let part = Part { sharing: Sharing::Private, protection: READ, offset: 0, len: 3 * page };
    trial.set(FIRST.map(0, 0, part));
    trial.set(FIRST.unmap(0, page, page));
    trial.watch("page before it", FIRST.load(0, 0, LOOK));
    trial.watch("unmapped page", FIRST.load(0, page, LOOK));
    trial.watch("page behind it", FIRST.load(0, 2 * page, LOOK));
    Ok(vec![trial.finding(
        "unmapping a part takes more or less than that part: unmap whole mappings only",
    )?])
}

fn remap(place: &Place) -> Result<Vec<Finding>, Unable> {
    let page = place.page_size();
    let mut trial = Trial::writing(place, 2 * page)?;
    let part = Part { sharing: Sharing::Shared, protection: READ, offset: 0, len: page };
    trial.set(FIRST.map(0, 0, part));
    trial.set(FIRST.remap(0, 3 * page));
    trial.watch("page of the file", FIRST.load(0, 0, 2 * page));
    trial.watch("page past its end", FIRST.load(0, 2 * page, page));
    trial.set(FIRST.open(1, Access::Write));
    trial.set(FIRST.write(1, 2 * page, page, NEW));
    trial.watch("once grown it", FIRST.load(0, 2 * page, page));
    Ok(vec![trial.finding(
        "a mapping cannot grow with its file: map again, and let go of the old addresses",
    )?])
}
