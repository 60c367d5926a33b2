use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::panic::catch_unwind;

use folio::raw::{Advice, Growth, MapFlags, Mapping, Msync, Protection, Sharing};
use rustix::io::Errno;

use crate::scratch::{READ_WRITE, map, memory, page, sevens};

#[track_caller]
fn errno(answer: std::io::Result<()>) -> Option<Errno> {
    answer.unwrap_err().raw_os_error().map(Errno::from_raw_os_error)
}

pub(crate) fn shows_the_file_and_zeros_up_to_the_end_of_the_page() {
    let file = sevens(10);
    let mapping = map(&file, 10, READ_WRITE, Sharing::Shared);
    assert_eq!(mapping.len(), page());
    assert_eq!(mapping.load_range(8..12), [7, 7, 0, 0]);
    mapping.store(9, 1);
    mapping.store_range(0..2, 5);
    mapping.sync(0..page(), Msync::Sync).unwrap();
    let mut bytes = [0; 10];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(bytes, [5, 5, 7, 7, 7, 7, 7, 7, 7, 1]);
}

pub(crate) fn hands_unaligned_positions_to_the_kernel() {
    let file = sevens(2 * page());
    let mapping = map(&file, 2 * page(), READ_WRITE, Sharing::Shared);
    assert_eq!(errno(mapping.protect(1..page(), Protection::READ)), Some(Errno::INVAL));
    assert_eq!(errno(mapping.sync(1..page(), Msync::Sync)), Some(Errno::INVAL));
    assert_eq!(errno(mapping.advise(1..page(), Advice::DontNeed)), Some(Errno::INVAL));
    mapping.protect(0..1, Protection::READ).unwrap();
    let offset = Mapping::file(&file, 1, 1, Protection::READ, Sharing::Shared, MapFlags::empty());
    assert_eq!(errno(offset.map(drop)), Some(Errno::INVAL));
    let empty = Mapping::file(&file, 0, 0, Protection::READ, Sharing::Shared, MapFlags::empty());
    assert_eq!(errno(empty.map(drop)), Some(Errno::INVAL));
}

/// The kernel looks at the flag in shared mappings alone.
pub(crate) fn synchronous_it_is_only_on_persistent_memory() {
    let memfd = rustix::fs::memfd_create("synchronous", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    rustix::fs::ftruncate(&memfd, page() as u64).unwrap();
    let with = |sharing| Mapping::file(&memfd, 0, page(), READ_WRITE, sharing, MapFlags::SYNC);
    assert_eq!(errno(with(Sharing::Shared).map(drop)), Some(Errno::OPNOTSUPP));
    assert_eq!(with(Sharing::Private).unwrap().load(0), 0);
}

pub(crate) fn refuses_what_lies_outside() {
    let mapping = memory(page());
    let len = mapping.len();
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    for range in [0..len + 1, len + 1..len + 1, 2..1, 0..usize::MAX, usize::MAX - 1..usize::MAX] {
        let r = || range.clone();
        let outside = [
            mapping.sync(r(), Msync::Sync),
            mapping.advise(r(), Advice::DontNeed),
            mapping.protect(r(), READ_WRITE),
            mapping.lock(r(), folio::LockPages::Now),
            mapping.unlock(r()),
            mapping.resident(r()).map(drop),
            mapping.pagemap(r()).map(drop),
            mapping.scan(r(), folio::raw::Scan::default()).map(drop),
            memory(page()).unmap(r()).map(drop).map_err(Into::into),
        ];
        for (call, answer) in outside.into_iter().enumerate() {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{call}: {range:?}");
            assert_eq!(error.raw_os_error(), None, "{call}: {range:?}");
        }
        assert!(catch_unwind(|| mapping.load_range(r())).is_err(), "{range:?}");
        assert!(catch_unwind(|| mapping.store_range(r(), 1)).is_err(), "{range:?}");
    }
    for position in [len, len + 1, usize::MAX] {
        assert!(catch_unwind(|| mapping.load(position)).is_err(), "{position}");
        assert!(catch_unwind(|| mapping.store(position, 1)).is_err(), "{position}");
    }
    std::panic::set_hook(loud);
    let huge = Mapping::anonymous(usize::MAX, READ_WRITE, Sharing::Private, MapFlags::empty());
    assert_eq!(errno(huge.map(drop)), Some(Errno::NOMEM));
}

pub(crate) fn is_divided_by_unmapping_its_middle() {
    let mapping = memory(3 * page());
    mapping.store_range(0..3 * page(), 1);
    let (start, end) = (mapping.address(), mapping.address() + 2 * page());
    // The kernel takes the page that the range ends in.
    let (before, behind) = mapping.unmap(page()..page() + 1).unwrap();
    let (before, behind) = (before.unwrap(), behind.unwrap());
    assert_eq!((before.address(), before.len()), (start, page()));
    assert_eq!((behind.address(), behind.len()), (end, page()));
    drop(before);
    assert_eq!(behind.load_range(0..page()), vec![1; page()]);
    let (before, behind) = behind.unmap(0..page()).unwrap();
    assert!(before.is_none() && behind.is_none());
}

pub(crate) fn is_given_back_when_it_cannot_be_unmapped() {
    let mapping = memory(2 * page());
    let not = mapping.unmap(1..page()).unwrap_err();
    assert_eq!(not.error.raw_os_error(), Some(Errno::INVAL.raw_os_error()));
    let mut mapping = not.mapping;
    mapping.store(0, 3);
    match mapping.seal() {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(Errno::NOSYS.raw_os_error()) => {
            return testfs::skip("mseal", error);
        }
        Err(error) => panic!("{error}"),
    }
    let perm = Some(Errno::PERM);
    assert_eq!(errno(mapping.protect(0..page(), Protection::READ)), perm);
    assert_eq!(errno(mapping.remap(3 * page(), Growth::MayMove)), perm);
    let not = mapping.unmap(0..page()).unwrap_err();
    assert_eq!(not.error.raw_os_error(), Some(Errno::PERM.raw_os_error()));
    assert_eq!(not.mapping.load(0), 3);
}

pub(crate) fn grows_and_shrinks_with_its_content() {
    let file = sevens(4 * page());
    let mut mapping = map(&file, page(), READ_WRITE, Sharing::Private);
    mapping.store(0, 1);
    mapping.remap(4 * page(), Growth::MayMove).unwrap();
    assert_eq!((mapping.len(), mapping.load(0), mapping.load(4 * page() - 1)), (4 * page(), 1, 7));
    mapping.remap(1, Growth::InPlace).unwrap();
    assert_eq!((mapping.len(), mapping.load(0)), (page(), 1));
    assert_eq!(errno(mapping.remap(0, Growth::MayMove)), Some(Errno::INVAL));
    assert_eq!(mapping.load(1), 7);
}

pub(crate) fn of_a_device_is_refused() {
    let zero = File::options().read(true).write(true).open("/dev/zero").unwrap();
    let answer =
        Mapping::file(&zero, 0, 1, READ_WRITE, Sharing::Private, MapFlags::empty()).map(drop);
    let error = answer.unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::InvalidInput, None));
    let directory = File::open("/").unwrap();
    let answer =
        Mapping::file(&directory, 0, 1, Protection::READ, Sharing::Shared, MapFlags::empty());
    assert_eq!(errno(answer.map(drop)), Some(Errno::NODEV));
}

pub(crate) fn private_stores_are_forgotten_by_dontneed() {
    let file = sevens(page());
    let mapping = map(&file, page(), READ_WRITE, Sharing::Private);
    mapping.store(3, 1);
    mapping.advise(0..page(), Advice::DontNeed).unwrap();
    assert_eq!(mapping.load(3), 7);
}

pub(crate) fn remove_makes_a_hole_in_the_file() {
    let memfd = rustix::fs::memfd_create("raw", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let file = File::from(memfd);
    file.write_all_at(&vec![7; 2 * page()], 0).unwrap();
    let mapping = map(&file, 2 * page(), READ_WRITE, Sharing::Shared);
    mapping.advise(0..page(), Advice::Remove).unwrap();
    assert_eq!((mapping.load(0), mapping.load(page())), (0, 7));
}

/// Whatever the pool holds, bounds are those of whole huge pages.
pub(crate) fn of_huge_pages_needs_the_pool() {
    let flags = MapFlags::HUGETLB | MapFlags::NORESERVE;
    match Mapping::anonymous(1, READ_WRITE, Sharing::Private, flags) {
        Ok(mapping) => {
            assert!(mapping.len() > page() && mapping.len().is_multiple_of(page()));
            let len = mapping.len();
            let (before, behind) = mapping.unmap(0..len).unwrap();
            assert!(before.is_none() && behind.is_none());
        }
        Err(error) => assert!(error.raw_os_error().is_some(), "{error}"),
    }
}
