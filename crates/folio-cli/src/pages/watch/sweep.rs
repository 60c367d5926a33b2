//! Goes by all files again and again, on a thread of its own: totals and order need them all, and files come and go.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use crate::failure::{Complaints, Failure};
use crate::pages::select::{Chosen, Selection, leads_to};
use crate::progress::{Progress, Show};

use super::event::{Event, Seen};
use super::look::{Nameless, sight};
use super::pace::Pace;

/// What was seen is told this often.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// Or when there is so much of it.
const AT_ONCE: usize = 4096;
/// After a sweep it rests this many times as long as that took, so that it takes a fifth of a processor at most.
const REST: u32 = 4;

/// Sweep until nobody wants to know. `paces` tells how often.
pub(super) fn sweep(
    selection: &Selection,
    nameless: &Nameless,
    mut pace: Pace,
    paces: &Receiver<Pace>,
    tell: &SyncSender<Event>,
) {
    loop {
        let start = Instant::now();
        let mut batch = Batch { seen: Vec::new(), since: start, tell };
        let swept = once(selection, nameless, |seen| {
            batch.add(seen);
            Ok(())
        });
        batch.tell();
        let complaints = swept.unwrap_or_default();
        if tell.send(Event::SweepEnded { complaints }).is_err() {
            return;
        }
        let took = start.elapsed();
        loop {
            let rest = pace.interval().max(took * REST).saturating_sub(start.elapsed());
            let told = if pace.is_paused() {
                paces.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                paces.recv_timeout(rest)
            };
            match told {
                Ok(newer) => pace = newer,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// Go by each file once, have `see` see it, and give what could not be looked at.
///
/// # Errors
/// The first of `see`, which ends it.
pub(super) fn once(
    selection: &Selection,
    nameless: &Nameless,
    mut see: impl FnMut(Seen) -> io::Result<()> + Send,
) -> io::Result<Vec<String>> {
    let mut complaints = Complaints::kept();
    let mut without_name = HashMap::new();
    let visitor = |chosen: Chosen<'_>| {
        let path: Arc<Path> = chosen.name.to_path().into();
        let sight = sight(&chosen);
        if selection.is_of_processes() && !leads_to(&path, &chosen.stat) {
            without_name.insert(Arc::clone(&path), Arc::new(chosen.file));
        }
        see(Seen { path, sight }).map_err(Failure::Output)
    };
    drop(selection.visit(vec![visitor], &mut complaints, &Progress::new(Show::No))?);
    nameless.replace(without_name);
    Ok(complaints.texts())
}

/// What was seen and not told yet.
struct Batch<'a> {
    seen: Vec<Seen>,
    since: Instant,
    tell: &'a SyncSender<Event>,
}

impl Batch<'_> {
    fn add(&mut self, seen: Seen) {
        self.seen.push(seen);
        if self.seen.len() >= AT_ONCE || self.since.elapsed() >= TELL_EVERY {
            self.tell();
        }
    }

    fn tell(&mut self) {
        // With nobody to tell, the sweep's end finds that out.
        let _ = self.tell.send(Event::Swept(std::mem::take(&mut self.seen)));
        self.since = Instant::now();
    }
}
