//! Help, completions and manual pages.

use std::fs;

use crate::harness::*;

/// As a user reads it. After a change: `INSTA_UPDATE=always cargo test -p folio-cli`, and look at the difference.
#[test]
fn help_reads_well() {
    for name in
        ["", "cat", "count", "view", "doctor", "pages", "maps", "bench", "completions", "man"]
    {
        let args: &[&str] = if name.is_empty() { &["--help"] } else { &[name, "--help"] };
        let help = run(folio().args(args).env("COLUMNS", "100")).text();
        assert!(help.lines().all(|line| line.chars().count() <= 120), "{name}");
        insta::with_settings!({ prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("help_{name}").trim_end_matches('_'), help);
        });
    }
}

#[test]
fn completions_know_the_commands_and_flags() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(folio().args(["completions", shell])).text();
        assert!(script.contains("count") && script.contains("no-squeeze"), "{shell}");
    }
}

#[test]
fn a_manual_page_for_each_command() {
    let dir = Dir::new();
    let man = dir.path("man1");
    run(folio().arg("man").arg(&man)).ok();
    let mut names: Vec<_> = fs::read_dir(&man)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let commands =
        ["bench", "cat", "completions", "count", "doctor", "man", "maps", "pages", "view"];
    let expected: Vec<_> =
        commands.iter().map(|name| format!("folio-{name}.1")).chain(["folio.1".into()]).collect();
    assert_eq!(names, expected);
    let count = fs::read_to_string(man.join("folio-count.1")).unwrap();
    assert!(count.contains(".TH folio-count 1"), "{count}");
    assert!(count.contains("\\fBfolio count\\fR"), "the synopsis is what can be typed: {count}");
    assert_eq!(run(folio().args(["man", "--page", "count"])).text(), count);
    assert!(run(folio().args(["man", "--page", "nothing"])).failed().contains("no such page"));
}
