//! Which experiments there are, and which are asked for.

use std::io::{self, Write};

use super::GROUPS;
use super::experiment::Experiment;

/// The experiments whose names hold one of `only`, all of them if that is empty, each with the name of its group.
pub(super) fn selected(
    only: &[String],
) -> impl Iterator<Item = (&'static str, &'static Experiment)> {
    let wanted = move |experiment: &Experiment| {
        only.is_empty() || only.iter().any(|part| experiment.name.contains(part.as_str()))
    };
    GROUPS
        .iter()
        .flat_map(|group| group.experiments.iter().map(|experiment| (group.name, experiment)))
        .filter(move |(_, experiment)| wanted(experiment))
}

/// The experiment of this name.
pub(super) fn named(name: &str) -> Option<&'static Experiment> {
    GROUPS.iter().flat_map(|group| group.experiments).find(|experiment| experiment.name == name)
}

/// A value of `--only`, which must be in some name.
pub(crate) fn known_name(part: &str) -> Result<String, String> {
    let only = [part.to_owned()];
    match selected(&only).next() {
        Some(_) if !part.is_empty() => Ok(part.to_owned()),
        _ => Err("no experiment has that in its name; --list shows them".to_owned()),
    }
}

/// Names, what they try, and where that is promised.
pub(super) fn print(out: &mut impl Write, only: &[String]) -> io::Result<()> {
    let width = selected(only).map(|(_, experiment)| experiment.name.len()).max().unwrap_or(0);
    let mut group_before = "";
    let mut text = String::new();
    for (group, Experiment { name, about, source, .. }) in selected(only) {
        if group != group_before {
            text += &format!("{}{group}\n", if group_before.is_empty() { "" } else { "\n" });
            group_before = group;
        }
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
        for (_, experiment) in selected(&[]) {
            let name = experiment.name;
            assert!(seen.insert(name), "{name} is there twice");
            assert!(!name.is_empty(), "a name is missing");
            let usual =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            assert!(name.bytes().all(usual), "{name}");
            assert!(!experiment.about.is_empty() && !experiment.source.is_empty(), "{name}");
            assert_eq!(named(name).map(|found| found.about), Some(experiment.about));
        }
    }

    #[test]
    fn a_part_of_a_name_selects() {
        assert!(known_name("repl").is_ok());
        assert!(known_name("").is_err());
        assert!(known_name("no such experiment").is_err());
        let names: Vec<_> =
            selected(&["replace".to_owned()]).map(|(_, experiment)| experiment.name).collect();
        assert_eq!(names, ["replace"]);
    }
}
