//! Writing programs with few words, and holding what the model says of them against what is expected.

use std::collections::BTreeSet;

use folio_model::{
    Access, Advice, Allocation, Backing, Content, Descriptor, Errno, File, FileKind, FileSync,
    Lease, LockMode, LockOwner, Mapping, Model, Msync, Op, Outcome, Process, Protection, Rule,
    Seals, Setting, Sharing, Signal,
};

/// Bytes of a page.
pub(crate) const PAGE: u64 = 4096;

/// A file on a disk, and one in memory.
pub(crate) const DISK: u8 = 0;
pub(crate) const MEMORY: u8 = 1;

pub(crate) const RW: Protection = Protection::READ.union(Protection::WRITE);
pub(crate) const READ: Protection = Protection::READ;

/// A program, by the name of its rule.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Play),
}

/// Defines programs, a test for each, and the list of them.
macro_rules! programs {
    ($($name:ident($play:ident) $body:block)*) => {
        $(fn $name($play: &mut crate::play::Play) $body)*

        pub(crate) const PROGRAMS: &[crate::play::Program] =
            &[$(crate::play::Program { name: stringify!($name), run: $name }),*];

        mod alone {
            $(#[test] fn $name() { super::$name(&mut crate::play::Play::default()); })*
        }
    };
}
pub(crate) use programs;

/// A model that is asked step by step, and the rules that it gave as reasons.
pub(crate) struct Play {
    pub(crate) model: Model,
    reached: BTreeSet<&'static str>,
}

impl Default for Play {
    fn default() -> Self {
        Self::with(Setting::new(PAGE).file(FileKind::Disk).file(FileKind::Memory))
    }
}

impl Play {
    pub(crate) fn with(setting: Setting) -> Self {
        Self { model: Model::new(setting), reached: BTreeSet::new() }
    }

    /// Go on in another setting.
    pub(crate) fn restart(&mut self, setting: Setting) {
        self.model = Model::new(setting);
    }

    pub(crate) fn reached(&self, rule: &Rule) -> bool {
        self.reached.contains(rule.name)
    }

    /// Do this, and see that.
    #[track_caller]
    pub(crate) fn sees(&mut self, op: Op, outcome: Outcome) {
        self.reached.extend(self.model.allowed(&op).rules().iter().map(|rule| rule.name));
        if let Err(disagreement) = self.model.step(&op, &outcome) {
            panic!("{disagreement}");
        }
    }

    #[track_caller]
    pub(crate) fn does(&mut self, op: Op) {
        self.sees(op, Outcome::Done);
    }

    #[track_caller]
    pub(crate) fn fails(&mut self, op: Op, errno: Errno) {
        self.never(op, &Outcome::Done);
        self.sees(op, Outcome::Failed(errno));
    }

    /// Both are allowed; see neither.
    #[track_caller]
    pub(crate) fn may(&mut self, op: Op, one: &Outcome, other: &Outcome) {
        let allowed = self.model.allowed(&op);
        self.reached.extend(allowed.rules().iter().map(|rule| rule.name));
        assert!(allowed.contains(one) && allowed.contains(other), "{op:?}: {allowed}");
    }

    /// This is not allowed.
    #[track_caller]
    pub(crate) fn never(&self, op: Op, outcome: &Outcome) {
        let allowed = self.model.allowed(&op);
        assert!(!allowed.contains(outcome), "{op:?}: {allowed}");
    }

    /// Exactly these bytes.
    #[track_caller]
    pub(crate) fn shows(&mut self, op: Op, bytes: &[u8]) {
        let mut wrong = bytes.to_vec();
        if let Some(first) = wrong.first_mut() {
            *first ^= 1;
            self.never(op, &Outcome::Bytes(wrong));
        }
        self.sees(op, Outcome::Bytes(bytes.to_vec()));
    }

    #[track_caller]
    pub(crate) fn faults(&mut self, op: Op, signal: Signal, at: u64, before: &[u8]) {
        self.sees(op, Outcome::Fault { signal, at, before: before.to_vec() });
    }

    /// Process 0 opens a file as its descriptor 0, and writes this many bytes 1 to it.
    #[track_caller]
    pub(crate) fn file(&mut self, file: u8, len: u64) {
        self.does(A.open(0, file, Access::ReadWrite));
        self.sees(A.write(0, 0, len, 1), Outcome::Count(len));
    }
}

/// A process, which does things.
#[derive(Clone, Copy)]
pub(crate) struct Actor(u8);

/// The first process, and one that is forked from it.
pub(crate) const A: Actor = Actor(0);
pub(crate) const B: Actor = Actor(1);

impl Actor {
    pub(crate) fn process(self) -> Process {
        Process(self.0)
    }

    pub(crate) fn open(self, descriptor: u8, file: u8, access: Access) -> Op {
        let (process, descriptor) = (self.process(), Descriptor(descriptor));
        Op::Open { process, descriptor, file: File(file), access, content: Content::Keep }
    }

    pub(crate) fn open_truncating(self, descriptor: u8, file: u8, access: Access) -> Op {
        let (process, descriptor) = (self.process(), Descriptor(descriptor));
        Op::Open { process, descriptor, file: File(file), access, content: Content::Truncate }
    }

    pub(crate) fn close(self, descriptor: u8) -> Op {
        Op::Close { process: self.process(), descriptor: Descriptor(descriptor) }
    }

    pub(crate) fn read(self, descriptor: u8, offset: u64, len: u64) -> Op {
        Op::Read { process: self.process(), descriptor: Descriptor(descriptor), offset, len }
    }

    pub(crate) fn write(self, descriptor: u8, offset: u64, len: u64, fill: u8) -> Op {
        Op::Write { process: self.process(), descriptor: Descriptor(descriptor), offset, len, fill }
    }

    pub(crate) fn truncate(self, descriptor: u8, len: u64) -> Op {
        Op::Truncate { process: self.process(), descriptor: Descriptor(descriptor), len }
    }

    pub(crate) fn allocate(self, descriptor: u8, how: Allocation, offset: u64, len: u64) -> Op {
        let (process, descriptor) = (self.process(), Descriptor(descriptor));
        Op::Allocate { process, descriptor, how, offset, len }
    }

    pub(crate) fn length(self, descriptor: u8) -> Op {
        Op::Length { process: self.process(), descriptor: Descriptor(descriptor) }
    }

    pub(crate) fn sync(self, descriptor: u8) -> Op {
        let (process, descriptor) = (self.process(), Descriptor(descriptor));
        Op::Sync { process, descriptor, how: FileSync::Content }
    }

    /// Map pages of descriptor 0.
    pub(crate) fn map(
        self,
        mapping: u8,
        sharing: Sharing,
        protection: Protection,
        offset: u64,
        len: u64,
    ) -> Op {
        let (process, mapping) = (self.process(), Mapping(mapping));
        let backing = Backing::File(Descriptor(0));
        Op::Map { process, mapping, backing, sharing, protection, offset, len }
    }

    pub(crate) fn map_anonymous(self, mapping: u8, sharing: Sharing, len: u64) -> Op {
        let (process, mapping) = (self.process(), Mapping(mapping));
        let backing = Backing::Anonymous;
        Op::Map { process, mapping, backing, sharing, protection: RW, offset: 0, len }
    }

    pub(crate) fn unmap(self, mapping: u8, offset: u64, len: u64) -> Op {
        Op::Unmap { process: self.process(), mapping: Mapping(mapping), offset, len }
    }

    pub(crate) fn remap(self, mapping: u8, len: u64) -> Op {
        Op::Remap { process: self.process(), mapping: Mapping(mapping), len }
    }

    pub(crate) fn protect(self, mapping: u8, protection: Protection, offset: u64, len: u64) -> Op {
        let (process, mapping) = (self.process(), Mapping(mapping));
        Op::Protect { process, mapping, protection, offset, len }
    }

    pub(crate) fn load(self, mapping: u8, offset: u64, len: u64) -> Op {
        Op::Load { process: self.process(), mapping: Mapping(mapping), offset, len }
    }

    pub(crate) fn store(self, mapping: u8, offset: u64, len: u64, fill: u8) -> Op {
        Op::Store { process: self.process(), mapping: Mapping(mapping), offset, len, fill }
    }

    pub(crate) fn flush(self, mapping: u8, how: Msync, offset: u64, len: u64) -> Op {
        Op::Flush { process: self.process(), mapping: Mapping(mapping), how, offset, len }
    }

    pub(crate) fn advise(self, mapping: u8, advice: Advice, offset: u64, len: u64) -> Op {
        Op::Advise { process: self.process(), mapping: Mapping(mapping), advice, offset, len }
    }

    pub(crate) fn fork(self, child: Self) -> Op {
        Op::Fork { process: self.process(), child: child.process() }
    }

    pub(crate) fn exit(self) -> Op {
        Op::Exit { process: self.process() }
    }

    pub(crate) fn seal(self, descriptor: u8, seals: Seals) -> Op {
        Op::Seal { process: self.process(), descriptor: Descriptor(descriptor), seals }
    }

    pub(crate) fn lease(self, descriptor: u8, lease: Lease) -> Op {
        Op::Lease { process: self.process(), descriptor: Descriptor(descriptor), lease }
    }

    pub(crate) fn lock(
        self,
        descriptor: u8,
        owner: LockOwner,
        mode: LockMode,
        offset: u64,
        len: u64,
    ) -> Op {
        let (process, descriptor) = (self.process(), Descriptor(descriptor));
        Op::Lock { process, descriptor, owner, mode, offset, len }
    }
}
