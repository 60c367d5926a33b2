//! A Shared is read-only.
fn main() {
    let map = folio::Shared::open("file").unwrap();
    map.write_at(0, b"no").unwrap();
}
