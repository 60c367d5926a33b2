//! The operations of a program in short: who does it is the subject, the rest is as in the system call.
//!
//! Programs here have one file, and descriptors and mappings by number. Its bytes are [`OLD`] until something new is
//! stored, so that an outcome says by itself where its bytes come from.

use folio_model::{
    Access, Advice, Backing, Content, Descriptor, File, Mapping, Op, Process, Protection, Sharing,
};

/// What fills the file at first.
pub(super) const OLD: u8 = b'o';
/// What is written or stored later.
pub(super) const NEW: u8 = b'n';

/// The process that is there from the beginning.
pub(super) const FIRST: By = By(0);
/// Its child, once it has one.
pub(super) const CHILD: By = By(1);

pub(super) const READ: Protection = Protection::READ;
pub(super) const READ_WRITE: Protection = Protection::READ.union(Protection::WRITE);

/// A process, as the subject of its operations. Offsets and lengths are bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct By(u8);

/// What to map, for [`By::map`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) sharing: Sharing,
    pub(super) protection: Protection,
    pub(super) offset: u64,
    pub(super) len: u64,
}

impl By {
    fn process(self) -> Process {
        Process(self.0)
    }

    pub(super) fn open(self, descriptor: u8, access: Access) -> Op {
        Op::Open {
            process: self.process(),
            descriptor: Descriptor(descriptor),
            file: File(0),
            access,
            content: Content::Keep,
        }
    }

    pub(super) fn read(self, descriptor: u8, offset: u64, len: u64) -> Op {
        Op::Read { process: self.process(), descriptor: Descriptor(descriptor), offset, len }
    }

    pub(super) fn write(self, descriptor: u8, offset: u64, len: u64, fill: u8) -> Op {
        Op::Write { process: self.process(), descriptor: Descriptor(descriptor), offset, len, fill }
    }

    pub(super) fn truncate(self, descriptor: u8, len: u64) -> Op {
        Op::Truncate { process: self.process(), descriptor: Descriptor(descriptor), len }
    }

    pub(super) fn length(self, descriptor: u8) -> Op {
        Op::Length { process: self.process(), descriptor: Descriptor(descriptor) }
    }

    pub(super) fn map(self, mapping: u8, descriptor: u8, part: Part) -> Op {
        Op::Map {
            process: self.process(),
            mapping: Mapping(mapping),
            backing: Backing::File(Descriptor(descriptor)),
            sharing: part.sharing,
            protection: part.protection,
            offset: part.offset,
            len: part.len,
        }
    }

    pub(super) fn unmap(self, mapping: u8, offset: u64, len: u64) -> Op {
        Op::Unmap { process: self.process(), mapping: Mapping(mapping), offset, len }
    }

    pub(super) fn remap(self, mapping: u8, len: u64) -> Op {
        Op::Remap { process: self.process(), mapping: Mapping(mapping), len }
    }

    pub(super) fn load(self, mapping: u8, offset: u64, len: u64) -> Op {
        Op::Load { process: self.process(), mapping: Mapping(mapping), offset, len }
    }

    pub(super) fn store(self, mapping: u8, offset: u64, len: u64, fill: u8) -> Op {
        Op::Store { process: self.process(), mapping: Mapping(mapping), offset, len, fill }
    }

    pub(super) fn advise(self, mapping: u8, advice: Advice, offset: u64, len: u64) -> Op {
        Op::Advise { process: self.process(), mapping: Mapping(mapping), advice, offset, len }
    }

    pub(super) fn fork(self, child: Self) -> Op {
        Op::Fork { process: self.process(), child: child.process() }
    }
}
