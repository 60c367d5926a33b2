//! The table of rules in the README.

use std::fmt::Write;

use folio_model::RULES;

/// The table, as it is to be.
fn table() -> String {
    let mut table = String::new();
    let mut about = "";
    for rule in RULES {
        if rule.about != about {
            about = rule.about;
            write!(table, "\n### {about}\n\n| rule | says | written in |\n|---|---|---|\n")
                .expect("a string takes everything");
        }
        writeln!(table, "| `{}` | {} | {} |", rule.name, rule.says, rule.source)
            .expect("a string takes everything");
    }
    table
}

#[test]
fn the_readme_has_every_rule_as_it_is() {
    let readme = include_str!("../../README.md");
    let table = table();
    assert!(readme.ends_with(&table), "the README is to end with:\n{table}");
}
