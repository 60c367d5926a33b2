//! `folio pages --warm`, `--evict`, `--lock`, `--save` and `--restore`, on real files.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use folio::{FilePages, PageState};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::*;

const MIB: u64 = 1 << 20;

/// A file on the device, and not in the page cache.
fn cold(dir: &Dir, name: &str, len: u64) -> PathBuf {
    let path = dir.file(name, &bytes(usize::try_from(len).unwrap()));
    let file = File::open(&path).unwrap();
    let pages = FilePages::of(&file).unwrap();
    pages.sync().unwrap();
    assert_eq!(pages.evict(..).unwrap().after.unwrap().cached, 0);
    path
}

fn resident(path: &Path) -> Vec<Range<u64>> {
    let file = File::open(path).unwrap();
    let pages = FilePages::of(&file).unwrap();
    let runs = pages.runs(..).unwrap().map(Result::unwrap);
    runs.filter(|run| run.state == PageState::Resident).map(|run| run.range).collect()
}

/// Have a part of a file in the page cache.
fn warm(path: &Path, range: Range<u64>) {
    let file = File::open(path).unwrap();
    for window in FilePages::of(&file).unwrap().warm(range).unwrap() {
        window.unwrap();
    }
}

fn pages() -> Command {
    let mut command = folio();
    command.arg("pages");
    command
}

/// The objects that a command printed, the last of which is the total.
fn objects(out: &[u8]) -> Vec<Value> {
    let lines = str::from_utf8(out).unwrap().lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn warming_reads_the_missing_half() {
    let dir = Dir::new();
    let path = cold(&dir, "a", 4 * MIB);
    warm(&path, 0..2 * MIB);
    let _kept = keep_cached(&path, 0..2 * MIB);
    let objects = objects(&run(pages().args(["--warm", "--json"]).arg(&path)).ok());
    let name = path.to_str().unwrap();
    assert_eq!(
        objects[0],
        json!({ "file": name, "len": 4 * MIB, "read": 2 * MIB, "cached": 4 * MIB, "absent": 0 })
    );
    assert_eq!((&objects[1]["total"], &objects[1]["read"]), (&json!(true), &json!(2 * MIB)));
    assert_eq!(resident(&path), [0..4 * MIB]);
    let again = run(pages().arg("--warm").arg(&path)).text();
    assert!(
        again.ends_with("nothing had to be read in; of 1 file, 4.0 MiB of 4.0 MiB are cached\n"),
        "{again}"
    );
}

#[test]
fn evicting_a_tree_says_how_much_went() {
    let dir = Dir::new();
    let (a, b) = (cold(&dir, "tree/a", MIB), cold(&dir, "tree/b\n", MIB));
    warm(&a, 0..MIB);
    warm(&b, 0..MIB / 2);
    let text = run(pages().arg("--evict").arg(dir.path("tree"))).text();
    assert_eq!(text, "evicted 1.5 MiB of 2 files, nothing stayed\n");
    assert_eq!((resident(&a), resident(&b)), (vec![], vec![]));
    let text = run(pages().arg("--evict").args([&a, &b])).text();
    assert!(
        text.starts_with(&format!("       0 B evicted  {}: nothing was cached\n", a.display())),
        "{text}"
    );
}

/// Where they are mapped as well, dirty pages stay until they are neither.
#[test]
fn dirty_pages_stay_and_it_says_so() {
    let dir = Dir::new();
    let path = cold(&dir, "a", MIB);
    let map = folio::SharedMut::open(&path).unwrap();
    map.write_at(5000, b"changed").unwrap();
    if folio::CacheCounts::of(File::open(&path).unwrap(), ..).is_err() {
        return testfs::pass_over("dirty pages", "the kernel does not tell them here");
    }
    let ran = run(pages().args(["--evict", "--json"]).arg(&path));
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    let because = &objects(&ran.out)[0]["because"];
    assert_eq!(because["dirty"], json!(rustix::param::page_size()));
    assert_eq!(because["mapped"][0]["pid"], json!(std::process::id()));
    let ran = run(pages().arg("--evict").arg(&path));
    let text = String::from_utf8(ran.out).unwrap();
    assert!(
        text.contains(" stayed: ") && text.contains(&format!("(pid {}, ", std::process::id())),
        "{text}"
    );
    drop(map);
    let text = run(pages().args(["--evict", "--sync"]).arg(&path)).text();
    assert!(text.ends_with(" of 1 file, nothing stayed\n"), "{text}");
}

#[test]
fn a_tmpfs_has_nowhere_to_evict_to() {
    testfs::each(&[testfs::Kind::Tmpfs], |fs| {
        let path = fs.path().join("a");
        fs::write(&path, vec![1; 8192]).unwrap();
        let ran = run(pages().arg("--evict").arg(&path));
        assert_eq!(ran.code, Some(1));
        let text = String::from_utf8(ran.out).unwrap();
        assert!(text.contains(": 8.0 KiB stayed: they are nowhere else: it is a tmpfs"), "{text}");
    });
}

/// It as nobody.
fn as_nobody(dir: &Dir) -> Option<Command> {
    let mut command = folio_as_nobody(dir)?;
    command.arg("pages");
    Some(command)
}

#[test]
fn what_went_of_anothers_file_is_not_told() {
    let dir = Dir::new();
    let Some(mut command) = as_nobody(&dir) else { return };
    let path = cold(&dir, "a", MIB);
    let text = run(command.arg("--warm").arg(&path)).text();
    assert!(text.contains("1.0 MiB read; what of it was absent is not told"), "{text}");
    assert_eq!(resident(&path), [0..MIB]);
    let Some(mut command) = as_nobody(&dir) else { return };
    let ran = run(command.args(["--evict", "--json"]).arg(&path));
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    let objects = objects(&ran.out);
    assert!(
        objects[0]["unknown"].as_str().unwrap().contains("neither owns the file"),
        "{objects:?}"
    );
    assert_eq!((&objects[0]["evicted"], &objects[1]["untold"]), (&Value::Null, &json!(1)));
    // It may all the same.
    assert_eq!(resident(&path), []);
    let Some(mut command) = as_nobody(&dir) else { return };
    let ran = run(command.args(["--save", "-"]).arg(&path));
    assert!(
        ran.failed().contains(": cannot tell what is cached: user 65534 neither owns the file"),
        "{}",
        ran.err
    );
    assert!(ran.out.ends_with(b"end files=0 ranges=0 bytes=0\n"));
}

#[test]
fn processes_that_only_root_may_look_at_are_counted() {
    let dir = Dir::new();
    let Some(mut command) = as_nobody(&dir) else { return };
    let path = cold(&dir, "a", MIB);
    rustix::fs::chown(&path, Some(rustix::fs::Uid::from_raw(NOBODY)), None).unwrap();
    let map = folio::Shared::open(&path).unwrap();
    map.pages().populate(.., folio::PopulateFor::Read).unwrap();
    let ran = run(command.args(["--evict", "--json"]).arg(&path));
    assert_eq!(ran.code, Some(1));
    let because = &objects(&ran.out)[0]["because"];
    assert_eq!(because["mapped"], json!([]));
    assert!(because["processes_unseen"].as_u64() >= Some(1), "{because}");
    drop(map);
}

/// A `folio pages --lock`, when it says that it has locked everything.
fn lock(command: &mut Command) -> (Child, Vec<Value>) {
    let mut child =
        command.arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut seen = Vec::new();
    for line in BufReader::new(child.stdout.as_mut().unwrap()).lines() {
        let object: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let is_total = object["total"] == json!(true);
        seen.push(object);
        if is_total {
            break;
        }
    }
    (child, seen)
}

fn end(mut child: Child, signal: Signal) -> (Option<i32>, String) {
    kill_process(Pid::from_child(&child), signal).unwrap();
    let status = child.wait().unwrap();
    (status.code(), String::from_utf8(drain(child.stderr.take().unwrap())).unwrap())
}

#[test]
fn locked_pages_stay_whatever_happens_to_the_file_until_it_is_ended() {
    let dir = Dir::new();
    let (a, b) = (cold(&dir, "a", MIB), cold(&dir, "b", MIB));
    let (child, seen) = lock(pages().arg("--lock").args([&a, &b]));
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert_eq!((&seen[2]["files"], &seen[2]["len"]), (&json!(2), &json!(2 * MIB)));
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    assert!(status.contains("VmLck:\t    2048 kB\n"), "{status}");
    let ran = run(pages().args(["--evict", "--json"]).arg(&a));
    assert_eq!(ran.code, Some(1));
    let because = &objects(&ran.out)[0]["because"];
    assert_eq!(because["mapped"][0]["pid"], json!(child.id()));
    assert_eq!(because["mapped"][0]["locked"], json!(MIB));
    let file = File::options().write(true).open(&b).unwrap();
    file.set_len(0).unwrap();
    file.set_len(MIB).unwrap();
    file.write_all_at(b"grown", MIB - 10).unwrap();
    assert_eq!(end(child, Signal::TERM), (Some(0), String::new()));
    run(pages().args(["--evict", "--sync"]).args([&a, &b])).text();
    assert_eq!((resident(&a), resident(&b)), (vec![], vec![]));
}

#[test]
fn locking_on_fault_reads_nothing() {
    let dir = Dir::new();
    let path = cold(&dir, "a", MIB);
    let (child, seen) = lock(pages().arg("--lock=fault").arg(&path));
    assert_eq!(seen[0]["when"], json!("fault"));
    assert_eq!(resident(&path), []);
    assert_eq!(end(child, Signal::INT), (Some(0), String::new()));
}

#[test]
fn a_limit_on_locked_memory_is_explained() {
    let dir = Dir::new();
    let Some(command) = as_nobody(&dir) else { return };
    let path = cold(&dir, "a", MIB);
    let mut limited = Command::new("prlimit");
    limited.args(["--memlock=65536"]).uid(NOBODY).gid(NOBODY);
    limited.arg(command.get_program()).args(["pages", "--lock"]).arg(&path);
    let ran = run(&mut limited);
    let told = ran.failed();
    assert!(
        told.contains(": cannot lock: RLIMIT_MEMLOCK (ulimit -l) allows this process 65536 bytes"),
        "{told}"
    );
    assert!(ran.out.is_empty());
}

#[test]
fn what_was_hot_comes_back_and_nothing_else() {
    let dir = Dir::new();
    let (a, b) = (cold(&dir, "tree/a", 4 * MIB), cold(&dir, "tree/\x1b b\n", MIB));
    cold(&dir, "tree/cold", MIB);
    let page = rustix::param::page_size() as u64;
    let hot = [0..page, MIB..2 * MIB, 4 * MIB - page..4 * MIB];
    hot.iter().for_each(|range| warm(&a, range.clone()));
    warm(&b, page..2 * page);
    let saved = dir.path("saved");
    let text =
        run(pages().current_dir(dir.path("tree")).arg("--save").args([&saved, Path::new(".")]))
            .text();
    assert!(text.starts_with("saved 4 ranges of 2 files, 1.0 MiB cached, to "), "{text}");
    let content = fs::read_to_string(&saved).unwrap();
    assert!(content.contains("/tree/\\x1b b\\x0a\n") && !content.contains("cold"), "{content}");
    assert_eq!(fs::metadata(&saved).unwrap().permissions().mode() & 0o777, 0o600);
    let evict = run(pages().arg("--evict").arg(dir.path("tree"))).text();
    assert!(evict.ends_with("nothing stayed\n"), "{evict}");
    let restored = run(pages().arg("--restore").arg(&saved)).text();
    assert!(
        restored.ends_with("; of 2 files, 1.0 MiB of 1.0 MiB are cached again\n"),
        "{restored}"
    );
    assert_eq!(resident(&a), hot);
    assert_eq!(resident(&b), [page..2 * page]);
    assert_eq!(resident(&dir.path("tree/cold")), []);
    // To standard output it is the same.
    let again = run(pages().args(["--save", "-"]).arg(dir.path("tree"))).ok();
    let lines = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(str::from_utf8(&again).unwrap()), lines(&content));
    // And from standard input, a pipe, which can be read only once.
    let piped =
        pages().args(["--restore", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = piped.unwrap();
    child.stdin.take().unwrap().write_all(&again).unwrap();
    let ran = child.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(0));
    assert!(ran.stdout.ends_with(b"of 2 files, 1.0 MiB of 1.0 MiB are cached again\n"));
}

#[test]
fn what_is_gone_or_changed_is_passed_over_with_a_word() {
    let dir = Dir::new();
    let names = ["gone", "longer", "touched", "other", "fifo", "same"];
    let paths: Vec<_> = names.iter().map(|name| cold(&dir, name, 8192)).collect();
    let kept: Vec<_> = paths.iter().map(|path| keep_cached(path, 0..8192)).collect();
    let saved = dir.path("saved");
    run(pages().arg("--save").arg(&saved).args(&paths)).text();
    drop(kept);
    run(pages().arg("--evict").args(&paths)).text();
    fs::remove_file(&paths[0]).unwrap();
    File::options().write(true).open(&paths[1]).unwrap().set_len(9000).unwrap();
    File::options()
        .write(true)
        .open(&paths[2])
        .unwrap()
        .set_modified(std::time::UNIX_EPOCH)
        .unwrap();
    let modified = fs::metadata(&paths[3]).unwrap().modified().unwrap();
    let other = cold(&dir, "other.new", 8192);
    File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
    fs::rename(&other, &paths[3]).unwrap();
    fs::remove_file(&paths[4]).unwrap();
    dir.fifo("fifo");
    let ran = run(pages().arg("--restore").arg(&saved));
    let told = ran.failed();
    for (path, word) in paths.iter().zip([
        "is gone since it was saved",
        "cannot restore: it was changed since it was saved: 8192 bytes then, 9000 now",
        "cannot restore: it was changed since it was saved",
        "cannot restore: another file is in its place since it was saved",
        "is no regular file any more",
    ]) {
        assert!(told.contains(&format!("folio: {}: {word}\n", path.display())), "{word}: {told}");
    }
    assert_eq!(told.lines().count(), 5);
    let text = str::from_utf8(&ran.out).unwrap();
    assert!(
        text.ends_with(
            "of 6 files, 8.0 KiB of 48.0 KiB are cached again, 2 are gone, 3 were changed\n"
        ),
        "{text}"
    );
    assert_eq!(resident(&paths[5]), [0..8192]);
    assert_eq!(resident(&paths[1]), []);
    let ran = run(pages().args(["--changed", "--json", "--restore"]).arg(&saved));
    assert_eq!(ran.failed().lines().count(), 2);
    assert_eq!(resident(&paths[1]), [0..8192]);
    let objects = objects(&ran.out);
    assert_eq!(
        (&objects[0]["outcome"], &objects[1]["outcome"]),
        (&json!("gone"), &json!("restored"))
    );
    assert_eq!((&objects[6]["gone"], &objects[6]["cached"]), (&json!(2), &json!(4 * 8192)));
}

#[test]
fn a_malformed_file_restores_nothing_and_its_line_is_told() {
    let dir = Dir::new();
    let path = cold(&dir, "a", 8192);
    warm(&path, 0..8192);
    let saved = dir.path("saved");
    run(pages().arg("--save").args([&saved, &path])).text();
    run(pages().arg("--evict").arg(&path)).text();
    let content = fs::read_to_string(&saved).unwrap();
    for (wrong, line) in [
        (
            content.replace("  0..8192", "  0..8193"),
            "line 5: the range ends past the length of its file",
        ),
        (content.replace("end files=1", "end files=3"), "line 6: the sums in the last line"),
        (content.replace("folio-pages 1", "folio-pages 9"), "line 1: this folio knows version 1"),
        (
            content.trim_end_matches(|c| c != '8').to_owned(),
            "line 6: the file ends without its last line",
        ),
    ] {
        fs::write(&saved, wrong).unwrap();
        let ran = run(pages().arg("--restore").arg(&saved));
        let told = ran.failed();
        assert!(told.starts_with(&format!("folio: {}: {line}", saved.display())), "{told}");
        assert!(ran.out.is_empty());
    }
    assert_eq!(resident(&path), []);
    let ran = run(pages().args(["--restore", "/no/such"]));
    assert_eq!(ran.failed(), "folio: /no/such: cannot read: No such file or directory\n");
    let ran = run(pages().args(["--save", "/no/such"]).arg(&path));
    assert_eq!(ran.failed(), "folio: /no/such: cannot write: No such file or directory\n");
}

/// A process may have files that nobody else can open.
#[test]
fn what_has_no_name_is_not_saved_and_it_says_so() {
    let dir = Dir::new();
    let (gone, here) = (dir.file("gone", b"gone"), dir.file("here", b"here"));
    let input = File::open(&gone).unwrap();
    fs::remove_file(&gone).unwrap();
    let output = File::options().append(true).open(&here).unwrap();
    let mut child = Command::new("sleep").arg("1000").stdin(input).stdout(output).spawn().unwrap();
    testfs::wait_until_asleep(child.id());
    let ran = run(pages().args(["--save", "-", "--pid", &child.id().to_string()]));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("gone (deleted): is not saved: it has no name"), "{}", ran.err);
    let saved = String::from_utf8(ran.out).unwrap();
    assert!(saved.contains(here.to_str().unwrap()) && !saved.contains("gone"), "{saved}");
}

/// It is killed when it is seen to be writing, again and again.
#[test]
fn killing_a_save_leaves_the_old_file_whole() {
    let dir = Dir::new();
    for number in 0..2000 {
        dir.file(format!("tree/{number}"), b"x");
    }
    fs::create_dir(dir.path("out")).unwrap();
    let saved = dir.path("out/saved");
    run(pages().arg("--save").arg(&saved).arg(dir.path("tree/7"))).text();
    let old = fs::read(&saved).unwrap();
    let mut killed = 0;
    for _ in 0..200 {
        let mut child = pages()
            .arg("--save")
            .arg(&saved)
            .arg(dir.path("tree"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while !is_writing(&child, &dir.path("out")) && child.try_wait().unwrap().is_none() {}
        // It may have ended meanwhile.
        let _ = child.kill();
        if child.wait().unwrap().signal() == Some(9) && fs::read(&saved).unwrap() == old {
            killed += 1;
        } else {
            fs::write(&saved, &old).unwrap();
        }
        let left: Vec<_> = fs::read_dir(dir.path("out"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        // Between its having a name and its having the right one it can be killed too, but then it is whole.
        for name in left.iter().filter(|name| *name != "saved") {
            let content = fs::read_to_string(dir.path("out").join(name)).unwrap();
            assert!(
                content.lines().last().is_some_and(|line| line.starts_with("end ")),
                "{name:?}"
            );
            fs::remove_file(dir.path("out").join(name)).unwrap();
        }
        if killed == 5 {
            return;
        }
    }
    assert!(killed > 0, "it was always done before it could be killed");
}

/// Whether it has a file open in `directory`, which has no name there yet.
fn is_writing(child: &Child, directory: &Path) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{}/fd", child.id())) else { return false };
    descriptors
        .flatten()
        .any(|fd| fs::read_link(fd.path()).is_ok_and(|path| path.starts_with(directory)))
}

/// A control group that allows less memory than there is to be read.
struct Group(PathBuf);

impl Group {
    fn new(limit: u64) -> Option<Self> {
        let name = format!("folio-test-{}", std::process::id());
        let tried =
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]
                .into_iter()
                .map(|(root, file)| {
                    let path = Path::new(root).join(&name);
                    if !Path::new(root).join("cgroup.procs").exists() {
                        return Err(std::io::Error::other("no hierarchy"));
                    }
                    fs::create_dir(&path)?;
                    let group = Self(path);
                    fs::write(group.0.join(file), limit.to_string())?;
                    Ok(group)
                })
                .find_map(Result::ok);
        if tried.is_none() {
            testfs::skip("a limit on memory", "no control group can be made");
        }
        tried
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What is cached of the files goes with them or stays counted to the parent.
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn warming_stops_when_memory_is_short() {
    let dir = Dir::new();
    let path = dir.path("a");
    {
        let mut file = File::create(&path).unwrap();
        let piece = bytes(1 << 20);
        (0..160).for_each(|_| file.write_all(&piece).unwrap());
        let pages = FilePages::of(&file).unwrap();
        pages.sync().unwrap();
        pages.evict(..).unwrap();
    }
    let Some(group) = Group::new(48 * MIB) else { return };
    let script = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", group.0.display());
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_folio"), "pages", "--warm", "--json"])
        .arg(&path);
    let ran = run(&mut command);
    let told = ran.failed();
    assert!(
        told.contains("memory is short: ")
            && told.ends_with("the first of it is being evicted again\n"),
        "{told}"
    );
    let total = objects(&ran.out).pop().unwrap();
    assert!(total["read"].as_u64() < Some(160 * MIB), "{total}");
    assert!(total["absent"].as_u64() > Some(0), "{total}");
}

#[test]
fn one_thing_at_a_time() {
    for arguments in [
        &["--warm", "--evict", "x"][..],
        &["--restore", "f", "x"],
        &["--changed", "x"],
        &["--warm"],
        &["--warm", "--csv", "x"],
        &["--evict", "--top", "3", "x"],
        &["--sync", "--svg", "y", "x"],
    ] {
        let ran = run(pages().args(arguments));
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.err);
    }
    let dir = Dir::new();
    let path = dir.file("a", &bytes(8192));
    let text = run(pages().arg("--sync").arg(&path)).text();
    assert!(text.starts_with("wrote ") && text.ends_with(" of 1 file\n"), "{text}");
    let file = File::open(&path).unwrap();
    // On an overlay, and before Linux 6.5, the kernel does not tell.
    let states = FilePages::of(&file).unwrap().counts(..).unwrap().states;
    assert!(states.is_none_or(|states| states.dirty == 0), "{states:?}");
}
