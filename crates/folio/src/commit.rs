//! How the changes of a [`Private`] become the file's: atomically, or in place.

use core::ops::Range;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, RenameFlags, Stat, Uid, XattrFlags};
use rustix::io::Errno;

use crate::error::{Cause, Error, Result};
use crate::guarantee::Guarantees;
use crate::private::Private;
use crate::room;
use crate::snapshot;
use crate::source::{Needs, Source, State, magic_link, path_of, reopen};

/// The ranges of the mapping that are to be written.
type Changes = [Range<usize>];

/// Write a new file with the changes and put it in the place of `file`; the result maps the new one.
pub(crate) fn replace(draft: &Private, file: &Source, changes: &Changes) -> Result<Private> {
    let target = Target::find(file)?;
    let written = write_new(&target, draft, file, changes)?;
    keep_metadata(file.as_fd(), &target.stat, written.as_fd())?;
    rustix::fs::fsync(&written).map_err(os)?;
    // A lease needs that nobody has it open for writing, folio included.
    let reading = reopen(written.as_fd(), OFlags::RDONLY).map_err(os)?;
    drop(written);
    let source = Source::from_fd(reading.as_fd(), Needs::Read)?.named(&target.path);
    let renewed = map_again(draft, &source)?;
    target.check_unchanged(file)?;
    target.install(reading.as_fd())?;
    Ok(renewed)
}

/// Write the changes into `file`; the result maps it anew.
pub(crate) fn write_into(draft: &Private, file: &Source, changes: &Changes) -> Result<Private> {
    // This breaks the draft's own lease; the watcher puts the draft out of reach first.
    let writing = reopen(file.as_fd(), OFlags::RDWR).map_err(os)?;
    unchanged(file, &rustix::fs::fstat(&writing).map_err(os)?)?;
    write_changes(writing.as_fd(), draft, changes)?;
    rustix::fs::fdatasync(&writing).map_err(os)?;
    drop(writing);
    map_again(draft, file)
        .map_err(|error| Error::new("map again, with the changes in it,", error.into_cause()))
}

/// Map `file` as `draft` was, or else under any guarantee: a process that is being started may for an instant have
/// inherited a descriptor that can write, and then there is no lease.
fn map_again(draft: &Private, file: &Source) -> Result<Private> {
    let any = draft.options().clone().guarantees(Guarantees::all());
    Private::from_source(file.renewed()?, draft.options())
        .or_else(|_| Private::from_source(file.renewed()?, &any))
}

/// The file that is to be replaced.
struct Target {
    folder: OwnedFd,
    path: PathBuf,
    name: OsString,
    stat: Stat,
}

impl Target {
    /// Where `file` is now: following it if it was renamed, through symbolic links. A file of an earlier commit had no
    /// name when it was opened, so that the kernel knows none for its descriptor; folio remembers the one it gave it.
    fn find(file: &Source) -> Result<Self> {
        let by_descriptor = path_of(file.as_fd()).ok_or_else(|| os(Errno::NOENT))?;
        let target = match (Self::at(file, &by_descriptor), file.path()) {
            (Err(_), Some(given)) => Self::at(file, given)?,
            (answer, _) => answer?,
        };
        target.check_unchanged(file)?;
        if target.stat.st_nlink > 1 {
            let why = "the file has several hard links, and a new file would leave the others with the old content: commit in place";
            return Err(conflict(why));
        }
        Ok(target)
    }

    /// `file` under the name `path`, if something is there.
    fn at(file: &Source, path: &Path) -> Result<Self> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(os(Errno::NOENT));
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(folder, flags, Mode::empty()).map_err(os)?;
        rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(os)?;
        let stat = rustix::fs::fstat(file).map_err(os)?;
        Ok(Self { folder, name: name.to_owned(), path: path.to_owned(), stat })
    }

    /// An error unless the name still stands for the file as it was opened.
    fn check_unchanged(&self, file: &Source) -> Result<()> {
        let named =
            rustix::fs::statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW).map_err(os)?;
        if (named.st_dev, named.st_ino) != (self.stat.st_dev, self.stat.st_ino) {
            return Err(conflict("another file has taken its name since it was opened"));
        }
        unchanged(file, &named)
    }

    /// Give the new file a name beside the old one and rename it over that: linkat(2) does not replace a name.
    fn install(&self, new: BorrowedFd<'_>) -> Result<()> {
        let own = magic_link(new);
        let temporary = self.temporary_name();
        rustix::fs::linkat(rustix::fs::CWD, own, &self.folder, &temporary, AtFlags::SYMLINK_FOLLOW)
            .map_err(os)?;
        let renamed = rustix::fs::renameat_with(
            &self.folder,
            &temporary,
            &self.folder,
            &self.name,
            RenameFlags::empty(),
        );
        if let Err(errno) = renamed {
            // The first error is the one to tell; the name is all that is left behind if this fails too.
            let _ = rustix::fs::unlinkat(&self.folder, &temporary, AtFlags::empty());
            return Err(os(errno));
        }
        rustix::fs::fsync(&self.folder).map_err(os)
    }

    fn temporary_name(&self) -> OsString {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let mut name = OsString::from(".");
        name.push(&self.name);
        // A file name has at most 255 bytes.
        if name.len() > 200 {
            name = OsString::from(".");
        }
        name.push(format!(".folio-{pid}-{count}"));
        name
    }
}

/// An unnamed file in the target's folder with the original's bytes and the changes.
fn write_new(
    target: &Target,
    draft: &Private,
    file: &Source,
    changes: &Changes,
) -> Result<OwnedFd> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let new =
        rustix::fs::openat(&target.folder, ".", flags, Mode::RUSR | Mode::WUSR).map_err(os)?;
    if rustix::fs::ioctl_ficlone(&new, file).is_err() {
        let wrap = |cause| Error::new("commit", cause);
        snapshot::copy(file.as_fd(), 0..file.len(), new.as_fd(), &|| Ok(()), &mut None)
            .map_err(wrap)?;
    }
    write_changes(new.as_fd(), draft, changes)?;
    Ok(new)
}

fn write_changes(to: BorrowedFd<'_>, draft: &Private, changes: &Changes) -> Result<()> {
    let start = draft.file_range().start;
    let end = changes.last().map_or(0, |change| start + change.end as u64);
    room::in_a_file(end).map_err(|cause| Error::new("commit", cause))?;
    let mut written = 0;
    for change in changes {
        let mut at = change.start;
        while at < change.end {
            match rustix::io::pwrite(to, &draft[at..change.end], start + at as u64) {
                Ok(0) => return Err(os(Errno::NOSPC).with_done(written)),
                Ok(count) => {
                    at += count;
                    written += count;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(os(errno).with_done(written)),
            }
        }
    }
    Ok(())
}

/// Give `to` the owner, the extended attributes and the mode of `from`; in this order, because each can undo what comes later.
fn keep_metadata(from: BorrowedFd<'_>, stat: &Stat, to: BorrowedFd<'_>) -> Result<()> {
    let new = rustix::fs::fstat(to).map_err(os)?;
    if (new.st_uid, new.st_gid) != (stat.st_uid, stat.st_gid) {
        rustix::fs::fchown(to, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))
            .map_err(os)?;
    }
    for name in attribute_names(from)? {
        let value = attribute(from, &name)?;
        if attribute(to, &name).is_ok_and(|same| same == value) {
            continue;
        }
        rustix::fs::fsetxattr(to, &name[..], &value, XattrFlags::empty()).map_err(os)?;
    }
    rustix::fs::fchmod(to, Mode::from_raw_mode(stat.st_mode)).map_err(os)
}

/// The names of the extended attributes; none where the file system has none.
fn attribute_names(fd: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>> {
    let names = match grown(|buffer| rustix::fs::flistxattr(fd, buffer)) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(Vec::new()),
        answer => answer.map_err(os)?,
    };
    Ok(names.split(|&byte| byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
}

fn attribute(fd: BorrowedFd<'_>, name: &[u8]) -> Result<Vec<u8>> {
    grown(|buffer| rustix::fs::fgetxattr(fd, name, buffer)).map_err(os)
}

/// What `call` writes into a buffer that is made larger until it fits.
fn grown(
    call: impl Fn(&mut [u8]) -> core::result::Result<usize, Errno>,
) -> core::result::Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; 1024];
    loop {
        match call(&mut buffer) {
            Ok(len) => {
                buffer.truncate(len);
                return Ok(buffer);
            }
            Err(Errno::RANGE) if buffer.len() < 1 << 20 => buffer.resize(buffer.len() * 4, 0),
            Err(errno) => return Err(errno),
        }
    }
}

/// An error unless `now` is the file's state when it was opened.
fn unchanged(file: &Source, now: &Stat) -> Result<()> {
    if State::of(now) == file.as_opened() {
        return Ok(());
    }
    Err(conflict("the file was changed by somebody else since it was opened"))
}

fn conflict(why: &'static str) -> Error {
    Error::new("commit", Cause::Conflict(why))
}

fn os(errno: Errno) -> Error {
    Error::os("commit", errno)
}
