//! Print a file: the simplest use of a mapping.
//!
//! A [`Frozen`] is a `&[u8]` of the whole file, so it goes wherever bytes go. Try it on a text, on an empty file, on a
//! directory, and on a file that you may not read.
//!
//! ```sh
//! cargo run --package folio --example print_file -- README.md
//! ```

use std::error::Error;
use std::io::Write;
use std::process::exit;

use folio::Frozen;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: print_file FILE");
        exit(2);
    };
    let file = Frozen::open(&path)?;
    std::io::stdout().write_all(&file)?;
    Ok(())
}
