//! One mapping as the handler sees it.
//!
//! A slot is written by threads under the table's mutex and read by the handler at any instant, so its fields stand
//! under a sequence lock: `version` is odd while they are written, and a reader that sees it change read nothing.
//!
//! What the handler then *does* to the mapping it does inside: `state` is zero when nobody is, [`INSIDE`] when one handler
//! is, and each pause adds [`PAUSE`]. A handler enters only from zero, so that at most one is inside, none during a pause,
//! and a pause that was begun waits for the one that was inside. Taking a mapping out of the table is a pause, too: a
//! handler that entered and still finds the version that it looked up knows that the mapping stays until it leaves. A
//! handler that cannot enter does not wait: it returns, and the instruction faults again.
//!
//! At most one inside also makes a zero page final: the second of two threads that fault on one page finds it
//! accessible, and does not replace what the first has stored there meanwhile.

use core::ops::Range;

use super::sync::{AtomicUsize, Ordering, fence, yield_now};
use super::{Answer, Touch};
use crate::page::PageSize;
use crate::sys::region::Access;

/// In `state`: a handler is at work in the mapping.
const INSIDE: usize = 1;
/// In `state`: one pause.
const PAUSE: usize = 2;
/// In `poisoned_at`: nothing is.
const NOWHERE: usize = usize::MAX;

/// What the handler needs to know of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    /// The address of the first page.
    pub(super) base: usize,
    /// The address after the last page.
    pub(super) end: usize,
    /// The size of its pages, which a zero page must have: of a huge page no part can be replaced.
    pub(super) page: PageSize,
    pub(super) touch: Touch,
    pub(super) access: Access,
    pub(super) answer: Answer,
}

impl Mapping {
    fn pack(self) -> usize {
        let touch = match self.touch {
            Touch::Slices => 0,
            Touch::Atomics => 1,
        };
        let access = match self.access {
            Access::Read => 0,
            Access::ReadWrite => 2,
            Access::ReadExec => 4,
        };
        let answer = match self.answer {
            Answer::Zeros => 0,
            Answer::ZerosAndLine => 8,
            Answer::LineAndAbort => 16,
        };
        // A page has more bytes than there are flags.
        self.page.bytes() | touch | access | answer
    }

    fn unpack(base: usize, end: usize, packed: usize) -> Option<Self> {
        let page = PageSize::new(packed & !31)?;
        let touch = if packed & 1 == 0 { Touch::Slices } else { Touch::Atomics };
        let access = match packed & 6 {
            0 => Access::Read,
            2 => Access::ReadWrite,
            _ => Access::ReadExec,
        };
        let answer = match packed & 24 {
            0 => Answer::Zeros,
            8 => Answer::ZerosAndLine,
            _ => Answer::LineAndAbort,
        };
        Some(Self { base, end, page, touch, access, answer })
    }
}

/// A slot that held `mapping` at `version`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) slot: &'static Slot,
    pub(super) mapping: Mapping,
    version: usize,
}

impl Found {
    /// Pin the mapping for work inside; `None` if another handler is there, or it is paused, or gone.
    pub(super) fn enter(&self) -> Option<Inside> {
        self.slot.enter(self.version)
    }
}

/// A place in the table for one mapping.
#[derive(Debug)]
pub(super) struct Slot {
    version: AtomicUsize,
    base: AtomicUsize,
    end: AtomicUsize,
    /// [`Mapping::pack`].
    packed: AtomicUsize,
    state: AtomicUsize,
    poisoned_at: AtomicUsize,
    poison_count: AtomicUsize,
    /// One once somebody has taken it on to say that bytes were lost.
    told: AtomicUsize,
    /// The page of the last fault that found it accessible, and how often in a row; written inside only.
    vain_page: AtomicUsize,
    vain_count: AtomicUsize,
    window_start: AtomicUsize,
    window_end: AtomicUsize,
    /// How often the window was set since the mapping came here; zero if it never was gated.
    windows: AtomicUsize,
}

impl Slot {
    pub(super) fn new() -> Self {
        Self {
            version: AtomicUsize::new(0),
            base: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            packed: AtomicUsize::new(0),
            state: AtomicUsize::new(0),
            poisoned_at: AtomicUsize::new(NOWHERE),
            poison_count: AtomicUsize::new(0),
            told: AtomicUsize::new(0),
            vain_page: AtomicUsize::new(NOWHERE),
            vain_count: AtomicUsize::new(0),
            window_start: AtomicUsize::new(0),
            window_end: AtomicUsize::new(0),
            windows: AtomicUsize::new(0),
        }
    }

    /// Hold `mapping` from now on. One writer at a time: the caller has the table's mutex.
    pub(super) fn set(&self, mapping: Mapping) {
        self.poisoned_at.store(NOWHERE, Ordering::Relaxed);
        self.poison_count.store(0, Ordering::Relaxed);
        self.told.store(0, Ordering::Relaxed);
        self.vain_page.store(NOWHERE, Ordering::Relaxed);
        self.window_start.store(0, Ordering::Relaxed);
        self.window_end.store(0, Ordering::Relaxed);
        self.windows.store(0, Ordering::Relaxed);
        self.write(mapping.base, mapping.end, mapping.pack());
    }

    /// Hold nothing from now on, once no handler is inside. One writer at a time.
    pub(super) fn clear(&self) {
        self.pause();
        self.write(0, 0, 0);
        self.resume();
    }

    fn write(&self, base: usize, end: usize, packed: usize) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        // No field is seen to change before the version is seen to be odd.
        fence(Ordering::Release);
        self.base.store(base, Ordering::Relaxed);
        self.end.store(end, Ordering::Relaxed);
        self.packed.store(packed, Ordering::Relaxed);
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// The mapping here, if `address` is in it. Async-signal-safe.
    pub(super) fn find(&'static self, address: usize) -> Option<Found> {
        let version = self.version.load(Ordering::Acquire);
        let base = self.base.load(Ordering::Relaxed);
        let end = self.end.load(Ordering::Relaxed);
        if !(base..end).contains(&address) || !version.is_multiple_of(2) {
            return None;
        }
        let packed = self.packed.load(Ordering::Relaxed);
        // A field that a writer has changed makes the version that it set before visible.
        fence(Ordering::Acquire);
        if self.version.load(Ordering::Relaxed) != version {
            return None;
        }
        Some(Found { slot: self, mapping: Mapping::unpack(base, end, packed)?, version })
    }

    fn enter(&'static self, version: usize) -> Option<Inside> {
        self.state.compare_exchange(0, INSIDE, Ordering::Acquire, Ordering::Relaxed).ok()?;
        let inside = Inside { slot: self };
        (self.version.load(Ordering::Relaxed) == version).then_some(inside)
    }

    /// Let no handler in until as many calls of [`Slot::resume`], and wait for the one that is inside.
    pub(super) fn pause(&self) {
        let mut state = self.state.fetch_add(PAUSE, Ordering::Acquire);
        while state & INSIDE != 0 {
            yield_now();
            state = self.state.load(Ordering::Acquire);
        }
    }

    pub(super) fn resume(&self) {
        self.state.fetch_sub(PAUSE, Ordering::Release);
    }

    /// In a child of fork(2), which has one thread, and that is not inside.
    pub(super) fn forget_other_threads(&self) {
        self.state.store(0, Ordering::Release);
    }

    #[inline]
    pub(super) fn poisoned_at(&self) -> Option<usize> {
        match self.poisoned_at.load(Ordering::Acquire) {
            NOWHERE => None,
            position => Some(position),
        }
    }

    pub(super) fn poison_count(&self) -> usize {
        self.poison_count.load(Ordering::Acquire)
    }

    /// The same, once no handler is at work: what is counted is zeros by now, and not only about to be.
    pub(super) fn settled_poison_count(&self) -> usize {
        self.pause();
        let count = self.poison_count();
        self.resume();
        count
    }

    pub(super) fn poison(&self, position: usize) {
        self.poison_count.fetch_add(1, Ordering::AcqRel);
        self.poisoned_at.fetch_min(position, Ordering::AcqRel);
    }

    /// Whether the caller is the first to say that bytes were lost. Async-signal-safe.
    pub(super) fn tell(&self) -> bool {
        self.told.swap(1, Ordering::Relaxed) == 0
    }

    /// Make `window`, in bytes from the base, the one where stores wait.
    pub(super) fn gate(&self, window: Range<usize>) {
        // A reader that sees one of the two bounds of an old window waits or tries again, and then reads both anew.
        self.window_start.store(window.start, Ordering::SeqCst);
        self.window_end.store(window.end, Ordering::SeqCst);
        self.windows.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether `position` is in the window where stores wait. Async-signal-safe.
    pub(super) fn gated(&self, position: usize) -> bool {
        let start = self.window_start.load(Ordering::SeqCst);
        let end = self.window_end.load(Ordering::SeqCst);
        (start..end).contains(&position)
    }

    /// How often a window was set; zero if this mapping never was gated. Async-signal-safe.
    pub(super) fn windows(&self) -> usize {
        self.windows.load(Ordering::SeqCst)
    }
}

impl Inside {
    /// Note that `page` faulted though the kernel says that it can be had; how often that was so in a row.
    pub(super) fn in_vain(&self, page: usize) -> usize {
        let same = self.slot.vain_page.swap(page, Ordering::Relaxed) == page;
        let count = if same { self.slot.vain_count.load(Ordering::Relaxed) + 1 } else { 1 };
        self.slot.vain_count.store(count, Ordering::Relaxed);
        count
    }
}

/// A handler at work in a mapping, which is neither paused nor taken out of the table until this is dropped.
#[derive(Debug)]
pub(super) struct Inside {
    slot: &'static Slot,
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.slot.state.fetch_sub(INSIDE, Ordering::Release);
    }
}
