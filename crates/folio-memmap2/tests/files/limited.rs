//! Many mappings where few descriptors may be open: the program keeps those that it needs.

use std::fs::File;

use memmap2::folio::guarantee_of;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::child::lines_of;
use crate::support::*;

#[test]
fn more_mappings_than_descriptors() {
    lines_of("limited::more_mappings_than_descriptors", "limit", &[], || {
        let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
        let paths: Vec<_> =
            (0..500).map(|number| patterned(folder.path(), &number.to_string(), 9000)).collect();
        setrlimit(Resource::Nofile, Rlimit { current: Some(128), maximum: Some(128) }).unwrap();
        let maps: Vec<_> = paths.iter().map(|path| map(path)).collect();
        let kept = maps.iter().filter(|map| guarantee_of(*map).is_some()).count();
        assert!((32..=64).contains(&kept), "{kept} are kept");
        let open: Vec<_> = paths[..50].iter().map(|path| File::open(path).unwrap()).collect();
        assert_eq!(open.len(), 50, "there is room for the program's own");
        assert!(maps.iter().all(|map| first_wrong(map, 0).is_none()));
        for (path, map) in paths.iter().zip(&maps).take(5) {
            std::fs::write(path, b"").unwrap();
            assert_eq!(first_wrong(map, 0), None);
        }
        drop((maps, open));
        assert!(guarantee_of(&map(&paths[499])).is_some(), "and then there is room again");
    });
}
