//! What the file's bytes are, and what may be seen of them.

use std::sync::LazyLock;

pub(crate) const PAGE: usize = 4096;

/// The file's length when it is whole; the last page is not.
pub(crate) const LEN: usize = 48 * PAGE + 1234;

/// The first bytes are never cut and never hold anything else.
pub(crate) const HEAD: usize = 4 * PAGE;

/// What no byte of the file ever is: buffers are filled with it before they are read into.
pub(crate) const UNTOUCHED: u8 = 0xFF;

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| (0..LEN).map(byte).collect());

/// The byte at `offset`: from 1 to 253, other on each page at the same place.
fn byte(offset: usize) -> u8 {
    let (page, place) = (offset / PAGE, offset % PAGE);
    u8::try_from(1 + (page * 167 + place * 13 + place / 256) % 253).expect("at most 253")
}

/// The bytes from `offset` on, `len` of them.
pub(crate) fn bytes(offset: usize, len: usize) -> &'static [u8] {
    &WHOLE[offset..offset + len]
}

/// That `seen` are the file's bytes from `offset` on.
#[track_caller]
pub(crate) fn assert_exact(offset: usize, seen: &[u8]) {
    let expected = bytes(offset, seen.len());
    if seen != expected {
        let at = (0..seen.len()).find(|&at| seen[at] != expected[at]).expect("they differ");
        let (seen, expected) = (seen[at], expected[at]);
        panic!("byte {} is {seen}, not {expected}, {at} bytes into {offset}", offset + at);
    }
}

/// That `seen` are the file's bytes from `offset` on, or zeros where a hole may have been.
#[track_caller]
pub(crate) fn assert_live(offset: usize, seen: &[u8]) {
    assert_bytes(offset, seen, |byte| byte == 0);
}

/// The same where a page may have been lost, the head's as well.
#[track_caller]
pub(crate) fn assert_live_or_lost(offset: usize, seen: &[u8]) {
    let fine = |(&seen, &expected): (&u8, &u8)| seen == expected || seen == 0;
    assert!(
        seen.iter().zip(bytes(offset, seen.len())).all(fine),
        "neither the file's bytes nor zeros"
    );
}

/// The same for a buffer that a read may have left in part as it was.
#[track_caller]
pub(crate) fn assert_live_or_untouched(offset: usize, seen: &[u8]) {
    assert_bytes(offset, seen, |byte| byte == 0 || byte == UNTOUCHED);
}

#[track_caller]
fn assert_bytes(offset: usize, seen: &[u8], allowed: impl Fn(u8) -> bool) {
    let expected = bytes(offset, seen.len());
    if seen == expected {
        return;
    }
    for (at, (&seen, &expected)) in seen.iter().zip(expected).enumerate() {
        let cut = offset + at >= HEAD;
        // The head may be left untouched by a read that stopped, but is never a hole.
        let fine = seen == expected || (allowed(seen) && (cut || seen == UNTOUCHED));
        assert!(fine, "byte {} is {seen}, not {expected}", offset + at);
    }
}

/// A sequence of numbers that are the same in every run: splitmix64.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from(mixed >> 33).expect("31 bits") % bound
    }
}
