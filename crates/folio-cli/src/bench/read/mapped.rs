//! Ways through a mapping: its bytes where they are, or copied out of it.
//!
//! Bytes can be looked at in place only where nobody can change them, so these ways map under a lease; where none is to be had
//! they say so, and the ways that copy remain.

use std::ops::Range;

use folio::{Advice, Frozen, Guarantee, Guarantees, HugePages, MapOptions, Shared};

use crate::buffer::Buffer;

use super::super::place::{Subject, is_block_device};
use super::super::plan::{Pattern, Piece, Plan};
use super::super::way::Way;
use super::{Hand, Tally, Trouble, not_here, warm_buffer};

/// The mapping of a run, if the way has one.
pub(super) enum Mapped {
    No,
    InPlace { bytes: Frozen, start: u64 },
    Copied { map: Shared, start: u64 },
}

/// What is asked for ahead of where a sequential reader is, in bytes.
const WINDOW: u64 = 2 << 20;
/// How many records ahead are asked for where the pattern jumps.
const AHEAD: usize = 32;

impl Mapped {
    pub(super) fn open(way: Way, subject: &Subject, plan: &Plan) -> Result<Self, Trouble> {
        if !way.maps() {
            return Ok(Self::No);
        }
        if way.maps_in_place() && is_block_device(&subject.file) {
            return Err(Trouble::NotHere("no lease: only files have leases, devices none".into()));
        }
        let range = match plan.pattern {
            Pattern::Random => 0..subject.span,
            _ => plan.range(),
        };
        let start = range.start;
        if matches!(way, Way::Shared | Way::Chunks) {
            let map = options(way, range).map_shared(&subject.file);
            return Ok(Self::Copied { map: map.map_err(|error| refused(&error))?, start });
        }
        let bytes =
            options(way, range).map_frozen(&subject.file).map_err(|error| refused(&error))?;
        let kept = matches!(bytes.guarantee(), Guarantee::Lease | Guarantee::Sealed);
        if !kept && plan.pattern != Pattern::Sequential && bytes.len() > 1 << 20 {
            let why =
                format!("would copy the whole file for a few records ({})", bytes.guarantee());
            return Err(Trouble::NotHere(why));
        }
        Ok(Self::InPlace { bytes, start })
    }

    /// Unmap, and say whether all bytes were the file's.
    pub(super) fn close(self) -> Result<(), Trouble> {
        match self {
            Self::No | Self::Copied { .. } => Ok(()),
            Self::InPlace { bytes, .. } => Ok(bytes.check()?),
        }
    }
}

fn options(way: Way, range: Range<u64>) -> MapOptions {
    let options = MapOptions::new().range(range);
    let in_place = Guarantees::LEASE | Guarantees::SEALED;
    match way {
        Way::Frozen | Way::Shared | Way::Chunks => options,
        Way::MapPopulate => options.guarantees(in_place).populate(),
        Way::MapRandom => options.guarantees(in_place).advice(Advice::Random),
        Way::MapSequential => options.guarantees(in_place).advice(Advice::Sequential),
        Way::MapWillNeed => options.guarantees(in_place).advice(Advice::WillNeed),
        Way::MapHuge => options.guarantees(in_place).huge_pages(HugePages::Advise),
        _ => options.guarantees(in_place),
    }
}

/// A mapping that is not to be had is one way less; a file that ended is the end.
fn refused(error: &folio::Error) -> Trouble {
    let mut why = not_here(error);
    if let (Trouble::NotHere(text), [.., (_, lease)]) = (&mut why, error.attempts()) {
        *text = format!("no lease: {}", crate::failure::reason(lease));
    }
    match error.kind() {
        folio::ErrorKind::Truncated { .. } | folio::ErrorKind::OutOfRange => Trouble::Short,
        _ => why,
    }
}

/// Whether what comes next is asked for ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Nothing,
    Ahead,
}

/// Looks at the bytes of a mapping where they are.
pub(super) struct Slices {
    ask: Ask,
}

impl Slices {
    pub(super) fn plain() -> Self {
        Self { ask: Ask::Nothing }
    }

    pub(super) fn ahead() -> Self {
        Self { ask: Ask::Ahead }
    }
}

impl Hand for Slices {
    fn read(&mut self, mapped: &Mapped, pieces: &[Piece]) -> Result<Tally, Trouble> {
        let Mapped::InPlace { bytes, start } = mapped else { return Err(no_mapping()) };
        let mut tally = Tally::default();
        let mut asked = 0;
        for (index, &piece) in pieces.iter().enumerate() {
            if self.ask == Ask::Ahead {
                asked = ask_ahead(bytes, *start, pieces, index, asked)?;
            }
            let slice = bytes.get(within(piece, *start)).ok_or(Trouble::Short)?;
            tally.look_at(slice);
        }
        Ok(tally)
    }
}

/// Ask for pieces after `index` that were not asked for yet; says how many were by now.
fn ask_ahead(
    bytes: &Frozen,
    start: u64,
    pieces: &[Piece],
    index: usize,
    asked: usize,
) -> Result<usize, Trouble> {
    // Half of what is ahead is still to come: time for the device, and few calls.
    let len = pieces.first().map_or(1, |piece| piece.len.max(1));
    let ahead = AHEAD.min((usize::try_from(WINDOW).unwrap_or(1 << 21) / len).max(2));
    if index + ahead / 2 < asked {
        return Ok(asked);
    }
    let upto = (index + ahead).min(pieces.len());
    let next = &pieces[asked.max(index)..upto];
    match next {
        [first, .., last]
            if last.offset.checked_sub(first.offset) == Some(((next.len() - 1) * len) as u64) =>
        {
            let range = within(*first, start).start..within(*last, start).end;
            bytes.pages().prefetch(range)?;
        }
        _ => {
            for &piece in next {
                bytes.pages().prefetch(within(piece, start))?;
            }
        }
    }
    Ok(upto)
}

/// Copies bytes out of a mapping.
pub(super) struct Copies {
    way: Way,
    buffer: Buffer,
}

impl Copies {
    pub(super) fn new(way: Way) -> Self {
        Self { way, buffer: warm_buffer() }
    }
}

impl Hand for Copies {
    fn read(&mut self, mapped: &Mapped, pieces: &[Piece]) -> Result<Tally, Trouble> {
        let Mapped::Copied { map, start } = mapped else { return Err(no_mapping()) };
        let mut tally = Tally::default();
        if self.way == Way::Chunks {
            let (Some(&first), Some(&last)) = (pieces.first(), pieces.last()) else {
                return Ok(tally);
            };
            let part = map.slice(within(first, *start).start..within(last, *start).end)?;
            let mut chunks = part.chunks();
            while let Some(chunk) = chunks.next_chunk()? {
                tally.look_at(chunk);
            }
            return Ok(tally);
        }
        for &piece in pieces {
            let buffer = &mut self.buffer.get()[..piece.len];
            map.read_at(within(piece, *start).start, buffer)?;
            tally.look_at(buffer);
        }
        Ok(tally)
    }
}

/// Where a piece is in a mapping that begins at `start` of the file.
fn within(piece: Piece, start: u64) -> Range<usize> {
    let from = usize::try_from(piece.offset.saturating_sub(start)).unwrap_or(usize::MAX);
    from..from.saturating_add(piece.len)
}

fn no_mapping() -> Trouble {
    Trouble::NotHere("there is no mapping to read from".to_owned())
}
