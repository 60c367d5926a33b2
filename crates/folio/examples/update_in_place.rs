//! Update a file in place, and flush.
//!
//! A store to a [`SharedMut`] is in the page cache at once, where every process sees it; it is on the device after
//! [`SharedMut::flush_range`], which writes the pages of the range and waits. Nothing is moved: the file keeps its length.
//!
//! ```sh
//! printf 'status: draft\n' >note && cargo run --package folio --example update_in_place -- note draft final && cat note
//! ```

use std::error::Error;
use std::process::exit;

use folio::SharedMut;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [path, old, new] = arguments.as_slice() else {
        eprintln!("usage: update_in_place FILE OLD NEW");
        exit(2);
    };
    let (old, new) = (old.as_encoded_bytes(), new.as_encoded_bytes());
    if old.is_empty() || old.len() != new.len() {
        return Err("in place means: OLD and NEW are equally long, and not empty".into());
    }

    let file = SharedMut::open(path)?;
    let mut bytes = vec![0; file.len()];
    file.read_at(0, &mut bytes)?;
    let Some(at) = bytes.windows(old.len()).position(|window| window == old) else {
        return Err("OLD is not in the file".into());
    };

    file.write_at(at, new)?;
    file.flush_range(at..at + new.len())?;
    println!("bytes {at}..{} are updated and on the device", at + new.len());
    Ok(())
}
