//! A test harness that runs with one thread, for tests that fork: the usual one keeps a thread for itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

/// A test by name.
pub type Test = (&'static str, fn());

/// Lists tests by their paths: `tests![mapping::loads, process::forks]`.
#[macro_export]
macro_rules! tests {
    ($($test:path),* $(,)?) => { &[$((stringify!($test), $test as fn())),*] };
}

/// Run `tests` one after the other on this thread, those whose names hold one of the words on the command line if there are
/// any; the `main` of a test target with `harness = false`. Of the usual harness' options it knows `--list` and `--exact`.
#[must_use]
pub fn run(tests: &[Test]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let words: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| {
        let matches =
            |word: &&String| if has("--exact") { name == *word } else { name.contains(*word) };
        words.is_empty() || words.iter().any(matches)
    };
    let chosen = tests.iter().filter(|(name, _)| wanted(&name.replace(' ', "")));
    if has("--list") {
        chosen.for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let (mut passed, mut failed) = (0, Vec::new());
    let start = Instant::now();
    for (name, test) in chosen {
        match catch_unwind(AssertUnwindSafe(test)) {
            Ok(()) => {
                passed += 1;
                println!("test {name} ... ok");
            }
            Err(_) => {
                println!("test {name} ... FAILED");
                failed.push(*name);
            }
        }
    }
    let answer = if failed.is_empty() { "ok" } else { "FAILED" };
    let (left_out, seconds) = (tests.len() - passed - failed.len(), start.elapsed().as_secs_f64());
    println!(
        "\ntest result: {answer}. {passed} passed; {} failed; 0 ignored; 0 measured; {left_out} filtered out; \
         finished in {seconds:.2}s\n",
        failed.len()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
