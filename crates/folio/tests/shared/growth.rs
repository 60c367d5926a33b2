//! Growing and shrinking, alone and while others do the same.

use std::sync::atomic::{AtomicBool, Ordering};

use folio::{Advice, ErrorKind, LockPages, MapOptions, SharedMut};

use crate::child;
use crate::scratch::{Scratch, numbered, page};

#[test]
fn growing_from_nothing_and_back() {
    let file = Scratch::new(b"");
    let mut map = SharedMut::open(file.path()).unwrap();
    for len in [1, 100, page(), page() + 1, 10 * page() + 7] {
        map.grow(len).unwrap();
        assert_eq!((map.len(), file.bytes().len()), (len, len));
        map.write_at(len - 1, &[7]).unwrap();
    }
    for len in [9 * page(), page() + 1, 3, 0] {
        map.shrink(len).unwrap();
        assert_eq!((map.len(), file.bytes().len()), (len, len));
        assert_eq!(map.read_at(len, &mut [0]).unwrap_err().kind(), ErrorKind::OutOfRange);
    }
    map.grow(5).unwrap();
    assert_eq!(map.load::<[u8; 5]>(0).unwrap(), [0; 5], "what was cut off is not seen again");
}

#[test]
fn a_mapping_of_a_part_grows_at_its_own_end() {
    let file = Scratch::numbered(2 * page());
    let mut map = MapOptions::new().offset(5000).len(100).open_shared_mut(file.path()).unwrap();
    // Within the file it grows over bytes that are there.
    map.grow(3000).unwrap();
    assert_eq!(file.bytes(), numbered(0, 2 * page()));
    assert_eq!(map.load::<[u8; 3]>(2000).unwrap()[..], numbered(7000, 3));
    map.grow(2 * page()).unwrap();
    assert_eq!(map.file_len().unwrap(), 5000 + 2 * page() as u64);
    // It may not cut off what it does not show.
    let part = MapOptions::new().offset(10).len(100).open_shared_mut(file.path()).unwrap();
    let mut part = part;
    let error = part.shrink(50).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(map.file_len().unwrap(), 5000 + 2 * page() as u64);
}

#[test]
fn growth_never_makes_a_file_shorter_that_another_process_made_longer() {
    let file = Scratch::numbered(100);
    let mut map = SharedMut::open(file.path()).unwrap();
    file.set_len(50_000);
    map.grow(10_000).unwrap();
    assert_eq!((map.len(), map.file_len().unwrap()), (10_000, 50_000));
    assert_eq!(map.shrink(10).unwrap_err().kind(), ErrorKind::InvalidInput);
    map.grow(50_000).unwrap();
    map.shrink(10).unwrap();
    assert_eq!(file.bytes(), numbered(0, 10));
}

/// The race itself: two mappings grow the same file, and none undoes the other's growth.
#[test]
fn two_growers_at_once_reach_the_larger_length() {
    let file = Scratch::new(b"");
    for _ in 0..300 {
        file.set_len(0);
        std::thread::scope(|scope| {
            for pages in [1, 2, 3, 4] {
                let file = &file;
                scope.spawn(move || {
                    let mut map = SharedMut::open(file.path()).unwrap();
                    let len = pages * page();
                    map.grow(map.len().max(len)).unwrap();
                    assert!(map.file_len().unwrap() >= len as u64);
                });
            }
        });
        assert_eq!(file.bytes().len(), 4 * page());
    }
}

#[test]
fn a_file_cut_by_another_process_is_not_shrunk_into_growth() {
    let file = Scratch::numbered(1000);
    let mut map = SharedMut::open(file.path()).unwrap();
    file.set_len(100);
    let error = map.shrink(500).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated { offset: 100, len: 100 });
    assert_eq!(file.bytes().len(), 100);
    map.shrink(100).unwrap();
    map.shrink(100).unwrap();
    assert_eq!(map.shrink(101).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn nothing_moves_under_slices_and_readers() {
    let file = Scratch::numbered(100);
    let mut map = SharedMut::open(file.path()).unwrap();
    let mut slice = map.slice(10..20).unwrap();
    assert_eq!(map.grow(10 * page()).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(map.shrink(50).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(slice.grow(11).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(slice.shrink(9).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(slice.extend(11).unwrap_err().kind(), ErrorKind::InvalidInput);
    drop(slice);
    let reader = map.reader();
    assert_eq!(map.shrink(50).unwrap_err().kind(), ErrorKind::Busy);
    drop(reader);
    map.grow(10 * page()).unwrap();
    map.shrink(50).unwrap();
    assert_eq!(file.bytes(), numbered(0, 50));
}

/// Advice and locks on a part make several areas of one mapping, which mremap(2) may refuse to move.
#[test]
fn a_mapping_in_pieces_grows_too() {
    let file = Scratch::numbered(10 * page());
    let options = MapOptions::new().advice(Advice::Random).lock(LockPages::OnFault);
    let mut map = options.open_shared_mut(file.path()).unwrap();
    map.pages().advise(0..page(), Advice::Sequential).unwrap();
    map.pages().unlock(3 * page()..4 * page()).unwrap();
    let word = map.atomic_u64(0).unwrap();
    word.store(1, Ordering::Relaxed);
    // Something right behind the mapping, so that it cannot grow in place.
    let others: Vec<_> = (0..20).map(|_| SharedMut::anonymous(page()).unwrap()).collect();
    map.grow(1000 * page()).unwrap();
    drop(others);
    assert_eq!(map.load::<u64>(0).unwrap(), 1);
    assert_eq!(map.load::<u8>(9 * page()).unwrap(), numbered(9 * page(), 1)[0]);
    map.write_at(999 * page(), &[1]).unwrap();
    // The handler watches the new addresses.
    let word = map.atomic_u64(999 * page()).unwrap();
    file.set_len(page() as u64);
    word.fetch_add(1, Ordering::Relaxed);
    assert_eq!(map.check().unwrap_err().kind(), ErrorKind::Poisoned);
}

#[test]
fn growth_within_a_reservation_moves_nothing_while_others_read() {
    let file = Scratch::new(&1u64.to_ne_bytes());
    let map = MapOptions::new().reserve(4 << 20).open_shared_mut(file.path()).unwrap();
    let address = map.as_ptr();
    let first = map.atomic_u64(0).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let len = map.len();
                    // Whatever length was seen can be read to its end.
                    let mut bytes = vec![0; len.min(1000)];
                    map.read_at(len - bytes.len(), &mut bytes).unwrap();
                    assert_eq!(first.load(Ordering::Relaxed), 1);
                }
            });
        }
        for step in 1..=500 {
            map.extend(8 + step * 8000).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!((map.len(), map.as_ptr()), (8 + 500 * 8000, address));
    map.extend(10).unwrap();
    assert_eq!(map.len(), 8 + 500 * 8000, "extending makes nothing shorter");
    assert_eq!(map.extend((4 << 20) + page()).unwrap_err().kind(), ErrorKind::OutOfRange);
    // The grown part is watched as well.
    let last = map.atomic_u64(4_000_000).unwrap();
    last.store(2, Ordering::Relaxed);
    file.set_len(8);
    assert_eq!(last.load(Ordering::Relaxed), 0);
    assert_eq!(map.check().unwrap_err().kind(), ErrorKind::Poisoned);
}

#[test]
fn shrinking_within_a_reservation_hides_the_tail_and_can_grow_again() {
    let file = Scratch::numbered(5 * page());
    let mut map = MapOptions::new().reserve(1 << 20).open_shared_mut(file.path()).unwrap();
    let address = map.as_ptr();
    map.shrink(10).unwrap();
    assert_eq!(map.read_at(10, &mut [0]).unwrap_err().kind(), ErrorKind::OutOfRange);
    map.grow(5 * page()).unwrap();
    assert_eq!(map.as_ptr(), address);
    let mut bytes = vec![1; 5 * page()];
    map.read_at(0, &mut bytes).unwrap();
    assert_eq!((&bytes[..10], &bytes[10..]), (&numbered(0, 10)[..], &vec![0; 5 * page() - 10][..]));
    map.grow(2 << 20).unwrap();
    map.write_at((2 << 20) - 1, &[1]).unwrap();
}

#[test]
fn a_reservation_that_overflows_is_an_error() {
    let file = Scratch::numbered(100);
    for reserve in [u64::MAX, i64::MAX as u64, 1 << 62] {
        let error = MapOptions::new().reserve(reserve).open_shared_mut(file.path()).unwrap_err();
        let kind = error.kind();
        assert!(matches!(kind, ErrorKind::TooLarge | ErrorKind::NoMemory), "{reserve}: {error}");
    }
}

#[test]
fn growth_over_the_file_size_limit_is_an_error_not_a_signal() {
    if child::is_here() {
        return with_small_files();
    }
    let mut command =
        child::command("growth::growth_over_the_file_size_limit_is_an_error_not_a_signal");
    child::assert_passed(&command.output().unwrap());
}

fn with_small_files() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let file = Scratch::numbered(100);
    let mut map = SharedMut::open(file.path()).unwrap();
    let limit = Some(1 << 20);
    setrlimit(Resource::Fsize, Rlimit { current: limit, maximum: limit }).unwrap();
    let error = map.grow(2 << 20).unwrap_err();
    assert!(error.to_string().contains("RLIMIT_FSIZE"), "{error}");
    assert_eq!(map.len(), 100);
    map.grow(1 << 20).unwrap();
    let memory = folio::Memfd::create("large").unwrap();
    assert!(memory.set_len(2 << 20).unwrap_err().to_string().contains("RLIMIT_FSIZE"));
}

#[test]
fn allocated_bytes_keep_what_is_in_them() {
    let file = Scratch::numbered(100);
    let mut map = SharedMut::open(file.path()).unwrap();
    map.grow(1 << 20).unwrap();
    let blocks =
        || std::os::unix::fs::MetadataExt::blocks(&std::fs::metadata(file.path()).unwrap());
    let before = blocks();
    map.allocate(0..1 << 20).unwrap();
    assert!(blocks() >= before && blocks() * 512 >= 1 << 20);
    assert_eq!(file.bytes()[..100], numbered(0, 100));
    assert_eq!(file.bytes().len(), 1 << 20);
}

#[test]
fn flushed_ranges_are_checked_and_written() {
    let file = Scratch::numbered(10 * page());
    let map = SharedMut::open(file.path()).unwrap();
    map.fill(100..9 * page(), 5).unwrap();
    map.flush_async(0..map.len()).unwrap();
    map.flush_range(100..200).unwrap();
    map.flush_range(7..7).unwrap();
    map.flush_async(7..7).unwrap();
    map.flush().unwrap();
    assert_eq!(file.bytes()[100..9 * page()], vec![5; 9 * page() - 100]);
}
