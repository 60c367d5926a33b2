//! What is promised of a `Shared` and a `SharedMut`.

use std::ops::RangeInclusive;

use folio_model::{Advice, Allocation, Errno, Mapping, Msync, Op, Process, Protection, Sharing};

use super::own;
use crate::folio::answer::Reason;
use crate::folio::right::{Expected, Raw, Right, Then};
use crate::folio::state::{Live, State, Writable};
use crate::folio::ways::{LoadWay, StoreWay};

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

pub(super) fn load(state: &State, op: &Op, live: &Live, offset: u64, len: u64) -> Vec<Right> {
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

pub(super) fn store(
    state: &State,
    op: &Op,
    live: &Live,
    (offset, len): (u64, u64),
    fill: u8,
) -> Vec<Right> {
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

pub(super) fn flush(
    state: &State,
    op: &Op,
    live: &Live,
    how: Msync,
    offset: u64,
    len: u64,
) -> Vec<Right> {
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

pub(super) fn grow(
    state: &State,
    process: Process,
    mapping: Mapping,
    live: &Live,
    len: u64,
) -> Vec<Right> {
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

pub(super) fn shrink(
    state: &State,
    process: Process,
    mapping: Mapping,
    live: &Live,
    len: u64,
) -> Vec<Right> {
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
pub(super) fn advise_live(state: &State, op: &Op, live: &Live) -> Vec<Right> {
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
