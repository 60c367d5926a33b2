//! The bytes of a Shared change under the reader's eyes: there is no slice of them.
fn main() {
    let map = folio::Shared::open("file").unwrap();
    let bytes: &[u8] = &map;
    let _ = bytes;
}
