//! What folio promises, operation by operation, and what that is to the kernel.
//!
//! The model knows what the kernel does, SIGBUS included; folio promises something else. Here is the translation: for each
//! operation the right answers ([`Right`]), what each means in raw operations, which the model judges and follows, and
//! what is to be remembered of it.
//!
//! - A live mapping is the kernel's shared mapping of the pages that hold its bytes. Bytes below the end of the file are
//!   answered as the kernel has them. Where a byte asked for is not below it, the answer is `Truncated`, with the first
//!   byte that is gone and the file's length, and the bytes before it are good. The kernel would show zeros up to the
//!   end of the page, and raise SIGBUS behind it.
//! - The bytes of a `Frozen` or a `Private` are the file's at open, whatever becomes of it; the kernel's private mapping
//!   would follow it, and lose copied pages to a truncation. So they are no mapping to the model, but a read.
//! - Ranges are checked against the mapping, and a map against the file: `OutOfRange`.

use std::ops::{Range, RangeInclusive};

use folio_model::{
    Access, Advice, Allocation, Content, Descriptor, Errno, File, Mapping, Msync, Op, Outcome,
    Process, Protection, Sharing, Signal,
};

use super::answer::{Answer, Reason};
use super::state::{Held, Kept, Live, State, Writable};
use super::ways::{LoadWay, StoreWay};

/// A right answer.
pub(super) struct Right {
    /// What is answered.
    pub(super) answer: Expected,
    /// What it is to the kernel.
    pub(super) raw: Vec<Raw>,
    /// What is to be remembered.
    pub(super) then: Vec<Then>,
    /// Why it is right.
    pub(super) because: &'static str,
}

/// What is answered.
#[derive(Debug)]
pub(super) enum Expected {
    Nothing,
    Done,
    /// What the model allows for the operation itself.
    Kernel,
    /// So many bytes, which the model knows.
    Bytes(u64),
    Exactly(Vec<u8>),
    Changed(Vec<Range<u64>>),
    Flushed,
    Refused(Reason),
    /// Truncated, with as many good bytes as it says, from this byte of the file on.
    Truncated {
        from: u64,
        len: u64,
        done: RangeInclusive<u64>,
    },
}

/// What a step is to the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) enum Raw {
    /// This, seen as the answer says.
    AsSeen(Op),
    /// This happens.
    Does(Op),
    /// This is refused.
    Fails(Op, Errno),
    /// This writes so many bytes.
    Writes(Op, u64),
    /// This stores up to the page that is not there.
    Faults(Op, u64),
    /// This load or read, of as many bytes as were answered, gives them.
    Gives(Op),
}

/// What is to be remembered.
#[derive(Clone, Debug)]
pub(super) enum Then {
    Open(Descriptor, File, Access),
    Close(Descriptor),
    /// The file is not as it was.
    Touch(File),
    MapLive(Mapping, Live),
    /// With the bytes of the answer.
    MapKept(Mapping, Kept),
    Unmap(Mapping),
    Resize(Mapping, u64),
    SeenShort(Mapping),
    Fill(Mapping, Range<usize>, u8),
    Revert(Mapping, Range<usize>),
    Unlock(Descriptor),
    Lock(Descriptor, super::state::Locked),
}

impl Right {
    fn new(answer: Expected, because: &'static str) -> Self {
        Self { answer, raw: Vec::new(), then: Vec::new(), because }
    }

    fn raw(mut self, raw: impl IntoIterator<Item = Raw>) -> Self {
        self.raw.extend(raw);
        self
    }

    fn then(mut self, then: impl IntoIterator<Item = Then>) -> Self {
        self.then.extend(then);
        self
    }

    fn nothing() -> Self {
        Self::new(
            Expected::Nothing,
            "there is nothing to do it to, or the kind has no such operation",
        )
    }

    fn refused(reason: Reason, because: &'static str) -> Self {
        Self::new(Expected::Refused(reason), because)
    }

    fn out_of_range() -> Self {
        Self::refused(Reason::OutOfRange, "the range reaches past the end")
    }
}

/// The right answers to `op`: most often there is one.
pub(super) fn rights(state: &State, op: &Op) -> Vec<Right> {
    let found = match *op {
        Op::Lock { .. } => lock(state, op),
        Op::Seal { .. } => seal(state, op),
        Op::Map { .. } => map(state, op),
        Op::Unmap { process, mapping, .. } => match state.held(process, mapping) {
            None => vec![],
            Some(_) => vec![
                Right::new(Expected::Done, "it is dropped")
                    .raw(release(state, process, mapping))
                    .then([Then::Unmap(mapping)]),
            ],
        },
        Op::Remap { .. }
        | Op::Load { .. }
        | Op::Store { .. }
        | Op::Flush { .. }
        | Op::Advise { .. } => on_mapping(state, op),
        // folio has no such operations.
        Op::Protect { .. } | Op::Fork { .. } | Op::Exit { .. } | Op::Lease { .. } => vec![],
        _ => vec![beside(state, op)],
    };
    if found.is_empty() { vec![Right::nothing()] } else { found }
}

/// A system call beside folio: what the model allows for it.
fn beside(state: &State, op: &Op) -> Right {
    let because = "it is the kernel's";
    let right = Right::new(Expected::Kernel, because);
    match *op {
        Op::Open { process, descriptor, file, access, content } => {
            // POSIX leaves O_RDONLY | O_TRUNC undefined, and folio does not defend against it: the driver opens without.
            let content = if access == Access::Read { Content::Keep } else { content };
            let touched = (content == Content::Truncate).then_some(Then::Touch(file));
            right
                .raw([Raw::AsSeen(Op::Open { process, descriptor, file, access, content })])
                .then([Then::Open(descriptor, file, access)])
                .then(touched)
        }
        Op::Close { descriptor, .. } => {
            right.raw([Raw::AsSeen(*op)]).then([Then::Close(descriptor)])
        }
        Op::Write { process, descriptor, .. }
        | Op::Truncate { process, descriptor, .. }
        | Op::Allocate { process, descriptor, .. } => {
            let touched = state.opened(process, descriptor).map(|(file, _)| Then::Touch(file));
            right.raw([Raw::AsSeen(*op)]).then(touched)
        }
        _ => right.raw([Raw::AsSeen(*op)]),
    }
}

/// `Memfd::seal`: the kernel's answers as kinds of error.
fn seal(state: &State, op: &Op) -> Vec<Right> {
    let Op::Seal { process, descriptor, .. } = *op else { return vec![] };
    let Some((file, access)) = state.opened(process, descriptor) else { return vec![] };
    if !state.is_memory(file) {
        return vec![];
    }
    if access == Access::Write {
        return vec![Right::refused(
            Reason::OpenMode,
            "a memory file needs to be open for reading",
        )];
    }
    let because = "what the kernel answers to F_ADD_SEALS";
    vec![
        Right::new(Expected::Done, because).raw([Raw::Does(*op)]),
        Right::refused(Reason::Busy, because).raw([Raw::Fails(*op, Errno::EBUSY)]),
        Right::refused(Reason::PermissionDenied, because).raw([Raw::Fails(*op, Errno::EPERM)]),
    ]
}

/// `RangeLock::try_acquire`: each guard is an owner of its own, also within a process.
fn lock(state: &State, op: &Op) -> Vec<Right> {
    use folio_model::LockMode;
    let Op::Lock { process, descriptor, mode, offset, len, .. } = *op else { return vec![] };
    let Some((file, access)) = state.opened(process, descriptor) else { return vec![] };
    let unlock = [Then::Unlock(descriptor)];
    let right = match (mode, access) {
        (LockMode::Unlock, _) => Right::new(Expected::Done, "the guard is dropped"),
        (LockMode::Shared, Access::Write) | (LockMode::Exclusive, Access::Read) => Right::refused(
            Reason::OpenMode,
            "a shared lock needs reading, an exclusive one writing",
        ),
        _ => {
            let end = if len == 0 { u64::MAX } else { offset.saturating_add(len) };
            let locked = super::state::Locked { file, bytes: offset..end, mode };
            if state.is_locked(&locked, (process, descriptor)) {
                Right::refused(Reason::Busy, "another guard has some of the bytes")
            } else {
                return vec![
                    Right::new(Expected::Done, "no other guard has any of the bytes")
                        .then(unlock)
                        .then([Then::Lock(descriptor, locked)]),
                ];
            }
        }
    };
    vec![right.then(unlock)]
}

/// What it takes to let go of what is in a slot.
fn release(state: &State, process: Process, mapping: Mapping) -> Vec<Raw> {
    let Some(Held::Live(live)) = state.held(process, mapping) else { return vec![] };
    let mut raw = Vec::new();
    if live.len > 0 {
        let len = state.pages(live.offset, live.len);
        raw.push(Raw::Does(Op::Unmap { process, mapping, offset: 0, len }));
    }
    if live.writable == Writable::Yes {
        raw.push(Raw::Does(Op::Close { process, descriptor: own(mapping) }));
    }
    raw
}

/// The descriptor that a `SharedMut` in this slot holds.
fn own(mapping: Mapping) -> Descriptor {
    Descriptor(100 + mapping.0)
}

fn open_own(process: Process, mapping: Mapping, file: File) -> Op {
    let (access, content) = (Access::ReadWrite, Content::Keep);
    Op::Open { process, descriptor: own(mapping), file, access, content }
}

fn map(state: &State, op: &Op) -> Vec<Right> {
    let Op::Map { process, mapping, backing, sharing, protection, offset, len } = *op else {
        return vec![];
    };
    let writable =
        if protection.contains(Protection::WRITE) { Writable::Yes } else { Writable::No };
    let gone = || release(state, process, mapping);
    let empty = [Then::Unmap(mapping)];
    let folio_model::Backing::File(descriptor) = backing else {
        let kept = Kept { writable: Writable::Yes, ..Kept::anonymous() };
        let zeros = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        return vec![
            Right::new(Expected::Exactly(zeros), "anonymous memory is zeros")
                .raw(gone())
                .then([Then::MapKept(mapping, kept)]),
        ];
    };
    let Some((file, access)) = state.opened(process, descriptor) else {
        return vec![Right::nothing().raw(gone()).then(empty)];
    };
    let needs_writing = sharing == Sharing::Shared && writable == Writable::Yes;
    if access == Access::Write || needs_writing && access == Access::Read {
        let because = "every kind needs the file open for reading, SharedMut for writing too";
        return vec![Right::refused(Reason::OpenMode, because).raw(gone()).then(empty)];
    }
    if offset.checked_add(len).is_none_or(|end| end > state.len(file)) {
        return vec![Right::out_of_range().raw(gone()).then(empty)];
    }
    match sharing {
        Sharing::Private => {
            let read = state.read(file, offset, len);
            let kept = Kept { writable, ..state.kept(file, offset) };
            vec![
                Right::new(Expected::Bytes(len), "the file's bytes, kept from now on")
                    .raw(gone())
                    .raw([Raw::Gives(read)])
                    .then([Then::MapKept(mapping, kept)]),
            ]
        }
        Sharing::Shared => {
            let live = Live { file, offset, len, writable, seen_short: false };
            map_live(state, op, live)
        }
    }
}

fn map_live(state: &State, op: &Op, live: Live) -> Vec<Right> {
    let Op::Map { process, mapping, backing, sharing, protection, .. } = *op else {
        return vec![];
    };
    let mut before = release(state, process, mapping);
    let held = [Then::MapLive(mapping, live.clone())];
    let opens =
        (live.writable == Writable::Yes).then(|| Raw::Does(open_own(process, mapping, live.file)));
    before.extend(opens);
    if live.len == 0 {
        return vec![
            Right::new(Expected::Done, "an empty range maps nothing").raw(before).then(held),
        ];
    }
    let (offset, len) = (state.floor(live.offset), state.lead(live.offset) + live.len);
    let raw = Op::Map { process, mapping, backing, sharing, protection, offset, len };
    let closes = opens.map(|_| Raw::Does(Op::Close { process, descriptor: own(mapping) }));
    vec![
        Right::new(Expected::Done, "the range is in the file")
            .raw(before.clone())
            .raw([Raw::Does(raw)])
            .then(held),
        Right::refused(Reason::PermissionDenied, "a seal forbids it")
            .raw(before)
            .raw([Raw::Fails(raw, Errno::EPERM)])
            .raw(closes)
            .then([Then::Unmap(mapping)]),
    ]
}

fn on_mapping(state: &State, op: &Op) -> Vec<Right> {
    let (Op::Remap { process, mapping, .. }
    | Op::Load { process, mapping, .. }
    | Op::Store { process, mapping, .. }
    | Op::Flush { process, mapping, .. }
    | Op::Advise { process, mapping, .. }) = *op
    else {
        return vec![];
    };
    match (state.held(process, mapping), *op) {
        (None, _) => vec![],
        (Some(Held::Live(live)), Op::Load { offset, len, .. }) => {
            load(state, op, live, offset, len)
        }
        (Some(Held::Live(live)), _) if matches!(op, Op::Advise { .. }) => {
            advise_live(state, op, live)
        }
        (Some(Held::Live(live)), _) if live.writable == Writable::No => vec![],
        (Some(Held::Live(live)), Op::Store { offset, len, fill, .. }) => {
            store(state, op, live, (offset, len), fill)
        }
        (Some(Held::Live(live)), Op::Flush { how, offset, len, .. }) => {
            flush(state, op, live, how, offset, len)
        }
        (Some(Held::Live(live)), Op::Remap { len, .. }) if len < live.len => {
            shrink(state, process, mapping, live, len)
        }
        (Some(Held::Live(live)), Op::Remap { len, .. }) => grow(state, process, mapping, live, len),
        (Some(Held::Kept(kept)), _) => on_kept(state, op, kept),
        (Some(Held::Live(_)), _) => vec![],
    }
}

/// Bytes of a live mapping: where in the file, and how far the file and its last page reach.
struct Span {
    start: u64,
    end: u64,
    len: u64,
    page_end: u64,
}

impl Span {
    /// `len` bytes at `offset` of the mapping; `None` if they are not all the mapping's.
    fn new(state: &State, live: &Live, offset: u64, len: u64) -> Option<Self> {
        let end = offset.checked_add(len).filter(|&end| end <= live.len)?;
        let (start, end) = (live.offset + offset, live.offset + end);
        let len = state.len(live.file);
        Some(Self { start, end, len, page_end: state.ceil(len) })
    }

    /// Whether the file reaches all of it, which it does if there is nothing.
    fn is_reached(&self) -> bool {
        self.start == self.end || self.end <= self.len
    }

    /// How many bytes are in the file.
    fn good(&self) -> u64 {
        self.len.min(self.end).saturating_sub(self.start)
    }

    /// The refusal where the file does not reach.
    fn truncated(&self, done: RangeInclusive<u64>) -> Right {
        let answer = Expected::Truncated { from: self.start, len: self.len, done };
        Right::new(answer, "the file ends before the last byte")
    }
}

fn load(state: &State, op: &Op, live: &Live, offset: u64, len: u64) -> Vec<Right> {
    let Op::Load { process, mapping, .. } = *op else { return vec![] };
    let Some(span) = Span::new(state, live, offset, len) else {
        return vec![Right::out_of_range()];
    };
    let at = state.lead(live.offset) + offset;
    let gives = Raw::Gives(Op::Load { process, mapping, offset: at, len });
    let whole = |because| Right::new(Expected::Bytes(len), because).raw([gives]);
    if span.is_reached() {
        return vec![whole("all bytes are below the end of the file")];
    }
    let way = LoadWay::of(offset, len);
    if way == LoadWay::Word {
        if span.end <= span.page_end {
            return vec![whole("a load does not ask for the length: the page is there")];
        }
        // What was loaded before the fault is not told.
        return vec![span.truncated(span.good()..=span.good()).then([Then::SeenShort(mapping)])];
    }
    let mut right = vec![
        span.truncated(span.good()..=span.good()).raw([gives]).then([Then::SeenShort(mapping)]),
    ];
    let may_mislead = !live.seen_short && state.tail_may_show(process, mapping, live);
    let stored = "bytes that were stored past the end and are not zero pass for the file's";
    if may_mislead && span.end <= span.page_end {
        right.push(whole(stored));
    } else if may_mislead && matches!(way, LoadWay::Chunks | LoadWay::Reader) {
        let most = span.page_end.saturating_sub(span.start);
        let mut later = span.truncated(span.good()..=most).raw([gives]);
        later.because = stored;
        right.push(later.then([Then::SeenShort(mapping)]));
    }
    right
}

fn store(state: &State, op: &Op, live: &Live, (offset, len): (u64, u64), fill: u8) -> Vec<Right> {
    let Op::Store { process, mapping, .. } = *op else { return vec![] };
    let Some(span) = Span::new(state, live, offset, len) else {
        return vec![Right::out_of_range()];
    };
    let at = state.lead(live.offset) + offset;
    let raw = Op::Store { process, mapping, offset: at, len, fill };
    // Up to the end of the last page stores are done, and may be kept there.
    let raw = if span.end <= span.page_end || len == 0 {
        Raw::Does(raw)
    } else {
        Raw::Faults(raw, span.page_end.saturating_sub(span.start))
    };
    let raw = (len > 0).then_some(raw);
    let touched = [Then::Touch(live.file)];
    let passes = StoreWay::of(len, fill) == StoreWay::Word && span.end <= span.page_end;
    vec![if span.is_reached() {
        Right::new(Expected::Done, "all bytes are below the end of the file").raw(raw).then(touched)
    } else if passes {
        let because = "a store does not ask for the length: the page is there";
        Right::new(Expected::Done, because).raw(raw).then(touched)
    } else {
        let good = span.good();
        span.truncated(good..=good).raw(raw).then(touched).then([Then::SeenShort(mapping)])
    }]
}

fn flush(state: &State, op: &Op, live: &Live, how: Msync, offset: u64, len: u64) -> Vec<Right> {
    let Op::Flush { process, mapping, .. } = *op else { return vec![] };
    let Some(span) = Span::new(state, live, offset, len) else {
        return vec![Right::out_of_range()];
    };
    let first = state.floor(state.lead(live.offset) + offset);
    let last = state.ceil(state.lead(live.offset) + offset + len);
    let raw = Op::Flush { process, mapping, how, offset: first, len: last - first };
    // Starting the write-back is no msync(2).
    let raw = (how == Msync::Sync && len > 0).then_some(Raw::Does(raw));
    vec![match (span.is_reached(), how) {
        (true, Msync::Sync) => {
            Right::new(Expected::Flushed, "the device has all of it: no page is dirty").raw(raw)
        }
        (true, Msync::Async) => Right::new(Expected::Done, "the file reaches all of it").raw(raw),
        (false, _) => span.truncated(0..=0).raw(raw).then([Then::SeenShort(mapping)]),
    }]
}

fn grow(state: &State, process: Process, mapping: Mapping, live: &Live, len: u64) -> Vec<Right> {
    let end = live.offset + len;
    let now = state.len(live.file);
    let last = state.floor(end.saturating_sub(1));
    let lengthen = Op::Allocate {
        process,
        descriptor: own(mapping),
        how: Allocation::Extend,
        offset: last,
        len: end - last,
    };
    let lengthens = now < end;
    let raw_len = state.lead(live.offset) + len;
    let remap = if len == 0 {
        None
    } else if live.len == 0 {
        let backing = folio_model::Backing::File(own(mapping));
        let protection = Protection::READ | Protection::WRITE;
        let (sharing, offset) = (Sharing::Shared, state.floor(live.offset));
        Some(Op::Map { process, mapping, backing, sharing, protection, offset, len: raw_len })
    } else {
        Some(Op::Remap { process, mapping, len: raw_len })
    };
    let mut right = vec![
        Right::new(Expected::Done, "file and mapping are at least as long now")
            .raw(lengthens.then_some(Raw::Does(lengthen)))
            .raw(remap.map(Raw::Does))
            .then([Then::Resize(mapping, len)])
            .then(lengthens.then_some(Then::Touch(live.file))),
    ];
    let touched = lengthens.then_some(Then::Touch(live.file));
    if lengthens {
        right.push(
            Right::refused(Reason::PermissionDenied, "a seal forbids it")
                .raw([Raw::Fails(lengthen, Errno::EPERM)]),
        );
    }
    if let (Some(remap), 0) = (remap, live.len) {
        right.push(
            Right::refused(
                Reason::PermissionDenied,
                "a seal forbids to map; the file may be longer",
            )
            .raw(lengthens.then_some(Raw::Does(lengthen)))
            .raw([Raw::Fails(remap, Errno::EPERM)])
            .then(touched),
        );
    }
    right
}

fn shrink(state: &State, process: Process, mapping: Mapping, live: &Live, len: u64) -> Vec<Right> {
    let (now, end) = (state.len(live.file), live.offset + len);
    if now > live.offset + live.len {
        let because = "the file reaches further than the mapping: its bytes would be lost unseen";
        return vec![Right::refused(Reason::InvalidInput, because)];
    }
    if now < end {
        let reason = Reason::Truncated { offset: now, len: now };
        return vec![Right::refused(reason, "the file is shorter than that already")];
    }
    let cut = Op::Truncate { process, descriptor: own(mapping), len: end };
    let pages = state.pages(live.offset, live.len);
    let remap = match len {
        0 => Op::Unmap { process, mapping, offset: 0, len: pages },
        _ => Op::Remap { process, mapping, len: state.lead(live.offset) + len },
    };
    let mut right = vec![
        Right::new(Expected::Done, "file and mapping end there now")
            .raw((now > end).then_some(Raw::Does(cut)))
            .raw([Raw::Does(remap)])
            .then([Then::Resize(mapping, len), Then::Touch(live.file)]),
    ];
    if now > end {
        right.push(
            Right::refused(Reason::PermissionDenied, "a seal forbids it")
                .raw([Raw::Fails(cut, Errno::EPERM)]),
        );
    }
    right
}

/// Advice changes no byte. To populate, each page that is touched must be there; it is no matter where in it the file ends.
fn advise_live(state: &State, op: &Op, live: &Live) -> Vec<Right> {
    let Op::Advise { advice, offset, len, .. } = *op else { return vec![] };
    let Some(span) = Span::new(state, live, offset, len) else {
        return vec![Right::out_of_range()];
    };
    let populates = matches!(advice, Advice::PopulateRead | Advice::PopulateWrite);
    let stores = advice == Advice::PopulateWrite && live.writable == Writable::Yes;
    let touched = stores.then_some(Then::Touch(live.file));
    if populates && span.start < span.end && span.end > span.page_end {
        let first = span.page_end.max(span.start);
        let done = first - span.start;
        return vec![span.truncated(done..=done).then(touched)];
    }
    vec![Right::new(Expected::Done, "advice changes no byte").then(touched)]
}

/// A `Frozen` or a `Private`: its bytes are its own.
fn on_kept(state: &State, op: &Op, kept: &Kept) -> Vec<Right> {
    let whole = kept.bytes.len();
    let part = |offset: u64, len: u64| -> Option<Range<usize>> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        (end <= whole).then_some(start..end)
    };
    let writable = kept.writable == Writable::Yes;
    match *op {
        Op::Load { offset, len, .. } => vec![match (part(offset, len), writable) {
            (Some(range), _) => {
                let because = "as they were at open, but for what was stored here";
                Right::new(Expected::Exactly(kept.bytes[range].to_vec()), because)
            }
            // A slice, where the program would have panicked.
            (None, true) => Right::nothing(),
            (None, false) => Right::out_of_range(),
        }],
        Op::Store { mapping, offset, len, fill, .. } if writable => match part(offset, len) {
            Some(range) => vec![
                Right::new(Expected::Done, "the bytes are the program's own")
                    .then([Then::Fill(mapping, range, fill)]),
            ],
            None => vec![],
        },
        Op::Flush { how: Msync::Async, .. } if writable => {
            vec![Right::new(Expected::Changed(kept.changed()), "they differ from those at open")]
        }
        Op::Flush { process, mapping, how: Msync::Sync, .. } if writable => {
            commit(state, process, mapping, kept)
        }
        Op::Advise { mapping, advice: Advice::DontNeed, offset, len, .. } if writable => {
            vec![match part(offset, len) {
                Some(range) => Right::new(Expected::Done, "they are as at open again")
                    .then([Then::Revert(mapping, range)]),
                None => Right::out_of_range(),
            }]
        }
        Op::Advise { offset, len, .. } => vec![match part(offset, len) {
            Some(_) => Right::new(Expected::Done, "advice changes no byte"),
            None => Right::out_of_range(),
        }],
        _ => vec![],
    }
}

/// `Private::commit_in_place`: the changes are written into the file, unless somebody else has changed it.
fn commit(state: &State, process: Process, mapping: Mapping, kept: &Kept) -> Vec<Right> {
    let Some(file) = kept.file else {
        return vec![Right::refused(Reason::Unsupported, "anonymous memory has no file")];
    };
    if kept.changed().is_empty() {
        return vec![Right::new(Expected::Done, "nothing was changed")];
    }
    let conflict = Right::refused(Reason::Conflict, "the file was changed since it was opened");
    if state.len(file) != kept.file_len {
        return vec![conflict];
    }
    let descriptor = Descriptor(99);
    let (access, content) = (Access::ReadWrite, Content::Keep);
    let open = Raw::Does(Op::Open { process, descriptor, file, access, content });
    let close = Raw::Does(Op::Close { process, descriptor });
    let writes: Vec<Op> = kept
        .runs_changed()
        .map(|(at, len, fill)| {
            let offset = kept.offset + at;
            Op::Write { process, descriptor, offset, len, fill }
        })
        .collect();
    let written = writes.iter().map(|op| match *op {
        Op::Write { len, .. } => Raw::Writes(*op, len),
        _ => Raw::Does(*op),
    });
    let len = kept.bytes.len() as u64;
    let renewed = Kept { writable: kept.writable, ..state.kept(file, kept.offset) };
    let mut right = vec![
        Right::new(Expected::Bytes(len), "the file has the changes now, and is mapped anew")
            .raw([open])
            .raw(written)
            .raw([close, Raw::Gives(state.read(file, kept.offset, len))])
            .then([Then::Touch(file), Then::MapKept(mapping, renewed)]),
        Right::refused(Reason::PermissionDenied, "a seal forbids it")
            .raw([open])
            .raw(writes.first().map(|op| Raw::Fails(*op, Errno::EPERM)))
            .raw([close]),
    ];
    // A change is told by the file's time, which may be as coarse as a tick of the clock.
    if state.version(file) != kept.version {
        right.push(conflict);
    }
    right
}

impl Expected {
    /// Is it this answer?
    pub(super) fn matches(&self, answer: &Answer) -> bool {
        match (self, answer) {
            (Self::Nothing, Answer::Nothing)
            | (Self::Done, Answer::Done)
            | (Self::Kernel, Answer::Kernel(_))
            | (Self::Flushed, Answer::Flushed(None | Some(0))) => true,
            // No descriptor.
            (Self::Kernel, Answer::Nothing) => true,
            (Self::Bytes(len), Answer::Bytes(bytes)) => bytes.len() as u64 == *len,
            (Self::Exactly(right), Answer::Bytes(bytes)) => right == bytes,
            (Self::Changed(right), Answer::Changed(ranges)) => right == ranges,
            (Self::Refused(right), Answer::Refused { reason, .. }) => right == reason,
            (
                Self::Truncated { from, len, done: right },
                Answer::Refused { reason: Reason::Truncated { offset, len: seen }, done, .. },
            ) => {
                let first = (from + done).max(*len).max(*from);
                let later = from + right.end();
                seen == len && right.contains(done) && (*offset == first || *offset == later)
            }
            _ => false,
        }
    }
}

impl Raw {
    /// The operation, and its outcome if folio's is `answer`; `None` if nothing was done.
    pub(super) fn seen(self, answer: &Answer) -> Option<(Op, Outcome)> {
        Some(match self {
            Self::AsSeen(op) => match answer {
                Answer::Kernel(outcome) => (op, outcome.clone()),
                _ => (op, Outcome::Nothing),
            },
            Self::Does(op) => (op, Outcome::Done),
            Self::Fails(op, errno) => (op, Outcome::Failed(errno)),
            Self::Writes(op, count) => (op, Outcome::Count(count)),
            Self::Faults(op, at) => {
                (op, Outcome::Fault { signal: Signal::Bus, at, before: Vec::new() })
            }
            Self::Gives(op) => {
                let (Answer::Bytes(bytes) | Answer::Refused { bytes, .. }) = answer else {
                    return None;
                };
                let given = bytes.len() as u64;
                let op = match op {
                    _ if given == 0 => return None,
                    Op::Load { process, mapping, offset, .. } => {
                        Op::Load { process, mapping, offset, len: given }
                    }
                    read => read,
                };
                (op, Outcome::Bytes(bytes.clone()))
            }
        })
    }
}
