//! Change a private mapping, and see that the file is as it was.
//!
//! A [`Private`] is copy-on-write: the first store to a page copies it, and the copy is this process's own. Reading is all
//! that the file needs to be open for. [`Private::changed`] tells what differs, and nothing reaches the file before
//! [`Private::commit`].
//!
//! ```sh
//! cargo run --package folio --example private_change -- README.md
//! ```

use std::error::Error;
use std::process::exit;

use folio::Private;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: private_change FILE");
        exit(2);
    };
    let before = std::fs::read(&path)?;

    let mut draft = Private::open(&path)?;
    let end = draft.iter().position(|&byte| byte == b'\n').unwrap_or(draft.len());
    draft[..end].make_ascii_uppercase();
    println!("the mapping begins with {:?}", String::from_utf8_lossy(&draft[..end]));

    let after = std::fs::read(&path)?;
    println!("the file begins with {:?}", String::from_utf8_lossy(&after[..end]));
    println!("the file is {}", if before == after { "unchanged" } else { "CHANGED" });
    for range in draft.changed()? {
        println!("bytes {range:?} of the mapping differ from it");
    }

    draft.revert(..)?;
    println!(
        "reverted, the mapping is {}",
        if *draft == after[..] { "the file again" } else { "NOT the file" }
    );
    Ok(())
}
