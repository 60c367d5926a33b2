//! The two sides of a comparison: what does operations, and what knows which answers are right.

use std::fmt::Debug;
use std::io;

use folio_model::{File, Op, Outcome};

/// Something that does operations: the kernel, folio, or a model.
///
/// `Seen` is what a step shows: [`Outcome`] for whatever behaves as the kernel does.
pub trait System<Seen = Outcome> {
    /// Do `op`, and tell what was seen.
    ///
    /// # Errors
    /// Only if it could not be tried: an operation that fails is something seen.
    fn step(&mut self, op: &Op) -> io::Result<Seen>;

    /// The whole content of a file, as read(2) tells it.
    ///
    /// # Errors
    /// If it cannot be read.
    fn content(&mut self, file: File) -> io::Result<Vec<u8>>;
}

/// Something that knows which answers are right.
pub trait Oracle<Seen = Outcome> {
    /// What may be seen if `op` is done now, and why, in words.
    fn allowed(&self, op: &Op) -> String;

    /// `op` was done, and `seen` was seen.
    ///
    /// # Errors
    /// That is not right: what would have been, in words.
    fn step(&mut self, op: &Op, seen: &Seen) -> Result<(), String>;

    /// A file was read to the end.
    ///
    /// # Errors
    /// Those are not its bytes: what is wrong, in words.
    fn content(&mut self, file: File, bytes: &[u8]) -> Result<(), String>;
}

/// Something to run programs on, each from the same beginning: empty files, and nothing open or mapped.
pub trait Bench {
    /// What a step shows.
    type Seen: Debug + Clone;

    /// How many files there are.
    fn files(&self) -> u8;

    /// A new beginning.
    ///
    /// # Errors
    /// If there can be none: no file can be made, no process started.
    fn begin(&mut self) -> io::Result<(impl System<Self::Seen>, impl Oracle<Self::Seen>)>;
}
