//! What the kernel and the file system offer: what each file system is known to have and to lack, and what limits do.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use rustix::mount::MountFlags;
use testfs::{FileSystem, Kind};

use super::*;

/// The finding of this part of an experiment.
#[track_caller]
fn finding<'a>(report: &'a Value, experiment: &str, part: &str) -> &'a Value {
    let wanted = |finding: &&Value| {
        finding["experiment"] == experiment && finding["part"].as_str().unwrap_or("") == part
    };
    let found = list(&report["findings"]).iter().find(wanted);
    found.unwrap_or_else(|| panic!("{experiment}/{part}: {report:#}"))
}

/// Its verdict, and the texts that it comes with.
#[track_caller]
fn expect(report: &Value, experiment: &str, part: &str, verdict: &str) {
    let found = finding(report, experiment, part);
    assert_eq!(found["verdict"], verdict, "{found:#}");
}

/// `folio doctor DIR --only …`
fn only(dir: &Path, names: &[&str]) -> Command {
    let mut command = doctor(dir);
    command.args(names.iter().flat_map(|name| ["--only", name]));
    command
}

const OF_FILE_SYSTEMS: [&str; 10] = [
    "fallocate",
    "hole-punch",
    "msync",
    "lease",
    "locks",
    "reflink",
    "copy-file-range",
    "tmpfile",
    "fadvise-dontneed",
    "noexec",
];

#[test]
fn each_file_system_is_known_by_what_it_lacks() {
    let kinds = [Kind::Ext4, Kind::Tmpfs, Kind::Xfs, Kind::Btrfs, Kind::Overlay, Kind::Fuse];
    testfs::each(&kinds, |fs| {
        let report = report(&mut only(fs.path(), &OF_FILE_SYSTEMS));
        assert_eq!(list(&report["failures"]), [] as [Value; 0]);
        let is = |kinds: &[Kind]| kinds.contains(&fs.kind());
        let here = |kinds: &[Kind]| if is(kinds) { "ok" } else { "not-here" };
        expect(&report, "reflink", "", here(&[Kind::Xfs, Kind::Btrfs]));
        expect(&report, "msync", "sync", here(&[Kind::Ext4, Kind::Xfs, Kind::Btrfs]));
        expect(&report, "copy-file-range", "", "ok");
        expect(&report, "locks", "range", "ok");
        expect(&report, "locks", "kept-at-close", "ok");
        expect(&report, "locks", "record-lock", "ok");
        expect(&report, "noexec", "mmap", "ok");
        // Which mapping has the file open for writing an overlay does not know.
        let counted = if is(&[Kind::Overlay]) { "differs" } else { "ok" };
        expect(&report, "lease", "writable-mapping", counted);
        expect(&report, "lease", "waiting-writer", "ok");
        let evicted = [Kind::Ext4, Kind::Xfs, Kind::Btrfs, Kind::Fuse];
        expect(&report, "fadvise-dontneed", "clean", here(&evicted));
        match fs.kind() {
            Kind::Fuse => expect(&report, "lease", "server", "not-here"),
            kind => {
                let keeps = match kind {
                    Kind::Btrfs => "differs",
                    Kind::Tmpfs | Kind::Overlay => "not-here",
                    _ => "ok",
                };
                expect(&report, "fallocate", "allocated", "ok");
                expect(&report, "fallocate", "overwritten", keeps);
                expect(&report, "hole-punch", "", "ok");
                expect(&report, "tmpfile", "named-later", "ok");
                expect(&report, "tmpfile", "never-named", "ok");
            }
        }
        assert_eq!(left_in(fs.path()), [] as [&str; 0]);
    });
}

/// What a page of a report in a terminal has room for.
#[test]
fn lines_are_short_and_say_what_follows() {
    for kind in [Kind::Here, Kind::Squashfs] {
        let Some(fs) = FileSystem::new(kind) else { continue };
        let report = report(&mut doctor(fs.path()));
        let ours = list(&report["findings"]).iter().filter(|found| found["group"] == "facilities");
        let mut lines = 0;
        for found in ours {
            lines += 1;
            for text in ["promised", "seen"] {
                let text = found[text].as_str().unwrap();
                assert!((1..=72).contains(&text.chars().count()), "{text}");
                assert!(!text.ends_with('.'), "{text}");
            }
            let means = found["means"].as_str().unwrap_or_default();
            assert!(found["verdict"] == "ok" || !means.is_empty(), "{found}");
            assert!(means.chars().count() <= 110, "{means}");
        }
        assert!(lines > 20, "{lines}");
    }
}

#[test]
fn a_full_disk_is_tried_in_a_namespace_by_anybody() {
    let dir = Dir::new();
    let program = program_for_all(&dir);
    let own = dir.path("own");
    fs::create_dir(&own).unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o777)).unwrap();
    let root = rustix::process::geteuid().is_root();
    let names = ["full-disk", "mincore-owner", "userfaultfd", "mlock"];
    let ways: &[&[&str]] = if root {
        &[&[], &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]]
    } else {
        &[&[]]
    };
    for way in ways {
        let mut command = prefixed(way, &program);
        command.arg("doctor").arg(&own).args(names.iter().flat_map(|name| ["--only", name]));
        let report = report(&mut command);
        assert_eq!(list(&report["failures"]), [] as [Value; 0]);
        let first = &list(&report["findings"])[0];
        match first["verdict"].as_str() {
            Some("ok") => {
                expect(&report, "full-disk", "tmpfs-store", "ok");
                expect(&report, "full-disk", "tmpfs-folio", "ok");
                assert_eq!(
                    finding(&report, "full-disk", "tmpfs-store")["seen"],
                    "SIGBUS after 64 KiB"
                );
                assert_eq!(finding(&report, "full-disk", "tmpfs-folio")["seen"], "NoSpace");
            }
            _ => testfs::skip("a mount namespace", first["seen"].as_str().unwrap()),
        }
        expect(&report, "mincore-owner", "own", "ok");
        expect(&report, "mlock", "past-end", "ok");
        let ordinary = !root || !way.is_empty();
        let told = list(&report["findings"]).iter().any(|found| !found["as_root"].is_null());
        assert_eq!(told, ordinary, "{report:#}");
    }
}

/// `program`, started by another.
fn prefixed(way: &[&str], program: &Path) -> Command {
    let Some((first, more)) = way.split_first() else { return folio_at(program) };
    let mut command = folio_at(Path::new(first));
    command.args(more).arg(program);
    command
}

/// The free space of a file system, in bytes.
fn free(fs: &FileSystem) -> u64 {
    let statvfs = rustix::fs::statvfs(fs.path()).unwrap();
    statvfs.f_bfree * statvfs.f_frsize
}

#[test]
fn a_small_disk_is_filled_on_request_and_emptied() {
    for kind in [Kind::Ext4, Kind::Tmpfs, Kind::Xfs, Kind::Btrfs, Kind::Fuse] {
        let fs = match kind {
            // Each write is the server's, so that filling takes its time.
            Kind::Fuse => FileSystem::with_size(kind, 16 << 20),
            _ => FileSystem::new(kind),
        };
        let Some(fs) = fs else { continue };
        let before = free(&fs);
        let report = report(only(fs.path(), &["full-disk"]).arg("--fill-disk"));
        assert_eq!(list(&report["failures"]), [] as [Value; 0]);
        if kind == Kind::Fuse {
            // The kernel does not ask the server for space before a store.
            expect(&report, "full-disk", "dir-store", "differs");
            expect(&report, "full-disk", "dir-flush", "ok");
        } else {
            expect(&report, "full-disk", "dir-store", "ok");
            expect(&report, "full-disk", "dir-folio", "ok");
            expect(&report, "full-disk", "dir-fallocate", "ok");
        }
        assert_eq!(left_in(fs.path()), [] as [&str; 0]);
        wait_until("the space is free again", || {
            // Btrfs gives space back with the next transaction. The failed flush on FUSE is told here once more.
            let synced = rustix::fs::syncfs(fs::File::open(fs.path()).unwrap());
            assert!(synced.is_ok() || kind == Kind::Fuse, "{synced:?}");
            free(&fs) + (1 << 20) > before
        });
    }
}

#[test]
fn a_large_disk_is_never_filled() {
    let Some(fs) = FileSystem::with_size(Kind::Tmpfs, (1 << 30) + (64 << 20)) else { return };
    let report = report(only(fs.path(), &["full-disk"]).arg("--fill-disk"));
    expect(&report, "full-disk", "dir-store", "not-here");
    let seen = finding(&report, "full-disk", "dir-store")["seen"].as_str().unwrap();
    assert!(seen.ends_with("more than 1 GiB"), "{seen}");
}

/// There is no fallocate there, so that filling takes as long as writing does.
#[test]
fn killed_while_it_fills_a_disk_it_leaves_nothing() {
    let Some(fs) = FileSystem::new(Kind::Fuse) else { return };
    let before = free(&fs);
    let killed_while_filling = || {
        let mut command = only(fs.path(), &["full-disk"]);
        let command = command.arg("--fill-disk").stdout(Stdio::null()).stderr(Stdio::null());
        let mut doctor = command.spawn().unwrap();
        let mut caught = false;
        while !caught && doctor.try_wait().unwrap().is_none() {
            caught = free(&fs) < before / 2;
        }
        doctor.kill().unwrap();
        doctor.wait().unwrap();
        wait_until("nothing is left", || {
            left_in(fs.path()).is_empty() && free(&fs) + (64 << 10) > before
        });
        caught
    };
    assert!((0..10).any(|_| killed_while_filling()), "it was never seen half full");
}

#[test]
fn a_mount_without_code_maps_none() {
    let Some(fs) = FileSystem::new(Kind::Tmpfs) else { return };
    let flags = MountFlags::NOEXEC | MountFlags::NOATIME | MountFlags::BIND;
    rustix::mount::mount_remount(fs.path(), flags, c"").unwrap();
    let report = report(&mut only(fs.path(), &["noexec"]));
    expect(&report, "noexec", "mmap", "not-here");
    let seen = finding(&report, "noexec", "mmap")["seen"].as_str().unwrap();
    assert_eq!(seen, "EPERM: it is mounted noexec");
    expect(&report, "noexec", "mprotect", "ok");
}

/// Run with a limit of prlimit(1).
fn limited(limit: &str, name: &str) -> Option<Value> {
    reference("prlimit")?;
    let dir = Dir::new();
    let program = Path::new(env!("CARGO_BIN_EXE_folio"));
    let mut command = prefixed(&["prlimit", limit], program);
    command.args(["doctor", "--only", name].map(OsStr::new)).arg(dir.path(""));
    Some(report(&mut command))
}

#[test]
fn limits_are_named() {
    let Some(small) = limited("--memlock=65536", "mlock") else { return };
    expect(&small, "mlock", "limit", "ok");
    let means = finding(&small, "mlock", "limit")["means"].as_str().unwrap();
    assert_eq!(means, "RLIMIT_MEMLOCK is 64 KiB: lock at most that");
    let tiny = limited("--memlock=4096", "mlock").unwrap();
    expect(&tiny, "mlock", "limit", "not-here");
    let addresses = limited("--as=17179869184", "overcommit").unwrap();
    let seen = list(&addresses["findings"])[0]["seen"].as_str().unwrap();
    assert_eq!(seen, "RLIMIT_AS is 16 GiB");
    let files = limited("--nofile=64", "open-files").unwrap();
    expect(&files, "open-files", "", "ok");
    let means = finding(&files, "open-files", "")["means"].as_str().unwrap();
    assert!(means.starts_with("RLIMIT_NOFILE is 64: "), "{means}");
    for (limit, name, seen) in [
        ("--nofile=12", "open-files", "RLIMIT_NOFILE is 12, too few to try it"),
        ("--as=100000000", "max-map-count", "RLIMIT_AS is 100000000 bytes"),
        ("--fsize=1000", "fallocate", "cannot write the file: File too large"),
        ("--fsize=1000", "readahead", "cannot make a file of 1048576 bytes: File too large"),
    ] {
        let limited = limited(limit, name).unwrap();
        expect(&limited, name, "", "not-here");
        assert_eq!(finding(&limited, name, "")["seen"], seen);
    }
}

/// The kernel's setting is one of the user namespace, so it can be tried in one.
#[test]
fn a_setting_that_forbids_namespaces_is_named() {
    let dir = Dir::new();
    let forbid = "echo 0 > /proc/sys/user/max_user_namespaces && \
                  exec setpriv --bounding-set=-all \"$@\"";
    let mut command = folio_at(Path::new("unshare"));
    command.args(["-U", "-r", "sh", "-c", forbid, "sh", env!("CARGO_BIN_EXE_folio"), "doctor"]);
    command.args(["--only", "full-disk", "--json"]).arg(dir.path(""));
    let ran = run(&mut command);
    let Ok(report) = serde_json::from_slice::<Value>(&ran.out) else {
        return testfs::skip("a namespace without namespaces", ran.err.trim());
    };
    let found = &list(&report["findings"])[0];
    assert_eq!(found["verdict"], "not-here");
    let why = "no user namespace: user.max_user_namespaces is 0 (ENOSPC)";
    assert_eq!(found["seen"], why);
}

/// What a kernel would have to answer, system call by system call, for a check to fail: success, with nothing done.
const LIES: [(&str, &[(&str, &str)]); 9] = [
    ("msync", &[("msync", "sync"), ("msync-cost", "page")]),
    ("fallocate", &[("fallocate", "allocated"), ("hole-punch", "")]),
    ("copy_file_range", &[("copy-file-range", "")]),
    ("linkat", &[("tmpfile", "named-later"), ("tmpfile", "never-named")]),
    ("mincore", &[("mincore-owner", "own"), ("fadvise-dontneed", "mapped")]),
    ("madvise", &[("populate", "read"), ("populate", "past-end"), ("guard-pages", "memory")]),
    ("mlock2", &[("mlock", "limit"), ("mlock", "past-end")]),
    ("sync_file_range", &[("sync-file-range", "")]),
    ("mprotect", &[("max-map-count", "")]),
];

#[test]
fn a_kernel_that_does_nothing_is_found_out() {
    let Some(fs) = FileSystem::new(Kind::Ext4) else { return };
    for (call, checks) in LIES {
        let inject = format!("inject={call}:retval=0");
        let trace = format!("trace={call}");
        let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
        let mut command = prefixed(&strace, Path::new(env!("CARGO_BIN_EXE_folio")));
        command.arg("doctor").arg(fs.path()).arg("--json");
        command.args(checks.iter().flat_map(|(experiment, _)| ["--only", experiment]));
        let Ok(output) = command.output() else {
            return testfs::skip("a kernel that lies", "no strace");
        };
        let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) else {
            return testfs::skip(
                "a kernel that lies",
                String::from_utf8_lossy(&output.stderr).trim(),
            );
        };
        for (experiment, part) in checks {
            expect(&report, experiment, part, "differs");
        }
    }
}
