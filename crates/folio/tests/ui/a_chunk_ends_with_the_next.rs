//! Chunks lend their one buffer: a chunk is gone when the next is asked for.
fn main() {
    let map = folio::Shared::open("file").unwrap();
    let mut chunks = map.chunks();
    let first = chunks.next_chunk().unwrap();
    let second = chunks.next_chunk().unwrap();
    println!("{first:?} {second:?}");
}
