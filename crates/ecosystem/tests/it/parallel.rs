//! `rayon`: all cores over one mapping.

use folio::{ErrorKind, Frozen, Private, Shared};
use rayon::prelude::*;

use crate::scratch::{Scratch, lines};

const CHUNK: usize = 10_000;

#[test]
fn chunks_of_a_frozen_in_parallel() {
    let file = Scratch::new(lines(50_000).as_bytes());
    let frozen = Frozen::open(file.path()).unwrap();
    file.truncate();
    let count: usize =
        frozen.par_chunks(CHUNK).map(|chunk| memchr::memchr_iter(b'\n', chunk).count()).sum();
    assert_eq!(count, 50_000);
}

#[test]
fn chunks_of_a_private_are_changed_in_parallel() {
    let file = Scratch::new(lines(50_000).as_bytes());
    let mut private = Private::open(file.path()).unwrap();
    private.par_chunks_mut(CHUNK).for_each(<[u8]>::make_ascii_uppercase);
    assert_eq!(private[..], *lines(50_000).to_uppercase().as_bytes());
    private.commit().unwrap();
    assert_eq!(std::fs::read(file.path()).unwrap(), lines(50_000).to_uppercase().as_bytes());
}

/// The lines in bytes that change; each task copies its own part out.
fn count(map: &Shared) -> folio::Result<usize> {
    let starts: Vec<usize> = (0..map.len()).step_by(CHUNK).collect();
    let lines_in = |&start: &usize| {
        let mut chunk = vec![0; CHUNK.min(map.len() - start)];
        map.read_at(start, &mut chunk)?;
        Ok(memchr::memchr_iter(b'\n', &chunk).count())
    };
    starts.par_iter().map(lines_in).sum()
}

#[test]
fn parts_of_live_bytes_in_parallel() {
    let file = Scratch::new(lines(50_000).as_bytes());
    let map = Shared::open(file.path()).unwrap();
    assert_eq!(count(&map).unwrap(), 50_000);
    file.truncate();
    assert!(matches!(count(&map).unwrap_err().kind(), ErrorKind::Truncated { len: 0, .. }));
}
