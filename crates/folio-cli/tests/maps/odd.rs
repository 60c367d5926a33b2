use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use folio::raw::{Advice, MapFlags, Mapping, Sharing};

use crate::child::Waiting;
use crate::copied::{PAGE, READ_WRITE};
use crate::run::{json, maps, number, of, sum, what};

const NOBODY: u32 = 65534;

fn page() -> usize {
    usize::try_from(PAGE).unwrap()
}

fn map(file: &File) -> Mapping {
    file.set_len(PAGE).unwrap();
    Mapping::file(file, 0, page(), READ_WRITE, Sharing::Shared, MapFlags::empty()).unwrap()
}

fn create(path: &std::path::Path) -> File {
    File::options().read(true).write(true).create_new(true).open(path).unwrap()
}

pub(crate) fn processes_that_cannot_be_looked_at_are_errors_that_say_why() {
    let none = maps(&["4194305"]).failed();
    assert_eq!(none, "folio: process 4194305: there is no such process, or not for this user\n");
    let child = Waiting::after(|| ());
    child.kill();
    let pid = child.pid().to_string();
    for args in [&[pid.as_str()][..], &["--total", &pid], &["--json", &pid], &["self", &pid]] {
        let zombie = maps(args).failed();
        assert!(zombie.contains("it has ended and has no memory any more"), "{zombie}");
        assert!(zombie.contains("a zombie"), "{zombie}");
    }
    let only = maps(&["self", "--only", "no such file"]).failed();
    assert!(only.contains("cannot find what --only names"), "{only}");
    let both = maps(&["self", &std::process::id().to_string(), "--only", "no such file"]).failed();
    assert!(both.starts_with("folio: processes ") && both.contains("--only names"), "{both}");
}

pub(crate) fn a_thread_of_the_kernel_has_nothing_mapped() {
    let is_one = |pid: &u32| {
        let process = folio::process::Process::open(*pid).and_then(|process| process.state());
        process.is_ok_and(|state| state.kind == folio::process::Kind::KernelThread)
    };
    let Some(pid) = (2..100).find(is_one) else {
        return testfs::pass_over("a thread of the kernel", "none is shown here");
    };
    let pid = pid.to_string();
    let text = maps(&[&pid, "--all"]).text();
    assert!(text.contains("a thread of the kernel") && !text.contains("by kind"), "{text}");
    assert_eq!(maps(&[&pid, "--pages"]).text(), text);
    let objects = json(&[&pid]);
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0]["kernel_thread"], true);
    // There is nothing to draw or to compare.
    for args in [[pid.as_str(), "--svg=-"], ["self", &pid]] {
        let none = maps(&args).failed();
        let words =
            format!("folio: process {pid}: it is a thread of the kernel: nothing is mapped\n");
        assert_eq!(none, words);
    }
}

pub(crate) fn names_break_no_line_and_command_no_terminal() {
    let dir = tempfile::tempdir_in(testfs::on_disk()).unwrap();
    let names: [&[u8]; 3] = [b"new\nline", b"\x1b[31mred", b"caf\xe9"];
    let files: Vec<_> =
        names.iter().map(|name| create(&dir.path().join(OsStr::from_bytes(name)))).collect();
    let child = Waiting::after(|| files.iter().map(map).collect::<Vec<_>>());
    let pid = child.pid().to_string();
    let text = maps(&[&pid, "--all"]).text();
    assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'), "{text:?}");
    for shown in [r"new\nline'", r"\x1b[31mred'", r"caf\xe9'"] {
        assert!(text.contains(shown), "{shown} in {text}");
    }
    let objects = json(&[&pid]);
    let files: Vec<_> =
        what(&objects, "mapping").into_iter().filter(|o| o["kind"] == "files").collect();
    assert!(files.iter().any(|object| object["file"].as_str().unwrap().ends_with("new\nline")));
    assert!(files.iter().any(|object| {
        object["file_hex"].as_str().is_some_and(|hex| hex.ends_with("636166e9"))
    }));
}

pub(crate) fn deleted_files_and_memory_without_files_have_names() {
    let dir = tempfile::tempdir_in(testfs::on_disk()).unwrap();
    let path = dir.path().join("gone");
    let gone = create(&path);
    fs::remove_file(&path).unwrap();
    let memfd =
        File::from(rustix::fs::memfd_create("a-memfd", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
    let child = Waiting::after(|| {
        let maps = [map(&gone), map(&memfd)];
        maps.iter().for_each(|map| map.store(0, 1));
        maps
    });
    let objects = json(&[&child.pid().to_string()]);
    let of = |belongs: &str| {
        let mappings = what(&objects, "mapping");
        let found =
            mappings.into_iter().find(|o| o["belongs"].as_str().unwrap().ends_with(belongs));
        found.unwrap_or_else(|| panic!("{belongs} in {objects:#?}"))
    };
    let deleted = of("gone (deleted)");
    assert_eq!((&deleted["deleted"], &deleted["kind"]), (&true.into(), &"files".into()));
    assert_eq!((number(deleted, "resident"), number(deleted, "dirty")), (PAGE, PAGE));
    assert_eq!(of("memfd:a-memfd")["kind"], "shared memory");
}

pub(crate) fn a_process_of_another_namespace_says_its_number_there() {
    let mut inside = Command::new("unshare");
    inside.args(["--pid", "--fork", "--kill-child", "sleep", "600"]);
    let Ok(mut outer) = inside.spawn() else { return testfs::skip("unshare", "not installed") };
    // The child of unshare(1) is process 1 of the new namespace.
    let children = format!("/proc/{0}/task/{0}/children", outer.id());
    let inner = loop {
        let found = fs::read_to_string(&children).unwrap_or_default();
        let found = found.split_whitespace().next().map(str::to_owned);
        if found.is_some() || outer.try_wait().unwrap().is_some() {
            break found;
        }
        std::thread::yield_now();
    };
    let Some(inner) = inner else { return testfs::skip("a namespace of processes", "not allowed") };
    let objects = json(&["--total", &inner]);
    let text = maps(&["--total", &inner]).text();
    outer.kill().unwrap();
    outer.wait().unwrap();
    assert_eq!(objects[0]["numbers"][1], 1, "{objects:?}");
    assert!(text.contains("process 1 in a namespace of its own"), "{text}");
}

/// Every second page is kept out of core dumps, so that each is a mapping of its own.
pub(crate) fn as_many_mappings_as_the_kernel_allows() {
    let limit: usize =
        fs::read_to_string("/proc/sys/vm/max_map_count").unwrap().trim().parse().unwrap();
    let wanted = limit.min(65_530).saturating_sub(200);
    let child = Waiting::after(|| {
        let len = wanted * page();
        let mapping =
            Mapping::anonymous(len, READ_WRITE, Sharing::Private, MapFlags::NORESERVE).unwrap();
        mapping.store(0, 1);
        for at in (0..wanted).step_by(2) {
            mapping.advise(at * page()..(at + 1) * page(), Advice::DontDump).unwrap();
        }
        mapping
    });
    let pid = child.pid().to_string();
    let objects = json(&[&pid]);
    let [process] = what(&objects, "process")[..] else { panic!("one process") };
    assert!(number(process, "mappings") >= wanted as u64, "{process}");
    assert_eq!(what(&objects, "mapping").len() as u64, number(process, "mappings"));
    let text = maps(&[&pid, "--all"]).text();
    assert!(text.lines().count() >= wanted);
}

/// A copy of the command where nobody may run it.
pub(crate) fn what_nobody_may_see_is_refused_and_what_he_may_is_not() {
    if !rustix::process::geteuid().is_root() {
        return testfs::skip("a process of another user", "not root");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = dir.path().join("folio");
    fs::copy(env!("CARGO_BIN_EXE_folio"), &copy).unwrap();
    let as_nobody = |program: &OsStr, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).uid(NOBODY).gid(NOBODY).current_dir("/");
        command
    };
    let ours = Waiting::after(|| ());
    let refused = of(&mut as_nobody(copy.as_os_str(), &["maps", &ours.pid().to_string()])).failed();
    assert!(refused.contains("it belongs to user 0, and this is user 65534"), "{refused}");
    assert!(refused.contains("run folio as that user, or as root"), "{refused}");

    let mut own = as_nobody(OsStr::new("sleep"), &["600"]).spawn().unwrap();
    let mut other = as_nobody(OsStr::new("sleep"), &["600"]).spawn().unwrap();
    let pids = [own.id().to_string(), other.id().to_string()];
    for child in [&own, &other] {
        testfs::wait_until_asleep(child.id());
    }
    let seen = of(&mut as_nobody(copy.as_os_str(), &["maps", "--pages", &pids[0]]));
    let both = of(&mut as_nobody(copy.as_os_str(), &["maps", &pids[0], &pids[1]]));
    for child in [&mut own, &mut other] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let seen = seen.text();
    assert!(seen.contains("copied on write") && seen.contains("the file's"), "{seen}");
    let both = both.text();
    assert!(both.contains("both: the same pages of memory in both processes"), "{both}");
    assert!(both.contains("the kernel tells root alone"), "{both}");
}

pub(crate) fn huge_pages_are_counted() {
    const HUGE: usize = 2 << 20;
    let child = Waiting::after(|| {
        let pool = Mapping::anonymous(HUGE, READ_WRITE, Sharing::Private, MapFlags::HUGETLB);
        if let Ok(pool) = &pool {
            pool.store(0, 1);
        }
        let transparent =
            Mapping::anonymous(4 * HUGE, READ_WRITE, Sharing::Private, MapFlags::empty()).unwrap();
        let _ = transparent.advise(0..4 * HUGE, Advice::HugePage);
        transparent.store_range(0..4 * HUGE, 1);
        (pool, transparent)
    });
    let pid = child.pid().to_string();
    let kernel = || -> u64 {
        let smaps = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
        let lines = smaps.lines().filter(|line| {
            line.starts_with("AnonHugePages:") || line.starts_with("Private_Hugetlb:")
        });
        lines
            .map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024)
            .sum()
    };
    // khugepaged may be at work; each turn it has four huge pages less to make.
    let (objects, kernel) = loop {
        let before = kernel();
        let objects = json(&[&pid, "--pages"]);
        if kernel() == before {
            break (objects, before);
        }
    };
    assert_eq!(sum(&what(&objects, "mapping"), "huge"), kernel);
    let more_than_all =
        |object: &&&serde_json::Value| number(object, "own") > number(object, "resident");
    assert_eq!(what(&objects, "mapping").iter().find(more_than_all), None);
    if kernel == 0 {
        return testfs::skip("huge pages", "the kernel gave none");
    }
    assert!(maps(&[&pid]).text().contains("in huge pages"));
}

pub(crate) fn wrong_usage_is_2() {
    for args in [
        &[][..],
        &["0"],
        &["-1"],
        &["init"],
        &["1", "2", "3"],
        &["self", "--sort", "colour"],
        &["self", "--total", "--all"],
    ] {
        let ran = maps(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}: {}", ran.err);
    }
    let sorted = maps(&["self", "--sort", "name"]).text();
    assert!(sorted.contains("by file"));
}
