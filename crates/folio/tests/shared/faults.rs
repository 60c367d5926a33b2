//! The bytes go away while they are used: the error names the cause, and counts what is good.

use std::io::{BufRead, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use folio::{ErrorKind, MapOptions, Shared, SharedMut};

use crate::child;
use crate::scratch::{Scratch, numbered, page};

#[test]
fn a_read_past_a_truncation_says_where_it_is_and_how_much_is_good() {
    let len = 5 * page();
    // In the middle of a page, at its edge, in the first page, to nothing.
    for cut in [3 * page() + 100, 3 * page(), 10, 0] {
        let file = Scratch::numbered(len);
        let map = Shared::open(file.path()).unwrap();
        file.set_len(cut as u64);
        let mut bytes = vec![0; len];
        let error = map.read_at(0, &mut bytes).unwrap_err();
        let at = cut as u64;
        assert_eq!(error.kind(), ErrorKind::Truncated { offset: at, len: at });
        assert_eq!(error.bytes_done(), cut);
        assert_eq!(bytes[..cut], numbered(0, cut));
        assert_eq!(error.path(), Some(file.path()));
        assert_eq!(error.range_in_file(), Some(0..len as u64));
        let text = error.to_string();
        assert!(text.contains(&format!("truncated to {cut} bytes")), "{text}");
        // What is still there is still read.
        map.read_at(0, &mut bytes[..cut]).unwrap();
        assert_eq!(map.file_len().unwrap(), at);
    }
}

#[test]
fn a_read_inside_the_last_page_sees_the_truncation_though_nothing_faults() {
    let file = Scratch::numbered(1000);
    let map = Shared::open(file.path()).unwrap();
    file.set_len(500);
    for (offset, len) in [(499, 2), (500, 1), (500, 8), (0, 1000), (999, 1)] {
        let error = map.read_at(offset, &mut vec![0; len]).unwrap_err();
        let gone = offset.max(500) as u64;
        assert_eq!(error.kind(), ErrorKind::Truncated { offset: gone, len: 500 }, "{offset}+{len}");
        assert_eq!(error.bytes_done(), 500_usize.saturating_sub(offset));
    }
    map.read_at(492, &mut [0; 8]).unwrap();
    // A load does not ask: documented.
    assert_eq!(map.load::<u64>(504).unwrap(), 0);
}

#[test]
fn a_mapped_tail_that_was_always_zero_is_read_without_complaint() {
    let file = Scratch::new(&vec![0; 3 * page() + 5]);
    let map = Shared::open(file.path()).unwrap();
    let mut bytes = vec![1; map.len()];
    map.read_at(0, &mut bytes).unwrap();
    assert!(bytes.iter().all(|&byte| byte == 0));
}

#[test]
fn loads_and_stores_of_every_size_past_a_truncation_are_errors() {
    let file = Scratch::numbered(4 * page());
    let map = SharedMut::open(file.path()).unwrap();
    let at = 2 * page();
    file.set_len(at as u64);
    let gone = ErrorKind::Truncated { offset: at as u64, len: at as u64 };
    assert_eq!(map.load::<u8>(at).unwrap_err().kind(), gone);
    assert_eq!(map.load::<u16>(at).unwrap_err().kind(), gone);
    assert_eq!(map.load::<u32>(at).unwrap_err().kind(), gone);
    assert_eq!(map.load::<u64>(at).unwrap_err().kind(), gone);
    assert_eq!(map.load::<[u8; 100]>(at).unwrap_err().kind(), gone);
    let unaligned = map.load::<u64>(at - 3).unwrap_err();
    assert_eq!((unaligned.kind(), unaligned.bytes_done()), (gone, 3));
    assert_eq!(map.store(at, &1u8).unwrap_err().kind(), gone);
    assert_eq!(map.store(at, &1u16).unwrap_err().kind(), gone);
    assert_eq!(map.store(at, &1u32).unwrap_err().kind(), gone);
    assert_eq!(map.store(at, &1u64).unwrap_err().kind(), gone);
    let across = map.store(at - 3, &[7u8; 10]).unwrap_err();
    assert_eq!((across.kind(), across.bytes_done()), (gone, 3));
    assert_eq!(file.bytes()[at - 3..], [7; 3]);
}

#[test]
fn writes_fills_and_copies_past_a_truncation_are_errors_that_count() {
    let len = 4 * page();
    let file = Scratch::numbered(len);
    let map = SharedMut::open(file.path()).unwrap();
    let cut = 2 * page() + 300;
    file.set_len(cut as u64);
    let gone = ErrorKind::Truncated { offset: cut as u64, len: cut as u64 };

    let error = map.write_at(0, &vec![1; len]).unwrap_err();
    assert_eq!((error.kind(), error.bytes_done()), (gone, cut));
    assert_eq!(file.bytes(), vec![1; cut]);

    let error = map.fill(10..len, 2).unwrap_err();
    assert_eq!((error.kind(), error.bytes_done()), (gone, cut - 10));
    assert_eq!(file.bytes()[10..], vec![2; cut - 10]);

    // Inside the last page nothing faults, and the store goes nowhere.
    let error = map.write_at(cut - 1, &[3, 3]).unwrap_err();
    assert_eq!((error.kind(), error.bytes_done()), (gone, 1));

    let error = map.copy_within(0..page(), cut - 100).unwrap_err();
    assert_eq!((error.kind(), error.bytes_done()), (gone, 100));
    let error = map.copy_within(cut - 100..len, 0).unwrap_err();
    assert_eq!((error.kind(), error.bytes_done()), (gone, 100));
    assert_eq!(file.bytes().len(), cut, "no store makes the file longer");

    let error = map.flush().unwrap_err();
    assert_eq!(error.kind(), gone);
    let error = map.allocate(0..len).unwrap_err();
    assert_eq!(error.kind(), gone);
    assert_eq!(file.bytes().len(), cut, "allocating does not make it longer either");
    map.flush_range(0..cut).unwrap();
}

#[test]
fn populate_past_a_truncation_at_open_cannot_happen_and_lock_and_populate_work() {
    let file = Scratch::numbered(3 * page());
    let map = MapOptions::new()
        .populate()
        .lock(folio::LockPages::OnFault)
        .open_shared(file.path())
        .unwrap();
    let mut bytes = vec![0; 3 * page()];
    map.read_at(0, &mut bytes).unwrap();
    assert_eq!(bytes, numbered(0, 3 * page()));
}

#[test]
fn chunks_lend_the_good_bytes_first_and_then_the_error() {
    let len = 40 * page();
    let file = Scratch::numbered(len);
    let map = Shared::open(file.path()).unwrap();
    let cut = 20 * page() + 7;
    file.set_len(cut as u64);
    let (mut seen, mut chunks) = (Vec::new(), map.chunks());
    let error = loop {
        match chunks.next_chunk() {
            Ok(Some(chunk)) => seen.extend_from_slice(chunk),
            Ok(None) => panic!("the end was reached of a file that is shorter"),
            Err(error) => break error,
        }
    };
    assert_eq!(seen, numbered(0, cut));
    assert_eq!(error.kind(), ErrorKind::Truncated { offset: cut as u64, len: cut as u64 });
    assert_eq!(chunks.position(), cut);
    assert!(chunks.next_chunk().is_err(), "it stays an error");
    file.set_len(len as u64);
    assert!(chunks.next_chunk().unwrap().is_some(), "until the bytes are there again");
}

#[test]
fn a_reader_returns_the_good_bytes_first_and_then_the_error() {
    let file = Scratch::numbered(40 * page());
    let map = Shared::open(file.path()).unwrap();
    let cut = 20 * page() + 7;
    file.set_len(cut as u64);
    let mut reader = map.reader();
    let mut seen = Vec::new();
    let error = reader.read_to_end(&mut seen).unwrap_err();
    assert_eq!(seen, numbered(0, cut));
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    let inner = error.get_ref().unwrap().downcast_ref::<folio::Error>().unwrap();
    assert_eq!(inner.kind(), ErrorKind::Truncated { offset: cut as u64, len: cut as u64 });
    assert!(reader.fill_buf().is_err());
}

/// The retry after a fault must end, and must never take a file that is whole again for one that failed.
#[test]
fn a_file_that_is_cut_and_regrown_all_the_time_gives_bytes_or_truncated() {
    let len = 8 * page();
    let file = Scratch::numbered(len);
    let map = SharedMut::open(file.path()).unwrap();
    let stop = AtomicBool::new(false);
    let (reads, cuts) = std::thread::scope(|scope| {
        let reader = |seed: usize| {
            let (map, stop) = (&map, &stop);
            move || {
                let (mut good, mut cut) = (0u64, 0u64);
                let mut bytes = vec![0; len];
                let mut at = seed;
                while !stop.load(Ordering::Relaxed) {
                    at = (at * 31 + 17) % len;
                    let result = match at % 3 {
                        0 => map.read_at(at, &mut bytes[at..]),
                        1 => map.load::<u64>(at & !7).map(|_| ()),
                        _ => map.write_at(at, &numbered(at, (len - at).min(64))),
                    };
                    match result {
                        Ok(()) => good += 1,
                        Err(error) => {
                            assert!(matches!(error.kind(), ErrorKind::Truncated { .. }), "{error}");
                            cut += 1;
                        }
                    }
                }
                (good, cut)
            }
        };
        let readers: Vec<_> = (1..4).map(|seed| scope.spawn(reader(seed))).collect();
        let cutter = file.read_write();
        for round in 0..20_000u64 {
            cutter.set_len(round * 37 % (len as u64)).unwrap();
            cutter.set_len(len as u64).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .fold((0, 0), |(a, b), (c, d)| (a + c, b + d))
    });
    assert!(reads > 0 && cuts > 0, "{reads} good, {cuts} truncated: both must have happened");
}

#[test]
fn a_fault_under_an_atomic_poisons_for_good_and_names_the_cause() {
    let len = 4 * page();
    let file = Scratch::numbered(len);
    let mut map = SharedMut::open(file.path()).unwrap();
    let word = map.atomic_u64(3 * page()).unwrap();
    assert_ne!(word.load(Ordering::Relaxed), 0);
    map.check().unwrap();
    file.set_len(page() as u64);
    assert_eq!(word.load(Ordering::Relaxed), 0, "a page of zeros");
    word.store(5, Ordering::Relaxed);

    let lost = 3 * page() as u64..len as u64;
    let expect = |error: folio::Error| {
        assert_eq!(error.kind(), ErrorKind::Poisoned);
        assert_eq!(error.range_in_file(), Some(lost.clone()));
        let text = error.to_string();
        assert!(text.contains(&format!("truncated to {} bytes", page())), "{text}");
    };
    expect(map.check().unwrap_err());
    file.set_len(len as u64);
    expect(map.check().unwrap_err());
    expect(map.read_at(0, &mut [0]).unwrap_err());
    expect(map.write_at(0, &[1]).unwrap_err());
    expect(map.load::<u8>(0).unwrap_err());
    expect(map.store(0, &1u8).unwrap_err());
    expect(map.fill(0..1, 1).unwrap_err());
    expect(map.copy_within(0..1, 5).unwrap_err());
    expect(map.atomic_u8(0).unwrap_err());
    expect(map.flush().unwrap_err());
    expect(map.flush_async(0..1).unwrap_err());
    expect(map.allocate(0..1).unwrap_err());
    expect(map.extend(len).unwrap_err());
    expect(map.chunks().next_chunk().unwrap_err());
    assert!(map.reader().fill_buf().is_err());
    expect(map.grow(len + 1).unwrap_err());
    expect(map.shrink(1).unwrap_err());
}

#[test]
fn a_failing_medium_is_an_io_error() {
    let Some(device) = testfs::CutDevice::new() else { return };
    let path = device.path().join("file");
    let len = 64 * page();
    std::fs::write(&path, numbered(0, len)).unwrap();
    std::fs::File::open(&path).unwrap().sync_all().unwrap();
    device.cut(&path, 32 * page() as u64).unwrap();
    let map = Shared::open(&path).unwrap();
    let mut bytes = vec![0; len];
    let error = map.read_at(0, &mut bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(error.raw_os_error(), Some(5));
    assert_eq!(bytes[..error.bytes_done()], numbered(0, error.bytes_done()));
    device.mend().unwrap();
    map.read_at(0, &mut bytes).unwrap();
    assert_eq!(bytes, numbered(0, len));
}

/// Zero pages with pages of the file between them are as many areas of the kernel's, which has a limit on them.
#[test]
fn atomics_survive_more_faults_than_the_process_may_have_areas() {
    if !child::is_here() {
        const NAME: &str = "faults::atomics_survive_more_faults_than_the_process_may_have_areas";
        return child::assert_passed(&child::command(NAME).output().unwrap());
    }
    let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    let len = (limit.trim().parse::<usize>().unwrap() + 1000) * page();
    let file = Scratch::new(b"");
    file.set_len(len as u64);
    let map = SharedMut::open(file.path()).unwrap();
    let bytes = map.atomics_u8(0..len).unwrap();
    file.set_len(0);
    for at in (0..len).step_by(2 * page()) {
        assert_eq!(bytes[at].swap(7, Ordering::Relaxed), 0);
    }
    assert_eq!(map.check().unwrap_err().kind(), ErrorKind::Poisoned);
}
