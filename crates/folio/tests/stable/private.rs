//! `Private` against the naive oracle: a vector and a copy of the original.

use folio::{ErrorKind, Guarantee, MapOptions, Private};
use proptest::prelude::*;
use testfs::Kind;

use crate::support::only;

#[derive(Clone, Debug)]
enum Step {
    Store { at: usize, bytes: Vec<u8> },
    Revert { start: usize, len: usize },
    Truncate,
}

const LEN: usize = 40_000;

fn step() -> impl Strategy<Value = Step> {
    let at = prop_oneof![0..LEN, Just(0usize), Just(4096), Just(LEN - 1)];
    prop_oneof![
        6 => (at.clone(), prop::collection::vec(any::<u8>(), 1..300)).prop_map(|(at, bytes)| Step::Store { at, bytes }),
        3 => (at, 0..20_000usize).prop_map(|(start, len)| Step::Revert { start, len }),
        1 => Just(Step::Truncate),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever is stored and reverted, and whatever becomes of the file, `changed` is what differs from the original.
    #[test]
    fn changed_and_revert_agree_with_the_oracle(
        steps in prop::collection::vec(step(), 1..20),
        offset in 0..9000usize,
        guarantee in prop::sample::select(vec![Guarantee::Lease, Guarantee::Snapshot, Guarantee::Copied]),
    ) {
        let fs = testfs::FileSystem::new(Kind::Here).unwrap();
        let path = fs.path().join("file");
        let content: Vec<u8> = (0..251u8).cycle().take(LEN + offset).collect();
        std::fs::write(&path, &content).unwrap();
        let original = &content[offset..];
        let mut expected = original.to_vec();
        let mut draft = only(guarantee).range(offset as u64..).open_private(&path).unwrap();
        for step in steps {
            match step {
                Step::Store { at, bytes } => {
                    let end = (at + bytes.len()).min(LEN);
                    draft[at..end].copy_from_slice(&bytes[..end - at]);
                    expected[at..end].copy_from_slice(&bytes[..end - at]);
                }
                Step::Revert { start, len } => {
                    let end = (start + len).min(LEN);
                    draft.revert(start..end).unwrap();
                    expected[start..end].copy_from_slice(&original[start..end]);
                }
                Step::Truncate => std::fs::write(&path, b"").unwrap(),
            }
            prop_assert!(draft[..] == expected[..]);
            let differing: Vec<usize> = (0..LEN).filter(|&at| expected[at] != original[at]).collect();
            let changed: Vec<usize> = draft.changed().unwrap().into_iter().flatten().collect();
            prop_assert_eq!(changed, differing);
        }
    }
}

#[test]
fn anonymous_memory_is_zeros_that_can_be_changed_and_reverted() {
    let mut scratch = Private::anonymous(100_000).unwrap();
    assert!(scratch.iter().all(|&byte| byte == 0));
    assert_eq!(scratch.guarantee(), Guarantee::Copied);
    scratch[50_000..50_010].fill(9);
    assert_eq!(scratch.changed().unwrap(), [50_000..50_010]);
    scratch.revert(50_005..).unwrap();
    assert_eq!(scratch.changed().unwrap(), [50_000..50_005]);
    assert_eq!(scratch.commit().unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(Private::anonymous(0).unwrap().is_empty());
    assert_eq!(Private::anonymous(usize::MAX).unwrap_err().kind(), ErrorKind::TooLarge);
    assert_eq!(Private::anonymous(1 << 62).unwrap_err().kind(), ErrorKind::NoMemory);
}

#[test]
fn bad_ranges_are_refused() {
    let mut scratch = Private::anonymous(100).unwrap();
    #[expect(clippy::reversed_empty_ranges, reason = "a bad range on purpose")]
    let reversed = 5..3;
    for range in [reversed, 0..101, 101..102, 0..usize::MAX, usize::MAX..usize::MAX] {
        assert_eq!(
            scratch.revert(range.clone()).unwrap_err().kind(),
            ErrorKind::OutOfRange,
            "{range:?}"
        );
    }
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = fs.path().join("file");
    std::fs::write(&path, vec![1u8; 100]).unwrap();
    for (offset, len) in [(0, 101), (100, 1), (101, 0), (u64::MAX, 1), (1, u64::MAX), (1 << 63, 1)]
    {
        let options = MapOptions::new().offset(offset).len(len);
        let kinds = [
            options.open_private(&path).unwrap_err().kind(),
            options.open_frozen(&path).unwrap_err().kind(),
        ];
        assert!(
            kinds.iter().all(|kind| *kind == ErrorKind::OutOfRange),
            "{offset}+{len}: {kinds:?}"
        );
    }
    let reserve = MapOptions::new().reserve(1 << 20);
    assert_eq!(reserve.open_private(&path).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(reserve.open_frozen(&path).unwrap_err().kind(), ErrorKind::InvalidInput);
}
