//! A kernel and a model side by side, and operations in few words.

use folio_model::{
    Access, Backing, Content, Descriptor, Errno, File, FileKind, Mapping, Model, Op, Outcome,
    Process, Protection, Setting, Sharing, Signal,
};
use folio_oracle::{Kernel, System};
use testfs::FileSystem;

pub(crate) const RW: Protection = Protection::READ.union(Protection::WRITE);

/// The size of a page in bytes.
pub(crate) fn page() -> u64 {
    folio::PageSize::base().bytes() as u64
}

/// A kernel with a file on a disk and one in memory, and a model of the same.
pub(crate) struct Bed {
    pub(crate) kernel: Kernel,
    model: Model,
    /// Who does what is done next.
    pub(crate) process: Process,
}

/// Run `test` on each file system.
pub(crate) fn each(mut test: impl FnMut(&mut Bed)) {
    testfs::each(testfs::DISKS, |fs| test(&mut Bed::new(fs)));
}

impl Bed {
    pub(crate) fn new(fs: &FileSystem) -> Self {
        let kernel = Kernel::new(fs.path(), &[FileKind::Disk, FileKind::Memory]).unwrap();
        let setting = Setting::new(page()).file(FileKind::Disk).file(FileKind::Memory);
        Self { kernel, model: Model::new(setting), process: Process(0) }
    }

    /// Do `op`; the model has to bear with what is seen.
    #[track_caller]
    pub(crate) fn seen(&mut self, op: Op) -> Outcome {
        let seen = self.kernel.step(&op).unwrap();
        if let Err(disagreement) = self.model.step(&op, &seen) {
            panic!("{disagreement}");
        }
        seen
    }

    #[track_caller]
    pub(crate) fn done(&mut self, op: Op) {
        assert_eq!(self.seen(op), Outcome::Done, "{op:?}");
    }

    #[track_caller]
    pub(crate) fn fails(&mut self, op: Op, errno: Errno) {
        assert_eq!(self.seen(op), Outcome::Failed(errno), "{op:?}");
    }

    /// Open file `file` as descriptor `descriptor` to read and write.
    #[track_caller]
    pub(crate) fn open(&mut self, descriptor: u8, file: u8) {
        self.done(self.opening(descriptor, file, Access::ReadWrite));
    }

    pub(crate) fn opening(&self, descriptor: u8, file: u8, access: Access) -> Op {
        Op::Open {
            process: self.process,
            descriptor: Descriptor(descriptor),
            file: File(file),
            access,
            content: Content::Keep,
        }
    }

    /// Write to descriptor 0.
    #[track_caller]
    pub(crate) fn write(&mut self, offset: u64, len: u64, fill: u8) {
        let (process, descriptor) = (self.process, Descriptor(0));
        let seen = self.seen(Op::Write { process, descriptor, offset, len, fill });
        assert_eq!(seen, Outcome::Count(len));
    }

    /// What descriptor 0 reads.
    #[track_caller]
    pub(crate) fn read(&mut self, offset: u64, len: u64) -> Vec<u8> {
        let (process, descriptor) = (self.process, Descriptor(0));
        match self.seen(Op::Read { process, descriptor, offset, len }) {
            Outcome::Bytes(bytes) => bytes,
            other => panic!("{other:?}"),
        }
    }

    /// Truncate descriptor 0.
    #[track_caller]
    pub(crate) fn truncate(&mut self, len: u64) {
        self.done(Op::Truncate { process: self.process, descriptor: Descriptor(0), len });
    }

    /// Map descriptor 0 from its start.
    #[track_caller]
    pub(crate) fn map(&mut self, mapping: u8, sharing: Sharing, len: u64) {
        self.done(Op::Map {
            process: self.process,
            mapping: Mapping(mapping),
            backing: Backing::File(Descriptor(0)),
            sharing,
            protection: RW,
            offset: 0,
            len,
        });
    }

    pub(crate) fn loading(&self, mapping: u8, offset: u64, len: u64) -> Op {
        Op::Load { process: self.process, mapping: Mapping(mapping), offset, len }
    }

    pub(crate) fn storing(&self, mapping: u8, offset: u64, len: u64, fill: u8) -> Op {
        Op::Store { process: self.process, mapping: Mapping(mapping), offset, len, fill }
    }

    #[track_caller]
    pub(crate) fn load(&mut self, mapping: u8, offset: u64, len: u64) -> Vec<u8> {
        match self.seen(self.loading(mapping, offset, len)) {
            Outcome::Bytes(bytes) => bytes,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn store(&mut self, mapping: u8, offset: u64, len: u64, fill: u8) {
        self.done(self.storing(mapping, offset, len, fill));
    }

    /// `op` touches `before` and then meets `signal`.
    #[track_caller]
    pub(crate) fn faults(&mut self, op: Op, signal: Signal, at: u64, before: &[u8]) {
        let before = before.to_vec();
        assert_eq!(self.seen(op), Outcome::Fault { signal, at, before }, "{op:?}");
    }
}
