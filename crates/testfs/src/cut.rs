//! A file system on a device that fails.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::Advice;

use crate::device::{Image, Io};
use crate::mount::{Mount, Scratch};
use crate::{Absence, Kind, present};

const PAGE: usize = 4096;

/// An ext4 file system on a loop device whose image can be cut off: from then on every page that is not in the page
/// cache is a real I/O error, `EIO` for pread(2) and SIGBUS in a mapping; and [`mend`](CutDevice::mend)ed again.
///
/// It has no journal and keeps no access times, so that nothing is written to the device behind the test's back.
///
/// ```
/// use testfs::CutDevice;
/// let Some(device) = CutDevice::new() else { return };
/// let path = device.path().join("f");
/// std::fs::write(&path, vec![7; 16 * 4096]).unwrap();
/// device.cut(&path, 8 * 4096).unwrap();
/// let mut file = std::fs::File::open(&path).unwrap();
/// let error = std::io::copy(&mut file, &mut std::io::sink()).unwrap_err();
/// assert_eq!(error.raw_os_error(), Some(5)); // EIO
/// device.mend().unwrap();
/// assert_eq!(std::fs::read(&path).unwrap(), vec![7; 16 * 4096]);
/// ```
#[derive(Debug)]
pub struct CutDevice {
    root: PathBuf,
    image: PathBuf,
    kept: PathBuf,
    _mount: Mount,
    _scratch: Scratch,
}

impl CutDevice {
    /// A device of 32 MiB; `None`, with a line on standard error, where it cannot be had.
    ///
    /// # Panics
    /// With `FOLIO_REQUIRE_FS=1` instead of `None`.
    #[must_use]
    pub fn new() -> Option<Self> {
        present("a device that can be cut", Self::try_new())
    }

    fn try_new() -> Result<Self, Absence> {
        let scratch = Scratch::new(&std::env::temp_dir())?;
        let root = scratch.dir("mount")?;
        let image = Image::new(&scratch, 32 << 20)?;
        image.make_without_journal()?;
        let device = image.attach(Io::Direct)?;
        let mount = Mount::device(device.path(), &root, Kind::Ext4)?;
        let kept = scratch.path().join("kept");
        let image = image.path().to_owned();
        let made = Self { root, image, kept, _mount: mount, _scratch: scratch };
        made.prove()?;
        Ok(made)
    }

    /// Try a cut on a file of its own: some kernels answer with zeros.
    fn prove(&self) -> Result<(), Absence> {
        let path = self.root.join("proof");
        let proof = fs::write(&path, [1; 4 * PAGE])
            .and_then(|()| self.cut(&path, 0))
            .and_then(|()| self.mend())
            .and_then(|()| fs::read(&path));
        match proof {
            Ok(bytes) if bytes == [1; 4 * PAGE] => {}
            Ok(_) => return Err(Absence::new("a mended device gives other bytes")),
            Err(error) => return Err(Absence::new(format!("cutting the device: {error}"))),
        }
        fs::remove_file(&path).map_err(|error| Absence::new(error.to_string()))
    }

    /// The directory that the file system is mounted on.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Let the device fail: of `file`, the pages before byte `from` stay in the page cache and can be read, those from
    /// there on (`from` rounded down to a page) are I/O errors. Whatever else is not in the page cache fails too.
    ///
    /// Pages that somebody has mapped and touched cannot be dropped from the page cache: cut first, or drop the mapping.
    ///
    /// # Errors
    /// If a page from `from` on can be read all the same, or one before it cannot.
    pub fn cut(&self, file: &Path, from: u64) -> io::Result<()> {
        let file = File::open(file)?;
        rustix::fs::syncfs(&file)?;
        let from = from / PAGE as u64 * PAGE as u64;
        let len = file.metadata()?.len();
        // Without readahead each page is a folio of its own and nothing past the last one read comes in.
        rustix::fs::fadvise(&file, 0, None, Advice::Random)?;
        rustix::fs::fadvise(&file, 0, None, Advice::DontNeed)?;
        if !self.kept.exists() {
            fs::copy(&self.image, &self.kept)?;
        }
        each_page(from.min(len), |at| file.read_exact_at(&mut [0], at))?;
        let backing = File::options().write(true).open(&self.image)?;
        backing.set_len(0)?;
        backing.sync_all()?;
        each_page(from.min(len), |at| file.read_exact_at(&mut [0], at))?;
        each_page(len.saturating_sub(from), |at| match file.read_exact_at(&mut [0], from + at) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                Ok(())
            }
            Err(error) => Err(error),
            Ok(()) => {
                Err(io::Error::other(format!("byte {} can be read after the cut", from + at)))
            }
        })
    }

    /// Let the device work again, with the bytes that it had when it was cut.
    ///
    /// # Errors
    /// If the image cannot be put back; if the device was not cut.
    pub fn mend(&self) -> io::Result<()> {
        let mut kept = File::open(&self.kept)?;
        let mut image = File::options().write(true).open(&self.image)?;
        io::copy(&mut kept, &mut image)?;
        image.sync_all()?;
        fs::remove_file(&self.kept)
    }
}

/// `visit` the first byte of each page of a file of `len` bytes.
fn each_page(len: u64, mut visit: impl FnMut(u64) -> io::Result<()>) -> io::Result<()> {
    (0..len).step_by(PAGE).try_for_each(&mut visit)
}
