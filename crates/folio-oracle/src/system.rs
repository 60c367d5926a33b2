//! The two sides of a comparison: what does operations, and what knows which answers are right.

use std::fmt::Debug;
use std::io;

use folio_model::{File, Op, Outcome};

/// Something that does operations: the kernel, folio, or a model.
///
/// `Seen` is what a step shows: [`Outcome`] for whatever behaves as the kernel does.
///
/// ```
/// use std::io;
/// use folio_model::{Byte, File, FileKind, Model, Op, Outcome, Setting};
/// use folio_oracle::System;
/// /// What a kernel like the model would do.
/// struct Simulated(Model);
/// impl System for Simulated {
///     fn step(&mut self, op: &Op) -> io::Result<Outcome> {
///         Ok(self.0.run(op))
///     }
///     fn content(&mut self, file: File) -> io::Result<Vec<u8>> {
///         Ok(self.0.content(file).into_iter().map(Byte::likeliest).collect())
///     }
/// }
/// let mut system = Simulated(Model::new(Setting::new(4096).file(FileKind::Disk)));
/// assert_eq!(system.content(File(0))?, b"");
/// # Ok::<(), io::Error>(())
/// ```
pub trait System<Seen = Outcome> {
    /// Do `op`, and tell what was seen.
    ///
    /// ```
    /// use folio_model::{Descriptor, FileKind, Op, Process};
    /// use folio_oracle::{Answer, Bench, Folio, Processes, System};
    /// # let dir = tempfile::tempdir()?;
    /// let mut bench = Folio::new(dir.path(), &[FileKind::Disk], Processes::Here)?;
    /// let (mut system, _) = bench.begin()?;
    /// let close = Op::Close { process: Process(0), descriptor: Descriptor(0) };
    /// assert_eq!(system.step(&close)?, Answer::Nothing); // that too is something seen
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// Only if it could not be tried: an operation that fails is something seen.
    fn step(&mut self, op: &Op) -> io::Result<Seen>;

    /// The whole content of a file, as read(2) tells it.
    ///
    /// ```
    /// use folio_model::{File, FileKind};
    /// use folio_oracle::{Bench, Folio, Processes, System};
    /// # let dir = tempfile::tempdir()?;
    /// let mut bench = Folio::new(dir.path(), &[FileKind::Disk], Processes::Here)?;
    /// let (mut system, _) = bench.begin()?;
    /// assert_eq!(system.content(File(0))?, b""); // what other programs see of it
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it cannot be read.
    fn content(&mut self, file: File) -> io::Result<Vec<u8>>;
}

/// Something that knows which answers are right.
///
/// ```
/// use folio_model::{Descriptor, FileKind, Model, Op, Outcome, Process, Setting};
/// use folio_oracle::Oracle;
/// let mut oracle = Model::new(Setting::new(4096).file(FileKind::Disk)); // a model is one
/// let length = Op::Length { process: Process(0), descriptor: Descriptor(0) };
/// assert!(Oracle::step(&mut oracle, &length, &Outcome::Nothing).is_ok());
/// let right = Oracle::step(&mut oracle, &length, &Outcome::Count(0)).unwrap_err();
/// assert!(right.contains("absent")); // the rule
/// ```
pub trait Oracle<Seen = Outcome> {
    /// What may be seen if `op` is done now, and why, in words.
    ///
    /// ```
    /// use folio_model::{Descriptor, FileKind, Model, Op, Process, Setting};
    /// use folio_oracle::Oracle;
    /// let oracle = Model::new(Setting::new(4096).file(FileKind::Disk));
    /// let length = Op::Length { process: Process(0), descriptor: Descriptor(0) };
    /// println!("{}", Oracle::allowed(&oracle, &length));
    /// # assert!(Oracle::allowed(&oracle, &length).starts_with("nothing"));
    /// ```
    fn allowed(&self, op: &Op) -> String;

    /// `op` was done, and `seen` was seen.
    ///
    /// ```
    /// use folio_model::{Descriptor, FileKind, Op, Process};
    /// use folio_oracle::{Answer, Bench, Folio, Oracle, Processes, System};
    /// # let dir = tempfile::tempdir()?;
    /// let mut bench = Folio::new(dir.path(), &[FileKind::Disk], Processes::Here)?;
    /// let (mut system, mut oracle) = bench.begin()?;
    /// let close = Op::Close { process: Process(0), descriptor: Descriptor(0) };
    /// let seen = system.step(&close)?;
    /// assert_eq!(oracle.step(&close, &seen), Ok(()));
    /// assert!(oracle.step(&close, &Answer::Died("SIGBUS".into())).is_err()); // never right
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// That is not right: what would have been, in words.
    fn step(&mut self, op: &Op, seen: &Seen) -> Result<(), String>;

    /// A file was read to the end.
    ///
    /// ```
    /// use folio_model::{File, FileKind, Model, Setting};
    /// use folio_oracle::Oracle;
    /// let mut oracle = Model::new(Setting::new(4096).file(FileKind::Disk));
    /// assert_eq!(Oracle::content(&mut oracle, File(0), b""), Ok(()));
    /// let wrong = Oracle::content(&mut oracle, File(0), b"x").unwrap_err();
    /// assert_eq!(wrong, "it is 1 bytes long, and should be 0");
    /// ```
    ///
    /// # Errors
    /// Those are not its bytes: what is wrong, in words.
    fn content(&mut self, file: File, bytes: &[u8]) -> Result<(), String>;
}

/// Something to run programs on, each from the same beginning: empty files, and nothing open or mapped.
///
/// ```
/// use std::io;
/// use folio_model::{Byte, Facility, File, FileKind, Model, Op, Outcome, Repertoire, Setting};
/// use folio_oracle::{Bench, Oracle, System, Until, random};
/// # struct Simulated(Model);
/// # impl System for Simulated {
/// #     fn step(&mut self, op: &Op) -> io::Result<Outcome> { Ok(self.0.run(op)) }
/// #     fn content(&mut self, file: File) -> io::Result<Vec<u8>> {
/// #         Ok(self.0.content(file).into_iter().map(Byte::likeliest).collect())
/// #     }
/// # }
/// /// A system that lacks fallocate(2), beside an oracle that thinks it has it.
/// struct Mistaken;
/// impl Bench for Mistaken {
///     type Seen = Outcome;
///     fn files(&self) -> u8 {
///         1
///     }
///     fn begin(&mut self) -> io::Result<(impl System, impl Oracle)> {
///         let right = Setting::new(4096).file(FileKind::Disk);
///         Ok((Simulated(Model::new(right.clone().without(Facility::Allocate))), Model::new(right)))
///     }
/// }
/// let outcome = random(&mut Mistaken, &[Repertoire::kernel(4096)], 1, 50, Until::Programs(100))?;
/// let found = outcome.found.expect("somewhere among these programs");
/// assert_eq!(found.disagreement.trace.len(), 2); // open, allocate: the plainest
/// # Ok::<(), io::Error>(())
/// ```
pub trait Bench {
    /// What a step shows.
    type Seen: Debug + Clone;

    /// How many files there are.
    ///
    /// ```
    /// use folio_model::FileKind;
    /// use folio_oracle::{BareKernel, Bench};
    /// # let dir = tempfile::tempdir()?;
    /// let bench = BareKernel::new(dir.path(), &[FileKind::Disk, FileKind::Memory]);
    /// assert_eq!(bench.files(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn files(&self) -> u8;

    /// A new beginning.
    ///
    /// ```
    /// use folio_model::{File, FileKind};
    /// use folio_oracle::{Bench, Folio, Oracle, Processes, System};
    /// # let dir = tempfile::tempdir()?;
    /// let mut bench = Folio::new(dir.path(), &[FileKind::Disk], Processes::Here)?;
    /// for _ in 0..2 {
    ///     let (mut system, mut oracle) = bench.begin()?; // empty files each time
    ///     assert_eq!(oracle.content(File(0), &system.content(File(0))?), Ok(()));
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there can be none: no file can be made, no process started.
    fn begin(&mut self) -> io::Result<(impl System<Self::Seen>, impl Oracle<Self::Seen>)>;
}
