//! The repository is in order; and each check speaks when something is not.

use std::path::Path;

use xtask::tidy::check;
use xtask::tree::Tree;

const LIB: &str = "//! Lib.\n#![deny(unsafe_code)]\n";
const SOUND: &str =
    "# Why\n\n**B1.** In bounds.\n\n**G7.** Prose. Not cited: nothing rests on it.\n";
const FLOOR: &str =
    "fn f() {\n    // SAFETY: clause B1: the range was checked above\n    unsafe { g() }\n}\n";

fn tree(changes: &[(&'static str, &str)]) -> Tree {
    let sound = [
        ("crates/folio/src/lib.rs", LIB),
        ("crates/folio/src/sys/floor.rs", FLOOR),
        ("crates/other/src/main.rs", "#![forbid(unsafe_code)]\nfn main() {}\n"),
        ("docs/soundness.md", SOUND),
    ];
    let kept = sound.iter().filter(|(path, _)| changes.iter().all(|(changed, _)| changed != path));
    Tree::of(kept.chain(changes).map(|(path, text)| (*path, (*text).to_owned())))
}

/// The tree with `changes` gives just these complaints.
#[track_caller]
fn complains(changes: &[(&'static str, &str)], expected: &[&str]) {
    let complaints: Vec<_> = check(&tree(changes)).iter().map(ToString::to_string).collect();
    assert_eq!(complaints.len(), expected.len(), "{complaints:#?}");
    for (complaint, expected) in complaints.iter().zip(expected) {
        assert!(complaint.contains(expected), "{complaint} has no {expected}");
    }
}

#[test]
fn the_repository_is_in_order() {
    let tree = Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
    assert!(tree.file("crates/folio/src/page.rs").is_some(), "the tree was read");
    let complaints: Vec<_> = check(&tree).iter().map(ToString::to_string).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_sound_tree_gives_no_complaint() {
    complains(&[], &[]);
}

#[test]
fn unsafe_belongs_to_the_floor() {
    let block = format!("{LIB}fn f() {{ unsafe {{ g() }} }}\n");
    complains(&[("crates/folio/src/lib.rs", &block)], &["lib.rs:3: unsafe outside"]);
    complains(
        &[("crates/folio/examples/e.rs", "fn f() { unsafe { g() } }\n")],
        &["e.rs:1: unsafe outside"],
    );
    let standing_in = FLOOR.replace("SAFETY", "Safety");
    complains(
        &[("crates/folio-memmap2/src/other.rs", &standing_in)],
        &["other.rs:3: unsafe outside"],
    );
    complains(
        &[("crates/folio-memmap2/src/lib.rs", LIB), ("crates/folio-memmap2/src/floor.rs", FLOOR)],
        &[],
    );
    complains(&[("crates/folio/benches/b.rs", "fn f() { unsafe { g() } }\n")], &[]);
    let spoken = format!("{LIB}// unsafe\nconst S: &str = \"unsafe\";\n");
    complains(&[("crates/folio/src/lib.rs", &spoken)], &[]);
}

#[test]
fn an_unsafe_declaration_says_that_it_is_expected() {
    let with =
        format!("{LIB}#[expect(unsafe_code, reason = \"r\")]\n#[inline]\npub unsafe fn f() {{}}\n");
    complains(&[("crates/folio/src/lib.rs", &with)], &[]);
    let without = format!("{LIB}pub unsafe fn f() {{}}\n");
    complains(&[("crates/folio/src/lib.rs", &without)], &["lib.rs:3: unsafe outside"]);
    let second = format!("{with}pub unsafe fn g() {{}}\n");
    complains(&[("crates/folio/src/lib.rs", &second)], &["lib.rs:6: unsafe outside"]);
}

#[test]
fn every_other_crate_forbids_unsafe_code() {
    complains(
        &[("crates/other/src/main.rs", "fn main() {}\n")],
        &["main.rs:0: the crate's root has no #![forbid"],
    );
    complains(&[("crates/folio/src/lib.rs", "")], &["lib.rs:0: the crate's root has no #![deny"]);
}

#[test]
fn a_safety_comment_cites_a_clause() {
    let bare = FLOOR.replace("clause B1: the", "the");
    complains(
        &[("crates/folio/src/sys/floor.rs", &bare)],
        &["floor.rs:2: the SAFETY comment does not begin", "no comment cites clause B1"],
    );
    let unknown = FLOOR.replace("B1", "B1 and B2");
    complains(
        &[("crates/folio/src/sys/floor.rs", &unknown)],
        &["floor.rs:2: the SAFETY comment cites clause B2"],
    );
}

#[test]
fn a_clause_is_cited_or_says_why_not_and_is_there_once() {
    let more = format!("{SOUND}\n**B2.** More.\n");
    complains(&[("docs/soundness.md", &more)], &["soundness.md:7: no comment cites clause B2"]);
    let twice = format!("{SOUND}\n**B1.** Again.\n");
    complains(&[("docs/soundness.md", &twice)], &["soundness.md:7: there is a clause B1 already"]);
    let marked = SOUND.replace("In bounds.", "In bounds. Not cited: so it says.");
    complains(
        &[("docs/soundness.md", &marked)],
        &["soundness.md:3: clause B1 says that it is not cited, and it is"],
    );
    complains(
        &[("docs/soundness.md", "")],
        &["floor.rs:2: the SAFETY comment cites clause B1, which docs/soundness.md does not have"],
    );
}

#[test]
fn what_is_unfinished_or_waits_for_a_while_is_found_also_in_tests() {
    for word in
        ["todo!()", "unimplemented!()", "dbg!(1)", "std::thread::sleep(d)", "#[ignore = \"slow\"]"]
    {
        let text = format!("// {word}\nfn f() {{ {word} }}\n");
        complains(&[("crates/folio/tests/t.rs", &text)], &["t.rs:2: "]);
    }
}

#[test]
fn a_file_has_at_most_600_lines() {
    complains(&[("docs/long.md", &"x\n".repeat(600))], &[]);
    complains(&[("docs/long.md", &"x\n".repeat(601))], &["long.md:0: 601 lines"]);
}
