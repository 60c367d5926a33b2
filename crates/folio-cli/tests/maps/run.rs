//! Running the command and reading its lines.

use std::process::{Command, Stdio};

use serde_json::Value;

/// What `folio maps` did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// `folio maps` with these arguments.
pub(crate) fn maps(args: &[&str]) -> Ran {
    of(command().args(args))
}

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_folio"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.arg("maps").stdin(Stdio::null());
    command
}

pub(crate) fn of(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

impl Ran {
    /// The output of a command that must have succeeded in silence.
    #[track_caller]
    pub(crate) fn text(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""));
        self.out
    }

    /// The message of a command that must have exited with 1 and printed nothing.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{}", self.err);
        self.err
    }
}

/// The objects that `folio maps --json` prints with these arguments.
#[track_caller]
pub(crate) fn json(args: &[&str]) -> Vec<Value> {
    let args: Vec<_> = ["--json"].iter().chain(args).copied().collect();
    let text = maps(&args).text();
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
}

/// Those of a kind.
pub(crate) fn what<'a>(objects: &'a [Value], what: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["what"] == what).collect()
}

#[track_caller]
pub(crate) fn number(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or_else(|| panic!("no number {key} in {object}"))
}

/// The sum of a figure.
#[track_caller]
pub(crate) fn sum(objects: &[&Value], key: &str) -> u64 {
    objects.iter().map(|object| number(object, key)).sum()
}
