//! `folio cat` gives the bytes of cat(1), whatever is on either side.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::thread;

use crate::harness::*;

#[test]
fn every_length_to_a_pipe_a_file_and_a_socket() {
    let dir = Dir::new();
    for len in lengths() {
        let expected = bytes(len);
        let path = dir.file("in", &expected);
        assert!(run(folio().arg("cat").arg(&path)).ok() == expected, "{len} to a pipe");

        let out = dir.path("out");
        assert_eq!(run_into(folio().arg("cat").arg(&path), File::create(&out).unwrap()).ok(), b"");
        assert!(fs::read(&out).unwrap() == expected, "{len} to a file");

        let (ours, theirs) = UnixStream::pair().unwrap();
        let reader = thread::spawn(move || drain(ours));
        run_into(folio().arg("cat").arg(&path), OwnedFd::from(theirs)).ok();
        assert!(reader.join().unwrap() == expected, "{len} to a socket");
    }
}

#[test]
fn standard_input_of_every_kind() {
    let dir = Dir::new();
    for len in lengths() {
        let expected = bytes(len);
        let path = dir.file("in", &expected);
        assert!(run_with_pipe(folio().arg("cat"), &expected).ok() == expected, "pipe to pipe");
        assert!(run_with_pipe(folio().args(["cat", "-"]), &expected).ok() == expected);
        let file = File::open(&path).unwrap();
        assert!(run(folio().arg("cat").stdin(file)).ok() == expected, "file to pipe");

        let (ours, theirs) = UnixStream::pair().unwrap();
        let sent = expected.clone();
        let writer = thread::spawn(move || (&ours).write_all(&sent).unwrap());
        assert!(run(folio().arg("cat").stdin(OwnedFd::from(theirs))).ok() == expected, "socket");
        writer.join().unwrap();
    }
}

#[test]
fn a_pipe_into_a_file() {
    let dir = Dir::new();
    let expected = bytes(3 << 20);
    let out = dir.path("out");
    let mut child = folio()
        .arg("cat")
        .stdin(Stdio::piped())
        .stdout(File::create(&out).unwrap())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&expected).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(fs::read(&out).unwrap() == expected);
}

#[test]
fn several_files_in_their_order_with_standard_input_among_them() {
    let dir = Dir::new();
    let (a, b) = (dir.file("a", b"one\n"), dir.file("b", b"two\n"));
    let ran = run_with_pipe(folio().arg("cat").arg(&b).arg("-").arg(&a), b"in\n");
    assert_eq!(ran.text(), "two\nin\none\n");
}

/// The position of a shared descriptor counts, before and after.
#[test]
fn standard_input_starts_and_ends_where_others_expect_it() {
    let dir = Dir::new();
    let path = dir.file("in", b"0123456789");
    let mut file = File::open(&path).unwrap();
    file.seek(SeekFrom::Start(4)).unwrap();
    assert_eq!(run(folio().arg("cat").stdin(file.try_clone().unwrap())).text(), "456789");
    assert_eq!(file.stream_position().unwrap(), 10);

    file.seek(SeekFrom::Start(2)).unwrap();
    let part = run(folio().args(["cat", "-o", "1", "-n", "3"]).stdin(file.try_clone().unwrap()));
    assert_eq!(part.text(), "345");
    assert_eq!(file.stream_position().unwrap(), 6);
}

#[test]
fn any_part_of_a_file_or_a_stream() {
    let dir = Dir::new();
    let all = bytes(300_000);
    let path = dir.file("in", &all);
    for offset in [0usize, 1, 4095, 4096, 5000, 299_999, 300_000] {
        for len in [None, Some(0usize), Some(1), Some(4096), Some(70_000), Some(1 << 30)] {
            let end = len.map_or(all.len(), |len| (offset + len).min(all.len()));
            let expected = &all[offset..end];
            let mut args = vec!["cat".to_owned(), "--offset".into(), offset.to_string()];
            if let Some(len) = len {
                args.extend(["--len".into(), len.to_string()]);
            }
            assert!(run(folio().args(&args).arg(&path)).ok() == expected, "{args:?} of a file");
            assert!(
                run_with_pipe(folio().args(&args), &all).ok() == expected,
                "{args:?} of a pipe"
            );
            let out = dir.path("out");
            run_into(folio().args(&args).arg(&path), File::create(&out).unwrap()).ok();
            assert!(fs::read(out).unwrap() == expected, "{args:?} to a file");
        }
    }
    assert!(run(folio().args(["cat", "-o", "-1KiB"]).arg(&path)).ok() == all[300_000 - 1024..]);
    assert!(run(folio().args(["cat", "-o", "-1E"]).arg(&path)).ok() == all);
    assert!(run(folio().args(["cat", "-o", "0x10", "-n", "2kB"]).arg(&path)).ok() == all[16..2016]);
}

#[test]
fn a_part_that_is_not_there_is_an_error() {
    let dir = Dir::new();
    let path = dir.file("in", b"0123456789");
    let name = path.display();
    let ran = run(folio().args(["cat", "-o", "11"]).arg(&path));
    assert_eq!(ran.failed(), format!("folio: {name}: offset 11 lies past the end at 10\n"));
    let ran = run_with_pipe(folio().args(["cat", "-o", "11"]), b"0123456789");
    assert_eq!(ran.failed(), "folio: standard input: offset 11 lies past the end at 10\n");
    let ran = run_with_pipe(folio().args(["cat", "-o", "-1"]), b"0123456789");
    assert!(ran.failed().starts_with("folio: standard input: cannot count from the end: "));
}

#[test]
fn files_that_do_not_tell_their_length() {
    for path in ["/proc/self/mounts", "/proc/version", "/proc/filesystems"] {
        let expected = fs::read(path).unwrap();
        assert!(!expected.is_empty());
        let out = run(folio().arg("cat").arg(path)).ok();
        assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&expected));
    }
    // This one says 4096, and is shorter.
    let path = "/sys/kernel/mm/transparent_hugepage/enabled";
    match fs::read(path) {
        Ok(expected) => assert_eq!(run(folio().arg("cat").arg(path)).ok(), expected),
        Err(error) => println!("no file of sysfs here: {error}"),
    }
}

#[test]
fn a_fifo_is_read_to_its_end() {
    let dir = Dir::new();
    let fifo = dir.fifo("fifo");
    let child = folio().arg("cat").arg(&fifo).stdout(Stdio::piped()).spawn().unwrap();
    let expected = bytes(200_000);
    OpenOptions::new().write(true).open(&fifo).unwrap().write_all(&expected).unwrap();
    assert!(child.wait_with_output().unwrap().stdout == expected);
}

#[test]
fn appending_goes_to_the_end() {
    let dir = Dir::new();
    let path = dir.file("in", b"new\n");
    let out = dir.file("out", b"old\n");
    let append = OpenOptions::new().append(true).open(&out).unwrap();
    run_into(folio().arg("cat").arg(&path).arg(&path), append).ok();
    assert_eq!(fs::read(&out).unwrap(), b"old\nnew\nnew\n");
}

#[test]
fn a_file_is_not_appended_to_itself() {
    let dir = Dir::new();
    let path = dir.file("f", b"content\n");
    let other = dir.file("other", b"other\n");
    let append = || OpenOptions::new().append(true).open(&path).unwrap();
    let message = format!("folio: {}: input file is output file\n", path.display());
    // The other inputs are still printed.
    let ran = run_into(folio().arg("cat").arg(&path).arg(&other), append());
    assert_eq!(ran.failed(), message);
    assert_eq!(fs::read(&path).unwrap(), b"content\nother\n");
    let ran = run_into(folio().arg("cat").stdin(File::open(&path).unwrap()), append());
    assert_eq!(ran.failed(), "folio: standard input: input file is output file\n");
    assert_eq!(fs::read(&path).unwrap(), b"content\nother\n");
    // A part that ends before what is written can be.
    run_into(folio().args(["cat", "-n", "8"]).arg(&path), append()).ok();
    assert_eq!(fs::read(&path).unwrap(), b"content\nother\ncontent\n");
    // Over itself from the first byte, nothing is read that was written.
    let over = OpenOptions::new().write(true).open(&path).unwrap();
    run_into(folio().arg("cat").arg(&path), over).ok();
    assert_eq!(fs::read(&path).unwrap(), b"content\nother\ncontent\n");
    // `folio cat f > f`: the shell has emptied it.
    run_into(folio().arg("cat").arg(&path), File::create(&path).unwrap()).ok();
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[test]
fn a_sparse_file_arrives_with_its_zeros() {
    let dir = Dir::new();
    let path = dir.sparse("sparse", 5 << 20);
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(3 << 20)).unwrap();
    file.write_all(b"here").unwrap();
    let mut expected = vec![0; 5 << 20];
    expected[3 << 20..][..4].copy_from_slice(b"here");
    assert!(run(folio().arg("cat").arg(&path)).ok() == expected);
    let out = dir.path("out");
    run_into(folio().arg("cat").arg(&path), File::create(&out).unwrap()).ok();
    assert!(fs::read(out).unwrap() == expected);
}

/// A descriptor that somebody made not to block is waited for.
#[test]
fn a_pipe_that_does_not_block_is_waited_for() {
    let dir = Dir::new();
    let expected = bytes(3 << 20);
    let path = dir.file("in", &expected);
    let (reader, writer) = std::io::pipe().unwrap();
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    let child = folio().arg("cat").arg(&path).stdout(writer).spawn().unwrap();
    assert!(drain(reader) == expected);
    assert!(child.wait_with_output().unwrap().status.success());
}
