//! What the table is synchronised with. For loom's test of it, `sync_loom.rs` stands here instead.

pub(super) use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
pub(super) use std::sync::{Mutex, MutexGuard};
pub(super) use std::thread::yield_now;

/// How many mappings a chunk of the table holds.
pub(super) const CHUNK: usize = 64;

/// A static whose value is known when the program is built.
macro_rules! global {
    ($name:ident: $type:ty = $value:expr) => {
        static $name: $type = $value;
    };
}
pub(super) use global;
