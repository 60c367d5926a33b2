use std::fs::File;

use folio::LockPages;
use folio::raw::{Advice, MapFlags, Mapping, Protection, Sharing};

use crate::child::Waiting;
use crate::run::{json, maps, number, what};

pub(crate) const PAGE: u64 = 4096;
pub(crate) const READ_WRITE: Protection = Protection::READ.union(Protection::WRITE);

/// A child that maps `data` privately, has all of its 16 pages in memory, and stored to three.
pub(crate) fn child_that_copied(file: &File) -> (Waiting, u64) {
    let len = 16 * usize::try_from(PAGE).unwrap();
    let mapping =
        Mapping::file(file, 0, len, READ_WRITE, Sharing::Private, MapFlags::empty()).unwrap();
    let base = mapping.address() as u64;
    let child = Waiting::after(|| {
        mapping.advise(0..len, Advice::PopulateRead).unwrap();
        for page in [3, 4, 15] {
            mapping.store(page * len / 16, 1);
        }
    });
    (child, base)
}

/// A file of 64 pages.
pub(crate) fn data(dir: &tempfile::TempDir) -> File {
    let path = dir.path().join("some-data");
    std::fs::write(&path, vec![7; usize::try_from(64 * PAGE).unwrap()]).unwrap();
    File::open(path).unwrap()
}

pub(crate) fn pages_are_listed_beside_the_files_and_counted_as_smaps_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (child, base) = child_that_copied(&data(&dir));
    let pid = child.pid().to_string();
    let objects = json(&[&pid, "--pages", "--only", "some-data"]);
    let [mapping] = what(&objects, "mapping")[..] else { panic!("{objects:#?}") };
    assert_eq!(number(mapping, "start"), base);
    assert_eq!(number(mapping, "copied"), 3 * PAGE);
    assert_eq!(number(mapping, "anonymous"), 3 * PAGE);
    // The file's pages too are mapped by nobody else.
    assert_eq!((number(mapping, "own"), number(mapping, "shared")), (16 * PAGE, 0));
    assert_eq!((&mapping["kind"], &mapping["sharing"]), (&"files".into(), &"private".into()));
    let runs: Vec<_> = what(&objects, "pages")
        .iter()
        .map(|run| (number(run, "offset") / PAGE, run["are"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [(0, "file"), (3, "copied"), (5, "file"), (15, "copied")];
    assert_eq!(runs, expected.map(|(page, are)| (page, are.to_owned())));

    let text = maps(&[&pid, "--pages", "--only", "some-data"]).text();
    assert!(text.contains(" 2 pages  copied on write"), "{text}");
    assert!(text.contains("10 pages  the file's"), "{text}");
    let each = maps(&[&pid, "--pages=each", "--only", "some-data"]).text();
    let copied: Vec<_> = each.lines().filter(|line| line.contains("1 page  copied")).collect();
    assert_eq!(copied.len(), 3, "{each}");
    assert!(copied.iter().all(|line| line.contains("in this mapping alone")), "{each}");
}

pub(crate) fn pages_are_the_same_from_text() {
    let dir = tempfile::tempdir().unwrap();
    let (child, _) = child_that_copied(&data(&dir));
    let pid = child.pid().to_string();
    let pages = |via: &str| {
        let objects = json(&[&pid, "--pages", "--only", "some-data", "--via", via]);
        what(&objects, "pages").into_iter().cloned().collect::<Vec<_>>()
    };
    let best = pages("best");
    assert_eq!(best.len(), 4);
    assert_eq!(pages("text"), best);
}

pub(crate) fn advice_and_locks_are_told_in_words() {
    let len = 8 * usize::try_from(PAGE).unwrap();
    let child = Waiting::after(|| {
        let anonymous =
            || Mapping::anonymous(len, READ_WRITE, Sharing::Private, MapFlags::empty()).unwrap();
        let (random, locked) = (anonymous(), anonymous());
        random.advise(0..len, Advice::Random).unwrap();
        random.advise(0..len, Advice::DontDump).unwrap();
        // Where it may not, there is nothing locked to be seen.
        let _ = locked.lock(0..len, LockPages::Now);
        (random, locked)
    });
    let pid = child.pid().to_string();
    let objects = json(&[&pid]);
    let has = |word: &str| {
        let mappings = what(&objects, "mapping");
        let advised = |object: &&&serde_json::Value| {
            object["advice"].as_array().unwrap().iter().any(|advice| advice == word)
        };
        mappings.iter().filter(advised).map(|object| number(object, "locked")).collect::<Vec<_>>()
    };
    assert_eq!(has("read at random"), [0]);
    let text = maps(&[&pid, "--all"]).text();
    assert!(text.contains("read at random, not in core dumps"), "{text}");
    match has("locked")[..] {
        [] => testfs::skip("mlock2", "no memory may be locked here"),
        ref locked => assert_eq!(locked, [len as u64]),
    }
}
