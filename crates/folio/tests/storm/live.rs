//! Reading through the live kinds: every byte is the file's or a zero, and an error says how many are good.

use std::io::{Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU32, Ordering};

use folio::{Shared, SharedMut};

use crate::pattern::Dice;
use crate::pattern::{
    HEAD, LEN, PAGE, UNTOUCHED, assert_exact, assert_live, assert_live_or_lost,
    assert_live_or_untouched, bytes,
};
use crate::scene::Scene;
use crate::tally::Tally;
use crate::weather::Weather;

/// How many reads are made before a mapping is opened anew.
const READS: usize = 64;

/// `pass` on a mapping from `open`, again and again: each mapping lives for [`READS`] passes, or until one says that it
/// is spent.
fn again<M>(
    scene: &Scene,
    open: impl Fn() -> Option<M>,
    mut pass: impl FnMut(&M, &mut Dice) -> Mapping,
) {
    let mut dice = Dice::new(scene.seed());
    while scene.goes_on() {
        let _mapped = scene.mapped();
        let Some(map) = open() else { return };
        for _ in 0..READS {
            if !scene.goes_on() || pass(&map, &mut dice) == Mapping::Spent {
                break;
            }
        }
    }
}

/// Whether a mapping can be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mapping {
    Good,
    Spent,
}

/// A range of the file, of any place and length.
fn anywhere(dice: &mut Dice) -> (usize, usize) {
    let start = dice.below(LEN);
    let longest = if dice.below(4) == 0 { LEN } else { 3 * PAGE };
    (start, dice.below(longest).min(LEN - start))
}

/// Read through `read_at` and see what came.
fn checked_read(
    tally: &Tally,
    dice: &mut Dice,
    read_at: impl Fn(usize, &mut [u8]) -> folio::Result<()>,
) -> bool {
    let (start, len) = anywhere(dice);
    let mut buf = vec![UNTOUCHED; len];
    match read_at(start, &mut buf) {
        Ok(()) => {
            assert_live(start, &buf);
            tally.good();
            true
        }
        Err(error) => {
            tally.error(&error);
            assert!(error.bytes_done() < len, "all bytes are good and yet: {error}");
            assert_live(start, &buf[..error.bytes_done()]);
            assert_live_or_untouched(start, &buf);
            false
        }
    }
}

pub(crate) fn read_at(scene: &Scene, tally: &Tally) {
    again(
        scene,
        || scene.open_shared(),
        |map: &Shared, dice| {
            checked_read(tally, dice, |at, buf| map.read_at(at, buf));
            Mapping::Good
        },
    );
}

pub(crate) fn load(scene: &Scene, tally: &Tally) {
    again(
        scene,
        || scene.open_shared(),
        |map: &Shared, dice| {
            for _ in 0..64 {
                // One of four is not aligned and may be torn: each of its bytes is one of the two all the same.
                let at = dice.below(LEN - 8) / if dice.below(4) == 0 { 1 } else { 8 } * 8;
                let at = at.min(LEN - 8);
                if let Some(word) = tally.take(map.load::<u64>(at)) {
                    assert_live(at, &word.to_ne_bytes());
                    tally.good();
                }
            }
            Mapping::Good
        },
    );
}

pub(crate) fn chunks(scene: &Scene, tally: &Tally) {
    again(
        scene,
        || scene.open_shared(),
        |map: &Shared, dice| {
            let start = dice.below(LEN);
            let slice = map.slice(start..LEN).expect("it is in range");
            let mut chunks = slice.chunks();
            let mut at = start;
            while let Some(Some(chunk)) = tally.take(chunks.next_chunk()) {
                assert_live(at, chunk);
                at += chunk.len();
                tally.good();
            }
            Mapping::Good
        },
    );
}

pub(crate) fn reader(scene: &Scene, tally: &Tally) {
    again(
        scene,
        || scene.open_shared(),
        |map: &Shared, dice| {
            let (start, len) = anywhere(dice);
            let mut reader = map.reader();
            tally
                .take_io(reader.seek(SeekFrom::Start(start as u64)))
                .expect("seeking touches nothing");
            let mut seen = Vec::new();
            // What was read before an error is in the vector.
            let done = tally.take_io(reader.take(len as u64).read_to_end(&mut seen));
            assert_live(start, &seen);
            if let Some(done) = done {
                assert_eq!((done, seen.len()), (len, len));
                tally.good();
            }
            Mapping::Good
        },
    );
}

pub(crate) fn mut_read_at(scene: &Scene, tally: &Tally) {
    again(
        scene,
        || scene.open_shared_mut(),
        |map: &SharedMut, dice| {
            checked_read(tally, dice, |at, buf| map.read_at(at, buf));
            Mapping::Good
        },
    );
}

pub(crate) fn mut_write_at(scene: &Scene, tally: &Tally) {
    again(
        scene,
        || scene.open_shared_mut(),
        |map: &SharedMut, dice| {
            let (start, len) = anywhere(dice);
            if tally.take(map.write_at(start, bytes(start, len))).is_some() {
                tally.good();
            }
            // A hole of zeros, made by hand.
            let (start, len) = anywhere(dice);
            let start = start.max(HEAD);
            tally.take(map.fill(start..(start + len).min(LEN).max(start), 0));
            Mapping::Good
        },
    );
}

pub(crate) fn mut_store(scene: &Scene, tally: &Tally) {
    again(
        scene,
        || scene.open_shared_mut(),
        |map: &SharedMut, dice| {
            let at = dice.below(LEN / 8) * 8;
            let word: [u8; 8] = bytes(at, 8).try_into().expect("eight bytes");
            if tally.take(map.store(at, &u64::from_ne_bytes(word))).is_some() {
                tally.good();
            }
            if let Some(word) = tally.take(map.load::<u64>(at)) {
                assert_live(at, &word.to_ne_bytes());
            }
            Mapping::Good
        },
    );
}

/// Atomic references are plain accesses: a page that is gone becomes one of zeros, for good, and the mapping says so.
pub(crate) fn mut_atomics(scene: &Scene, tally: &Tally) {
    again(
        scene,
        || scene.open_shared_mut(),
        |map: &SharedMut, dice| {
            let at = dice.below(LEN / 8) * 8;
            let Some(word) = tally.take(map.atomic_u64(at)) else { return Mapping::Spent };
            let word = word.load(Ordering::Relaxed).to_ne_bytes();
            let Some(head) = tally.take(map.atomics_u32(0..HEAD)) else { return Mapping::Spent };
            let load = |word: &AtomicU32| word.load(Ordering::Relaxed).to_ne_bytes();
            let head: Vec<u8> = head.iter().flat_map(load).collect();
            let whole = map.check();
            if whole.is_err() && scene.weather() == Weather::Failing {
                assert_live_or_lost(0, &head);
                assert_live_or_lost(at, &word);
            } else {
                assert_exact(0, &head);
                assert_live(at, &word);
            }
            if tally.take(whole).is_none() {
                return Mapping::Spent;
            }
            tally.good();
            Mapping::Good
        },
    );
}
