//! Operations on mappings.

use std::io;

use folio::PageSize;
use folio::raw::{self, MapFlags};
use folio_model::{Advice, Backing, Errno, Msync, Op, Outcome, Protection, Sharing};

use super::process::State;
use super::seen;
use super::slot::{Holes, Slot};

/// Do `op`, which is one on a mapping.
pub(super) fn step(state: &mut State, op: &Op) -> io::Result<Outcome> {
    if let Op::Map { .. } = op {
        return map(state, op);
    }
    let (Op::Unmap { mapping, .. }
    | Op::Remap { mapping, .. }
    | Op::Protect { mapping, .. }
    | Op::Flush { mapping, .. }
    | Op::Advise { mapping, .. }) = *op
    else {
        return Ok(Outcome::Nothing);
    };
    let Some(slot) = state.mappings.get_mut(&mapping) else { return Ok(Outcome::Nothing) };
    let answer = seen(on_mapping(slot, op), |()| Outcome::Done);
    if slot.is_empty() {
        state.mappings.remove(&mapping);
    }
    answer
}

fn map(state: &mut State, op: &Op) -> io::Result<Outcome> {
    let Op::Map { mapping, backing, sharing, protection, offset, len, .. } = *op else {
        return Ok(Outcome::Nothing);
    };
    let (protection, sharing) = (raw_protection(protection), raw_sharing(sharing));
    let len = size(len);
    let mapped = match backing {
        Backing::File(descriptor) => match state.descriptors.get(&descriptor) {
            Some(file) => {
                raw::Mapping::file(file, offset, len, protection, sharing, MapFlags::empty())
            }
            None => return Ok(Outcome::Nothing),
        },
        // The kernel looks at an offset's alignment also where it has no use for it.
        Backing::Anonymous if !offset.is_multiple_of(PageSize::base().bytes() as u64) => {
            return Ok(Outcome::Failed(Errno::EINVAL));
        }
        Backing::Anonymous => raw::Mapping::anonymous(len, protection, sharing, MapFlags::empty()),
    };
    seen(mapped, |mapped| {
        state.mappings.insert(mapping, Slot::new(mapped));
        Outcome::Done
    })
}

fn on_mapping(slot: &mut Slot, op: &Op) -> io::Result<()> {
    match *op {
        Op::Unmap { offset, len, .. } => slot.unmap(size(offset), size(len)),
        Op::Remap { len, .. } => slot.remap(size(len)),
        Op::Protect { protection, offset, len, .. } => {
            let protection = raw_protection(protection);
            slot.call(size(offset), size(len), Holes::End, |mapping, range| {
                mapping.protect(range, protection)
            })
        }
        Op::Flush { how, offset, len, .. } => {
            let how = match how {
                Msync::Sync => raw::Msync::Sync,
                Msync::Async => raw::Msync::Async,
            };
            slot.call(size(offset), size(len), Holes::Pass, |mapping, range| {
                mapping.sync(range, how)
            })
        }
        Op::Advise { advice, offset, len, .. } => {
            let (advice, holes) = match advice {
                Advice::WillNeed => (raw::Advice::WillNeed, Holes::Pass),
                Advice::DontNeed => (raw::Advice::DontNeed, Holes::Pass),
                Advice::Remove => (raw::Advice::Remove, Holes::Pass),
                Advice::PopulateRead => (raw::Advice::PopulateRead, Holes::End),
                Advice::PopulateWrite => (raw::Advice::PopulateWrite, Holes::End),
            };
            slot.call(size(offset), size(len), holes, |mapping, range| {
                mapping.advise(range, advice)
            })
        }
        _ => Ok(()),
    }
}

/// Offsets and lengths are as wide as addresses: folio runs on 64-bit machines alone.
pub(super) fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn raw_protection(protection: Protection) -> raw::Protection {
    let mut flags = raw::Protection::empty();
    flags.set(raw::Protection::READ, protection.contains(Protection::READ));
    flags.set(raw::Protection::WRITE, protection.contains(Protection::WRITE));
    flags.set(raw::Protection::EXEC, protection.contains(Protection::EXEC));
    flags
}

fn raw_sharing(sharing: Sharing) -> raw::Sharing {
    match sharing {
        Sharing::Shared => raw::Sharing::Shared,
        Sharing::Private => raw::Sharing::Private,
    }
}
