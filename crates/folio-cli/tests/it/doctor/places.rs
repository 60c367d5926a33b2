//! File systems, and directories that are not the usual ones.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use testfs::Kind;

use super::*;

/// Where files can be made.
const WRITABLE: &[Kind] =
    &[Kind::Here, Kind::Tmpfs, Kind::Ext4, Kind::Xfs, Kind::Btrfs, Kind::Overlay, Kind::Fuse];

/// Every line has its parts, and the summary counts them.
#[track_caller]
fn check(report: &Value) {
    assert_eq!(list(&report["failures"]), [] as [Value; 0]);
    let mut counts = [0; 3];
    for finding in list(&report["findings"]) {
        let verdict = finding["verdict"].as_str().unwrap();
        let index = ["ok", "differs", "not-here"].iter().position(|name| *name == verdict).unwrap();
        counts[index] += 1;
        for text in ["experiment", "promised", "seen"] {
            assert!(!finding[text].as_str().unwrap().is_empty(), "{finding}");
        }
        assert!(
            verdict == "ok" || !finding["means"].as_str().unwrap_or("").is_empty(),
            "{finding}"
        );
    }
    let summary = &report["summary"];
    let broken = list(&report["verdicts"]).iter().filter(|verdict| verdict["verdict"] == "broken");
    assert_eq!(broken.count(), 0, "{report:#}");
    let counted = ["ok", "differs", "not_here"].map(|name| number(&summary[name]));
    assert_eq!(counted, counts);
    assert_eq!(list(&report["verdicts"]).len(), 6);
}

#[test]
fn each_file_system_that_can_be_written() {
    testfs::each(WRITABLE, |fs| {
        let bystander = Bystander::new(fs.path());
        let report = report(&mut doctor(fs.path()));
        check(&report);
        let place = &report["place"];
        assert_eq!(place["no_files"], Value::Null);
        let name = place["file_system"].as_str().unwrap();
        match fs.kind() {
            Kind::Here => assert!(!name.is_empty()),
            Kind::Fuse => assert!(name.starts_with("fuse"), "{name}"),
            kind => assert_eq!(name, kind.name()),
        }
        let frozen = verdict(&report, "Frozen");
        assert_eq!(frozen["verdict"], "yes", "{frozen}");
        let uses = frozen["uses"].as_str().unwrap();
        match fs.kind() {
            Kind::Here => {}
            Kind::Ext4 | Kind::Tmpfs | Kind::Xfs | Kind::Btrfs => assert_eq!(uses, "lease"),
            // A lease would prove nothing.
            _ => assert_ne!(uses, "lease"),
        }
        for kind in ["Private", "Shared", "SharedMut", "channel"] {
            assert_ne!(verdict(&report, kind)["verdict"], "no", "{kind}: {report:#}");
        }
        let log = &verdict(&report, "log")["verdict"];
        match fs.kind() {
            Kind::Ext4 | Kind::Xfs => assert_eq!(log, "yes"),
            Kind::Tmpfs | Kind::Btrfs | Kind::Fuse => assert_eq!(log, "limited"),
            _ => assert_ne!(log, "no"),
        }
        assert_eq!(left_in(fs.path()), [] as [&str; 0]);
        bystander.is_untouched();
    });
}

#[test]
fn what_can_only_be_read_is_read() {
    testfs::each(&[Kind::Squashfs, Kind::Erofs], |fs| {
        let report = report(&mut doctor(fs.path()));
        check(&report);
        assert_eq!(report["place"]["no_files"], "the file system is read-only");
        assert_eq!(verdict(&report, "Frozen")["verdict"], "yes");
        assert_eq!(verdict(&report, "Shared")["verdict"], "yes");
        for kind in ["SharedMut", "log", "channel"] {
            assert_eq!(verdict(&report, kind)["verdict"], "no", "{kind}");
            assert_eq!(verdict(&report, kind)["why"][0], "the file system is read-only");
        }
        let read =
            list(&report["findings"]).iter().find(|found| found["experiment"] == "same-bytes");
        assert_eq!(read.unwrap()["verdict"], "ok");
    });
}

/// A program of one machine may keep its files out of the page cache; then the kernel maps none of them shared.
#[test]
fn where_no_file_is_mapped_shared() {
    testfs::each(&[Kind::FuseDirect], |fs| {
        let report = report(&mut doctor(fs.path()));
        check(&report);
        let part = |experiment: &str, part: &str| {
            let parts = |found: &&Value| {
                found["experiment"] == experiment && found["part"].as_str().unwrap_or("") == part
            };
            list(&report["findings"]).iter().find(parts).expect(experiment)["verdict"].clone()
        };
        for whole in ["hole-punch", "msync", "msync-cost", "open-files", "remap"] {
            assert_eq!(part(whole, ""), "not-here", "{whole}");
        }
        // What needs no such mapping is tried all the same.
        for (experiment, needs, does_not) in [
            ("lease", "writable-mapping", "waiting-writer"),
            ("replace", "mapping", "name"),
            ("cachestat", "own", "foreign"),
            ("mlock", "past-end", "limit"),
            ("guard-pages", "file", "memory"),
            ("huge-pages", "file", "memory"),
            ("permissions", "shared-read-only", "private-read-only"),
        ] {
            assert_eq!(part(experiment, needs), "not-here", "{experiment} {needs}");
            assert_ne!(part(experiment, does_not), "differs", "{experiment} {does_not}");
        }
        for kind in ["Shared", "SharedMut", "log", "channel"] {
            assert_eq!(verdict(&report, kind)["verdict"], "no", "{kind}");
        }
        assert_eq!(verdict(&report, "Frozen")["uses"], "snapshot by copy");
        assert_eq!(left_in(fs.path()), [] as [&str; 0]);
    });
}

/// In cgroups(7) a directory is a group of processes: it can be made, no file can be made in it, and its own cannot be
/// removed.
#[test]
fn where_directories_take_no_files() {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let groups = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let groups: Vec<_> = groups.filter(|mount| mount[2] == "cgroup2").collect();
    let Some(groups) = groups.first().map(|mount| Path::new(mount[1])) else {
        testfs::skip("control groups", "none are mounted");
        return;
    };
    let report = report(&mut doctor(groups));
    check(&report);
    assert_ne!(report["place"]["no_files"], Value::Null);
    assert_eq!(verdict(&report, "log")["verdict"], "no");
    assert_eq!(left_in(groups), [] as [&str; 0]);
}

/// Of hugetlbfs files are made and mapped, and write(2) is not for them.
#[test]
fn where_files_cannot_be_written() {
    let dir = Dir::new();
    let mounted = "mount -t hugetlbfs none \"$1\" && exec \"$0\" doctor --json \"$1\"";
    let mut command = folio_at(Path::new("unshare"));
    command.args(["-m", "sh", "-c", mounted, env!("CARGO_BIN_EXE_folio")]).arg(dir.path(""));
    let ran = run(&mut command);
    let Ok(report) = serde_json::from_slice::<Value>(&ran.out) else {
        return testfs::skip("hugetlbfs", ran.err.trim());
    };
    check(&report);
    assert_eq!(ran.code, Some(0));
    assert_eq!(report["place"]["no_files"], "no file can be made here (Invalid argument)");
}

#[test]
fn proc_holds_nothing_to_map() {
    let report = report(&mut doctor(Path::new("/proc")));
    check(&report);
    assert_eq!(report["place"]["no_files"], "proc takes no new files");
    for kind in ["Shared", "SharedMut", "log", "channel"] {
        assert_eq!(verdict(&report, kind)["verdict"], "no", "{kind}");
    }
}

/// As the user who owns nothing: in a directory of theirs, in one that they may only look into, and in a closed one.
#[test]
fn nobody_needs_to_be_root() {
    let dir = Dir::new();
    let as_nobody = |place: &Path| {
        let mut command = folio_as_nobody(&dir)?;
        command.arg("doctor").arg(place);
        Some(command)
    };
    let own = dir.path("own");
    let Some(mut command) = as_nobody(&own) else { return };
    fs::create_dir(&own).unwrap();
    std::os::unix::fs::chown(&own, Some(NOBODY), Some(NOBODY)).unwrap();
    let found = report(&mut command);
    check(&found);
    assert_eq!(found["place"]["no_files"], Value::Null);
    assert_eq!(left_in(&own), [] as [&str; 0]);

    let others = dir.path("others");
    fs::create_dir(&others).unwrap();
    // What they could write to, although nothing can be made beside it.
    let bystander = Bystander::new(&others);
    fs::set_permissions(&bystander.path, fs::Permissions::from_mode(0o666)).unwrap();
    let found = report(&mut as_nobody(&others).unwrap());
    check(&found);
    assert_eq!(found["place"]["no_files"], "no permission to make files here");
    assert_eq!(verdict(&found, "Shared")["verdict"], "yes");
    bystander.is_untouched();

    let closed = dir.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let ran = run(&mut as_nobody(&closed).unwrap());
    let why = format!("folio: {}: cannot open: Permission denied\n", closed.display());
    assert_eq!(ran.failed(), why);
}

#[test]
fn a_full_file_system_is_no_failure() {
    for kind in [Kind::Tmpfs, Kind::Ext4] {
        let Some(fs) = testfs::FileSystem::with_size(kind, 16 << 20) else { continue };
        fs.fill().unwrap();
        let filler = Bystander::at(fs.path().join("filler"));
        let report = report(&mut doctor(fs.path()));
        assert_eq!(list(&report["failures"]), [] as [Value; 0], "{kind}");
        assert_eq!(verdict(&report, "log")["verdict"], "no", "{kind}");
        assert_eq!(left_in(fs.path()), [] as [&str; 0]);
        filler.is_untouched();
    }
}

#[test]
fn what_is_no_directory() {
    let dir = Dir::new();
    let ran = run(&mut doctor(&dir.path("missing")));
    let name = dir.path("missing").display().to_string();
    assert_eq!(ran.failed(), format!("folio: {name}: cannot open: No such file or directory\n"));
    let file = dir.file("file", b"bytes");
    let ran = run(&mut doctor(&file));
    assert_eq!(ran.failed(), format!("folio: {}: not a directory\n", file.display()));
    let ran = run(&mut doctor(&file.join("below")));
    assert_eq!(
        ran.failed(),
        format!("folio: {}: cannot open: Not a directory\n", file.join("below").display())
    );
    assert_eq!(run(&mut doctor(Path::new(""))).code, Some(2));
}

#[test]
fn names_that_would_break_a_line() {
    let dir = Dir::new();
    for name in [&b"two\nlines"[..], b"\x1b[31mred", b"caf\xe9", b"-dash", b"a b"] {
        let odd = dir.path(OsStr::from_bytes(name));
        fs::create_dir(&odd).unwrap();
        let found = report(doctor(&odd).args(["--only", "replace", "--only", "channel"]));
        assert_eq!(number(&found["summary"]["ok"]), 3, "{found:#}");
        assert_eq!(verdict(&found, "channel")["verdict"], "yes");
        let text = run(doctor(&odd).args(["--only", "replace"])).text();
        assert!(!text.contains('\x1b') && text.starts_with(['/', '$']), "{text}");
        assert_eq!(found["place"].get("dir_hex").is_some(), name == b"caf\xe9");
        assert_eq!(left_in(&odd), [] as [&str; 0]);
    }
}

#[test]
fn the_directory_can_be_relative_and_a_link() {
    let dir = Dir::new();
    fs::create_dir(dir.path("real")).unwrap();
    std::os::unix::fs::symlink("real", dir.path("link")).unwrap();
    let real = fs::canonicalize(dir.path("real")).unwrap();
    let only = ["doctor", "--only", "mount"];
    for (here, arguments) in
        [("real", &[][..]), ("real", &["."]), ("link", &[]), ("real", &["../link"])]
    {
        let found = report(folio().args(only).args(arguments).current_dir(dir.path(here)));
        assert_eq!(found["place"]["dir"], real.to_str().unwrap());
    }
}
