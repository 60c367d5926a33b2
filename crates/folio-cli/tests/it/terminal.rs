//! A pseudo terminal with a command in it: keys go in, and the screen is read as a person would see it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, Winsize};

/// Nothing takes longer on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal, what it shows, and the command that has it.
pub(crate) struct Terminal {
    master: File,
    /// Kept, so that the terminal stays when the command has ended.
    slave: OwnedFd,
    parser: vt100::Parser,
    child: Child,
}

impl Terminal {
    /// Run `command` in a session of its own with this as its controlling terminal; setsid(1) sees to that.
    pub(crate) fn run(columns: u16, rows: u16, command: &Command) -> Self {
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        rustix::pty::grantpt(&master).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(name, flags, Mode::empty()).unwrap();
        let end = || Stdio::from(slave.try_clone().unwrap());
        let mut session = Command::new("setsid");
        session.arg("--ctty").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => session.env(name, value),
                None => session.env_remove(name),
            };
        }
        session.env("TERM", "xterm-256color").env("PS1", "$ ").env_remove("ENV");
        let parser = vt100::Parser::new(lines(rows), lines(columns), 0);
        set_size(&slave, columns, rows);
        let child = session.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Self { master: File::from(master), slave, parser, child }
    }

    /// Type this.
    pub(crate) fn keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Make the terminal this large.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.parser.screen_mut().set_size(lines(rows), lines(columns));
        set_size(&self.slave, columns, rows);
    }

    /// What the screen shows.
    pub(crate) fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// Read until the screen is as it should be.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        let start = Instant::now();
        while !holds(self.parser.screen()) {
            assert!(
                start.elapsed() < PATIENCE,
                "waited until {what}; the screen shows\n{}",
                self.text()
            );
            self.read_some();
        }
    }

    /// Read until the screen shows this.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait_until(&format!("it shows {text:?}"), |screen| screen.contents().contains(text));
    }

    /// Wait for the command to end, reading what it still writes.
    #[track_caller]
    pub(crate) fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // What it wrote last.
                while self.read_some() {}
                return status;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "it did not end; the screen shows\n{}",
                self.text()
            );
            self.read_some();
        }
    }

    /// The process: setsid(1) became it.
    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Whether the terminal is as a shell wants it: lines are edited and echoed, and the main screen is shown.
    #[track_caller]
    pub(crate) fn assert_given_back(&self) {
        let modes = rustix::termios::tcgetattr(&self.slave).unwrap().local_modes;
        let cooked = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        assert!(modes.contains(cooked), "{modes:?}");
        assert!(!self.parser.screen().alternate_screen(), "{}", self.text());
        assert!(!self.parser.screen().hide_cursor());
    }

    /// Take in what is written within a moment; whether there was anything.
    fn read_some(&mut self) -> bool {
        let moment = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
        if rustix::event::poll(&mut fds, Some(&moment)).unwrap() == 0 {
            return false;
        }
        let mut bytes = [0; 65536];
        let len = self.master.read(&mut bytes).unwrap();
        self.parser.process(&bytes[..len]);
        true
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // After a failed assertion it may still run.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("a terminal has lines and columns")
}

fn set_size(terminal: &OwnedFd, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(terminal, size).unwrap();
}

/// What ended a process, if it was a signal.
pub(crate) fn signal_of(status: ExitStatus) -> Option<i32> {
    status.signal()
}
