//! Running a test of this binary once more in a process of its own: with other limits, as another user, or to share
//! memory with. There [`is_here`] is true, and the test does the other process's part.

use std::path::Path;
use std::process::{Command, Output};

const MARK: &str = "FOLIO_CHILD";

/// Whether this process was started with [`command`].
pub(crate) fn is_here() -> bool {
    std::env::var_os(MARK).is_some()
}

/// A command that runs the test `name` of this binary alone, as the other process.
pub(crate) fn command(name: &str) -> Command {
    command_of(&std::env::current_exe().unwrap(), name)
}

/// As [`command`], where the binary is at `path`.
pub(crate) fn command_of(path: &Path, name: &str) -> Command {
    let mut command = Command::new(path);
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(MARK, name);
    command
}

/// Whether the other process ran exactly one test and it passed.
pub(crate) fn assert_passed(output: &Output) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{:?}\n{stdout}\n{stderr}",
        output.status
    );
}
