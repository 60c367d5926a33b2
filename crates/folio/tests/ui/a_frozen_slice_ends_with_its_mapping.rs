//! The bytes of a Frozen are borrowed from it.
fn main() {
    let map = folio::Frozen::open("file").unwrap();
    let bytes: &[u8] = &map;
    drop(map);
    println!("{}", bytes[0]);
}
