//! Whoever maps code promises what it is.
fn main() {
    let file = std::fs::File::open("file").unwrap();
    let _ = folio::MapOptions::new().map_executable(&file);
}
