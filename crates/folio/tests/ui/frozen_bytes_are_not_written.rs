//! Nobody writes to a Frozen.
fn main() {
    let mut map = folio::Frozen::open("file").unwrap();
    map[0] = 1;
}
