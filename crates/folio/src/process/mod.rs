//! How any process is mapped, and what its pages are.
//!
//! | | tells | by |
//! |---|---|---|
//! | [`Process::mappings`] | addresses, protection, file and offset of each mapping | `PROCMAP_QUERY` (6.11), or the text of `/proc/PID/maps` |
//! | [`Process::usage`] | and what each costs: resident, shared, proportional, swapped, and what was advised | `/proc/PID/smaps` |
//! | [`Process::rollup`] | the sums | `/proc/PID/smaps_rollup` |
//! | [`Process::pages`] | page by page: present, swapped, a file's or the process's own copy | `PAGEMAP_SCAN` (6.7), or `/proc/PID/pagemap` |
//! | [`Process::stack_pointers`] | in which memory the stacks of threads are | `/proc/PID/task/TID/syscall` |
//! | [`Frames`] | who else has a page | `/proc/kpagecount`, `/proc/kpageflags`; root |
//!
//! ```
//! use folio::process::{Process, Sharing};
//! let process = Process::current()?;
//! let mappings = process.usage()?;
//! let own: u64 = mappings.iter().map(|found| found.usage.unique()).sum();
//! println!("{} mappings; {own} bytes are nobody else's", mappings.len());
//! # assert!(own > 0 && mappings.iter().any(|found| found.mapping.sharing == Sharing::Private));
//! # Ok::<(), folio::Error>(())
//! ```
//!
//! # What it takes
//!
//! Everything but the state of a process is for whoever may read its memory (`PTRACE_MODE_READ` of ptrace(2)): the same
//! user, while the process has not changed its rights and is not set undumpable, or root (`CAP_SYS_PTRACE`). Frames are for
//! `CAP_SYS_ADMIN`. Yama's `ptrace_scope` restricts attaching, and does not restrict reading (`yama_ptrace_access_check`
//! of security/yama); stack pointers alone are for whoever may attach. All of it only looks: clause S3 of `docs/soundness.md`.
//!
//! A process goes on while it is looked at, so two answers may tell of two moments, and one answer of many mappings too.

mod frames;
mod list;
mod mapping;
mod pages;
mod state;
mod text;
mod threads;
mod usage;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, openat};

pub use crate::page_entry::{Categories, PageEntry, Scan};
pub use crate::protection::{Protection, Sharing};
use crate::sys::procmap;
use crate::{Error, Result};
pub use frames::{FrameFlags, Frames};
pub use mapping::{FileId, Mapping, Object};
pub use pages::{PageRun, PagesVia, ProcessPages};
pub use state::{Kind, State};
pub use usage::{MappingUsage, Usage, VmFlags};

/// Which of the kernel's two ways lists the mappings.
///
/// ```
/// use folio::process::{MappingsVia, Process};
/// let process = Process::current()?;
/// let quick = process.mappings(MappingsVia::Best)?;
/// let parsed = process.mappings(MappingsVia::Text)?; // the same, as older kernels tell it
/// assert_eq!(quick.first().map(|found| found.addresses.start), parsed.first().map(|found| found.addresses.start));
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MappingsVia {
    /// `PROCMAP_QUERY`, and text where the kernel has no such call.
    #[default]
    Best,
    /// The text of `/proc/PID/maps`.
    Text,
}

/// A process, or a thread of one, which stands for its process.
///
/// It is an open directory of /proc, which means this process for ever: after it has ended, what is asked of the value fails,
/// and never tells of another that got the same number.
///
/// ```
/// use folio::ErrorKind;
/// use folio::process::Process;
/// let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn()?;
/// let process = Process::open(child.id())?;
/// child.wait()?; // its standard input is closed, so it ends
/// assert_eq!(process.state().unwrap_err().kind(), ErrorKind::NotFound); // whoever has the number now
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Process {
    pid: u32,
    dir: OwnedFd,
}

impl Process {
    /// The process with this number, as /proc shows it.
    ///
    /// ```
    /// use folio::ErrorKind;
    /// use folio::process::Process;
    /// let parent = Process::open(std::os::unix::process::parent_id())?;
    /// println!("started by {}", parent.state()?.name.display());
    /// let error = Process::open(u32::MAX).unwrap_err(); // no process has this number
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none, or none that this user is shown (`hidepid` of proc(5)).
    pub fn open(pid: u32) -> Result<Self> {
        let path = PathBuf::from(format!("/proc/{pid}"));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(&path, flags, Mode::empty()).map_err(|errno| {
            Error::os("open the process", io::Error::from(errno)).with_path(&path)
        })?;
        Ok(Self { pid, dir })
    }

    /// This process itself.
    ///
    /// ```
    /// use folio::process::Process;
    /// let usage = Process::current()?.rollup()?;
    /// assert!(usage.resident > 0);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is no /proc, or that of another namespace.
    pub fn current() -> Result<Self> {
        Self::open(std::process::id())
    }

    /// Its number, in the namespace of this process.
    ///
    /// ```
    /// use folio::process::Process;
    /// let process = Process::current()?;
    /// assert_eq!(process.pid(), std::process::id());
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it is and what it is doing. Everybody may ask.
    ///
    /// ```
    /// use folio::process::{Kind, Process};
    /// let state = Process::current()?.state()?;
    /// assert_eq!((state.letter, state.kind), ('R', Kind::Program)); // it runs, or it could not ask
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when it has ended and its parent knows.
    pub fn state(&self) -> Result<State> {
        let told = |name: &str| self.open_file(name).and_then(read);
        let parsed = told("status").and_then(|status| State::parse(&status, &told("stat")?));
        parsed.map_err(|error| self.error("tell the state of the process", error))
    }

    /// All mappings, by ascending addresses. None for a thread of the kernel. Left out is the page of old system calls
    /// (`[vsyscall]`), which is the same in every process.
    ///
    /// ```
    /// use folio::process::{MappingsVia, Process};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().canonicalize()?.join("f"); std::fs::write(&path, b"hello")?;
    /// let shared = folio::Shared::open(&path)?;
    /// let mappings = Process::current()?.mappings(MappingsVia::Best)?;
    /// let found = mappings.iter().find(|found| found.path() == Some(&path)).expect("it is mapped");
    /// assert!(found.addresses.contains(&(shared.as_ptr().addr() as u64)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) for who may not read its memory;
    /// [`NotFound`](crate::ErrorKind::NotFound) when it has ended, also if its parent does not know yet (a zombie).
    pub fn mappings(&self, via: MappingsVia) -> Result<Vec<Mapping>> {
        self.of_memory("list the mappings of the process", || {
            let mut maps = self.open_file("maps")?;
            match via {
                MappingsVia::Text => list::by_text(&mut maps),
                MappingsVia::Best => match list::by_query(&maps) {
                    // A kernel before 6.11, a path that is longer than a query can tell, or no memory at all.
                    Err(error)
                        if matches!(
                            error.raw_os_error(),
                            Some(libc::ENOTTY | libc::ENAMETOOLONG | libc::ESRCH)
                        ) =>
                    {
                        list::by_text(&mut maps)
                    }
                    answer => answer,
                },
            }
        })
    }

    /// All mappings with what each costs; as [`mappings`](Self::mappings).
    ///
    /// The kernel walks every page table for it: about a millisecond for 100 MiB in pages of 4 KiB.
    ///
    /// ```
    /// use folio::process::Process;
    /// let mappings = Process::current()?.usage()?;
    /// let dearest = mappings.iter().max_by_key(|found| found.usage.unique()).expect("it has memory");
    /// println!("{}: {} bytes", dearest.mapping.object.name().display(), dearest.usage.unique());
    /// # assert!(dearest.usage.unique() > 0);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mappings`](Self::mappings).
    pub fn usage(&self) -> Result<Vec<MappingUsage>> {
        self.of_memory("tell what the mappings of the process cost", || {
            // For the names that the text does not tell for certain; opened only for those.
            let mut maps = None;
            let mut found = usage::parse(&mut self.open_file("smaps")?, |mapping| {
                if maps.is_none() {
                    maps = self.open_file("maps").ok();
                }
                maps.iter().for_each(|maps| list::ask_name(maps, mapping));
            })?;
            found.retain(|found| !list::is_gate(&found.mapping));
            Ok(found)
        })
    }

    /// What all mappings cost together (4.14). [`size`](Usage::size) is not told.
    ///
    /// ```
    /// use folio::process::Process;
    /// let sums = Process::current()?.rollup()?;
    /// println!("{} KiB in memory, its share {} KiB", sums.in_memory() / 1024, sums.share() / 1024);
    /// assert!(sums.unique() <= sums.in_memory() && sums.size == 0);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mappings`](Self::mappings).
    pub fn rollup(&self) -> Result<Usage> {
        let sums = self.of_memory("tell what the process costs", || {
            let sums = usage::parse_rollup(&mut self.open_file("smaps_rollup")?);
            // That is how this one file says that there is no memory.
            match sums {
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(Vec::new()),
                sums => Ok(sums?.into_iter().collect::<Vec<_>>()),
            }
        })?;
        Ok(sums.into_iter().sum())
    }

    /// Its pages.
    ///
    /// ```
    /// use folio::process::{Categories, PagesVia, Process, Scan};
    /// let value = 7_u8;
    /// let page = folio::PageSize::base().bytes() as u64;
    /// let start = (&raw const value).addr() as u64 / page * page;
    /// let all = Scan { report: Categories::PRESENT, ..Scan::default() };
    /// let runs = Process::current()?.pages(PagesVia::Best)?.runs(start..start + page, all)?;
    /// assert_eq!(runs[0].categories, Categories::PRESENT);
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mappings`](Self::mappings).
    pub fn pages(&self, via: PagesVia) -> Result<ProcessPages> {
        let pagemap = self.open_file("pagemap");
        let pagemap =
            pagemap.map_err(|error| self.error("open the page map of the process", error))?;
        Ok(ProcessPages::new(pagemap, via))
    }

    /// The stack pointers of its threads, but for those that run just now: the memory that one is in is the stack of a thread, or the
    /// program has put something else to that use.
    ///
    /// ```
    /// use folio::process::{MappingsVia, Process};
    /// let process = Process::current()?;
    /// let pointers = process.stack_pointers()?;
    /// for mapping in process.mappings(MappingsVia::Best)? {
    ///     if pointers.iter().any(|pointer| mapping.addresses.contains(pointer)) {
    ///         println!("{} is the stack of a thread", mapping.object.name().display());
    ///     }
    /// }
    /// # assert!(!pointers.is_empty());
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) for who may not attach a debugger (`PTRACE_MODE_ATTACH` of
    /// ptrace(2)); [`NotFound`](crate::ErrorKind::NotFound) when it has ended and its parent knows. A zombie has none.
    pub fn stack_pointers(&self) -> Result<Vec<u64>> {
        let found = threads::stack_pointers(&self.dir);
        found.map_err(|error| self.error("tell the stack pointers of the process", error))
    }

    /// The build id of the file mapped at `address`; `None` where it has none, or the kernel (before 6.11) does not tell.
    ///
    /// ```
    /// use folio::process::{MappingsVia, Process};
    /// let process = Process::current()?;
    /// let program = process.program()?;
    /// for mapping in process.mappings(MappingsVia::Best)? {
    ///     if mapping.path() != program.as_deref() {
    ///         continue;
    ///     }
    ///     match process.build_id(mapping.addresses.start)? {
    ///         Some(id) => println!("{id:02x?}"), // most linkers' has 20 bytes
    ///         None => println!("linked without one, or the kernel does not tell"),
    ///     }
    /// }
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`mappings`](Self::mappings), and [`NotFound`](crate::ErrorKind::NotFound) where nothing is mapped.
    pub fn build_id(&self, address: u64) -> Result<Option<Vec<u8>>> {
        match self.open_file("maps").and_then(|maps| procmap::build_id(&maps, address)) {
            Err(error) if error.raw_os_error() == Some(libc::ENOTTY) => Ok(None),
            answer => answer.map_err(|error| self.error("tell the build id", error)),
        }
    }

    /// Open the file of a mapping for reading, the one that the process has: also one that was deleted, where the kernel
    /// allows it (`CAP_CHECKPOINT_RESTORE`), and of the process's own root directory.
    ///
    /// ```
    /// use std::io::Read;
    /// use folio::process::{MappingsVia, Process};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().canonicalize()?.join("f"); std::fs::write(&path, b"hello")?;
    /// let shared = folio::Shared::open(&path)?;
    /// let process = Process::current()?;
    /// let mappings = process.mappings(MappingsVia::Best)?;
    /// let found = mappings.iter().find(|found| found.path() == Some(&path)).expect("it is mapped");
    /// let mut text = String::new();
    /// process.open_mapped(found)?.read_to_string(&mut text)?;
    /// assert_eq!(text, "hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is no file, or not to be had under its name any more;
    /// [`Conflict`](crate::ErrorKind::Conflict) if another has the name now; what open(2) answers.
    pub fn open_mapped(&self, mapping: &Mapping) -> Result<File> {
        const OP: &str = "open the mapped file";
        let Some(path) = mapping.path() else {
            return Err(self.error(OP, io::Error::from_raw_os_error(libc::ENOENT)));
        };
        let addresses = &mapping.addresses;
        // An open of a FIFO or a device, which can be mapped, must not wait.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let exact = format!("map_files/{:x}-{:x}", addresses.start, addresses.end);
        if let Ok(file) = openat(&self.dir, exact, flags, Mode::empty()) {
            return Ok(file.into());
        }
        let rooted = Path::new("root").join(path.strip_prefix("/").unwrap_or(path));
        let opened = openat(&self.dir, &rooted, flags, Mode::empty());
        let opened =
            opened.map_err(|errno| Error::os(OP, io::Error::from(errno)).with_path(path))?;
        let stat = rustix::fs::fstat(&opened)
            .map_err(|errno| Error::os(OP, io::Error::from(errno)).with_path(path))?;
        // The device is not compared: btrfs and overlayfs tell another here.
        if mapping.file.is_some_and(|file| file.inode != stat.st_ino) {
            let why = "another file has the name now";
            return Err(Error::new(OP, crate::error::Cause::Conflict(why)).with_path(path));
        }
        Ok(opened.into())
    }

    fn open_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(openat(&self.dir, name, flags, Mode::empty())?.into())
    }

    /// Ask for something of its memory. Nothing is the kernel's answer for a process without memory, and also for one that
    /// replaced its memory (execve(2)) between opening the file and reading it: then it is asked again.
    fn of_memory<T>(
        &self,
        op: &'static str,
        mut ask: impl FnMut() -> io::Result<Vec<T>>,
    ) -> Result<Vec<T>> {
        const TRIES: usize = 8;
        for _ in 0..TRIES {
            let answer = ask();
            if let Ok(found) = &answer
                && !found.is_empty()
            {
                return answer.map_err(|error| self.error(op, error));
            }
            let state = self.state()?;
            match answer {
                _ if state.kind == Kind::KernelThread => return Ok(Vec::new()),
                _ if state.is_zombie() => break,
                Err(error) if error.raw_os_error() != Some(libc::ESRCH) => {
                    return Err(self.error(op, error));
                }
                _ => {}
            }
        }
        Err(self.error(op, io::Error::from_raw_os_error(libc::ESRCH)))
    }

    fn error(&self, op: &'static str, error: io::Error) -> Error {
        Error::os(op, error).with_path(format!("/proc/{}", self.pid))
    }

    /// The program that it runs, as the process itself would name it; `None` for a thread of the kernel.
    ///
    /// ```
    /// use folio::process::Process;
    /// assert_eq!(Process::current()?.program()?, Some(std::env::current_exe()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`mappings`](Self::mappings).
    pub fn program(&self) -> Result<Option<PathBuf>> {
        match rustix::fs::readlinkat(&self.dir, "exe", Vec::new()) {
            Ok(path) => {
                Ok(Some(Path::new(std::ffi::OsStr::from_bytes(path.to_bytes())).to_owned()))
            }
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.error("tell the program of the process", errno.into())),
        }
    }
}

fn read(mut file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut file, &mut bytes)?;
    Ok(bytes)
}
