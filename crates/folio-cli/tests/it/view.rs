//! `folio view` looks like `hexdump -C`.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::*;

/// Bytes with repeated rows in them, long and short.
fn repetitive(len: usize) -> Vec<u8> {
    let mut content = bytes(len);
    for (start, end) in [(16, 48), (64, 81), (160, 4096), (5000, 5100), (70_000, 400_000)] {
        if end <= len {
            content[start..end].fill(0);
        }
    }
    content
}

#[test]
fn every_length_as_hexdump_shows_it() {
    if reference("hexdump").is_none() {
        return;
    }
    let dir = Dir::new();
    for len in lengths().into_iter().filter(|&len| len < 2 << 20).chain([5 << 20]) {
        let content = repetitive(len);
        let path = dir.file("in", &content);
        let theirs = run(reference("hexdump").unwrap().arg("-C").arg(&path)).ok();
        assert!(run(folio().arg("view").arg(&path)).ok() == theirs, "{len} bytes of a file");
        assert!(
            run_with_pipe(folio().arg("view"), &content).ok() == theirs,
            "{len} bytes of a pipe"
        );
        let theirs = run(reference("hexdump").unwrap().args(["-v", "-C"]).arg(&path)).ok();
        assert!(
            run(folio().args(["view", "-v"]).arg(&path)).ok() == theirs,
            "{len} bytes, all rows"
        );
    }
}

#[test]
fn any_range_as_hexdump_shows_it() {
    if reference("hexdump").is_none() {
        return;
    }
    let dir = Dir::new();
    let path = dir.file("in", &repetitive(600_000));
    for offset in [0u32, 1, 15, 17, 4095, 5001, 65_537] {
        for len in [1u32, 16, 33, 4096, 100_000] {
            let (offset, len) = (offset.to_string(), len.to_string());
            let mut theirs = reference("hexdump").unwrap();
            let theirs = run(theirs.args(["-C", "-s", &offset, "-n", &len]).arg(&path)).ok();
            let mut ours = folio();
            ours.args(["view", "-o", &offset, "-n", &len]).arg(&path);
            assert!(run(&mut ours).ok() == theirs, "{len} bytes at {offset}");
            let mut ours = folio();
            ours.args(["view", "-o", &offset, "-n", &len]).stdin(File::open(&path).unwrap());
            assert!(run(&mut ours).ok() == theirs, "{len} bytes at {offset} of standard input");
        }
    }
}

/// xxd(1) groups and widths differ, the bytes do not.
#[test]
fn other_widths_show_the_digits_that_xxd_shows() {
    if reference("xxd").is_none() {
        return;
    }
    let dir = Dir::new();
    let path = dir.file("in", &bytes(10_007));
    for width in ["1", "8", "20", "64"] {
        let theirs = run(reference("xxd").unwrap().args(["-p", "-c", width]).arg(&path)).text();
        let ours = run(folio().args(["view", "-v", "--json", "--width", width]).arg(&path)).text();
        let hex: Vec<String> = ours
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter_map(|row| Some(row.get("hex")?.as_str()?.to_owned()))
            .collect();
        assert_eq!(hex, theirs.lines().collect::<Vec<_>>());
    }
}

#[test]
fn a_terabyte_that_is_all_hole_is_shown_at_once() {
    let dir = Dir::new();
    let path = dir.sparse("sparse", 1 << 40);
    let row = "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|";
    let all = run(folio().arg("view").arg(&path)).text();
    assert_eq!(
        all,
        format!("0000000000  {row}\n*\n10000000000\n").replacen("0000000000", "00000000000", 1)
    );

    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_at(b"end", (1 << 40) - 3).unwrap();
    file.write_at(b"middle", 1 << 39).unwrap();
    let last = run(folio().args(["view", "-o", "-32"]).arg(&path)).text();
    assert!(last.ends_with("|.............end|\n10000000000\n"), "{last}");
    let all = run(folio().arg("view").arg(&path)).text();
    let lines: Vec<_> = all.lines().collect();
    assert_eq!(lines.len(), 7, "{all}");
    assert!(lines[2].starts_with("08000000000  6d 69 64 64 6c 65"), "{all}");
    assert_eq!((lines[1], lines[4]), ("*", "*"));

    let json = run(folio().args(["view", "--json"]).arg(&path)).text();
    let objects: Vec<Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects[1]["len"], (1u64 << 39) - 16);
    assert_eq!(objects.last().unwrap()["end"], 1u64 << 40);
}

/// Whoever reads the JSON can make the file again.
#[test]
fn json_has_every_byte() {
    let dir = Dir::new();
    let content = repetitive(700_001);
    let path = dir.file("in", &content);
    let json = run(folio().args(["view", "--json"]).arg(&path)).text();
    let mut made = Vec::new();
    for line in json.lines() {
        let object: Value = serde_json::from_str(line).unwrap();
        let unhex = |name: &str| -> Option<Vec<u8>> {
            let digits = object.get(name)?.as_str()?;
            (0..digits.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
                .collect()
        };
        if let Some(end) = object.get("end") {
            assert_eq!(*end, content.len());
            continue;
        }
        assert_eq!(object["offset"], made.len());
        if let Some(row) = unhex("hex") {
            made.extend(row);
        }
        if let Some(row) = unhex("repeat") {
            let len = usize::try_from(object["len"].as_u64().unwrap()).unwrap();
            made.extend(row.iter().cycle().take(len));
        }
    }
    assert!(made == content);
    assert!(json.lines().any(|line| line.contains("repeat")));
}

#[test]
fn raw_is_the_bytes_themselves() {
    let dir = Dir::new();
    let content = bytes(100_000);
    let path = dir.file("in", &content);
    let ran = run(folio().args(["view", "--raw", "-o", "5000", "-n", "60000"]).arg(&path));
    assert!(ran.ok() == content[5000..65_000]);
    assert!(
        run_with_pipe(folio().args(["view", "--raw", "-o", "7"]), &content).ok() == content[7..]
    );
}

#[test]
fn colours_on_demand_and_never_in_a_pipe() {
    let plain = run_with_pipe(folio().arg("view"), b"A\0\n\x01\xff").text();
    assert!(!plain.contains('\x1b'));
    let coloured =
        run_with_pipe(folio().args(["--color", "always", "view"]), b"A\0\n\x01\xff").text();
    for sgr in ["\x1b[36m41", "\x1b[2m00", "\x1b[32m0a", "\x1b[35m01", "\x1b[33mff"] {
        assert!(coloured.contains(sgr), "{coloured:?}");
    }
}

/// Rows of a slow stream come as they are complete, not when it ends.
#[test]
fn a_stream_is_shown_while_it_comes() {
    use std::io::Write as _;
    let mut child =
        folio().arg("view").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdin.write_all(b"0123456789abcdefgh").unwrap();
    let row = first(&mut stdout, 79);
    assert!(row.ends_with(b"|0123456789abcdef|\n"));
    drop(stdin);
    assert!(drain(stdout).ends_with(b"|gh|\n00000012\n"));
    assert!(child.wait().unwrap().success());
}

#[test]
fn files_that_do_not_tell_their_length() {
    let out = run(folio().args(["view", "-n", "5", "/proc/version"])).text();
    assert_eq!(
        out,
        "00000000  4c 69 6e 75 78                                    |Linux|\n00000005\n"
    );
}

#[test]
fn a_range_that_is_not_there() {
    let dir = Dir::new();
    let path = dir.file("in", b"12345");
    let ran = run(folio().args(["view", "-o", "6"]).arg(&path));
    assert_eq!(
        ran.failed(),
        format!("folio: {}: offset 6 lies past the end at 5\n", path.display())
    );
    let ran = run_with_pipe(folio().args(["view", "-o", "6"]), b"12345");
    assert_eq!(ran.failed(), "folio: standard input: offset 6 lies past the end at 5\n");
    assert_eq!(run(folio().args(["view", "-o", "5"]).arg(&path)).text(), "");
}
