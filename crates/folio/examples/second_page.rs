//! Map a file's second page, and then any byte at all.
//!
//! The kernel maps whole pages, from offsets that are multiples of the page size. folio takes any range: it maps the pages
//! that hold it and shows the bytes that were asked for. Byte 5000 is in the page at 4096, 904 bytes into it.
//!
//! ```sh
//! cargo run --package folio --example second_page -- /usr/share/dict/words 5000
//! ```

use std::error::Error;
use std::process::exit;

use folio::{Frozen, MapOptions, PageSize};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!("usage: second_page FILE [OFFSET]");
        exit(2);
    };
    let offset: u64 = match arguments.next() {
        Some(offset) => offset.to_string_lossy().parse()?,
        None => 5000,
    };
    let page = PageSize::base();
    let size = page.bytes() as u64;
    let len = std::fs::metadata(&path)?.len();
    println!("{} has {len} bytes, on pages of {size}", path.to_string_lossy());

    if len > size {
        let second: Frozen = MapOptions::new().range(size..len.min(2 * size)).open_frozen(&path)?;
        let line = second.split(|&byte| byte == b'\n').next().unwrap_or_default();
        println!("its second page begins with {:?}", String::from_utf8_lossy(line));
    } else {
        println!("it has no second page");
    }

    let one = MapOptions::new().offset(offset).len(1).open_frozen(&path)?;
    let (start, lead) = (page.floor(offset), page.lead(offset));
    println!("byte {offset} is {:#04x}, {lead} bytes into the page at {start}", one[0]);
    Ok(())
}
