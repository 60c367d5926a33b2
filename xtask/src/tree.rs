//! The files that are checked.

use std::fs;
use std::io;
use std::path::Path;

/// A text file: its path from the root with `/` between the parts, and what is in it.
#[derive(Clone, Debug)]
pub struct File {
    /// The path from the root.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// The repository's text files.
#[derive(Clone, Debug, Default)]
pub struct Tree(Vec<File>);

/// Directories that hold nothing of ours.
const FOREIGN: &[&str] = &["target", ".git", "corpus", "artifacts"];

impl Tree {
    /// The files below `root` that are written by hand: Rust, Markdown, and what is in `.ci`.
    ///
    /// # Errors
    /// If a directory or file cannot be read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        walk(root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self(files))
    }

    /// A tree of the given paths and texts.
    pub fn of(files: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(files.into_iter().map(|(path, text)| File { path: path.to_owned(), text }).collect())
    }

    /// All of them, by path.
    #[must_use]
    pub fn files(&self) -> &[File] {
        &self.0
    }

    /// The Rust sources.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.0.iter().filter(|file| has_extension(&file.path, "rs"))
    }

    /// The file at `path`.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&File> {
        self.0.iter().find(|file| file.path == path)
    }
}

fn walk(dir: &Path, prefix: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            if !FOREIGN.contains(&name.as_str()) {
                walk(&entry.path(), &format!("{path}/"), files)?;
            }
        } else if has_extension(&name, "rs") || has_extension(&name, "md") || prefix == ".ci/" {
            files.push(File { path, text: fs::read_to_string(entry.path())? });
        }
    }
    Ok(())
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}
