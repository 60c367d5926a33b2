//! What `folio doctor` finds about mappings, on each file system.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use testfs::{FileSystem, Kind};

use crate::harness::*;

/// All experiments about mappings.
const EXPERIMENTS: [&str; 20] = [
    "permissions",
    "alignment",
    "private-write",
    "private-follows",
    "shared-processes",
    "shared-read-write",
    "lazy",
    "readahead",
    "first-touch-race",
    "zero-fill",
    "sigbus",
    "truncate-shared",
    "truncate-private",
    "regrow",
    "fork",
    "remap",
    "blocked-sigbus",
    "dontneed",
    "remove",
    "unmap-split",
];

/// What every kernel and every file system that can be written shows, as far as no number of a page is in it: experiment,
/// part, seen.
const SEEN: [(&str, &str, &str); 20] = [
    ("permissions", "shared-write-only", "none r w rw x rx wx rwx: EACCES"),
    ("permissions", "private-write-only", "none r w rw x rx wx rwx: EACCES"),
    (
        "private-write",
        "",
        "mapping shows new bytes; file shows old bytes; file after munmap shows old bytes",
    ),
    (
        "private-follows",
        "",
        "loaded page shows new bytes; untouched page shows new bytes; stored page shows old bytes",
    ),
    ("shared-processes", "", "the other's mapping shows new bytes; its read(2) shows new bytes"),
    (
        "shared-read-write",
        "",
        "read(2) after a store shows new bytes; a load after write(2) shows new bytes",
    ),
    ("first-touch-race", "shared", "first touch after write(2) shows new bytes"),
    ("first-touch-race", "private", "first touch after write(2) shows new bytes"),
    (
        "truncate-shared",
        "",
        "the part before the cut shows new bytes; rest of the page shows zeros; beyond gives SIGBUS",
    ),
    ("regrow", "shared", "rest of the page shows zeros; beyond shows zeros"),
    ("regrow", "private", "rest of the page shows new bytes; beyond shows zeros"),
    ("regrow", "tail", "third page shows zeros; fourth shows new bytes"),
    (
        "fork",
        "shared",
        "in the parent, the child's page shows new bytes; in the child, the parent's page shows new bytes",
    ),
    (
        "fork",
        "private",
        "in the child, the page stored to before shows new bytes; in the parent, the child's page shows old bytes",
    ),
    (
        "remap",
        "",
        "page of the file shows old bytes; page past its end gives SIGBUS; once grown it shows new bytes",
    ),
    ("blocked-sigbus", "folio", "an error that says truncated"),
    ("blocked-sigbus", "blocked", "killed by SIGBUS"),
    ("dontneed", "private", "advised page shows old bytes; next page shows new bytes"),
    ("dontneed", "shared", "advised page shows new bytes; file shows new bytes"),
    (
        "unmap-split",
        "",
        "page before it shows old bytes; unmapped page gives SIGSEGV; page behind it shows old bytes",
    ),
];

/// The findings of all experiments about mappings in `dir`, none of which failed or differs.
#[track_caller]
fn findings(dir: &Path) -> Vec<Value> {
    let mut command = folio();
    command.arg("doctor").arg(dir).arg("--json");
    for name in EXPERIMENTS {
        command.args(["--only", name]);
    }
    let ran = run(&mut command);
    let report: Value = serde_json::from_slice(&ran.out).unwrap();
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{report:#}");
    assert_eq!(report["failures"], Value::Array(Vec::new()));
    let findings = report["findings"].as_array().unwrap().clone();
    let of_memory: Vec<_> =
        findings.into_iter().filter(|finding| finding["group"] == "memory").collect();
    let tried: BTreeSet<_> =
        of_memory.iter().map(|finding| finding["experiment"].as_str().unwrap()).collect();
    assert_eq!(tried, BTreeSet::from(EXPERIMENTS));
    of_memory
}

#[track_caller]
fn finding<'a>(findings: &'a [Value], experiment: &str, part: &str) -> &'a Value {
    let is_it = |finding: &&Value| {
        finding["experiment"] == experiment && finding["part"].as_str().unwrap_or("") == part
    };
    findings.iter().find(is_it).unwrap_or_else(|| panic!("{experiment} has no part {part}"))
}

/// A number of `lazy` or `readahead`.
#[track_caller]
fn measured(findings: &[Value], experiment: &str, part: &str, name: &str) -> f64 {
    let finding = finding(findings, experiment, part);
    finding["measured"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {finding}"))
}

/// Nothing to be had on this file system.
fn lacks(kind: Kind) -> &'static [&'static str] {
    match kind {
        // What is in memory cannot be read ahead; the overlay's layers are a tmpfs.
        Kind::Tmpfs | Kind::Overlay => &["readahead"],
        // bindfs hands on no holes.
        Kind::Fuse => &["remove"],
        _ => &[],
    }
}

fn all_is_as_promised(fs: &FileSystem) -> Vec<Value> {
    let findings = findings(fs.path());
    for finding in &findings {
        let name = finding["experiment"].as_str().unwrap();
        let expected = if lacks(fs.kind()).contains(&name) { "not-here" } else { "ok" };
        assert_eq!(finding["verdict"], expected, "{finding:#}");
    }
    for (experiment, part, seen) in SEEN {
        assert_eq!(finding(&findings, experiment, part)["seen"], seen, "{experiment} {part}");
    }
    findings
}

#[test]
fn all_is_as_promised_where_files_can_be_written() {
    let kinds = [Kind::Ext4, Kind::Tmpfs, Kind::Xfs, Kind::Btrfs, Kind::Overlay, Kind::Fuse];
    testfs::each(&kinds, |fs| {
        let findings = all_is_as_promised(fs);
        let lazy = |part, name| measured(&findings, "lazy", part, name);
        assert!(lazy("touch", "one_touch_pages") >= 1.0);
        assert!(lazy("faults", "first_pass_faults") >= 1.0);
        assert_eq!(lazy("faults", "second_pass_faults"), 0.0);
        assert!(lazy("populate", "populate_faults") <= lazy("faults", "first_pass_faults"));
        assert!(lazy("advice", "random_faults") >= 1.0);
        if !lacks(fs.kind()).contains(&"readahead") {
            let pages = |name| measured(&findings, "readahead", "", name);
            assert!(pages("random_touch_pages") >= 1.0);
            assert!(pages("random_touch_pages") <= pages("normal_touch_pages"));
        }
    });
}

/// A store past the end of the file is the file system's to keep: either way is allowed, and keeping it is told.
#[test]
fn a_store_past_the_end_that_comes_up_later_is_told() {
    testfs::each(&[Kind::Tmpfs], |fs| {
        let findings = findings(fs.path());
        let found = finding(&findings, "zero-fill", "store-past-end");
        assert_eq!(found["verdict"], "ok");
        assert!(
            found["promised"].as_str().unwrap().ends_with("shows zeros or new bytes"),
            "{found}"
        );
        let kept = found["seen"].as_str().unwrap().ends_with("shows new bytes");
        assert_eq!(kept, found["means"].is_string(), "{found}");
    });
}

/// Where nothing can be written, a file that is there shows what can be shown.
#[test]
fn what_takes_no_writing_is_tried_on_a_file_that_is_there() {
    testfs::each(&[Kind::Squashfs, Kind::Erofs], |fs| {
        let findings = findings(fs.path());
        for (experiment, part) in [
            ("permissions", "shared-read-only"),
            ("permissions", "private-read-only"),
            ("alignment", "mmap"),
            ("alignment", "folio"),
            ("private-write", ""),
            ("lazy", "touch"),
            ("zero-fill", "load"),
            ("sigbus", "shared"),
            ("fork", "private"),
            ("dontneed", "private"),
            ("unmap-split", ""),
        ] {
            let found = finding(&findings, experiment, part);
            assert_eq!(found["verdict"], "ok", "{found:#}");
        }
        for (experiment, part) in [
            ("private-write", ""),
            ("fork", "private"),
            ("dontneed", "private"),
            ("unmap-split", ""),
        ] {
            let (_, _, seen) =
                SEEN.into_iter().find(|row| (row.0, row.1) == (experiment, part)).unwrap();
            assert_eq!(finding(&findings, experiment, part)["seen"], seen);
        }
    });
}

#[test]
fn files_that_cannot_be_mapped_are_not_here() {
    let findings = findings(Path::new("/proc"));
    for found in findings {
        assert_eq!(found["verdict"], "not-here", "{found:#}");
    }
}
