//! What is promised of a `Frozen` and a `Private`.

use std::ops::Range;

use folio_model::{Access, Advice, Content, Descriptor, Errno, File, Mapping, Msync, Op, Process};

use crate::folio::answer::Reason;
use crate::folio::right::{Expected, Raw, Right, Then};
use crate::folio::state::{Kept, State, Writable, runs};
use crate::folio::ways::CommitWay;

/// A `Frozen` or a `Private`: its bytes are its own.
pub(super) fn on_kept(state: &State, op: &Op, kept: &Kept) -> Vec<Right> {
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
        Op::Flush { how: Msync::Sync, .. } if writable => commit(state, op, kept),
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

/// `Private::commit_in_place` and `commit`: the changes are written into the file, or into a new one that takes its name, unless
/// somebody else has changed it.
fn commit(state: &State, op: &Op, kept: &Kept) -> Vec<Right> {
    let Op::Flush { process, mapping, offset, len, .. } = *op else { return vec![] };
    let Some(file) = kept.file else {
        return vec![Right::refused(Reason::Unsupported, "anonymous memory has no file")];
    };
    if kept.changed().is_empty() {
        return vec![Right::new(Expected::Done, "nothing was changed")];
    }
    let conflict = Right::refused(Reason::Conflict, "the file was changed since it was opened");
    let replaces = CommitWay::of(offset, len, state.replaced(process)) == CommitWay::Replace;
    if replaces && state.is_memory(file) {
        return vec![Right::refused(Reason::NotFound, "a memory file has no name")];
    }
    if replaces && !state.has_name(file) {
        let because = "another file has taken its name";
        return vec![
            Right::refused(Reason::NotFound, because),
            Right::refused(Reason::Conflict, because),
        ];
    }
    if state.len(file) != kept.file_len || state.has_another_time(file, kept) {
        return vec![conflict];
    }
    let mut right = match replaces {
        true => replace(state, (process, mapping), file, kept),
        false => write_into(state, (process, mapping), file, kept),
    };
    // Any other change is told by the file's time, sooner or later.
    if state.version(file) != kept.version {
        right.push(conflict);
    }
    right
}

/// The descriptor that a commit writes through.
const COMMITTING: Descriptor = Descriptor(99);

/// `bytes`, which come in runs of equals, written to `file`.
fn written(
    process: Process,
    file: File,
    runs: impl IntoIterator<Item = (u64, u64, u8)>,
) -> Vec<Raw> {
    let (descriptor, access, content) = (COMMITTING, Access::ReadWrite, Content::Keep);
    let mut raw = vec![Raw::Does(Op::Open { process, descriptor, file, access, content })];
    raw.extend(runs.into_iter().map(|(offset, len, fill)| {
        Raw::Writes(Op::Write { process, descriptor, offset, len, fill }, len)
    }));
    raw.push(Raw::Does(Op::Close { process, descriptor }));
    raw
}

fn write_into(
    state: &State,
    (process, mapping): (Process, Mapping),
    file: File,
    kept: &Kept,
) -> Vec<Right> {
    let runs = kept.runs_changed().into_iter().map(|(at, len, fill)| (kept.offset + at, len, fill));
    let raw = written(process, file, runs);
    let refused: Vec<Raw> = raw
        .iter()
        .filter_map(|raw| match *raw {
            Raw::Writes(op, _) => Some(Raw::Fails(op, Errno::EPERM)),
            _ => None,
        })
        .take(1)
        .collect();
    let (first, last) = (raw[0], raw[raw.len() - 1]);
    let len = kept.bytes.len() as u64;
    let renewed = Kept { writable: kept.writable, ..state.kept(file, kept.offset) };
    vec![
        Right::new(Expected::Bytes(len), "the file has the changes now, and is mapped anew")
            .raw(raw)
            .raw([Raw::Gives(state.read(file, kept.offset, len))])
            .then([Then::Touch(file), Then::MapKept(mapping, renewed)]),
        Right::refused(Reason::PermissionDenied, "a seal forbids it")
            .raw([first])
            .raw(refused)
            .raw([last]),
    ]
}

fn replace(
    state: &State,
    (process, mapping): (Process, Mapping),
    file: File,
    kept: &Kept,
) -> Vec<Right> {
    let new = state.spare();
    let mut bytes = state.content(file);
    let start = usize::try_from(kept.offset).unwrap_or(usize::MAX);
    for (at, len, fill) in kept.runs_changed() {
        let at = start + usize::try_from(at).unwrap_or(usize::MAX);
        bytes[at..at + usize::try_from(len).unwrap_or(usize::MAX)].fill(fill);
    }
    let len = kept.bytes.len() as u64;
    let renewed = Kept {
        file: Some(new),
        writable: kept.writable,
        file_len: kept.file_len,
        ..state.kept(new, kept.offset)
    };
    let because = "a new file with the changes has the name now, and is mapped";
    vec![
        Right::new(Expected::Bytes(len), because)
            .raw(written(process, new, runs(&bytes)))
            .raw([Raw::Gives(state.read(new, kept.offset, len))])
            .then([Then::Rename(file, new), Then::MapKept(mapping, renewed)]),
    ]
}
