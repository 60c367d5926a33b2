//! Experiments of several parts, of which some need a file.

use crate::doctor::experiment::{Finding, Unable};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::experiment::Verdict;

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
