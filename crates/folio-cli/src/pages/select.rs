//! Which files: those that are named, those in trees, and those that a process has.
//!
//! [`Selection::visit`] opens each file once and hands it to a visitor. Named files and those of processes come first, in
//! order; then the trees, which as many threads look through as there are visitors ([`tree`](super::tree)). Nothing is
//! kept of a file that was visited but its identity where it has several names, so that a million files take no more
//! memory than a thousand.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::flags::SelectFlags;
use super::process;
use super::tree::{self, Root};
use crate::failure::{Complaints, Failure, InputFailure};
use crate::name::quoted;
use crate::progress::Progress;
use crate::threads::cores;

/// What was chosen on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    paths: Vec<PathBuf>,
    pids: Vec<i32>,
    pub(super) devices: Devices,
    pub(super) lens: RangeInclusive<u64>,
    threads: usize,
}

/// Where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Devices {
    All,
    /// Of each tree, only the file system of its root.
    OfRoot,
}

/// A file that was chosen, open.
#[derive(Debug)]
pub(crate) struct Chosen<'a> {
    pub(crate) name: Name<'a>,
    /// Open for reading, not to block, and where that is allowed without touching the time of access.
    pub(crate) file: File,
    /// What fstat(2) said when it had been opened: a regular file or a block device.
    pub(crate) stat: Stat,
}

/// A file's name, put together only where it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    /// The directory with a slash behind it, or nothing.
    pub(super) directory: &'a [u8],
    pub(super) entry: &'a [u8],
}

/// What is done with each file. An [`Input`](Failure::Input) failure is told and the next file comes; one of the output
/// ends it all.
pub(crate) trait Visitor {
    /// Look at one file.
    fn visit(&mut self, chosen: Chosen<'_>) -> Result<(), Failure>;
}

impl<F: FnMut(Chosen<'_>) -> Result<(), Failure>> Visitor for F {
    fn visit(&mut self, chosen: Chosen<'_>) -> Result<(), Failure> {
        self(chosen)
    }
}

impl<'a> Name<'a> {
    /// The name of `path`.
    pub(crate) fn of(path: &'a Path) -> Self {
        Self { directory: b"", entry: path.as_os_str().as_bytes() }
    }

    /// Its bytes, in two parts.
    pub(crate) fn parts(self) -> [&'a [u8]; 2] {
        [self.directory, self.entry]
    }

    /// As a path of its own.
    pub(crate) fn to_path(self) -> PathBuf {
        std::ffi::OsString::from_vec(self.parts().concat()).into()
    }

    /// For a message.
    pub(crate) fn quoted(self) -> String {
        quoted(&self.to_path())
    }
}

impl Selection {
    pub(crate) fn new(flags: &SelectFlags) -> Self {
        let SelectFlags { paths, pid, one_file_system, min_size, max_size, threads } = flags;
        Self {
            paths: paths.clone(),
            pids: pid.clone(),
            devices: if *one_file_system { Devices::OfRoot } else { Devices::All },
            lens: min_size.map_or(0, |size| size.0)..=max_size.map_or(u64::MAX, |size| size.0),
            threads: threads.map_or_else(cores, Into::into),
        }
    }

    /// The processes whose files are meant.
    pub(crate) fn pids(&self) -> &[i32] {
        &self.pids
    }

    /// How many threads it is to be done with.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Whether some of the files are those of a process.
    pub(super) fn is_of_processes(&self) -> bool {
        !self.pids.is_empty()
    }

    /// What was chosen, as a person would name it.
    pub(super) fn words(&self) -> String {
        let paths = self.paths.iter().map(|path| in_full(path));
        let pids = self.pids.iter().map(|pid| format!("process {pid}"));
        let mut words: Vec<String> = paths.chain(pids).collect();
        let more = words.len().saturating_sub(3);
        words.truncate(3);
        let few = words.join(", ");
        if more > 0 { format!("{few} and {more} more") } else { few }
    }

    /// Whether only files were named: no directory and no process, so that there is an order and an end of them.
    pub(crate) fn is_of_files_alone(&self) -> bool {
        self.pids.is_empty() && !self.paths.iter().any(|path| path.is_dir())
    }

    /// Visit each chosen file once, with a thread for each visitor beyond the first, and give the visitors back.
    /// What cannot be looked at is told.
    ///
    /// # Errors
    /// The first error of standard output that a visitor had.
    pub(crate) fn visit<V: Visitor + Send>(
        &self,
        mut visitors: Vec<V>,
        complaints: &mut Complaints,
        progress: &Progress,
    ) -> io::Result<Vec<V>> {
        let telling = Telling { complaints: Mutex::new(complaints), progress };
        let mut roots = Vec::new();
        let mut seen = Seen::default();
        if let Some(first) = visitors.first_mut() {
            for path in &self.paths {
                let one = self.visit_named(path, None, first, &mut seen, &mut roots);
                telling.sort(one)?;
            }
            for &pid in &self.pids {
                for found in process::files_of(pid, &telling)? {
                    let name = Some(found.shown.as_path());
                    let one = self.visit_named(&found.path, name, first, &mut seen, &mut roots);
                    telling.sort(one)?;
                }
                // Directories that a process has open are not meant.
                roots.retain(|root: &Root| root.named);
            }
        }
        if roots.is_empty() {
            Ok(visitors)
        } else {
            tree::visit(self, roots, seen, visitors, &telling)
        }
    }

    /// Visit a file by its name, or note it as the root of a tree. `shown` is its name if it was not named itself.
    fn visit_named(
        &self,
        path: &Path,
        shown: Option<&Path>,
        visitor: &mut impl Visitor,
        seen: &mut Seen,
        roots: &mut Vec<Root>,
    ) -> Result<(), Failure> {
        let name = shown.unwrap_or(path);
        let failed = |errno: Errno| InputFailure::os(quoted(name), "open", &errno.into());
        // Before it is opened: opening a tape, a terminal or a FIFO does something to it.
        let stat = match rustix::fs::stat(path) {
            // The process has closed it meanwhile.
            Err(Errno::NOENT) if shown.is_some() => return Ok(()),
            stat => stat.map_err(failed)?,
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        if let Some(why) = why_without_pages(kind) {
            return if shown.is_some() {
                Ok(())
            } else {
                Err(InputFailure::refused(quoted(name), why))
            };
        }
        if kind == FileType::Directory {
            roots.push(Root { path: path.to_owned(), named: shown.is_none() });
            return Ok(());
        }
        let (file, stat) = open_at(CWD, path, OFlags::empty()).map_err(failed)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if let Some(why) = why_without_pages(kind) {
            return Err(InputFailure::refused(quoted(name), why));
        }
        if !seen.files.insert((stat.st_dev, stat.st_ino)) || !self.is_wanted(kind, &stat) {
            return Ok(());
        }
        visitor.visit(Chosen { name: Name::of(name), file, stat })
    }

    /// Whether the file is as long as it is to be. A device is always.
    pub(super) fn is_wanted(&self, kind: FileType, stat: &Stat) -> bool {
        kind == FileType::BlockDevice
            || self.lens.contains(&u64::try_from(stat.st_size).unwrap_or(0))
    }
}

/// A path that says something: `.` and `..` have no name.
fn in_full(path: &Path) -> String {
    let named = match path.file_name() {
        Some(_) => None,
        None => path.canonicalize().ok(),
    };
    quoted(named.as_deref().unwrap_or(path))
}

/// Whether `path` leads to the file of which fstat(2) said `stat`: what a process has open may have no name any more, or one in
/// another mount namespace.
pub(super) fn leads_to(path: &Path, stat: &Stat) -> bool {
    rustix::fs::stat(path)
        .is_ok_and(|named| (named.st_dev, named.st_ino) == (stat.st_dev, stat.st_ino))
}

/// Why such a file has nothing in the page cache.
fn why_without_pages(kind: FileType) -> Option<&'static str> {
    match kind {
        FileType::RegularFile | FileType::BlockDevice | FileType::Directory => None,
        FileType::Fifo => Some("is a pipe, which has no pages"),
        FileType::Socket => Some("is a socket, which has no pages"),
        FileType::CharacterDevice => Some("is a character device, which has no pages"),
        _ => Some("is no regular file"),
    }
}

/// Open for looking: not waiting for the other end of a pipe or for the holder of a lease, and without touching the time of
/// access where that is allowed, which is for the owner.
pub(super) fn open_at(
    directory: impl rustix::fd::AsFd,
    path: impl rustix::path::Arg + Copy,
    more: OFlags,
) -> Result<(File, Stat), Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY | more;
    let open = |flags| rustix::fs::openat(&directory, path, flags, Mode::empty());
    let fd = match open(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => open(flags)?,
        other => other?,
    };
    let stat = rustix::fs::fstat(&fd)?;
    Ok((fd.into(), stat))
}

/// Which files were met: device and inode.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Those that were named, or have several names.
    pub(super) files: HashSet<(u64, u64)>,
}

/// Tells failures from any thread, without the line of progress in the way.
#[derive(Debug)]
pub(super) struct Telling<'a> {
    complaints: Mutex<&'a mut Complaints>,
    progress: &'a Progress,
}

impl Telling<'_> {
    /// As [`Complaints::sort`].
    pub(super) fn sort(&self, result: Result<(), Failure>) -> io::Result<()> {
        match result {
            Ok(()) => Ok(()),
            Err(failure) => {
                let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
                self.progress.aside(|| complaints.sort(Err(failure)))
            }
        }
    }
}
