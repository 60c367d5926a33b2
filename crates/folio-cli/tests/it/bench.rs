//! `folio bench`: that it measures what it says, and refuses what it cannot. Never how fast anything is.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Dir, bytes, folio, folio_as_nobody, run};

/// As short as it can be.
fn bench(path: &Path) -> Command {
    let mut command = folio();
    command.args(["bench", "--time", "0.5", "--rounds", "2", "--size", "4M"]).arg(path);
    command
}

fn json(command: &mut Command) -> Value {
    serde_json::from_slice(&run(command.arg("--json")).ok()).unwrap()
}

/// A place on a disk, if the repository is on one.
fn on_disk() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap()
}

#[test]
fn every_way_and_pattern_has_a_row_cold_and_warm() {
    let dir = on_disk();
    let report = json(&mut bench(dir.path()));
    let rows = report["reads"].as_array().unwrap();
    let mut groups = std::collections::BTreeMap::<String, usize>::new();
    for row in rows {
        let group = format!("{} {} {}", row["cache"], row["pattern"], row["threads"]);
        *groups.entry(group).or_default() += 1;
        match &row["measured"] {
            Value::Null => {
                assert!(row["not_measured"].as_str().is_some_and(|why| !why.is_empty()), "{row}")
            }
            measured => {
                assert_eq!(measured["rounds"].as_array().unwrap().len(), 2);
                let rate = &measured["bytes_per_second"];
                assert!(
                    rate["low"].as_f64() > Some(0.0)
                        && rate["low"].as_f64() <= rate["high"].as_f64()
                );
                // Looked at and found so, or it says why not.
                assert!(
                    measured["cache_verified"] == Value::Bool(true)
                        || measured["cache_remark"].is_string(),
                    "{row}"
                );
            }
        }
    }
    let ways = groups.values().next().copied().unwrap();
    assert!(ways >= 19 && groups.values().all(|&count| count == ways), "{groups:?}");
    assert!(groups.len() >= 8, "four patterns, cold and warm: {groups:?}");
    assert!(!report["advice"].as_array().unwrap().is_empty());
    assert!(report["costs_seconds"]["page_fault"]["median"].as_f64() > Some(0.0));
    // Two ways, five sizes, alone and together.
    assert_eq!(report["writes"].as_array().unwrap().len(), 20);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
}

#[test]
fn a_file_that_is_named_stays_as_it_is() {
    let dir = on_disk();
    let path = dir.path().join("f");
    let content = bytes(3_000_001);
    std::fs::write(&path, &content).unwrap();
    let before = std::fs::metadata(&path).unwrap();
    let text = run(&mut bench(&path)).text();
    assert!(text.contains("Writing was not measured"), "{text}");
    assert!(text.contains("Advice"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\u{1b}'));
    let after = std::fs::metadata(&path).unwrap();
    assert_eq!((before.len(), before.mtime_nsec()), (after.len(), after.mtime_nsec()));
    assert_eq!(std::fs::read(&path).unwrap(), content);
}

#[test]
fn only_what_is_asked_for_is_measured() {
    let dir = on_disk();
    let mut command = bench(dir.path());
    command.args([
        "--ways",
        "pread,direct",
        "--patterns",
        "random",
        "--cache",
        "cold",
        "-j",
        "1",
        "--only",
        "read",
    ]);
    let report = json(&mut command);
    let rows: Vec<_> = report["reads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["way"].as_str().unwrap())
        .collect();
    assert_eq!(rows, ["pread", "direct"]);
    assert!(report["writes"].as_array().unwrap().is_empty());

    let mut command = bench(dir.path());
    let report = json(command.args(["--only", "write", "--record", "100,4K"]));
    assert!(report["reads"].as_array().unwrap().is_empty());
    let sizes: Vec<_> = report["writes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["record_bytes"].as_u64().unwrap())
        .collect();
    assert_eq!(sizes, [100, 100, 100, 100, 4096, 4096, 4096, 4096]);
}

#[test]
fn small_files_are_measured_too() {
    let dir = on_disk();
    for len in [1, 4097, 70_000] {
        let path = dir.path().join("f");
        std::fs::write(&path, bytes(len)).unwrap();
        let report = json(bench(&path).args(["-j", "1"]));
        assert_eq!(report["method"]["measured_bytes"].as_u64(), Some(len as u64));
        let measured = |row: &&Value| !row["measured"].is_null();
        assert!(report["reads"].as_array().unwrap().iter().filter(measured).count() > 40);
    }
}

#[test]
fn tmpfs_is_never_cold_and_that_is_said() {
    let Some(fs) = testfs::FileSystem::new(testfs::Kind::Tmpfs) else { return };
    let text = run(&mut bench(fs.path())).text();
    assert!(text.contains("nothing is cold: the file system keeps its files in memory"), "{text}");
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let dir = Dir::new();
    let empty = dir.file("empty", b"");
    assert_eq!(
        run(&mut bench(&empty)).failed(),
        format!("folio: {}: is empty: there is nothing to read\n", empty.display())
    );
    let fifo = dir.fifo("fifo");
    assert!(
        run(&mut bench(&fifo)).failed().contains("neither a file, a block device nor a directory")
    );
    let missing = dir.path("missing\n");
    assert!(run(&mut bench(&missing)).failed().contains("missing\\n': cannot open: No such file"));
    let file = dir.file("file", &bytes(10_000));
    assert!(
        run(bench(&file).args(["--only", "write"])).failed().contains("is no directory, and only")
    );
    let full = run(folio().args(["bench", "--size", "1E"]).arg(dir.as_ref()));
    assert!(full.failed().contains("cannot make a file in: No space left on device"), "{:?}", full);
    for wrong in [
        &["--ways", "mmap"][..],
        &["--rounds", "1"],
        &["--time", "0"],
        &["--patterns", "zigzag"],
        &["--record", "0"],
        &["--record", "4K,2M"],
    ] {
        assert_eq!(run(folio().arg("bench").args(wrong).arg(".")).code, Some(2), "{wrong:?}");
    }
    assert_eq!(run(folio().arg("bench")).code, Some(2));
}

/// /dev keeps its files in memory, but no device is: it is made cold as a file is, and stays as it is.
#[test]
fn a_block_device_is_read_cold_and_not_written() {
    let dir = on_disk();
    let (image, content) = (dir.path().join("image"), bytes(4 << 20));
    std::fs::write(&image, &content).unwrap();
    let made = Command::new("losetup").args(["-f", "--show"]).arg(&image).output();
    let name = match made {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).unwrap(),
        other => return testfs::skip("a loop device", format!("losetup: {other:?}")),
    };
    let mut command = bench(Path::new(name.trim()));
    let measured = run(command.args(["-j", "1", "--patterns", "random", "--json"]));
    let written = run(bench(Path::new(name.trim())).args(["--only", "write"]));
    assert!(Command::new("losetup").args(["-d", name.trim()]).status().unwrap().success());

    let report: Value = serde_json::from_slice(&measured.ok()).unwrap();
    let row = |way: &str| {
        let is_it = |row: &&Value| row["way"] == way && row["cache"] == "cold";
        report["reads"].as_array().unwrap().iter().find(is_it).unwrap().clone()
    };
    assert_eq!(row("pread")["measured"]["cache_verified"], Value::Bool(true), "{}", row("pread"));
    assert!(row("map")["not_measured"].as_str().unwrap().contains("devices none"));
    assert!(written.failed().contains("is no directory"));
    assert_eq!(std::fs::read(&image).unwrap(), content);
}

/// Where files may not be long, that is the reason that is given, and not a signal.
#[test]
fn a_limit_on_the_length_of_files_is_told() {
    let dir = on_disk();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 100; exec \"$0\" \"$@\""]).arg(env!("CARGO_BIN_EXE_folio"));
    let ended = run(command.args(["bench", "--size", "4M", "--time", "0.3"]).arg(dir.path()));
    assert!(ended.failed().contains("a file in: File too large"), "{ended:?}");
}

/// Nothing else is on standard output where a plot is.
#[test]
fn a_plot_takes_standard_output_alone() {
    let dir = on_disk();
    let path = dir.path().join("f");
    std::fs::write(&path, bytes(100_000)).unwrap();
    let mut command = bench(&path);
    command.args(["-j", "1", "--ways", "pread", "--patterns", "hot", "--svg", "-"]);
    let text = run(&mut command).text();
    assert!(text.starts_with("<?xml") || text.starts_with("<svg"), "{text}");
    assert!(text.trim_end().ends_with("</svg>"), "{text}");
}

#[test]
fn the_list_has_every_way_and_pattern() {
    let text = run(folio().args(["bench", "--list"])).text();
    for name in ["pread", "map-populate", "uring-direct", "sendfile", "strided", "hot"] {
        assert!(
            text.lines().any(|line| line.trim_start().starts_with(&format!("{name} "))),
            "{name}: {text}"
        );
    }
}

/// Somebody else's file can be read, and whether it is cold the kernel does not tell.
#[test]
fn another_owners_file_is_not_called_cold() {
    let dir = Dir::new();
    let Some(mut command) = folio_as_nobody(&dir) else { return };
    let file = dir.file("file", &bytes(100_000));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    command.args(["bench", "--time", "0.3", "--rounds", "2", "-j", "1", "--json"]).arg(&file);
    let report: Value = serde_json::from_slice(&run(&mut command).ok()).unwrap();
    let cold = |row: &&Value| row["cache"] == "cold" && !row["measured"].is_null();
    let rows: Vec<_> = report["reads"].as_array().unwrap().iter().filter(cold).collect();
    assert!(!rows.is_empty());
    assert!(rows.iter().all(|row| row["measured"]["cache_verified"].is_null()
        && row["measured"]["cache_remark"].is_string()));
}
