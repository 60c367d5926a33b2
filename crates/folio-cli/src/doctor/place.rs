//! Where experiments are made: the directory, its file system, and the files in it that an experiment may use.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use folio::MapOptions;
use rustix::fs::OFlags;

use super::experiment::{NO_FILES, NOTHING_TO_MAP, Unable};
use super::filesystem::FileSystem;
use crate::failure::{reason, why};
use crate::name::quoted;

/// Whether DIR's own file system may be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FillDisk {
    /// `--fill-disk` was given.
    Allowed,
    Forbidden,
}

/// Where the files of an experiment go.
#[derive(Clone, Debug)]
pub(crate) enum Scratch {
    /// A directory of doctor's own.
    At(PathBuf),
    /// There is none, because of this.
    Missing(String),
}

/// The directory that is tried, as one experiment sees it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    dir: PathBuf,
    scratch: Scratch,
    file_system: FileSystem,
    fill_disk: FillDisk,
}

/// So many directory entries are looked at for a file to read.
const ENTRIES: usize = 10_000;
/// A file of fewer pages is of no use.
const FEW_PAGES: u64 = 4;
/// The pages of a file that is made to be read.
const READABLE_PAGES: u64 = 16;

impl Place {
    /// The directory `dir`, an absolute path.
    ///
    /// # Errors
    /// If the kernel does not say what file system it is on.
    pub(crate) fn new(dir: PathBuf, scratch: Scratch, fill_disk: FillDisk) -> io::Result<Self> {
        let file_system = FileSystem::of(&dir)?;
        Ok(Self { dir, scratch, file_system, fill_disk })
    }

    /// The directory that is tried. Nothing may be written there but in [`scratch`](Self::scratch).
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file system that it is on.
    pub(crate) fn file_system(&self) -> &FileSystem {
        &self.file_system
    }

    /// In bytes.
    pub(crate) fn page_size(&self) -> u64 {
        rustix::param::page_size() as u64
    }

    /// Whether DIR's own file system may be filled.
    pub(crate) fn fill_disk(&self) -> FillDisk {
        self.fill_disk
    }

    /// A directory on the file system that is this experiment's own, and empty at first. It is removed afterwards, with
    /// all that is in it.
    ///
    /// # Errors
    /// [`Unable::NotHere`] where no directory can be made.
    pub(crate) fn scratch(&self) -> Result<&Path, Unable> {
        match &self.scratch {
            Scratch::At(path) => Ok(path),
            Scratch::Missing(why) => Err(Unable::not_here(why.clone(), NO_FILES)),
        }
    }

    /// The path of `name` in the scratch directory, whether or not there is such a file.
    ///
    /// # Errors
    /// As [`scratch`](Self::scratch).
    pub(crate) fn path(&self, name: &str) -> Result<PathBuf, Unable> {
        Ok(self.scratch()?.join(name))
    }

    /// A new file `name` in the scratch directory, open for reading and writing, of `len` bytes as
    /// [`byte_at`](Self::byte_at) has them.
    ///
    /// It is written page by page: in a file written in large pieces the page cache may hold large folios, which change
    /// what a fault brings in and what a flush writes.
    ///
    /// # Errors
    /// As [`scratch`](Self::scratch); [`Unable::Failed`] if the file cannot be made.
    pub(crate) fn file(&self, name: &str, len: u64) -> Result<File, Unable> {
        let path = self.path(name)?;
        let made = || {
            let mut file = File::options().read(true).write(true).create_new(true).open(&path)?;
            let page_size = self.page_size();
            for start in (0..len).step_by(rustix::param::page_size()) {
                let page: Vec<u8> =
                    (start..len.min(start + page_size)).map(Self::byte_at).collect();
                file.write_all(&page)?;
            }
            Ok(file)
        };
        made().map_err(|error| not_made(len, error))
    }

    /// What [`file`](Self::file) puts at an offset: never zero, and no two pages alike for the first 251.
    pub(crate) fn byte_at(offset: u64) -> u8 {
        let page = offset / rustix::param::page_size() as u64;
        u8::try_from(1 + (offset + page) % 251).unwrap_or(1)
    }

    /// A file open for reading that can be mapped, with its path: a new one of 16 pages or, where none can be made, one
    /// of at least four pages that is in the directory or below.
    ///
    /// # Errors
    /// [`Unable::NotHere`] if there is none; [`Unable::Failed`] if one cannot be made.
    pub(crate) fn readable(&self) -> Result<(PathBuf, File), Unable> {
        match self.scratch {
            Scratch::At(_) => self.made_to_be_read(),
            Scratch::Missing(_) => self.found(FoundFor::Mapping),
        }
    }

    /// The same, but one that is found may be one that cannot be mapped.
    ///
    /// # Errors
    /// As [`readable`](Self::readable).
    pub(crate) fn readable_at_least(&self) -> Result<(PathBuf, File), Unable> {
        match self.scratch {
            Scratch::At(_) => self.made_to_be_read(),
            Scratch::Missing(_) => self
                .found(FoundFor::Mapping)
                .or_else(|unable| self.found(FoundFor::Reading).map_err(|_| unable)),
        }
    }

    fn made_to_be_read(&self) -> Result<(PathBuf, File), Unable> {
        let path = self.path("readable")?;
        if !path.exists() {
            self.file("readable", READABLE_PAGES * self.page_size())?;
        }
        let file = File::open(&path).map_err(|error| Unable::failed("open a file", error))?;
        Ok((path, file))
    }

    /// The first file of a few pages, nearest to the directory first; other file systems and links are passed over.
    fn found(&self, purpose: FoundFor) -> Result<(PathBuf, File), Unable> {
        let device = fs::metadata(&self.dir).map(|metadata| metadata.dev());
        let mut dirs = VecDeque::from([self.dir.clone()]);
        let mut left = ENTRIES;
        let mut unmappable = None;
        while let Some(dir) = dirs.pop_front() {
            let Ok(entries) = fs::read_dir(&dir) else { continue };
            for entry in entries.flatten().take(left) {
                left -= 1;
                let Ok(metadata) = entry.metadata() else { continue };
                if metadata.is_dir()
                    && device.as_ref().is_ok_and(|device| metadata.dev() == *device)
                {
                    dirs.push_back(entry.path());
                } else if metadata.is_file() && metadata.len() >= FEW_PAGES * self.page_size() {
                    let Some(file) = open_to_read(&entry.path()) else { continue };
                    let few_pages = MapOptions::new().len(FEW_PAGES * self.page_size());
                    match few_pages.map_shared(&file) {
                        Err(error) if purpose == FoundFor::Mapping => {
                            let name = quoted(Path::new(&entry.file_name()));
                            unmappable.get_or_insert(format!("{name}: {}", reason(&error)));
                        }
                        _ => return Ok((entry.path(), file)),
                    }
                }
            }
        }
        let why = match unmappable {
            Some(why) => format!("no file can be made, and none here can be mapped: {why}"),
            None => format!("no file can be made, and there is none of {FEW_PAGES} pages or more"),
        };
        Err(Unable::not_here(why, NOTHING_TO_MAP))
    }
}

/// What a file that is found is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FoundFor {
    Mapping,
    Reading,
}

/// Neither a link is followed nor a FIFO waited for that took the file's place.
fn open_to_read(path: &Path) -> Option<File> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).ok()?;
    File::options().read(true).custom_flags(flags).open(path).ok()
}

/// Why a file of `len` bytes could not be made.
pub(crate) fn not_made(len: u64, error: io::Error) -> Unable {
    Unable::failed(format!("make a file of {len} bytes"), error)
}

/// Why no file can be made in a directory, from what mkdir(2) answered.
pub(crate) fn why_no_scratch(file_system: &FileSystem, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission to make files here".to_owned(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "no space to make files here".to_owned()
        }
        io::ErrorKind::NotFound => format!("{} takes no new files", file_system.name),
        _ => format!("no file can be made here ({})", why(error)),
    }
}
