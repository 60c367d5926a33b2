//! `cargo xtask examples` finds what lacks an example, and asks for none where there is none to ask for.

use serde_json::{Value, json};
use xtask::examples::{Lack, lacking};

const SOURCE: &str = "pub fn one() {}\nbitflags! {}\npub fn one_more() {}\n";

fn read(path: &str) -> Option<String> {
    (path == "src/lib.rs").then(|| SOURCE.to_owned())
}

fn item(kind: &str, name: &str, line: u64, docs: &str) -> Value {
    json!({
        "crate_id": 0,
        "name": name,
        "visibility": "public",
        "docs": docs,
        "span": { "filename": "src/lib.rs", "begin": [line, 1] },
        "inner": { kind: { "some": "thing" } },
    })
}

fn names(index: &Value) -> Vec<String> {
    let found = lacking(&json!({ "index": index }), read).unwrap();
    found.lacks.into_iter().map(|lack| lack.name).collect()
}

#[test]
fn what_lacks_an_example_is_named_with_its_place() {
    let index = json!({
        "1": item("function", "one", 1, "One."),
        "2": item("struct", "Two", 2, "Two.\n\n```\nassert!(true);\n```\n"),
    });
    let found = lacking(&json!({ "index": index }), read).unwrap();
    let one =
        Lack { path: "src/lib.rs".into(), line: 1, kind: "function".into(), name: "one".into() };
    assert_eq!((found.asked, found.lacks), (2, vec![one]));
}

#[test]
fn only_rust_that_is_compiled_is_an_example() {
    for language in ["text", "ignore", "sh", "rust,ignore"] {
        let docs = format!("One.\n\n```{language}\nwords\n```\n");
        assert_eq!(
            names(&json!({ "1": item("function", "one", 1, &docs) })),
            ["one"],
            "{language}"
        );
    }
    for language in ["", "rust", "no_run", "rust,no_run", "should_panic", "compile_fail"] {
        let docs = format!("One.\n\n```text\nwords\n```\n\n```{language}\none();\n```\n");
        assert!(names(&json!({ "1": item("function", "one", 1, &docs) })).is_empty(), "{language}");
    }
}

#[test]
fn a_function_of_a_macro_needs_none_and_a_type_of_one_does() {
    let index = json!({
        "1": item("function", "bits", 2, "The bits."),
        "2": item("function", "one", 3, "Another's line."),
        "3": item("struct", "Flags", 2, "Flags."),
    });
    assert_eq!(names(&index), ["Flags"]);
}

#[test]
fn what_implements_a_trait_and_what_is_not_public_needs_none() {
    let mut private = item("struct", "Hidden", 1, "");
    private["visibility"] = json!("crate");
    let mut foreign = item("struct", "Foreign", 1, "");
    foreign["crate_id"] = json!(7);
    let index = json!({
        "1": item("function", "one", 1, "In an implementation of a trait."),
        "2": private,
        "3": foreign,
        "4": { "crate_id": 0, "inner": { "impl": { "trait": { "path": "Clone" }, "items": [1] } } },
        "5": item("function", "one_more", 3, "In one of a type."),
        "6": { "crate_id": 0, "inner": { "impl": { "trait": null, "items": [5] } } },
    });
    assert_eq!(names(&index), ["one_more"]);
}

#[test]
fn a_form_that_is_not_known_is_an_error() {
    assert!(lacking(&json!({ "items": {} }), read).is_err());
    assert!(lacking(&json!({ "index": {} }), read).is_err());
}
