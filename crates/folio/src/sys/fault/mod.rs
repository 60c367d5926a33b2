//! Surviving SIGBUS: the handler, and the table of mappings whose bytes user code touches.
//!
//! A page of a file mapping that the kernel cannot provide (the file was truncated, the disk is full, the device
//! failed) raises SIGBUS at the instruction that touched it. One handler for the process decides, in this order:
//!
//! 1. the address is in a mapping whose slices user code holds ([`Touch::Slices`]): a zero page goes there, the entry is
//!    marked as poisoned, and the instruction is executed again;
//! 2. the instruction is in a routine of [`copy`](super::copy): it continues where the routine returns short;
//! 3. the address is in a mapping with atomics in user's hands ([`Touch::Atomics`]): as 1;
//! 4. anything else is not folio's, and goes to the handler that was there before.
//!
//! | module | holds |
//! |---|---|
//! | `slot` | one mapping as the handler sees it: readable at any instant, pinned while a zero page is put there |
//! | `table` | all of them, in chunks that are never freed |
//! | `handler` | the SIGBUS handler |
//! | `report` | the line on stderr that says which byte of which file is gone |
//! | `gate` | the SIGSEGV handler that makes a store wait while its page is replaced (clause G6) |
//! | `chain` | what was installed before, and handing over to it |
//! | `stay` | keeping their code in memory when the library that they are part of is unloaded |
//! | `context` | the program counter in the frame that the kernel saved |
//! | `sync` | the atomics, which loom replaces in its test |
//!
//! The clauses are H1 to H8 and G6 of `docs/soundness.md`.
//!
//! Under valgrind the handler works as it does without: the tests of this module pass there. AddressSanitizer and
//! ThreadSanitizer install handlers for SIGBUS at start; folio's comes after them, answers its own faults and hands over the
//! others, so their reports stay.
//!
//! A handler that runs on an alternate stack and there reads a mapping that faults needs room for a second signal frame:
//! about 3.3 KiB where the CPU has AVX-512 (`getauxval(AT_MINSIGSTKSZ)`). The stacks of 8 KiB that Rust's runtime gives its
//! threads hold one frame with ease, and two only barely.

mod chain;
mod context;
mod gate;
mod handler;
mod report;
mod slot;
mod stay;
#[cfg(not(loom))]
mod sync;
#[cfg(loom)]
#[path = "sync_loom.rs"]
mod sync;
mod table;

use core::ops::Range;

use self::slot::{Mapping, Slot};
use self::table::table;
use super::region::{Access, Region};
use crate::page::PageSize;

pub(crate) use self::gate::install as install_store_gate;
pub(crate) use self::handler::install;
pub(crate) use self::report::{name_at, say};

/// The table's lock, for a process that forks.
pub(crate) struct Held {
    _table: sync::MutexGuard<'static, Vec<&'static Slot>>,
}

/// Keep everybody else from changing the table.
pub(crate) fn hold() -> Held {
    Held { _table: table().hold() }
}

/// In a child of fork(2): nobody else is inside a mapping, or pauses one.
pub(crate) fn forget_other_threads() {
    table().forget_other_threads();
}

/// How user code touches the bytes of a mapping, which decides what becomes of a fault there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touch {
    /// Through slices: every fault is answered with a zero page.
    Slices,
    /// Through atomics and the copy routines: a fault in a routine makes it return short, any other is answered with a
    /// zero page.
    Atomics,
}

/// What becomes of a fault that is answered with a zero page, besides that page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing more: whoever asks is told of the poison.
    Zeros,
    /// For a mapping's first, a line on stderr.
    ZerosAndLine,
    /// No zeros: a line on stderr, and the process ends.
    LineAndAbort,
}

/// The pages of a mapping that goes into the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// The address of the first page.
    pub(crate) base: usize,
    /// The length of the whole pages, in bytes.
    pub(crate) len: usize,
    pub(crate) page: PageSize,
    pub(crate) access: Access,
}

/// A mapping in the table. Dropping it takes it out; the region must outlive it, at the same addresses.
#[derive(Debug)]
pub(crate) struct Entry {
    slot: &'static Slot,
}

impl Entry {
    /// Put all pages of `region` into the table, and the handler in place if it is not yet.
    pub(crate) fn new(region: &Region, touch: Touch) -> Self {
        let span = Span {
            base: region.base().addr(),
            len: region.map_len(),
            page: region.page(),
            access: region.access(),
        };
        Self::of(span, touch, Answer::Zeros)
    }

    /// The same for pages that are not a region's, or a fault there to be answered otherwise.
    pub(crate) fn of(span: Span, touch: Touch, answer: Answer) -> Self {
        install();
        let Span { base, len, page, access } = span;
        let mapping = Mapping { base, end: base + len, page, touch, access, answer };
        Self { slot: table().insert(mapping) }
    }

    /// The lowest page that became zeros, as a position in bytes from the region's base; `None` if none did. One load.
    #[inline]
    pub(crate) fn poisoned_at(&self) -> Option<usize> {
        self.slot.poisoned_at()
    }

    /// How many pages became zeros, those of [`Entry::poison`] included.
    pub(crate) fn poison_count(&self) -> usize {
        self.slot.poison_count()
    }

    /// The same, once no handler is at work: each page that it counts is zeros by now. As for [`Entry::pause`], the calling
    /// thread must not be in the middle of a touch.
    pub(crate) fn settled_poison_count(&self) -> usize {
        self.slot.settled_poison_count()
    }

    /// Mark the page at `position`, in bytes from the region's base, as zeros: whoever materialised it could not read it.
    pub(crate) fn poison(&self, position: usize) {
        self.slot.poison(position);
    }

    /// Note that the line about this mapping was written while another entry had it.
    pub(crate) fn was_told(&self) {
        self.slot.tell();
    }

    /// Keep zero pages out of this mapping until the guard is dropped, and wait until none is being put there. A thread
    /// that faults meanwhile executes its instruction again and again, until it succeeds or the guard is gone.
    ///
    /// The calling thread must not touch the mapping's slices itself meanwhile, signal handlers included: it would wait
    /// for itself.
    pub(crate) fn pause(&self) -> Pause<'_> {
        self.slot.pause();
        Pause { slot: self.slot, entry: core::marker::PhantomData }
    }

    /// From now on a store that is forbidden within `window`, bytes from the region's base, waits in the SIGSEGV handler
    /// until the window is another or [`Entry::ungate`] is called. Call before the stores are forbidden.
    pub(crate) fn gate(&self, window: Range<usize>) {
        self.slot.gate(window);
    }

    /// Close the window of [`Entry::gate`]. Call after the stores are allowed again.
    pub(crate) fn ungate(&self) {
        self.slot.gate(0..0);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        table().remove(self.slot);
    }
}

/// Keeps the handler from putting zero pages into a mapping; see [`Entry::pause`].
#[derive(Debug)]
#[must_use = "the handler resumes when this is dropped"]
pub(crate) struct Pause<'a> {
    slot: &'static Slot,
    entry: core::marker::PhantomData<&'a Entry>,
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.slot.resume();
    }
}

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;
