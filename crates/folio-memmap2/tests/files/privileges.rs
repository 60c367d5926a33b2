//! A daemon that maps its files as root and gives up its privileges afterwards.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use memmap2::folio::{Guarantee, guarantee_of};
use memmap2::{Mmap, RemapOptions};

use crate::child::lines_of;
use crate::support::*;

const LEN: usize = 50 * PAGE;
const NOBODY: libc::uid_t = 65534;
/// The kernel would break the lease by force after 45 s.
const FORCED: Duration = Duration::from_secs(40);

/// A process with the privileges of now that truncates the file as soon as it is let go.
fn truncater(path: &std::path::Path) -> Child {
    let program = ["-e", "<STDIN>; truncate($ARGV[0], 0) or die $!"];
    Command::new("perl").args(program).arg(path).stdin(Stdio::piped()).spawn().unwrap()
}

/// Let it go; how long it took to truncate the file.
fn let_go(mut truncater: Child) -> Duration {
    let start = Instant::now();
    drop(truncater.stdin.take());
    assert!(truncater.wait().unwrap().success());
    start.elapsed()
}

fn give_up_privileges() {
    // SAFETY: an integer.
    assert_eq!(unsafe { libc::setuid(NOBODY) }, 0);
}

/// To give up a lease is refused then (`EACCES`).
#[test]
fn the_bytes_are_kept_and_the_writer_is_let_in() {
    if !rustix::process::geteuid().is_root() {
        return testfs::skip("privileges to give up", "not root");
    }
    let test = "privileges::the_bytes_are_kept_and_the_writer_is_let_in";
    let lines = lines_of(test, "setuid", &[], || {
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        let path = patterned(folder.path(), "file", LEN);
        let (mut map, mut copy) = (map(&path), map_copy(&path));
        copy[3] = 0;
        assert_eq!(guarantee_of(&map), Some(Guarantee::Lease));
        let writer = truncater(&path);
        give_up_privileges();
        assert!(let_go(writer) < FORCED);
        assert_eq!((first_wrong(&map, 0), guarantee_of(&map)), (None, Some(Guarantee::Snapshot)));
        assert_eq!((copy[3], first_wrong(&copy[4..], 4)), (0, None));
        // What the lease was taken through is not open any more, and so there is nothing to grow into.
        // SAFETY: no slice of it is alive.
        let grown = unsafe { map.remap(2 * LEN, RemapOptions::new().may_move(true)) };
        assert_eq!(grown.unwrap_err().raw_os_error(), Some(libc::ENOMEM));
        assert_eq!(first_wrong(&map, 0), None);
    });
    assert_eq!(lines.unwrap_or_default(), [""; 0]);
}

/// A mapping that is gone holds nobody back either.
#[test]
fn a_mapping_that_is_dropped_lets_writers_in() {
    if !rustix::process::geteuid().is_root() {
        return testfs::skip("privileges to give up", "not root");
    }
    let test = "privileges::a_mapping_that_is_dropped_lets_writers_in";
    let lines = lines_of(test, "setuid", &[], || {
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        let path = patterned(folder.path(), "file", LEN);
        let file = File::open(&path).unwrap();
        // SAFETY: a test's own file.
        let map = unsafe { Mmap::map(&file) }.unwrap();
        assert_eq!(guarantee_of(&map), Some(Guarantee::Lease));
        let writer = truncater(&path);
        give_up_privileges();
        drop((map, file));
        assert!(let_go(writer) < FORCED);
    });
    assert_eq!(lines.unwrap_or_default(), [""; 0]);
}
