//! The bare kernel as a bench: programs of raw system calls, against the model itself.

use std::io;
use std::path::{Path, PathBuf};

use folio_model::{File, FileKind, Model, Op, Outcome, Repertoire, Setting};

use crate::{Bench, Kernel, Oracle, System};

/// The kernel with files of these kinds, in a directory.
///
/// ```
/// use folio_model::{FileKind, Verb};
/// use folio_oracle::{BareKernel, Until, random};
/// # let dir = tempfile::tempdir()?;
/// let mut kernel = BareKernel::new(dir.path(), &[FileKind::Disk]);
/// let verbs = [Verb::Open, Verb::Write, Verb::Truncate, Verb::Map, Verb::Load];
/// let repertoire = kernel.repertoire().only(&verbs);
/// let outcome = random(&mut kernel, &[repertoire], 1, 20, Until::Programs(5))?;
/// assert!(outcome.found.is_none()); // the kernel does what the model says
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct BareKernel {
    dir: PathBuf,
    kinds: Vec<FileKind>,
}

impl BareKernel {
    /// Files of `kinds` in `dir`, which is a directory for nothing else.
    ///
    /// ```
    /// use folio_model::{FileKind, Program};
    /// use folio_oracle::{BareKernel, compare};
    /// # let dir = tempfile::tempdir()?;
    /// let mut kernel = BareKernel::new(dir.path(), &[FileKind::Disk, FileKind::Memory]);
    /// assert!(compare(&mut kernel, &Program(vec![]))?.is_none()); // both files are empty
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn new(dir: &Path, kinds: &[FileKind]) -> Self {
        Self { dir: dir.to_owned(), kinds: kinds.to_vec() }
    }

    /// Everything that there is.
    ///
    /// ```
    /// use folio_model::{FileKind, Seeded};
    /// use folio_oracle::BareKernel;
    /// # let dir = tempfile::tempdir()?;
    /// let kernel = BareKernel::new(dir.path(), &[FileKind::Disk]);
    /// let program = kernel.repertoire().program(&mut Seeded::new(7), 60);
    /// println!("{program}"); // leases, forks and seals among other things
    /// # assert_eq!(program.len(), 60);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn repertoire(&self) -> Repertoire {
        Repertoire {
            files: self.files(),
            processes: 3,
            ..Repertoire::kernel(rustix::param::page_size() as u64)
        }
    }
}

impl Bench for BareKernel {
    type Seen = Outcome;

    fn files(&self) -> u8 {
        u8::try_from(self.kinds.len()).unwrap_or(u8::MAX)
    }

    /// As [`Kernel::new`]: this process must have one thread.
    fn begin(&mut self) -> io::Result<(impl System, impl Oracle)> {
        Ok((Kernel::new(&self.dir, &self.kinds)?, model(&self.kinds)))
    }
}

impl Oracle for Model {
    fn allowed(&self, op: &Op) -> String {
        Self::allowed(self, op).to_string()
    }

    fn step(&mut self, op: &Op, seen: &Outcome) -> Result<(), String> {
        Self::step(self, op, seen).map_err(|wrong| wrong.allowed.to_string())
    }

    fn content(&mut self, file: File, bytes: &[u8]) -> Result<(), String> {
        let right = Self::content(self, file);
        if right.len() != bytes.len() {
            return Err(format!("it is {} bytes long, and should be {}", bytes.len(), right.len()));
        }
        match (0..).zip(right.iter().zip(bytes)).find(|(_, (right, seen))| !right.allows(**seen)) {
            Some((at, (right, seen))) => {
                Err(format!("byte {at} is {seen:02x}, and should be {right:?}"))
            }
            None => Ok(()),
        }
    }
}

/// A model of empty files.
pub(crate) fn model(kinds: &[FileKind]) -> Model {
    let page_size = rustix::param::page_size() as u64;
    Model::new(kinds.iter().fold(Setting::new(page_size), |setting, &kind| setting.file(kind)))
}
