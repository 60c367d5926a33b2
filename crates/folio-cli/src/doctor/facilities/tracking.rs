//! Finding out which pages of a mapping were stored to.

use std::fs::File;

use folio::raw::{
    Categories, MapFlags, Mapping, Protection, Scan, Sharing, Userfault, UserfaultFeatures,
    UserfaultScope,
};
use rustix::io::Errno;

use super::errno;
use super::figures;
use super::parts::{map_readable, part};
use super::rights::Rights;
use crate::doctor::experiment::{Experiment, Finding, Unable};
use crate::doctor::place::Place;

pub(super) const PAGEMAP_SCAN: Experiment = Experiment {
    name: "pagemap-scan",
    about: "find the pages of a private mapping that were copied on write",
    source: "PAGEMAP_SCAN(2const); admin-guide/mm/pagemap.rst",
    run: pagemap_scan,
};

pub(super) const USERFAULTFD: Experiment = Experiment {
    name: "userfaultfd",
    about: "be told of page faults, and have stores noted",
    source: "userfaultfd(2), ioctl_userfaultfd(2)",
    run: userfaultfd,
};

const PAGES: usize = 8;
/// The pages that are stored to.
const STORED: [usize; 3] = [1, 2, 6];

fn map(file: &File, access: Protection, sharing: Sharing) -> Result<Mapping, Unable> {
    let len = PAGES * rustix::param::page_size();
    Mapping::file(file, 0, len, access, sharing, MapFlags::empty())
        .map_err(|error| Unable::unmapped("map the file", error))
}

fn store(mapping: &Mapping) {
    for page in STORED {
        mapping.store(page * rustix::param::page_size(), 200);
    }
}

/// The pages of ranges in a mapping.
fn pages(ranges: impl IntoIterator<Item = core::ops::Range<usize>>) -> Vec<usize> {
    let page = rustix::param::page_size();
    ranges.into_iter().flat_map(|range| range.start / page..range.end.div_ceil(page)).collect()
}

fn pagemap_scan(place: &Place) -> Result<Vec<Finding>, Unable> {
    let access = Protection::READ | Protection::WRITE;
    let len = PAGES * rustix::param::page_size();
    let (file, mapping) = map_readable(place, len, access, Sharing::Private)?;
    // Only some file has as many pages; those past its end must not be touched.
    let len = file.metadata().map_err(|error| Unable::failed("ask for the length", error))?.len();
    let there = usize::try_from(len.div_ceil(place.page_size())).unwrap_or(usize::MAX).min(PAGES);
    let stored: Vec<_> = STORED.into_iter().filter(|page| *page < there).collect();
    for page in 0..there {
        let _ = mapping.load(page * rustix::param::page_size());
    }
    for page in &stored {
        mapping.store(page * rustix::param::page_size(), 200);
    }
    Ok(vec![scanned(&mapping, &stored).part("scan"), by_bits(&mapping, &stored).part("pagemap")])
}

const BOTH_MISS: &str = "private changes can only be found by comparing all bytes";

fn scanned(mapping: &Mapping, stored: &[usize]) -> Finding {
    const PROMISED: &str = "PAGEMAP_SCAN lists the pages that were copied on write";
    let scan = Scan {
        inverted: Categories::FILE,
        all_of: Categories::FILE,
        any_of: Categories::PRESENT | Categories::SWAPPED,
        report: Categories::PRESENT,
    };
    match mapping.scan(0..mapping.len(), scan) {
        Ok(found) => {
            listed(PROMISED, stored, &pages(found.into_iter().map(|scanned| scanned.range)))
        }
        Err(error) => Finding::not_here(
            PROMISED,
            format!("the ioctl gives {}; it came with Linux 6.7", errno::name(&error)),
            "finding private changes means to read the entry of each page: slower",
        ),
    }
}

fn by_bits(mapping: &Mapping, stored: &[usize]) -> Finding {
    const PROMISED: &str = "/proc/self/pagemap tells the same without root";
    match mapping.pagemap(0..mapping.len()) {
        Ok(entries) => {
            let copied = |index: usize| {
                let entry = entries[index];
                (entry.is_present() || entry.is_swapped()) && !entry.is_file()
            };
            let found: Vec<_> = (0..entries.len()).filter(|index| copied(*index)).collect();
            listed(PROMISED, stored, &found)
        }
        Err(error) => {
            Finding::not_here(PROMISED, format!("pagemap gives {}", errno::name(&error)), BOTH_MISS)
        }
    }
}

fn listed(promised: &str, stored: &[usize], found: &[usize]) -> Finding {
    if found == stored {
        return Finding::ok(promised, format!("pages {found:?} of {PAGES}, as stored to"));
    }
    Finding::differs(promised, format!("pages {found:?}, stored to {stored:?}"), BOTH_MISS)
}

fn userfaultfd(place: &Place) -> Result<Vec<Finding>, Unable> {
    let for_user = Userfault::new(UserfaultScope::User, UserfaultFeatures::empty());
    let finding = match &for_user {
        Ok(_) => Finding::ok(FOR_USER, "granted"),
        Err(error) => Finding::not_here(
            FOR_USER,
            format!("userfaultfd gives {}", errno::name(error)),
            "page faults cannot be handled by the program itself",
        ),
    };
    let findings = vec![finding.part("user"), for_kernel().part("kernel")];
    if for_user.is_err() {
        return Ok(findings);
    }
    let noted = part("noted-stores", NOTED, noted(place))?;
    Ok(findings.into_iter().chain([noted]).collect())
}

const FOR_USER: &str = "anybody may handle page faults of user code";

/// Whether faults in system calls can be handled, which lets one hold the kernel up.
fn for_kernel() -> Finding {
    const PROMISED: &str = "faults in system calls too: vm.unprivileged_userfaultfd or root";
    let setting = figures::setting("/proc/sys/vm/unprivileged_userfaultfd").unwrap_or(0);
    let allowed = setting == 1 || Rights::now() == Rights::Root;
    match (Userfault::new(UserfaultScope::UserAndKernel, UserfaultFeatures::empty()), allowed) {
        (Ok(_), true) => Finding::ok(PROMISED, format!("granted; the setting is {setting}")),
        (Err(error), false) if errno::is(&error, Errno::PERM) => Rights::now().add(
            Finding::ok(PROMISED, "EPERM; the setting is 0"),
            "faults in system calls can be handled",
        ),
        (Ok(_), false) => Finding::ok(PROMISED, "granted by a capability"),
        (Err(error), _) => Finding::not_here(
            PROMISED,
            format!("userfaultfd gives {}", errno::name(&error)),
            "a buffer that faults in read(2) cannot be served by the program",
        ),
    }
}

const NOTED: &str = "stores to a mapped file are noted without a fault each (6.7)";

fn noted(place: &Place) -> Result<Finding, Unable> {
    let wanted =
        UserfaultFeatures::WRITE_PROTECT_ASYNC | UserfaultFeatures::WRITE_PROTECT_UNPOPULATED;
    let means = "changed pages are found by pagemap alone, which is slower in large mappings";
    let userfault = match Userfault::new(UserfaultScope::User, wanted) {
        Ok(userfault) => userfault,
        Err(error) => {
            return Ok(Finding::not_here(
                NOTED,
                format!("UFFDIO_API gives {}", errno::name(&error)),
                means,
            ));
        }
    };
    let file = place.file("noted", PAGES as u64 * place.page_size())?;
    let mapping = map(&file, Protection::READ | Protection::WRITE, Sharing::Shared)?;
    if let Err(error) = userfault.note_stores(&mapping, 0..mapping.len()) {
        return Ok(Finding::not_here(
            NOTED,
            format!("UFFDIO_REGISTER gives {}", errno::name(&error)),
            means,
        ));
    }
    store(&mapping);
    let scan = Scan { all_of: Categories::WRITTEN, report: Categories::WRITTEN, ..Scan::default() };
    Ok(match mapping.scan(0..mapping.len(), scan) {
        Ok(found) => listed(NOTED, &STORED, &pages(found.into_iter().map(|scanned| scanned.range))),
        Err(error) => {
            Finding::not_here(NOTED, format!("PAGEMAP_SCAN gives {}", errno::name(&error)), means)
        }
    }
    .measured("features", counted_bits(userfault.features().bits())))
}

fn counted_bits(bits: u64) -> f64 {
    f64::from(bits.count_ones())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::experiment::Verdict;

    #[test]
    fn ranges_become_pages() {
        let page = rustix::param::page_size();
        assert_eq!(pages([page..3 * page, 6 * page..6 * page + 1]), [1, 2, 6]);
    }

    #[test]
    fn a_missed_page_differs() {
        assert_eq!(listed("", &[1, 2], &[1, 2]).verdict, Verdict::Ok);
        assert_eq!(listed("", &[1, 2], &[1]).verdict, Verdict::Differs);
    }
}
