//! Space on the disk: put aside beforehand, given back, and used up.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use folio::raw::{self, Extent, MapFlags, Mapping, Protection, Sharing};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::clones::blocks;
use super::errno;
use super::figures::size;
use super::parts::unwritten;
use crate::doctor::experiment::{Experiment, Finding, Unable};
use crate::doctor::place::Place;

pub(super) const FALLOCATE: Experiment = Experiment {
    name: "fallocate",
    about: "put space aside, and see whether a second store still has it",
    source: "fallocate(2), mode 0",
    run: fallocate,
};

pub(super) const HOLE_PUNCH: Experiment = Experiment {
    name: "hole-punch",
    about: "give space in the middle of a mapped file back",
    source: "fallocate(2), FALLOC_FL_PUNCH_HOLE",
    run: hole_punch,
};

const ALLOCATED: u64 = 1 << 20;
/// Blocks of stat(2).
const BLOCK: u64 = 512;

fn fallocate(place: &Place) -> Result<Vec<Finding>, Unable> {
    const PROMISED: &str = "space for the whole range is put aside";
    let file = place.file("allocated", 0)?;
    let allocated = rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, ALLOCATED);
    if let Err(why @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) = allocated {
        return Err(unwritten(why.into()));
    }
    if let Err(why) = allocated {
        let finding = Finding::not_here(
            PROMISED,
            format!("fallocate gives {}", errno::name(&why.into())),
            "write zeros before you map, or a store into a hole is SIGBUS on a full disk",
        );
        return Ok(vec![finding]);
    }
    let taken = blocks(&file)? * BLOCK;
    let len = file.metadata().map_err(|error| Unable::failed("ask for the length", error))?.len();
    let finding = if taken >= ALLOCATED && len == ALLOCATED {
        Finding::ok(PROMISED, format!("{} long, {} taken", size(len), size(taken)))
    } else {
        Finding::differs(
            PROMISED,
            format!("{} long, {} taken", size(len), size(taken)),
            "a store into the range can still find the disk full: SIGBUS",
        )
    };
    Ok(vec![finding.part("allocated"), overwritten(&file, place)?.part("overwritten")])
}

/// Write the same page twice, and see whether it has moved in between: then the second write needed new space.
fn overwritten(file: &File, place: &Place) -> Result<Finding, Unable> {
    const PROMISED: &str = "overwriting a page of it later needs no new space";
    let write = |byte: u8| {
        file.write_all_at(&vec![byte; page_len(place)], 0)
            .and_then(|()| file.sync_all())
            .map_err(unwritten)
    };
    write(1)?;
    let first = raw::extents(file);
    write(2)?;
    let (first, second) = match (first, raw::extents(file)) {
        (Ok(first), Ok(second)) => (place_of(&first), place_of(&second)),
        (Err(error), _) | (_, Err(error)) => {
            return Ok(Finding::not_here(
                PROMISED,
                format!("FIEMAP gives {}", errno::name(&error)),
                "where the bytes are is not told here; where it is memory, they stay",
            ));
        }
    };
    Ok(match (first, second) {
        (Some(first), Some(second)) if first == second => {
            Finding::ok(PROMISED, "the page keeps its place on the disk")
        }
        (Some(_), Some(_)) => Finding::differs(
            PROMISED,
            "the page moves with each flush (copy on write)",
            "only the first store is safe: on a full disk a later one is SIGBUS or a failed flush",
        ),
        _ => Finding::not_here(
            PROMISED,
            "the page has no place on a disk",
            "nothing is known of a full disk",
        ),
    })
}

/// Where the first byte of the file is on the device.
fn place_of(extents: &[Extent]) -> Option<u64> {
    extents
        .first()
        .filter(|extent| extent.logical == 0 && extent.physical != 0)
        .map(|extent| extent.physical)
}

/// Larger than the blocks of any file system, and where the hole begins and ends.
const PIECE: u64 = 128 << 10;

fn hole_punch(place: &Place) -> Result<Vec<Finding>, Unable> {
    const PROMISED: &str = "a punched hole reads as zeros, and its space is free again";
    let file = place.file("punched", 4 * PIECE)?;
    file.sync_all().map_err(unwritten)?;
    let before = blocks(&file)?;
    let len = usize::try_from(4 * PIECE).unwrap_or(usize::MAX);
    let mapping =
        Mapping::file(&file, 0, len, Protection::READ, Sharing::Shared, MapFlags::empty())
            .map_err(|error| Unable::unmapped("map the file", error))?;
    let _ = mapping.load_range(0..len);
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    if let Err(why) = rustix::fs::fallocate(&file, punch, PIECE, 2 * PIECE) {
        return Ok(vec![Finding::not_here(
            PROMISED,
            format!("fallocate gives {}", errno::name(&why.into())),
            "space in the middle never comes back: write the file anew to compact it",
        )]);
    }
    file.sync_all().map_err(unwritten)?;
    // Before the hole is looked at: a load from it may take a page again.
    let freed = before.saturating_sub(blocks(&file)?) * BLOCK;
    let wrong = (0u64..).zip(mapping.load_range(0..len)).find(|&(at, byte)| byte != punched(at));
    Ok(vec![match wrong {
        Some((at, byte)) => Finding::differs(
            PROMISED,
            format!("byte {at} of a mapping is {byte}, not {}", punched(at)),
            "a mapping shows stale bytes after a punch: map anew, or do not punch",
        ),
        None if freed == 0 => Finding::differs(
            PROMISED,
            "zeros in the mapping, and no block is free",
            "space in the middle never comes back: write the file anew to compact it",
        ),
        None => Finding::ok(
            PROMISED,
            format!("zeros in the mapping, {} of {} free", size(freed), size(2 * PIECE)),
        ),
    }])
}

/// What byte `at` of the punched file has to be.
fn punched(at: u64) -> u8 {
    if (PIECE..3 * PIECE).contains(&at) { 0 } else { Place::byte_at(at) }
}

fn page_len(place: &Place) -> usize {
    usize::try_from(place.page_size()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hole_is_in_the_middle() {
        assert_eq!((punched(PIECE - 1), punched(PIECE)), (Place::byte_at(PIECE - 1), 0));
        assert_eq!((punched(3 * PIECE - 1), punched(3 * PIECE)), (0, Place::byte_at(3 * PIECE)));
    }
}
