//! The table of permissions: what may be mapped how from a descriptor opened how, and touched how then.

use folio::raw;
use folio_model::{Access, Errno, Outcome, Pattern, Protection, Sharing};

use super::super::experiment::{Experiment, Finding, Unable};
use super::super::place::Place;
use super::operations::{FIRST, OLD, Part};
use super::program::{NOT_MAPPED, Step, Trial};
use super::words;

pub(super) const PERMISSIONS: Experiment = Experiment {
    name: "permissions",
    about: "protection by sharing by open mode: what mmap allows, and which touches work then",
    source: "mmap(2), EACCES; mm/mmap.c: do_mmap",
    run: permissions,
};

/// The protections of the table, with their names in it.
const PROTECTIONS: [(&str, Protection); 8] = [
    ("none", Protection::empty()),
    ("r", Protection::READ),
    ("w", Protection::WRITE),
    ("rw", Protection::READ.union(Protection::WRITE)),
    ("x", Protection::EXEC),
    ("rx", Protection::READ.union(Protection::EXEC)),
    ("wx", WRITE_AND_EXECUTE),
    ("rwx", Protection::READ.union(WRITE_AND_EXECUTE)),
];

const WRITE_AND_EXECUTE: Protection = Protection::WRITE.union(Protection::EXEC);

const DIFFERS: &str = "who has a file open can map it otherwise than elsewhere: do not rely on open modes as protection";

fn permissions(place: &Place) -> Result<Vec<Finding>, Unable> {
    let mut findings = Vec::new();
    for sharing in [Sharing::Shared, Sharing::Private] {
        findings.push(named_row(place, sharing, Access::Read)?);
        if place.scratch().is_ok() {
            findings.push(named_row(place, sharing, Access::Write)?);
            findings.push(named_row(place, sharing, Access::ReadWrite)?);
        }
    }
    if let Err(Unable::NotHere { why, means }) = place.scratch() {
        let promised = "the same for files that are open for writing";
        findings.push(Finding::not_here(promised, why, means).part("write-only, read-write"));
    }
    Ok(findings)
}

fn named_row(place: &Place, sharing: Sharing, access: Access) -> Result<Finding, Unable> {
    let name = format!("{}-{}", words::sharing(sharing), mode(access));
    Ok(row(place, sharing, access)?.part(name))
}

fn mode(access: Access) -> &'static str {
    match access {
        Access::Read => "read-only",
        Access::Write => "write-only",
        Access::ReadWrite => "read-write",
    }
}

/// One line: every protection from one kind of descriptor.
fn row(place: &Place, sharing: Sharing, access: Access) -> Result<Finding, Unable> {
    let mut trial = match access {
        Access::Read => Trial::reading(place)?,
        Access::Write | Access::ReadWrite => Trial::writing(place, place.page_size())?,
    };
    trial.set(FIRST.open(1, access));
    let (mut promised, mut seen) = (Groups::default(), Groups::default());
    let mut tried = Vec::new();
    let executes = !place.file_system().has_option("noexec");
    let writes_and_executes = executes && memory_writes_and_executes();
    for (name, protection) in PROTECTIONS {
        if protection.contains(Protection::EXEC) && !executes
            || protection.contains(WRITE_AND_EXECUTE) && !writes_and_executes
        {
            continue;
        }
        let part = Part { sharing, protection, offset: 0, len: place.page_size() };
        let steps = cell(&mut trial, part);
        promised.add(name, may(&steps));
        seen.add(name, did(&steps));
        tried.extend(steps);
    }
    if trial.is_over() {
        return trial.finding(DIFFERS);
    }
    Ok(compared(&promised.in_words(), &seen.in_words(), &tried))
}

/// Whether pages may be for writing and for executing at once. Where a security module forbids that it does so whatever the
/// file, and it is no row of this table.
fn memory_writes_and_executes() -> bool {
    let all = raw::Protection::READ | raw::Protection::WRITE | raw::Protection::EXEC;
    let page = rustix::param::page_size();
    let memory = raw::Mapping::anonymous(page, all, raw::Sharing::Private, raw::MapFlags::empty());
    memory.is_ok()
}

/// Map it, and try both touches if that worked.
fn cell(trial: &mut Trial, part: Part) -> Vec<Step> {
    let mut steps: Vec<Step> = trial.go(FIRST.map(0, 1, part)).into_iter().collect();
    if steps.iter().all(|map| map.seen == Outcome::Done) {
        steps.extend(trial.go(FIRST.load(0, 0, 1)));
        steps.extend(trial.go(FIRST.store(0, 0, 1, OLD)));
    }
    steps
}

fn compared(promised: &str, seen: &str, tried: &[Step]) -> Finding {
    let unmapped = [Errno::ENODEV, Errno::EIO].map(Outcome::Failed);
    if tried.iter().any(|step| unmapped.contains(&step.seen)) {
        return Finding::not_here(promised, seen, NOT_MAPPED);
    }
    if tried.iter().any(differs) {
        return Finding::differs(promised, seen, DIFFERS);
    }
    Finding::ok(promised, seen)
}

/// Which byte a load that works gives is no row of this table: a file that was found may be anybody's to write.
fn differs(step: &Step) -> bool {
    match step.seen {
        Outcome::Bytes(_) => promised_touch(step) == Works::Never,
        _ => step.differs(),
    }
}

/// What the model allows of a cell.
fn may(steps: &[Step]) -> String {
    let [map, touches @ ..] = steps else { return String::new() };
    let refusals: Vec<String> = outcomes(map)
        .filter_map(|outcome| match outcome {
            Pattern::Failed(errno) => Some(errno.to_string()),
            _ => None,
        })
        .collect();
    if refusals.len() == map.allowed.alternatives.len() {
        return refusals.join(" or ");
    }
    match touches {
        [load, store] => touched(promised_touch(load), promised_touch(store)),
        _ => "mapped".to_owned(),
    }
}

/// What was seen of a cell.
fn did(steps: &[Step]) -> String {
    match steps {
        [map] => match map.seen {
            Outcome::Failed(errno) => errno.to_string(),
            _ => "mapped".to_owned(),
        },
        [_, load, store] => touched(seen_touch(load), seen_touch(store)),
        _ => String::new(),
    }
}

/// Whether a touch works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Works {
    Always,
    /// The kernel is free, or the machine decides.
    Perhaps,
    Never,
}

fn outcomes(step: &Step) -> impl Iterator<Item = &Pattern> {
    step.allowed.alternatives.iter().map(|alternative| &alternative.outcome)
}

fn promised_touch(step: &Step) -> Works {
    let faults = outcomes(step).filter(|outcome| matches!(outcome, Pattern::Fault { .. })).count();
    match faults {
        0 => Works::Always,
        all if all == step.allowed.alternatives.len() => Works::Never,
        _ => Works::Perhaps,
    }
}

fn seen_touch(step: &Step) -> Works {
    match step.seen {
        Outcome::Fault { .. } => Works::Never,
        _ => Works::Always,
    }
}

fn touched(load: Works, store: Works) -> String {
    let works: Vec<String> = [("load", load), ("store", store)]
        .into_iter()
        .filter_map(|(touch, works)| match works {
            Works::Always => Some(touch.to_owned()),
            Works::Perhaps => Some(format!("perhaps {touch}")),
            Works::Never => None,
        })
        .collect();
    if works.is_empty() { "neither".to_owned() } else { works.join(" and ") }
}

/// Protections by what comes of them, in the order in which these came up.
#[derive(Clone, Debug, Default)]
struct Groups(Vec<(String, Vec<&'static str>)>);

impl Groups {
    fn add(&mut self, name: &'static str, result: String) {
        match self.0.iter_mut().find(|(known, _)| *known == result) {
            Some((_, names)) => names.push(name),
            None => self.0.push((result, vec![name])),
        }
    }

    fn in_words(&self) -> String {
        let groups: Vec<String> =
            self.0.iter().map(|(result, names)| format!("{}: {result}", names.join(" "))).collect();
        groups.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use folio_model::{Allowed, Alternative, Byte, Signal};

    use super::*;

    fn load(allowed: Pattern, seen: Outcome) -> Step {
        let alternatives = vec![Alternative { outcome: allowed, why: Vec::new() }];
        Step { seen, allowed: Allowed { alternatives } }
    }

    #[test]
    fn a_touch_that_works_and_should_not_differs() {
        let byte = |byte| Pattern::Bytes(vec![Byte::Known(byte)]);
        let fault = |signal| Outcome::Fault { signal, at: 0, before: Vec::new() };
        let segv = || Pattern::Fault { signal: Signal::Segv, at: 0, before: Vec::new() };
        assert!(!differs(&load(byte(1), Outcome::Bytes(vec![1]))));
        assert!(!differs(&load(byte(1), Outcome::Bytes(vec![2]))));
        assert!(differs(&load(byte(1), fault(Signal::Segv))));
        assert!(differs(&load(segv(), Outcome::Bytes(vec![1]))));
        assert!(differs(&load(segv(), fault(Signal::Bus))));
        assert!(!differs(&load(segv(), fault(Signal::Segv))));
    }

    #[test]
    fn protections_are_told_by_what_comes_of_them() {
        let mut groups = Groups::default();
        groups.add("none", touched(Works::Never, Works::Never));
        groups.add("r", touched(Works::Always, Works::Never));
        groups.add("w", "EACCES".to_owned());
        groups.add("rw", "EACCES".to_owned());
        groups.add("x", touched(Works::Perhaps, Works::Never));
        groups.add("rx", touched(Works::Always, Works::Never));
        assert_eq!(groups.in_words(), "none: neither; r rx: load; w rw: EACCES; x: perhaps load");
        assert_eq!(touched(Works::Always, Works::Always), "load and store");
    }
}
