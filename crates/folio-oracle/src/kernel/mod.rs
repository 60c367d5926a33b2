//! The bare kernel: operations as system calls, with nothing of folio between but [`folio::raw`].
//!
//! Each process of a program is a process, forked where the program forks. This one only tells them what to do, over a
//! socket each, and hands back what they saw:
//!
//! | module | holds |
//! |---|---|
//! | `wire` | messages between here and a process |
//! | `process` | a process: its loop, its slots, forking and ending |
//! | `files` | operations on descriptors |
//! | `pages` | operations on mappings |
//! | `slot` | a mapping, in pieces once something was unmapped from its middle |
//! | `touch` | loads and stores, tried out by a process that may die |

mod files;
mod pages;
mod process;
mod slot;
mod touch;
mod wire;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use folio::raw::{Child, Fork, fork};
use folio_model::{Errno, File, FileKind, Op, Outcome, Process};
use rustix::fs::{MemfdFlags, Mode, OFlags};

use self::process::serve;
use self::wire::{Answer, Request};
use crate::System;

/// The bare kernel, with files and processes for one program.
///
/// Files are empty in the beginning, and process 0 is there. A touch that would kill a process is tried out by a fork of it
/// first, so that it is an [`Outcome::Fault`] and the process goes on, with the bytes before the fault touched.
///
/// What a process does is done by a system call on what it has, at the positions given, with two exceptions: nothing is done
/// to addresses that a mapping does not have, because something else may be there (a hole is answered for as the kernel
/// would, see `slot`); and `_exit(2)` is preceded by closing and unmapping everything, so that it is over when the step is.
///
/// ```
/// use folio_model::{Access, Content, Descriptor, File, FileKind, Op, Outcome, Process};
/// use folio_oracle::{Kernel, System};
/// # let dir = tempfile::tempdir()?;
/// let mut kernel = Kernel::new(dir.path(), &[FileKind::Disk])?;
/// let seen = kernel.step(&Op::Open {
///     process: Process(0),
///     descriptor: Descriptor(0),
///     file: File(0),
///     access: Access::ReadWrite,
///     content: Content::Keep,
/// })?;
/// assert_eq!(seen, Outcome::Done);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Kernel {
    files: Vec<Place>,
    processes: BTreeMap<Process, UnixStream>,
    first: Option<Child>,
}

/// Where a file is.
#[derive(Debug)]
enum Place {
    /// At this path, made for the program.
    Disk(PathBuf),
    /// At this path, and not the program's to remove.
    There(PathBuf),
    /// Behind this descriptor, which every process inherits.
    Memory(OwnedFd),
}

impl Place {
    fn new(dir: &Path, index: usize, kind: FileKind) -> io::Result<Self> {
        match kind {
            FileKind::Disk => {
                let path = std::path::absolute(dir)?.join(format!("file-{index}"));
                std::fs::File::create_new(&path)?;
                Ok(Self::Disk(path))
            }
            FileKind::Memory => {
                let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
                let memfd = rustix::fs::memfd_create(format!("file-{index}"), flags)?;
                Ok(Self::Memory(memfd))
            }
        }
    }

    /// A path that opens it, in every process of the program.
    fn path(&self) -> PathBuf {
        match self {
            Self::Disk(path) | Self::There(path) => path.clone(),
            Self::Memory(memfd) => PathBuf::from(format!("/proc/self/fd/{}", memfd.as_raw_fd())),
        }
    }

    fn remove(&self) -> io::Result<()> {
        match self {
            Self::Disk(path) => std::fs::remove_file(path),
            Self::There(_) | Self::Memory(_) => Ok(()),
        }
    }
}

impl Kernel {
    /// Files of these kinds, empty: `dir/file-0` and so on for those on a disk; and the first process.
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use folio_model::{File, FileKind};
    /// use folio_oracle::Kernel;
    /// # let dir = tempfile::tempdir()?;
    /// let kernel = Kernel::new(dir.path(), &[FileKind::Disk])?;
    /// let twice = Kernel::new(dir.path(), &[FileKind::Disk]); // a file would be in both
    /// assert_eq!(twice.unwrap_err().kind(), ErrorKind::AlreadyExists);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a file cannot be made, [`AlreadyExists`](io::ErrorKind::AlreadyExists) among others. As [`folio::raw::fork`]:
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if this process has more than one thread.
    pub fn new(dir: &Path, files: &[FileKind]) -> io::Result<Self> {
        let mut kernel = Self::empty();
        for (index, &kind) in files.iter().enumerate() {
            kernel.files.push(Place::new(dir, index, kind)?);
        }
        kernel.started()
    }

    /// Files that are there already, and stay; and the first process. For programs that only read, where nothing can be made.
    ///
    /// ```
    /// use folio_model::{Access, Content, Descriptor, File, Op, Outcome, Process};
    /// use folio_oracle::{Kernel, System};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let mut kernel = Kernel::on(&[path.clone()])?;
    /// let (process, descriptor) = (Process(0), Descriptor(0));
    /// let (access, content) = (Access::Read, Content::Keep);
    /// kernel.step(&Op::Open { process, descriptor, file: File(0), access, content })?;
    /// assert_eq!(kernel.step(&Op::Length { process, descriptor })?, Outcome::Count(5));
    /// drop(kernel);
    /// assert!(path.exists()); // it was there before
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a path cannot be made absolute; and as [`folio::raw::fork`].
    pub fn on(files: &[PathBuf]) -> io::Result<Self> {
        let mut kernel = Self::empty();
        for path in files {
            kernel.files.push(Place::There(std::path::absolute(path)?));
        }
        kernel.started()
    }

    fn empty() -> Self {
        Self { files: Vec::new(), processes: BTreeMap::new(), first: None }
    }

    /// With the first process, which inherits whatever the files need.
    fn started(mut self) -> io::Result<Self> {
        let (here, there) = UnixStream::pair()?;
        match fork()? {
            Fork::Parent(child) => {
                self.first = Some(child);
                self.processes.insert(Process(0), here);
                Ok(self)
            }
            Fork::Child => {
                drop(here);
                // What this value would remove when dropped is the parent's.
                let files = std::mem::take(&mut self.files);
                serve(there, files.iter().map(Place::path).collect())
            }
        }
    }

    /// The path of a file on a disk.
    ///
    /// ```
    /// use folio_model::{File, FileKind};
    /// use folio_oracle::Kernel;
    /// # let dir = tempfile::tempdir()?;
    /// let kernel = Kernel::new(dir.path(), &[FileKind::Disk, FileKind::Memory])?;
    /// assert!(kernel.path(File(0)).is_some_and(|path| path.exists()));
    /// assert_eq!(kernel.path(File(1)), None); // in memory
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn path(&self, file: File) -> Option<&Path> {
        match self.files.get(usize::from(file.0)) {
            Some(Place::Disk(path) | Place::There(path)) => Some(path),
            _ => None,
        }
    }

    fn fork(&mut self, op: &Op, child: Process) -> io::Result<Outcome> {
        if self.processes.contains_key(&child) {
            return Ok(Outcome::Nothing);
        }
        let (here, there) = UnixStream::pair()?;
        let Some(parent) = self.processes.get_mut(&op.process()) else {
            return Ok(Outcome::Nothing);
        };
        wire::send(parent, &Request::Step(*op))?;
        wire::send_descriptor(parent, &there)?;
        drop(there);
        let seen = outcome(wire::receive(parent)?)?;
        if seen == Outcome::Done {
            self.processes.insert(child, here);
        }
        Ok(seen)
    }

    /// Open a file on a disk to read it. A lease that keeps readers out is given up; where that cannot be done because only a
    /// mapping still holds it, the program's processes are ended.
    fn open(&mut self, file: File) -> io::Result<std::fs::File> {
        let path = self.files[usize::from(file.0)].path();
        let try_open = || {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            rustix::fs::open(&path, flags, Mode::empty()).map(std::fs::File::from)
        };
        let leased =
            |answer: &Result<std::fs::File, _>| matches!(answer, Err(rustix::io::Errno::AGAIN));
        let mut answer = try_open();
        if leased(&answer) {
            for process in self.processes.values_mut() {
                wire::send(process, &Request::DropLeases)?;
                outcome(wire::receive(process)?)?;
            }
            answer = try_open();
        }
        if leased(&answer) {
            self.end()?;
            answer = try_open();
        }
        Ok(answer?)
    }

    /// End all processes, and wait for them.
    fn end(&mut self) -> io::Result<()> {
        for (_, mut process) in std::mem::take(&mut self.processes) {
            // One that is gone has nothing to be told.
            let _ = wire::send(&mut process, &Request::End);
        }
        match self.first.take() {
            Some(first) => first.wait().map(drop),
            None => Ok(()),
        }
    }
}

impl System for Kernel {
    fn step(&mut self, op: &Op) -> io::Result<Outcome> {
        if let Op::Fork { child, .. } = *op {
            return self.fork(op, child);
        }
        let Some(process) = self.processes.get_mut(&op.process()) else {
            return Ok(Outcome::Nothing);
        };
        wire::send(process, &Request::Step(*op))?;
        let seen = outcome(wire::receive(process)?)?;
        if let Op::Exit { process } = op {
            self.processes.remove(process);
        }
        Ok(seen)
    }

    fn content(&mut self, file: File) -> io::Result<Vec<u8>> {
        let opened;
        let file = match self.files.get(usize::from(file.0)) {
            None => return Err(io::ErrorKind::NotFound.into()),
            Some(Place::Memory(memfd)) => {
                opened = std::fs::File::from(memfd.try_clone()?);
                &opened
            }
            Some(Place::Disk(_) | Place::There(_)) => {
                opened = self.open(file)?;
                &opened
            }
        };
        let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // Nobody is left to tell if something is in the way of removing: an end that is not seen, a file that is gone.
        let _ = self.end();
        for file in &self.files {
            let _ = file.remove();
        }
    }
}

/// What a process answered.
fn outcome(answer: Answer) -> io::Result<Outcome> {
    match answer {
        Answer::Seen(outcome) => Ok(outcome),
        Answer::Broken(why) => Err(io::Error::other(why)),
    }
}

/// An answer of the kernel as an outcome; an error that is not the kernel's stays one.
fn seen<T>(answer: io::Result<T>, outcome: impl FnOnce(T) -> Outcome) -> io::Result<Outcome> {
    match answer {
        Ok(value) => Ok(outcome(value)),
        Err(error) => failed(error),
    }
}

fn failed(error: io::Error) -> io::Result<Outcome> {
    match error.raw_os_error() {
        Some(number) => Ok(Outcome::Failed(Errno(number))),
        None => Err(error),
    }
}
