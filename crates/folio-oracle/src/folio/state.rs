//! What is so after the steps so far: what the model knows, and what folio promised on top of it.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;

use folio_model::{
    Access, Byte, Content, Descriptor, File, FileKind, LockMode, Mapping, Model, Op, Outcome,
    Pattern, Process, Setting,
};

use super::answer::Answer;
use super::promise::rights;
use super::right::{Expected, Right, Then};
use super::ways::CommitWay;
use crate::Oracle;

/// Whether a mapping can be stored to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writable {
    No,
    Yes,
}

/// A `Shared` or `SharedMut`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) file: File,
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) writable: Writable,
    /// It has met the end of the file, and asks for it from now on.
    pub(super) seen_short: bool,
}

/// A `Frozen` or `Private`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// `None`: anonymous memory.
    pub(super) file: Option<File>,
    pub(super) offset: u64,
    pub(super) writable: Writable,
    pub(super) bytes: Vec<u8>,
    /// As they were at open.
    pub(super) original: Vec<u8>,
    /// What the file was at open.
    pub(super) version: u64,
    pub(super) written: u64,
    pub(super) file_len: u64,
}

impl Kept {
    pub(super) fn anonymous() -> Self {
        let (bytes, original) = (Vec::new(), Vec::new());
        let (version, written, file_len) = (0, 0, 0);
        let writable = Writable::No;
        Self { file: None, offset: 0, writable, bytes, original, version, written, file_len }
    }

    /// The ranges in which the bytes differ from those at open.
    pub(super) fn changed(&self) -> Vec<Range<u64>> {
        let mut found: Vec<Range<u64>> = Vec::new();
        for (at, _) in (0..).zip(self.bytes.iter().zip(&self.original)).filter(|(_, (a, b))| a != b)
        {
            match found.last_mut() {
                Some(last) if last.end == at => last.end += 1,
                _ => found.push(at..at + 1),
            }
        }
        found
    }

    /// The changed bytes as runs of equals: position, length, byte.
    pub(super) fn runs_changed(&self) -> Vec<(u64, u64, u8)> {
        let position = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let of = |range: Range<u64>| {
            let bytes = &self.bytes[position(range.start)..position(range.end)];
            runs(bytes).into_iter().map(move |(at, len, byte)| (range.start + at, len, byte))
        };
        self.changed().into_iter().flat_map(of).collect()
    }
}

/// `bytes` as runs of equals: position, length, byte.
pub(super) fn runs(bytes: &[u8]) -> Vec<(u64, u64, u8)> {
    let mut at = 0;
    let run = |run: &[u8]| {
        let start = at;
        at += run.len() as u64;
        (start, run.len() as u64, run[0])
    };
    bytes.chunk_by(|a, b| a == b).map(run).collect()
}

/// What is in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Live(Live),
    Kept(Kept),
}

/// What a guard has locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Locked {
    pub(super) file: File,
    pub(super) bytes: Range<u64>,
    pub(super) mode: LockMode,
}

impl Locked {
    fn excludes(&self, other: &Self) -> bool {
        self.file == other.file
            && (self.mode == LockMode::Exclusive || other.mode == LockMode::Exclusive)
            && self.bytes.start < other.bytes.end
            && other.bytes.start < self.bytes.end
    }
}

/// How exactly the files' times tell of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileTimes {
    /// A write always changes the time of a file that somebody has looked at: multigrain timestamps (Linux 6.13).
    Fine,
    /// Two changes may have one time, as long as a tick of the clock.
    Coarse,
}

/// What is so after the steps so far.
#[derive(Clone, Debug)]
pub(super) struct State {
    model: Model,
    page: u64,
    times: FileTimes,
    kinds: Vec<FileKind>,
    opened: HashMap<(Process, Descriptor), (File, Access)>,
    held: HashMap<(Process, Mapping), Held>,
    locks: HashMap<(Process, Descriptor), Locked>,
    /// How often each file was changed.
    versions: Vec<u64>,
    /// How often of these by write(2), which sets the time at once; a store sets it when the page is first stored to.
    written: Vec<u64>,
    /// What the program's names of files stand for: a commit puts a new file in the place of the old one.
    names: Vec<File>,
    /// How many files of the model are in use.
    used: usize,
    replaced: HashMap<Process, usize>,
}

/// The descriptor by which the model is asked about `file`.
fn observer(file: File) -> Descriptor {
    Descriptor(FIRST_OBSERVER + file.0)
}

const FIRST_OBSERVER: u8 = 128;

const OBSERVING: Process = Process(0);

impl State {
    /// `processes` processes with nothing open, and empty files of these kinds.
    fn new(page: u64, times: FileTimes, kinds: &[FileKind], processes: u8) -> Self {
        let mut kinds = kinds.to_vec();
        let named = kinds.len();
        // Those that take the place of others.
        kinds.resize(named + usize::from(processes) * CommitWay::MOST, FileKind::Disk);
        let setting = kinds.iter().fold(Setting::new(page), |setting, &kind| setting.file(kind));
        let mut model = Model::new(setting);
        for child in (1..processes).map(Process) {
            model.run(&Op::Fork { process: OBSERVING, child });
        }
        let files = || (0..).map(File);
        for file in files().take(kinds.len()) {
            let (process, descriptor) = (OBSERVING, observer(file));
            let (access, content) = (Access::Read, Content::Keep);
            model.run(&Op::Open { process, descriptor, file, access, content });
        }
        Self {
            model,
            page,
            times,
            opened: HashMap::new(),
            held: HashMap::new(),
            locks: HashMap::new(),
            versions: vec![0; kinds.len()],
            written: vec![0; kinds.len()],
            names: files().take(named).collect(),
            used: named,
            replaced: HashMap::new(),
            kinds,
        }
    }

    pub(super) fn floor(&self, at: u64) -> u64 {
        at - self.lead(at)
    }

    pub(super) fn ceil(&self, at: u64) -> u64 {
        at.next_multiple_of(self.page)
    }

    pub(super) fn lead(&self, at: u64) -> u64 {
        at % self.page
    }

    /// The length of the pages that hold `len` bytes at `offset`.
    pub(super) fn pages(&self, offset: u64, len: u64) -> u64 {
        self.ceil(self.lead(offset) + len)
    }

    pub(super) fn opened(
        &self,
        process: Process,
        descriptor: Descriptor,
    ) -> Option<(File, Access)> {
        self.opened.get(&(process, descriptor)).copied()
    }

    pub(super) fn held(&self, process: Process, mapping: Mapping) -> Option<&Held> {
        self.held.get(&(process, mapping))
    }

    pub(super) fn is_memory(&self, file: File) -> bool {
        self.kinds.get(usize::from(file.0)) == Some(&FileKind::Memory)
    }

    /// What a name of the program stands for.
    pub(super) fn named(&self, name: File) -> Option<File> {
        self.names.get(usize::from(name.0)).copied()
    }

    /// Whether some name stands for `file`.
    pub(super) fn has_name(&self, file: File) -> bool {
        self.names.contains(&file)
    }

    /// A file that is not in use.
    pub(super) fn spare(&self) -> File {
        File(u8::try_from(self.used).unwrap_or(u8::MAX))
    }

    /// How often a process has replaced a file.
    pub(super) fn replaced(&self, process: Process) -> usize {
        self.replaced.get(&process).copied().unwrap_or(0)
    }

    /// The bytes of a file, where there is doubt as they are likeliest.
    pub(super) fn content(&self, file: File) -> Vec<u8> {
        self.model.content(file).iter().map(|byte| byte.likeliest()).collect()
    }

    /// The length of a file.
    pub(super) fn len(&self, file: File) -> u64 {
        let op = Op::Length { process: OBSERVING, descriptor: observer(file) };
        match self.model.allowed(&op).alternatives.first().map(|first| &first.outcome) {
            Some(Pattern::Count(len)) => *len,
            _ => 0,
        }
    }

    /// Reading a part of a file.
    pub(super) fn read(&self, file: File, offset: u64, len: u64) -> Op {
        Op::Read { process: OBSERVING, descriptor: observer(file), offset, len }
    }

    /// Whether bytes other than zeros may be seen past the end of the file, in the last page, through this mapping.
    pub(super) fn tail_may_show(&self, process: Process, mapping: Mapping, live: &Live) -> bool {
        let end = self.len(live.file);
        let Some(offset) = end.checked_sub(self.floor(live.offset)) else { return false };
        let op = Op::Load { process, mapping, offset, len: self.ceil(end) - end };
        self.model.allowed(&op).alternatives.iter().any(|way| match &way.outcome {
            Pattern::Bytes(bytes) => bytes.iter().any(|&byte| byte != Byte::ZERO),
            _ => false,
        })
    }

    /// What a mapping of `file` that keeps its bytes knows of it.
    pub(super) fn kept(&self, file: File, offset: u64) -> Kept {
        let (version, written) = (self.version(file), self.written(file));
        let file_len = self.len(file);
        Kept { file: Some(file), offset, version, written, file_len, ..Kept::anonymous() }
    }

    pub(super) fn version(&self, file: File) -> u64 {
        self.versions.get(usize::from(file.0)).copied().unwrap_or(0)
    }

    fn written(&self, file: File) -> u64 {
        self.written.get(usize::from(file.0)).copied().unwrap_or(0)
    }

    /// Whether the time of `file` is another than that which `kept` knows, beyond doubt.
    pub(super) fn has_another_time(&self, file: File, kept: &Kept) -> bool {
        self.times == FileTimes::Fine && self.written(file) != kept.written
    }

    /// Whether a guard other than that of `slot` is in the way.
    pub(super) fn is_locked(&self, wanted: &Locked, slot: (Process, Descriptor)) -> bool {
        self.locks.iter().any(|(&other, locked)| other != slot && locked.excludes(wanted))
    }

    /// Take `right` for what happened, if the model agrees; else what it says.
    fn follow(&mut self, process: Process, right: &Right, answer: &Answer) -> Result<(), String> {
        for raw in &right.raw {
            if let Some((op, outcome)) = raw.seen(answer) {
                self.model.step(&op, &outcome).map_err(|wrong| {
                    format!(
                        "to the kernel that is {op}, seen {outcome:?}, where the model allows\n{}",
                        wrong.allowed
                    )
                })?;
            }
        }
        let failed = matches!(answer, Answer::Kernel(Outcome::Failed(_)) | Answer::Nothing);
        for then in &right.then {
            match then {
                // A call that failed has opened nothing. It may have set the file's time: a write to a sealed file does.
                Then::Open(..) | Then::Close(_) if failed => {}
                _ => self.remember(process, then, answer),
            }
        }
        Ok(())
    }

    fn remember(&mut self, process: Process, then: &Then, answer: &Answer) {
        match *then {
            Then::Open(descriptor, file, access) => {
                self.opened.insert((process, descriptor), (file, access));
            }
            Then::Close(descriptor) => {
                self.opened.remove(&(process, descriptor));
            }
            Then::Touch(file) => {
                if let Some(version) = self.versions.get_mut(usize::from(file.0)) {
                    *version += 1;
                }
            }
            Then::Written(file) => {
                let wrote = matches!(answer, Answer::Kernel(Outcome::Count(1..)));
                if let Some(written) = self.written.get_mut(usize::from(file.0)) {
                    *written += u64::from(wrote);
                }
            }
            Then::Rename(old, new) => {
                self.used += 1;
                *self.replaced.entry(process).or_default() += 1;
                for name in self.names.iter_mut().filter(|name| **name == old) {
                    *name = new;
                }
            }
            Then::MapLive(mapping, ref live) => {
                self.held.insert((process, mapping), Held::Live(live.clone()));
            }
            Then::MapKept(mapping, ref kept) => {
                let Some(bytes) = answer.bytes() else { return };
                let version = kept.file.map_or(0, |file| self.version(file));
                let (bytes, original) = (bytes.to_vec(), bytes.to_vec());
                let kept = Kept { bytes, original, version, ..kept.clone() };
                self.held.insert((process, mapping), Held::Kept(kept));
            }
            Then::Unmap(mapping) => {
                self.held.remove(&(process, mapping));
            }
            Then::Unlock(descriptor) => {
                self.locks.remove(&(process, descriptor));
            }
            Then::Lock(descriptor, ref locked) => {
                self.locks.insert((process, descriptor), locked.clone());
            }
            Then::Resize(mapping, _)
            | Then::SeenShort(mapping)
            | Then::Fill(mapping, ..)
            | Then::Revert(mapping, _) => {
                if let Some(held) = self.held.get_mut(&(process, mapping)) {
                    held.change(then);
                }
            }
        }
    }
}

impl Held {
    fn change(&mut self, then: &Then) {
        match (self, then) {
            (Self::Live(live), Then::Resize(_, len)) => live.len = *len,
            (Self::Live(live), Then::SeenShort(_)) => live.seen_short = true,
            (Self::Kept(kept), Then::Fill(_, range, fill)) => kept.bytes[range.clone()].fill(*fill),
            (Self::Kept(kept), Then::Revert(_, range)) => {
                kept.bytes[range.clone()].copy_from_slice(&kept.original[range.clone()]);
            }
            _ => {}
        }
    }
}

/// Knows what folio must answer.
#[derive(Clone, Debug)]
pub(super) struct Promise(State);

impl Promise {
    /// `processes` processes with nothing open, and empty files of these kinds; pages of `page` bytes.
    #[must_use]
    pub(super) fn new(page: u64, times: FileTimes, kinds: &[FileKind], processes: u8) -> Self {
        Self(State::new(page, times, kinds, processes))
    }
}

impl Oracle<Answer> for Promise {
    fn allowed(&self, op: &Op) -> String {
        let mut words = String::new();
        for (index, right) in rights(&self.0, op).iter().enumerate() {
            let or = if index == 0 { "" } else { "\nor " };
            let shown = match right.answer {
                Expected::Kernel => format!("{}", self.0.model.allowed(op)),
                _ => format!("{:?}: {}", right.answer, right.because),
            };
            let _ = write!(words, "{or}{shown}");
        }
        words
    }

    fn step(&mut self, op: &Op, seen: &Answer) -> Result<(), String> {
        let mut why = String::new();
        for right in rights(&self.0, op).iter().filter(|right| right.answer.matches(seen)) {
            let mut after = self.0.clone();
            match after.follow(op.process(), right, seen) {
                Ok(()) => {
                    self.0 = after;
                    return Ok(());
                }
                Err(wrong) => why = format!("\n{wrong}"),
            }
        }
        Err(format!("folio must answer {}{why}", self.allowed(op)))
    }

    fn content(&mut self, file: File, bytes: &[u8]) -> Result<(), String> {
        let file = self.0.named(file).ok_or("there is no such file")?;
        Oracle::content(&mut self.0.model, file, bytes)
    }
}
