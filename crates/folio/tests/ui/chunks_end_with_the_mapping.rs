//! Chunks borrow the mapping.
fn main() {
    let map = folio::Shared::open("file").unwrap();
    let mut chunks = map.chunks();
    drop(map);
    chunks.next_chunk().unwrap();
}
