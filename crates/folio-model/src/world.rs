//! All that is there at one moment, and which part of the model each operation is up to.

use std::collections::BTreeMap;

use crate::allowed::Pattern;
use crate::file::{FileId, FileState};
use crate::lock::Holder;
use crate::map::Wanted;
use crate::memory::MappingState;
use crate::process::{OpenFile, OpenId, ProcessState};
use crate::why::{Stop, Why};
use crate::{Descriptor, Facility, Mapping, Op, Outcome, Process, Setting, rule};

/// What an operation comes to.
pub(crate) type Answer = Result<Pattern, Stop>;

/// A slot for a descriptor, and whose.
pub(crate) type Handle = (Process, Descriptor);

/// A slot for a mapping, and whose.
pub(crate) type Slot = (Process, Mapping);

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) setting: Setting,
    pub(crate) files: Vec<FileState>,
    pub(crate) opens: BTreeMap<OpenId, OpenFile>,
    pub(crate) processes: BTreeMap<Process, ProcessState>,
    opened: u32,
}

impl World {
    pub(crate) fn new(setting: Setting) -> Self {
        let file = |&kind| FileState::new(kind, setting.page_size(), 0);
        Self {
            files: setting.files().iter().map(file).collect(),
            opens: BTreeMap::new(),
            processes: BTreeMap::from([(Process(0), ProcessState::default())]),
            opened: 0,
            setting,
        }
    }

    /// Do it. This is the table of contents of the model.
    pub(crate) fn carry_out(&mut self, op: &Op, why: &mut Why) -> Pattern {
        let answer = match self.processes.contains_key(&op.process()) {
            true => self.answer(op, why),
            false => Err(Stop::Nothing),
        };
        self.settle();
        match answer {
            Ok(pattern) => pattern,
            Err(Stop::Failed(errno)) => Pattern::Failed(errno),
            Err(Stop::Nothing) => {
                why.so(&rule::ABSENT);
                Pattern::Nothing
            }
        }
    }

    fn answer(&mut self, op: &Op, why: &mut Why) -> Answer {
        match *op {
            Op::Open { process, descriptor, file, access, content } => {
                self.open(why, (process, descriptor), file, access, content)
            }
            Op::Close { process, descriptor } => self.close(why, (process, descriptor)),
            Op::Read { process, descriptor, offset, len } => {
                self.read(why, (process, descriptor), offset, len)
            }
            Op::Write { process, descriptor, offset, len, fill } => {
                self.write(why, (process, descriptor), offset, len, fill)
            }
            Op::Truncate { process, descriptor, len } => {
                self.truncate(why, (process, descriptor), len)
            }
            Op::Allocate { process, descriptor, how, offset, len } => {
                self.allocate(why, (process, descriptor), how, offset, len)
            }
            Op::Length { process, descriptor } => self.length(why, (process, descriptor)),
            Op::Sync { process, descriptor, how: _ } => self.sync(why, (process, descriptor)),
            Op::Map { process, mapping, backing, sharing, protection, offset, len } => {
                let wanted = Wanted { backing, sharing, protection, offset, len };
                self.map(why, (process, mapping), wanted)
            }
            Op::Unmap { process, mapping, offset, len } => {
                self.unmap(why, (process, mapping), offset, len)
            }
            Op::Remap { process, mapping, len } => self.remap(why, (process, mapping), len),
            Op::Protect { process, mapping, protection, offset, len } => {
                self.protect(why, (process, mapping), protection, offset, len)
            }
            Op::Load { process, mapping, offset, len } => {
                self.load(why, (process, mapping), offset, len)
            }
            Op::Store { process, mapping, offset, len, fill } => {
                self.store(why, (process, mapping), offset, len, fill)
            }
            Op::Flush { process, mapping, how, offset, len } => {
                self.flush(why, (process, mapping), how, offset, len)
            }
            Op::Advise { process, mapping, advice, offset, len } => {
                self.advise(why, (process, mapping), advice, offset, len)
            }
            Op::Fork { process, child } => self.fork(why, process, child),
            Op::Exit { process } => self.exit(why, process),
            Op::Seal { process, descriptor, seals } => self.seal(why, (process, descriptor), seals),
            Op::Lease { process, descriptor, lease } => {
                self.lease(why, (process, descriptor), lease)
            }
            Op::Lock { process, descriptor, owner, mode, offset, len } => {
                self.lock(why, (process, descriptor), owner, mode, offset, len)
            }
        }
    }

    /// What was seen of bytes settles what they are.
    pub(crate) fn learn(&mut self, op: &Op, seen: &Outcome) {
        let (Outcome::Bytes(bytes) | Outcome::Fault { before: bytes, .. }) = seen else { return };
        match *op {
            Op::Read { process, descriptor, offset, .. } => {
                if let Ok(file) = self.descriptor((process, descriptor)).map(|(_, open)| open.file)
                {
                    for (at, &seen) in (0..).zip(bytes) {
                        self.file(file).learn(offset + at, seen);
                    }
                }
            }
            Op::Load { process, mapping, offset, .. } => {
                for (at, &seen) in (0..).zip(bytes) {
                    self.learn_loaded((process, mapping), offset + at, seen);
                }
            }
            _ => {}
        }
    }

    /// Close what nobody refers to any more, and let the disks know what changed.
    fn settle(&mut self) {
        let processes = &self.processes;
        self.opens.retain(|&open, _| processes.values().any(|process| process.keeps(open)));
        let opens = &self.opens;
        for file in &mut self.files {
            file.leases.retain(|lease| opens.contains_key(&lease.open));
            file.locks.retain(|lock| match lock.holder {
                Holder::Open(open) | Holder::Whole(open) => opens.contains_key(&open),
                Holder::Process(_) => true,
            });
            file.settle();
        }
    }

    pub(crate) fn process(&mut self, process: Process) -> Result<&mut ProcessState, Stop> {
        self.processes.get_mut(&process).ok_or(Stop::Nothing)
    }

    pub(crate) fn descriptor(
        &self,
        (process, descriptor): Handle,
    ) -> Result<(OpenId, OpenFile), Stop> {
        let process = self.processes.get(&process).ok_or(Stop::Nothing)?;
        let id = *process.descriptors.get(&descriptor).ok_or(Stop::Nothing)?;
        let open = *self.opens.get(&id).ok_or(Stop::Nothing)?;
        Ok((id, open))
    }

    pub(crate) fn mapping(&mut self, (process, mapping): Slot) -> Result<&mut MappingState, Stop> {
        self.process(process)?.mappings.get_mut(&mapping).ok_or(Stop::Nothing)
    }

    pub(crate) fn file(&mut self, file: FileId) -> &mut FileState {
        &mut self.files[file.0]
    }

    pub(crate) fn has(&self, file: FileId, facility: Facility) -> bool {
        self.setting.has(self.files[file.0].kind, facility)
    }

    /// A new open file, for a descriptor that is yet to refer to it.
    pub(crate) fn add_open(&mut self, open: OpenFile) -> OpenId {
        let id = OpenId(self.opened);
        self.opened += 1;
        self.opens.insert(id, open);
        id
    }

    pub(crate) fn page_size(&self) -> u64 {
        self.setting.page_size()
    }
}
