//! The padding of a struct has no bytes to store.
#[repr(C)]
struct Padded {
    byte: u8,
    word: u32,
}
fn main() {
    let map = folio::SharedMut::open("file").unwrap();
    let _ = map.store(0, &Padded { byte: 1, word: 2 });
}
