//! `cargo xtask tidy` checks that the repository keeps its own rules; `cargo xtask readme` runs the README's commands;
//! `cargo xtask adoption` puts folio under other people's programs.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;

use xtask::{adoption, readme, tidy, tree::Tree};

const USAGE: &str = "usage: cargo xtask tidy | cargo xtask readme | cargo xtask adoption …";

fn main() -> ExitCode {
    // The workspace's root, whatever directory cargo was called from. It is asked for now: with a target directory that
    // two checkouts share, this program may have been built in the other.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR");
    let root = Path::new(&manifest.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into())).join("..");
    let mut arguments = std::env::args().skip(1);
    let done = match (arguments.next().as_deref(), arguments.len()) {
        (Some("tidy"), 0) => tidy_up(&root),
        (Some("readme"), 0) => readme::run(&root),
        (Some("adoption"), _) => adoption::run(&root, arguments),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn tidy_up(root: &Path) -> Result<(), String> {
    let tree = Tree::read(root).map_err(|error| format!("{}: {error}", root.display()))?;
    let complaints = tidy::check(&tree);
    if complaints.is_empty() {
        println!("tidy: {} files in order", tree.files().len());
        return Ok(());
    }
    let lines: Vec<_> = complaints.iter().map(ToString::to_string).collect();
    Err(format!("{}\ntidy: {} complaints", lines.join("\n"), lines.len()))
}
