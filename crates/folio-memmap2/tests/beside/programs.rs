//! Programs of operations, generated.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use testfs::Kind as FsKind;

use crate::machine::{ours, theirs};
use crate::op::{Kind, Op, Outcome, Start, op, start, sum_of};

/// Run the program on both; the first difference is the error.
fn same(folder: &Path, start: &Start, program: &[Op]) -> Result<(), TestCaseError> {
    if differs_on_purpose(start) {
        return Ok(());
    }
    let (mut their, theirs) = theirs::Machine::start(folder, start);
    let (mut our, ours) = ours::Machine::start(folder, start);
    prop_assert_eq!(&ours, &theirs, "to begin with: ours and theirs");
    for op in program {
        match op {
            // Faulting in a terabyte of zeros is no test.
            Op::Lock | Op::Advise(_) | Op::AdviseRange { .. }
                if matches!(start.kind, Kind::MapAnon) && their.len() > 1 << 24 =>
            {
                continue;
            }
            // memmap2 0.9.12 lets ranges through whose sum reaches past the end, and gives advice for other mappings.
            Op::AdviseRange { offset, len, .. } | Op::UncheckedRange { offset, len, .. }
                if *offset <= their.len() && *len <= their.len() && offset + len > their.len() =>
            {
                let refused =
                    Outcome::Failed { kind: std::io::ErrorKind::InvalidInput, errno: None };
                prop_assert_eq!(our.step(op), refused);
                continue;
            }
            // A panic in memmap2 where debug assertions are on.
            Op::Remap { len, .. } if len.checked_add(4096).is_none() => {
                let outcome = our.step(op);
                let refused =
                    Outcome::Failed { kind: std::io::ErrorKind::InvalidInput, errno: Some(22) };
                prop_assert!(outcome == refused || outcome == Outcome::NoMapping);
                continue;
            }
            // Whether there is room behind a mapping is chance.
            Op::Remap { len, may_move: false } if *len > their.len() => {
                for outcome in [their.step(op), our.step(op)] {
                    let fine = match &outcome {
                        Outcome::Done { len: now, .. } => now == len,
                        Outcome::Failed { errno, .. } => {
                            [Some(12), Some(14), Some(22)].contains(errno)
                        }
                        Outcome::NoMapping => true,
                        Outcome::NoSuchMethod => false,
                    };
                    prop_assert!(fine, "{:?}: {:?}", op, outcome);
                }
                break;
            }
            // Then the kernel may do it now or later or never.
            Op::Unchecked(1) | Op::UncheckedRange { advice: 1, .. }
                if matches!(start.kind, Kind::MapAnon | Kind::MapCopy | Kind::MapCopyReadOnly) =>
            {
                break;
            }
            _ => {}
        }
        prop_assert_eq!(our.step(op), their.step(op), "after {:?}: ours and theirs", op);
        prop_assert_eq!(our.len(), their.len());
        prop_assert_eq!(
            sum_of(&our.content(folder)),
            sum_of(&their.content(folder)),
            "the file after {:?}",
            op
        );
    }
    Ok(())
}

/// A length and a lead whose sum overflows is a panic in memmap2 where debug assertions are on.
fn differs_on_purpose(start: &Start) -> bool {
    let lead = usize::try_from(start.offset % 4096).unwrap();
    start.len.is_some_and(|len| len.checked_add(lead).is_none())
}

fn run(folder: &Path, cases: u32) {
    let cases =
        std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(cases);
    let mut runner =
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let programs = (start(), prop::collection::vec(op(), 0..12));
    let outcome = runner.run(&programs, |(start, program)| same(folder, &start, &program));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn the_same_programs_have_the_same_outcomes() {
    testfs::each(&[FsKind::Here], |fs| run(fs.path(), 1500));
}

#[test]
fn and_on_every_file_system() {
    let kinds = [FsKind::Ext4, FsKind::Tmpfs, FsKind::Xfs, FsKind::Btrfs, FsKind::Overlay];
    testfs::each(&kinds, |fs| run(fs.path(), 250));
}
