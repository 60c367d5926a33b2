//! `tokio`: a touch of a page may wait for the disk, so mappings are touched in `spawn_blocking`, where that is allowed.

use folio::{Frozen, Shared};
use tokio::runtime::{Builder, Runtime};
use tokio::task::spawn_blocking;

use crate::scratch::{Scratch, lines};

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

#[test]
fn mappings_are_opened_and_read_off_the_runtimes_threads() {
    let file = Scratch::new(lines(50_000).as_bytes());
    let path = file.path().to_owned();
    runtime().block_on(async {
        let frozen = spawn_blocking(move || Frozen::open(path)).await.unwrap().unwrap();
        file.truncate();
        let tasks: Vec<_> = (0..4)
            .map(|part| {
                let quarter = frozen.len() / 4;
                let end = if part == 3 { frozen.len() } else { (part + 1) * quarter };
                let bytes = frozen.slice(part * quarter..end).unwrap();
                spawn_blocking(move || memchr::memchr_iter(b'\n', &bytes).count())
            })
            .collect();
        let mut count = 0;
        for task in tasks {
            count += task.await.unwrap();
        }
        assert_eq!(count, 50_000);
    });
}

#[test]
fn a_file_of_tokios_is_mapped_as_it_is() {
    let file = Scratch::new(lines(50_000).as_bytes());
    runtime().block_on(async {
        let opened = tokio::fs::File::open(file.path()).await.unwrap();
        let map = Shared::from_file(&opened).unwrap();
        file.truncate();
        let read = spawn_blocking(move || map.read_at(0, &mut [0; 100])).await.unwrap();
        assert!(read.is_err(), "a truncation is an error there too, and the runtime goes on");
    });
}
