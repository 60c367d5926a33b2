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

mod kept;
mod live;

use folio_model::{
    Access, Content, Descriptor, Errno, File, Mapping, Op, Process, Protection, Sharing,
};

use super::answer::Reason;
use super::right::{Expected, Raw, Right, Then};
use super::state::{Held, Kept, Live, Locked, State, Writable};
use kept::on_kept;
use live::{advise_live, flush, grow, load, shrink, store};

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
            let Some(file) = state.named(file) else { return right.raw([Raw::AsSeen(*op)]) };
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
        Op::Write { process, descriptor, .. } => {
            let file = state.opened(process, descriptor).map(|(file, _)| file);
            let written =
                file.into_iter().flat_map(|file| [Then::Touch(file), Then::Written(file)]);
            right.raw([Raw::AsSeen(*op)]).then(written)
        }
        Op::Truncate { process, descriptor, .. } | Op::Allocate { process, descriptor, .. } => {
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
            let locked = Locked { file, bytes: offset..end, mode };
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
