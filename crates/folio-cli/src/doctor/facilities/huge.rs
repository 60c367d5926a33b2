//! Huge pages: for files, for memory, and from the pool.

use std::io::Write as _;

use folio::raw::{Advice, MapFlags, Mapping, Protection, Sharing};

use super::errno;
use super::figures::{self, size};
use super::parts::{part, unwritten};
use super::rights::Rights;
use crate::doctor::experiment::{Experiment, Finding, Unable};
use crate::doctor::filesystem::Keeper;
use crate::doctor::place::Place;

pub(super) const HUGE_PAGES: Experiment = Experiment {
    name: "huge-pages",
    about: "map a file and memory by huge pages",
    source: "madvise(2), MADV_HUGEPAGE, MADV_COLLAPSE; mmap(2), MAP_HUGETLB",
    run: huge_pages,
};

/// Two huge pages of 2 MiB fit in whole, wherever the kernel puts the mapping.
const HUGE_PAGES_WANTED: u64 = 3;
/// Memory for a huge page may have to be put together first.
const TRIES: usize = 4;

const SYSFS: &str = "/sys/kernel/mm/transparent_hugepage";

fn huge_pages(place: &Place) -> Result<Vec<Finding>, Unable> {
    let Some(huge) = figures::setting(&format!("{SYSFS}/hpage_pmd_size")) else {
        return Err(Unable::not_here(
            "the kernel has no transparent huge pages",
            "large mappings take a page table entry for each page",
        ));
    };
    Ok(vec![
        part("file", OF_FILE, of_file(place, huge))?,
        part("collapse", COLLAPSED, collapsed(place, huge))?,
        of_memory(huge)?.part("memory"),
        from_pool()?.part("pool"),
    ])
}

const OF_FILE: &str = "a file advised MADV_HUGEPAGE is mapped by huge pages";

fn of_file(place: &Place, huge: u64) -> Result<Finding, Unable> {
    let mut len = 0;
    for number in 0..TRIES {
        let mapping = mapped_file(place, &format!("advised-{number}"), huge)?;
        if let Err(error) = mapping.advise(0..mapping.len(), Advice::HugePage) {
            let seen = format!("madvise gives {}", errno::name(&error));
            let means = "large mappings take an entry for each page";
            return Ok(Finding::not_here(OF_FILE, seen, means));
        }
        touch_all(&mapping, place);
        len = mapping.len() as u64;
        let bytes = mapped_huge(&mapping);
        if bytes > 0 {
            return Ok(Finding::ok(OF_FILE, format!("{} of {} are", size(bytes), size(len))));
        }
    }
    let seen = format!("none of {} is{}", size(len), shmem(place));
    Ok(Finding::not_here(OF_FILE, seen, SMALL_PAGES))
}

const SMALL_PAGES: &str =
    "the file is mapped page by page: more page faults and TLB misses in large files";

/// The setting that decides for files in memory.
fn shmem(place: &Place) -> String {
    let setting = figures::choice(&format!("{SYSFS}/shmem_enabled"));
    match (place.file_system().keeper(), setting) {
        (Keeper::Memory, Some(setting)) => format!("; shmem_enabled is {setting}"),
        _ => String::new(),
    }
}

const COLLAPSED: &str = "MADV_COLLAPSE puts a file's pages together at once";

fn collapsed(place: &Place, huge: u64) -> Result<Finding, Unable> {
    // Written page by page, so that nothing is huge before.
    let file = place.file("collapsed", huge * HUGE_PAGES_WANTED)?;
    let mapping = map_read(&file, huge * HUGE_PAGES_WANTED)?;
    touch_all(&mapping, place);
    let start =
        usize::try_from(aligned(mapping.address() as u64, huge)).unwrap_or(0) - mapping.address();
    let len = usize::try_from(huge).unwrap_or(usize::MAX);
    let mut answer = Ok(());
    for _ in 0..TRIES {
        answer = mapping.advise(start..start + len, Advice::Collapse);
        if answer.is_ok() {
            break;
        }
    }
    Ok(match answer {
        Ok(()) => match mapped_huge(&mapping) {
            0 => Finding::differs(COLLAPSED, "success, and no page is huge", SMALL_PAGES),
            bytes => Finding::ok(COLLAPSED, format!("{} put together", size(bytes))),
        },
        Err(error) => Finding::not_here(
            COLLAPSED,
            format!("madvise gives {}", errno::name(&error)),
            "a file becomes huge only while it is written or read in large pieces, or never",
        ),
    })
}

fn of_memory(huge: u64) -> Result<Finding, Unable> {
    const PROMISED: &str = "memory advised MADV_HUGEPAGE is mapped by huge pages";
    if figures::choice(&format!("{SYSFS}/enabled")).as_deref() == Some("never") {
        return Ok(Finding::not_here(
            PROMISED,
            "transparent_hugepage/enabled is never",
            "memory stays in small pages",
        ));
    }
    let mut bytes = 0;
    let mut len = 0;
    for _ in 0..TRIES {
        let mapping = anonymous(huge * HUGE_PAGES_WANTED, MapFlags::empty())
            .map_err(|error| Unable::failed("map memory", error))?;
        mapping
            .advise(0..mapping.len(), Advice::HugePage)
            .map_err(|error| Unable::failed("advise MADV_HUGEPAGE", error))?;
        for at in (0..mapping.len()).step_by(rustix::param::page_size()) {
            mapping.store(at, 1);
        }
        (bytes, len) = (mapped_huge(&mapping), mapping.len() as u64);
        if bytes > 0 {
            break;
        }
    }
    Ok(match bytes {
        0 => Finding::not_here(
            PROMISED,
            format!("none of {} is", size(len)),
            "memory is too fragmented at present, or small pages are forced",
        ),
        bytes => Finding::ok(PROMISED, format!("{} of {} are", size(bytes), size(len))),
    })
}

fn from_pool() -> Result<Finding, Unable> {
    const PROMISED: &str = "MAP_HUGETLB takes huge pages from the pool";
    let (free, huge) = (figures::meminfo("HugePages_Free"), figures::meminfo("Hugepagesize"));
    let (Some(free), Some(huge)) = (free, huge) else {
        return Ok(Finding::not_here(PROMISED, "the kernel has no hugetlbfs", "use MADV_HUGEPAGE"));
    };
    let finding = match anonymous(huge, MapFlags::HUGETLB) {
        Ok(mapping) => {
            mapping.store(0, 7);
            if mapping.load(0) == 7 {
                Finding::ok(PROMISED, format!("a page of {}; {free} in the pool", size(huge)))
            } else {
                Finding::differs(PROMISED, "a store is lost", "do not use MAP_HUGETLB")
            }
        }
        Err(error) => Rights::now().add(
            Finding::not_here(
                PROMISED,
                format!("mmap gives {}; {free} in the pool", errno::name(&error)),
                "no huge pages are set aside: use MADV_HUGEPAGE",
            ),
            "vm.nr_hugepages sets huge pages aside",
        ),
    };
    Ok(finding)
}

/// A file that large pieces were written to, as huge pages in the page cache want it.
fn mapped_file(place: &Place, name: &str, huge: u64) -> Result<Mapping, Unable> {
    let mut file = place.file(name, 0)?;
    let len = huge * HUGE_PAGES_WANTED;
    let bytes = vec![1; usize::try_from(len).unwrap_or(usize::MAX)];
    file.write_all(&bytes).map_err(unwritten)?;
    map_read(&file, len)
}

fn map_read(file: &std::fs::File, len: u64) -> Result<Mapping, Unable> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    Mapping::file(file, 0, len, Protection::READ, Sharing::Shared, MapFlags::empty())
        .map_err(|error| Unable::unmapped("map the file", error))
}

fn anonymous(len: u64, flags: MapFlags) -> std::io::Result<Mapping> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    Mapping::anonymous(len, Protection::READ | Protection::WRITE, Sharing::Private, flags)
}

fn touch_all(mapping: &Mapping, place: &Place) {
    let page = usize::try_from(place.page_size()).unwrap_or(usize::MAX);
    for at in (0..mapping.len()).step_by(page) {
        // What it holds is not the question.
        let _ = mapping.load(at);
    }
}

fn mapped_huge(mapping: &Mapping) -> u64 {
    let start = mapping.address();
    figures::huge_bytes(start..start + mapping.len()).unwrap_or(0)
}

/// The first multiple of `huge` from `address` on.
fn aligned(address: u64, huge: u64) -> u64 {
    address.next_multiple_of(huge)
}
