//! A file system whose power is cut.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::device::{Image, Io, LoopDevice};
use crate::mount::{Mount, Scratch};
use crate::{Absence, Kind, present};

/// How often a copy is begun anew because something was written meanwhile.
const PATIENCE: usize = 100;

/// A file system on a loop device, of which one can see what would be found after a power cut: what has been written to the
/// device, and nothing of what is only in memory.
///
/// The device has no cache of its own: what was written to it stays, flushed or not, and in whole requests.
///
/// ```
/// use testfs::{Kind, PowerDevice};
/// let Some(device) = PowerDevice::new(Kind::Ext4) else { return };
/// let kept = device.path().join("kept");
/// std::fs::write(&kept, b"kept").unwrap();
/// std::fs::File::open(&kept).unwrap().sync_all().unwrap();
/// std::fs::write(device.path().join("lost"), b"lost").unwrap();
///
/// let after = device.cut().unwrap();
/// assert_eq!(std::fs::read(after.path().join("kept")).unwrap(), b"kept");
/// assert!(!after.path().join("lost").exists());
/// ```
#[derive(Debug)]
pub struct PowerDevice {
    kind: Kind,
    root: PathBuf,
    // Dropped in this order.
    _mount: Mount,
    device: LoopDevice,
    image: Image,
    cuts: AtomicUsize,
    _store: Mount,
    scratch: Scratch,
}

/// What is found after a power cut, mounted: the journal has been replayed.
#[derive(Debug)]
pub struct AfterCut<'device> {
    root: PathBuf,
    // Dropped in this order.
    _mount: Mount,
    _device: LoopDevice,
    image: Image,
    _power: &'device PowerDevice,
}

impl PowerDevice {
    /// One with a file system of `kind`: ext4, XFS or Btrfs; `None`, with a line on standard error, where it cannot be had.
    ///
    /// # Panics
    /// With `FOLIO_REQUIRE_FS=1` instead of `None`.
    #[must_use]
    pub fn new(kind: Kind) -> Option<Self> {
        present(&format!("a device with {kind} whose power is cut"), Self::try_new(kind))
    }

    fn try_new(kind: Kind) -> Result<Self, Absence> {
        let scratch = Scratch::new(&std::env::temp_dir())?;
        let (root, store) = (scratch.dir("mount")?, scratch.dir("layers")?);
        // In memory: nobody needs the image to outlive the machine, and the file system flushes often.
        let below = Mount::tmpfs(&store, 4 * kind.usual_size())?;
        let image = Image::at(store.join("image"), kind.usual_size())?;
        image.make(kind)?;
        let device = image.attach(Io::Buffered)?;
        let mount = Mount::device(device.path(), &root, kind)?;
        let made = Self {
            kind,
            root,
            _mount: mount,
            device,
            image,
            cuts: AtomicUsize::new(0),
            _store: below,
            scratch,
        };
        // The first cut shows whether copies can be mounted beside it.
        made.try_cut().map(drop)?;
        Ok(made)
    }

    /// The directory that the file system is mounted on.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Look at what would be found if the power were cut now. The file system itself goes on.
    ///
    /// # Errors
    /// If the device is written to all the time; if what is on it cannot be mounted.
    pub fn cut(&self) -> io::Result<AfterCut<'_>> {
        self.try_cut().map_err(|absence| io::Error::other(absence.to_string()))
    }

    fn try_cut(&self) -> Result<AfterCut<'_>, Absence> {
        let number = self.cuts.fetch_add(1, Ordering::Relaxed);
        let root = self.scratch.dir(&format!("cut-{number}"))?;
        let path = self.image.path().with_file_name(format!("cut-{number}"));
        let image = self.copy(&path).map_err(|error| Absence::new(format!("copy: {error}")))?;
        let device = image.attach(Io::Buffered)?;
        let mount = Mount::copy(device.path(), &root, self.kind)?;
        Ok(AfterCut { root, _mount: mount, _device: device, image, _power: self })
    }

    /// The image as it was at one instant: one during which nothing was written to the device.
    fn copy(&self, path: &Path) -> io::Result<Image> {
        for _ in 0..PATIENCE {
            let before = self.device.activity()?;
            let copy = self.image.copy(path.to_owned())?;
            if !before.in_flight && self.device.activity()? == before {
                return Ok(copy);
            }
            std::fs::remove_file(path)?;
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "the device is written to all the time"))
    }
}

impl AfterCut<'_> {
    /// The directory that it is mounted on.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }
}

impl Drop for AfterCut<'_> {
    fn drop(&mut self) {
        // The memory is free again when the device lets go of it.
        if let Err(error) = std::fs::remove_file(self.image.path()) {
            eprintln!("testfs: {}: {error}", self.image.path().display());
        }
    }
}
