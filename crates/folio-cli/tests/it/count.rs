//! `folio count` prints what `wc -l` prints.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::Path;
use std::process::Stdio;

use proptest::prelude::*;

use crate::harness::*;

const WAYS: [&str; 4] = ["auto", "read", "map", "frozen"];

fn naive(bytes: &[u8], byte: u8) -> usize {
    bytes.iter().filter(|&&other| other == byte).count()
}

#[test]
fn every_length_by_every_way_with_any_number_of_threads() {
    let dir = Dir::new();
    for len in lengths() {
        let content = bytes(len);
        let path = dir.file("in", &content);
        let expected = format!("{} {}\n", naive(&content, b'\n'), path.display());
        for via in WAYS {
            for threads in ["1", "2", "7"] {
                let mut count = folio();
                count.args(["count", "--via", via, "--threads", threads]).arg(&path);
                assert_eq!(
                    run(&mut count).text(),
                    expected,
                    "{len} bytes via {via}, {threads} threads"
                );
            }
        }
    }
}

#[test]
fn columns_and_total_are_those_of_wc() {
    let Some(mut wc) = reference("wc") else { return };
    let dir = Dir::new();
    let files: Vec<_> = [0usize, 7, 1000, 99_999, 2_000_000]
        .iter()
        .map(|&len| dir.file(format!("f{len}"), &bytes(len)))
        .collect();
    let theirs = run(wc.arg("-l").args(&files)).text();
    assert_eq!(run(folio().arg("count").args(&files)).text(), theirs);
    for (few, more) in [(0, 1), (0, 2), (1, 3)] {
        let files = &files[few..more];
        let theirs = run(reference("wc").unwrap().arg("-l").args(files)).text();
        assert_eq!(run(folio().arg("count").args(files)).text(), theirs);
    }
    // With an input that has no length the column is wider.
    let mut theirs = reference("wc").unwrap();
    let theirs = run_with_pipe(theirs.args(["-l", "-"]).arg(&files[1]), b"a\nb\n").text();
    assert_eq!(
        run_with_pipe(folio().args(["count", "-"]).arg(&files[1]), b"a\nb\n").text(),
        theirs
    );
    let theirs = run(reference("wc").unwrap().args(["-l", "/proc/mounts"]).arg(&files[1])).text();
    assert_eq!(run(folio().args(["count", "/proc/mounts"]).arg(&files[1])).text(), theirs);
}

#[test]
fn standard_input_of_every_kind() {
    let dir = Dir::new();
    let content = bytes((9 << 20) + 5);
    let path = dir.file("in", &content);
    let lines = naive(&content, b'\n');
    assert_eq!(run_with_pipe(folio().arg("count"), &content).text(), format!("{lines}\n"));
    assert_eq!(
        run_with_pipe(folio().args(["count", "-"]), &content).text(),
        format!("{lines} -\n")
    );
    let mut file = File::open(&path).unwrap();
    file.seek(SeekFrom::Start(1 << 20)).unwrap();
    let rest = naive(&content[1 << 20..], b'\n');
    let ran = run(folio().arg("count").stdin(file.try_clone().unwrap()));
    assert_eq!(ran.text(), format!("{rest}\n"));
    assert_eq!(
        file.stream_position().unwrap(),
        content.len() as u64,
        "left at the end, as wc does"
    );
}

#[test]
fn standard_input_named_twice_is_read_once() {
    let ran = run_with_pipe(folio().args(["count", "-", "-"]), b"a\nb\n");
    assert_eq!(ran.text(), "      2 -\n      0 -\n      2 total\n");
}

#[test]
fn any_byte() {
    let dir = Dir::new();
    let content = bytes(100_000);
    let path = dir.file("in", &content);
    for (typed, byte) in
        [("a", b'a'), ("0x0a", b'\n'), ("\\n", b'\n'), ("\\0", 0), ("\\xff", 255), ("0xC3", 0xc3)]
    {
        let ran = run(folio().args(["count", "--byte", typed]).arg(&path));
        assert_eq!(
            ran.text(),
            format!("{} {}\n", naive(&content, byte), path.display()),
            "{typed}"
        );
    }
}

#[test]
fn the_total_when_it_is_wanted() {
    let dir = Dir::new();
    let (a, b) = (dir.file("a", b"1\n"), dir.file("b", b"1\n2\n"));
    let count = |total: &str, files: &[&std::path::PathBuf]| {
        run(folio().args(["count", "--total", total]).args(files).current_dir(&dir)).text()
    };
    assert_eq!(count("only", &[&a, &b]), "3\n");
    assert_eq!(count("always", &[&a]), format!("1 {}\n1 total\n", a.display()));
    assert_eq!(count("never", &[&a, &b]), format!("1 {}\n2 {}\n", a.display(), b.display()));
}

fn tree() -> Dir {
    let dir = Dir::new();
    dir.file("b.txt", b"1\n2\n");
    dir.file("a/deep/er/x", b"1\n");
    dir.file("a/y", b"no newline");
    dir.file("c", &bytes((8 << 20) + 1));
    dir.fifo("fifo");
    symlink("b.txt", dir.path("link")).unwrap();
    symlink(".", dir.path("a/loop")).unwrap();
    dir
}

#[test]
fn a_directory_with_all_that_is_in_it() {
    let dir = tree();
    let lines = naive(&bytes((8 << 20) + 1), b'\n');
    let total = lines + 3;
    let expected = |root: &str| {
        format!(
            "{:7} {root}a/deep/er/x\n{:7} {root}a/y\n{:7} {root}b.txt\n{lines:7} {root}c\n{total:7} total\n",
            1, 0, 2
        )
    };
    for threads in ["1", "3"] {
        let ran = run(folio().args(["count", "-r", "-j", threads, "."]).current_dir(&dir));
        assert_eq!(ran.text(), expected("./"));
    }
    // No file is the current directory.
    assert_eq!(run(folio().args(["count", "-r"]).current_dir(&dir)).text(), expected("./"));
    // A link that is named itself is followed.
    let ran = run(folio().args(["count", "-r", "link"]).current_dir(&dir));
    assert_eq!(ran.text(), "2 link\n");
}

#[test]
fn a_directory_is_an_error_without_r() {
    let dir = tree();
    let ran = run(folio().args(["count", ".", "b.txt"]).current_dir(&dir));
    assert_eq!(ran.failed(), "folio: .: is a directory: count -r counts the files in it\n");
    assert_eq!(String::from_utf8(ran.out).unwrap(), "      2 b.txt\n      2 total\n");
}

#[test]
fn many_files() {
    let dir = Dir::new();
    for i in 0..500 {
        dir.file(format!("d{}/f{i:03}", i % 7), "x\n".repeat(i).as_bytes());
    }
    let ran = run(folio().args(["count", "-r", "--total", "only"]).current_dir(&dir));
    assert_eq!(ran.text(), format!("{}\n", 499 * 500 / 2));
    let all = run(folio().args(["count", "-r"]).current_dir(&dir)).text();
    let names: Vec<_> = all.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(names.len(), 501);
    assert!(names[..500].is_sorted());
}

#[test]
fn json_for_programs() {
    let dir = Dir::new();
    dir.file("a", b"1\n2\n");
    dir.file(OsStr::from_bytes(b"b\xff"), b"1\n");
    let out = run(folio().args(["count", "-r", "--json", "."]).current_dir(&dir)).text();
    let objects: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects[0], serde_json::json!({ "file": "./a", "byte": 10, "count": 2, "len": 4 }));
    assert_eq!(objects[1]["file_hex"], "2e2f62ff");
    assert_eq!(objects[2]["total"], true);
    assert_eq!(objects[2]["count"], 3);
}

#[test]
fn odd_names_cannot_break_the_table() {
    let dir = Dir::new();
    dir.file("a\nb", b"1\n");
    dir.file(OsStr::from_bytes(b"c\xff"), b"");
    let ran = run(folio().args(["count", "-r", "."]).current_dir(&dir));
    assert_eq!(ran.ok(), b"1 $'./a\\nb'\n0 ./c\xff\n1 total\n");
}

/// Whenever the newline comes: before the file is opened it could not be, and after that it is not counted.
#[test]
fn a_file_that_grows_is_counted_up_to_where_it_was() {
    let dir = Dir::new();
    let len = 64 << 20;
    for via in ["read", "map"] {
        let path = dir.sparse("grows", len);
        let mut count = folio();
        let count = count.args(["count", "--via", via]).arg(&path);
        let child = count.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until("it is open", || has_open(child.id(), &path));
        OpenOptions::new().write(true).open(&path).unwrap().write_at(b"\n", len).unwrap();
        let output = child.wait_with_output().unwrap();
        let ran = Ran::new(output.status, output.stdout, output.stderr);
        assert_eq!(ran.text(), format!("0 {}\n", path.display()), "{via}");
    }
}

/// Whether a process has the file open, or did: at its end it has nothing open.
fn has_open(pid: u32, path: &Path) -> bool {
    let Ok(fds) = fs::read_dir(format!("/proc/{pid}/fd")) else { return true };
    let mut fds = fds.peekable();
    fds.peek().is_none()
        || fds.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to == path))
}

#[test]
fn a_stream_cannot_be_mapped() {
    for via in ["map", "frozen"] {
        let ran = run_with_pipe(folio().args(["count", "--via", via]), b"1\n");
        assert!(
            ran.failed().starts_with("folio: standard input: cannot be mapped: "),
            "{}",
            ran.err
        );
    }
}

#[test]
fn files_that_do_not_tell_their_length() {
    let expected = naive(&fs::read("/proc/filesystems").unwrap(), b'\n');
    let ran = run(folio().args(["count", "/proc/filesystems"]));
    assert_eq!(ran.text(), format!("{expected} /proc/filesystems\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_bytes_in_any_number_of_files(
        files in prop::collection::vec(prop::collection::vec(0u8..4, 0..5000), 1..4),
        byte in 0u8..5,
        way in 0usize..4,
    ) {
        let dir = Dir::new();
        let paths: Vec<_> =
            files.iter().enumerate().map(|(i, content)| dir.file(format!("{i}"), content)).collect();
        let mut count = folio();
        count.args(["count", "--total", "only", "--via", WAYS[way], "--byte", &format!("{byte:#x}")]);
        let expected: usize = files.iter().map(|content| naive(content, byte)).sum();
        prop_assert_eq!(run(count.args(&paths)).text(), format!("{expected}\n"));
    }
}
