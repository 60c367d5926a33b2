//! Not every byte is a bool.
fn main() {
    let map = folio::Shared::open("file").unwrap();
    let _ = map.load::<bool>(0);
}
