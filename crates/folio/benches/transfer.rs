//! `transfer` against what a program would do without it: a splice loop, and reading and writing through a buffer.
//!
//! `cargo bench -p folio --bench transfer [-- MEBIBYTES]`. Sends a warm file to each target with each peer in turns, and
//! prints the median speed of nine rounds and its ratio to `transfer`'s. `FOLIO_BENCH_DIR` chooses where the file lies.

use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::pipe::SpliceFlags;

const ROUNDS: usize = 9;

/// Sends the whole of a file of this many bytes.
type Peer = fn(&File, u64, BorrowedFd<'_>);

/// Opens a target; the thread, if there is one, ends when the target is closed.
type Open = fn(&Path) -> (OwnedFd, Option<JoinHandle<()>>);

const TARGETS: [(&str, Open); 6] = [
    ("/dev/null", |_| (File::options().write(true).open("/dev/null").unwrap().into(), None)),
    ("file beside it", |dir| (File::create(dir.join("target")).unwrap().into(), None)),
    ("file on tmpfs", |_| (tempfile::tempfile_in("/dev/shm").unwrap().into(), None)),
    ("pipe, reading reader", |_| pipe(read_all)),
    ("pipe, splicing reader", |_| pipe(splice_all)),
    ("socket, reading reader", |_| {
        let (near, far) = UnixStream::pair().unwrap();
        (near.into(), Some(std::thread::spawn(move || read_all(far))))
    }),
];

const PEERS: [(&str, Peer); 3] =
    [("transfer", with_transfer), ("splice loop", with_splice), ("read and write", with_buffer)];

fn main() {
    let mib: u64 = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1024);
    let dir = match std::env::var_os("FOLIO_BENCH_DIR") {
        Some(dir) => tempfile::tempdir_in(dir).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let file = warm_file(dir.path(), mib << 20);
    println!("{mib} MiB, warm, in {}", dir.path().display());
    for (target, open) in TARGETS {
        let mut times = [const { Vec::new() }; PEERS.len()];
        for round in 0..ROUNDS {
            // Each in turns goes first: what ran before leaves caches and clocks as it likes.
            for number in (0..PEERS.len()).map(|number| (number + round) % PEERS.len()) {
                let ((name, peer), times) = (&PEERS[number], &mut times[number]);
                // From a file, splice needs a pipe at the other end.
                if *name != "splice loop" || target.starts_with("pipe") {
                    times.push(time(&file, mib << 20, dir.path(), open, *peer));
                }
            }
        }
        report(target, mib << 20, &mut times);
    }
}

fn warm_file(dir: &Path, len: u64) -> File {
    let path = dir.join("source");
    let mut file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
    let line = b"the quick brown fox jumps over the lazy dog, and 0123456789 more\n".repeat(16_000);
    let mut left = usize::try_from(len).unwrap();
    while left > 0 {
        let part = left.min(line.len());
        file.write_all(&line[..part]).unwrap();
        left -= part;
    }
    file.sync_all().unwrap();
    file
}

fn time(file: &File, len: u64, dir: &Path, open: Open, peer: Peer) -> Duration {
    let (target, reader) = open(dir);
    let start = Instant::now();
    peer(file, len, target.as_fd());
    let sent = start.elapsed();
    drop(target);
    if let Some(reader) = reader {
        reader.join().unwrap();
        return start.elapsed();
    }
    sent
}

fn report(target: &str, len: u64, times: &mut [Vec<Duration>]) {
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times.get(times.len() / 2).map(Duration::as_secs_f64)
    };
    let transfer = median(&mut times[0]).expect("transfer goes to every target");
    println!("{target}");
    for ((name, _), times) in PEERS.iter().zip(times) {
        if let Some(seconds) = median(times) {
            let speed = len as f64 / seconds / 1e9;
            println!(
                "    {name:15} {speed:7.2} GB/s   {:5.2} x the speed of transfer",
                transfer / seconds
            );
        }
    }
}

fn with_transfer(file: &File, len: u64, target: BorrowedFd<'_>) {
    assert_eq!(folio::transfer(file, 0..len, target).unwrap().bytes, len);
}

/// The loop of a program that knows of splice(2) and grows its pipe.
fn with_splice(file: &File, len: u64, target: BorrowedFd<'_>) {
    rustix::pipe::fcntl_setpipe_size(target, 1 << 20).unwrap();
    let mut at = 0;
    while at < len {
        let moved =
            rustix::pipe::splice(file, Some(&mut at), target, None, 1 << 20, SpliceFlags::MOVE)
                .unwrap();
        assert_ne!(moved, 0, "the file ended early");
    }
}

/// What cat(1) does at its simplest.
fn with_buffer(file: &File, len: u64, target: BorrowedFd<'_>) {
    let mut buffer = vec![0; 128 << 10];
    let mut at = 0;
    while at < len {
        let read = rustix::io::pread(file, &mut buffer, at).unwrap();
        assert_ne!(read, 0, "the file ended early");
        let mut written = 0;
        while written < read {
            written += rustix::io::write(target, &buffer[written..read]).unwrap();
        }
        at += read as u64;
    }
}

fn pipe(reader: fn(PipeReader)) -> (OwnedFd, Option<JoinHandle<()>>) {
    let (far, near) = std::io::pipe().unwrap();
    (near.into(), Some(std::thread::spawn(move || reader(far))))
}

fn read_all(mut from: impl Read) {
    let mut buffer = vec![0; 1 << 20];
    while from.read(&mut buffer).unwrap() > 0 {}
}

fn splice_all(from: PipeReader) {
    let null = File::options().write(true).open("/dev/null").unwrap();
    while rustix::pipe::splice(&from, None, &null, None, 1 << 20, SpliceFlags::MOVE).unwrap() > 0 {}
}
