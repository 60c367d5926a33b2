//! What the kernel tells of the page cache, and what can be thrown out of it.

use std::fs::File;
use std::io;

use folio::raw::{MapFlags, Mapping, Protection, Sharing};
use folio::{CacheCounts, ErrorKind};
use rustix::fs::Advice;
use rustix::process::{Gid, Signal, Uid};

use super::errno;
use super::figures::counted;
use super::parts::{map_readable, part, unwritten};
use super::rights::Rights;
use crate::doctor::experiment::{Experiment, Finding, Unable};
use crate::doctor::filesystem::Keeper;
use crate::doctor::place::Place;

pub(super) const CACHESTAT: Experiment = Experiment {
    name: "cachestat",
    about: "count the cached and the dirty pages of a file",
    source: "cachestat(2), mm/filemap.c",
    run: cachestat,
};

pub(super) const MINCORE_OWNER: Experiment = Experiment {
    name: "mincore-owner",
    about: "ask which pages are resident, of a file of one's own and of another's",
    source: "mincore(2), mm/mincore.c:can_do_mincore",
    run: mincore_owner,
};

pub(super) const FADVISE_DONTNEED: Experiment = Experiment {
    name: "fadvise-dontneed",
    about: "throw a file out of the page cache, without root",
    source: "posix_fadvise(2), POSIX_FADV_DONTNEED",
    run: fadvise_dontneed,
};

const PAGES: u64 = 16;
/// Something else can have pages pinned for an instant: readahead, write-back, a batch of another CPU.
const TRIES: usize = 20;

fn cachestat(place: &Place) -> Result<Vec<Finding>, Unable> {
    Ok(vec![
        part("own", COUNTED, counted_pages(place))?,
        part("foreign", OF_ANOTHER, of_another(place))?,
    ])
}

const COUNTED: &str = "cachestat counts the pages of a file just written";

fn counted_pages(place: &Place) -> Result<Finding, Unable> {
    let file = place.file("counted", PAGES * place.page_size())?;
    let counts = match CacheCounts::of(&file, ..) {
        Ok(counts) => counts,
        Err(error) if is_miscounted(place, &error) => {
            return Ok(Finding::differs(COUNTED, format!("0 of {PAGES} cached"), MISCOUNTS));
        }
        Err(error) => return Ok(not_counted(COUNTED, &error)),
    };
    let seen = format!("{} of {PAGES} cached", counts.cached);
    Ok(match (counts.cached, place.file_system().keeper()) {
        (PAGES, _) => {
            Finding::ok(COUNTED, seen).measured("dirty_pages", as_f64(counts.states.dirty))
        }
        (0, Keeper::Program | Keeper::Server) => Finding::not_here(COUNTED, seen, UNCACHED),
        _ => Finding::differs(COUNTED, seen, MISCOUNTS),
    })
}

const UNCACHED: &str = "files here are kept out of the page cache: each read asks the server";

const MISCOUNTS: &str =
    "the pages are counted for another file (a layer's): ask a mapping with mincore instead";

/// Whether the kernel has cachestat(2) and counts none of the pages, which the library does not give as an answer.
fn is_miscounted(place: &Place, error: &folio::Error) -> bool {
    error.kind() == ErrorKind::Unsupported
        && place.file_system().keeper() == Keeper::Layers
        && folio::Memfd::create("folio-doctor").is_ok_and(|file| CacheCounts::of(file, ..).is_ok())
}

fn not_counted(promised: &str, error: &folio::Error) -> Finding {
    let why = if error.kind() == ErrorKind::Unsupported {
        "cachestat came with Linux 6.5".to_owned()
    } else {
        format!("cachestat gives {}", errno::of_folio(error))
    };
    Finding::not_here(
        promised,
        why,
        "ask a mapping with mincore; nobody tells which pages are dirty",
    )
}

const OF_ANOTHER: &str = "of a file that is another's, cachestat tells nothing";

/// A file that is not the caller's to write.
fn of_another(place: &Place) -> Result<Finding, Unable> {
    let rights = Rights::now();
    let Some(file) = foreign(place)? else {
        return Ok(no_foreign_file(OF_ANOTHER));
    };
    let finding = match CacheCounts::of(&file, ..) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Finding::ok(OF_ANOTHER, "refused with EPERM")
        }
        Err(error) if is_miscounted(place, &error) => {
            Finding::differs(OF_ANOTHER, "0 pages cached", MISCOUNTS)
        }
        Err(error) => not_counted(OF_ANOTHER, &error),
        Ok(counts) => Finding::differs(
            OF_ANOTHER,
            format!("{} cached", counted(counts.cached, "page")),
            "anybody who can read a file sees which of its pages are used",
        ),
    };
    Ok(rights.add(finding, "cachestat tells of every file"))
}

fn mincore_owner(place: &Place) -> Result<Vec<Finding>, Unable> {
    Ok(vec![part("own", OWN, own(place))?, part("foreign", FOREIGN, foreign_resident(place))?])
}

const OWN: &str = "mincore tells which pages of one's own file are resident";

/// A file with holes that nobody has read has no page in the cache.
fn own(place: &Place) -> Result<Finding, Unable> {
    let file = place.file("own", 0)?;
    let mapping = sparse(&file, place)?;
    let before = resident(&mapping)?;
    let _ = mapping.load(0);
    let after = resident(&mapping)?;
    let finding = if before == 0 && after > 0 {
        Finding::ok(OWN, format!("{before} before a touch, {after} after it"))
    } else {
        Finding::differs(
            OWN,
            format!("{before} before a touch, {after} after it"),
            "residency cannot be measured here: warm and evict by time, not by mincore",
        )
    };
    Ok(finding)
}

/// As many bytes of hole, mapped.
fn sparse(file: &File, place: &Place) -> Result<Mapping, Unable> {
    let len = 256 * place.page_size();
    file.set_len(len).map_err(|error| Unable::failed("make a hole", error))?;
    map(file, len)
}

fn map(file: &File, len: u64) -> Result<Mapping, Unable> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    Mapping::file(file, 0, len, Protection::READ, Sharing::Shared, MapFlags::empty())
        .map_err(|error| Unable::unmapped("map the file", error))
}

/// How many pages mincore calls resident.
fn resident(mapping: &Mapping) -> Result<u64, Unable> {
    let pages =
        mapping.resident(0..mapping.len()).map_err(|error| Unable::failed("ask mincore", error))?;
    Ok(pages.into_iter().filter(|resident| *resident).count() as u64)
}

const FOREIGN: &str = "of a file that is another's, mincore calls every page resident";

fn foreign_resident(place: &Place) -> Result<Finding, Unable> {
    let rights = Rights::now();
    let Some(file) = foreign(place)? else { return Ok(no_foreign_file(FOREIGN)) };
    let len = file.metadata().map_err(|error| Unable::failed("ask for the length", error))?.len();
    // Pages that are in the cache prove nothing; whether these can be thrown out depends on who else uses them.
    rustix::fs::fadvise(&file, 0, None, Advice::DontNeed)
        .map_err(|why| Unable::failed("evict the file", why))?;
    let mapping = map(&file, len)?;
    let pages = len.div_ceil(place.page_size());
    let resident = resident(&mapping)?;
    let finding = if resident == pages {
        Finding::ok(FOREIGN, format!("{resident} of {pages} after an eviction"))
    } else {
        Finding::differs(
            FOREIGN,
            format!("{resident} of {pages} after an eviction"),
            "anybody who can read a file sees which of its pages are used (before Linux 5.2)",
        )
    };
    Ok(rights.add(finding, "mincore tells of every file"))
}

fn no_foreign_file(promised: &str) -> Finding {
    Finding::not_here(
        promised,
        "no file of another user was found",
        "nothing is known of files that are another's",
    )
}

/// A file that the caller may read, and neither owns nor may write. Root gives its own rights up for it: this process is
/// of this experiment alone, and nothing more is done in it.
fn foreign(place: &Place) -> Result<Option<File>, Unable> {
    if Rights::now() == Rights::Root {
        let file = own_for_others(place)?;
        // Root of a container may have no other user to become.
        return Ok(become_nobody().is_ok().then_some(file));
    }
    // Text that every system has, and hardly any program keeps mapped.
    let known = ["/etc/services", "/etc/protocols", "/etc/mime.types", "/etc/passwd"];
    let readable = known.iter().filter_map(|path| File::open(path).ok());
    Ok(readable.into_iter().find(is_foreign))
}

/// A file of root's, open for reading: of holes, or one that is there where none can be made.
fn own_for_others(place: &Place) -> Result<File, Unable> {
    match place.file("foreign", 0) {
        Ok(file) => drop(sparse(&file, place)?),
        Err(Unable::NotHere { .. }) => {
            let mapped = map_readable(place, 1, Protection::READ, Sharing::Shared);
            return mapped.map(|(file, _)| file);
        }
        Err(failed) => return Err(failed),
    }
    File::open(place.path("foreign")?).map_err(|error| Unable::failed("open the file", error))
}

/// Whether it is root's, and of some length.
fn is_foreign(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    file.metadata().is_ok_and(|metadata| metadata.uid() == 0 && metadata.len() > 0)
}

/// The user that has no rights, by its usual number.
const NOBODY: u32 = 65534;

fn become_nobody() -> io::Result<()> {
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    rustix::thread::set_thread_groups(&[])?;
    rustix::thread::set_thread_res_gid(group, group, group)?;
    rustix::thread::set_thread_res_uid(user, user, user)?;
    // Changing the user has taken this back; pr_set_pdeathsig(2const).
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(())
}

fn fadvise_dontneed(place: &Place) -> Result<Vec<Finding>, Unable> {
    let len = PAGES * place.page_size();
    let file = place.file("evicted", len)?;
    file.sync_all().map_err(unwritten)?;
    Ok(vec![unmapped(&file, len)?.part("clean"), mapped(&file, len)?.part("mapped")])
}

/// Evict, a few times; how many pages are left.
fn evict(file: &File, left: impl Fn() -> Result<u64, Unable>) -> Result<u64, Unable> {
    let mut last = u64::MAX;
    for _ in 0..TRIES {
        rustix::fs::fadvise(file, 0, None, Advice::DontNeed)
            .map_err(|why| Unable::failed("evict the file", why))?;
        last = left()?;
        if last == 0 {
            break;
        }
    }
    Ok(last)
}

fn unmapped(file: &File, len: u64) -> Result<Finding, Unable> {
    const PROMISED: &str = "POSIX_FADV_DONTNEED evicts clean pages that nobody has mapped";
    // Mapped, but not touched: no page is held by that.
    let mapping = map(file, len)?;
    let before = resident(&mapping)?;
    let after = evict(file, || resident(&mapping))?;
    let seen = format!("{before} resident before, {after} after");
    Ok(if after == 0 && before > 0 {
        Finding::ok(PROMISED, seen)
    } else {
        Finding::not_here(
            PROMISED,
            seen,
            "the page cache is the only home of these bytes, or keeps them: no cold run can be measured",
        )
    })
}

fn mapped(file: &File, len: u64) -> Result<Finding, Unable> {
    const PROMISED: &str = "it skips pages that somebody has mapped, and reports success";
    let mapping = map(file, len)?;
    let _ = mapping.load_range(0..mapping.len());
    rustix::fs::fadvise(file, 0, None, Advice::DontNeed)
        .map_err(|why| Unable::failed("evict the file", why))?;
    let after = resident(&mapping)?;
    let seen = format!("{after} of {PAGES} resident after it");
    Ok(if after == PAGES {
        Finding::ok(PROMISED, seen)
    } else {
        Finding::differs(
            PROMISED,
            seen,
            "eviction takes pages from under a mapping: touches fault again",
        )
    })
}

fn as_f64(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
