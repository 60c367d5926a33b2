//! What does operations.

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
