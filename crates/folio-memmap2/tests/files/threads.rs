//! Threads that map, read and drop, while others truncate and rewrite.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use memmap2::folio::{guarantee_of, poisoned};

use crate::child::lines_of;
use crate::support::*;

const LEN: usize = 20 * PAGE;
const READERS: usize = 6;
const ROUNDS: usize = 150;

#[test]
fn threads_map_and_read_what_others_truncate() {
    let test = "threads::threads_map_and_read_what_others_truncate";
    for words in ["silent", "plain,silent", "copy,silent"] {
        lines_of(test, words, &[("FOLIO_MEMMAP2", words)], storm);
    }
}

fn storm() {
    let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
    let path = patterned(folder.path(), "file", LEN);
    let (left, kept) = (AtomicUsize::new(READERS), AtomicUsize::new(0));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    read_once(&path, &kept);
                }
                if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    done.store(true, Ordering::Release);
                }
            });
        }
        scope.spawn(|| {
            let bytes: Vec<u8> = (0..LEN).map(pattern).collect();
            while !done.load(Ordering::Acquire) {
                std::fs::write(&path, b"").unwrap();
                std::fs::write(&path, &bytes).unwrap();
            }
        });
    });
    let plain = std::env::var("FOLIO_MEMMAP2").is_ok_and(|words| words.starts_with("plain"));
    // In the storm a file may be open for writing whenever it is mapped.
    read_once(&path, &kept);
    assert_eq!(kept.into_inner() == 0, plain);
}

/// Map the file, which may be empty or half written just now, and read it. What is kept is the pattern, or it is zero where
/// the file had not been written yet; and it is the same when it is read again.
fn read_once(path: &std::path::Path, kept: &AtomicUsize) {
    let map = map(path);
    let right =
        |bytes: &[u8]| bytes.iter().enumerate().all(|(at, &byte)| byte == pattern(at) || byte == 0);
    let first = map.to_vec();
    assert!(right(&first));
    if guarantee_of(&map).is_some() && poisoned(&map).is_none() {
        kept.fetch_add(1, Ordering::Relaxed);
        assert!(first == map[..], "kept bytes do not change");
    } else {
        assert!(right(&map));
    }
}
