//! The environment variable, and the functions that win over it.

use memmap2::folio::{Guarantee, Guarantees, guarantee_of, set_guarantees};
use testfs::Kind;

use crate::child::lines_of;
use crate::support::*;

/// The guarantees of a file that nobody writes to and of one that somebody has open for writing, with `words`.
fn with_words(words: &str, wanted: (Option<Guarantee>, Option<Guarantee>)) -> Vec<String> {
    let test = "configured::words_say_what_may_carry_a_mapping";
    let lines = lines_of(test, words, &[("FOLIO_MEMMAP2", words)], || {
        let Some(fs) = testfs::FileSystem::new(Kind::Ext4) else { return };
        let quiet = map(&patterned(fs.path(), "quiet", 100_000));
        let path = patterned(fs.path(), "busy", 100_000);
        let writer = read_write(&path);
        let busy = map(&path);
        assert_eq!((guarantee_of(&quiet), guarantee_of(&busy)), wanted);
        writer.set_len(if wanted.1.is_some() { 0 } else { 100_000 }).unwrap();
        assert_eq!((first_wrong(&quiet, 0), first_wrong(&busy, 0)), (None, None));
    });
    lines.unwrap_or_default()
}

#[test]
fn words_say_what_may_carry_a_mapping() {
    let leased = Some(Guarantee::Lease);
    assert_eq!(with_words("silent", (leased, None)), [""; 0]);
    assert_eq!(with_words("plain", (None, None)), [""; 0]);
    assert_eq!(with_words("copy", (leased, Some(Guarantee::Copied))), [""; 0]);
    let lines = with_words("fast, silent", (leased, None));
    if !lines.is_empty() || std::env::var_os("FOLIO_TEST_SCENARIO").is_none() {
        let wanted = "folio: FOLIO_MEMMAP2=fast, silent: \"fast\" ignored: the words are plain, clone, copy, abort, silent";
        assert_eq!(lines, [wanted]);
    }
}

#[test]
fn functions_win_over_the_environment() {
    let test = "configured::functions_win_over_the_environment";
    lines_of(test, "functions", &[("FOLIO_MEMMAP2", "plain")], || {
        let fs = testfs::FileSystem::new(Kind::Here).unwrap();
        let path = patterned(fs.path(), "file", 50_000);
        assert_eq!(guarantee_of(&map(&path)), None);
        set_guarantees(Guarantees::COPIED);
        let copied = map(&path);
        assert_eq!(guarantee_of(&copied), Some(Guarantee::Copied));
        std::fs::write(&path, b"").unwrap();
        assert_eq!(first_wrong(&copied, 0), None);
        set_guarantees(Guarantees::empty());
        assert_eq!(guarantee_of(&map(&path)), None);
    });
}

#[test]
fn whoever_writes_through_the_descriptor_sees_it_all_the_same() {
    let test = "configured::whoever_writes_through_the_descriptor_sees_it_all_the_same";
    lines_of(test, "copy", &[("FOLIO_MEMMAP2", "copy")], || {
        use std::os::unix::fs::FileExt;
        let fs = testfs::FileSystem::new(Kind::Here).unwrap();
        let file = read_write(&patterned(fs.path(), "file", 5000));
        // SAFETY: no slice lives while the file is written to.
        let map = unsafe { memmap2::Mmap::map(&file) }.unwrap();
        file.write_all_at(&[0xee], 4000).unwrap();
        assert_eq!((map[4000], guarantee_of(&map)), (0xee, None));
    });
}

/// A clone keeps the content, also of a file that somebody has open for writing.
#[test]
fn clones_are_made_where_they_are_asked_for() {
    let test = "configured::clones_are_made_where_they_are_asked_for";
    for kind in [Kind::Xfs, Kind::Btrfs] {
        lines_of(test, kind.name(), &[("FOLIO_MEMMAP2", "clone")], || {
            let Some(fs) = testfs::FileSystem::new(kind) else { return };
            let path = patterned(fs.path(), "file", 50_000);
            let writer = read_write(&path);
            let mut map = map(&path);
            assert_eq!(guarantee_of(&map), Some(Guarantee::Snapshot));
            writer.set_len(0).unwrap();
            assert_eq!(first_wrong(&map, 0), None);
            // To grow it goes back to the file.
            writer.set_len(200_000).unwrap();
            let how = memmap2::RemapOptions::new().may_move(true);
            // SAFETY: no slice of it lives.
            unsafe { map.remap(200_000, how) }.unwrap();
            assert!(map.iter().all(|&byte| byte == 0));
        });
    }
}
