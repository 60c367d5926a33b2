//! A storm: a file, the other process, and the threads that read meanwhile.

use std::path::{Path, PathBuf};
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use folio::{ErrorKind, MapOptions, Shared, SharedMut};
use testfs::CutDevice;

use crate::pattern::{self, LEN, PAGE};
use crate::tally::{Seen, Tally};
use crate::weather::{self, Weather};

/// What one thread does, until the scene is over.
pub(crate) type Thread = fn(&Scene, &Tally);

const THREADS: usize = 8;

/// What the threads see of the storm.
#[derive(Debug)]
pub(crate) struct Scene {
    dir: PathBuf,
    weather: Weather,
    clock: Shared,
    over: AtomicBool,
    /// Taken for reading while a mapping lives, for writing while a device is cut: pages that are mapped stay in the
    /// page cache and would not fail.
    mapped: RwLock<()>,
    seeds: AtomicU64,
}

impl Scene {
    /// A file with all its bytes below `dir`.
    pub(crate) fn new(dir: &Path, weather: Weather) -> Self {
        std::fs::write(weather::file(dir), pattern::bytes(0, LEN)).expect("a fresh directory");
        std::fs::write(weather::clock(dir), 0u64.to_ne_bytes()).expect("a fresh directory");
        let clock = Shared::open(weather::clock(dir)).expect("the clock can be mapped");
        let (over, mapped, seeds) = (AtomicBool::new(false), RwLock::new(()), AtomicU64::new(1));
        // On a tmpfs that will be full the clock needs its page now.
        assert_eq!(clock.load::<u64>(0).expect("the clock stands"), 0);
        Self { dir: dir.to_owned(), weather, clock, over, mapped, seeds }
    }

    /// The threads read while the other process does `rounds` rounds.
    pub(crate) fn rage(&self, test: &str, rounds: u64, ways: &[Thread]) -> Seen {
        let tally = Tally::new(self.weather);
        std::thread::scope(|scope| {
            let over = Over(self);
            for way in ways.iter().cycle().take(THREADS.max(ways.len())) {
                scope.spawn(|| over_on_panic(self, way, &tally));
            }
            let other = weather::start(test, self.weather, rounds, &self.dir);
            other.finish();
            assert_eq!(self.round(), rounds);
            drop(over);
        });
        println!("{test}, {rounds} rounds: {:?}", tally.seen());
        tally.seen()
    }

    /// The threads read while `device` is cut and mended `cuts` times. Each time some thread meets an error before the
    /// device is mended, and good bytes after.
    pub(crate) fn fail(&self, device: &CutDevice, cuts: u64, ways: &[Thread]) -> Seen {
        let tally = Tally::new(self.weather);
        std::thread::scope(|scope| {
            let _over = Over(self);
            for way in ways.iter().cycle().take(THREADS.max(ways.len())) {
                scope.spawn(|| over_on_panic(self, way, &tally));
            }
            for cut in 0..cuts {
                let from = cut % (LEN / PAGE) as u64 * PAGE as u64;
                {
                    let _unmapped = self.mapped.write().expect("no thread panicked");
                    device.cut(&self.path(), from).expect("the device can be cut");
                }
                let before = tally.seen().io;
                self.wait_until("an I/O error", || tally.seen().io > before);
                device.mend().expect("the device can be mended");
                let before = tally.seen().good;
                self.wait_until("good bytes", || tally.seen().good > before);
            }
        });
        println!("{cuts} cuts: {:?}", tally.seen());
        tally.seen()
    }

    /// Wait for `condition`; it is a failure of the test if it does not come to pass within a minute.
    fn wait_until(&self, what: &str, condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(self.goes_on(), "a thread panicked");
            assert!(start.elapsed() < Duration::from_secs(60), "no thread met {what}");
            std::thread::yield_now();
        }
    }

    /// Whether the storm goes on.
    pub(crate) fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// How many rounds the other process has done.
    pub(crate) fn round(&self) -> u64 {
        self.clock.load(0).expect("nobody touches the clock")
    }

    /// The file.
    pub(crate) fn path(&self) -> PathBuf {
        weather::file(&self.dir)
    }

    pub(crate) fn weather(&self) -> Weather {
        self.weather
    }

    /// A number that no other thread has.
    pub(crate) fn seed(&self) -> u64 {
        self.seeds.fetch_add(1, Ordering::Relaxed)
    }

    /// While this is held the device is not cut; drop it after the mapping, and often.
    pub(crate) fn mapped(&self) -> impl Drop + '_ {
        self.mapped.read().expect("no thread panicked")
    }

    /// The whole file as a live mapping, as soon as it is whole. `None` when the storm is over.
    pub(crate) fn open_shared(&self) -> Option<Shared> {
        self.open(|options| options.open_shared(self.path()))
    }

    /// As [`open_shared`](Self::open_shared).
    pub(crate) fn open_shared_mut(&self) -> Option<SharedMut> {
        self.open(|options| options.open_shared_mut(self.path()))
    }

    fn open<T>(&self, open: impl Fn(&MapOptions) -> folio::Result<T>) -> Option<T> {
        let whole = MapOptions::new().len(LEN as u64);
        while self.goes_on() {
            match open(&whole) {
                Ok(map) => return Some(map),
                Err(error) if error.kind() == ErrorKind::OutOfRange => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
        None
    }
}

/// Ends the storm when dropped, also by a panic.
struct Over<'a>(&'a Scene);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// Run `way`; if it panics the others stop too.
fn over_on_panic(scene: &Scene, way: &Thread, tally: &Tally) {
    struct Panicked<'a>(&'a Scene);
    impl Drop for Panicked<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                drop(Over(self.0));
            }
        }
    }
    let _panicked = Panicked(scene);
    way(scene, tally);
}
