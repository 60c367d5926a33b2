//! Does what was ordered to the pages of files, on a thread of its own, and says what came of it.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use folio::FilePages;
use rustix::fs::Stat;

use crate::failure::reason;
use crate::name::quoted;
use crate::pages::steer::because::Because;
use crate::pages::steer::mappers::Mappers;
use crate::pages::steer::memory::{Memory, Short};
use crate::units::human;

use super::event::{Event, Order, Status, Tone, Verb};
use super::look::{Nameless, NotOpened, Opened};
use super::rates::per_second;

/// How far it is, is said this often.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Carry out orders until there are no more. `stop` ends the one at hand early.
pub(super) fn carry_out(
    orders: &Receiver<Order>,
    tell: &SyncSender<Event>,
    stop: &AtomicBool,
    nameless: &Nameless,
) {
    while let Ok(order) = orders.recv() {
        let mut work = Work::new(&order, tell, stop);
        for path in &order.files {
            if work.is_over() {
                break;
            }
            if let Err(why) = work.on(path, nameless) {
                work.failures.push(format!("{}: {why}", quoted(path)));
            }
            work.files += 1;
        }
        if tell.send(Event::Worked(work.status())).is_err() {
            return;
        }
    }
}

/// An order being carried out.
struct Work<'a> {
    order: &'a Order,
    tell: &'a SyncSender<Event>,
    stop: &'a AtomicBool,
    start: Instant,
    told: Instant,
    /// Files that are done, in any way.
    files: usize,
    /// Bytes that were read in, that went, or that were written.
    done: u64,
    /// Bytes that an eviction left.
    stayed: u64,
    /// Of the first file that kept some, why.
    because: Option<String>,
    mappers: Option<Mappers>,
    memory: Memory,
    /// Why nothing more is read in.
    short: Option<Short>,
    /// Of so many files the kernel does not tell what went.
    untold: usize,
    failures: Vec<String>,
}

impl<'a> Work<'a> {
    fn new(order: &'a Order, tell: &'a SyncSender<Event>, stop: &'a AtomicBool) -> Self {
        let start = Instant::now();
        Self {
            order,
            tell,
            stop,
            start,
            told: start,
            files: 0,
            done: 0,
            stayed: 0,
            because: None,
            mappers: None,
            memory: Memory::new(),
            short: None,
            untold: 0,
            failures: Vec::new(),
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether no further file is to be looked at.
    fn is_over(&self) -> bool {
        self.is_stopped() || self.short.is_some()
    }

    /// Do it to one file.
    fn on(&mut self, path: &Path, nameless: &Nameless) -> Result<(), String> {
        let Opened { file, stat } = Opened::of(path, nameless).map_err(|not| match not {
            NotOpened::Gone => "there is no such file any more".to_owned(),
            NotOpened::Failed(why) => why,
        })?;
        let failed = |error: folio::Error| reason(&error);
        let pages = FilePages::of(&file).map_err(failed)?;
        match self.order.verb {
            Verb::Warm => {
                for window in pages.warm(..).map_err(failed)? {
                    let window = window.map_err(failed)?;
                    self.done += window.end - window.start;
                    if let Err(short) = self.memory.note(&file, &window) {
                        self.short = Some(short);
                        break;
                    }
                    self.tell_now_and_then(path);
                    if self.is_stopped() {
                        break;
                    }
                }
            }
            Verb::Evict => {
                self.tell_now_and_then(path);
                self.evict(&file, &stat, &pages).map_err(failed)?;
            }
            Verb::Sync => {
                self.tell_now_and_then(path);
                self.sync(&pages).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn evict(&mut self, file: &File, stat: &Stat, pages: &FilePages<'_>) -> folio::Result<()> {
        let page = pages.page_size().bytes() as u64;
        let evicted = pages.evict(..)?;
        let (Some(before), Some(after)) = (evicted.before, evicted.after) else {
            self.untold += 1;
            return Ok(());
        };
        self.done += before.cached.saturating_sub(after.cached) * page;
        self.stayed += after.cached * page;
        if after.cached > 0 && self.because.is_none() {
            let because = Because::of(file, stat, [before, after], &mut self.mappers);
            self.because = Some(because.in_words_with("s"));
        }
        Ok(())
    }

    fn sync(&mut self, pages: &FilePages<'_>) -> folio::Result<()> {
        let page = pages.page_size().bytes() as u64;
        // Not told means not counted; it is written all the same.
        let dirty = |pages: &FilePages<'_>| {
            let states = pages.counts(..).ok().and_then(|counts| counts.states);
            states.map(|states| states.dirty + states.writeback)
        };
        let before = dirty(pages);
        pages.sync()?;
        match (before, dirty(pages)) {
            (Some(before), Some(after)) => self.done += before.saturating_sub(after) * page,
            _ => self.untold += 1,
        }
        Ok(())
    }

    fn tell_now_and_then(&mut self, path: &Path) {
        if self.told.elapsed() < TELL_EVERY {
            return;
        }
        self.told = Instant::now();
        let speed = human(per_second(self.done, self.start.elapsed()));
        let doing = self.order.verb.doing();
        let (done, name) = (human(self.done), quoted(path));
        let which = match self.order.files.len() {
            1 => String::new(),
            many => format!("file {} of {many}, ", self.files + 1),
        };
        let text = format!("{doing}: {which}{done}, {speed}/s: {name}");
        // With nobody to tell, the end of the order finds that out.
        let _ = self.tell.send(Event::Working(text));
    }

    /// What came of it, in a sentence.
    fn status(&self) -> Status {
        let mut text = match self.order.verb {
            Verb::Warm if self.done == 0 => {
                format!("nothing of {} had to be read in", self.whole())
            }
            Verb::Warm => {
                let time = self.start.elapsed();
                let speed = human(per_second(self.done, time));
                format!("read in {} of {}, {speed}/s", human(self.done), self.whole())
            }
            Verb::Evict => {
                format!("evicted {} of {}", human(self.done), self.whole())
            }
            Verb::Sync => format!("wrote back {} of {}", human(self.done), self.whole()),
        };
        if let Some(because) = &self.because {
            let one = if self.order.files.len() > 1 { "of the first that kept some, " } else { "" };
            text += &format!("; {} stayed: {one}{because}", human(self.stayed));
        }
        if self.untold > 0 && self.order.verb != Verb::Warm {
            text += &format!("; of {} the kernel does not tell", files(self.untold));
        }
        if let Some(short) = &self.short {
            text += &format!("; {short}");
        }
        if self.is_over() {
            let left = self.order.files.len() - self.files;
            text += &format!("; ended early, with {} not looked at", files(left));
        }
        if let Some(first) = self.failures.first() {
            let more = match self.failures.len() {
                1 => String::new(),
                many => format!(" (and {} more)", many - 1),
            };
            text += &format!("; failed: {first}{more}");
        }
        let is_bad = !self.failures.is_empty() || self.short.is_some() || self.stayed > 0;
        Status { tone: if is_bad { Tone::Bad } else { Tone::Plain }, text }
    }

    /// What it was done to.
    fn whole(&self) -> String {
        match &self.order.files[..] {
            [one] => {
                let name = one.file_name().map_or(&**one, Path::new);
                quoted(name)
            }
            many => files(many.len()),
        }
    }
}

fn files(count: usize) -> String {
    match count {
        1 => "1 file".to_owned(),
        many => format!("{many} files"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;
    use std::sync::Arc;
    use std::sync::mpsc;

    /// Carry out one order and give what came of it.
    fn carried_out(verb: Verb, files: &[&Path]) -> Status {
        let (order_to, orders) = mpsc::channel();
        let (tell, told) = mpsc::sync_channel(100);
        let files = files.iter().map(|path| Arc::from(*path)).collect();
        order_to.send(Order { verb, files }).unwrap();
        drop(order_to);
        carry_out(&orders, &tell, &AtomicBool::new(false), &Nameless::default());
        drop(tell);
        let status = told.into_iter().find_map(|event| match event {
            Event::Worked(status) => Some(status),
            _ => None,
        });
        status.unwrap()
    }

    #[test]
    fn each_order_says_what_came_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("some file");
        fs::write(&path, vec![1; 1 << 20]).unwrap();
        File::open(&path).unwrap().sync_all().unwrap();
        let (other, missing) = (dir.path().join("other"), dir.path().join("missing"));
        fs::write(&other, "x").unwrap();

        let nothing = carried_out(Verb::Warm, &[&path]);
        assert_eq!(nothing.text, "nothing of some file had to be read in");
        let failed = carried_out(Verb::Warm, &[&path, &missing]);
        assert_eq!(failed.tone, Tone::Bad);
        assert!(failed.text.ends_with("missing: there is no such file any more"), "{failed:?}");

        let synced = carried_out(Verb::Sync, &[&path, &other]);
        assert!(synced.text.starts_with("wrote back "), "{synced:?}");
        let all = [" of 2 files", " of 2 files the kernel does not tell"];
        assert!(all.iter().any(|end| synced.text.ends_with(end)), "{synced:?}");

        // What somebody has mapped stays, and so does all of a tmpfs.
        let mapped = folio::Shared::open(&other).unwrap();
        mapped.read_at(0, &mut [0]).unwrap();
        let kept = carried_out(Verb::Evict, &[&other]);
        assert!(kept.text.starts_with("evicted 0 B of other; 4.0 KiB stayed: "), "{kept:?}");
        drop(mapped);
        let evicted = carried_out(Verb::Evict, &[&path]);
        let kept = FilePages::of(&File::open(&path).unwrap()).unwrap().counts(..).unwrap();
        match kept.cached {
            0 => assert_eq!(evicted.text, "evicted 1.0 MiB of some file"),
            kept => {
                assert_eq!(evicted.tone, Tone::Bad, "{kept}: {evicted:?}");
                assert!(evicted.text.contains("stayed"), "{kept}: {evicted:?}");
            }
        }
    }
}
