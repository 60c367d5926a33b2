//! A full disk under a hole that is mapped.
//!
//! Nobody's disk need be filled for it: a tmpfs of sixteen pages, which no path leads to, is full at once. It is made in a
//! mount namespace of this process's own, and for ordinary users in a user namespace, where they may mount.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use folio::raw::{self, MapFlags, Mapping, Msync, Namespaces, Protection, Sharing, Touch, Touched};
use folio::{ErrorKind, SharedMut};
use rustix::fs::{FallocateFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

use super::errno;
use super::figures::{self, size};
use super::rights::Rights;
use crate::doctor::experiment::{Experiment, Finding, Unable};
use crate::doctor::place::{FillDisk, Place};

pub(super) const FULL_DISK: Experiment = Experiment {
    name: "full-disk",
    about: "store into a hole of a file on a full file system",
    source: "mmap(2), SIGBUS; mm/shmem.c:shmem_fault",
    run: full_disk,
};

/// The size of the file system, in pages.
const ROOM_PAGES: u64 = 16;
/// The size of the file with holes, in bytes.
const HOLE: u64 = 1 << 20;
/// How much may be free on a disk that is filled.
const MOST_FREE: u64 = 1 << 30;

fn full_disk(place: &Place) -> Result<Vec<Finding>, Unable> {
    let mut findings = Vec::new();
    match place.fill_disk() {
        FillDisk::Allowed => findings.extend(own_file_system(place)?),
        FillDisk::Forbidden => {}
    }
    findings.extend(small_tmpfs(place)?);
    Ok(findings)
}

fn small_tmpfs(place: &Place) -> Result<Vec<Finding>, Unable> {
    let root = match mount_small(ROOM_PAGES * place.page_size()) {
        Ok(root) => root,
        Err(why) => {
            let finding = Finding::not_here(PROMISED, why, NOT_TRIED);
            let finding = Rights::now().add(finding, "a small tmpfs can be mounted and filled");
            return Ok(vec![finding]);
        }
    };
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC;
    let hole = rustix::fs::openat(&root, "hole", flags, Mode::RUSR | Mode::WUSR)
        .map_err(|why| Unable::failed("make a file on a tmpfs", why))?;
    let hole = File::from(hole);
    hole.set_len(HOLE).map_err(|error| Unable::failed("make a hole", error))?;
    on_full(&hole, "tmpfs")
}

const PROMISED: &str = "a store into a hole on a full file system is SIGBUS";
const NOT_TRIED: &str =
    "not tried: put space aside with fallocate before you map, whatever the file system";

/// A tmpfs of `room` bytes that nobody else sees, which goes with its last descriptor.
fn mount_small(room: u64) -> Result<OwnedFd, String> {
    leave_namespaces()?;
    let mount = || {
        let tmpfs = rustix::mount::fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        rustix::mount::fsconfig_set_string(&tmpfs, "size", room.to_string())?;
        rustix::mount::fsconfig_create(&tmpfs)?;
        rustix::mount::fsmount(&tmpfs, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
    };
    mount().map_err(|why: Errno| forbidden(&why.into()))
}

/// Root needs no user namespace, unless it is root of a container.
fn leave_namespaces() -> Result<(), String> {
    if raw::unshare(Namespaces::Mount).is_ok() {
        return Ok(());
    }
    let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
    raw::unshare(Namespaces::UserAndMount).map_err(|error| forbidden(&error))?;
    map_ids(user.as_raw(), group.as_raw())
        .map_err(|error| format!("writing /proc/self/uid_map gives {}", errno::name(&error)))
}

/// Be the same user in the new user namespace; user_namespaces(7).
fn map_ids(user: u32, group: u32) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

/// Why there is no namespace to mount in, and which setting says so.
fn forbidden(error: &io::Error) -> String {
    let answer = errno::name(error);
    let off = |path: &str, forbids: u64| figures::setting(path) == Some(forbids);
    if off("/proc/sys/kernel/unprivileged_userns_clone", 0) {
        format!("no user namespace: kernel.unprivileged_userns_clone is 0 ({answer})")
    } else if off("/proc/sys/user/max_user_namespaces", 0) {
        format!("no user namespace: user.max_user_namespaces is 0 ({answer})")
    } else if off("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1) {
        format!("no mount: kernel.apparmor_restrict_unprivileged_userns is 1 ({answer})")
    } else {
        format!("no mount of its own is allowed here ({answer})")
    }
}

/// `hole` is a file of one hole, on a file system with less room than that, which this fills.
fn on_full(hole: &File, on: &str) -> Result<Vec<Finding>, Unable> {
    let mapping = mapped(hole)?;
    let stored = raw::observe_touches(&mapping, 0..mapping.len(), Touch::Store(1))
        .map_err(|error| Unable::failed("fork", error))?;
    let findings = if stored.signal.is_none() {
        // There is no hole any more, and nothing to ask beforehand.
        vec![bare_store(&stored).part("store"), flushed(&mapping).part("flush")]
    } else {
        vec![
            bare_store(&stored).part("store"),
            bare_load(hole, &mapping)?.part("load"),
            through_folio(hole)?.part("folio"),
            asked_first(hole).part("fallocate"),
        ]
    };
    let named = |finding: Finding| {
        let part = format!("{on}-{}", finding.part.as_deref().unwrap_or_default());
        finding.part(part)
    };
    Ok(findings.into_iter().map(named).collect())
}

fn mapped(hole: &File) -> Result<Mapping, Unable> {
    let len = usize::try_from(HOLE).unwrap_or(usize::MAX);
    let access = Protection::READ | Protection::WRITE;
    Mapping::file(hole, 0, len, access, Sharing::Shared, MapFlags::empty())
        .map_err(|error| Unable::unmapped("map the file", error))
}

/// A store to each byte, in a process that may die of it.
fn bare_store(stored: &Touched) -> Finding {
    match stored.signal {
        Some(SIGBUS) => {
            let done = u32::try_from(stored.done).unwrap_or(u32::MAX);
            Finding::ok(PROMISED, format!("SIGBUS after {}", size(stored.done as u64)))
                .measured("stored_bytes", f64::from(done))
        }
        Some(signal) => {
            Finding::differs(PROMISED, format!("signal {signal}"), "no handler expects that signal")
        }
        None => Finding::differs(
            PROMISED,
            format!("all {} are stored", size(HOLE)),
            "a store tells nothing of a full disk: only a flush does, and what was stored is lost",
        ),
    }
}

const SIGBUS: i32 = rustix::process::Signal::BUS.as_raw();

/// Where a store needs no space, the flush has to tell.
fn flushed(mapping: &Mapping) -> Finding {
    const PROMISED: &str = "where the store succeeds, msync reports that there is no space";
    match mapping.sync(0..mapping.len(), Msync::Sync) {
        Err(error) => Finding::ok(PROMISED, format!("msync gives {}", errno::name(&error))),
        Ok(()) => Finding::differs(
            PROMISED,
            "msync succeeds",
            "either the disk was not full, or what was stored is lost without a word",
        ),
    }
}

/// A hole cannot even be read where a page for it would take room.
fn bare_load(hole: &File, mapping: &Mapping) -> Result<Finding, Unable> {
    const PROMISED: &str = "read(2) of such a hole gives zeros; a load may be SIGBUS";
    let last = mapping.len() - 1;
    let touched = raw::observe_touches(mapping, last..last + 1, Touch::Load)
        .map_err(|error| Unable::failed("fork", error))?;
    let mut byte = [1];
    let read = match hole.read_exact_at(&mut byte, HOLE - 1) {
        Ok(()) => byte[0].to_string(),
        Err(error) => errno::name(&error),
    };
    let load = match (touched.signal, touched.bytes.first()) {
        (Some(SIGBUS), _) => "SIGBUS".to_owned(),
        (Some(signal), _) => format!("signal {signal}"),
        (None, Some(byte)) => byte.to_string(),
        (None, None) => "nothing".to_owned(),
    };
    let seen = format!("read gives {read}, a load {load}");
    Ok(if read == "0" && (load == "0" || load == "SIGBUS") {
        Finding::ok(PROMISED, seen)
    } else {
        Finding::differs(PROMISED, seen, "a hole cannot be relied on to be zeros")
    })
}

/// The same stores through folio, in this process.
fn through_folio(hole: &File) -> Result<Finding, Unable> {
    const PROMISED: &str = "through folio it is an error, and the process lives";
    let mapping = SharedMut::from_file(hole)
        .map_err(|error| Unable::unmapped_by_folio("map the file with folio", &error))?;
    let stored = mapping.fill(.., 2);
    Ok(match stored {
        Err(error) if error.kind() == ErrorKind::NoSpace => Finding::ok(PROMISED, "NoSpace"),
        Err(error) => {
            Finding::differs(PROMISED, error.reason().to_string(), "the error names another cause")
        }
        Ok(()) => {
            Finding::differs(PROMISED, "no error", "nothing is known of the space that there is")
        }
    })
}

fn asked_first(hole: &File) -> Finding {
    const PROMISED: &str = "fallocate says so beforehand, with ENOSPC";
    match rustix::fs::fallocate(hole, FallocateFlags::empty(), 0, HOLE) {
        Err(Errno::NOSPC) => Finding::ok(PROMISED, "ENOSPC"),
        Err(why) => Finding::not_here(
            PROMISED,
            errno::name(&why.into()),
            "write zeros before you map, or a store into a hole is SIGBUS",
        ),
        Ok(()) => Finding::differs(
            PROMISED,
            "success",
            "fallocate puts nothing aside: write zeros before you map",
        ),
    }
}

/// DIR's own file system, filled by a file without a name, which goes with this process whatever becomes of it.
fn own_file_system(place: &Place) -> Result<Vec<Finding>, Unable> {
    let scratch = place.scratch()?;
    let statvfs =
        rustix::fs::statvfs(scratch).map_err(|why| Unable::failed("ask for the space", why))?;
    let free = statvfs.f_bfree.saturating_mul(statvfs.f_frsize);
    if free > MOST_FREE {
        let seen = format!("{} MiB are free, more than {}", free >> 20, size(MOST_FREE));
        let finding = Finding::not_here(
            PROMISED,
            seen,
            "a disk with so much room is not filled: try a small file system",
        );
        return Ok(vec![finding.part("dir-store")]);
    }
    let hole = place.file("hole", 0)?;
    hole.set_len(HOLE).map_err(|error| Unable::failed("make a hole", error))?;
    hole.sync_all().map_err(|error| Unable::failed("write the file out", error))?;
    let filler = unnamed(place)?;
    let full = fill(&filler).map_err(|error| Unable::failed("fill the file system", error))?;
    let findings = match full {
        Full::Yes => on_full(&hole, "dir"),
        Full::NotInTime => {
            let seen = format!("not full after {} s of writing", PATIENCE.as_secs());
            Ok(vec![Finding::not_here(PROMISED, seen, NOT_TRIED).part("dir-store")])
        }
    };
    drop(filler);
    findings
}

/// How long filling may take, where it has to be done by writing.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the file system is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    Yes,
    NotInTime,
}

/// A file without a name: where there is no O_TMPFILE, one whose name is taken away at once.
fn unnamed(place: &Place) -> Result<File, Unable> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::EXCL;
    if let Ok(file) = rustix::fs::open(place.scratch()?, flags, Mode::RUSR | Mode::WUSR) {
        return Ok(file.into());
    }
    let file = place.file("filler", 0)?;
    fs::remove_file(place.path("filler")?)
        .map_err(|error| Unable::failed("remove the filler", error))?;
    Ok(file)
}

/// Take all space, in pieces that become smaller.
fn fill(filler: &File) -> io::Result<Full> {
    let mut end = 0;
    let mut piece = MOST_FREE;
    while piece >= 4096 {
        match rustix::fs::fallocate(filler, FallocateFlags::empty(), end, piece) {
            Ok(()) => end += piece,
            Err(Errno::NOSPC | Errno::DQUOT) => piece /= 2,
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP) => break,
            Err(why) => return Err(why.into()),
        }
    }
    write_until_full(filler, end)
}

/// What fallocate left over or cannot do. A write that succeeds may only have been promised its space: what is smaller is
/// written after all that was larger is on the disk.
fn write_until_full(filler: &File, mut end: u64) -> io::Result<Full> {
    let start = Instant::now();
    for piece in [4 << 20, 64 << 10, 4096] {
        let bytes = vec![1; piece];
        loop {
            if start.elapsed() > PATIENCE {
                return Ok(Full::NotInTime);
            }
            match filler.write_at(&bytes, end) {
                Ok(written) => end += written as u64,
                Err(error) if no_space(&error) => break,
                Err(error) => return Err(error),
            }
        }
        filler.sync_data().or_else(|error| if no_space(&error) { Ok(()) } else { Err(error) })?;
    }
    Ok(Full::Yes)
}

fn no_space(error: &io::Error) -> bool {
    errno::is(error, Errno::NOSPC) || errno::is(error, Errno::DQUOT)
}
