//! Whose rights an experiment runs with, and what more rights would add.

use crate::doctor::experiment::Finding;

/// Whose rights this process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    Root,
    Ordinary,
}

impl Rights {
    /// Those that it has now; an experiment may give them up.
    pub(super) fn now() -> Self {
        if rustix::process::geteuid().is_root() { Self::Root } else { Self::Ordinary }
    }

    /// `finding`, with what root could see or do in addition, where that is somebody else.
    pub(super) fn add(self, finding: Finding, as_root: &str) -> Finding {
        match self {
            Self::Root => finding,
            Self::Ordinary => finding.with_root(as_root),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_not_told_what_root_could() {
        let finding = || Finding::ok("", "");
        assert_eq!(Rights::Root.add(finding(), "more").as_root, None);
        assert_eq!(Rights::Ordinary.add(finding(), "more").as_root.as_deref(), Some("more"));
    }
}
