//! What goes wrong is told, and gone on from where that makes sense.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::harness::*;

const COMMANDS: [&str; 3] = ["cat", "count", "view"];

#[test]
fn a_missing_file() {
    for command in COMMANDS {
        let ran = run(folio().args([command, "/no/such/file"]));
        assert_eq!(ran.failed(), "folio: /no/such/file: cannot open: No such file or directory\n");
        assert!(ran.out.is_empty());
    }
}

#[test]
fn a_directory() {
    for command in ["cat", "view"] {
        assert_eq!(run(folio().args([command, "/"])).failed(), "folio: /: is a directory\n");
    }
    assert_eq!(
        run(folio().arg("cat").stdin(File::open("/").unwrap())).failed(),
        "folio: standard input: is a directory\n"
    );
}

#[test]
fn a_socket() {
    let dir = Dir::new();
    let path = dir.path("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    for command in COMMANDS {
        let ran = run(folio().arg(command).arg(&path));
        assert_eq!(ran.failed(), format!("folio: {}: is a socket\n", path.display()));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_not_an_empty_one() {
    // Its length reads as 0, and nothing is mapped at its first byte.
    for command in COMMANDS {
        let ran = run(folio().args([command, "/proc/self/mem"]));
        assert_eq!(ran.failed(), "folio: /proc/self/mem: cannot read: Input/output error\n");
        assert!(ran.out.is_empty(), "{command}");
    }
}

#[test]
fn help_on_a_full_device() {
    for arguments in [&["--help"][..], &["--version"], &["cat", "--help"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        assert_eq!(
            run_into(folio().args(arguments), full).failed(),
            "folio: standard output: cannot write: No space left on device\n"
        );
    }
}

#[test]
fn the_other_files_are_gone_on_with() {
    let dir = Dir::new();
    let path = dir.file("f", b"1\n");
    let ran = run(folio().args(["cat", "/no/such/file"]).arg(&path));
    assert_eq!((ran.failed().lines().count(), &ran.out[..]), (1, &b"1\n"[..]));
    let ran = run(folio().args(["count", "/no/such/file"]).arg(&path));
    let expected = format!("1 {}\n1 total\n", path.display());
    assert_eq!(
        (ran.failed().lines().count(), String::from_utf8_lossy(&ran.out).into_owned()),
        (1, expected)
    );
}

#[test]
fn odd_names_are_quoted_in_messages() {
    let name = OsStr::from_bytes(b"a\nb\x1b[31m\xff");
    let ran = run(folio().arg("cat").arg(name));
    assert_eq!(
        ran.failed(),
        "folio: $'a\\nb\\x1b[31m\\xff': cannot open: No such file or directory\n"
    );
}

#[test]
fn a_full_device() {
    let dir = Dir::new();
    let path = dir.file("f", &bytes(1 << 20));
    for command in COMMANDS {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ran = run_into(folio().arg(command).arg(&path), full);
        assert_eq!(
            ran.failed(),
            "folio: standard output: cannot write: No space left on device\n",
            "{command}"
        );
    }
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut &writer, b"through a pipe").unwrap();
    drop(writer);
    let ran = run_into(folio().arg("cat").stdin(reader), full);
    assert_eq!(ran.failed(), "folio: standard output: cannot write: No space left on device\n");
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let dir = Dir::new();
    let path = dir.file("f", &bytes(4 << 20));
    for args in [
        &["cat"][..],
        &["cat", "-n", "3M"],
        &["view"],
        &["view", "--raw"],
        &["view", "--json"],
        &["count"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = run_into(folio().args(args).arg(&path), writer);
        assert_eq!(ran.ok(), b"", "{args:?}");
    }
    // A reader that takes a little first, as head(1) does.
    let (mut reader, writer) = std::io::pipe().unwrap();
    let child =
        folio().arg("view").arg(&path).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    first(&mut reader, 100);
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]));
}

/// Root reads everything, so somebody else has to try.
#[test]
fn no_permission() {
    let dir = Dir::new();
    let path = dir.file("secret", b"1\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // Whoever is not root is somebody else already.
    let somebody = || {
        if rustix::process::geteuid().is_root() { folio_as_nobody(&dir).unwrap() } else { folio() }
    };
    for command in COMMANDS {
        let ran = run(somebody().arg(command).arg(&path));
        assert_eq!(
            ran.failed(),
            format!("folio: {}: cannot open: Permission denied\n", path.display())
        );
    }
    let closed = dir.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let open = dir.file("zopen", b"1\n");
    let ran = run(somebody().args(["count", "-r"]).arg(&closed).arg(&open));
    assert_eq!(
        ran.failed(),
        format!("folio: {}: cannot read the directory: Permission denied\n", closed.display())
    );
    assert_eq!(String::from_utf8_lossy(&ran.out), format!("1 {}\n", open.display()));
}

/// Where the address space is too small for a mapping, reading takes its place.
#[test]
fn little_memory() {
    let dir = Dir::new();
    let path = dir.sparse("sparse", 1 << 40);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -v 1000000; exec \"$0\" \"$@\""]).arg(env!("CARGO_BIN_EXE_folio"));
    let ran = run(shell.args(["view", "-o", "1G", "-n", "900G"]).arg(&path));
    assert!(ran.text().ends_with("*\n0e140000000\n"));
}

#[test]
fn wrong_usage_exits_with_2() {
    for args in [
        &[][..],
        &["nonsense"],
        &["cat", "--offset", "1.5K"],
        &["cat", "--len", "-1"],
        &["count", "--byte", "ab"],
        &["count", "--threads", "0"],
        &["count", "--via", "magic"],
        &["view", "--raw", "--json", "f"],
        &["view", "--width", "0"],
        &["view", "a", "b"],
        &["completions", "tcsh"],
    ] {
        let ran = run(folio().args(args));
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{args:?}");
    }
}
