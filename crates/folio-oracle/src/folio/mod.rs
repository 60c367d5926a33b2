//! folio as a system: programs run on it by processes of their own, against what it promises.

mod answer;
mod pipe;
mod promise;
mod right;
mod state;
mod ways;
mod worker;

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use folio_model::{
    self as model, Access, Content, Descriptor, FileKind, Op, Positions, Process, Protection,
    Repertoire,
};
use folio_model::{LockOwner, Sharing, Verb};
use rustix::fs::MemfdFlags;

pub use answer::{Answer, Reason};
pub use pipe::serve;

use crate::{Bench, Oracle, System};
use pipe::Child;
use state::{FileTimes, Promise};
use worker::{Place, Worker};

/// Where the processes of a program run.
///
/// ```
/// use folio_model::FileKind;
/// use folio_oracle::{Folio, Processes};
/// # let dir = tempfile::tempdir()?;
/// let absent = Processes::Apart(dir.path().join("folio-oracle"));
/// assert!(Folio::new(dir.path(), &[FileKind::Disk], absent).is_err()); // it cannot be started
/// assert!(Folio::new(dir.path(), &[FileKind::Disk], Processes::Here).is_ok());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Processes {
    /// Each in a process of its own, which is this program with the argument [`WORKER`]: its `main` calls [`serve`] then.
    Apart(PathBuf),
    /// All in this one, for fuzzers. What ends one ends the fuzzer, which is a finding too.
    Here,
}

/// The argument that makes `folio-oracle` a process of a program.
pub const WORKER: &str = "--worker";

/// folio with files of these kinds, in a directory.
///
/// ```
/// use folio_model::FileKind;
/// use folio_oracle::{Folio, Processes, Until, random};
/// # let dir = tempfile::tempdir()?;
/// let mut bench = Folio::new(dir.path(), &[FileKind::Disk, FileKind::Memory], Processes::Here)?;
/// let repertoires = bench.repertoires();
/// let outcome = random(&mut bench, &repertoires, 1, 20, Until::Programs(4))?;
/// assert!(outcome.found.is_none());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Folio {
    dir: PathBuf,
    kinds: Vec<FileKind>,
    processes: Processes,
    times: FileTimes,
    running: Vec<Running>,
    /// The files of the program that is run, and those in memory.
    files: Vec<Place>,
    memory: Vec<OwnedFd>,
}

/// How many processes a program has.
const PROCESSES: u8 = 2;

enum Running {
    Apart(Child),
    Here(Box<Worker>),
}

impl Running {
    fn begin(&mut self, files: &[Place], processes: &Processes) -> io::Result<()> {
        match (self, processes) {
            (Self::Apart(child), Processes::Apart(exe)) => {
                if child.begin(files).is_err() {
                    *child = Child::start(exe)?;
                    child.begin(files)?;
                }
            }
            (here, _) => *here = Self::Here(Box::new(Worker::new(files.to_vec()))),
        }
        Ok(())
    }

    fn step(&mut self, op: &Op) -> io::Result<Answer> {
        match self {
            Self::Apart(child) => child.step(op),
            Self::Here(worker) => Ok(worker.step(op)),
        }
    }
}

impl Folio {
    /// Files of `kinds` in `dir`, which is a directory for nothing else.
    ///
    /// ```
    /// use folio_model::FileKind;
    /// use folio_oracle::{Folio, Processes};
    /// # let dir = tempfile::tempdir()?;
    /// let bench = Folio::new(dir.path(), &[FileKind::Disk], Processes::Here)?;
    /// drop(bench); // and its files with it
    /// assert_eq!(std::fs::read_dir(dir.path())?.count(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a process cannot be started, or no file made.
    pub fn new(dir: &Path, kinds: &[FileKind], processes: Processes) -> io::Result<Self> {
        let running = (0..PROCESSES)
            .map(|_| match &processes {
                Processes::Apart(exe) => Child::start(exe).map(Running::Apart),
                Processes::Here => Ok(Running::Here(Box::default())),
            })
            .collect::<io::Result<_>>()?;
        let times = file_times(dir, kinds)?;
        let (dir, kinds) = (dir.to_owned(), kinds.to_vec());
        Ok(Self { dir, kinds, processes, times, running, files: Vec::new(), memory: Vec::new() })
    }

    /// What random programs are made of: one repertoire with much writing and one with much reading, because leases are to be
    /// had only while nobody has a file open for writing.
    ///
    /// ```
    /// use folio_model::{FileKind, Seeded};
    /// use folio_oracle::{Folio, Processes};
    /// # let dir = tempfile::tempdir()?;
    /// let bench = Folio::new(dir.path(), &[FileKind::Disk], Processes::Here)?;
    /// let [writing, reading] = bench.repertoires();
    /// assert!(writing.opening.is_empty());
    /// assert!(!reading.opening.is_empty()); // the files are filled first
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn repertoires(&self) -> [Repertoire; 2] {
        [self.repertoire(), self.readers()]
    }

    /// Files that are there already, long enough for a lease, and mostly only read; now and then somebody opens one for
    /// writing, which breaks the leases.
    fn readers(&self) -> Repertoire {
        let (process, descriptor) = (Process(0), Descriptor(0));
        let (access, content) = (Access::ReadWrite, Content::Keep);
        let len = 3 * page_size() + 904;
        let opening = (0..self.files()).map(model::File).flat_map(|file| {
            [
                Op::Open { process, descriptor, file, access, content },
                Op::Write { process, descriptor, offset: 0, len, fill: 1 },
                Op::Close { process, descriptor },
            ]
        });
        let both = Protection::READ | Protection::WRITE;
        let mut repertoire = Repertoire {
            opening: opening.collect(),
            accesses: vec![Access::Read, Access::Read, Access::Read, access],
            kinds: vec![
                (Sharing::Private, Protection::READ),
                (Sharing::Private, both),
                (Sharing::Private, both),
                (Sharing::Shared, Protection::READ),
            ],
            ..self.repertoire()
        };
        for (verb, weight) in &mut repertoire.verbs {
            *weight *= match verb {
                Verb::Open | Verb::Map => 2,
                Verb::Close => 4,
                _ => 1,
            };
        }
        repertoire
    }

    /// What folio can be asked: every kind of mapping, with any offset and length.
    ///
    /// ```
    /// use folio_model::{FileKind, Positions};
    /// use folio_oracle::{Folio, Processes};
    /// # let dir = tempfile::tempdir()?;
    /// let bench = Folio::new(dir.path(), &[FileKind::Disk], Processes::Here)?;
    /// assert_eq!(bench.repertoire().positions, Positions::Bytes); // folio takes any, and refuses the wrong ones
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn repertoire(&self) -> Repertoire {
        let verbs = [
            Verb::Open,
            Verb::Close,
            Verb::Read,
            Verb::Write,
            Verb::Truncate,
            Verb::Allocate,
            Verb::Length,
            Verb::Sync,
            Verb::Map,
            Verb::Unmap,
            Verb::Remap,
            Verb::Load,
            Verb::Store,
            Verb::Flush,
            Verb::Advise,
            Verb::Seal,
            Verb::Lock,
        ];
        let both = Protection::READ | Protection::WRITE;
        let mut repertoire = Repertoire {
            processes: PROCESSES,
            processes_at_first: PROCESSES,
            files: self.files(),
            positions: Positions::Bytes,
            accesses: vec![
                Access::ReadWrite,
                Access::ReadWrite,
                Access::ReadWrite,
                Access::ReadWrite,
                Access::Read,
                Access::Write,
            ],
            contents: vec![Content::Keep, Content::Keep, Content::Keep, Content::Truncate],
            kinds: vec![
                (Sharing::Shared, both),
                (Sharing::Shared, both),
                (Sharing::Private, both),
                (Sharing::Private, both),
                (Sharing::Shared, Protection::READ),
                (Sharing::Private, Protection::READ),
            ],
            owners: vec![LockOwner::OpenFile],
            ..Repertoire::kernel(page_size())
        }
        .only(&verbs);
        for (verb, weight) in &mut repertoire.verbs {
            // Growth, commits and flushes are folio's own; and while a descriptor can write there is no lease.
            *weight *= match verb {
                Verb::Flush => 4,
                Verb::Remap | Verb::Close => 2,
                _ => 1,
            };
        }
        repertoire
    }

    fn clear(&mut self) {
        self.memory.clear();
        for place in self.files.drain(..).filter(|place| place.kind == FileKind::Disk) {
            // If it is gone already, all is as it should be.
            let _ = std::fs::remove_file(place.path);
        }
    }

    fn make_files(&mut self) -> io::Result<()> {
        self.clear();
        for (index, &kind) in self.kinds.iter().enumerate() {
            let path = match kind {
                FileKind::Disk => {
                    let path = self.dir.join(format!("file-{index}"));
                    // Closed at once: a lease is not to be had while somebody can write.
                    File::create(&path)?;
                    path
                }
                FileKind::Memory => {
                    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
                    let memory = rustix::fs::memfd_create("oracle", flags)?;
                    let path =
                        format!("/proc/{}/fd/{}", std::process::id(), memory.as_raw_fd()).into();
                    self.memory.push(memory);
                    path
                }
            };
            self.files.push(Place { path, kind });
        }
        Ok(())
    }
}

impl Drop for Folio {
    fn drop(&mut self) {
        self.running.clear();
        self.clear();
    }
}

impl Bench for Folio {
    type Seen = Answer;

    fn files(&self) -> u8 {
        u8::try_from(self.kinds.len()).unwrap_or(u8::MAX)
    }

    fn begin(&mut self) -> io::Result<(impl System<Answer>, impl Oracle<Answer>)> {
        self.make_files()?;
        for process in &mut self.running {
            process.begin(&self.files, &self.processes)?;
        }
        let promise = Promise::new(page_size(), self.times, &self.kinds, PROCESSES);
        Ok((Run { files: &self.files, running: &mut self.running }, promise))
    }
}

/// A program that is being run.
struct Run<'a> {
    files: &'a [Place],
    running: &'a mut [Running],
}

impl System<Answer> for Run<'_> {
    fn step(&mut self, op: &Op) -> io::Result<Answer> {
        match self.running.get_mut(usize::from(op.process().0)) {
            Some(process) => process.step(op),
            None => Ok(Answer::Nothing),
        }
    }

    fn content(&mut self, file: model::File) -> io::Result<Vec<u8>> {
        let place = self.files.get(usize::from(file.0));
        place.map_or(Ok(Vec::new()), |place| std::fs::read(&place.path))
    }
}

/// How exactly times tell of changes to files of these kinds, found by changing one of each.
fn file_times(dir: &Path, kinds: &[FileKind]) -> io::Result<FileTimes> {
    /// More than are done within a tick of the clock.
    const CHANGES: u64 = 100;
    for kind in kinds {
        let file = match kind {
            FileKind::Disk => {
                let path = dir.join("times");
                let file = File::create(&path)?;
                std::fs::remove_file(path)?;
                file
            }
            FileKind::Memory => rustix::fs::memfd_create("times", MemfdFlags::CLOEXEC)?.into(),
        };
        for _ in 0..CHANGES {
            let before = file.metadata()?.modified()?;
            file.write_at(&[1], 0)?;
            if file.metadata()?.modified()? == before {
                return Ok(FileTimes::Coarse);
            }
        }
    }
    Ok(FileTimes::Fine)
}

fn page_size() -> u64 {
    rustix::param::page_size() as u64
}
