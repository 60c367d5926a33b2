//! A line on stderr that names the experiment that is running, if it takes a while and somebody may be watching.

use std::io::{self, IsTerminal as _, Write as _};

/// The line.
#[derive(Debug)]
pub(crate) struct Line {
    shown: Shown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// stderr is not a terminal.
    Never,
    No,
    Yes,
}

impl Line {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self { shown: if io::stderr().is_terminal() { Shown::No } else { Shown::Never } }
    }

    /// Put `text` there.
    pub(crate) fn draw(&mut self, text: &str) {
        if self.shown != Shown::Never {
            let _ = write!(io::stderr().lock(), "\r\x1b[Kfolio: {text}");
            self.shown = Shown::Yes;
        }
    }

    /// Take it away, before something else is written to the terminal.
    pub(crate) fn erase(&mut self) {
        if self.shown == Shown::Yes {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
            self.shown = Shown::No;
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.erase();
    }
}
