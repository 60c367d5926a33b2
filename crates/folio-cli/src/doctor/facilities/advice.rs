//! What newer advice and mseal do: populating, guard pages, mappings that stay.

use std::io;

use folio::raw::{self, Advice, MapFlags, Mapping, Protection, Sharing, Signal, Touch};
use rustix::io::Errno;

use super::durability::map_shared;
use super::errno;
use super::figures::counted;
use super::parts::part;
use crate::doctor::experiment::{Experiment, Finding, Unable};
use crate::doctor::place::Place;

pub(super) const POPULATE: Experiment = Experiment {
    name: "populate",
    about: "fault pages in beforehand, with an error instead of a signal",
    source: "madvise(2), MADV_POPULATE_READ, MADV_POPULATE_WRITE",
    run: populate,
};

pub(super) const GUARD_PAGES: Experiment = Experiment {
    name: "guard-pages",
    about: "make pages fault without a mapping of their own",
    source: "madvise(2), MADV_GUARD_INSTALL",
    run: guard_pages,
};

pub(super) const MSEAL: Experiment = Experiment {
    name: "mseal",
    about: "make a mapping that nobody can unmap or change the protection of",
    source: "mseal(2); userspace-api/mseal.rst",
    run: mseal,
};

const PAGES: u64 = 8;

fn page_len() -> usize {
    rustix::param::page_size()
}

fn populate(place: &Place) -> Result<Vec<Finding>, Unable> {
    let len = PAGES * place.page_size();
    let file = place.file("populated", len)?;
    // So that there are pages past the end of the file: 8 of it, and 8 after it.
    let read = map_shared(&file, 2 * len)?;
    let write = map_shared(&file, 2 * len)?;
    let there = usize::try_from(len).unwrap_or(usize::MAX);
    Ok(vec![
        populated("MADV_POPULATE_READ maps every page", &read, there, Advice::PopulateRead)?
            .part("read"),
        populated(
            "MADV_POPULATE_WRITE maps every page for stores",
            &write,
            there,
            Advice::PopulateWrite,
        )?
        .part("write"),
        past_end(&read, there).part("past-end"),
    ])
}

fn populated(
    promised: &str,
    mapping: &Mapping,
    len: usize,
    advice: Advice,
) -> Result<Finding, Unable> {
    if let Err(error) = mapping.advise(0..len, advice) {
        return Ok(not_populated(promised, &error));
    }
    let entries = mapping.pagemap(0..len).map_err(|error| Unable::failed("read pagemap", error))?;
    let present = entries.iter().filter(|entry| entry.is_present()).count() as u64;
    let before = raw::faults().map_err(|error| Unable::failed("count faults", error))?;
    for at in (0..len).step_by(page_len()) {
        match advice {
            Advice::PopulateWrite => mapping.store(at, 1),
            _ => drop(mapping.load(at)),
        }
    }
    let after = raw::faults().map_err(|error| Unable::failed("count faults", error))?;
    let faults = (after.minor - before.minor) + (after.major - before.major);
    let seen =
        format!("{present} of {PAGES} are mapped, {} while touching", counted(faults, "fault"));
    // A page may be write-protected again meanwhile, when it is written out.
    Ok(if present == PAGES && faults < PAGES {
        Finding::ok(promised, seen)
    } else {
        Finding::differs(promised, seen, "a first touch costs a fault all the same")
    })
}

fn not_populated(promised: &str, error: &io::Error) -> Finding {
    Finding::not_here(
        promised,
        format!("madvise gives {}; it came with Linux 5.14", errno::name(error)),
        "faults cannot be had beforehand but by touching, and an error there is SIGBUS",
    )
}

fn past_end(mapping: &Mapping, end: usize) -> Finding {
    const PROMISED: &str = "where a touch would be SIGBUS it gives EFAULT";
    match mapping.advise(end..end + page_len(), Advice::PopulateRead) {
        Err(error) if errno::is(&error, Errno::FAULT) => {
            Finding::ok(PROMISED, "EFAULT past the end of the file")
        }
        Err(error) => not_populated(PROMISED, &error),
        Ok(()) => Finding::differs(
            PROMISED,
            "success past the end of the file",
            "populating does not tell whether a touch is safe",
        ),
    }
}

fn guard_pages(place: &Place) -> Result<Vec<Finding>, Unable> {
    let len = 4 * page_len();
    let access = Protection::READ | Protection::WRITE;
    let memory = Mapping::anonymous(len, access, Sharing::Private, MapFlags::empty())
        .map_err(|error| Unable::failed("map memory", error))?;
    Ok(vec![
        guarded(&memory, After::Zeros)?.part("memory"),
        part("file", GUARDED, guarded_file(place))?,
    ])
}

fn guarded_file(place: &Place) -> Result<Finding, Unable> {
    let file = place.file("guarded", PAGES * place.page_size())?;
    guarded(&map_shared(&file, PAGES * place.page_size())?, After::TheSame)
}

/// What a page holds after it was guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// Memory is given up.
    Zeros,
    /// A file has its bytes still.
    TheSame,
}

const GUARDED: &str = "a guarded page is SIGSEGV until the guard is removed";

fn guarded(mapping: &Mapping, after: After) -> Result<Finding, Unable> {
    let page = page_len()..2 * page_len();
    mapping.store(page.start, 7);
    if let Err(error) = mapping.advise(page.clone(), Advice::GuardInstall) {
        return Ok(Finding::not_here(
            GUARDED,
            format!("madvise gives {}; from Linux 6.13, for files 6.15", errno::name(&error)),
            "a guard takes a mapping of its own (mprotect), and there is a limit on those",
        ));
    }
    let touch = |range| {
        raw::observe_touches(mapping, range, Touch::Load)
            .map_err(|error| Unable::failed("fork", error))
    };
    let inside = touch(page.start..page.start + 1)?.signal;
    let outside = touch(page.end..page.end + 1)?.signal;
    mapping
        .advise(page.clone(), Advice::GuardRemove)
        .map_err(|error| Unable::failed("remove the guard", error))?;
    let removed = touch(page.start..page.start + 1)?;
    let expected = match after {
        After::Zeros => 0,
        After::TheSame => 7,
    };
    let seen = format!(
        "guarded: {}; beside it: {}; then: {}",
        in_words(inside),
        in_words(outside),
        removed.bytes.first().map_or_else(|| in_words(removed.signal), u8::to_string)
    );
    let kept =
        inside == Some(Signal::Segv.number()) && outside.is_none() && removed.bytes == [expected];
    Ok(if kept {
        Finding::ok(GUARDED, seen)
    } else {
        Finding::differs(GUARDED, seen, "do not rely on guard pages here")
    })
}

fn in_words(signal: Option<i32>) -> String {
    match signal {
        None => "no signal".to_owned(),
        Some(number) if number == Signal::Segv.number() => "SIGSEGV".to_owned(),
        Some(number) if number == Signal::Bus.number() => "SIGBUS".to_owned(),
        Some(number) => format!("signal {number}"),
    }
}

/// Sealed pages stay until the process ends, which is soon.
fn mseal(_: &Place) -> Result<Vec<Finding>, Unable> {
    const PROMISED: &str = "a sealed mapping cannot be unmapped, moved or reprotected";
    let len = 4 * page_len();
    let access = Protection::READ | Protection::WRITE;
    let mut mapping = Mapping::anonymous(len, access, Sharing::Private, MapFlags::empty())
        .map_err(|error| Unable::failed("map memory", error))?;
    mapping.store(0, 7);
    if let Err(error) = mapping.seal() {
        return Ok(vec![Finding::not_here(
            PROMISED,
            format!("mseal gives {}; it came with Linux 6.10", errno::name(&error)),
            "code gone wrong in the process can unmap or replace what others use",
        )]);
    }
    let protect = mapping.protect(0..len, Protection::READ);
    let remap = mapping.remap(2 * len, raw::Growth::MayMove);
    let (unmap, mapping) = match mapping.unmap(0..page_len()) {
        Err(not) => (Err(not.error), Some(not.mapping)),
        Ok(_) => (Ok(()), None),
    };
    let tried = [("mprotect", protect), ("mremap", remap), ("munmap", unmap)];
    let refused =
        |done: &io::Result<()>| done.as_ref().is_err_and(|error| errno::is(error, Errno::PERM));
    let allowed: Vec<_> =
        tried.iter().filter(|(_, done)| !refused(done)).map(|(what, _)| *what).collect();
    let kept = mapping.is_some_and(|mapping| {
        mapping.store(1, 8);
        (mapping.load(0), mapping.load(1)) == (7, 8)
    });
    Ok(vec![if allowed.is_empty() && kept {
        Finding::ok(PROMISED, "mprotect, mremap, munmap give EPERM; stores go on")
    } else {
        Finding::differs(
            PROMISED,
            format!("not refused: {}; bytes kept: {kept}", allowed.join(", ")),
            "sealing keeps nobody from unmapping what others use",
        )
    }])
}
