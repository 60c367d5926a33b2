//! `folio pages`, beside fincore(1) where that is installed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, WaitId, WaitIdOptions};
use serde_json::Value;
use testfs::Kind;

use crate::harness::{Dir, Ran, folio, folio_as_nobody, keep_cached, reference, run};

const PAGE: u64 = 4096;

fn pages() -> Command {
    let mut command = folio();
    command.arg("pages").env("LC_ALL", "C.UTF-8");
    command
}

/// The objects that `--json` prints: those of files, and the sum.
#[track_caller]
fn objects(ran: &Ran) -> (Vec<Value>, Option<Value>) {
    let text = str::from_utf8(&ran.out).unwrap();
    let mut all: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let total = all.pop_if(|last| last["total"] == true);
    (all, total)
}

fn files(objects: &[Value]) -> Vec<&str> {
    let mut files: Vec<_> = objects.iter().map(|row| row["file"].as_str().unwrap()).collect();
    files.sort_unstable();
    files
}

/// Part of a file out of the page cache, the rest in it.
fn half_cold(path: &Path, pages: u64) {
    let file =
        File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    file.write_all_at(&vec![1; usize::try_from(pages * PAGE).unwrap()], 0).unwrap();
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random).unwrap();
    file.read_exact_at(&mut vec![0; usize::try_from(pages / 2 * PAGE).unwrap()], 0).unwrap();
}

/// Have the pages of a file that are cached be read from the device.
fn read_anew(path: &Path) {
    let file = File::open(path).unwrap();
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    let first = u64::min(file.metadata().unwrap().len(), 10 << 20);
    file.read_exact_at(&mut vec![0; usize::try_from(first).unwrap()], 0).unwrap();
}

/// The pages in the page cache and the length, as fincore says them.
fn fincore(path: &Path) -> Option<(u64, u64)> {
    let mut command = reference("fincore")?;
    let ran = run(command.args(["-b", "-r", "-n", "-o", "PAGES,SIZE"]).arg(path));
    let text = ran.text();
    let (pages, len) = text.trim().split_once(' ')?;
    Some((pages.parse().unwrap(), len.trim().parse().unwrap()))
}

#[test]
fn the_numbers_are_those_of_fincore() {
    let kinds = [Kind::Here, Kind::Ext4, Kind::Xfs, Kind::Btrfs, Kind::Tmpfs, Kind::Overlay];
    testfs::each(&kinds, |fs| {
        let path = |name: &str| fs.path().join(name);
        half_cold(&path("half"), 64);
        fs::write(path("warm"), vec![1; 100_001]).unwrap();
        fs::write(path("empty"), b"").unwrap();
        let sparse = File::create_new(path("sparse")).unwrap();
        sparse.set_len(1 << 30).unwrap();
        sparse.write_all_at(b"x", 5 << 20).unwrap();
        fs::write(path("truncated"), vec![1; 20 << 12]).unwrap();
        File::options().write(true).open(path("truncated")).unwrap().set_len(5000).unwrap();
        // To fincores that ask mincore(2), a page of which a part was never written is not there.
        for name in ["warm", "sparse", "truncated"] {
            read_anew(&path(name));
        }
        let _kept = [
            keep_cached(&path("half"), 0..32 * PAGE),
            keep_cached(&path("warm"), 0..100_001),
            keep_cached(&path("sparse"), 0..10 << 20),
            keep_cached(&path("truncated"), 0..5000),
        ];
        for name in ["half", "warm", "empty", "sparse", "truncated"] {
            let ran = run(pages().arg("--json").arg(path(name)));
            let (rows, total) = objects(&ran);
            assert_eq!((ran.code, rows.len(), total), (Some(0), 1, None), "{}", ran.err);
            let number = |field: &str| rows[0][field].as_u64().unwrap();
            assert!(name == "empty" || number("cached") > 0, "{name} on {:?}", fs.kind());
            match fincore(&path(name)) {
                // The pages are a layer's, where fincores that ask cachestat(2) do not look.
                Some((0, _)) if fs.kind() == Kind::Overlay => {}
                Some((cached, len)) => {
                    assert_eq!((number("cached"), number("len")), (cached, len), "{name}");
                }
                None => {}
            }
            assert_eq!(number("len"), fs::metadata(path(name)).unwrap().len());
            assert_eq!(number("pages"), number("len").div_ceil(PAGE));
        }
    });
}

#[test]
fn the_sum_over_a_tree_is_that_of_its_files() {
    let dir = Dir::new();
    let mut expected = (0, 0, 0);
    for index in 0..600u64 {
        let name = format!("d{}/e{}/f{index}", index % 7, index % 3);
        let len = index * 37 % 9000;
        dir.file(name, &vec![1; usize::try_from(len).unwrap()]);
        expected = (expected.0 + 1, expected.1 + len, expected.2 + len.div_ceil(PAGE));
    }
    for threads in ["1", "2", "7"] {
        let ran = run(pages().args(["--json", "-j", threads]).arg(dir.as_ref()));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        let (rows, total) = objects(&ran);
        let total = total.unwrap();
        let number = |field: &str| total[field].as_u64().unwrap();
        assert_eq!((number("files"), number("len"), number("pages")), expected);
        assert_eq!(number("cached"), expected.2, "all of it was just written");
        assert_eq!(rows.len(), 600);
        let sum: u64 = rows.iter().map(|row| row["cached"].as_u64().unwrap()).sum();
        assert_eq!(sum, expected.2);
        let mut names = files(&rows);
        names.dedup();
        assert_eq!(names.len(), 600, "each file once");
        assert_eq!(
            run(pages().args(["--total", "only", "--json"]).arg(dir.as_ref()))
                .text()
                .lines()
                .count(),
            1
        );
    }
}

#[test]
fn a_file_counts_once_whatever_its_names() {
    let dir = Dir::new();
    let file = dir.file("tree/a", &[1; 5000]);
    dir.file("tree/deep/b", b"b");
    fs::hard_link(&file, dir.path("tree/deep/same")).unwrap();
    symlink(&file, dir.path("tree/link")).unwrap();
    symlink(dir.path("tree"), dir.path("tree/deep/round")).unwrap();
    symlink(&file, dir.path("named")).unwrap();
    let listed = |paths: &[&str]| {
        let paths = paths.iter().map(|path| dir.path(path));
        let ran = run(pages().arg("--json").args(paths));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        let (rows, _) = objects(&ran);
        rows.len()
    };
    assert_eq!(listed(&["tree"]), 2);
    assert_eq!(listed(&["tree", "tree"]), 2);
    assert_eq!(listed(&["tree/deep", "tree"]), 2);
    // A link that is named is followed, and what it leads to was named already.
    assert_eq!(listed(&["named"]), 1);
    assert_eq!(listed(&["named", "tree/a", "tree"]), 2);
}

#[test]
fn what_has_no_pages_is_passed_over_in_a_tree_and_refused_by_name() {
    let dir = Dir::new();
    dir.file("tree/file", b"x");
    let fifo = dir.fifo("tree/fifo");
    let _socket = std::os::unix::net::UnixListener::bind(dir.path("tree/socket")).unwrap();
    let ran = run(pages().arg("--json").arg(dir.path("tree")));
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert_eq!(objects(&ran).0.len(), 1);

    let ran = run(pages().arg(&fifo).arg(dir.path("tree/socket")).args(["/dev/null", "/no/such"]));
    let lines: Vec<_> = ran.failed().lines().collect();
    assert_eq!(lines[0], format!("folio: {}: is a pipe, which has no pages", fifo.display()));
    assert!(lines[1].ends_with("is a socket, which has no pages"));
    for action in ["--warm", "--evict", "--lock"] {
        let ran = run(pages().arg(action).arg(&fifo));
        assert_eq!(ran.failed(), format!("{}\n", lines[0]), "{action}");
    }
    assert_eq!(lines[2], "folio: /dev/null: is a character device, which has no pages");
    assert_eq!(lines[3], "folio: /no/such: cannot open: No such file or directory");
}

#[test]
fn files_of_proc_have_no_pages_and_nothing_hangs() {
    let ran = run(pages().args(["--json", "/proc/self/status", "/proc/cpuinfo"]));
    let (rows, total) = objects(&ran);
    assert_eq!((ran.code, rows.len()), (Some(0), 2), "{}", ran.err);
    assert_eq!(total.unwrap()["pages"], 0);
    // Without memory, as a zombie has none, some of its files cannot be opened.
    let mut zombie = Command::new("true").spawn().unwrap();
    let proc = format!("/proc/{}", zombie.id());
    let (pid, ended) = (Pid::from_child(&zombie), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    rustix::process::waitid(WaitId::Pid(pid), ended).unwrap();
    let ran = run(pages().args(["--total", "only"]).arg(&proc));
    zombie.wait().unwrap();
    assert!(!ran.err.contains("No such process"), "{}", ran.err);
}

#[test]
fn odd_names_break_neither_lines_nor_objects() {
    let dir = Dir::new();
    let newline = dir.file("a\nb", b"x");
    let bytes = dir.file(OsStr::from_bytes(b"caf\xe9\x1b[31m"), b"x");
    let text = run(pages().args(["--total", "never"]).arg(&newline).arg(&bytes)).text();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains(r"a\nb'") && text.contains(r"caf\xe9\x1b[31m'"), "{text}");
    assert!(!text.contains('\u{1b}'));

    let ran = run(pages().arg("--json").arg(dir.as_ref()));
    let (rows, _) = objects(&ran);
    assert!(files(&rows).iter().any(|name| name.ends_with("a\nb")));
    let hex: Vec<_> = rows.iter().filter_map(|row| row["file_hex"].as_str()).collect();
    assert!(hex.len() == 1 && hex[0].ends_with("636166e91b5b33316d"), "{hex:?}");

    let csv = run(pages().arg("--csv").arg(&newline)).text();
    assert!(csv.starts_with("file,len,allocated,pages,cached,"), "{csv}");
    assert!(csv.contains("a\nb\",1,4096,1,1,"), "{csv}");
}

#[test]
fn the_first_of_an_order_are_shown_and_the_rest_is_counted() {
    let dir = Dir::new();
    for index in 1..=40u64 {
        dir.file(format!("f{index:02}"), &vec![1; usize::try_from(index * PAGE).unwrap()]);
    }
    let text = run(pages().arg(dir.as_ref())).text();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].contains("160.0 KiB of  160.0 KiB") && lines[0].ends_with("f40"), "{text}");
    assert!(lines[29].ends_with("f11"));
    assert!(lines[30].ends_with("and 10 more: see --top"));
    assert!(lines[31].ends_with("total, 40 files"), "{text}");

    let text =
        run(pages().args(["--top", "2", "--sort", "name", "--total", "never"]).arg(dir.as_ref()))
            .text();
    let names: Vec<_> = text.lines().map(|line| &line[line.len() - 3..]).collect();
    assert_eq!(names, ["f01", "f02"]);
    let by_size = run(pages()
        .args(["--json", "--sort", "size", "--min-size", "100KiB", "--max-size", "120KiB"])
        .arg(dir.as_ref()));
    let (rows, total) = objects(&by_size);
    let lens: Vec<_> = rows.iter().map(|row| row["len"].as_u64().unwrap() / PAGE).collect();
    assert_eq!(lens, [30, 29, 28, 27, 26, 25]);
    assert_eq!(total.unwrap()["files"], 6);
}

#[test]
fn ranges_tell_cached_absent_and_holes_apart() {
    testfs::each(&[Kind::Ext4, Kind::Xfs], |fs| {
        let path = fs.path().join("f");
        half_cold(&path, 64);
        let _kept = keep_cached(&path, 0..32 * PAGE);
        File::options().write(true).open(&path).unwrap().set_len(1 << 30).unwrap();
        let expected = [
            (0, 32 * PAGE, "cached"),
            (32 * PAGE, 64 * PAGE, "absent"),
            (64 * PAGE, 1 << 30, "hole"),
        ];
        let ran = run(pages().args(["--ranges", "--json"]).arg(&path));
        let (rows, _) = objects(&ran);
        let ranges: Vec<_> = rows[0]["ranges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|range| {
                let number = |field: &str| range[field].as_u64().unwrap();
                (number("start"), number("end"), range["state"].as_str().unwrap())
            })
            .collect();
        assert_eq!(ranges, expected);
        let csv = run(pages().args(["--ranges", "--csv"]).arg(&path)).text();
        let lines: Vec<_> = csv.lines().skip(1).collect();
        let written: Vec<_> = expected
            .iter()
            .map(|(start, end, state)| format!("{},{start},{end},{state}", path.display()))
            .collect();
        assert_eq!(lines, written);
        let text = run(pages().arg("--ranges").arg(&path)).text();
        assert!(
            text.lines().nth(3).unwrap().contains("hole   1023.7 MiB  262144..1073741824"),
            "{text}"
        );
    });
}

/// Run it as nobody.
fn as_nobody(dir: &Dir, args: &[&OsStr]) -> Option<Ran> {
    let mut command = folio_as_nobody(dir)?;
    Some(run(command.arg("pages").env("LC_ALL", "C.UTF-8").args(args)))
}

#[test]
fn of_files_of_others_nothing_is_told_and_nothing_is_invented() {
    let dir = Dir::new();
    let theirs = dir.path("theirs");
    half_cold(&theirs, 64);
    fs::set_permissions(&theirs, fs::Permissions::from_mode(0o644)).unwrap();
    let closed = dir.file("closed", b"x");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o600)).unwrap();
    dir.file("locked/x", b"x");
    fs::set_permissions(dir.path("locked"), fs::Permissions::from_mode(0o700)).unwrap();
    dir.file("empty", b"");

    let Some(ran) = as_nobody(&dir, &["--json".as_ref(), theirs.as_ref()]) else { return };
    let (rows, _) = objects(&ran);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    assert_eq!((&rows[0]["cached"], rows[0]["pages"].as_u64()), (&Value::Null, Some(64)));
    assert!(rows[0]["unknown"].as_str().unwrap().starts_with("user 65534 neither owns the file"));

    let text = as_nobody(&dir, &[theirs.as_ref()]).unwrap();
    let line = String::from_utf8(text.out).unwrap();
    assert!(line.starts_with("????????????????     ?    unknown of  256.0 KiB  "), "{line}");

    let tree = as_nobody(&dir, &[dir.as_ref().as_ref()]).unwrap();
    let text = String::from_utf8(tree.out.clone()).unwrap();
    let told = tree.failed();
    assert!(told.contains("closed: cannot open: Permission denied"), "{told}");
    assert!(told.contains("locked/: cannot open: Permission denied"), "{told}");
    assert_eq!(told.lines().count(), 2);
    assert!(text.contains("total, 3 files"), "{text}");
    assert!(!text.contains("100 %"), "{text}");
    let ranges =
        as_nobody(&dir, &["--ranges".as_ref(), "--json".as_ref(), theirs.as_ref()]).unwrap();
    let (rows, _) = objects(&ranges);
    assert_eq!((ranges.code, &rows[0]["ranges"]), (Some(1), &Value::Array(Vec::new())));
}

#[test]
fn the_files_of_a_process_are_those_it_has_open_or_mapped() {
    let dir = Dir::new();
    let open = dir.file("open", &[1; 9000]);
    let gone = dir.file("gone", b"gone");
    let input = File::open(&gone).unwrap();
    fs::remove_file(&gone).unwrap();
    let child = Command::new("sleep")
        .arg("1000")
        .stdin(input)
        .stdout(File::options().append(true).open(&open).unwrap())
        .spawn();
    let mut child = child.unwrap();
    // While it loads it maps files that are gone from it a moment later.
    testfs::wait_until_asleep(child.id());
    let pid = child.id().to_string();
    let program = fs::canonicalize(format!("/proc/{pid}/exe"));
    let ran = run(pages().args(["--json", "--pid", &pid]));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let (rows, _) = objects(&ran);
    let names = files(&rows);
    assert!(names.contains(&open.to_str().unwrap()), "{names:?}");
    assert!(names.iter().any(|name| name.ends_with("gone (deleted)")), "{names:?}");
    if let Ok(program) = program {
        assert!(names.contains(&program.to_str().unwrap()), "{names:?}");
    }
    let ran = run(pages().args(["--pid", "2147483647"]));
    assert_eq!(ran.failed(), "folio: process 2147483647: there is no such process\n");
}

/// How many of its pages there are hugetlbfs tells, and not which.
#[test]
fn of_huge_pages_there_is_a_number_and_no_map() {
    testfs::each(&[Kind::Hugetlbfs], |fs| {
        let file = File::create(fs.path().join("f")).unwrap();
        let huge = rustix::fs::fstatfs(&file).unwrap().f_bsize.unsigned_abs();
        file.set_len(2 * huge).unwrap();
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, huge).unwrap();
        let text = run(pages().arg(fs.path())).text();
        assert!(text.starts_with("????????????????  50 % "), "{text}");
        let svg = run(pages().args(["--svg", "-"]).arg(fs.path())).text();
        assert!(svg.contains("</svg>"), "{svg}");
        let refused = run(pages().arg("--ranges").arg(fs.path()));
        assert_eq!(refused.code, Some(1));
        assert!(refused.err.contains("cannot list its pages: hugetlbfs does not"), "{refused:?}");
        let warmed = run(pages().arg("--warm").arg(fs.path()));
        assert!(warmed.err.contains("are in memory from their allocation on"), "{warmed:?}");
    });
}

#[test]
fn a_picture_of_this_directory_has_its_name() {
    let dir = Dir::new();
    dir.file("a", b"a");
    let svg = run(pages().args(["--svg", "-", "."]).current_dir(dir.path(""))).text();
    let name = fs::canonicalize(dir.path("")).unwrap();
    assert!(svg.contains(&format!("In the page cache: {}</title>", name.display())), "{svg}");
}

#[test]
fn other_file_systems_are_left_out_where_that_is_asked() {
    let Some(fs) = testfs::FileSystem::new(Kind::Tmpfs) else { return };
    let above = fs.path().parent().unwrap().to_owned();
    if fs::metadata(&above).unwrap().dev() == fs::metadata(fs.path()).unwrap().dev() {
        return testfs::skip(
            "a file system in another",
            "it is not mounted below one of another kind",
        );
    }
    let inside: PathBuf = fs.path().join("inside");
    fs::write(&inside, b"x").unwrap();
    let listed = |args: &[&str]| {
        let ran = run(pages().args(args).arg("--json").arg(&above));
        files(&objects(&ran).0)
            .iter()
            .any(|name| Path::new(name).ends_with(inside.strip_prefix(&above).unwrap()))
    };
    assert!(listed(&[]));
    assert!(!listed(&["-x"]));
}

#[test]
fn that_there_is_no_file_is_said_once() {
    let dir = Dir::new();
    fs::create_dir(dir.path("empty")).unwrap();
    let (file, fifo) = (dir.file("file", b"x"), dir.fifo("fifo"));
    for none in [dir.path("empty"), file.clone()] {
        let text = run(pages().args(["--min-size", "1M"]).arg(&none)).text();
        assert!(text.ends_with("  total, 0 files\n"), "{text}");
    }
    for failed in [dir.path("no"), fifo] {
        for args in [&[][..], &["--json"], &["--long"]] {
            let ran = run(pages().args(args).arg(&failed));
            assert_eq!((ran.failed().lines().count(), ran.out.as_slice()), (1, &b""[..]));
        }
        // Asked for, it comes.
        let ran = run(pages().args(["--total", "always"]).arg(&failed));
        assert!(ran.out.ends_with(b"  total, 0 files\n"), "{ran:?}");
        let ran = run(pages().args([&failed, &file]));
        assert_eq!(ran.out.split_inclusive(|byte| *byte == b'\n').count(), 1, "{ran:?}");
    }
}

/// Each line of a program that reads what it needs and goes away.
#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let dir = Dir::new();
    for index in 0..3000 {
        dir.file(format!("f{index}"), b"x");
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = crate::harness::run_into(pages().args(["--json"]).arg(dir.as_ref()), writer);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}

#[test]
fn something_has_to_be_named() {
    let ran = run(&mut pages());
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("<PATH>"), "{}", ran.err);
    let ran = run(pages().args(["--ranges", "--sort", "size", "."]));
    assert_eq!(ran.code, Some(2), "{}", ran.err);
}

#[test]
fn a_picture_is_drawn_beside_what_is_printed_or_instead() {
    let dir = Dir::new();
    let file = dir.sparse("disk", 1 << 40);
    let (svg, png) = (dir.path("map.svg"), dir.path("map.png"));
    let text = run(pages().arg("--svg").arg(&svg).arg("--png").arg(&png).arg(&file)).text();
    assert!(text.contains("0 B of    1.0 TiB"), "{text}");
    let drawn = fs::read_to_string(&svg).unwrap();
    assert!(drawn.contains("One cell is 256 MiB"), "{drawn}");
    assert!(fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    let only = run(pages().args(["--svg", "-"]).arg(&file)).text();
    assert!(only.trim_start().starts_with('<') && only.trim_end().ends_with("</svg>"), "{only}");
    let nowhere = run(pages().args(["--svg", "/no/such/dir/map.svg"]).arg(&file));
    assert!(nowhere.failed().contains("cannot write the picture"), "{}", nowhere.err);
}

#[test]
fn folios_hold_all_cached_pages_where_the_kernel_tells_their_sizes() {
    let dir = Dir::new();
    let file = dir.file("f", &vec![1; 1 << 20]);
    let ran = run(pages().args(["--folios", "--json"]).arg(&file));
    let (rows, _) = objects(&ran);
    if let Some(sizes) = rows[0]["folios"].as_object() {
        let sum: u64 = sizes.values().map(|pages| pages.as_u64().unwrap()).sum();
        assert_eq!(Some(sum), rows[0]["cached"].as_u64(), "{sizes:?}");
    } else {
        testfs::skip("sizes of folios", "the kernel tells them to root alone");
        assert!(rows[0]["huge"].is_u64() || rows[0]["folios"].is_null(), "{rows:?}");
    }
    let text = run(pages().arg("--folios").arg(&file)).text();
    assert_eq!(text.lines().count(), 2, "{text}");
}
