//! Nor can a SharedMut be indexed.
fn main() {
    let map = folio::SharedMut::open("file").unwrap();
    let _ = map[0];
}
