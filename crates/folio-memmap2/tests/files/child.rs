//! Scenarios in a process of their own.

use std::process::{Command, Output};

/// Names the scenario in the environment of a child.
const SCENARIO: &str = "FOLIO_TEST_SCENARIO";

/// What a child ends with if its scenario returns: a test that never came to the scenario ends with 0.
pub(crate) const RETURNED: i32 = 42;

/// Run `scenario` in a process of its own, with `variables` in its environment: this test's binary once more, with this `test`
/// alone, which comes here again. `None` in that process' other calls.
pub(crate) fn in_child(
    test: &str,
    name: &str,
    variables: &[(&str, &str)],
    scenario: impl FnOnce(),
) -> Option<Output> {
    match std::env::var(SCENARIO) {
        Ok(wanted) if wanted == name => {
            scenario();
            std::process::exit(RETURNED);
        }
        Ok(_) => None,
        Err(_) => {
            let this = std::env::current_exe().unwrap();
            let output = Command::new(this)
                .args([test, "--exact", "--nocapture", "--test-threads=1"])
                .env(SCENARIO, name)
                .env_remove("FOLIO_MEMMAP2")
                .env("RUST_BACKTRACE", "0")
                .envs(variables.iter().copied())
                .output()
                .unwrap();
            Some(output)
        }
    }
}

/// The same, for a scenario that must return; its lines on stderr that are folio's.
pub(crate) fn lines_of(
    test: &str,
    name: &str,
    variables: &[(&str, &str)],
    scenario: impl FnOnce(),
) -> Option<Vec<String>> {
    let output = in_child(test, name, variables, scenario)?;
    assert_eq!(output.status.code(), Some(RETURNED), "{name}: {output:?}");
    Some(folio_lines(&output))
}

/// What folio said on stderr.
pub(crate) fn folio_lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().filter(|line| line.starts_with("folio:")).map(str::to_owned).collect()
}
