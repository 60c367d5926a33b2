//! What a flush costs here, in time and in bytes written.

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use folio::raw::{Mapping, Msync};
use rustix::fs::FallocateFlags;

use super::durability::map_shared;
use super::errno;
use super::figures::{self, counted, duration};
use super::parts::unwritten;
use crate::doctor::experiment::{Experiment, Finding, Unable};
use crate::doctor::filesystem::Keeper;
use crate::doctor::place::Place;

pub(super) const MSYNC_COST: Experiment = Experiment {
    name: "msync-cost",
    about: "how long a flush of one page takes, and how much it writes",
    source: "msync(2); write_bytes of proc_pid_io(5)",
    run: msync_cost,
};

/// So long for each file: 15 flushes of a slow disk, the most of a fast one, and one of a disk that is busy.
const BUDGET: Duration = Duration::from_millis(200);
const MOST_FLUSHES: usize = 60;
/// A disk so busy is not asked again.
const PATIENCE: Duration = Duration::from_secs(2);
/// The first ones look for room, start transactions, and fill caches.
const WARM_UP: usize = 3;

const SMALL_PAGES: u64 = 16;
const LARGE: u64 = 2 << 20;
/// Writes of this size make large folios where the file system has them.
const LARGE_WRITE: usize = 1 << 20;

fn msync_cost(place: &Place) -> Result<Vec<Finding>, Unable> {
    if place.file_system().keeper() == Keeper::Memory {
        return Ok(vec![Finding::not_here(
            "a flush of one page writes that page",
            "there is no device",
            "a flush costs nothing here and saves nothing",
        )]);
    }
    let start = Instant::now();
    let page = place.page_size();
    let small = settled(place.file("small", SMALL_PAGES * page)?)?;
    let mut findings = vec![measured(&small, SMALL_PAGES * page, place, Pages::Same)?.part("page")];
    if start.elapsed() < PATIENCE {
        let large = settled(written_in_large_pieces(place)?)?;
        findings.push(measured(&large, LARGE, place, Pages::Same)?.part("large-writes"));
    }
    let allocated = place.file("allocated", 0)?;
    let offered = rustix::fs::fallocate(&allocated, FallocateFlags::empty(), 0, LARGE).is_ok();
    if offered && start.elapsed() < PATIENCE {
        let allocated = settled(allocated)?;
        findings.push(measured(&allocated, LARGE, place, Pages::Next)?.part("fallocated"));
    }
    Ok(findings)
}

fn settled(file: File) -> Result<File, Unable> {
    file.sync_all().map_err(unwritten)?;
    Ok(file)
}

fn written_in_large_pieces(place: &Place) -> Result<File, Unable> {
    let mut file = place.file("large", 0)?;
    let zeros = vec![0; LARGE_WRITE];
    for _ in 0..LARGE / LARGE_WRITE as u64 {
        file.write_all(&zeros).map_err(unwritten)?;
    }
    Ok(file)
}

/// Which page a flush is of.
#[derive(Clone, Copy, Debug)]
enum Pages {
    /// The same each time.
    Same,
    /// One that has not been stored to before, as a log does.
    Next,
}

/// The medians of some flushes.
#[derive(Clone, Copy, Debug)]
struct Cost {
    time: Duration,
    /// `None` where the kernel does not count.
    written: Option<u64>,
}

fn measured(file: &File, len: u64, place: &Place, pages: Pages) -> Result<Finding, Unable> {
    const PROMISED: &str = "a flush of one page writes that page";
    let mapping = map_shared(file, len)?;
    Ok(match flushes(&mapping, place.page_size(), pages) {
        Ok(cost) => judged(cost, place.page_size(), place.file_system().keeper()),
        Err(error) => Finding::differs(
            PROMISED,
            format!("msync gives {}", errno::name(&error)),
            "a flush fails here: nothing stored is safe",
        ),
    })
}

fn flushes(mapping: &Mapping, page: u64, pages: Pages) -> std::io::Result<Cost> {
    let page = usize::try_from(page).unwrap_or(usize::MAX);
    let count = mapping.len() / page;
    let (mut times, mut bytes) = (Vec::new(), Vec::new());
    let start = Instant::now();
    for (index, byte) in (0..MOST_FLUSHES + WARM_UP).zip((1..=250).cycle()) {
        if start.elapsed() > BUDGET && !times.is_empty() {
            break;
        }
        let at = match pages {
            Pages::Same => count / 2,
            Pages::Next => index % count,
        } * page;
        let before = figures::written();
        let stored = Instant::now();
        mapping.store(at, byte);
        mapping.sync(at..at + page, Msync::Sync)?;
        times.push(stored.elapsed());
        let after = figures::written();
        bytes.extend(before.zip(after).map(|(before, after)| after.saturating_sub(before)));
    }
    let warm = WARM_UP.min(times.len().saturating_sub(1));
    let written = figures::median(bytes.get_mut(warm..).unwrap_or_default());
    let time = figures::median(&mut times[warm..]).unwrap_or_default();
    Ok(Cost { time, written })
}

/// So many pages are written by a file system that keeps a journal or copies on write.
const MANY_PAGES: u64 = 16;

fn judged(cost: Cost, page: u64, keeper: Keeper) -> Finding {
    const PROMISED: &str = "a flush of one page writes that page";
    let time = duration(cost.time);
    let micros = cost.time.as_secs_f64() * 1e6;
    let Some(written) = cost.written else {
        let seen = format!("{time}; how much is written is not told");
        return Finding::ok(PROMISED, seen).measured("flush_us", micros);
    };
    let pages = written.div_ceil(page);
    let seen = format!("a one-page flush takes {time} and writes {}", counted(pages, "page"));
    let finding = match (pages, keeper) {
        (0, Keeper::Device | Keeper::Unknown) => {
            Finding::differs(PROMISED, seen, "nothing is written by a flush: it saves nothing here")
        }
        (0, _) => Finding::not_here(
            PROMISED,
            seen,
            "the file is kept elsewhere, and costs are what they are there",
        ),
        (1..=MANY_PAGES, _) => Finding::ok(PROMISED, seen),
        _ => Finding { means: Some(LARGE_FOLIOS.to_owned()), ..Finding::ok(PROMISED, seen) },
    };
    finding
        .measured("flush_us", micros)
        .measured("written_bytes_per_flush", f64::from(u32::try_from(written).unwrap_or(u32::MAX)))
}

const LARGE_FOLIOS: &str = "the page cache holds the file in large folios: zero-fill in 4 KiB writes where flushes are small";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::experiment::Verdict;

    fn cost(written: Option<u64>) -> Finding {
        judged(Cost { time: Duration::from_micros(104), written }, 4096, Keeper::Device)
    }

    #[test]
    fn a_flush_in_words() {
        let usual = cost(Some(8192));
        assert_eq!(usual.seen, "a one-page flush takes 104 µs and writes 2 pages");
        assert_eq!((usual.verdict, usual.means), (Verdict::Ok, None));
    }

    #[test]
    fn large_folios_are_explained() {
        let large = cost(Some(1 << 20));
        assert!(large.seen.ends_with("writes 256 pages"), "{}", large.seen);
        assert!(large.means.unwrap().contains("large folios"));
    }

    #[test]
    fn a_flush_that_writes_nothing_is_none() {
        assert_eq!(cost(Some(0)).verdict, Verdict::Differs);
        assert_eq!(cost(None).verdict, Verdict::Ok);
    }
}
