//! What a generator remembers of the program so far, to make the next step an interesting one.
//!
//! It is no model: it takes for granted that every step succeeds but a mapping that the open mode does not allow, and where it is
//! wrong a step does less than was hoped.

use crate::{
    Access, Allocation, Backing, Content, Descriptor, File, Mapping, Op, Process, Protection,
    Sharing,
};

/// An open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) access: Access,
}

/// A mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) file: Option<File>,
    pub(crate) sharing: Sharing,
    pub(crate) protection: Protection,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// The table of mmap(2), EACCES.
pub(crate) fn may_map(access: Access, sharing: Sharing, protection: Protection) -> bool {
    let stores = sharing == Sharing::Shared && protection.contains(Protection::WRITE);
    access != Access::Write && !(stores && access == Access::Read)
}

/// The slots of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Slots {
    descriptors: Vec<Option<Opened>>,
    mappings: Vec<Option<Mapped>>,
}

/// Which slots are in use, and how long files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    /// `None`: there is no such process.
    processes: Vec<Option<Slots>>,
    lens: Vec<u64>,
    /// Something has just been done that shows in a mapping.
    stirred: bool,
}

impl Outline {
    pub(crate) fn new(
        processes: u8,
        alive: u8,
        files: u8,
        (descriptors, mappings): (u8, u8),
    ) -> Self {
        let slots = Slots {
            descriptors: vec![None; descriptors.into()],
            mappings: vec![None; mappings.into()],
        };
        Self {
            processes: (0..processes).map(|at| (at < alive).then(|| slots.clone())).collect(),
            lens: vec![0; files.into()],
            stirred: false,
        }
    }

    pub(crate) fn is_stirred(&self) -> bool {
        self.stirred
    }

    pub(crate) fn len_of(&self, file: File) -> u64 {
        self.lens.get(usize::from(file.0)).copied().unwrap_or(0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lens.iter().all(|&len| len == 0)
    }

    /// The processes that are there.
    pub(crate) fn alive(&self) -> Vec<Process> {
        self.numbers(|slots| slots.is_some())
    }

    /// The processes that are not.
    pub(crate) fn unborn(&self) -> Vec<Process> {
        self.numbers(|slots| slots.is_none())
    }

    fn numbers(&self, which: impl Fn(&Option<Slots>) -> bool) -> Vec<Process> {
        (0u8..)
            .zip(&self.processes)
            .filter(|(_, slots)| which(slots))
            .map(|(at, _)| Process(at))
            .collect()
    }

    /// Every open file of every process.
    pub(crate) fn opened(&self) -> Vec<(Process, Descriptor, Opened)> {
        self.each(|slots| &slots.descriptors)
            .map(|(p, at, open)| (p, Descriptor(at), open))
            .collect()
    }

    /// Whether some process has a file open for writing.
    pub(crate) fn may_write(&self) -> bool {
        self.opened().iter().any(|(_, _, open)| open.access != Access::Read)
    }

    /// Every mapping of every process.
    pub(crate) fn mapped(&self) -> Vec<(Process, Mapping, Mapped)> {
        self.each(|slots| &slots.mappings).map(|(p, at, map)| (p, Mapping(at), map)).collect()
    }

    fn each<'a, T: Copy + 'a>(
        &'a self,
        of: impl Fn(&'a Slots) -> &'a Vec<Option<T>> + 'a,
    ) -> impl Iterator<Item = (Process, u8, T)> + 'a {
        (0u8..).zip(&self.processes).flat_map(move |(process, slots)| {
            let slots = slots.as_ref().map(|slots| of(slots).as_slice()).unwrap_or_default();
            (0u8..)
                .zip(slots)
                .filter_map(move |(at, slot)| slot.map(|slot| (Process(process), at, slot)))
        })
    }

    /// Take `op` for done.
    pub(crate) fn step(&mut self, op: &Op) {
        self.stirred = matches!(
            op,
            Op::Truncate { .. }
                | Op::Allocate { .. }
                | Op::Remap { .. }
                | Op::Protect { .. }
                | Op::Advise { .. }
                | Op::Fork { .. }
                | Op::Map { .. }
                | Op::Open { content: Content::Truncate, .. }
        );
        match *op {
            Op::Open { process, descriptor, file, access, content } => {
                // O_RDONLY | O_TRUNC truncates as well.
                if content == Content::Truncate {
                    self.set_len(file, |_| 0);
                }
                self.open(process, descriptor, Some(Opened { file, access }));
            }
            Op::Close { process, descriptor } => self.open(process, descriptor, None),
            Op::Write { process, descriptor, offset, len, .. }
            | Op::Allocate { process, descriptor, how: Allocation::Extend, offset, len } => {
                self.set_len_of(process, descriptor, |now| now.max(offset.saturating_add(len)));
            }
            Op::Truncate { process, descriptor, len } => {
                self.set_len_of(process, descriptor, |_| len)
            }
            Op::Fork { process, child } => {
                let slots = self.slots(process).cloned();
                if let Some(born) = self.processes.get_mut(usize::from(child.0)) {
                    *born = slots;
                }
            }
            Op::Exit { process } => {
                if let Some(slots) = self.processes.get_mut(usize::from(process.0)) {
                    *slots = None;
                }
            }
            _ => self.step_of_a_mapping(op),
        }
    }

    fn step_of_a_mapping(&mut self, op: &Op) {
        match *op {
            Op::Map { process, mapping, backing, sharing, protection, offset, len } => {
                let file = match backing {
                    Backing::File(descriptor) => {
                        let Some(open) = self.opened_at(process, descriptor) else { return };
                        if !may_map(open.access, sharing, protection) {
                            self.map(process, mapping, None);
                            return;
                        }
                        Some(open.file)
                    }
                    Backing::Anonymous => None,
                };
                let mapped = Mapped { file, sharing, protection, offset, len };
                self.map(process, mapping, Some(mapped));
            }
            Op::Unmap { process, mapping, offset: 0, len }
                if self.mapped_at(process, mapping).is_some_and(|mapped| mapped.len <= len) =>
            {
                self.map(process, mapping, None);
            }
            Op::Remap { process, mapping, len } => {
                if let Some(mapped) = self.mapped_at(process, mapping) {
                    self.map(process, mapping, Some(Mapped { len, ..mapped }));
                }
            }
            Op::Protect { process, mapping, protection, .. } => {
                if let Some(mapped) = self.mapped_at(process, mapping) {
                    self.map(process, mapping, Some(Mapped { protection, ..mapped }));
                }
            }
            _ => {}
        }
    }

    fn slots(&self, process: Process) -> Option<&Slots> {
        self.processes.get(usize::from(process.0))?.as_ref()
    }

    fn slots_mut(&mut self, process: Process) -> Option<&mut Slots> {
        self.processes.get_mut(usize::from(process.0))?.as_mut()
    }

    pub(crate) fn opened_at(&self, process: Process, descriptor: Descriptor) -> Option<Opened> {
        *self.slots(process)?.descriptors.get(usize::from(descriptor.0))?
    }

    fn mapped_at(&self, process: Process, mapping: Mapping) -> Option<Mapped> {
        *self.slots(process)?.mappings.get(usize::from(mapping.0))?
    }

    fn open(&mut self, process: Process, descriptor: Descriptor, opened: Option<Opened>) {
        let slots = self.slots_mut(process);
        if let Some(slot) = slots.and_then(|all| all.descriptors.get_mut(usize::from(descriptor.0)))
        {
            *slot = opened;
        }
    }

    fn map(&mut self, process: Process, mapping: Mapping, mapped: Option<Mapped>) {
        let slots = self.slots_mut(process);
        if let Some(slot) = slots.and_then(|all| all.mappings.get_mut(usize::from(mapping.0))) {
            *slot = mapped;
        }
    }

    fn set_len(&mut self, file: File, change: impl FnOnce(u64) -> u64) {
        if let Some(len) = self.lens.get_mut(usize::from(file.0)) {
            *len = change(*len);
        }
    }

    fn set_len_of(
        &mut self,
        process: Process,
        descriptor: Descriptor,
        change: impl FnOnce(u64) -> u64,
    ) {
        match self.opened_at(process, descriptor) {
            Some(open) if open.access != Access::Read => self.set_len(open.file, change),
            _ => {}
        }
    }
}
