//! Adding bytes up, fast enough to not be what is measured.

/// How many bytes were looked at, and their sum. It does not depend on the order, nor on where they were cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Tally {
    pub(in super::super) bytes: u64,
    pub(in super::super) sum: u64,
}

impl Tally {
    pub(in super::super) fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// Look at every one of `bytes`.
    pub(in super::super) fn look_at(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.sum = self.sum.wrapping_add(sum(bytes));
    }
}

/// Every second byte of a word.
const EVEN: u64 = 0x00ff_00ff_00ff_00ff;
/// Words that can be added in lanes of 16 bits before one overflows: 2 × 255 each.
const WORDS: usize = 128;

/// Four lanes of 16 bits in a word; the compiler makes vectors of it.
fn sum(bytes: &[u8]) -> u64 {
    let mut total = 0u64;
    for block in bytes.chunks(WORDS * 8) {
        let words = block.chunks_exact(8);
        total += words.remainder().iter().map(|&byte| u64::from(byte)).sum::<u64>();
        let lanes: u64 = words
            .map(|word| {
                let word = word.try_into().map_or(0, u64::from_le_bytes);
                (word & EVEN) + ((word >> 8) & EVEN)
            })
            .sum();
        total += (0..4).map(|lane| (lanes >> (16 * lane)) & 0xffff).sum::<u64>();
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_sum_of_the_bytes_however_they_are_cut(bytes: Vec<u8>, cut: prop::sample::Index) {
            let naive: u64 = bytes.iter().map(|&byte| u64::from(byte)).sum();
            prop_assert_eq!(sum(&bytes), naive);
            let (one, other) = bytes.split_at(cut.index(bytes.len() + 1));
            prop_assert_eq!(sum(one) + sum(other), naive);
        }
    }

    #[test]
    fn no_lane_overflows() {
        assert_eq!(sum(&[255; 100_001]), 255 * 100_001);
    }
}
