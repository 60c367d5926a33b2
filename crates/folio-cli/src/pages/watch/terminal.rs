//! The terminal: taken when the screen begins, and given back as it was however the screen ends.
//!
//! By quitting, by an error, by a panic of any thread, and by the signals that end or stop a process: those are taken
//! by a thread of their own, and what they would have done is done after the terminal was given back. SIGKILL leaves no chance.

use std::io::{self, Stdout, stdout};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};

use procfs::ProcResult;
use procfs::process::Process;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};

/// Whether the terminal is ours just now. It is one for the whole process, and a panic finds no other way to it.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Take the terminal.
    pub(super) fn take() -> io::Result<Self> {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
        enter()?;
        let terminal =
            Terminal::new(CrosstermBackend::new(stdout())).inspect_err(|_| give_back())?;
        Ok(Self { terminal })
    }

    /// Draw a frame, unless the terminal is somebody else's: a thread panicked and the event that says so is on its way, or a
    /// shell has just continued this process.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        if TAKEN.load(Ordering::SeqCst) {
            self.terminal.draw(draw)?;
        }
        Ok(())
    }

    /// Take it anew: whoever had it meanwhile left it in any state.
    pub(super) fn retake(&mut self) -> io::Result<()> {
        give_back();
        enter()?;
        self.redraw()
    }

    /// Draw all of it in the next frame, whatever the terminal shows now.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        // `Terminal::clear` would ask the terminal where its cursor is, and the thread that waits for keys would take the answer.
        execute!(stdout(), Clear(ClearType::All))?;
        self.terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn enter() -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    enable_raw_mode()
        .and_then(|()| execute!(stdout(), EnterAlternateScreen))
        .inspect_err(|_| give_back())
}

/// Give the terminal back, if it is ours.
pub(super) fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // If it is gone there is nothing to restore.
        let _ = execute!(stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// Whether a shell would continue this process if it stopped: some process of its session, in another process group, started
/// it. A stopped process without one sleeps for ever (setpgid(2), on orphaned process groups).
///
/// A terminal controls one session alone, so whoever has the same one is of it. getsid(2) would not tell: it is 0 for each
/// session whose leader is outside of the PID namespace, as in containers.
pub(super) fn has_shell() -> bool {
    let started_by_shell = || -> ProcResult<bool> {
        let own = Process::myself()?.stat()?;
        let parent = Process::new(own.ppid)?.stat()?;
        Ok(own.tty_nr != 0 && own.tty_nr == parent.tty_nr && own.pgrp != parent.pgrp)
    };
    started_by_shell().unwrap_or(false)
}
