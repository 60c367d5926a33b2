use std::collections::HashMap;
use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::child::Waiting;
use crate::copied::{PAGE, child_that_copied, data};
use crate::run::{command, json, maps, number, of, sum, what};

/// The sums of the figures of a file of /proc, in bytes; the plainest way.
fn figures(pid: u32, name: &str) -> HashMap<String, u64> {
    let mut sums = HashMap::new();
    for line in fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap().lines() {
        if let [name, number, "kB"] = line.split_whitespace().collect::<Vec<_>>()[..] {
            let number: u64 = number.parse().unwrap();
            *sums.entry(name.trim_end_matches(':').to_owned()).or_default() += number * 1024;
        }
    }
    sums
}

/// What the command says, and what /proc says at the same moment: pages that a fork left shared come apart when this process
/// stores to them. Proportional figures are never at rest: others start and end that have the same libraries, the command itself too.
fn at_rest(child: &Waiting, args: &[&str], file: &str) -> (Vec<Value>, HashMap<String, u64>) {
    let pid = child.pid().to_string();
    let args: Vec<_> = [pid.as_str()].iter().chain(args).copied().collect();
    for _ in 0..1000 {
        let at_rest = |mut figures: HashMap<String, u64>| {
            figures.retain(|name, _| !name.contains("Pss"));
            figures
        };
        let before = figures(child.pid(), file);
        let objects = json(&args);
        if at_rest(figures(child.pid(), file)) == at_rest(before.clone()) {
            return (objects, before);
        }
    }
    panic!("the figures of a process that waits do not come to rest");
}

pub(crate) fn totals_are_the_sums_of_smaps() {
    let dir = tempfile::tempdir().unwrap();
    let (child, _) = child_that_copied(&data(&dir));
    let (objects, smaps) = at_rest(&child, &[], "smaps");
    let [process] = what(&objects, "process")[..] else { panic!("{objects:#?}") };
    assert_eq!(number(process, "pid"), u64::from(child.pid()));
    for (key, name) in [
        ("resident", "Rss"),
        ("private_dirty", "Private_Dirty"),
        ("private_clean", "Private_Clean"),
        ("shared_clean", "Shared_Clean"),
        ("shared_dirty", "Shared_Dirty"),
        ("anonymous", "Anonymous"),
        ("swapped", "Swap"),
        ("locked", "Locked"),
    ] {
        assert_eq!(number(process, key), smaps[name], "{key}");
    }
    assert_eq!(number(process, "own"), smaps["Private_Clean"] + smaps["Private_Dirty"]);
    // The sum of what the kernel rounds down for each mapping, or its own sum.
    let mappings = what(&objects, "mapping");
    let (share, sum) = (number(process, "share"), sum(&mappings, "share"));
    assert!((sum..=sum + 1024 * mappings.len() as u64).contains(&share), "{share}, {sum}");
    is_about(share, smaps["Pss"]);
    // This file nobody else has.
    let own = |object: &&&Value| object["belongs"].as_str().unwrap().ends_with("some-data");
    let data = mappings.iter().find(own).expect("the child has mapped it");
    assert_eq!((number(data, "share"), number(data, "own")), (16 * PAGE, 16 * PAGE));
}

/// A page that the child had alone and the command maps too counts half as much while that runs.
#[track_caller]
fn is_about(share: u64, before: u64) {
    assert!((before / 2..=before * 2).contains(&share), "{share} and not {before}");
}

pub(crate) fn totals_alone_are_those_of_the_rollup() {
    let child = Waiting::after(|| ());
    let (objects, rollup) = at_rest(&child, &["--total"], "smaps_rollup");
    let [process] = objects.as_slice() else { panic!("{objects:#?}") };
    is_about(number(process, "share"), rollup["Pss"]);
    assert_eq!(number(process, "resident"), rollup["Rss"]);
    let text = maps(&["--total", &child.pid().to_string()]).text();
    assert!(
        text.contains("(USS)") && text.contains("(PSS)") && !text.contains("by kind"),
        "{text}"
    );
}

pub(crate) fn groups_and_mappings_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let (child, _) = child_that_copied(&data(&dir));
    let objects = json(&[&child.pid().to_string()]);
    let [process] = what(&objects, "process")[..] else { panic!("{objects:#?}") };
    for what_of in ["kind", "file", "mapping"] {
        let rows = what(&objects, what_of);
        for key in ["size", "resident", "own", "shared", "dirty", "copied", "anonymous"] {
            assert_eq!(sum(&rows, key), number(process, key), "{key} by {what_of}");
        }
    }
    let mappings = what(&objects, "mapping").len() as u64;
    assert_eq!(sum(&what(&objects, "kind"), "mappings"), mappings);
    assert_eq!(number(process, "mappings"), mappings);
    let kinds: Vec<_> = what(&objects, "kind").iter().map(|kind| kind["kind"].clone()).collect();
    for kind in ["program text", "program data", "library text", "heap", "stack", "files"] {
        assert!(kinds.iter().any(|found| found == kind), "{kind} in {kinds:?}");
    }
}

/// A terminal of 80 columns, that of script(1).
pub(crate) fn lines_fit_a_terminal_of_80_columns() {
    let child = Waiting::after(|| ());
    let pid = child.pid().to_string();
    let folio = env!("CARGO_BIN_EXE_folio");
    for args in ["", "--all", "--pages", "--pages=each"] {
        let inside = format!("stty cols 80 rows 24; {folio} --color never maps {args} {pid}");
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &inside, "/dev/null"]).stdin(Stdio::null());
        if let Err(error) = script.output() {
            return testfs::skip("a terminal", error);
        }
        let text = of(&mut script).text();
        assert!(text.contains("by kind"), "{text}");
        let long: Vec<_> =
            text.lines().map(str::trim_end).filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{long:#?}");
    }
    // For a program nothing is cut.
    let text = of(command().args(["--all", &pid])).text();
    assert!(text.contains(std::env::current_exe().unwrap().to_str().unwrap()), "{text}");
}
