//! Getting stores to the device: msync, sync_file_range, and mappings of memory that is the device.

use std::fs::File;
use std::time::Instant;

use folio::raw::{MapFlags, Mapping, Msync, Protection, Sharing};
use folio::{CacheCounts, StateCounts};

use super::errno;
use super::figures::{self, duration};
use super::parts::unwritten;
use crate::doctor::experiment::{Experiment, Finding, Unable};
use crate::doctor::filesystem::Keeper;
use crate::doctor::place::Place;

pub(super) const MSYNC: Experiment = Experiment {
    name: "msync",
    about: "flush a page of a shared mapping, waiting for it and not",
    source: "msync(2); mm/msync.c",
    run: msync,
};

pub(super) const SYNC_FILE_RANGE: Experiment = Experiment {
    name: "sync-file-range",
    about: "write a range of a file out without the rest",
    source: "sync_file_range(2)",
    run: sync_file_range,
};

pub(super) const DAX: Experiment = Experiment {
    name: "dax",
    about: "map persistent memory itself (MAP_SYNC)",
    source: "mmap(2), MAP_SYNC",
    run: dax,
};

const PAGES: u64 = 16;
/// The kernel may write a dirty page out whenever it likes; seldom in the instant that this takes.
const TRIES: usize = 50;

pub(super) fn map_shared(file: &File, len: u64) -> Result<Mapping, Unable> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let access = Protection::READ | Protection::WRITE;
    Mapping::file(file, 0, len, access, Sharing::Shared, MapFlags::empty())
        .map_err(|error| Unable::unmapped("map the file", error))
}

fn counts(file: &File) -> Option<StateCounts> {
    // Where a layer's file has the pages, nothing is counted, cached or dirty.
    CacheCounts::of(file, ..).ok().filter(|counts| counts.cached > 0).map(|counts| counts.states)
}

fn msync(place: &Place) -> Result<Vec<Finding>, Unable> {
    let page = page_len(place);
    let file = place.file("flushed", PAGES * place.page_size())?;
    file.sync_all().map_err(unwritten)?;
    let mapping = map_shared(&file, PAGES * place.page_size())?;
    let later = flush_later(&file, &mapping, page).part("async");
    let now = flush_now(&file, &mapping, page, place.file_system().keeper()).part("sync");
    Ok(vec![now, later])
}

fn flush_later(file: &File, mapping: &Mapping, page: usize) -> Finding {
    const PROMISED: &str = "MS_ASYNC writes nothing: the page stays dirty";
    let mut counted = false;
    for _ in 0..TRIES {
        mapping.store(0, 1);
        if let Err(error) = mapping.sync(0..page, Msync::Async) {
            let seen = format!("msync gives {}", errno::name(&error));
            return Finding::differs(
                PROMISED,
                seen,
                "flush with fdatasync on the descriptor instead",
            );
        }
        let Some(counts) = counts(file) else { break };
        counted = true;
        if counts.dirty > 0 {
            return Finding::ok(PROMISED, "success, and the page is still dirty");
        }
    }
    if counted {
        return Finding::not_here(
            PROMISED,
            "no page becomes dirty",
            "there is no device to write to, or each store is written at once",
        );
    }
    Finding::not_here(
        PROMISED,
        "cachestat does not tell what is dirty",
        "take it that MS_ASYNC does nothing",
    )
}

fn flush_now(file: &File, mapping: &Mapping, page: usize, keeper: Keeper) -> Finding {
    const PROMISED: &str = "MS_SYNC returns when the page is on the device";
    mapping.store(0, 2);
    let dirty = counts(file);
    let start = Instant::now();
    let flushed = mapping.sync(0..page, Msync::Sync);
    let took = start.elapsed();
    let after = counts(file);
    let seen = match flushed {
        Err(error) => {
            let seen = format!("msync gives {}", errno::name(&error));
            return Finding::differs(PROMISED, seen, "a flush fails here: nothing stored is safe");
        }
        Ok(()) => format!("written out in {}", duration(took)),
    };
    let left = after.is_some_and(|counts| counts.dirty + counts.writeback > 0);
    match (keeper, left) {
        (Keeper::Memory, _) => Finding::not_here(
            PROMISED,
            "success at once; there is no device",
            "nothing here outlives a restart: fit for IPC, not for a log or a database",
        ),
        (Keeper::Server | Keeper::Program, true) => Finding::differs(
            PROMISED,
            "success, and the page is still dirty",
            "msync does not reach this file system's server: call fsync on the descriptor",
        ),
        (Keeper::Server | Keeper::Program, false) => Finding::not_here(
            PROMISED,
            format!("handed to the server in {}", duration(took)),
            "whether it reaches a disk is up to the file system's server",
        ),
        (_, true) => Finding::differs(
            PROMISED,
            "success, and the page is still dirty",
            "msync does not reach the device: call fsync on the descriptor",
        ),
        (_, false) if dirty.is_some() => Finding::ok(PROMISED, seen),
        (Keeper::Layers, false) => Finding::not_here(
            PROMISED,
            format!("success in {}; the pages are a layer's", duration(took)),
            "it is as durable as the upper layer's file system: run doctor there",
        ),
        (Keeper::Device | Keeper::Unknown, false) => {
            Finding::ok(PROMISED, format!("success in {}", duration(took)))
        }
    }
}

fn sync_file_range(place: &Place) -> Result<Vec<Finding>, Unable> {
    const PROMISED: &str = "it writes the pages out, and promises no durability";
    let file = place.file("ranged", PAGES * place.page_size())?;
    if place.file_system().keeper() == Keeper::Memory {
        let means = "nothing to write: pages leave memory only for swap";
        return Ok(vec![Finding::not_here(PROMISED, "there is no device", means)]);
    }
    let dirty = counts(&file);
    let written = folio::raw::write_out(&file, 0..PAGES * place.page_size());
    let after = counts(&file);
    let finding = match written {
        Err(error) if errno::not_offered(&error) => Finding::not_here(
            PROMISED,
            format!("sync_file_range gives {}", errno::name(&error)),
            "write-back cannot be started early: flushes come in bursts",
        ),
        Err(error) => Finding::differs(
            PROMISED,
            format!("sync_file_range gives {}", errno::name(&error)),
            "pages could not be written: look at the disk",
        ),
        Ok(()) => match (dirty, after) {
            (Some(before), Some(after)) if after.dirty + after.writeback == 0 => Finding::ok(
                PROMISED,
                format!("{} dirty before, none after", figures::counted(before.dirty, "page")),
            ),
            (Some(_), Some(after)) => Finding::differs(
                PROMISED,
                format!("{} still dirty", figures::counted(after.dirty, "page")),
                "write-back cannot be started early: flushes come in bursts",
            ),
            _ => Finding::not_here(
                PROMISED,
                "success; cachestat does not tell what is dirty",
                "use fdatasync",
            ),
        },
    };
    Ok(vec![finding])
}

fn dax(place: &Place) -> Result<Vec<Finding>, Unable> {
    const PROMISED: &str = "MAP_SYNC maps the memory that the file lies in";
    let file = place.file("direct", PAGES * place.page_size())?;
    let access = Protection::READ | Protection::WRITE;
    let len = page_len(place);
    let finding = match Mapping::file(&file, 0, len, access, Sharing::Shared, MapFlags::SYNC) {
        Ok(mapping) => {
            mapping.store(0, 3);
            if mapping.load(0) == 3 {
                Finding::ok(PROMISED, "mapped: a store and a cache flush are durable")
            } else {
                Finding::differs(PROMISED, "a store is not seen", "do not use MAP_SYNC here")
            }
        }
        Err(error) => Finding::not_here(
            PROMISED,
            format!("mmap gives {}", errno::name(&error)),
            "no persistent memory: a store is durable only after msync or fsync",
        ),
    };
    Ok(vec![finding])
}

fn page_len(place: &Place) -> usize {
    usize::try_from(place.page_size()).unwrap_or(usize::MAX)
}
