//! All mappings whose bytes user code touches.
//!
//! Slots stand in chunks that are linked and never freed, so the handler can walk them at any instant; a slot that is
//! free again is used again. Threads that change the table take turns under a mutex, which the handler knows nothing
//! of. A fault looks at every slot: with two thousand mappings that is a few microseconds, about what the signal costs.

use std::sync::PoisonError;

use super::slot::{Found, Mapping, Slot};
use super::sync::{AtomicPtr, CHUNK, Mutex, MutexGuard, Ordering, global};

struct Chunk {
    slots: [Slot; CHUNK],
    next: Option<&'static Chunk>,
}

/// The chunks, and which of their slots are free.
pub(super) struct Table {
    newest: AtomicPtr<Chunk>,
    free: Mutex<Vec<&'static Slot>>,
}

global!(TABLE: Table = Table { newest: AtomicPtr::new(core::ptr::null_mut()), free: Mutex::new(Vec::new()) });

/// The table of this process.
pub(super) fn table() -> &'static Table {
    &TABLE
}

impl Table {
    /// Hold `mapping` in a free slot.
    pub(super) fn insert(&self, mapping: Mapping) -> &'static Slot {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = match free.pop() {
            Some(slot) => slot,
            None => self.grow(&mut free),
        };
        slot.set(mapping);
        slot
    }

    /// Take what is in `slot` out, once no handler is inside.
    pub(super) fn remove(&self, slot: &'static Slot) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        slot.clear();
        free.push(slot);
    }

    /// Add a chunk; returns one of its slots and makes the others free.
    fn grow(&self, free: &mut Vec<&'static Slot>) -> &'static Slot {
        // SAFETY: clause H3: chunks are never freed, and only this function, under the mutex, changes the pointer.
        let next = unsafe { self.newest.load(Ordering::Relaxed).as_ref() };
        let chunk =
            Box::leak(Box::new(Chunk { slots: core::array::from_fn(|_| Slot::new()), next }));
        self.newest.store(chunk, Ordering::Release);
        let chunk: &'static Chunk = chunk;
        let [first, rest @ ..] = &chunk.slots;
        free.extend(rest);
        first
    }

    /// Keep everybody else from changing the table while the guard lives.
    pub(super) fn hold(&self) -> MutexGuard<'_, Vec<&'static Slot>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In a child of fork(2): nobody else is inside a mapping, or pauses one.
    pub(super) fn forget_other_threads(&self) {
        self.slots().for_each(Slot::forget_other_threads);
    }

    /// The mapping that `address` is in. Async-signal-safe.
    pub(super) fn find(&self, address: usize) -> Option<Found> {
        self.slots().find_map(|slot| slot.find(address))
    }

    fn slots(&self) -> impl Iterator<Item = &'static Slot> {
        // SAFETY: clause H3: chunks are never freed, and published after they were filled.
        let newest = unsafe { self.newest.load(Ordering::Acquire).as_ref() };
        core::iter::successors(newest, |chunk| chunk.next).flat_map(|chunk| &chunk.slots)
    }
}
