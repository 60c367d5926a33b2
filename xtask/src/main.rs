//! `cargo xtask tidy` checks that the repository keeps its own rules; `cargo xtask readme` runs the README's commands;
//! `cargo xtask examples` finds public items without an example; `cargo xtask doctor-table` makes the tables of
//! docs/doctor.md anew; `cargo xtask mutants` puts bugs into folio and sees that the oracle finds them; `cargo xtask fio`
//! measures the same with fio and with `folio bench`; `cargo xtask adoption` puts folio under other people's programs.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;

use xtask::{adoption, doctor, examples, fio, mutants, readme, tidy, tree::Tree};

const USAGE: &str = "usage: cargo xtask tidy | cargo xtask readme | cargo xtask examples | cargo xtask doctor-table | \
                     cargo xtask fio [DIR] | cargo xtask mutants [NAME [DIR]] | cargo xtask adoption [OPTION…] [PROGRAM…]";

fn main() -> ExitCode {
    // The workspace's root, whatever directory cargo was called from. It is asked for now: with a target directory that
    // two checkouts share, this program may have been built in the other.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR");
    let root = Path::new(&manifest.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into())).join("..");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["tidy"] => tidy_up(&root),
        ["readme"] => readme::run(&root),
        ["examples"] => examples::run(&root),
        ["doctor-table"] => doctor::run(&root),
        ["fio"] => fio::run(&root, &std::env::temp_dir()),
        ["fio", dir] => fio::run(&root, Path::new(dir)),
        ["mutants"] => mutants::run(&root, "", None),
        ["mutants", name] => mutants::run(&root, name, None),
        ["mutants", name, dir] => mutants::run(&root, name, Some(Path::new(dir))),
        ["adoption", ref rest @ ..] => adoption::run(&root, rest),
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
