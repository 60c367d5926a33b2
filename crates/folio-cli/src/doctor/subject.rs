//! What there is to try, and what of it is asked for.

use std::io::{self, Write};

use super::experiment::Experiment;
use super::verdict::{QUESTIONS, Question};
use super::{directory, facilities, memory};

/// Something that a worker tries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    /// Whether a promise of the kernel is kept.
    Experiment(&'static Experiment),
    /// How folio maps files here.
    Question(&'static Question),
}

impl Subject {
    /// Unique among all.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Experiment(experiment) => experiment.name,
            Self::Question(question) => question.name,
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Experiment(experiment) => experiment.about,
            Self::Question(question) => question.about,
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::Experiment(experiment) => experiment.source,
            Self::Question(question) => question.source,
        }
    }
}

/// The groups of experiments, in the order of the report.
const GROUPS: [(&str, &[Experiment]); 3] = [
    ("memory", memory::EXPERIMENTS),
    ("facilities", facilities::EXPERIMENTS),
    ("directory", directory::EXPERIMENTS),
];

/// The group of all questions, which come last.
pub(super) const VERDICTS: &str = "verdicts";

/// Everything, each with the name of its group.
fn all() -> impl Iterator<Item = (&'static str, Subject)> {
    let experiments = GROUPS.iter().flat_map(|(group, experiments)| {
        experiments.iter().map(|experiment| (*group, Subject::Experiment(experiment)))
    });
    experiments.chain(QUESTIONS.iter().map(|question| (VERDICTS, Subject::Question(question))))
}

/// Those whose names hold one of `only`; all of them if that is empty.
pub(super) fn selected(only: &[String]) -> impl Iterator<Item = (&'static str, Subject)> {
    let wanted = move |subject: Subject| {
        only.is_empty() || only.iter().any(|part| subject.name().contains(part.as_str()))
    };
    all().filter(move |(_, subject)| wanted(*subject))
}

/// That of this name.
pub(super) fn named(name: &str) -> Option<Subject> {
    all().map(|(_, subject)| subject).find(|subject| subject.name() == name)
}

/// A value of `--only`, which must be in some name.
pub(crate) fn known_name(part: &str) -> Result<String, String> {
    let only = [part.to_lowercase()];
    match selected(&only).next() {
        Some(_) if !part.is_empty() => Ok(part.to_lowercase()),
        _ => Err("no experiment has that in its name; --list shows them".to_owned()),
    }
}

/// Names, what they try, and where that is promised.
pub(super) fn print(out: &mut impl Write, only: &[String]) -> io::Result<()> {
    let width = selected(only).map(|(_, subject)| subject.name().len()).max().unwrap_or(0);
    let mut group_before = "";
    let mut text = String::new();
    for (group, subject) in selected(only) {
        if group != group_before {
            text += &format!("{}{group}\n", if group_before.is_empty() { "" } else { "\n" });
            group_before = group;
        }
        let (name, about, source) = (subject.name(), subject.about(), subject.source());
        text += &format!("  {name:width$}  {about} [{source}]\n");
    }
    out.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_can_be_typed() {
        let mut seen = HashSet::new();
        for (_, subject) in all() {
            let name = subject.name();
            assert!(seen.insert(name), "{name} is there twice");
            assert!(!name.is_empty(), "a name is missing");
            let usual =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            assert!(name.bytes().all(usual), "{name}");
            assert!(!subject.about().is_empty() && !subject.source().is_empty(), "{name}");
            assert_eq!(named(name).map(Subject::about), Some(subject.about()));
        }
    }

    #[test]
    fn a_part_of_a_name_selects() {
        assert!(known_name("repl").is_ok());
        assert_eq!(known_name("Frozen").as_deref(), Ok("frozen"));
        assert!(known_name("").is_err());
        assert!(known_name("no such experiment").is_err());
        let names: Vec<_> =
            selected(&["replace".to_owned()]).map(|(_, subject)| subject.name()).collect();
        assert_eq!(names, ["replace"]);
    }
}
