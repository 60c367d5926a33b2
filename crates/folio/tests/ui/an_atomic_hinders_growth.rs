//! Growing may move the mapping, so no reference into it may live.
use std::sync::atomic::Ordering;
fn main() {
    let mut map = folio::SharedMut::open("file").unwrap();
    let word = map.atomic_u32(0).unwrap();
    map.grow(1 << 20).unwrap();
    word.store(1, Ordering::Relaxed);
}
