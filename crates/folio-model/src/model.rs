//! The model as its users see it: what is allowed, and going one step.

use crate::allowed::Pattern;
use crate::disk::DiskStates;
use crate::file::FileState;
use crate::why::Why;
use crate::world::World;
use crate::{Allowed, Alternative, Byte, Disagreement, File, FileKind, Op, Outcome, Setting};

/// A machine with files, processes and mappings, which says what an operation may do next.
///
/// ```
/// use folio_model::*;
///
/// let (me, file) = (Process(0), Descriptor(0));
/// let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// model.run(&Op::Open {
///     process: me,
///     descriptor: file,
///     file: File(0),
///     access: Access::ReadWrite,
///     content: Content::Keep,
/// });
/// let write = Op::Write { process: me, descriptor: file, offset: 0, len: 5, fill: 7 };
/// assert_eq!(model.run(&write), Outcome::Count(5));
///
/// // Where something else is seen on a kernel, one of the two is wrong.
/// let wrong = model.step(&Op::Length { process: me, descriptor: file }, &Outcome::Count(6));
/// assert!(wrong.unwrap_err().to_string().contains("length"));
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    world: World,
}

impl Model {
    /// What is there at the beginning: the files of the setting, empty, and process 0, which has opened nothing.
    ///
    /// ```
    /// use folio_model::*;
    /// let model = Model::new(Setting::new(4096).file(FileKind::Disk));
    /// assert!(model.content(File(0)).is_empty());
    /// let length = Op::Length { process: Process(0), descriptor: Descriptor(0) };
    /// assert!(model.allowed(&length).contains(&Outcome::Nothing)); // nothing is open yet
    /// ```
    #[must_use]
    pub fn new(setting: Setting) -> Self {
        Self { world: World::new(setting) }
    }

    /// Everything that may happen if this is done now.
    ///
    /// ```
    /// # use folio_model::*;
    /// # let (process, descriptor) = (Process(0), Descriptor(0));
    /// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
    /// # let (access, content) = (Access::ReadWrite, Content::Keep);
    /// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
    /// let op = Op::Write { process, descriptor, offset: 0, len: 5, fill: 7 };
    /// assert!(model.allowed(&op).contains(&Outcome::Count(5)));
    /// assert!(model.content(File(0)).is_empty()); // it was not done
    /// ```
    #[must_use]
    pub fn allowed(&self, op: &Op) -> Allowed {
        Allowed { alternatives: self.ways(op).map(|(alternative, _)| alternative).collect() }
    }

    /// Do this, and see that. Where the kernel was free, what was seen decides how the model goes on.
    ///
    /// ```
    /// # use folio_model::*;
    /// # let (process, descriptor, mapping) = (Process(0), Descriptor(0), Mapping(0));
    /// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
    /// # let (access, content) = (Access::ReadWrite, Content::Keep);
    /// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
    /// # model.run(&Op::Write { process, descriptor, offset: 0, len: 4096, fill: 1 });
    /// # let (backing, protection) = (Backing::File(descriptor), Protection::READ | Protection::WRITE);
    /// # let sharing = Sharing::Shared;
    /// # model.run(&Op::Map { process, mapping, backing, sharing, protection, offset: 0, len: 4096 });
    /// model.run(&Op::Truncate { process, descriptor, len: 10 });
    /// model.run(&Op::Store { process, mapping, offset: 10, len: 1, fill: 7 }); // after the end
    /// let load = Op::Load { process, mapping, offset: 10, len: 1 };
    /// model.step(&load, &Outcome::Bytes(vec![0]))?; // this kernel put it back to zero,
    /// assert!(model.step(&load, &Outcome::Bytes(vec![7])).is_err()); // so it cannot be there later
    /// # Ok::<(), Box<Disagreement>>(())
    /// ```
    ///
    /// # Errors
    /// What was seen is not allowed. The model is as it was.
    pub fn step(&mut self, op: &Op, seen: &Outcome) -> Result<(), Box<Disagreement>> {
        let found = self.ways(op).find(|(alternative, _)| alternative.outcome.contains(seen));
        match found {
            Some((_, mut world)) => {
                world.learn(op, seen);
                self.world = world;
                Ok(())
            }
            None => Err(Box::new(Disagreement {
                op: *op,
                seen: seen.clone(),
                allowed: self.allowed(op),
            })),
        }
    }

    /// Do this, and see the likeliest of what may happen.
    ///
    /// ```
    /// # use folio_model::*;
    /// # let (process, descriptor) = (Process(0), Descriptor(0));
    /// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
    /// # let (access, content) = (Access::ReadWrite, Content::Keep);
    /// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
    /// let write = Op::Write { process, descriptor, offset: 4, len: 2, fill: 7 };
    /// assert_eq!(model.run(&write), Outcome::Count(2));
    /// let read = Op::Read { process, descriptor, offset: 2, len: 100 };
    /// assert_eq!(model.run(&read), Outcome::Bytes(vec![0, 0, 7, 7]));
    /// ```
    pub fn run(&mut self, op: &Op) -> Outcome {
        let mut why = Why::default();
        let outcome = self.world.carry_out(op, &mut why).likeliest();
        self.world.learn(op, &outcome);
        outcome
    }

    /// What a read of the whole file would show.
    ///
    /// ```
    /// # use folio_model::*;
    /// # let (process, descriptor) = (Process(0), Descriptor(0));
    /// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
    /// # let (access, content) = (Access::ReadWrite, Content::Keep);
    /// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
    /// model.run(&Op::Write { process, descriptor, offset: 1, len: 1, fill: 7 });
    /// assert_eq!(model.content(File(0)), [Byte::ZERO, Byte::Known(7)]);
    /// assert!(model.content(File(9)).is_empty()); // there is no such file
    /// ```
    #[must_use]
    pub fn content(&self, file: File) -> Vec<Byte> {
        self.file(file).map_or_else(Vec::new, |file| file.bytes(0..file.len))
    }

    /// What may be found of the file after a power cut at this moment, taken for granted that its name is found.
    ///
    /// ```
    /// # use folio_model::*;
    /// # let (process, descriptor) = (Process(0), Descriptor(0));
    /// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
    /// # let (access, content) = (Access::ReadWrite, Content::Keep);
    /// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
    /// model.run(&Op::Write { process, descriptor, offset: 0, len: 3, fill: 7 });
    /// for found in [&[][..], &[0; 3], &[7; 3]] {
    ///     assert!(model.disk(File(0)).allows(found).is_ok()); // any of them, until a sync
    /// }
    /// let memory = Model::new(Setting::new(4096).file(FileKind::Memory));
    /// assert!(memory.disk(File(0)).lens().is_empty()); // it does not outlive the machine
    /// ```
    #[must_use]
    pub fn disk(&self, file: File) -> DiskStates {
        match self.file(file) {
            Some(file) if file.kind == FileKind::Disk => DiskStates::new(&file.disk),
            _ => DiskStates::none(),
        }
    }

    fn file(&self, file: File) -> Option<&FileState> {
        let named = self.world.setting.files().len();
        self.world.files[..named].get(usize::from(file.0))
    }

    /// Each way in which the kernel may go about it, and the world afterwards.
    fn ways(&self, op: &Op) -> impl Iterator<Item = (Alternative, World)> {
        let mut next = Some(Why::default());
        std::iter::from_fn(move || {
            let mut why = next.take()?;
            let mut world = self.world.clone();
            let outcome: Pattern = world.carry_out(op, &mut why);
            next = why.next();
            Some((Alternative { outcome, why: why.rules() }, world))
        })
    }
}
