//! The bytes of a Private are borrowed from it.
fn main() {
    let map = folio::Private::open("file").unwrap();
    let bytes: &[u8] = &map;
    drop(map);
    println!("{}", bytes[0]);
}
