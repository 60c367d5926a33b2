//! One short program for each rule, named as the rule is.

use folio_model::RULES;

mod play;

mod advice;
mod files;
mod leases;
mod limits;
mod locks;
mod mapping;
mod power;
mod processes;
mod readme;
mod seals;
mod syncing;
mod tail;
mod touching;

use play::{Play, Program};

fn programs() -> Vec<Program> {
    let all = [
        advice::PROGRAMS,
        files::PROGRAMS,
        leases::PROGRAMS,
        limits::PROGRAMS,
        locks::PROGRAMS,
        mapping::PROGRAMS,
        processes::PROGRAMS,
        seals::PROGRAMS,
        syncing::PROGRAMS,
        tail::PROGRAMS,
        touching::PROGRAMS,
    ];
    all.concat()
}

#[test]
fn every_rule_has_a_program_of_its_name_that_comes_across_it() {
    let programs = programs();
    for rule in RULES {
        let name = rule.name.replace('-', "_");
        let found = programs.iter().find(|program| program.name == name);
        let program = found.unwrap_or_else(|| panic!("no program for {}", rule.name));
        let mut play = Play::default();
        (program.run)(&mut play);
        assert!(play.reached(rule), "{name} does not come across its rule");
    }
    assert_eq!(programs.len(), RULES.len(), "a program without a rule");
}

#[test]
fn every_rule_has_a_name_of_its_own_and_a_source() {
    for (index, rule) in RULES.iter().enumerate() {
        assert!(RULES[..index].iter().all(|other| other.name != rule.name), "two {}", rule.name);
        let page = rule.source.contains("(2)") || rule.source.contains("(5)");
        let file = rule.source.contains(".c");
        assert!(page || file || rule.name == "absent", "{} is written nowhere", rule.name);
        assert!(!rule.says.is_empty() && !rule.says.ends_with('.'), "{}", rule.name);
    }
}
