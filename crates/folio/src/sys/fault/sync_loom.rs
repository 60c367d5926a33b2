//! What the table is synchronised with, for loom: it runs a test once for each order in which threads could see each
//! other's stores.

pub(super) use loom::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
pub(super) use loom::sync::{Mutex, MutexGuard};
pub(super) use loom::thread::yield_now;

/// How many mappings a chunk of the table holds: few, because loom follows each of its atomics.
pub(super) const CHUNK: usize = 1;

/// A static that is made anew for each run of a model.
macro_rules! global {
    ($name:ident: $type:ty = $value:expr) => {
        loom::lazy_static! {
            static ref $name: $type = $value;
        }
    };
}
pub(super) use global;
