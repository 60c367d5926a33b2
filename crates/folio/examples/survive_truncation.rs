//! Survive a truncation.
//!
//! Map a file, let somebody truncate it, and touch the bytes that are gone: with mmap(2) alone this ends the process with
//! SIGBUS. Here a [`Shared`] answers with an error that says what happened and how many bytes are good, and a [`Frozen`],
//! which rests on a guarantee, still has them all. The truncation is done to a copy of the file that is given.
//!
//! ```sh
//! cargo run --package folio --example survive_truncation -- /usr/share/dict/words
//! ```

use std::error::Error;
use std::fs::File;
use std::process::exit;

use folio::{ErrorKind, Frozen, Shared};

fn main() -> Result<(), Box<dyn Error>> {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: survive_truncation FILE");
        exit(2);
    };
    let copy = std::env::temp_dir().join(format!("survive_truncation-{}", std::process::id()));
    std::fs::copy(&path, &copy)?;
    let shown = show(&copy);
    std::fs::remove_file(&copy)?;
    shown
}

fn show(path: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let (shared, frozen) = (Shared::open(path)?, Frozen::open(path)?);
    let len = shared.len();
    println!("mapped {len} bytes, one view shared and one frozen ({})", frozen.guarantee());

    File::options().write(true).open(path)?.set_len(len as u64 / 2)?;
    println!("the file was truncated to {} bytes", shared.file_len()?);

    let mut bytes = vec![0; len];
    match shared.read_at(0, &mut bytes) {
        Ok(()) => println!("shared: all {len} bytes are there"),
        Err(error) => {
            println!("shared: {error}");
            println!("shared: {} bytes are good", error.bytes_done());
            if !matches!(error.kind(), ErrorKind::Truncated { .. }) {
                return Err(error.into());
            }
        }
    }
    println!(
        "frozen: {} bytes are there, {} lines",
        frozen.len(),
        frozen.iter().filter(|&&byte| byte == b'\n').count()
    );
    frozen.check()?;
    println!("still alive");
    Ok(())
}
