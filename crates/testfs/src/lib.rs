//! File systems for tests: the one that is there, tmpfs, ext4, xfs and btrfs on loop images, an overlay, one in user
//! space, ones that are read-only, one of huge pages, a full one, and one on a device that fails or whose power is cut.
//!
//! A test asks for a [`FileSystem`] of a [`Kind`] and works under its [`path`](FileSystem::path). Most need root and the
//! file system's mkfs. Where one cannot be had, the reason goes to standard error in one line, past the test harness'
//! capture, and the test gets `None`:
//!
//! ```text
//! skipped: xfs: not root (test lease::truncate_waits)
//! ```
//!
//! With `FOLIO_REQUIRE_FS=1` in the environment (continuous integration runs as root) an absence is a panic instead.
//!
//! Everything is taken down when the value is dropped, a panic included: unmounted, lazily if a file is still open or
//! mapped, and removed. What a killed test process leaves is swept up by the next one. Names hold the process id and a
//! counter, so any number of tests can run side by side.
//!
//! ```
//! use testfs::Kind;
//! let outcome = testfs::each(&[Kind::Here, Kind::Tmpfs], |fs| {
//!     std::fs::write(fs.path().join("greeting"), b"hello").unwrap();
//! });
//! assert_eq!(outcome.ran + outcome.skipped, 2);
//! assert!(outcome.ran >= 1, "Kind::Here is always there");
//! ```
#![forbid(unsafe_code)]

pub mod alone;
mod cut;
mod device;
mod mount;
mod pool;
mod power;

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

pub use cut::CutDevice;
use mount::{Mount, Scratch};
use pool::Pool;
pub use power::{AfterCut, PowerDevice};
use rustix::fs::Access;

const MIB: u64 = 1 << 20;
/// How many huge pages a hugetlbfs is given.
const HUGE_PAGES: u64 = 8;

/// Which file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A directory for temporary files on whatever is there ([`with_leases`]); always to be had.
    Here,
    /// tmpfs(5), 64 MiB unless asked otherwise.
    Tmpfs,
    /// ext4 on a loop image.
    Ext4,
    /// XFS with reflinks on a loop image.
    Xfs,
    /// Btrfs on a loop image.
    Btrfs,
    /// overlayfs whose layers are in a tmpfs.
    Overlay,
    /// A FUSE file system: bindfs, which shows a directory of a tmpfs.
    Fuse,
    /// The same without a page cache of its own (direct I/O), where the kernel maps no file shared.
    FuseDirect,
    /// SquashFS on a loop image: read-only, with one file of 64 KiB named `file`.
    Squashfs,
    /// EROFS, likewise.
    Erofs,
    /// hugetlbfs with pages of the system's usual size, 8 of them. Files there are made longer and mapped; write(2) is refused.
    Hugetlbfs,
}

/// The kinds that the guarantees are tested on.
pub const DISKS: &[Kind] = &[Kind::Ext4, Kind::Tmpfs, Kind::Xfs, Kind::Btrfs];

impl Kind {
    /// The name that mount(8) knows it by; `here` for [`Kind::Here`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Tmpfs => "tmpfs",
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Overlay => "overlay",
            Self::Fuse => "fuse",
            Self::FuseDirect => "fuse with direct I/O",
            Self::Squashfs => "squashfs",
            Self::Erofs => "erofs",
            Self::Hugetlbfs => "hugetlbfs",
        }
    }

    /// The size when none is asked for, in bytes. mkfs.xfs makes nothing below 300 MiB; images are sparse.
    const fn usual_size(self) -> u64 {
        match self {
            Self::Here | Self::Hugetlbfs => 0,
            Self::Tmpfs | Self::Overlay | Self::Fuse | Self::FuseDirect => 64 * MIB,
            Self::Ext4 => 128 * MIB,
            Self::Xfs => 320 * MIB,
            Self::Btrfs => 256 * MIB,
            // As large as what is in them.
            Self::Squashfs | Self::Erofs => 0,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A file system of a test's own.
#[derive(Debug)]
pub struct FileSystem {
    kind: Kind,
    root: PathBuf,
    // Dropped in this order: the overlay before the tmpfs below it, the mounts before the directory that they are on.
    _mounts: Vec<Mount>,
    _pool: Option<Pool>,
    _scratch: Scratch,
}

impl FileSystem {
    /// A file system of `kind` and the usual size; `None`, with a line on standard error, where it cannot be had.
    ///
    /// # Panics
    /// With `FOLIO_REQUIRE_FS=1` instead of `None`.
    #[must_use]
    pub fn new(kind: Kind) -> Option<Self> {
        Self::with_size(kind, kind.usual_size())
    }

    /// A file system of `kind` and `size` bytes ([`Kind::Here`] is as large as it is).
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub fn with_size(kind: Kind, size: u64) -> Option<Self> {
        present(kind.name(), Self::try_new(kind, size))
    }

    fn try_new(kind: Kind, size: u64) -> Result<Self, Absence> {
        let dir = if kind == Kind::Here { with_leases() } else { std::env::temp_dir() };
        let scratch = Scratch::new(&dir)?;
        let at = scratch.dir("mount")?;
        let pool = if kind == Kind::Hugetlbfs { Some(Pool::grow(HUGE_PAGES)?) } else { None };
        let (root, mounts) = match kind {
            Kind::Here => (at, Vec::new()),
            Kind::Tmpfs => (at.clone(), vec![Mount::tmpfs(&at, size)?]),
            Kind::Ext4 | Kind::Xfs | Kind::Btrfs => {
                let image = device::Image::new(&scratch, size)?;
                image.make(kind)?;
                let device = image.attach(device::Io::Buffered)?;
                (at.clone(), vec![Mount::device(device.path(), &at, kind)?])
            }
            Kind::Overlay => {
                let layers = scratch.dir("layers")?;
                let below = Mount::tmpfs(&layers, size)?;
                (at.clone(), vec![Mount::overlay(&layers, &at)?, below])
            }
            Kind::Fuse | Kind::FuseDirect => {
                let layers = scratch.dir("layers")?;
                let below = Mount::tmpfs(&layers, size)?;
                (at.clone(), vec![Mount::bindfs(&layers, &at, kind)?, below])
            }
            Kind::Squashfs | Kind::Erofs => {
                let image = device::Image::of_one_file(&scratch, kind)?;
                let device = image.attach(device::Io::Buffered)?;
                (at.clone(), vec![Mount::device(device.path(), &at, kind)?])
            }
            Kind::Hugetlbfs => (at.clone(), vec![Mount::hugetlbfs(&at)?]),
        };
        Ok(Self { kind, root, _mounts: mounts, _pool: pool, _scratch: scratch })
    }

    /// The directory that it is mounted on.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Fill it to the last byte with a file named `filler`, so that no hole of another file can get a page.
    ///
    /// # Errors
    /// What writing answered, if it was anything but "no space".
    ///
    /// # Panics
    /// For [`Kind::Here`]: nobody wants the real disk full.
    pub fn fill(&self) -> io::Result<()> {
        assert_ne!(self.kind, Kind::Here, "only a file system of the test's own may be filled");
        let mut filler =
            File::options().create(true).append(true).open(self.root.join("filler"))?;
        for step in [1 << 20, 4096, 1] {
            let zeros = vec![0u8; step];
            loop {
                match filler
                    .write(&zeros)
                    .and_then(|_| if step == 1 { Ok(()) } else { filler.sync_data() })
                {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// How many file systems a test ran on and how many it went without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Those that were there.
    pub ran: usize,
    /// Those that were not; each had a line on standard error.
    pub skipped: usize,
}

/// Run `body` on a fresh file system of each of `kinds` that can be had.
///
/// # Panics
/// If `body` does, after saying which file system it was; and as [`FileSystem::new`].
pub fn each(kinds: &[Kind], mut body: impl FnMut(&FileSystem)) -> Outcome {
    let mut outcome = Outcome::default();
    for &kind in kinds {
        let Some(fs) = FileSystem::new(kind) else {
            outcome.skipped += 1;
            continue;
        };
        let on = Announce(kind);
        body(&fs);
        drop(on);
        outcome.ran += 1;
    }
    outcome
}

/// Says on which file system a test panicked.
struct Announce(Kind);

impl Drop for Announce {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was on {}", self.0);
        }
    }
}

static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// How many file systems this process has gone without so far.
#[must_use]
pub fn skipped() -> usize {
    SKIPPED.load(Ordering::Relaxed)
}

/// Say in one line on standard error that the running test went without `what`, and why, as the file systems do. For
/// whatever else a machine can lack.
///
/// # Panics
/// With `FOLIO_REQUIRE_FS=1`.
pub fn skip(what: impl fmt::Display, why: impl fmt::Display) {
    assert!(
        std::env::var_os("FOLIO_REQUIRE_FS").is_none_or(|set| set != "1"),
        "required here: {what}: {why}"
    );
    pass_over(what, why);
}

/// The same where no privilege and no package would help, as in a PID namespace that shows no thread of the kernel: it is
/// never a failure.
pub fn pass_over(what: impl fmt::Display, why: impl fmt::Display) {
    SKIPPED.fetch_add(1, Ordering::Relaxed);
    let thread = std::thread::current();
    let line = format!("skipped: {what}: {why} (test {})\n", thread.name().unwrap_or("unnamed"));
    // Written to the descriptor: the macros' output is captured, and a passing test's output is thrown away. If standard
    // error is closed nobody wants to know.
    let _ = io::stderr().write_all(line.as_bytes());
}

/// The directory for temporary files, or /dev/shm where the first is on an overlay, as it is in containers: for files that shall
/// be leased, and told apart by their inode numbers.
#[must_use]
pub fn with_leases() -> PathBuf {
    unless_on(OVERLAYFS, std::env::temp_dir(), Path::new("/dev/shm"))
}

/// The directory for temporary files, or /var/tmp where the first is a tmpfs: for files whose pages shall be able to leave the
/// page cache.
#[must_use]
pub fn on_disk() -> PathBuf {
    unless_on(TMPFS, std::env::temp_dir(), Path::new("/var/tmp"))
}

/// `TMPFS_MAGIC` and `OVERLAYFS_SUPER_MAGIC` of linux/magic.h.
const TMPFS: u32 = 0x0102_1994;
const OVERLAYFS: u32 = 0x794c_7630;

/// `usual`, unless it is on a file system of this `kind`, and `other` is not and can be written to.
fn unless_on(kind: u32, usual: PathBuf, other: &Path) -> PathBuf {
    let is_of_kind =
        |path: &Path| rustix::fs::statfs(path).is_ok_and(|fs| u32::try_from(fs.f_type) == Ok(kind));
    let is_open = rustix::fs::access(other, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    if is_of_kind(&usual) && is_open && !is_of_kind(other) { other.to_owned() } else { usual }
}

/// Wait until the only thread of a process sleeps. A program that was started a moment ago still loads, and what is measured
/// of it then is chance; once it waits for something of its own it maps and touches nothing more.
///
/// # Panics
/// If that process has ended.
pub fn wait_until_asleep(pid: u32) {
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // What comes before is its name, which may hold anything.
        match stat.rsplit(')').next().and_then(|after| after.trim_start().chars().next()) {
            Some('S') => return,
            None | Some('Z' | 'X') => panic!("process {pid} has ended"),
            Some(_) => std::thread::yield_now(),
        }
    }
}

/// Why a file system cannot be had here.
#[derive(Debug)]
struct Absence(String);

impl Absence {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn present<T>(what: &str, made: Result<T, Absence>) -> Option<T> {
    match made {
        Ok(there) => Some(there),
        Err(why) => {
            skip(what, why);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tmpfs_gives_way_and_to_a_disk_that_takes_files() {
        let on = |kind| FileSystem::new(kind).map(|fs| (fs.path().to_owned(), fs));
        let Some((tmpfs, _kept)) = on(Kind::Tmpfs) else { return };
        let kinds = [(Kind::Ext4, true), (Kind::Squashfs, false), (Kind::Tmpfs, false)];
        for (kind, gives_way) in kinds {
            let Some((other, _kept)) = on(kind) else { continue };
            let taken = if gives_way { &other } else { &tmpfs };
            assert_eq!(unless_on(TMPFS, tmpfs.clone(), &other), *taken, "{kind}");
            assert_eq!(unless_on(TMPFS, other.clone(), &tmpfs), other, "{kind}");
        }
        assert_eq!(unless_on(TMPFS, tmpfs.clone(), Path::new("/no/such")), tmpfs);
    }
}
