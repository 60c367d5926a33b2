//! `docs/from-memmap2.md` has each item of memmap2's API: the public items of `crates/folio-memmap2`, which has all of them.

use std::collections::BTreeSet;
use std::path::Path;

/// The items of folio's own that its stand-in has besides.
const OWN: [&str; 1] = ["folio.rs"];

/// The words behind `pub fn`, `pub struct` and so on in one source file, and the variants of its public enums.
fn items(source: &str) -> BTreeSet<String> {
    let mut items = BTreeSet::new();
    for line in source.lines() {
        if let Some((variant, _)) = line.split_once(" = libc::MADV_") {
            items.insert(variant.trim_start().to_owned());
        }
        let mut words = line.trim_start().strip_prefix("pub ").unwrap_or("").split_whitespace();
        let kind = words.find(|word| *word != "unsafe" && *word != "const").unwrap_or("");
        if ["fn", "struct", "enum", "trait"].contains(&kind) {
            let name = words.next().unwrap_or("");
            let end = name
                .find(|char: char| !char.is_alphanumeric() && char != '_')
                .unwrap_or(name.len());
            items.insert(name[..end].to_owned());
        }
    }
    items
}

#[test]
fn the_migration_page_has_each_item_of_memmap2() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/from-memmap2.md")).unwrap();
    let words: BTreeSet<_> =
        page.split(|char: char| !char.is_alphanumeric() && char != '_').collect();
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(root.join("crates/folio-memmap2/src")).unwrap() {
        let path = entry.unwrap().path();
        if !OWN.iter().any(|own| path.ends_with(own)) {
            found.extend(items(&std::fs::read_to_string(&path).unwrap()));
        }
    }
    let some =
        ["Mmap", "map_copy", "RemapOptions", "MmapAsRawDesc", "unchecked_advise_range", "Free"];
    for known in some {
        assert!(found.contains(known), "{known} is not found in the sources");
    }
    let missing: Vec<_> = found.iter().filter(|item| !words.contains(item.as_str())).collect();
    assert!(missing.is_empty(), "docs/from-memmap2.md does not say what becomes of {missing:?}");
}
