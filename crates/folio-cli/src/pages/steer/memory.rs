//! Reading in no more than memory can hold.
//!
//! Whoever reads in more than that evicts what was read before, of others and in the end its own, and has nothing in the end. So
//! reading stops
//!
//! * when it has read what the kernel called available when it began (`MemAvailable` of /proc/meminfo), less a sixteenth, and
//! * when what it read first is gone again: pages go in about the order in which they came, so that the first window tells of
//!   limits that /proc/meminfo knows nothing of, those of a control group above all.

use std::fmt;
use std::fs::{self, File};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use folio::FilePages;

use crate::units::human;

/// The first window is looked at whenever so many bytes more were read.
const INTERVAL: u64 = 32 << 20;

/// Counts what is read, from any thread, and says when to stop.
#[derive(Debug)]
pub(in crate::pages) struct Memory {
    available: Option<u64>,
    read: AtomicU64,
    first: Mutex<Option<First>>,
    short: OnceLock<Short>,
}

/// What was read first.
#[derive(Debug)]
struct First {
    file: File,
    window: Range<u64>,
    /// How many of its pages there were then.
    cached: u64,
}

/// Why no more can be read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pages) enum Short {
    /// All that was available is read.
    Used { read: u64, available: u64 },
    /// What was read first goes again.
    Evicted { read: u64 },
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Used { read, available } => write!(
                f,
                "memory is short: {} were read in, of {} that were available; more would push out what others use",
                human(read),
                human(available)
            ),
            Self::Evicted { read } => write!(
                f,
                "memory is short: {} were read in, and the first of it is being evicted again",
                human(read)
            ),
        }
    }
}

impl Memory {
    pub(in crate::pages) fn new() -> Self {
        Self::with(available())
    }

    fn with(available: Option<u64>) -> Self {
        let (read, first) = (AtomicU64::new(0), Mutex::new(None));
        Self { available, read, first, short: OnceLock::new() }
    }

    /// Why reading stopped, if it did.
    pub(super) fn short(&self) -> Option<Short> {
        self.short.get().copied()
    }

    /// A window of `file` was read. Whether to go on.
    pub(in crate::pages) fn note(&self, file: &File, window: &Range<u64>) -> Result<(), Short> {
        let len = window.end - window.start;
        let before = self.read.fetch_add(len, Ordering::Relaxed);
        let read = before + len;
        if before / INTERVAL != read / INTERVAL || before == 0 {
            self.look(read, file, window);
        }
        if let Some(available) = self.available
            && read > available - available / 16
        {
            let _ = self.short.set(Short::Used { read, available });
        }
        self.short().map_or(Ok(()), Err)
    }

    /// See whether the first window is there yet.
    fn look(&self, read: u64, file: &File, window: &Range<u64>) {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        match &*first {
            Some(kept) => match kept.is_there() {
                Some(true) => {}
                Some(false) => {
                    let _ = self.short.set(Short::Evicted { read });
                }
                // It was truncated, or is not to be seen any more: another one takes its place.
                None => *first = First::of(file, window),
            },
            None => *first = First::of(file, window),
        }
    }
}

impl First {
    /// `None` where it could not be seen going.
    fn of(file: &File, window: &Range<u64>) -> Option<Self> {
        let cached = FilePages::of(file).ok()?.counts(window.clone()).ok()?.cached;
        let file = file.try_clone().ok()?;
        (cached > 0).then(|| Self { file, window: window.clone(), cached })
    }

    /// Whether all of it is there; `None` if its file is shorter now.
    fn is_there(&self) -> Option<bool> {
        let pages = FilePages::of(&self.file).ok()?;
        if pages.len() < self.window.end {
            return None;
        }
        let cached = pages.counts(self.window.clone()).ok()?.cached;
        Some(cached >= self.cached)
    }
}

/// What the kernel calls available, in bytes.
pub(super) fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(len: usize) -> File {
        let mut file = tempfile::tempfile_in(testfs::on_disk()).unwrap();
        file.write_all(&vec![1; len]).unwrap();
        file.sync_all().unwrap();
        file
    }

    #[test]
    fn reading_ends_when_what_was_available_is_read() {
        let (memory, file) = (Memory::with(Some(16 << 20)), file(4096));
        assert_eq!(memory.note(&file, &(0..8 << 20)), Ok(()));
        let short = memory.note(&file, &(0..8 << 20)).unwrap_err();
        assert_eq!(short, Short::Used { read: 16 << 20, available: 16 << 20 });
        assert!(short.to_string().contains("16.0 MiB were read in, of 16.0 MiB"));
        assert_eq!(memory.short(), Some(short));
    }

    #[test]
    fn reading_ends_when_what_was_read_first_is_gone() {
        let (memory, first, other) = (Memory::with(None), file(1 << 20), file(4096));
        assert_eq!(memory.note(&first, &(0..1 << 20)), Ok(()));
        assert_eq!(memory.note(&other, &(0..INTERVAL)), Ok(()));
        let evicted = FilePages::of(&first).unwrap().evict(..).unwrap();
        assert!(evicted.gone() > Some(0));
        let read = (1 << 20) + 2 * INTERVAL;
        assert_eq!(memory.note(&other, &(0..INTERVAL)), Err(Short::Evicted { read }));
    }

    /// Pages that are gone because the file is shorter say nothing about memory.
    #[test]
    fn a_truncated_file_is_no_shortage() {
        let (memory, first, other) = (Memory::with(None), file(1 << 20), file(4096));
        assert_eq!(memory.note(&first, &(0..1 << 20)), Ok(()));
        first.set_len(4096).unwrap();
        assert_eq!(memory.note(&other, &(0..INTERVAL)), Ok(()));
        assert_eq!(memory.note(&other, &(0..INTERVAL)), Ok(()));
    }

    #[test]
    fn the_kernel_says_what_is_available() {
        assert!(available().is_some_and(|bytes| bytes > 1 << 20 && bytes < 1 << 50));
    }
}
