//! Limits that mappings meet: locked memory, committed memory, areas, descriptors.

use std::fs::{self, File};
use std::io::{self, Read as _};

use folio::LockPages;
use folio::raw::{MapFlags, Mapping, Protection, Sharing};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::CapabilitySet;

use super::errno;
use super::figures::{self, counted, size};
use super::parts::{map_readable, part};
use super::rights::Rights;
use crate::doctor::experiment::{Experiment, Finding, Unable};
use crate::doctor::place::Place;

pub(super) const MLOCK: Experiment = Experiment {
    name: "mlock",
    about: "keep pages in memory, up to the limit and past it",
    source: "mlock(2), getrlimit(2), RLIMIT_MEMLOCK",
    run: mlock,
};

pub(super) const OVERCOMMIT: Experiment = Experiment {
    name: "overcommit",
    about: "map more memory than there is",
    source: "proc_sys_vm(5), overcommit_memory",
    run: overcommit,
};

pub(super) const MAX_MAP_COUNT: Experiment = Experiment {
    name: "max-map-count",
    about: "count how many mapped areas a process can have",
    source: "proc_sys_vm(5), max_map_count",
    run: max_map_count,
};

pub(super) const OPEN_FILES: Experiment = Experiment {
    name: "open-files",
    about: "map more files than may be open",
    source: "mmap(2), getrlimit(2), RLIMIT_NOFILE",
    run: open_files,
};

fn access() -> Protection {
    Protection::READ | Protection::WRITE
}

fn map(file: &File, len: usize) -> io::Result<Mapping> {
    Mapping::file(file, 0, len, access(), Sharing::Shared, MapFlags::empty())
}

/// The pages that may be locked in this experiment, at the most.
const LOCKED_PAGES: usize = 4;

fn mlock(place: &Place) -> Result<Vec<Finding>, Unable> {
    // Before there is a limit: a range whose pages cannot all be had counts as locked all the same.
    let past_end = part("past-end", PAST_END, past_end(place))?;
    Ok(vec![at_limit()?.part("limit"), past_end])
}

/// Lower the limit to four pages and lock a fifth. Root is not limited unless it gives that right up.
fn at_limit() -> Result<Finding, Unable> {
    const PROMISED: &str = "pages are locked up to RLIMIT_MEMLOCK, then ENOMEM";
    let page = rustix::param::page_size();
    let limit = getrlimit(Resource::Memlock);
    let mapping =
        Mapping::anonymous(2 * LOCKED_PAGES * page, access(), Sharing::Private, MapFlags::empty())
            .map_err(|error| Unable::failed("map memory", error))?;
    let wanted = (LOCKED_PAGES * page) as u64;
    drop_capability().map_err(|why| Unable::failed("give CAP_IPC_LOCK up", why))?;
    let allowed = limit_words(limit.current);
    if limit.current.is_some_and(|current| current < wanted) {
        let seen = format!("the limit is {allowed}");
        return Ok(Finding::not_here(
            PROMISED,
            seen,
            format!("RLIMIT_MEMLOCK is {allowed}: lock at most that"),
        ));
    }
    let lowered = Rlimit { current: Some(wanted), maximum: limit.maximum };
    setrlimit(Resource::Memlock, lowered).map_err(|why| Unable::failed("lower the limit", why))?;
    let within = mapping.lock(0..LOCKED_PAGES * page, LockPages::Now);
    let beyond = mapping.lock(LOCKED_PAGES * page..(LOCKED_PAGES + 1) * page, LockPages::Now);
    let seen = match (&within, &beyond) {
        (Ok(()), Err(error)) if errno::is(error, Errno::NOMEM) => {
            let finding =
                Finding::ok(PROMISED, format!("as lowered to 4 pages; the limit is {allowed}"));
            let small = limit.current.filter(|current| *current < MEMLOCK_OF_NOTE);
            let means = small
                .map(|current| format!("RLIMIT_MEMLOCK is {}: lock at most that", size(current)));
            let finding = Finding { means, ..finding };
            return Ok(Rights::now().add(finding, "any number of pages can be locked"));
        }
        (Ok(()), Ok(())) => "the fifth of 4 pages is locked".to_owned(),
        (Ok(()), Err(error)) => format!("the fifth of 4 pages gives {}", errno::name(error)),
        (Err(error), _) => format!("within the limit mlock gives {}", errno::name(error)),
    };
    Ok(Finding::differs(PROMISED, seen, "what can be locked is not what the limit says"))
}

/// Less than this is spent with a few mappings.
const MEMLOCK_OF_NOTE: u64 = 1 << 20;

fn limit_words(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), size)
}

/// Be limited as everybody is.
fn drop_capability() -> rustix::io::Result<()> {
    let mut sets = rustix::thread::capabilities(None)?;
    sets.effective.remove(CapabilitySet::IPC_LOCK);
    rustix::thread::set_capabilities(None, sets)
}

const PAST_END: &str = "a page past the end of the file cannot be locked: ENOMEM";

fn past_end(place: &Place) -> Result<Finding, Unable> {
    let page = rustix::param::page_size();
    let file = place.file("locked", place.page_size())?;
    let mapping = map(&file, 3 * page).map_err(|error| Unable::unmapped("map the file", error))?;
    Ok(match mapping.lock(2 * page..3 * page, LockPages::Now) {
        Err(error) if errno::is(&error, Errno::NOMEM) => Finding::ok(PAST_END, "ENOMEM, no signal"),
        Err(error) if errno::is(&error, Errno::PERM) => Finding::not_here(
            PAST_END,
            "mlock gives EPERM",
            "RLIMIT_MEMLOCK is 0: nothing can be locked",
        ),
        Err(error) => {
            Finding::differs(PAST_END, errno::name(&error), "another answer than promised")
        }
        Ok(()) => Finding::differs(PAST_END, "locked", "a locked page may still fault"),
    })
}

fn overcommit(place: &Place) -> Result<Vec<Finding>, Unable> {
    let policy = figures::setting("/proc/sys/vm/overcommit_memory");
    let memory = figures::meminfo("MemTotal").zip(figures::meminfo("SwapTotal"));
    let (Some(policy), Some((memory, swap))) = (policy, memory) else {
        return Err(Unable::not_here(
            "/proc tells neither the policy nor the memory",
            "a large mapping may be refused",
        ));
    };
    let address_space = getrlimit(Resource::As).current;
    let wanted = 2 * (memory + swap);
    if address_space.is_some_and(|limit| limit < 2 * wanted) {
        let why = format!("RLIMIT_AS is {}", limit_words(address_space));
        return Err(Unable::not_here(
            why,
            "no mapping can be larger than that, whatever is behind it",
        ));
    }
    let len = usize::try_from(wanted).unwrap_or(usize::MAX);
    let private = |flags| Mapping::anonymous(len, access(), Sharing::Private, flags).map(drop);
    Ok(vec![
        committed(policy, &private(MapFlags::empty())).part("private"),
        uncommitted(policy, &private(MapFlags::NORESERVE)).part("no-reserve"),
        part("file", OF_FILE, of_a_file(place, len))?,
    ])
}

fn of_a_file(place: &Place, len: usize) -> Result<Finding, Unable> {
    // One page of it can be mapped; so if not all, then because it is too much.
    let (file, _) = map_readable(place, 1, Protection::READ, Sharing::Shared)?;
    let mapped = Mapping::file(&file, 0, len, Protection::READ, Sharing::Shared, MapFlags::empty());
    Ok(of_file(&mapped.map(drop)))
}

const OF_FILE: &str = "a shared mapping of a file of that length takes no memory";

/// What overcommit_memory says.
fn policy_words(policy: u64) -> &'static str {
    match policy {
        0 => "heuristic (0)",
        1 => "always (1)",
        _ => "never (2)",
    }
}

fn committed(policy: u64, mapped: &io::Result<()>) -> Finding {
    let promised = "twice the memory, private: ENOMEM unless the policy is always (1)";
    let seen = seen_of(mapped, policy);
    if mapped.is_ok() == (policy == 1) {
        Finding::ok(promised, seen)
    } else {
        Finding::differs(
            promised,
            seen,
            "memory is promised by another rule: a container's, perhaps",
        )
    }
}

fn uncommitted(policy: u64, mapped: &io::Result<()>) -> Finding {
    let promised = "the same with MAP_NORESERVE: mapped unless the policy is never (2)";
    let seen = seen_of(mapped, policy);
    match (mapped.is_ok(), policy) {
        (false, 2..) => {
            Finding::not_here(promised, seen, "large private mappings must fit in memory and swap")
        }
        (true, 0 | 1) => Finding::ok(promised, seen),
        _ => Finding::differs(
            promised,
            seen,
            "memory is promised by another rule: a container's, perhaps",
        ),
    }
}

fn seen_of(mapped: &io::Result<()>, policy: u64) -> String {
    let answer = match mapped {
        Ok(()) => "mapped".to_owned(),
        Err(error) => errno::name(error),
    };
    format!("{answer}; the policy is {}", policy_words(policy))
}

fn of_file(mapped: &io::Result<()>) -> Finding {
    match mapped {
        Ok(()) => Finding::ok(OF_FILE, "mapped"),
        Err(error) => Finding::differs(
            OF_FILE,
            errno::name(error),
            "large files cannot be mapped as a whole: map windows of them",
        ),
    }
}

/// More would take too long to try out.
const MOST_AREAS: u64 = 70_000;

fn max_map_count(_: &Place) -> Result<Vec<Finding>, Unable> {
    const PROMISED: &str = "a process can have vm.max_map_count mapped areas";
    let Some(limit) = figures::setting("/proc/sys/vm/max_map_count") else {
        return Err(Unable::not_here(
            "/proc/sys/vm/max_map_count cannot be read",
            "the limit is not known",
        ));
    };
    let areas = usize::try_from(limit.min(MOST_AREAS)).unwrap_or(usize::MAX);
    let page = rustix::param::page_size();
    let memory =
        Mapping::anonymous((areas + 2) * page, access(), Sharing::Private, MapFlags::NORESERVE)
            .map_err(no_addresses)?;
    let refused = split(&memory, page);
    let there = areas_now().map_err(|error| Unable::failed("count the areas", error))?;
    // What follows may need memory.
    drop(memory);
    let finding = match refused {
        Some(error) if there + SLACK >= limit => {
            Finding::ok(PROMISED, format!("{} at {there} of {limit}", errno::name(&error)))
        }
        None if there > areas as u64 && limit > MOST_AREAS => {
            Finding::ok(PROMISED, format!("{there} are no problem; the limit is {limit}"))
        }
        refused => Finding::differs(
            PROMISED,
            format!(
                "{} at {there} of {limit}",
                refused.map_or_else(|| "no error".to_owned(), |error| errno::name(&error))
            ),
            "mappings are refused by another limit",
        ),
    };
    let means = (limit <= FEW_AREAS).then(|| {
        format!("{limit} areas for all mappings, heap and libraries: map large files, not many small ones")
    });
    Ok(vec![Finding { means: finding.means.or(means), ..finding }.measured("areas", to_f64(limit))])
}

/// A limit on addresses is met before one on areas.
fn no_addresses(error: io::Error) -> Unable {
    match [Resource::As, Resource::Data].map(|limit| getrlimit(limit).current) {
        [None, None] => Unable::failed("reserve addresses", error),
        [Some(addresses), _] => Unable::not_here(
            format!("RLIMIT_AS is {}", size(addresses)),
            "addresses are used up before a process has so many areas",
        ),
        [None, Some(memory)] => Unable::not_here(
            format!("RLIMIT_DATA is {}", size(memory)),
            "memory is used up before a process has so many areas",
        ),
    }
}

/// The kernel refuses a split at the limit, and an area that it does not count is listed: the vsyscall page.
const SLACK: u64 = 4;
/// The kernel's own default: a program that maps a file for each of many tables meets it.
const FEW_AREAS: u64 = 65_530;

/// Make every second page another area, until that is refused.
fn split(memory: &Mapping, page: usize) -> Option<io::Error> {
    (0..memory.len())
        .step_by(2 * page)
        .find_map(|at| memory.protect(at..at + page, Protection::READ).err())
}

/// Read in small pieces: at the limit there is no memory for more.
fn areas_now() -> io::Result<u64> {
    let mut maps = File::open("/proc/self/maps")?;
    let mut piece = [0; 4096];
    let mut lines = 0;
    loop {
        match maps.read(&mut piece)? {
            0 => return Ok(lines),
            len => lines += piece[..len].iter().filter(|&&byte| byte == b'\n').count() as u64,
        }
    }
}

/// Descriptors that are left besides those that are open.
const FEW_FILES: u64 = 8;
const MANY_MAPPINGS: u8 = 64;

fn open_files(place: &Place) -> Result<Vec<Finding>, Unable> {
    const PROMISED: &str = "a mapping outlives its descriptor: they need not stay open";
    let limit = getrlimit(Resource::Nofile);
    let open = fs::read_dir("/proc/self/fd")
        .map_err(|error| Unable::failed("count the open files", error))?;
    let lowered = open.count() as u64 + FEW_FILES;
    if let Some(most) = limit.maximum.filter(|most| *most < lowered) {
        return Err(Unable::not_here(
            format!("RLIMIT_NOFILE is {most}, too few to try it"),
            "close descriptors once they are mapped",
        ));
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(lowered), maximum: limit.maximum })
        .map_err(|why| Unable::failed("lower the limit", why))?;
    let mut mappings = Vec::new();
    for byte in 1..=MANY_MAPPINGS {
        let file = place.file(&format!("mapped-{byte}"), 1)?;
        let mapping = map(&file, 1).map_err(|error| Unable::unmapped("map a file", error))?;
        mapping.store(0, byte);
        mappings.push(mapping);
    }
    let kept =
        (1..).zip(&mappings).filter(|(byte, mapping)| mapping.load(0) == *byte).count() as u64;
    let refused = exhausted(place, limit)?;
    let seen = format!("{kept} mapped with {} descriptors; then {refused}", lowered);
    let right = kept == u64::from(MANY_MAPPINGS) && refused == "EMFILE";
    let finding = if right {
        Finding::ok(PROMISED, seen)
    } else {
        Finding::differs(PROMISED, seen, "each mapping needs an open file: mind RLIMIT_NOFILE")
    };
    let soft = limit.current.unwrap_or(u64::MAX);
    let means = (soft < LITTLE)
        .then(|| format!("RLIMIT_NOFILE is {soft}: close descriptors once they are mapped"));
    Ok(vec![
        Finding { means: finding.means.or(means), ..finding }.measured("open_files", to_f64(soft)),
    ])
}

/// The usual soft limit is 1024.
const LITTLE: u64 = 1024;

/// What opening gives once there are no more descriptors; the limit is put back.
fn exhausted(place: &Place, limit: Rlimit) -> Result<String, Unable> {
    let path = place.path("mapped-1")?;
    let mut open = Vec::new();
    let error = loop {
        match File::open(&path) {
            Ok(file) if open.len() as u64 <= 2 * FEW_FILES => open.push(file),
            Ok(_) => break None,
            Err(error) => break Some(error),
        }
    };
    drop(open);
    setrlimit(Resource::Nofile, limit).map_err(|why| Unable::failed("put the limit back", why))?;
    Ok(error.map_or_else(
        || format!("no error after {}", counted(2 * FEW_FILES, "file")),
        |error| errno::name(&error),
    ))
}

fn to_f64(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::experiment::Verdict;

    fn refusal() -> io::Result<()> {
        Err(Errno::NOMEM.into())
    }

    #[test]
    fn each_policy_has_its_own_promise() {
        assert_eq!(committed(0, &refusal()).verdict, Verdict::Ok);
        assert_eq!(committed(0, &Ok(())).verdict, Verdict::Differs);
        assert_eq!(committed(1, &Ok(())).verdict, Verdict::Ok);
        assert_eq!(committed(2, &refusal()).verdict, Verdict::Ok);
        assert_eq!(uncommitted(0, &Ok(())).verdict, Verdict::Ok);
        assert_eq!(uncommitted(0, &refusal()).verdict, Verdict::Differs);
        assert_eq!(uncommitted(2, &refusal()).verdict, Verdict::NotHere);
        assert_eq!(of_file(&refusal()).verdict, Verdict::Differs);
    }

    #[test]
    fn limits_in_words() {
        assert_eq!(limit_words(Some(64 << 10)), "64 KiB");
        assert_eq!(limit_words(None), "unlimited");
    }
}
