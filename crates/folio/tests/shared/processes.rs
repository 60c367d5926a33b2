//! Two processes and one file: what one stores, the other sees.

use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use folio::{ErrorKind, SharedMut};

use crate::child;
use crate::scratch::{Scratch, page};

const PATH: &str = "FOLIO_SHARED_PATH";
const ROUNDS: u64 = 20_000;

/// Wait until `word` is `value`; a minute is more than any machine needs.
fn wait_for(word: &AtomicU64, value: u64) {
    let start = std::time::Instant::now();
    while word.load(Ordering::Acquire) != value {
        std::thread::yield_now();
        assert!(start.elapsed().as_secs() < 60, "{value} never came");
    }
}

/// A ball goes back and forth, with a word that only release and acquire keep in step with it; and both add to one counter.
#[test]
fn atomics_are_shared_by_processes() {
    if child::is_here() {
        let map = SharedMut::open(std::env::var_os(PATH).unwrap()).unwrap();
        let [ball, load, counter] = words(&map);
        for round in 0..ROUNDS {
            wait_for(ball, 2 * round + 1);
            assert_eq!(load.load(Ordering::Relaxed), round * 7);
            counter.fetch_add(1, Ordering::Relaxed);
            ball.store(2 * round + 2, Ordering::Release);
        }
        return;
    }
    let file = Scratch::new(&vec![0; 3 * page()]);
    let map = SharedMut::open(file.path()).unwrap();
    let mut command = child::command("processes::atomics_are_shared_by_processes");
    command.env(PATH, file.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let other = command.spawn().unwrap();
    let [ball, load, counter] = words(&map);
    for round in 0..ROUNDS {
        load.store(round * 7, Ordering::Relaxed);
        counter.fetch_add(1, Ordering::Relaxed);
        ball.store(2 * round + 1, Ordering::Release);
        wait_for(ball, 2 * round + 2);
    }
    child::assert_passed(&other.wait_with_output().unwrap());
    assert_eq!(counter.load(Ordering::Relaxed), 2 * ROUNDS);
    assert_eq!(map.load::<u64>(2 * page()).unwrap(), 2 * ROUNDS, "a load sees the same");
    map.check().unwrap();
}

/// Each on a page of its own.
fn words(map: &SharedMut) -> [&AtomicU64; 3] {
    [0, page(), 2 * page()].map(|at| map.atomic_u64(at).unwrap())
}

/// The other process cuts the file while this one adds: no death, and the loss is told.
#[test]
fn a_cut_by_another_process_poisons_the_atomics_of_this_one() {
    if child::is_here() {
        let path = std::env::var_os(PATH).unwrap();
        let map = SharedMut::open(&path).unwrap();
        wait_for(map.atomic_u64(0).unwrap(), 1);
        std::fs::File::options().write(true).open(&path).unwrap().set_len(page() as u64).unwrap();
        return;
    }
    let file = Scratch::new(&vec![0; 2 * page()]);
    let map = SharedMut::open(file.path()).unwrap();
    let mut command =
        child::command("processes::a_cut_by_another_process_poisons_the_atomics_of_this_one");
    command.env(PATH, file.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let other = command.spawn().unwrap();
    let (word, start) = (map.atomic_u64(page()).unwrap(), std::time::Instant::now());
    map.atomic_u64(0).unwrap().store(1, Ordering::Release);
    let error = loop {
        word.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = map.check() {
            break error;
        }
        assert!(start.elapsed().as_secs() < 60, "the cut never came");
    };
    child::assert_passed(&other.wait_with_output().unwrap());
    assert_eq!(error.kind(), ErrorKind::Poisoned);
    assert!(error.to_string().contains("truncated"), "{error}");
    assert_eq!(file.bytes().len(), page());
}
