//! Loop devices over sparse images, and the programs that make and attach them.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use crate::mount::{Scratch, require_root};
use crate::{Absence, Kind};

/// A sparse file that a file system is made in.
#[derive(Debug)]
pub(crate) struct Image(PathBuf);

/// How the loop driver reads the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Io {
    /// Through the page cache.
    Buffered,
    /// Past it, where the file system below can; kernels before 6.15 answer reads past the image's end with an error only
    /// so, and with zeros otherwise.
    Direct,
}

impl Image {
    pub(crate) fn new(scratch: &Scratch, size: u64) -> Result<Self, Absence> {
        Self::at(scratch.path().join("image"), size)
    }

    /// One of `size` bytes at `path`.
    pub(crate) fn at(path: PathBuf, size: u64) -> Result<Self, Absence> {
        require_root()?;
        let made = File::create_new(&path).and_then(|file| file.set_len(size));
        made.map_err(|error| Absence::new(format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }

    /// An image of a directory with one file, `file`, of 64 KiB.
    pub(crate) fn of_one_file(scratch: &Scratch, kind: Kind) -> Result<Self, Absence> {
        require_root()?;
        let (dir, path) = (scratch.dir("content")?, scratch.path().join("image"));
        std::fs::write(dir.join("file"), vec![b'f'; 64 << 10])
            .map_err(|error| Absence::new(format!("{}: {error}", dir.display())))?;
        match kind {
            Kind::Squashfs => {
                run(Command::new("mksquashfs").args([&dir, &path]).args(["-quiet", "-no-progress"]))
            }
            Kind::Erofs => run(Command::new("mkfs.erofs").args(["--quiet"]).args([&path, &dir])),
            _ => Err(Absence::new("not made of a directory")),
        }?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// What it holds now, as an image at `path`; holes stay holes.
    pub(crate) fn copy(&self, path: PathBuf) -> io::Result<Self> {
        let (from, to) = (File::open(&self.0)?, File::create_new(&path)?);
        let len = from.metadata()?.len();
        to.set_len(len)?;
        let mut at = 0;
        loop {
            let start = match seek(&from, SeekFrom::Data(at)) {
                Ok(start) => start,
                Err(Errno::NXIO) => return Ok(Self(path)),
                Err(errno) => return Err(errno.into()),
            };
            at = seek(&from, SeekFrom::Hole(start))?;
            copy_range(&from, &to, start..at)?;
        }
    }

    /// Make a file system of `kind` in it.
    pub(crate) fn make(&self, kind: Kind) -> Result<(), Absence> {
        match kind {
            Kind::Ext4 => {
                self.mkfs("mkfs.ext4", &["-q", "-F", "-E", "nodiscard,lazy_itable_init=1"])
            }
            Kind::Xfs => self.mkfs("mkfs.xfs", &["-q", "-K", "-m", "reflink=1"]),
            Kind::Btrfs => self.mkfs("mkfs.btrfs", &["-q", "-K"]),
            _ => Err(Absence::new("not made in an image")),
        }
    }

    /// Make an ext4 in it that writes nothing to the device but what the test writes.
    pub(crate) fn make_without_journal(&self) -> Result<(), Absence> {
        let options = "nodiscard,lazy_itable_init=0";
        self.mkfs("mkfs.ext4", &["-q", "-F", "-b", "4096", "-O", "^has_journal", "-E", options])
    }

    fn mkfs(&self, program: &str, options: &[&str]) -> Result<(), Absence> {
        run(Command::new(program).args(options).arg(&self.0)).map(drop)
    }

    /// Attach it to a free loop device.
    pub(crate) fn attach(&self, io: Io) -> Result<LoopDevice, Absence> {
        let losetup = |direct: &[&str]| {
            run(Command::new("losetup").args(["--find", "--show"]).args(direct).arg(&self.0))
        };
        let shown = match io {
            Io::Buffered => losetup(&[])?,
            Io::Direct => losetup(&["--direct-io=on"]).or_else(|_| losetup(&[]))?,
        };
        Ok(LoopDevice(PathBuf::from(shown.trim_end())))
    }
}

fn copy_range(from: &File, to: &File, range: Range<u64>) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    let mut at = range.start;
    while at < range.end {
        let left =
            usize::try_from(range.end - at).map_or(buffer.len(), |left| left.min(buffer.len()));
        from.read_exact_at(&mut buffer[..left], at)?;
        to.write_all_at(&buffer[..left], at)?;
        at += left as u64;
    }
    Ok(())
}

/// What a device was told to do, and whether it is doing something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Activity {
    /// Requests that change it, in the order of the kernel's list.
    changes: Vec<String>,
    pub(crate) in_flight: bool,
}

/// An attached loop device. Dropping it while it is mounted only marks it: the kernel detaches it at the unmount.
#[derive(Debug)]
pub(crate) struct LoopDevice(PathBuf);

impl LoopDevice {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl LoopDevice {
    /// Linux `Documentation/block/stat.rst`: writes and sectors written, discards and sectors discarded.
    pub(crate) fn activity(&self) -> io::Result<Activity> {
        let name = self.0.file_name().unwrap_or_default();
        let stat = std::fs::read_to_string(Path::new("/sys/block").join(name).join("stat"))?;
        let fields: Vec<&str> = stat.split_whitespace().collect();
        let changes =
            [4, 6, 11, 13].map(|at| fields.get(at).copied().unwrap_or_default().to_owned());
        Ok(Activity { changes: changes.to_vec(), in_flight: fields.get(8) != Some(&"0") })
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        if let Err(why) = run(Command::new("losetup").arg("--detach").arg(&self.0)) {
            eprintln!("testfs: cannot detach {}: {why}", self.0.display());
        }
    }
}

/// Run `command`, whose program may be where only root's path leads, and give what it printed.
pub(crate) fn run(command: &mut Command) -> Result<String, Absence> {
    let program = command.get_program().to_string_lossy().into_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Absence::new(format!("{program} not installed")));
        }
        Err(error) => return Err(Absence::new(format!("{program}: {error}"))),
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Absence::new(format!("{program}: {}: {}", output.status, said.trim().replace('\n', "; "))))
}
