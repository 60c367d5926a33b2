//! The files in trees, by several threads.
//!
//! Threads share a stack of work. A piece of it is the names of some directories, or of some files, in a directory that is
//! open: names are opened relative to it, so that no path is walked again, and none is too long. Whoever reads a
//! directory visits its files at once, unless another thread has nothing to do; then it gives names away. The stack has
//! the deepest directories on top, so that it stays small, and so does the number of open directories.
//!
//! Symbolic links are not followed, so there is no way round in circles; a directory that is met twice, by a bind mount or
//! because two roots overlap, is visited once. Pipes, sockets and devices are passed over.

use std::collections::HashSet;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::fs::{AtFlags, CWD, FileType, OFlags, RawDir};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};

use super::select::{Chosen, Devices, Name, Seen, Selection, Telling, Visitor, open_at};
use crate::failure::{Failure, InputFailure};
use crate::name::quoted;

/// What getdents(2) fills at a time: some thousand names.
const ENTRIES_BYTES: usize = 128 << 10;

/// How many names are given away at a time.
const GIVEN: usize = 256;

/// A tree to look through.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) path: PathBuf,
    /// Whether it was named on the command line.
    pub(super) named: bool,
}

/// A directory that is open.
#[derive(Debug)]
struct Directory {
    fd: OwnedFd,
    /// With a slash at the end.
    path: Vec<u8>,
    device: u64,
}

/// Names in a directory, one after the other, each with a zero byte at its end.
#[derive(Debug, Default)]
struct Names {
    bytes: Vec<u8>,
    at: usize,
    count: usize,
}

impl Names {
    fn push(&mut self, name: &CStr) {
        self.bytes.extend_from_slice(name.to_bytes_with_nul());
        self.count += 1;
    }

    fn next(&mut self) -> Option<&CStr> {
        let name = CStr::from_bytes_until_nul(&self.bytes[self.at..]).ok()?;
        self.at += name.to_bytes_with_nul().len();
        Some(name)
    }

    fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }
}

/// A piece of work.
#[derive(Debug)]
enum Work {
    Root(Root),
    Directories(Arc<Directory>, Names),
    Files(Arc<Directory>, Names),
}

#[derive(Debug, Default)]
struct Queue {
    stack: Vec<Work>,
    /// Threads that have nothing to do; when all of them have not, all is done.
    idle: usize,
}

/// What the threads share.
struct Walk<'a, 't> {
    selection: &'a Selection,
    telling: &'a Telling<'t>,
    threads: usize,
    queue: Mutex<Queue>,
    /// As `Queue::idle`, to look at without the lock.
    idle: AtomicUsize,
    changed: Condvar,
    stop: AtomicBool,
    directories: Mutex<HashSet<(u64, u64)>>,
    /// Files that were met before the trees.
    named: HashSet<(u64, u64)>,
    /// Files with several names.
    linked: Mutex<HashSet<(u64, u64)>>,
}

/// Visit all files below `roots` with as many threads as there are visitors.
pub(super) fn visit<V: Visitor + Send>(
    selection: &Selection,
    roots: Vec<Root>,
    seen: Seen,
    visitors: Vec<V>,
    telling: &Telling<'_>,
) -> io::Result<Vec<V>> {
    allow_descriptors();
    let walk = Walk {
        selection,
        telling,
        threads: visitors.len(),
        queue: Mutex::new(Queue {
            stack: roots.into_iter().rev().map(Work::Root).collect(),
            idle: 0,
        }),
        idle: AtomicUsize::new(0),
        changed: Condvar::new(),
        stop: AtomicBool::new(false),
        directories: Mutex::default(),
        named: seen.files,
        linked: Mutex::default(),
    };
    thread::scope(|scope| {
        let mut visitors = visitors.into_iter();
        let first = visitors.next();
        let others: Vec<_> = visitors
            .map(|visitor| scope.spawn(|| Worker { walk: &walk, visitor }.work()))
            .collect();
        let first = first.map(|visitor| Worker { walk: &walk, visitor }.work());
        let joined = others.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        first.into_iter().chain(joined).collect()
    })
}

/// A tree may be deeper than there are descriptors by default; only the hard limit is meant to be one.
fn allow_descriptors() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    // With fewer, only a very deep tree is not seen to its end, and says so.
    let _ = rustix::process::setrlimit(
        Resource::Nofile,
        Rlimit { current: limit.maximum, maximum: limit.maximum },
    );
}

impl Walk<'_, '_> {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self, work: Work) {
        let mut queue = self.queue();
        queue.stack.push(work);
        if queue.idle > 0 {
            self.changed.notify_one();
        }
    }

    /// The next piece of work: a whole batch of files, or one directory. Waits for the other threads while they may find
    /// some.
    fn take(&self) -> Option<Work> {
        let mut queue = self.queue();
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(work) = queue.stack.pop() {
                return Some(work);
            }
            queue.idle += 1;
            self.idle.store(queue.idle, Ordering::Relaxed);
            if queue.idle == self.threads {
                self.changed.notify_all();
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            if queue.idle == self.threads {
                return None;
            }
            queue.idle -= 1;
            self.idle.store(queue.idle, Ordering::Relaxed);
        }
    }

    fn stop(&self) {
        // With the lock held, so that nobody is between looking and waiting.
        let _queue = self.queue();
        self.stop.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Whether this file with several names is met for the first time.
    fn is_new(&self, set: &Mutex<HashSet<(u64, u64)>>, identity: (u64, u64)) -> bool {
        set.lock().unwrap_or_else(PoisonError::into_inner).insert(identity)
    }
}

/// A thread.
struct Worker<'w, 'a, 't, V> {
    walk: &'w Walk<'a, 't>,
    visitor: V,
}

impl<V: Visitor> Worker<'_, '_, '_, V> {
    /// Work until nobody has any left; give the visitor back.
    fn work(mut self) -> io::Result<V> {
        let mut entries = Vec::with_capacity(ENTRIES_BYTES);
        while let Some(work) = self.walk.take() {
            let done = self.one(work, entries.spare_capacity_mut());
            if let Err(error) = done {
                self.walk.stop();
                return Err(error);
            }
        }
        Ok(self.visitor)
    }

    fn one(&mut self, work: Work, entries: &mut [MaybeUninit<u8>]) -> io::Result<()> {
        match work {
            Work::Root(root) => {
                let mut path = root.path.into_os_string().into_vec();
                let opened = open_at(CWD, path.as_slice(), OFlags::DIRECTORY);
                if path.last() != Some(&b'/') {
                    path.push(b'/');
                }
                self.directory(opened, path, None, entries)
            }
            Work::Directories(parent, mut names) => {
                let Some(name) = names.next() else { return Ok(()) };
                let path = [&parent.path, name.to_bytes(), b"/"].concat();
                let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
                let opened = open_at(&parent.fd, name, flags);
                let device = parent.device;
                if !names.is_empty() {
                    self.walk.give(Work::Directories(parent, names));
                }
                self.directory(opened, path, Some(device), entries)
            }
            Work::Files(directory, mut names) => {
                while let Some(name) = names.next() {
                    self.file(&directory, name)?;
                    if self.walk.stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// Read a directory that was opened, or was not. `parent` is the device that it was found on, unless it is a root.
    fn directory(
        &mut self,
        opened: Result<(std::fs::File, rustix::fs::Stat), Errno>,
        path: Vec<u8>,
        parent: Option<u64>,
        entries: &mut [MaybeUninit<u8>],
    ) -> io::Result<()> {
        let (fd, stat) = match opened {
            Ok((file, stat)) => (OwnedFd::from(file), stat),
            // It is gone, or is another kind of thing now.
            Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) if parent.is_some() => return Ok(()),
            Err(errno) => return self.tell(&path, "open", errno),
        };
        let is_other = parent.is_some_and(|device| device != stat.st_dev);
        let stays = self.walk.selection.devices == Devices::OfRoot;
        if is_other && (stays || is_without_pages(&fd))
            || !self.walk.is_new(&self.walk.directories, (stat.st_dev, stat.st_ino))
        {
            return Ok(());
        }
        let directory = Arc::new(Directory { fd, path, device: stat.st_dev });
        self.entries(&directory, entries)
    }

    fn entries(
        &mut self,
        directory: &Arc<Directory>,
        entries: &mut [MaybeUninit<u8>],
    ) -> io::Result<()> {
        let mut below = Names::default();
        let mut given = Names::default();
        let mut reader = RawDir::new(&directory.fd, entries);
        while let Some(entry) = reader.next() {
            let entry = match entry {
                Ok(entry) => entry,
                // It was removed.
                Err(Errno::NOENT) => break,
                Err(errno) => {
                    self.tell(&directory.path, "read the directory", errno)?;
                    break;
                }
            };
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            match kind_of(directory, name, entry.file_type()) {
                FileType::Directory => below.push(name),
                FileType::RegularFile if self.walk.idle.load(Ordering::Relaxed) > 0 => {
                    given.push(name);
                    if given.count == GIVEN {
                        let names = std::mem::take(&mut given);
                        self.walk.give(Work::Files(Arc::clone(directory), names));
                    }
                }
                FileType::RegularFile => self.file(directory, name)?,
                _ => {}
            }
            if self.walk.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
        if !below.is_empty() {
            self.walk.give(Work::Directories(Arc::clone(directory), below));
        }
        self.one_batch(directory, given)
    }

    /// The names that were not enough to be given away.
    fn one_batch(&mut self, directory: &Directory, mut names: Names) -> io::Result<()> {
        while let Some(name) = names.next() {
            self.file(directory, name)?;
        }
        Ok(())
    }

    fn file(&mut self, directory: &Directory, name: &CStr) -> io::Result<()> {
        let shown = Name { directory: &directory.path, entry: name.to_bytes() };
        let (file, stat) = match open_at(&directory.fd, name, OFlags::NOFOLLOW) {
            Ok(opened) => opened,
            // It is gone, or is a symbolic link or a socket now; or it is of a process that is gone or has no memory.
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::SRCH) => return Ok(()),
            Err(errno) => {
                let failure = InputFailure::os(shown.quoted(), "open", &errno.into());
                return self.walk.telling.sort(Err(failure));
            }
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind != FileType::RegularFile || !self.walk.selection.is_wanted(kind, &stat) {
            return Ok(());
        }
        let identity = (stat.st_dev, stat.st_ino);
        if stat.st_nlink > 1 && !self.walk.is_new(&self.walk.linked, identity)
            || self.walk.named.contains(&identity)
        {
            return Ok(());
        }
        let result = self.visitor.visit(Chosen { name: shown, file, stat });
        self.walk.telling.sort(result)
    }

    fn tell(&self, path: &[u8], what: &'static str, errno: Errno) -> io::Result<()> {
        let path = PathBuf::from(std::ffi::OsString::from_vec(path.to_vec()));
        let failure: Failure = InputFailure::os(quoted(&path), what, &errno.into());
        self.walk.telling.sort(Err(failure))
    }
}

/// What an entry is; asked for where the file system does not say it with the names.
fn kind_of(directory: &Directory, name: &CStr, told: FileType) -> FileType {
    match told {
        FileType::Unknown => rustix::fs::statat(&directory.fd, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
        told => told,
    }
}

/// File systems that the kernel makes up as they are read, so that nothing of them is in the page cache: the magic numbers
/// of linux/magic.h. Opening their files can have effects, so trees are not followed into them.
const MADE_UP: [u32; 13] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0xcafe_4a11, // bpf
    0x6165_676c, // pstore
    0x6265_6570, // configfs
    0xde5e_81e4, // efivarfs
    0x4249_4e4d, // binfmt_misc
    0x1980_0202, // mqueue
];

fn is_without_pages(fd: impl AsFd) -> bool {
    rustix::fs::fstatfs(fd)
        .is_ok_and(|fs| u32::try_from(fs.f_type).is_ok_and(|magic| MADE_UP.contains(&magic)))
}
