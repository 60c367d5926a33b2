//! `folio pages --watch`: the page cache of files as it changes, on a screen with keys, or as a stream of JSON.
//!
//! What is shown is a [`model`]: events and the time go in ([`event`]), the [`view`] draws it, and [`update`] is what the keys do. All
//! of that is pure, and its tests have no terminal. Around it are threads, so that nothing that takes long keeps a key
//! waiting: [`look`] asks about the rows on the screen, [`sweep`] goes by all files, [`steer`] warms, evicts and syncs, one
//! waits for keys and one for signals. This file has them talk to each other; [`terminal`] is what the screen is on.
//!
//! [`stream`] is for programs.

mod event;
mod files;
mod layout;
mod look;
mod model;
mod order;
mod pace;
mod rates;
mod row;
mod steer;
mod stream;
mod sweep;
mod terminal;
#[cfg(test)]
mod tests;
mod update;
mod view;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use clap::CommandFactory as _;
use clap::error::ErrorKind;
use ratatui::crossterm::event::{self as terminal_event, Event as Typed, KeyEventKind};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::select::Selection;
use crate::failure::{Complaints, why};
use crate::flags::{Colour, Flags};

use event::{Effect, Event, Order, Signal, Size, Status, Tone, Wanted};
use look::Nameless;
use model::Model;
use pace::Pace;
use terminal::Screen;
use view::Palette;

pub(super) use self::stream::run as stream;
pub(crate) use pace::Interval;

/// How long a frame waits for more of what the sweep comes by.
const FRAME: Duration = Duration::from_millis(100);

/// So many events wait at most: the sweep is not to be far ahead of a list that takes long to be put in order.
const WAITING: usize = 16;

/// Show the screen until it is quit.
pub(super) fn run(
    selection: Selection,
    interval: Interval,
    colour: Colour,
    complaints: &mut Complaints,
) {
    refuse_without_terminal();
    let palette = if colour.wanted(&io::stdout()) { Palette::coloured() } else { Palette::plain() };
    let end = show(selection, interval, palette).and_then(|end| match end {
        End::Quit => Ok(()),
        // The shell is to see that it ended by the signal.
        End::Signal(signal) => emulate_default_handler(signal),
        End::Broken(text) => {
            complaints.tell(&text);
            Ok(())
        }
    });
    if let Err(error) = end {
        complaints.tell(&format!("the terminal: cannot show the screen: {}", why(&error)));
    }
}

/// Take the terminal, start the threads, and give it back at the end.
fn show(selection: Selection, interval: Interval, palette: Palette) -> io::Result<End> {
    let pids = selection.pids().to_vec();
    let mut screen = Screen::take()?;
    let (columns, rows) = ratatui::crossterm::terminal::size()?;
    let model =
        Model::new(Size { columns, rows }, Pace::new(interval), selection.words(), pids.clone());
    let (tell, told) = mpsc::sync_channel(WAITING);
    let crew = Crew::start(selection, model.pace, pids, &tell)?;
    Show { model, palette, start: Instant::now(), crew }.until_the_end(&mut screen, &told)
}

/// A screen needs a terminal: say so as for any other wrong usage.
fn refuse_without_terminal() {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let text = if !io::stdout().is_terminal() {
        "--watch shows a screen, and standard output is no terminal; with --json it prints what changes instead"
    } else if is_dumb {
        "--watch shows a screen, which this terminal cannot (TERM is dumb or not set); with --json it prints what changes instead"
    } else {
        return;
    };
    Flags::command().error(ErrorKind::ArgumentConflict, text).exit();
}

/// Why the screen ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Quit,
    Signal(i32),
    /// Something that it cannot do without is gone; what to say of it.
    Broken(String),
}

/// The threads, and what each listens to. They end with the process.
#[derive(Debug)]
struct Crew {
    look: Sender<Wanted>,
    steer: Sender<Order>,
    pace: Sender<Pace>,
    stop: Arc<AtomicBool>,
}

impl Crew {
    fn start(
        selection: Selection,
        pace: Pace,
        pids: Vec<i32>,
        tell: &SyncSender<Event>,
    ) -> io::Result<Self> {
        let (look, wanted) = mpsc::channel();
        let (steer, orders) = mpsc::channel();
        let (pace_to, paces) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let nameless = Nameless::default();

        let named = nameless.clone();
        start(tell, move |tell| look::answer(&wanted, tell, &named, &pids))?;
        let (named, halt) = (nameless.clone(), Arc::clone(&stop));
        start(tell, move |tell| steer::carry_out(&orders, tell, &halt, &named))?;
        start(tell, move |tell| sweep::sweep(&selection, &nameless, pace, &paces, tell))?;
        start(tell, type_keys)?;
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGTSTP, SIGCONT])?;
        start(tell, move |tell| {
            for signal in signals.forever() {
                let signal = match signal {
                    SIGTSTP => Signal::Stop,
                    SIGCONT => Signal::Continue,
                    other => Signal::End(other),
                };
                // With nobody to tell, the process is ending anyway.
                let _ = tell.send(Event::Signal(signal));
            }
        })?;
        Ok(Self { look, steer, pace: pace_to, stop })
    }
}

/// Start a thread. If it panics, the screen must not go on without it.
fn start(
    tell: &SyncSender<Event>,
    run: impl FnOnce(&SyncSender<Event>) + Send + 'static,
) -> io::Result<()> {
    struct Alarm(SyncSender<Event>);
    impl Drop for Alarm {
        fn drop(&mut self) {
            if thread::panicking() {
                // With nobody to tell, the process is ending anyway.
                let _ = self.0.send(Event::Broken(
                    "the screen ended because a part of folio failed".to_owned(),
                ));
            }
        }
    }
    let alarm = Alarm(tell.clone());
    thread::Builder::new().spawn(move || run(&alarm.0))?;
    Ok(())
}

/// There is a thread for the signals that never ends, so this does not come to pass.
fn nobody() -> io::Error {
    io::Error::other("the threads of folio have ended")
}

/// What is typed, and how large the terminal is, until it is gone.
fn type_keys(tell: &SyncSender<Event>) {
    loop {
        let event = match terminal_event::read() {
            Ok(Typed::Key(key)) if key.kind != KeyEventKind::Release => Event::Key(key),
            Ok(Typed::Resize(columns, rows)) => Event::Resized(Size { columns, rows }),
            Ok(_) => continue,
            Err(error) => Event::Broken(format!("the terminal: cannot read keys: {}", why(&error))),
        };
        let is_over = matches!(event, Event::Broken(_));
        if tell.send(event).is_err() || is_over {
            return;
        }
    }
}

/// The screen at work.
struct Show {
    model: Model,
    palette: Palette,
    start: Instant,
    crew: Crew,
}

impl Show {
    /// Draw, wait for something to happen, take in all that has happened; over and over.
    fn until_the_end(mut self, screen: &mut Screen, told: &Receiver<Event>) -> io::Result<End> {
        let mut ticked = self.start;
        let mut next = Event::Tick;
        loop {
            let drawn = Instant::now();
            // What the sweep comes by can wait for the next frame, keys and ticks cannot.
            let mut frame = FRAME;
            loop {
                if !matches!(next, Event::Swept(_)) {
                    frame = Duration::ZERO;
                }
                if let Some(end) = self.happen(next, screen)? {
                    return Ok(end);
                }
                match told.recv_timeout(frame.saturating_sub(drawn.elapsed())) {
                    Ok(event) => next = event,
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return Err(nobody()),
                }
            }
            self.model.settle();
            screen.draw(|frame| view::draw(&self.model, &self.palette, frame))?;
            next = self.wait(told, &mut ticked)?;
        }
    }

    /// The next event: a tick if it is time for one.
    fn wait(&self, told: &Receiver<Event>, ticked: &mut Instant) -> io::Result<Event> {
        if self.model.pace.is_paused() {
            return told.recv().map_err(|_| nobody());
        }
        let due = *ticked + self.model.pace.interval();
        match told.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(event) => Ok(event),
            Err(RecvTimeoutError::Timeout) => {
                *ticked = Instant::now();
                Ok(Event::Tick)
            }
            Err(RecvTimeoutError::Disconnected) => Err(nobody()),
        }
    }

    /// Take an event in, and do what the model wants done. The end, if that is it.
    fn happen(&mut self, event: Event, screen: &mut Screen) -> io::Result<Option<End>> {
        let pace = self.model.pace;
        let effects = self.model.update(self.start.elapsed(), event);
        if self.model.pace != pace {
            // If the thread is gone, it has told so.
            let _ = self.crew.pace.send(self.model.pace);
        }
        for effect in effects {
            match effect {
                Effect::Look(wanted) => drop(self.crew.look.send(wanted)),
                Effect::Steer(order) => {
                    self.crew.stop.store(false, Ordering::Relaxed);
                    drop(self.crew.steer.send(order));
                }
                Effect::StopSteering => self.crew.stop.store(true, Ordering::Relaxed),
                Effect::Redraw => screen.redraw()?,
                Effect::Retake => screen.retake()?,
                Effect::Suspend if terminal::has_shell() => {
                    terminal::give_back();
                    emulate_default_handler(SIGTSTP)?;
                }
                Effect::Suspend => {
                    let text = "there is no shell that would continue it".to_owned();
                    self.model.status = Some(Status { tone: Tone::Bad, text });
                }
                Effect::Quit => return Ok(Some(End::Quit)),
                Effect::EndBy(signal) => return Ok(Some(End::Signal(signal))),
                Effect::Fail(why) => return Ok(Some(End::Broken(why))),
            }
        }
        Ok(None)
    }
}
