//! Looks at the files that are on the screen, on a thread of its own: a device that does not answer must not keep keys waiting.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};

use folio::{ErrorKind, FilePages};
use procfs::FromRead as _;
use procfs::process::Stat as ProcessStat;
use rustix::fs::{CWD, FileType, OFlags, SeekFrom, Stat};
use rustix::io::Errno;

use crate::failure::reason;
use crate::pages::select::{Chosen, Name, open_at};
use crate::pages::survey::Survey;

use super::event::{
    Cell, Event, Figures, FileMap, Ground, Identity, Occasion, Seen, Sight, Wanted,
};
use super::rates::{Counters, Faults};

/// Files of a process that cannot be opened by the name that they are shown with, because they have none any more or it
/// is another's.
#[derive(Clone, Debug, Default)]
pub(super) struct Nameless(Arc<Mutex<HashMap<Arc<Path>, Arc<File>>>>);

impl Nameless {
    /// These and no others.
    pub(super) fn replace(&self, files: HashMap<Arc<Path>, Arc<File>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = files;
    }

    fn get(&self, path: &Path) -> Option<Arc<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).map(Arc::clone)
    }
}

/// An open file.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) stat: Stat,
}

/// Why a file could not be opened.
#[derive(Debug)]
pub(super) enum NotOpened {
    Gone,
    Failed(String),
}

impl Opened {
    /// The file that is shown as `path`.
    pub(super) fn of(path: &Path, nameless: &Nameless) -> Result<Self, NotOpened> {
        let failed = |errno: Errno| match errno {
            Errno::NOENT | Errno::NOTDIR => NotOpened::Gone,
            other => {
                let why = crate::failure::why(&io::Error::from(other));
                NotOpened::Failed(format!("cannot open it: {why}"))
            }
        };
        if let Some(file) = nameless.get(path) {
            let file = file.try_clone().map_err(|error| NotOpened::Failed(error.to_string()))?;
            let stat = rustix::fs::fstat(&file).map_err(failed)?;
            return Ok(Self { file, stat });
        }
        // Before it is opened: opening a FIFO or a tape does something to it.
        let stat = rustix::fs::stat(path).map_err(failed)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile | FileType::BlockDevice => {}
            _ => return Err(NotOpened::Failed("it is no regular file any more".to_owned())),
        }
        let (file, stat) = open_at(CWD, path, OFlags::empty()).map_err(failed)?;
        Ok(Self { file, stat })
    }
}

/// Answer requests until there is nobody to answer. Of those that wait only the newest matters.
pub(super) fn answer(
    requests: &Receiver<Wanted>,
    answers: &SyncSender<Event>,
    nameless: &Nameless,
    pids: &[i32],
) {
    while let Ok(mut wanted) = requests.recv() {
        let mut occasion = wanted.occasion;
        while let Ok(newer) = requests.try_recv() {
            wanted = newer;
            if wanted.occasion == Occasion::Tick {
                occasion = Occasion::Tick;
            }
        }
        let seen = wanted.files.iter().map(|path| look(path, nameless)).collect();
        let mut events = vec![Event::Looked { seen, occasion }];
        if let Some((path, cells)) = wanted.map {
            events.push(Event::Mapped(map(path, cells, nameless)));
        }
        if occasion == Occasion::Tick {
            events.push(counted(pids));
        }
        for event in events {
            if answers.send(event).is_err() {
                return;
            }
        }
    }
}

/// What the machine and the processes did.
pub(super) fn counted(pids: &[i32]) -> Event {
    // A kernel without it has no counters, which is what no text says.
    let vmstat = fs::read_to_string("/proc/vmstat").unwrap_or_default();
    let faults = |pid| ProcessStat::from_file(format!("/proc/{pid}/stat")).ok().map(Faults::from);
    let processes = pids.iter().map(|pid| (*pid, faults(pid))).collect();
    Event::Counted { machine: Counters::parse(&vmstat), processes }
}

/// Look at one file.
pub(super) fn look(path: &Arc<Path>, nameless: &Nameless) -> Seen {
    let sight = match Opened::of(path, nameless) {
        Ok(Opened { file, stat }) => sight(&Chosen { name: Name::of(path), file, stat }),
        Err(NotOpened::Gone) => Sight::Gone,
        Err(NotOpened::Failed(why)) => Sight::Failed(why),
    };
    Seen { path: Arc::clone(path), sight }
}

/// What is seen of an open file.
pub(super) fn sight(chosen: &Chosen<'_>) -> Sight {
    match Survey::of(chosen) {
        Ok(survey) => Sight::Here {
            identity: Identity { dev: survey.dev, ino: survey.ino },
            figures: Figures::new(survey.len, survey.cached, survey.states),
        },
        Err(error) => Sight::Failed(reason(&error)),
    }
}

/// The pages of a file in at most so many cells.
pub(super) fn map(path: Arc<Path>, most: usize, nameless: &Nameless) -> FileMap {
    let mut map = FileMap { path, len: 0, per_cell: 0, cells: Vec::new(), why_not: None };
    let drawn = match Opened::of(&map.path, nameless) {
        Ok(Opened { file, .. }) => draw(&mut map, &file, most),
        // The row of the file says so.
        Err(_) => return map,
    };
    match drawn {
        Ok(()) => {}
        // Why that is so is among the figures.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
        Err(error) => map.why_not = Some(reason(&error)),
    }
    map
}

fn draw(map: &mut FileMap, file: &File, most: usize) -> folio::Result<()> {
    let pages = FilePages::of(file)?;
    let page = pages.page_size().bytes() as u64;
    map.len = pages.len();
    let all = pages.len().div_ceil(page);
    map.per_cell = all.div_ceil(most.max(1) as u64).max(1).saturating_mul(page);
    let may_have_holes = pages.allocated() < pages.len();
    let mut data = 0..0;
    let mut start = 0;
    while start < map.len {
        let end = start.saturating_add(map.per_cell).min(map.len);
        let counts = pages.counts(start..end)?;
        let states = counts.states.unwrap_or_default();
        let is_hole =
            may_have_holes && counts.cached == 0 && !has_data(file, start, end, &mut data);
        map.cells.push(Cell {
            pages: counts.pages,
            cached: counts.cached,
            dirty: states.dirty,
            writeback: states.writeback,
            ground: if is_hole { Ground::Hole } else { Ground::Data },
        });
        start = end;
    }
    Ok(())
}

/// Whether the file system has a block for any byte of the range. `known` is what the last question told: from where to where
/// there is nothing but the byte at its end. The offset of the file is moved, which is its own.
fn has_data(file: &File, start: u64, end: u64, known: &mut std::ops::Range<u64>) -> bool {
    if known.start <= start && end <= known.end {
        return false;
    }
    match rustix::fs::seek(file, SeekFrom::Data(start)) {
        Ok(data) => {
            *known = start..data;
            data < end
        }
        Err(Errno::NXIO) => {
            *known = start..u64::MAX;
            false
        }
        // A file system that does not tell has no holes, as far as anybody knows.
        Err(_) => true,
    }
}
