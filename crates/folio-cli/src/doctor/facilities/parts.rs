//! What experiments need, and what becomes of their parts where it is not to be had.

use std::fs::File;
use std::io;

use folio::raw::{MapFlags, Mapping, Protection, Sharing};

use crate::doctor::experiment::{Finding, Unable};
use crate::doctor::place::Place;

/// What the part `name` of an experiment found. Where it needs a file and none can be made, that is its line, and the parts
/// that need none are tried all the same.
///
/// # Errors
/// If something that the part needs failed.
pub(super) fn part(
    name: &str,
    promised: &str,
    found: Result<Finding, Unable>,
) -> Result<Finding, Unable> {
    let finding = match found {
        Err(Unable::NotHere { why, means }) => Finding::not_here(promised, why, means),
        found => found?,
    };
    Ok(finding.part(name))
}

/// A file could not be written.
pub(super) fn unwritten(error: io::Error) -> Unable {
    Unable::failed("write the file", error)
}

/// A file to read, mapped from its start.
///
/// # Errors
/// As [`Place::readable`], and [`Unable::NotHere`] if what is there cannot be mapped.
pub(super) fn map_readable(
    place: &Place,
    len: usize,
    access: Protection,
    sharing: Sharing,
) -> Result<(File, Mapping), Unable> {
    let (_, file) = place.readable()?;
    let mapping = Mapping::file(&file, 0, len, access, sharing, MapFlags::empty())
        .map_err(|error| Unable::unmapped("map the file", error))?;
    Ok((file, mapping))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::experiment::Verdict;

    #[test]
    fn a_full_disk_is_no_failure() {
        let full = unwritten(rustix::io::Errno::NOSPC.into());
        assert!(matches!(full, Unable::NotHere { .. }), "{full}");
        assert!(matches!(unwritten(rustix::io::Errno::IO.into()), Unable::Failed { .. }));
    }

    #[test]
    fn a_file_that_cannot_be_made_is_a_line() {
        let missing =
            part("file", "promised", Err(Unable::not_here("read-only", "means"))).unwrap();
        assert_eq!((missing.verdict, missing.seen.as_str()), (Verdict::NotHere, "read-only"));
        assert_eq!(missing.part.as_deref(), Some("file"));
        let found = part("file", "", Ok(Finding::ok("promised", "seen"))).unwrap();
        assert_eq!((found.verdict, found.promised.as_str()), (Verdict::Ok, "promised"));
        let failed = Err(Unable::Failed { what: String::new(), why: String::new() });
        assert!(part("file", "", failed).is_err());
    }
}
