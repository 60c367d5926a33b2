//! Loads and stores.
//!
//! A touch that raises a signal ends the process. Whether one would is asked first: by `MADV_POPULATE_READ` or `_WRITE`, which
//! is what the touch itself would make the kernel do, and, where that answers with an error, by a fork of the process that
//! touches the bytes and dies. What the fork could touch is then touched here.

use std::io;
use std::ops::Range;

use folio::PageSize;
use folio::raw::{Advice, Mapping, Touch, Touched, observe_touches};
use folio_model::{Op, Outcome, Signal};

use super::pages::size;
use super::process::State;
use super::slot::Part;

/// Do `op`, which is a load or a store.
pub(super) fn step(state: &State, op: &Op) -> io::Result<Outcome> {
    let (mapping, offset, len, touch) = match *op {
        Op::Load { mapping, offset, len, .. } => (mapping, offset, len, Touch::Load),
        Op::Store { mapping, offset, len, fill, .. } => (mapping, offset, len, Touch::Store(fill)),
        _ => return Ok(Outcome::Nothing),
    };
    let Some(slot) = state.mappings.get(&mapping) else { return Ok(Outcome::Nothing) };
    let mut bytes = Vec::new();
    let mut at = 0;
    for part in slot.parts(size(offset)..size(offset.saturating_add(len))) {
        let touched = match part {
            Part::Mapped(mapping, range) => touch_part(mapping, range, touch)?,
            // Whatever may be there now, it is not the mapping's.
            Part::Hole => Touched { bytes: Vec::new(), done: 0, signal: Some(SIGSEGV) },
        };
        at += touched.done as u64;
        bytes.extend(touched.bytes);
        if let Some(number) = touched.signal {
            return Ok(Outcome::Fault { signal: signal(number)?, at, before: bytes });
        }
    }
    Ok(match touch {
        Touch::Load => Outcome::Bytes(bytes),
        Touch::Store(_) => Outcome::Done,
    })
}

/// Touch the bytes of `range` as far as that can be survived.
fn touch_part(mapping: &Mapping, range: Range<usize>, touch: Touch) -> io::Result<Touched> {
    let page = PageSize::base().bytes();
    let pages = range.start / page * page..range.end.next_multiple_of(page);
    let populate = match touch {
        Touch::Load => Advice::PopulateRead,
        Touch::Store(_) => Advice::PopulateWrite,
    };
    let (done, signal) = match mapping.advise(pages, populate) {
        Ok(()) => (range.len(), None),
        Err(_) => {
            let touched = observe_touches(mapping, range.clone(), touch)?;
            (touched.done, touched.signal)
        }
    };
    let good = range.start..range.start + done;
    let bytes = match touch {
        Touch::Load => mapping.load_range(good),
        Touch::Store(fill) => {
            mapping.store_range(good, fill);
            Vec::new()
        }
    };
    Ok(Touched { bytes, done, signal })
}

/// asm-generic/signal.h
const SIGBUS: i32 = 7;
const SIGSEGV: i32 = 11;

fn signal(number: i32) -> io::Result<Signal> {
    match number {
        SIGBUS => Ok(Signal::Bus),
        SIGSEGV => Ok(Signal::Segv),
        other => Err(io::Error::other(format!("a touch ended with signal {other}"))),
    }
}
