//! Whoever wants a slice of live bytes promises that they stay.
fn main() {
    let map = folio::Shared::open("file").unwrap();
    let _ = map.as_slice_unchecked();
}
