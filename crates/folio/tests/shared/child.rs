//! Running one test of this binary in a process of its own: with other limits, as another user, or to share memory with.

use std::process::{Command, Output};

/// A command that runs the ignored test `name` of this binary alone. Its output shows that it ran.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", name, "--nocapture", "--test-threads=1"]);
    command
}

/// Whether the child ran exactly one test and it passed.
pub fn assert_passed(output: &Output) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{:?}\n{stdout}\n{stderr}",
        output.status
    );
}
