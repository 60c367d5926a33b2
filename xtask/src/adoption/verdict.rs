//! What came of a job whose file was changed under it.

use std::fmt::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use super::input::Samples;

/// How long a line of a program's may be in the table.
const LONGEST: usize = 160;

/// How the job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With the answer for the file as it was opened.
    Right,
    /// With the answer for the file as it was rewritten.
    New,
    /// As if all were well, and with another answer than these.
    Wrong,
    /// It reported failure.
    Failed,
    /// A signal of this number ended it.
    Died(i32),
    /// It was ended because it would not.
    Hung,
}

/// One job, disturbed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How it ended.
    pub outcome: Outcome,
    /// The line on standard error that it would not have written undisturbed.
    pub said: Option<String>,
    /// How long the process that changed the file had to wait.
    pub waited: Duration,
    /// How many bytes of the file were touched before.
    pub touched: u64,
}

impl Seen {
    /// All of it in one line.
    #[must_use]
    pub fn in_full(&self) -> String {
        let said = self.said.as_deref().map_or(String::new(), |said| format!(", saying {said:?}"));
        let mib = self.touched >> 20;
        format!(
            "{}{said}; {mib} MiB touched before, the writer waited {}",
            self.outcome,
            brief(self.waited)
        )
    }

    /// For the table, in Markdown.
    #[must_use]
    pub fn cell(&self) -> String {
        let said = self.said.as_deref().map(|said| said.replace('|', "\\|").replace('`', "'"));
        match (self.outcome, said) {
            (Outcome::Wrong, None) => "**wrong answer**, without a word".to_owned(),
            (Outcome::Wrong, Some(said)) => format!("wrong answer, and `{said}`"),
            (Outcome::Failed, Some(said)) => format!("an error: `{said}`"),
            (Outcome::Failed, None) => "fails without a word".to_owned(),
            (Outcome::Died(_) | Outcome::Hung, None) => format!("**{}**", self.outcome),
            (Outcome::Died(_) | Outcome::Hung, Some(said)) => {
                format!("**{}**, and `{said}`", self.outcome)
            }
            (Outcome::Right | Outcome::New, _) => self.outcome.to_string(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("right answer"),
            Self::New => f.write_str("the answer for the new content"),
            Self::Wrong => f.write_str("wrong answer"),
            Self::Failed => f.write_str("an error"),
            Self::Died(6) => f.write_str("SIGABRT"),
            Self::Died(7) => f.write_str("SIGBUS"),
            Self::Died(11) => f.write_str("SIGSEGV"),
            Self::Died(signal) => write!(f, "signal {signal}"),
            Self::Hung => f.write_str("does not end"),
        }
    }
}

/// How a job ended that answered `answer` and ended with `status`.
#[must_use]
pub fn judge(status: ExitStatus, answer: &[u8], samples: &Samples) -> Outcome {
    if let Some(signal) = status.signal() {
        return Outcome::Died(signal);
    }
    let code = status.code();
    if code == samples.old.code && answer == samples.old.answer {
        Outcome::Right
    } else if code == samples.new.code && answer == samples.new.answer && !answer.is_empty() {
        Outcome::New
    } else if code == Some(0) {
        Outcome::Wrong
    } else {
        Outcome::Failed
    }
}

/// The line of `stderr` that tells most, if there is one that is not in `habit`: folio's, or what a panic says, or the first.
#[must_use]
pub fn telling(stderr: &str, habit: &str, file: &str, dir: &str) -> Option<String> {
    let lines = || {
        stderr
            .lines()
            .filter(|line| !line.trim().is_empty() && !habit.lines().any(|old| old == *line))
    };
    let line = lines().find(|line| line.starts_with("folio: ")).map(str::to_owned).or_else(|| {
        let mut after_panic = lines().skip_while(|line| !line.contains(" panicked at ")).skip(1);
        after_panic.next().map(|why| format!("panicked: {why}"))
    });
    let mut line = line
        .or_else(|| lines().next().map(str::to_owned))?
        .replace(file, "FILE")
        .replace(dir, "DIR");
    if line.chars().count() > LONGEST {
        line = line.chars().take(LONGEST).collect();
        line.push('…');
    }
    Some(line)
}

/// A duration with as many digits as mean something.
#[must_use]
pub fn brief(duration: Duration) -> String {
    let mut words = String::new();
    let micros = duration.as_micros();
    let written = match micros {
        0..1_000 => write!(words, "{micros} µs"),
        1_000..10_000 => write!(words, "{:.1} ms", duration.as_secs_f64() * 1e3),
        10_000..1_000_000 => write!(words, "{} ms", duration.as_millis()),
        _ => write!(words, "{:.1} s", duration.as_secs_f64()),
    };
    written.map_or(String::new(), |()| words)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::input::Sample;
    use super::*;

    fn samples() -> Samples {
        let sample = |answer: &str| Sample {
            dir: PathBuf::new(),
            answer: answer.into(),
            stderr: String::new(),
            code: Some(0),
        };
        Samples { old: sample("old"), new: sample("new") }
    }

    #[test]
    fn ends_are_told_apart() {
        let judged = |status: i32, answer: &str| {
            judge(ExitStatus::from_raw(status), answer.as_bytes(), &samples())
        };
        assert_eq!(judged(0, "old"), Outcome::Right);
        assert_eq!(judged(0, "new"), Outcome::New);
        assert_eq!(judged(0, "mixed"), Outcome::Wrong);
        assert_eq!(judged(1 << 8, "old"), Outcome::Failed);
        assert_eq!(judged(0, ""), Outcome::Wrong);
        assert_eq!(judged(7, "old"), Outcome::Died(7));
        assert_eq!(Outcome::Died(7).to_string(), "SIGBUS");
    }

    #[test]
    fn the_line_that_tells_most_is_chosen() {
        let habit = "warning: always here\n";
        let told = |stderr: &str| telling(stderr, habit, "/t/f", "/t");
        assert_eq!(told(habit), None);
        assert_eq!(
            told("warning: always here\nerror: /t/f\nmore\n").as_deref(),
            Some("error: FILE")
        );
        assert_eq!(told("error: /t/g\n").as_deref(), Some("error: DIR/g"));
        assert_eq!(told("x\nfolio: /t/f: gone\n").as_deref(), Some("folio: FILE: gone"));
        assert_eq!(
            told("thread 'main' panicked at src/a.rs:1:2:\nout of range\n").as_deref(),
            Some("panicked: out of range")
        );
        assert_eq!(told(&"x".repeat(500)).map(|line| line.chars().count()), Some(LONGEST + 1));
    }

    #[test]
    fn cells_say_what_matters() {
        let seen = |outcome, said: Option<&str>| {
            Seen { outcome, said: said.map(str::to_owned), waited: Duration::ZERO, touched: 0 }
                .cell()
        };
        assert_eq!(seen(Outcome::Died(7), None), "**SIGBUS**");
        assert_eq!(seen(Outcome::Wrong, None), "**wrong answer**, without a word");
        assert_eq!(seen(Outcome::Failed, Some("a | b")), "an error: `a \\| b`");
    }

    #[test]
    fn durations_are_brief() {
        assert_eq!(brief(Duration::from_micros(12)), "12 µs");
        assert_eq!(brief(Duration::from_micros(1_234)), "1.2 ms");
        assert_eq!(brief(Duration::from_millis(123)), "123 ms");
        assert_eq!(brief(Duration::from_millis(1_234)), "1.2 s");
    }
}
