//! Directories and mounts that go away with their value.

use std::ffi::CString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};

use crate::device::run;
use crate::{Absence, Kind};

/// What every scratch directory's name starts with; the process id and a number follow.
const PREFIX: &str = "testfs-";

/// A directory of a test's own.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// In `dir`.
    pub(crate) fn new(dir: &Path) -> Result<Self, Absence> {
        static SWEEP: Once = Once::new();
        SWEEP.call_once(sweep);
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!("{PREFIX}{}-{number}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) => Err(Absence::new(format!("{}: {error}", path.display()))),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A new directory in it.
    pub(crate) fn dir(&self, name: &str) -> Result<PathBuf, Absence> {
        let path = self.0.join(name);
        fs::create_dir(&path)
            .map_err(|error| Absence::new(format!("{}: {error}", path.display())))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("testfs: {}: {error}", self.0.display());
        }
    }
}

/// Take down what test processes that were killed have left behind.
fn sweep() {
    for dir in [std::env::temp_dir(), crate::with_leases()] {
        sweep_dir(&dir);
    }
}

fn sweep_dir(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .and_then(|rest| rest.split('-').next());
        let Some(owner) = owner.and_then(|owner| owner.parse::<u32>().ok()) else { continue };
        if Path::new("/proc").join(owner.to_string()).exists() {
            continue;
        }
        for mounted in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
            // Most have nothing mounted there, and another sweep may have been faster.
            let _ = rustix::mount::unmount(mounted.path(), UnmountFlags::DETACH);
        }
        let _ = fs::remove_dir_all(entry.path());
    }
}

/// Something mounted on a directory.
#[derive(Debug)]
pub(crate) struct Mount(PathBuf);

impl Mount {
    pub(crate) fn tmpfs(at: &Path, size: u64) -> Result<Self, Absence> {
        Self::new(Path::new("testfs"), at, Kind::Tmpfs, &format!("size={size}"))
    }

    /// Huge pages of the usual size, as many as the system's pool has.
    pub(crate) fn hugetlbfs(at: &Path) -> Result<Self, Absence> {
        Self::new(Path::new("testfs"), at, Kind::Hugetlbfs, "")
    }

    /// The file system of `kind` that is on `device`.
    pub(crate) fn device(device: &Path, at: &Path, kind: Kind) -> Result<Self, Absence> {
        // Whatever fails on a disk is for the test to see; the kernel shall not panic or turn to read-only.
        let options = if kind == Kind::Ext4 { "errors=continue" } else { "" };
        Self::new(device, at, kind, options)
    }

    /// The file system of `kind` on a device that is a copy of one that is mounted.
    pub(crate) fn copy(device: &Path, at: &Path, kind: Kind) -> Result<Self, Absence> {
        // XFS knows copies by their UUID; Btrfs takes another one for itself (6.7).
        let options = if kind == Kind::Xfs { "nouuid" } else { "" };
        Self::new(device, at, kind, options)
    }

    /// An overlay of directories made in `layers`.
    pub(crate) fn overlay(layers: &Path, at: &Path) -> Result<Self, Absence> {
        let mut options = Vec::new();
        for (option, name) in [("lowerdir", "lower"), ("upperdir", "upper"), ("workdir", "work")] {
            let path = layers.join(name);
            fs::create_dir(&path)
                .map_err(|error| Absence::new(format!("{}: {error}", path.display())))?;
            options.push(format!("{option}={}", path.display()));
        }
        Self::new(Path::new("testfs"), at, Kind::Overlay, &options.join(","))
    }

    /// What is in `shown`, through a process in user space.
    pub(crate) fn bindfs(shown: &Path, at: &Path, kind: Kind) -> Result<Self, Absence> {
        require_root()?;
        if !Path::new("/dev/fuse").exists() {
            return Err(Absence::new("the kernel has no FUSE, or no /dev/fuse is here"));
        }
        let options: &[&str] = if kind == Kind::FuseDirect { &["-o", "direct_io"] } else { &[] };
        run(Command::new("bindfs").args(options).args([shown, at]))?;
        Ok(Self(at.to_owned()))
    }

    fn new(source: &Path, at: &Path, kind: Kind, options: &str) -> Result<Self, Absence> {
        require_root()?;
        let mut flags = MountFlags::NOATIME;
        if matches!(kind, Kind::Squashfs | Kind::Erofs) {
            flags |= MountFlags::RDONLY;
        }
        let options = CString::new(options).map_err(|error| Absence::new(error.to_string()))?;
        match rustix::mount::mount(source, at, kind.name(), flags, options.as_c_str()) {
            Ok(()) => Ok(Self(at.to_owned())),
            Err(Errno::NODEV) => Err(Absence::new(format!("the kernel has no {kind}"))),
            Err(Errno::PERM) => Err(Absence::new("mounting is not permitted here")),
            Err(errno) => Err(Absence::new(format!("mount: {}", io::Error::from(errno)))),
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let unmount = |flags| rustix::mount::unmount(&self.0, flags);
        let done = match unmount(UnmountFlags::empty()) {
            // A file is open or mapped: it goes when that does.
            Err(Errno::BUSY) => unmount(UnmountFlags::DETACH),
            other => other,
        };
        if let Err(errno) = done {
            eprintln!("testfs: cannot unmount {}: {errno}", self.0.display());
        }
    }
}

/// Mounting and loop devices are root's.
pub(crate) fn require_root() -> Result<(), Absence> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err(Absence::new("not root")) }
}
