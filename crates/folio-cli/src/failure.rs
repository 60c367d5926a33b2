//! What can go wrong in a command, and how it is told: `folio: FILE: what happened: why`.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};

/// A failure, by what the command does about it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An input cannot be had or read. The others are gone on with; the exit code will be 1.
    Input(InputFailure),
    /// The output cannot be written. There is nothing to go on with.
    Output(io::Error),
}

/// An input that cannot be had or read.
#[derive(Debug)]
pub(crate) struct InputFailure {
    /// The input's name, fit for a terminal.
    name: String,
    what: What,
}

#[derive(Debug)]
enum What {
    /// What was tried, and why it failed.
    Failed(&'static str, Cow<'static, str>),
    /// The file was `from` bytes long when it was opened, and `to` afterwards.
    Truncated { from: u64, to: u64 },
    /// The bytes asked for begin after the end.
    PastEnd { offset: u64, len: u64 },
    /// It is a file, but not one for this command, or not so.
    Refused(&'static str),
}

impl InputFailure {
    fn of(name: impl Into<String>, what: What) -> Failure {
        Failure::Input(Self { name: name.into(), what })
    }

    /// `cannot WHAT: WHY` in the kernel's words.
    pub(crate) fn os(name: impl Into<String>, what: &'static str, error: &io::Error) -> Failure {
        Self::of(name, What::Failed(what, why(error).into()))
    }

    /// `cannot WHAT: WHY`, in words that were found.
    pub(crate) fn cannot(
        name: impl Into<String>,
        what: &'static str,
        why: impl Into<Cow<'static, str>>,
    ) -> Failure {
        Self::of(name, What::Failed(what, why.into()))
    }

    /// The answer of the mapping library, in the words of the command: a file that was `from` bytes long when it was
    /// opened.
    pub(crate) fn map(name: impl Into<String>, from: u64, error: &folio::Error) -> Failure {
        match error.kind() {
            folio::ErrorKind::Truncated { len, .. } => Self::truncated(name, from, len),
            _ => Self::of(name, What::Failed("read", error.reason().to_string().into())),
        }
    }

    /// `cannot WHAT: WHY`, where the command knows why in its own words.
    pub(crate) fn failed(
        name: impl Into<String>,
        what: &'static str,
        why: impl Into<Cow<'static, str>>,
    ) -> Failure {
        Self::of(name, What::Failed(what, why.into()))
    }

    /// The file shrank while it was being read.
    pub(crate) fn truncated(name: impl Into<String>, from: u64, to: u64) -> Failure {
        Self::of(name, What::Truncated { from, to })
    }

    /// The range asked for begins after the end.
    pub(crate) fn past_end(name: impl Into<String>, offset: u64, len: u64) -> Failure {
        Self::of(name, What::PastEnd { offset, len })
    }

    /// Not for this command.
    pub(crate) fn refused(name: impl Into<String>, why: &'static str) -> Failure {
        Self::of(name, What::Refused(why))
    }
}

impl fmt::Display for InputFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        match &self.what {
            What::Failed(what, why) => write!(f, "cannot {what}: {why}"),
            What::Truncated { from, to } => {
                write!(f, "truncated from {from} to {to} while being read")
            }
            What::PastEnd { offset, len } => {
                write!(f, "offset {offset} lies past the end at {len}")
            }
            What::Refused(why) => f.write_str(why),
        }
    }
}

/// What the kernel says, without the number that Rust adds to it.
pub(crate) fn why(error: &io::Error) -> String {
    without_number(error.to_string(), error.raw_os_error())
}

/// The mapping library's reason, likewise.
pub(crate) fn reason(error: &folio::Error) -> String {
    without_number(error.reason().to_string(), error.raw_os_error())
}

fn without_number(mut text: String, number: Option<i32>) -> String {
    if let (Some(_), Some(end)) = (number, text.rfind(" (os error")) {
        text.truncate(end);
    }
    text
}

/// Tells failures on stderr, and remembers that there were some.
#[derive(Debug)]
pub(crate) struct Complaints {
    label: Style,
    any: bool,
    /// What was not told but kept, for whoever shows it otherwise.
    kept: Option<Vec<String>>,
}

impl Complaints {
    /// In colour if stderr wants it.
    pub(crate) fn new(colour: bool) -> Self {
        let label = if colour { AnsiColor::Red.on_default().bold() } else { Style::new() };
        Self { label, any: false, kept: None }
    }

    /// Tell nothing: [`texts`](Self::texts) has it all. For while stderr shows something else.
    pub(crate) fn kept() -> Self {
        Self { label: Style::new(), any: false, kept: Some(Vec::new()) }
    }

    /// What was kept.
    pub(crate) fn texts(self) -> Vec<String> {
        self.kept.unwrap_or_default()
    }

    /// One line on stderr.
    pub(crate) fn tell(&mut self, failure: &dyn fmt::Display) {
        self.any = true;
        if let Some(kept) = &mut self.kept {
            kept.push(failure.to_string());
            return;
        }
        let label = self.label;
        // With stderr gone there is nobody left to tell.
        let _ = writeln!(io::stderr().lock(), "{label}folio:{label:#} {failure}");
    }

    /// Tell a failed input and go on, or hand the output's error back.
    pub(crate) fn sort(&mut self, result: Result<(), Failure>) -> io::Result<()> {
        match result {
            Ok(()) => Ok(()),
            Err(Failure::Input(input)) => {
                self.tell(&input);
                Ok(())
            }
            Err(Failure::Output(error)) => Err(error),
        }
    }

    /// The output itself says what is not as it should be.
    pub(crate) fn note(&mut self) {
        self.any = true;
    }

    /// Whether anything was told or noted.
    pub(crate) fn any(&self) -> bool {
        self.any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(failure: Failure) -> String {
        match failure {
            Failure::Input(input) => input.to_string(),
            Failure::Output(error) => panic!("{error}"),
        }
    }

    #[test]
    fn messages_name_the_file_then_what_then_why() {
        let missing = io::Error::from_raw_os_error(2);
        assert_eq!(
            text(InputFailure::os("a", "open", &missing)),
            "a: cannot open: No such file or directory"
        );
        assert_eq!(
            text(InputFailure::truncated("a", 10, 3)),
            "a: truncated from 10 to 3 while being read"
        );
        assert_eq!(text(InputFailure::past_end("a", 10, 3)), "a: offset 10 lies past the end at 3");
    }

    #[test]
    fn only_the_kernels_number_is_cut_off() {
        assert_eq!(why(&io::Error::from_raw_os_error(28)), "No space left on device");
        assert_eq!(why(&io::Error::other("odd (os error 5)")), "odd (os error 5)");
    }
}
