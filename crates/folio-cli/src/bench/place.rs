//! What is measured: a file that was named, which is only read, or one of bench's own in a directory that was.
//!
//! The file of bench's own has no name (`O_TMPFILE`), so it is gone when bench ends, however it ends.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FallocateFlags, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use crate::failure::{Failure, InputFailure};
use crate::name::quoted;

use super::plan::{BLOCK, RECORD, Random};

/// What is measured of a file that was named, and how long one of bench's own is, unless `--size` says otherwise.
const DEFAULT_SIZE: u64 = 1 << 30;
/// The least that a file of bench's own is worth making with.
const SMALLEST: u64 = 1 << 20;

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// It was named; it is not written.
    Named,
    /// It was made in the directory that was named.
    Own,
}

/// A file that is read.
#[derive(Debug)]
pub(super) struct Subject {
    /// Open for reading alone.
    pub(super) file: File,
    /// The same, open with O_DIRECT, or why not.
    pub(super) direct: Result<File, String>,
    /// What was named, fit for a terminal.
    pub(super) name: String,
    pub(super) whose: Whose,
    /// Length, in bytes.
    pub(super) len: u64,
    /// So many bytes of it, from the first, are measured.
    pub(super) span: u64,
    pub(super) filesystem: String,
    /// Length and time of the last write when it was opened.
    written: (u64, i64, i64),
}

/// A path on the command line.
#[derive(Debug)]
pub(super) enum Place {
    File(Subject),
    Dir { path: PathBuf, subject: Subject },
}

impl Place {
    /// Open what `path` names. `size` is how much to measure, in bytes; bounded by what there is, if that was not said.
    pub(super) fn open(path: &Path, size: Option<u64>, quick: bool) -> Result<Self, Failure> {
        let name = quoted(path);
        let failed = |error: Errno| InputFailure::os(name.clone(), "open", &error.into());
        // A FIFO without a writer would wait for one.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = File::from(rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(failed)?);
        let metadata =
            file.metadata().map_err(|error| InputFailure::os(name.clone(), "open", &error))?;
        let wanted = size.unwrap_or(if quick { DEFAULT_SIZE / 4 } else { DEFAULT_SIZE });
        if metadata.is_dir() {
            let own = make_file(path, &name, size, wanted)?;
            let len = own
                .metadata()
                .map_err(|error| InputFailure::os(name.clone(), "open", &error))?
                .len();
            let subject = Subject::new(own, name, Whose::Own, len, len)?;
            return Ok(Self::Dir { path: path.to_owned(), subject });
        }
        let kind = metadata.file_type();
        let len = if kind.is_file() {
            metadata.len()
        } else if kind.is_block_device() {
            rustix::fs::seek(&file, SeekFrom::End(0)).map_err(failed)?
        } else {
            return Err(InputFailure::refused(
                name,
                "is neither a file, a block device nor a directory: there is nothing to read twice",
            ));
        };
        if len == 0 {
            return Err(InputFailure::refused(name, "is empty: there is nothing to read"));
        }
        let most = memory_available().map_or(wanted, |free| wanted.min(free / 2)).max(RECORD);
        let wanted = if size.is_some() { wanted } else { most };
        // Where the file goes on, the last record is a whole one.
        let span = if wanted < len { (wanted / RECORD * RECORD).max(RECORD).min(len) } else { len };
        Subject::new(file, name, Whose::Named, len, span).map(Self::File)
    }

    pub(super) fn subject(&self) -> &Subject {
        match self {
            Self::File(subject) | Self::Dir { subject, .. } => subject,
        }
    }

    /// Where files may be made.
    pub(super) fn directory(&self) -> Option<&Path> {
        match self {
            Self::File(_) => None,
            Self::Dir { path, .. } => Some(path),
        }
    }
}

impl Subject {
    fn new(file: File, name: String, whose: Whose, len: u64, span: u64) -> Result<Self, Failure> {
        let direct = reopen(&file, OFlags::DIRECT).map_err(|errno| match errno {
            Errno::INVAL => "this file system has no O_DIRECT".to_owned(),
            errno => {
                format!("cannot open it with O_DIRECT: {}", crate::failure::why(&errno.into()))
            }
        });
        let filesystem = filesystem(&file);
        let mut subject =
            Self { file, direct, name, whose, len, span, filesystem, written: (0, 0, 0) };
        subject.written = subject.state().map_err(|error| subject.failed("look at", &error))?;
        Ok(subject)
    }

    /// The file once more, with a position of its own.
    pub(super) fn reopened(&self) -> io::Result<File> {
        Ok(reopen(&self.file, OFlags::empty())?)
    }

    /// `name: cannot WHAT: WHY`
    pub(super) fn failed(&self, what: &'static str, error: &io::Error) -> Failure {
        InputFailure::os(self.name.clone(), what, error)
    }

    /// An error if the file is shorter than what is measured of it.
    pub(super) fn check_length(&self) -> Result<(), Failure> {
        let metadata = self.file.metadata().map_err(|error| self.failed("look at", &error))?;
        if metadata.is_file() && metadata.len() < self.span {
            return Err(InputFailure::truncated(self.name.clone(), self.len, metadata.len()));
        }
        Ok(())
    }

    /// Whether somebody wrote to the file since it was opened.
    pub(super) fn was_written(&self) -> bool {
        self.state().map_or(true, |now| now != self.written)
    }

    fn state(&self) -> io::Result<(u64, i64, i64)> {
        let metadata = self.file.metadata()?;
        Ok((metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
    }
}

/// The same file again, as a description of its own.
pub(super) fn reopen(file: &impl AsFd, flags: OFlags) -> Result<File, Errno> {
    let link = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | flags;
    rustix::fs::openat(CWD, link, flags, Mode::empty()).map(File::from)
}

/// A file without a name in `dir`, open for reading and writing.
pub(super) fn nameless(dir: &Path) -> Result<File, Errno> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    match rustix::fs::openat(CWD, dir, flags | OFlags::TMPFILE, mode) {
        // The file system cannot make one: then it has a name for an instant.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
            let path = dir.join(format!(".folio-bench-{}", std::process::id()));
            let file = rustix::fs::openat(CWD, &path, flags | OFlags::CREATE | OFlags::EXCL, mode)?;
            rustix::fs::unlinkat(CWD, &path, rustix::fs::AtFlags::empty())?;
            Ok(File::from(file))
        }
        made => made.map(File::from),
    }
}

/// Make the file to read in `dir`: random bytes, on the device, open for reading alone.
fn make_file(dir: &Path, name: &str, size: Option<u64>, wanted: u64) -> Result<File, Failure> {
    let failed = |what, error: &io::Error| InputFailure::os(name.to_owned(), what, error);
    let space = rustix::fs::statvfs(dir).map_err(|errno| failed("look at", &errno.into()))?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let bound = memory_available().map_or(free / 4, |memory| (free / 4).min(memory / 4));
    // What was asked for is tried; what was not is bounded.
    let len = size.unwrap_or_else(|| wanted.min(bound).max(SMALLEST)).max(1);
    if len > free {
        return Err(failed("make a file in", &Errno::NOSPC.into()));
    }
    let mut file = nameless(dir).map_err(|errno| failed("make a file in", &errno.into()))?;
    // In one piece where the file system can, and a full disk is found before it is full. Where it cannot, writing does both.
    let reserved = rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, len);
    if let Err(errno @ (Errno::NOSPC | Errno::DQUOT)) = reserved {
        return Err(failed("make a file in", &errno.into()));
    }
    // A failure here leaves nothing: the file has no name.
    fill(&mut file, len).map_err(|error| failed("fill a file in", &error))?;
    reopen(&file, OFlags::empty()).map_err(|errno| failed("open the file made in", &errno.into()))
}

/// Write `len` random bytes and wait until they are on the device.
fn fill(file: &mut File, len: u64) -> io::Result<()> {
    let mut random = Random(0x0066_6f6c_696f);
    let mut bytes: Vec<u8> = Vec::with_capacity(1 << 20);
    let mut left = len;
    while left > 0 {
        bytes.clear();
        while bytes.len() < 1 << 20 {
            bytes.extend_from_slice(&random.next().to_le_bytes());
        }
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        file.write_all(&bytes[..now])?;
        left -= now as u64;
    }
    file.sync_all()
}

/// What memory could be used without swapping, in bytes: `MemAvailable` of proc_meminfo(5).
pub(super) fn memory_available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// `TMPFS_MAGIC` of statfs(2).
const TMPFS: u64 = 0x0102_1994;
/// `RAMFS_MAGIC`, likewise.
const RAMFS: u64 = 0x8584_58f6;

/// Whether the file system has no device to read from: what it holds is its page cache. The file system of a block device is that of /dev,
/// which says nothing of the device.
pub(super) fn is_in_memory(file: &File) -> bool {
    !is_block_device(file)
        && rustix::fs::fstatfs(file).is_ok_and(|fs| {
            let magic = u64::from(u32::try_from(fs.f_type & 0xffff_ffff).unwrap_or(0));
            [TMPFS, RAMFS].contains(&magic)
        })
}

pub(super) fn is_block_device(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.file_type().is_block_device())
}

/// The file system's name, as in the mount table; `?` where it is not told.
fn filesystem(file: &File) -> String {
    let unknown = || "?".to_owned();
    if is_block_device(file) {
        return "block device".to_owned();
    }
    let Ok(metadata) = file.metadata() else { return unknown() };
    let wanted = (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mountinfo") else { return unknown() };
    // `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`, proc_pid_mountinfo(5)
    let named = mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let (major, minor) = mount.split(' ').nth(2)?.split_once(':')?;
        let is_it = (major.parse(), minor.parse()) == (Ok(wanted.0), Ok(wanted.1));
        is_it.then(|| kind.split(' ').next().unwrap_or("?").to_owned())
    });
    named.unwrap_or_else(unknown)
}

/// Read all of the first `span` bytes once, so that they are in memory, and say how many there were.
pub(super) fn read_through(file: &File, span: u64) -> io::Result<u64> {
    let mut buffer = crate::buffer::Buffer::new(usize::try_from(BLOCK).unwrap_or(1 << 18));
    let mut at = 0;
    while at < span {
        let want = usize::try_from((span - at).min(BLOCK)).unwrap_or(1 << 18);
        match file.read_at(&mut buffer.get()[..want], at) {
            Ok(0) => break,
            Ok(n) => at += n as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_its_own_is_random_has_no_name_and_cannot_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::open(dir.path(), Some((1 << 20) + 77), false).unwrap();
        let subject = place.subject();
        assert_eq!(
            (subject.whose, subject.len, subject.span),
            (Whose::Own, (1 << 20) + 77, (1 << 20) + 77)
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!((&subject.file).write_all(b"x").is_err());
        assert_eq!(read_through(&subject.file, subject.span).unwrap(), subject.span);
        assert!(!subject.was_written());
    }

    #[test]
    fn a_write_is_noticed_and_a_truncation_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, vec![1; 10_000]).unwrap();
        let place = Place::open(&path, None, false).unwrap();
        assert_eq!(place.directory(), None);
        place.subject().check_length().unwrap();
        std::fs::write(&path, [2; 10]).unwrap();
        assert!(place.subject().was_written());
        assert!(place.subject().check_length().is_err());
    }

    #[test]
    fn more_than_the_disk_has_is_refused_before_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Place::open(dir.path(), Some(1 << 60), false).is_err());
    }

    #[test]
    fn there_is_memory() {
        assert!(memory_available().unwrap() > 1 << 20);
    }
}
