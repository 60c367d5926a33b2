//! What is printed, in each form.

mod json;
mod text;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::experiment::{Unable, Verdict};
use super::filesystem::FileSystem;
use super::place::Scratch;
use super::verdict::Fit;
use super::{Answer, Outcome};

pub(super) use json::Json;
pub(super) use text::{Style, Text};

/// A form of the report. The parts come in this order.
pub(super) trait Report {
    /// Where it is tried.
    fn begin(&mut self, header: &Header) -> io::Result<()>;

    /// What came of an experiment.
    fn outcome(&mut self, outcome: &Outcome) -> io::Result<()>;

    /// The answer to a question.
    fn answer(&mut self, answer: &Answer) -> io::Result<()>;

    /// All in all.
    fn end(&mut self, summary: &Summary) -> io::Result<()>;
}

/// What is known before anything is tried.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) dir: PathBuf,
    pub(super) file_system: FileSystem,
    /// Why no file can be made there, if none can.
    pub(super) no_files: Option<String>,
    /// `Linux`, the release and the machine, as uname(2) has them.
    pub(super) kernel: [String; 3],
    /// In bytes.
    pub(super) page_size: usize,
}

impl Header {
    pub(super) fn new(dir: &Path, file_system: FileSystem, scratch: &Scratch) -> Self {
        let uname = rustix::system::uname();
        let kernel = [uname.sysname(), uname.release(), uname.machine()];
        let no_files = match scratch {
            Scratch::At(_) => None,
            Scratch::Missing(why) => Some(why.clone()),
        };
        Self {
            dir: dir.to_owned(),
            file_system,
            no_files,
            kernel: kernel.map(|part| part.to_string_lossy().into_owned()),
            page_size: rustix::param::page_size(),
        }
    }
}

/// How many lines there were of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Summary {
    pub(super) ok: usize,
    pub(super) differs: usize,
    pub(super) not_here: usize,
    /// Experiments that could not be carried out.
    pub(super) failed: usize,
    pub(super) took: Duration,
}

impl Summary {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        match &outcome.result {
            Ok(findings) => {
                for finding in findings {
                    match finding.verdict {
                        Verdict::Ok => self.ok += 1,
                        Verdict::Differs => self.differs += 1,
                        Verdict::NotHere => self.not_here += 1,
                    }
                }
            }
            Err(Unable::NotHere { .. }) => self.not_here += 1,
            Err(Unable::Failed { .. }) => self.failed += 1,
        }
    }

    /// A promise of folio's own that was not kept counts like one of the kernel's.
    pub(super) fn add_answer(&mut self, answer: &Answer) {
        match &answer.result {
            Ok(ruling) if ruling.fit == Fit::Broken => self.differs += 1,
            Ok(_) => {}
            Err(_) => self.failed += 1,
        }
    }
}
