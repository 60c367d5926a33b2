//! The commands of `README.md`, run as a reader would.
//!
//! A fenced block of language `sh` is run by bash in the workspace's root and must end with 0. The word `FILE` in it
//! stands for a file of the reader's; the README itself takes its place. Tests go on after the first that failed, so that
//! one run tells everything; and `folio doctor` may find that something differs here.

use std::path::Path;
use std::process::Command;

/// Run every `sh` block of the README below `root`.
///
/// # Errors
/// The first command that failed, or that there was none.
pub fn run(root: &Path) -> Result<(), String> {
    let path = root.join("README.md");
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let blocks = blocks(&text);
    if blocks.is_empty() {
        return Err("README.md: no `sh` block to run".to_owned());
    }
    for block in &blocks {
        let commands = with_file(block, "README.md");
        println!("$ {}", commands.trim_end().replace('\n', "\n$ "));
        let status = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &commands])
            .current_dir(root)
            .status();
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(format!("README.md: {status}: {commands}")),
            Err(error) => return Err(format!("bash: {error}")),
        }
    }
    Ok(())
}

/// The fenced blocks of language `sh` in `text`.
#[must_use]
pub fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some((language == "sh", String::new())),
            (Some(_), Some(_)) => {
                if let Some((true, block)) = open.take() {
                    blocks.push(block);
                }
            }
            (Some((_, block)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// `commands` with the word FILE replaced.
fn with_file(commands: &str, file: &str) -> String {
    let word = |word: &str| if word == "FILE" { file.to_owned() } else { word.to_owned() };
    let line = |line: &str| {
        let command = line.split(' ').map(word).collect::<Vec<_>>().join(" ");
        if command.starts_with("cargo test") {
            command + " --no-fail-fast"
        } else if command.ends_with(" doctor") {
            // 1 is what it found of this machine's file system.
            command + " || test $? -eq 1"
        } else {
            command
        }
    };
    commands.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sh_blocks_are_commands() {
        let text = "```sh\ncargo test\n```\ntext\n```console\n$ no\n```\n```sh\na FILE\nb\n```\n```rust\nx\n";
        assert_eq!(blocks(text), ["cargo test\n", "a FILE\nb\n"]);
    }

    #[test]
    fn file_is_a_word() {
        assert_eq!(with_file("count FILE PROFILE\nx FILE", "f"), "count f PROFILE\nx f");
        assert_eq!(
            with_file("cargo test --workspace", "f"),
            "cargo test --workspace --no-fail-fast"
        );
        assert_eq!(with_file("folio doctor\ny", "f"), "folio doctor || test $? -eq 1\ny");
    }

    #[test]
    fn a_command_that_fails_fails() {
        let dir = std::env::temp_dir().join(format!("xtask-readme-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let outcome = |text: &str| {
            std::fs::write(dir.join("README.md"), text).unwrap();
            run(&dir)
        };
        assert_eq!(outcome("```sh\ngrep -q sh FILE\n```\n"), Ok(()));
        assert!(outcome("```sh\nfalse\ntrue\n```\n").is_err());
        assert!(outcome("nothing").unwrap_err().contains("no `sh` block"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
