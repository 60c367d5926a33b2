//! Processes, their descriptors, and the open files behind these.
//!
//! An open file (an *open file description*, open(2)) is what open(2) makes: a file, and what it was opened for. Descriptors
//! refer to it: more than one after fork(2). So do mappings, which keep it open when every descriptor is closed.

use std::collections::BTreeMap;

use crate::allowed::Pattern;
use crate::file::FileId;
use crate::memory::MappingState;
use crate::why::{Stop, Why};
use crate::world::{Answer, World};
use crate::{Access, Descriptor, Mapping, Process, rule};

/// Which open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OpenId(pub(crate) u32);

#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: FileId,
    pub(crate) access: Access,
}

impl OpenFile {
    pub(crate) fn reads(&self) -> bool {
        self.access != Access::Write
    }

    pub(crate) fn writes(&self) -> bool {
        self.access != Access::Read
    }
}

/// What a process has. fork(2) clones it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProcessState {
    pub(crate) descriptors: BTreeMap<Descriptor, OpenId>,
    pub(crate) mappings: BTreeMap<Mapping, MappingState>,
}

impl ProcessState {
    /// Does a descriptor or a mapping of this process refer to the open file?
    pub(crate) fn keeps(&self, open: OpenId) -> bool {
        self.descriptors.values().any(|&other| other == open)
            || self.mappings.values().any(|mapping| mapping.keeps(open))
    }
}

impl World {
    /// fork(2): whatever the child has is what the parent has, at this moment.
    pub(crate) fn fork(&mut self, why: &mut Why, process: Process, child: Process) -> Answer {
        if self.processes.contains_key(&child) {
            return Err(Stop::Nothing);
        }
        why.so(&rule::FORK);
        let state = self.process(process)?.clone();
        self.processes.insert(child, state);
        Ok(Pattern::Done)
    }

    /// _exit(2)
    pub(crate) fn exit(&mut self, why: &mut Why, process: Process) -> Answer {
        why.so(&rule::EXIT);
        for file in 0..self.files.len() {
            self.forget_locks(why, process, FileId(file));
        }
        self.processes.remove(&process);
        Ok(Pattern::Done)
    }
}
