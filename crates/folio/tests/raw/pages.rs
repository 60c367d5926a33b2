use std::io::Error;

use folio::raw::{
    Advice, Categories, Mapping, Scan, Scanned, Sharing, Userfault, UserfaultFeatures,
    UserfaultScope,
};
use rustix::io::Errno;

use crate::scratch::{READ_WRITE, map, memory, page, sevens};

pub(crate) fn copied_pages_are_told_from_the_files() {
    let file = sevens(4 * page());
    let mapping = map(&file, 4 * page(), READ_WRITE, Sharing::Private);
    mapping.advise(0..3 * page(), Advice::PopulateRead).unwrap();
    mapping.store(page(), 1);
    let entries = mapping.pagemap(1..4 * page()).unwrap();
    let seen: Vec<_> = entries.iter().map(|page| (page.is_present(), page.is_file())).collect();
    // The kernel may have mapped the last page as well, with its neighbours.
    assert_eq!(seen[..3], [(true, true), (true, false), (true, true)]);
    assert!(entries[1].is_exclusive() && !entries[1].is_swapped() && !entries[1].is_guard());

    let copied = Scan {
        inverted: Categories::FILE,
        all_of: Categories::FILE,
        any_of: Categories::PRESENT | Categories::SWAPPED,
        report: Categories::PRESENT | Categories::FILE,
    };
    match scan(&mapping, copied) {
        Ok(found) => {
            let categories = Categories::PRESENT;
            assert_eq!(found, [Scanned { range: page()..2 * page(), categories }]);
        }
        Err(error) => testfs::skip("PAGEMAP_SCAN", error),
    }
}

/// All of `mapping`, or an error where the kernel has no such call.
fn scan(mapping: &Mapping, scan: Scan) -> Result<Vec<Scanned>, Error> {
    match mapping.scan(0..mapping.len(), scan) {
        Err(error) if error.raw_os_error() == Some(Errno::NOTTY.raw_os_error()) => Err(error),
        answer => Ok(answer.unwrap()),
    }
}

pub(crate) fn stores_are_noted_by_a_userfaultfd() {
    let wanted =
        UserfaultFeatures::WRITE_PROTECT_ASYNC | UserfaultFeatures::WRITE_PROTECT_UNPOPULATED;
    let userfault = match Userfault::new(UserfaultScope::User, wanted) {
        Ok(userfault) => userfault,
        Err(error) => return testfs::skip("userfaultfd", error),
    };
    assert!(userfault.features().contains(wanted));
    let memory = memory(8 * page());
    memory.store_range(0..8 * page(), 1);
    userfault.note_stores(&memory, 0..8 * page()).unwrap();
    memory.store(2 * page(), 2);
    memory.store(3 * page() + 5, 2);
    let written =
        Scan { all_of: Categories::WRITTEN, report: Categories::WRITTEN, ..Scan::default() };
    let found = scan(&memory, written).unwrap();
    let categories = Categories::WRITTEN;
    assert_eq!(found, [Scanned { range: 2 * page()..4 * page(), categories }]);
    assert!(userfault.note_stores(&memory, 0..8 * page() + 1).is_err());
}

pub(crate) fn residency_is_told_for_each_page() {
    let mapping = memory(3 * page());
    mapping.advise(0..3 * page(), Advice::NoHugePage).unwrap();
    mapping.store(page(), 1);
    assert_eq!(mapping.resident(0..3 * page()).unwrap(), [false, true, false]);
    assert_eq!(mapping.resident(page()..page() + 1).unwrap(), [true]);
}
