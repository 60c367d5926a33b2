//! Count lines, telling the kernel how the file will be read.
//!
//! `Advice::Sequential` makes the kernel read further ahead and drop pages sooner behind. The file is scanned in chunks that
//! are copied into one small buffer, so that another process may truncate it meanwhile: that is an error here, never a
//! wrong count. Compare the number with that of `wc -l`, and the time with and without the advice on a file that
//! is not in the page cache.
//!
//! ```sh
//! cargo run --release --package folio --example count_lines -- /var/log/syslog
//! ```

use std::error::Error;
use std::process::exit;

use folio::{Advice, MapOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: count_lines FILE");
        exit(2);
    };
    let file = MapOptions::new().advice(Advice::Sequential).open_shared(&path)?;

    let (mut lines, mut chunks) = (0, file.chunks());
    while let Some(chunk) = chunks.next_chunk()? {
        lines += chunk.iter().filter(|&&byte| byte == b'\n').count();
    }
    println!("{lines} {}", path.to_string_lossy());
    Ok(())
}
