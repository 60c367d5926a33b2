//! Bugs that are put into folio on purpose, to see that the oracle finds them.
//!
//! Each file of `xtask/mutants` is a bug: the file it is in, the text that is replaced, what it is replaced by, and what that
//! breaks. The tracked sources are copied to `target/mutants/tree`, the bug is put in, `folio-oracle` is built there, and
//! random programs are run on folio for as long as a minute. They must find it.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// How long the oracle may search, in seconds.
const SECONDS: &str = "60";

/// A bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// What it breaks.
    pub breaks: String,
    /// The file that it is in, from the root.
    pub file: String,
    /// The lines that are replaced, of which there is one place.
    pub replace: String,
    /// What they are replaced by.
    pub with: String,
}

impl Mutant {
    /// The bug that `text` describes.
    ///
    /// ```
    /// let text = "breaks: sums\nfile: src/sum.rs\n--- replace\na + b\n--- with\na - b\n";
    /// let mutant = xtask::mutants::Mutant::parse(text).unwrap();
    /// assert_eq!(mutant.apply("let c = \na + b\n;").unwrap(), "let c = \na - b\n;");
    /// ```
    ///
    /// # Errors
    /// What of it is missing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (head, change) = text.split_once("--- replace\n").ok_or("it has no `--- replace`")?;
        let (replace, with) = change.split_once("--- with\n").ok_or("it has no `--- with`")?;
        let entry = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned()).ok_or(format!("it has no `{name}`"))
        };
        let (breaks, file) = (entry("breaks:")?, entry("file:")?);
        Ok(Self { breaks, file, replace: replace.to_owned(), with: with.to_owned() })
    }

    /// `source` with the bug in it.
    ///
    /// # Errors
    /// The text that is to be replaced is not there, or more than once.
    pub fn apply(&self, source: &str) -> Result<String, String> {
        match source.matches(&self.replace).count() {
            1 => Ok(source.replacen(&self.replace, &self.with, 1)),
            count => {
                Err(format!("{} has this {count} times, not once:\n{}", self.file, self.replace))
            }
        }
    }
}

/// The bugs of the repository at `root`, by name.
///
/// # Errors
/// One of the files cannot be read, or is no bug.
pub fn all(root: &Path) -> Result<Vec<(String, Mutant)>, String> {
    let dir = root.join("xtask/mutants");
    let told = |error: std::io::Error| format!("{}: {error}", dir.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(&dir).map_err(told)? {
        let path = entry.map_err(told)?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let text = fs::read_to_string(&path).map_err(told)?;
        found.push((
            name,
            Mutant::parse(&text).map_err(|why| format!("{}: {why}", path.display()))?,
        ));
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// Put each bug in whose name begins with `prefix`, and see that it is found. Files are mapped in `dir`, or in `target/mutants` if there is none:
/// a flush that is forgotten shows on a disk alone, not on a tmpfs.
///
/// # Errors
/// A bug was not found, or could not be put in.
pub fn run(root: &Path, prefix: &str, dir: Option<&Path>) -> Result<(), String> {
    let mutants: Vec<_> =
        all(root)?.into_iter().filter(|(name, _)| name.starts_with(prefix)).collect();
    if mutants.is_empty() {
        return Err(format!("no file of xtask/mutants begins with {prefix}"));
    }
    let place = root.join("target/mutants");
    let tree = place.join("tree");
    let files = dir.map_or_else(|| place.join("files"), Path::to_owned);
    fs::create_dir_all(&files).map_err(|error| format!("{}: {error}", files.display()))?;
    copy_sources(root, &tree)?;
    let mut missed = Vec::new();
    for (name, mutant) in mutants {
        let path = tree.join(&mutant.file);
        let told = |error: std::io::Error| format!("{}: {error}", path.display());
        let source = fs::read_to_string(&path).map_err(told)?;
        fs::write(&path, mutant.apply(&source)?).map_err(told)?;
        println!("{name}: {}", mutant.breaks);
        let found = build(&tree, &place).and_then(|program| search(&program, &files));
        fs::write(&path, source).map_err(told)?;
        if let Err(why) = found {
            println!("{name}: NOT FOUND: {why}");
            missed.push(name);
        }
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("not found: {}", missed.join(", "))) }
}

/// Remove from `tree` what is not one of `names`, as it was renamed or removed since it was copied.
fn remove_stale(tree: &Path, folder: &Path, names: &HashSet<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.strip_prefix(tree).unwrap_or(&path).to_string_lossy().into_owned();
        if path.is_dir() {
            remove_stale(tree, &path, names)?;
        } else if !names.contains(&name) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Copy every tracked file, if it is another than the copy: what stays as it was is not built again.
fn copy_sources(root: &Path, tree: &Path) -> Result<(), String> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output();
    let listed = listed.map_err(|error| format!("git: {error}"))?;
    if !listed.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&listed.stderr)));
    }
    let listed = String::from_utf8_lossy(&listed.stdout);
    let names: HashSet<String> = listed.split_terminator('\0').map(str::to_owned).collect();
    let told = |error: std::io::Error| format!("{}: {error}", tree.display());
    fs::create_dir_all(tree).map_err(told)?;
    remove_stale(tree, tree, &names).map_err(told)?;
    for name in &names {
        let (from, to) = (root.join(name), tree.join(name));
        let told = |error: std::io::Error| format!("{name}: {error}");
        let bytes = fs::read(&from).map_err(told)?;
        if fs::read(&to).is_ok_and(|same| same == bytes) {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(told)?;
        }
        fs::write(&to, bytes).map_err(told)?;
    }
    Ok(())
}

/// Build the oracle in `tree`, and tell where it is.
fn build(tree: &Path, place: &Path) -> Result<PathBuf, String> {
    let target = place.join("build");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "folio-oracle", "--target-dir"])
        .arg(&target)
        // A bug may leave something unused.
        .env("RUSTFLAGS", "--cap-lints warn")
        .current_dir(tree)
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if output.status.success() {
        return Ok(target.join("debug/folio-oracle"));
    }
    Err(format!("it does not build:\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// Run random programs until one disagrees.
fn search(program: &Path, files: &Path) -> Result<(), String> {
    let start = Instant::now();
    let output = Command::new(program)
        .args(["--system", "folio", "--seed", "1", "--seconds", SECONDS])
        .arg(files)
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let told = String::from_utf8_lossy(&output.stdout);
    match (output.status.code(), told.split_once("\nfound after ")) {
        (Some(1), Some((_, found))) => {
            println!("found after {}", found.trim_end().replace('\n', "\n    "));
            println!("    in all {:.1} s\n", start.elapsed().as_secs_f64());
            Ok(())
        }
        _ => Err(format!("{}\n{told}{}", output.status, String::from_utf8_lossy(&output.stderr))),
    }
}
