//! What one touch of a file that is not in the page cache brings in there, and how advice changes it.
//!
//! How far ahead is read depends on the device and its settings, so only two things are judged: a touch has its own page
//! at the least, and `MADV_RANDOM` reads no more than no advice at all.

use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use folio::raw::{Advice, MapFlags, Mapping, Protection, Sharing};
use rustix::fs::{AtFlags, StatxAttributes, StatxFlags};

use super::super::experiment::{Experiment, Finding, Unable};
use super::super::place::Place;
use super::lazy::{judge, number, touch, unmapped};

pub(super) const READAHEAD: Experiment = Experiment {
    name: "readahead",
    about: "what a touch of a file on disk brings into the page cache, and what advice changes",
    source: "madvise(2), MADV_RANDOM; mm/filemap.c: do_sync_mmap_readahead",
    run: readahead,
};

const PAGES: usize = 256;
/// The page that is touched: not the first, from where the kernel expects a file to be read on anyway.
const TOUCHED: usize = 100;
/// So often is it tried to have no page in the cache.
const TRIES: usize = 5;
/// Pages that are still on their way are waited for no longer than this.
const PATIENCE: Duration = Duration::from_millis(200);
/// Nothing has come for so long: nothing will.
const SETTLED: Duration = Duration::from_millis(5);

/// What came into the page cache.
#[derive(Clone, Copy, Debug, Default)]
struct Brought {
    pages: usize,
    /// How many of them are the page touched.
    own: usize,
}

fn readahead(place: &Place) -> Result<Vec<Finding>, Unable> {
    let file = place.file("cold", (PAGES * rustix::param::page_size()) as u64)?;
    if is_dax(&file).map_err(unmapped)? {
        return Err(Unable::not_here(
            "files are mapped from the device itself (DAX), past the page cache",
            "nothing is read ahead, and nothing needs to be",
        ));
    }
    let path = place.path("cold")?;
    let cold = |advice| match touch_cold(&path, advice) {
        Ok(Some(brought)) => Ok(brought),
        Ok(None) => Err(Unable::not_here(
            "pages cannot be made to leave the page cache",
            "files are in memory as long as there is room: reading ahead and its advice change nothing",
        )),
        Err(error) => Err(unmapped(error)),
    };
    let (normal, random) = (cold(Advice::Normal)?, cold(Advice::Random)?);
    let (sequential, willneed) = (cold(Advice::Sequential)?, cold(Advice::WillNeed)?);
    let promised = "a touch reads its page at least; after RANDOM no more than without";
    let seen = format!(
        "{} pages; RANDOM {}, SEQUENTIAL {}, WILLNEED {} untouched",
        normal.pages, random.pages, sequential.pages, willneed.pages
    );
    let ok = normal.own + random.own + sequential.own == 3 && random.pages <= normal.pages;
    let means = "advice does not rein in reading ahead: random lookups read far more than they need, so read(2) them";
    Ok(vec![
        judge(ok, promised, &seen, means)
            .measured("normal_touch_pages", number(normal.pages as u64))
            .measured("random_touch_pages", number(random.pages as u64))
            .measured("sequential_touch_pages", number(sequential.pages as u64))
            .measured("willneed_pages", number(willneed.pages as u64)),
    ])
}

/// Whether mappings show the device's own memory; statx(2), `STATX_ATTR_DAX`.
fn is_dax(file: &File) -> io::Result<bool> {
    let statx = rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
    Ok(statx.stx_attributes.contains(StatxAttributes::DAX))
}

/// Have all pages leave, map the file, advise, and touch one page unless the advice is to read at once. `None` if they do
/// not leave.
fn touch_cold(path: &Path, advice: Advice) -> io::Result<Option<Brought>> {
    // A new open file each time: what the kernel knows about how it is read is the open file's.
    let file = File::open(path)?;
    let len = PAGES * rustix::param::page_size();
    let mapping =
        Mapping::file(&file, 0, len, Protection::READ, Sharing::Private, MapFlags::empty())?;
    for _ in 0..TRIES {
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        if resident(&mapping)?.pages == 0 {
            mapping.advise(0..len, advice)?;
            if !matches!(advice, Advice::WillNeed) {
                touch(&mapping, TOUCHED * rustix::param::page_size());
            }
            return settled(&mapping).map(Some);
        }
    }
    Ok(None)
}

fn resident(mapping: &Mapping) -> io::Result<Brought> {
    let resident = mapping.resident(0..mapping.len())?;
    let pages = resident.iter().filter(|&&resident| resident).count();
    Ok(Brought { pages, own: usize::from(resident.get(TOUCHED) == Some(&true)) })
}

/// What is there when no more comes.
fn settled(mapping: &Mapping) -> io::Result<Brought> {
    let start = Instant::now();
    let (mut brought, mut changed) = (resident(mapping)?, start);
    while changed.elapsed() < SETTLED && start.elapsed() < PATIENCE {
        thread::yield_now();
        let now = resident(mapping)?;
        if now.pages != brought.pages {
            (brought, changed) = (now, Instant::now());
        }
    }
    Ok(brought)
}
