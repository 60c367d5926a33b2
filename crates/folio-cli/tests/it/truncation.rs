//! A file that shrinks while it is being read is an error, never a death and never a wrong answer.
//!
//! To be certain that the file shrinks in the middle, either the output is a pipe that nobody reads until it has, or the
//! file is a hole so long that reading it takes minutes.

use std::fs::{self, OpenOptions};
use std::io::PipeReader;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::harness::*;

fn truncate(path: &Path, len: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
}

/// Start with a pipe as output, and wait until something is in it: the command is in the middle then.
fn start_into_pipe(command: &mut std::process::Command) -> (Child, PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    // The command holds the other writing end.
    command.stdout(Stdio::null());
    wait_until("there is output", || rustix::io::ioctl_fionread(&reader).unwrap() > 0);
    (child, reader)
}

fn end(child: Child, reader: PipeReader) -> Ran {
    let out = drain(reader);
    let output = child.wait_with_output().unwrap();
    Ran::new(output.status, out, output.stderr)
}

#[test]
fn cat_to_a_pipe() {
    let dir = Dir::new();
    let content = bytes(8 << 20);
    let path = dir.file("in", &content);
    let (child, reader) = start_into_pipe(folio().arg("cat").arg(&path));
    truncate(&path, 1000);
    let ran = end(child, reader);
    let message =
        format!("folio: {}: truncated from {} to 1000 while being read\n", path.display(), 8 << 20);
    assert_eq!(ran.failed(), message);
    assert!(ran.out.len() < content.len());
}

#[test]
fn cat_goes_on_with_the_other_files() {
    let dir = Dir::new();
    let (path, other) = (dir.file("in", &bytes(8 << 20)), dir.file("other", b"other\n"));
    let (child, reader) = start_into_pipe(folio().arg("cat").args([&path, &other]));
    truncate(&path, 0);
    let ran = end(child, reader);
    assert!(ran.failed().contains("truncated from"));
    assert!(ran.out.ends_with(b"other\n"));
}

#[test]
fn view_by_one_thread_and_by_several() {
    let dir = Dir::new();
    for (name, len) in [("small", 300 << 10), ("large", 8 << 20)] {
        let path = dir.file(name, &bytes(len));
        for form in [&["view", "-v"][..], &["view", "--json"], &["view", "--raw"]] {
            if form.contains(&"--raw") && len < 1 << 20 {
                // All of it fits the pipe.
                continue;
            }
            let path = dir.file(name, &bytes(len));
            let (child, reader) = start_into_pipe(folio().args(form).arg(&path));
            truncate(&path, 4000);
            let ran = end(child, reader);
            let message = format!(
                "folio: {}: truncated from {len} to 4000 while being read\n",
                path.display()
            );
            assert_eq!(ran.failed(), message, "{form:?} {name}");
            let complete = String::from_utf8_lossy(&ran.out).contains("\"end\"");
            assert!(!complete, "the last line says that the output is complete");
        }
        fs::remove_file(path).unwrap();
    }
}

/// Far more than can be read in the time that this test takes, and less than ext4's limit.
const ENDLESS: u64 = 8 << 40;

/// How many bytes a process has read with read(2) and its like.
fn bytes_read(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let rchar = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    rchar.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

fn is_mapped(pid: u32, path: &Path) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    maps.lines().any(|line| line.ends_with(path.to_str().unwrap()))
}

#[test]
fn count_by_reading_and_by_copying() {
    for via in ["auto", "read", "map"] {
        let dir = Dir::new();
        let path = dir.sparse("sparse", ENDLESS);
        let mut count = folio();
        count.args(["count", "--via", via]).arg(&path);
        let child = count.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if via == "map" {
            wait_until("it is mapped", || is_mapped(child.id(), &path));
        } else {
            wait_until("it is being read", || bytes_read(child.id()) > 16 << 20);
        }
        truncate(&path, 4097);
        let output = child.wait_with_output().unwrap();
        let ran = Ran::new(output.status, output.stdout, output.stderr);
        let message = format!(
            "folio: {}: truncated from {ENDLESS} to 4097 while being read\n",
            path.display()
        );
        assert_eq!(ran.failed(), message, "{via}");
        assert!(ran.out.is_empty(), "no count at all");
    }
}

/// At any moment whatever: the right count, or the error.
#[test]
fn a_count_is_right_or_there_is_none() {
    let content = bytes(16 << 20);
    let lines = content.iter().filter(|&&byte| byte == b'\n').count();
    let dir = Dir::new();
    let mut seen = [0, 0];
    for turn in 0..60u32 {
        let path = dir.file("in", &content);
        let via = ["read", "map", "frozen"][turn as usize % 3];
        let mut count = folio();
        count.args(["count", "--via", via]).arg(&path);
        let child = count.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A busy wait of another length each time, so that it happens at another place each time.
        for _ in 0..turn * 20_000 {
            std::hint::spin_loop();
        }
        truncate(&path, 5000);
        let output = child.wait_with_output().unwrap();
        let ran = Ran::new(output.status, output.stdout, output.stderr);
        match ran.code {
            Some(0) => {
                let text = String::from_utf8(ran.out).unwrap();
                // Opened after it was cut, it is a file of 5000 bytes.
                let cut = content[..5000].iter().filter(|&&byte| byte == b'\n').count();
                let right = [lines, cut].map(|count| format!("{count} {}\n", path.display()));
                assert!(right.contains(&text), "{text}");
                seen[0] += 1;
            }
            _ => {
                assert!(ran.failed().contains(" to 5000 while being read"), "{}", ran.err);
                seen[1] += 1;
            }
        }
    }
    println!("{} counts, {} errors", seen[0], seen[1]);
}
