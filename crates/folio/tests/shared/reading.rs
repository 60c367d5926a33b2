//! Readers and chunks against std's `Cursor` over the same bytes, and what mappings show.

use std::io::{BufRead, Cursor, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use folio::{Frozen, HugePages, LockPages, MapOptions, Private, Shared, SharedMut};
use proptest::prelude::*;

use crate::scratch::{Scratch, numbered, page};

#[test]
fn any_byte_range_shows_the_files_bytes() {
    let len = 3 * page() + 77;
    let file = Scratch::numbered(len);
    let edges = [0, 1, 904, page() - 1, page(), page() + 1, 2 * page(), len - 1, len];
    for start in edges {
        for end in edges.into_iter().filter(|&end| end >= start) {
            let map = MapOptions::new()
                .offset(start as u64)
                .len((end - start) as u64)
                .open_shared(file.path())
                .unwrap();
            let mut bytes = vec![0; end - start];
            map.read_at(0, &mut bytes).unwrap();
            assert_eq!(bytes, numbered(start, end - start), "{start}..{end}");
            assert_eq!(map.file_offset(), start as u64);
        }
    }
}

#[test]
fn loads_of_all_sizes_and_places() {
    let file = Scratch::numbered(2 * page());
    let map = Shared::open(file.path()).unwrap();
    let bytes = file.bytes();
    for at in (0..40).chain(page() - 40..page() + 40) {
        assert_eq!(map.load::<u8>(at).unwrap(), bytes[at]);
        assert_eq!(map.load::<u16>(at).unwrap().to_ne_bytes(), bytes[at..at + 2]);
        assert_eq!(map.load::<u32>(at).unwrap().to_ne_bytes(), bytes[at..at + 4]);
        assert_eq!(map.load::<u64>(at).unwrap().to_ne_bytes(), bytes[at..at + 8]);
        assert_eq!(map.load::<u128>(at).unwrap().to_ne_bytes(), bytes[at..at + 16]);
        assert_eq!(map.load::<[u8; 3]>(at).unwrap(), bytes[at..at + 3]);
        assert_eq!(map.load::<[u8; 0]>(at).unwrap().len(), 0);
    }
}

#[test]
fn open_options_change_what_happens_not_what_is_read() {
    let file = Scratch::numbered(300 * page());
    for options in [
        MapOptions::new().populate(),
        MapOptions::new().lock(LockPages::OnFault),
        MapOptions::new().lock(LockPages::Now).len(page() as u64),
        MapOptions::new().populate().lock(LockPages::OnFault).offset(5),
    ] {
        let map = options.open_shared(file.path()).unwrap();
        let mut bytes = vec![0; map.len()];
        map.read_at(0, &mut bytes).unwrap();
        let offset = usize::try_from(map.file_offset()).unwrap();
        assert_eq!(bytes, numbered(offset, map.len()));
    }
    let memory = SharedMut::anonymous(4 << 20).unwrap();
    memory.fill(0..4 << 20, 1).unwrap();
    let memfd = folio::Memfd::create("huge").unwrap();
    memfd.set_len(4 << 20).unwrap();
    let map = memfd.shared_mut_with(&MapOptions::new().huge_pages(HugePages::Advise)).unwrap();
    map.fill(0..4 << 20, 7).unwrap();
    assert_eq!(map.load::<u64>((4 << 20) - 8).unwrap(), u64::from_ne_bytes([7; 8]));
}

#[test]
fn slices_and_clones_keep_the_mapping_alive_in_other_threads() {
    let file = Scratch::numbered(1000);
    let map = Shared::open(file.path()).unwrap();
    let slice = Arc::new(map.slice(100..600).unwrap().slice(50..100).unwrap());
    drop(map);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let slice = Arc::clone(&slice);
            std::thread::spawn(move || slice.load::<[u8; 50]>(0).unwrap())
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap()[..], numbered(150, 50));
    }
}

#[test]
fn debug_shows_where_and_no_content() {
    let file = Scratch::new(b"secret secret secret");
    let shared = Shared::open(file.path()).unwrap();
    let shared_mut = SharedMut::open(file.path()).unwrap();
    let mut chunks = shared.chunks();
    chunks.next_chunk().unwrap();
    let mut reader = shared.reader();
    reader.fill_buf().unwrap();
    let texts = [
        format!("{shared:?}"),
        format!("{shared_mut:?}"),
        format!("{chunks:?}"),
        format!("{reader:?}"),
    ];
    let name = file.path().to_str().unwrap();
    for text in texts {
        assert!(text.contains(name) && !text.contains("secret") && !text.contains("115"), "{text}");
    }
}

#[test]
fn anything_with_a_descriptor_is_mapped() {
    let file = Scratch::numbered(5000);
    let opened = std::fs::File::options().read(true).write(true).open(file.path()).unwrap();
    let owned: OwnedFd = opened.try_clone().unwrap().into();
    assert_eq!(Shared::from_file(&owned).unwrap().load::<u8>(4999).unwrap(), numbered(4999, 1)[0]);
    assert_eq!(Frozen::from_file(&owned.as_fd()).unwrap()[..], numbered(0, 5000)[..]);
    assert_eq!(Private::from_file(&Arc::new(opened)).unwrap()[..], numbered(0, 5000)[..]);
    // A mapping has a descriptor too, that of its file.
    let map = SharedMut::from_file(&owned).unwrap();
    assert_eq!(SharedMut::from_file(&map).unwrap().len(), 5000);
    let memory = folio::Memfd::create("memory").unwrap();
    memory.set_len(10).unwrap();
    assert_eq!(Shared::from_file(&memory).unwrap().len(), 10);
}

#[derive(Clone, Debug)]
enum Step {
    Read(usize),
    Exact(usize),
    Fill(usize),
    Until(u8),
    Start(u64),
    End(i64),
    Current(i64),
    Rest,
}

fn steps(len: i64) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..100_000usize).prop_map(Step::Read),
        (0..300usize).prop_map(Step::Exact),
        (0..70_000usize).prop_map(Step::Fill),
        any::<u8>().prop_map(Step::Until),
        (0..len.cast_unsigned() + 100).prop_map(Step::Start),
        (-len - 100..100).prop_map(Step::End),
        (-len..len).prop_map(Step::Current),
        Just(Step::Rest),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, fork: false, ..ProptestConfig::default() })]

    #[test]
    fn a_reader_is_a_cursor(
        len in 0..200_000usize,
        offset in 0..5000usize,
        steps in steps(200_000),
    ) {
        let file = Scratch::numbered(offset + len);
        let map = MapOptions::new().offset(offset as u64).open_shared(file.path()).unwrap();
        let mut ours = map.reader();
        let mut theirs = Cursor::new(numbered(offset, len));
        for step in steps {
            match step {
                Step::Read(size) => {
                    // Both may read less than asked for; a cursor never does.
                    let (mut a, mut b) = (vec![0; size], vec![0; size]);
                    let read = ours.read(&mut a).unwrap();
                    prop_assert!(read > 0 || theirs.fill_buf().unwrap().is_empty() || size == 0);
                    theirs.read_exact(&mut b[..read]).unwrap();
                    prop_assert_eq!(&a[..read], &b[..read]);
                }
                Step::Exact(size) => {
                    let (mut a, mut b) = (vec![0; size], vec![0; size]);
                    let at = theirs.position();
                    let (x, y) = (ours.read_exact(&mut a), theirs.read_exact(&mut b));
                    prop_assert_eq!(x.is_ok(), y.is_ok());
                    if y.is_ok() {
                        prop_assert_eq!(a, b);
                    } else {
                        // Where a failed read_exact leaves the position is not said.
                        ours.seek(SeekFrom::Start(at)).unwrap();
                        theirs.set_position(at);
                    }
                }
                Step::Fill(size) => {
                    let ready = ours.fill_buf().unwrap().to_vec();
                    let amount = size.min(ready.len());
                    prop_assert_eq!(&ready[..], &theirs.fill_buf().unwrap()[..ready.len()]);
                    ours.consume(amount);
                    theirs.consume(amount);
                }
                Step::Until(byte) => {
                    let (mut a, mut b) = (Vec::new(), Vec::new());
                    ours.read_until(byte, &mut a).unwrap();
                    theirs.read_until(byte, &mut b).unwrap();
                    prop_assert_eq!(a, b);
                }
                Step::Rest => {
                    let (mut a, mut b) = (vec![1], vec![1]);
                    prop_assert_eq!(
                        ours.read_to_end(&mut a).unwrap(),
                        theirs.read_to_end(&mut b).unwrap()
                    );
                    prop_assert_eq!(a, b);
                }
                Step::Start(at) => {
                    let to = SeekFrom::Start(at);
                    prop_assert_eq!(ours.seek(to).unwrap(), theirs.seek(to).unwrap());
                }
                Step::End(by) | Step::Current(by) => {
                    let to = match step {
                        Step::End(_) => SeekFrom::End(by),
                        _ => SeekFrom::Current(by),
                    };
                    let (a, b) = (ours.seek(to), theirs.seek(to));
                    prop_assert_eq!(a.as_ref().ok(), b.as_ref().ok());
                    prop_assert_eq!(a.map_err(|e| e.kind()).err(), b.map_err(|e| e.kind()).err());
                }
            }
            prop_assert_eq!(ours.position(), theirs.position());
            prop_assert_eq!(ours.stream_position().unwrap(), theirs.position());
        }
    }

    #[test]
    fn chunks_are_all_the_bytes_in_order(
        len in 0..300_000usize,
        offset in 0..5000usize,
        size in prop_oneof![Just(0usize), 1..10_000usize, Just(65_536)],
    ) {
        let file = Scratch::numbered(offset + len);
        let map = MapOptions::new().offset(offset as u64).open_shared(file.path()).unwrap();
        let mut chunks = map.chunks().chunk_size(size.max(64));
        let mut seen = Vec::new();
        while let Some(chunk) = chunks.next_chunk().unwrap() {
            prop_assert!(!chunk.is_empty() && chunk.len() <= size.max(64));
            seen.extend_from_slice(chunk);
            let end = offset + seen.len();
            if size >= page() && seen.len() < len {
                prop_assert_eq!(end % page(), if size % page() == 0 { 0 } else { end % page() });
            }
        }
        prop_assert_eq!(seen, numbered(offset, len));
        prop_assert_eq!(chunks.position(), len);
    }
}
