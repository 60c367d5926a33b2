//! The table of permissions: protection by sharing by what the file is open for.
//!
//! | open for | private | shared |
//! |---|---|---|
//! | reading | every protection | all without `WRITE`, which mprotect(2) does not grant later either |
//! | reading and writing | every protection | every protection |
//! | writing | none: EACCES | none: EACCES |

use crate::memory::{Area, Writer};
use crate::why::{Stop, Why};
use crate::{Access, Errno, Protection, Sharing, rule};

/// Check what a mapping of a file is asked for; what mprotect(2) may grant later, and whether it counts as a writer.
pub(crate) fn map(
    why: &mut Why,
    access: Access,
    sharing: Sharing,
    protection: Protection,
) -> Result<(Protection, Writer), Stop> {
    let mut grantable = Protection::all();
    let mut writer = Writer::No;
    if sharing == Sharing::Shared {
        if access == Access::Read {
            if protection.contains(Protection::WRITE) {
                return Err(why.refuse(Errno::EACCES, &rule::MAP_WRITES));
            }
            grantable -= Protection::WRITE;
        } else {
            writer = Writer::Yes;
        }
    }
    if access == Access::Write {
        return Err(why.refuse(Errno::EACCES, &rule::MAP_READS));
    }
    if sharing == Sharing::Private
        && access == Access::Read
        && protection.contains(Protection::WRITE)
    {
        why.so(&rule::PRIVATE_ANY_FILE);
    }
    Ok((grantable, writer))
}

/// What `noexec` forbids.
pub(crate) fn no_exec(why: &mut Why, area: &mut Area) -> Result<(), Stop> {
    why.so(&rule::NO_EXEC);
    if area.protection.contains(Protection::EXEC) {
        return Err(Stop::Failed(Errno::EPERM));
    }
    area.grantable -= Protection::EXEC;
    Ok(())
}

/// Anonymous memory grants everything.
pub(crate) fn anonymous() -> (Protection, Writer) {
    (Protection::all(), Writer::Yes)
}

/// How a page is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touch {
    Load,
    Store,
}

/// Does the protection of the area let the processor do it?
pub(crate) fn touch(why: &mut Why, area: &Area, touch: Touch) -> bool {
    let protection = area.protection;
    match touch {
        Touch::Store => protection.contains(Protection::WRITE),
        Touch::Load if protection.contains(Protection::READ) => true,
        Touch::Load if protection.contains(Protection::WRITE) => {
            why.so(&rule::WRITE_IMPLIES_READ);
            true
        }
        Touch::Load if protection.contains(Protection::EXEC) => {
            why.either(2, &rule::EXEC_MAY_READ) == 0
        }
        Touch::Load => false,
    }
}
