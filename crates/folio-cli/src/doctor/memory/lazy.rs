//! Lazy loading: which pages a mapping has before and after it is touched, and what populating and advice change of that.
//!
//! How many pages a fault brings in is the kernel's to choose, so what is judged are inequalities that hold for every
//! choice; the numbers are told beside them. The least of three tries is taken: something else on the machine can cost
//! us a fault, and nothing can spare us one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use folio::raw::{self, Advice, MapFlags, Mapping, Protection, Sharing};
use rustix::io::Errno;

use super::super::experiment::{Experiment, Finding, Unable};
use super::super::place::Place;
use crate::failure;

pub(super) const LAZY: Experiment = Experiment {
    name: "lazy",
    about: "pages come with the first touch, and only then; what populating and advice change",
    source: "mmap(2), MAP_POPULATE; madvise(2), MADV_POPULATE_READ; mm/filemap.c: filemap_map_pages",
    run: lazy,
};

/// So many pages of a file are mapped, or all that a shorter one has.
const PAGES: usize = 256;
const TRIES: usize = 3;

fn lazy(place: &Place) -> Result<Vec<Finding>, Unable> {
    let warm = Warm::new(place)?;
    let plain = warm.counts(Before::Nothing).map_err(unmapped)?;
    Ok(vec![
        touched(&warm, plain),
        passes(&warm, plain),
        populated(&warm, plain)?,
        populated_by_advice(&warm, plain)?,
        advised(&warm, plain)?,
    ])
}

/// A file all of which is in the page cache.
#[derive(Debug)]
struct Warm {
    file: File,
    page: usize,
    pages: usize,
}

/// What is done between mmap and the first touch.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    /// `MAP_POPULATE`
    Populate,
    Advise(Advice),
}

/// What was seen of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    /// Pages that it had before the first touch.
    untouched: usize,
    /// Pages that it had after its first byte was touched.
    touched: usize,
    /// Faults of a pass over all pages.
    first_pass: u64,
    /// Faults of another.
    second_pass: u64,
}

impl Counts {
    fn least(self, other: Self) -> Self {
        Self {
            untouched: self.untouched.min(other.untouched),
            touched: self.touched.min(other.touched),
            first_pass: self.first_pass.min(other.first_pass),
            second_pass: self.second_pass.min(other.second_pass),
        }
    }
}

impl Warm {
    fn new(place: &Place) -> Result<Self, Unable> {
        let page = rustix::param::page_size();
        let file = match place.scratch() {
            Ok(_) => place.file("lazy", (PAGES * page) as u64)?,
            Err(_) => place.readable()?.1,
        };
        let len = file.metadata().map_err(|error| Unable::failed("ask for a length", error))?.len();
        let pages = usize::try_from(len / page as u64).map_or(PAGES, |pages| pages.min(PAGES));
        let mut content = vec![0; pages * page];
        file.read_exact_at(&mut content, 0)
            .map_err(|error| Unable::failed("read a file", error))?;
        Ok(Self { file, page, pages })
    }

    /// The least counts of a few tries.
    fn counts(&self, before: Before) -> io::Result<Counts> {
        let mut least = self.count(before)?;
        for _ in 1..TRIES {
            least = least.least(self.count(before)?);
        }
        Ok(least)
    }

    fn count(&self, before: Before) -> io::Result<Counts> {
        let mapping = self.map(before)?;
        let untouched = present(&mapping)?;
        touch(&mapping, 0);
        let touched = present(&mapping)?;
        drop(mapping);

        // Another one: looking at the first may have cost faults of its own.
        let mapping = self.map(before)?;
        let start = faults()?;
        self.touch_all(&mapping);
        let middle = faults()?;
        self.touch_all(&mapping);
        let end = faults()?;
        Ok(Counts { untouched, touched, first_pass: middle - start, second_pass: end - middle })
    }

    fn map(&self, before: Before) -> io::Result<Mapping> {
        let flags = match before {
            Before::Populate => MapFlags::POPULATE,
            Before::Nothing | Before::Advise(_) => MapFlags::empty(),
        };
        let len = self.pages * self.page;
        let mapping = Mapping::file(&self.file, 0, len, Protection::READ, Sharing::Private, flags)?;
        if let Before::Advise(advice) = before {
            mapping.advise(0..len, advice)?;
        }
        Ok(mapping)
    }

    fn touch_all(&self, mapping: &Mapping) {
        for page in 0..self.pages {
            touch(mapping, page * self.page);
        }
    }
}

/// Load a byte for the fault that it may cost.
pub(super) fn touch(mapping: &Mapping, position: usize) {
    let _ = mapping.load(position);
}

/// How many pages of it the process has, which is less than what is in the page cache.
fn present(mapping: &Mapping) -> io::Result<usize> {
    Ok(mapping.pagemap(0..mapping.len())?.iter().filter(|page| page.is_present()).count())
}

fn faults() -> io::Result<u64> {
    let faults = raw::faults()?;
    Ok(faults.minor + faults.major)
}

fn touched(warm: &Warm, plain: Counts) -> Finding {
    let promised = "mmap brings in no page, a touch at least its own";
    let seen = format!(
        "{} of {} pages after mmap, {} after one touch",
        plain.untouched, warm.pages, plain.touched
    );
    let means = "mapping a file costs as much as loading it: map only what is needed";
    judge(plain.untouched == 0 && plain.touched > 0, promised, &seen, means)
        .part("touch")
        .measured("one_touch_pages", number(plain.touched as u64))
}

fn passes(warm: &Warm, plain: Counts) -> Finding {
    let promised = "touching every page faults once a page at most, and never again";
    let seen =
        format!("{} faults for {} pages, then {}", plain.first_pass, warm.pages, plain.second_pass);
    let means = "pages are taken away from a mapping in use: expect faults at any time, not at the start only";
    let once = (1..=warm.pages as u64).contains(&plain.first_pass);
    judge(once && plain.second_pass == 0, promised, &seen, means)
        .part("faults")
        .measured("mapped_pages", number(warm.pages as u64))
        .measured("first_pass_faults", number(plain.first_pass))
        .measured("second_pass_faults", number(plain.second_pass))
}

const NOT_POPULATED: &str =
    "populating spares the first readers nothing: touch the pages beforehand instead";

fn populated(warm: &Warm, plain: Counts) -> Result<Finding, Unable> {
    let counts = warm.counts(Before::Populate).map_err(unmapped)?;
    let promised = "MAP_POPULATE: every page is there before the first touch";
    Ok(filled(warm, plain, counts, promised)
        .part("populate")
        .measured("populate_faults", number(counts.first_pass)))
}

fn populated_by_advice(warm: &Warm, plain: Counts) -> Result<Finding, Unable> {
    let promised = "MADV_POPULATE_READ: every page is there before the first touch";
    let finding = match warm.counts(Before::Advise(Advice::PopulateRead)) {
        Ok(counts) => filled(warm, plain, counts, promised)
            .measured("populate_read_faults", number(counts.first_pass)),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::INVAL) => {
            Finding::not_here(promised, "EINVAL: it is there since Linux 5.14", NOT_POPULATED)
        }
        Err(error) => return Err(unmapped(error)),
    };
    Ok(finding.part("populate-read"))
}

/// Machines that note accesses by faults have some left, though not more than without populating.
fn filled(warm: &Warm, plain: Counts, counts: Counts, promised: &str) -> Finding {
    let seen = format!(
        "{} of {} pages, {} faults left of {}",
        counts.untouched, warm.pages, counts.first_pass, plain.first_pass
    );
    let all = counts.untouched == warm.pages && counts.first_pass <= plain.first_pass;
    judge(all, promised, &seen, NOT_POPULATED)
}

fn advised(warm: &Warm, plain: Counts) -> Result<Finding, Unable> {
    let counts = |advice| warm.counts(Before::Advise(advice)).map_err(unmapped);
    let willneed = counts(Advice::WillNeed)?;
    let sequential = counts(Advice::Sequential)?;
    let random = counts(Advice::Random)?;
    let all = [willneed, sequential, random];
    let pages = all.map(|counts| counts.untouched.to_string()).join(", ");
    let faults = all.map(|counts| counts.first_pass.to_string()).join(", ");
    let promised = "WILLNEED, SEQUENTIAL, RANDOM: no page before the first touch";
    let seen = format!("{pages} pages; then {faults} faults ({} without)", plain.first_pass);
    let means =
        "this advice brings pages into the mapping, at once: give it for what is needed soon only";
    Ok(judge(all.iter().all(|counts| counts.untouched == 0), promised, &seen, means)
        .part("advice")
        .measured("willneed_faults", number(willneed.first_pass))
        .measured("sequential_faults", number(sequential.first_pass))
        .measured("random_faults", number(random.first_pass)))
}

pub(super) fn judge(ok: bool, promised: &str, seen: &str, means: &str) -> Finding {
    if ok { Finding::ok(promised, seen) } else { Finding::differs(promised, seen, means) }
}

/// Why a file could not be mapped: some file systems map none.
pub(super) fn unmapped(error: io::Error) -> Unable {
    match Errno::from_io_error(&error) {
        // Kernels in sandboxes have no /proc/self/pagemap, or let nobody read it.
        Some(Errno::NOENT | Errno::ACCESS | Errno::PERM) => Unable::not_here(
            format!("the kernel does not tell of pages ({})", failure::why(&error)),
            "how files are loaded cannot be counted here",
        ),
        _ => Unable::unmapped("map a file and count its pages", error),
    }
}

/// For the numbers of the report.
pub(super) fn number(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_each_count_is_kept() {
        let counts = |untouched, touched, first_pass, second_pass| Counts {
            untouched,
            touched,
            first_pass,
            second_pass,
        };
        let least = counts(0, 16, 17, 1).least(counts(1, 8, 18, 0));
        assert_eq!(least, counts(0, 8, 17, 0));
    }

    #[test]
    fn files_that_cannot_be_mapped_are_no_failure() {
        for (errno, here) in [(Errno::NODEV, false), (Errno::IO, false), (Errno::NOMEM, true)] {
            let unable = unmapped(errno.into());
            assert_eq!(matches!(unable, Unable::Failed { .. }), here, "{unable:?}");
        }
    }
}
