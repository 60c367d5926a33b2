//! A line on stderr that says how far a long work is; only where a person may be watching.
//!
//! It appears after a second, and it is gone when the work ends. It is shown only if stderr is a terminal and standard
//! output is not a pipe: the program behind a pipe, a pager for instance, may be drawing on the same terminal. Where
//! both are the same terminal, whoever writes to it does so inside [`Progress::aside`].

use std::io::{self, IsTerminal, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::stdout::Sink;
use crate::units::human;

/// Nothing is shown before this.
const PATIENCE: Duration = Duration::from_secs(1);
/// Then the line is drawn this often.
const TICK: Duration = Duration::from_millis(200);

/// Whether a line may be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    Yes,
    No,
}

impl Show {
    /// For output that comes in rows, now and then: whether there is somebody to show it to.
    pub(crate) fn between_rows(sink: Sink) -> Self {
        let is_ours = matches!(sink, Sink::File | Sink::Other);
        if is_ours && io::stderr().is_terminal() { Self::Yes } else { Self::No }
    }

    /// For output that comes all the time: the same, unless they are looking at the output itself.
    pub(crate) fn beside(sink: Sink) -> Self {
        if io::stdout().is_terminal() { Self::No } else { Self::between_rows(sink) }
    }
}

/// Counts the bytes that are done, from any thread, and draws the line. It is taken away when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    shared: Arc<Shared>,
    drawer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    done: AtomicU64,
    total: AtomicU64,
    line: Mutex<Line>,
    ended: Condvar,
}

/// What is on the terminal. Whoever holds its lock is the only one to write there.
#[derive(Debug, Default)]
struct Line {
    drawn: bool,
    over: bool,
}

impl Line {
    fn erase(&mut self) {
        if self.drawn {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
            self.drawn = false;
        }
    }
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    pub(crate) fn new(show: Show) -> Self {
        let shared = Arc::new(Shared {
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            line: Mutex::default(),
            ended: Condvar::new(),
        });
        let drawer = match show {
            Show::Yes => {
                let shared = Arc::clone(&shared);
                // Without a thread to spare there is no line; the work is what counts.
                thread::Builder::new().spawn(move || draw_until_over(&shared)).ok()
            }
            Show::No => None,
        };
        Self { shared, drawer }
    }

    /// So many bytes more are to be done.
    pub(crate) fn expect(&self, bytes: u64) {
        self.shared.total.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Write to the terminal, without the line in the way.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        let mut line = self.shared.line();
        line.erase();
        write()
    }

    /// So many bytes are done.
    pub(crate) fn add(&self, bytes: u64) {
        self.shared.done.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let Some(drawer) = self.drawer.take() else { return };
        self.shared.line().over = true;
        self.shared.ended.notify_all();
        // It ends by itself; if it panicked, the line is all that is lost.
        let _ = drawer.join();
    }
}

fn draw_until_over(shared: &Shared) {
    let start = Instant::now();
    let mut pause = PATIENCE;
    let mut line = shared.line();
    while !line.over {
        let (guard, wait) =
            shared.ended.wait_timeout(line, pause).unwrap_or_else(PoisonError::into_inner);
        line = guard;
        if wait.timed_out() && !line.over {
            let done = shared.done.load(Ordering::Relaxed);
            let text = text(done, shared.total.load(Ordering::Relaxed), start.elapsed());
            let _ = write!(io::stderr().lock(), "\r\x1b[K{text}");
            line.drawn = true;
            pause = TICK;
        }
    }
    line.erase();
}

/// `folio: 41 %, 1.9 GiB of 4.6 GiB, 2.0 GiB/s`
fn text(done: u64, total: u64, elapsed: Duration) -> String {
    let speed = u128::from(done) * 1000 / elapsed.as_millis().max(1);
    let speed = human(u64::try_from(speed).unwrap_or(u64::MAX));
    match u128::from(done) * 100 / u128::from(total.max(1)) {
        percent if total > 0 && percent <= 100 => {
            format!("folio: {percent} %, {} of {}, {speed}/s", human(done), human(total))
        }
        _ => format!("folio: {}, {speed}/s", human(done)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_much_is_done_and_how_fast() {
        let second = Duration::from_secs(2);
        assert_eq!(text(1 << 30, 4 << 30, second), "folio: 25 %, 1.0 GiB of 4.0 GiB, 512.0 MiB/s");
        assert_eq!(text(2048, 0, second), "folio: 2.0 KiB, 1.0 KiB/s");
        // A file that grew beyond what was expected has no percentage.
        assert_eq!(text(2048, 1024, second), "folio: 2.0 KiB, 1.0 KiB/s");
    }
}
