//! The bugs that are put in fit the sources; whether they are found, `cargo xtask mutants` tells.

use std::path::Path;

use xtask::mutants::{Mutant, all};

#[test]
fn each_bug_has_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mutants = all(&root).unwrap();
    for (name, mutant) in &mutants {
        let source = std::fs::read_to_string(root.join(&mutant.file)).unwrap();
        let changed = mutant.apply(&source).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_ne!(changed, source, "{name} changes nothing");
    }
    for part in ["ranges", "copy-on-write", "flush", "growth"] {
        assert!(mutants.iter().any(|(name, _)| name.starts_with(part)), "no bug in {part}");
    }
}

#[test]
fn a_place_that_is_not_the_only_one_is_refused() {
    let text = "breaks: x\nfile: f\n--- replace\na\n--- with\nb\n";
    let mutant = Mutant::parse(text).unwrap();
    assert!(mutant.apply("a\na\n").unwrap_err().contains("2 times"));
    assert!(mutant.apply("c\n").unwrap_err().contains("0 times"));
    assert!(Mutant::parse("breaks: x\n--- replace\n--- with\n").unwrap_err().contains("file:"));
    assert!(Mutant::parse("breaks: x\nfile: f\n").unwrap_err().contains("--- replace"));
}
