//! Writers against std's `Cursor` over as many bytes, and on a file that goes away.

use std::io::{Cursor, ErrorKind, Read, Seek, SeekFrom, Write};

use folio::{MapOptions, SharedMut};
use proptest::prelude::*;

use crate::scratch::{Scratch, numbered, page};

#[derive(Clone, Debug)]
enum Step {
    Write(usize, u8),
    All(usize, u8),
    Seek(SeekFrom),
}

fn steps(reach: i64) -> impl Strategy<Value = Vec<Step>> {
    let len = 0..20_000usize;
    let step = prop_oneof![
        (len.clone(), any::<u8>()).prop_map(|(len, byte)| Step::Write(len, byte)),
        (len, any::<u8>()).prop_map(|(len, byte)| Step::All(len, byte)),
        (0..reach.unsigned_abs()).prop_map(|at| Step::Seek(SeekFrom::Start(at))),
        (-reach..reach).prop_map(|by| Step::Seek(SeekFrom::End(by))),
        (-reach..reach).prop_map(|by| Step::Seek(SeekFrom::Current(by))),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, fork: false, ..ProptestConfig::default() })]

    #[test]
    fn a_writer_is_a_cursor(len in 0..100_000usize, offset in 0..5000usize, steps in steps(150_000)) {
        let file = Scratch::numbered(offset + len);
        let map = MapOptions::new().offset(offset as u64).open_shared_mut(file.path()).unwrap();
        let mut bytes = numbered(offset, len);
        let (mut ours, mut theirs) = (map.writer(), Cursor::new(&mut bytes[..]));
        for step in steps {
            match step {
                Step::Write(len, byte) => {
                    let bytes = vec![byte; len];
                    prop_assert_eq!(ours.write(&bytes).unwrap(), theirs.write(&bytes).unwrap());
                }
                Step::All(len, byte) => {
                    let bytes = vec![byte; len];
                    let (a, b) = (ours.write_all(&bytes), theirs.write_all(&bytes));
                    prop_assert_eq!(a.map_err(|e| e.kind()).err(), b.map_err(|e| e.kind()).err());
                }
                Step::Seek(to) => {
                    let (a, b) = (ours.seek(to), theirs.seek(to));
                    prop_assert_eq!(a.as_ref().ok(), b.as_ref().ok());
                    prop_assert_eq!(a.map_err(|e| e.kind()).err(), b.map_err(|e| e.kind()).err());
                }
            }
            prop_assert_eq!(ours.position(), theirs.position());
            prop_assert_eq!(ours.stream_position().unwrap(), theirs.position());
        }
        prop_assert_eq!(&file.bytes()[offset..], &bytes[..]);
        prop_assert_eq!(&file.bytes()[..offset], &numbered(0, offset)[..]);
    }
}

#[test]
fn a_write_past_a_truncation_says_how_much_was_written_and_then_why() {
    let file = Scratch::numbered(3 * page());
    let map = SharedMut::open(file.path()).unwrap();
    let mut writer = map.writer();
    file.set_len(page() as u64);
    assert_eq!(writer.write(&vec![7; 2 * page()]).unwrap(), page());
    let error = writer.write(&[7]).unwrap_err();
    let folio = error.get_ref().unwrap().downcast_ref::<folio::Error>().unwrap();
    let len = page() as u64;
    assert_eq!(folio.kind(), folio::ErrorKind::Truncated { offset: len, len });
    assert_eq!(writer.position(), len);
    assert_eq!(file.bytes(), vec![7; page()]);
}

#[test]
fn a_writer_of_a_slice_stays_in_it_and_keeps_the_mapping_alive() {
    let file = Scratch::new(b"hello world");
    let mut writer = SharedMut::open(file.path()).unwrap().slice(6..9).unwrap().writer();
    assert_eq!(writer.write_all(b"folio").unwrap_err().kind(), ErrorKind::WriteZero);
    writer.flush().unwrap();
    let mut text = String::new();
    SharedMut::open(file.path()).unwrap().reader().read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello folld");
    assert!(format!("{writer:?}").contains(file.path().to_str().unwrap()));
}
