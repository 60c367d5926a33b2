//! An atomic is borrowed from the mapping.
use std::sync::atomic::{AtomicU64, Ordering};
fn word() -> &'static AtomicU64 {
    let map = folio::SharedMut::open("file").unwrap();
    map.atomic_u64(0).unwrap()
}
fn main() {
    word().store(1, Ordering::Relaxed);
}
