//! Where the choices of a generated program come from.
//!
//! A generator asks for numbers below a bound, and what it makes depends on nothing else. So one generator serves three
//! ends: [`Seeded`] choices for any number of random programs that a number repeats, the [`Bytes`] of a fuzzer, and
//! [`Exhaustive`] ones, which take every branch in turn.

/// A source of choices.
pub trait Choices {
    /// A number below `n`, which is not 0; `None` if there are no more choices to be had, and the program ends.
    fn below(&mut self, n: u64) -> Option<u64>;

    /// An index into `weights`, each as likely as its weight; one with the weight 0 is not chosen. `None` also if all are 0.
    fn weighted(&mut self, weights: &[u32]) -> Option<usize> {
        let sum = weights.iter().copied().map(u64::from).sum();
        if sum == 0 {
            return None;
        }
        let mut left = self.below(sum)?;
        weights.iter().position(|&weight| {
            let chosen = left < u64::from(weight);
            left = left.saturating_sub(u64::from(weight));
            chosen
        })
    }

    /// One of `values`; `None` also if there are none.
    fn one_of<T: Copy>(&mut self, values: &[T]) -> Option<T>
    where
        Self: Sized,
    {
        if values.is_empty() {
            return None;
        }
        let index = usize::try_from(self.below(values.len() as u64)?).ok()?;
        values.get(index).copied()
    }
}

/// Endless choices that look random, the same for the same seed.
///
/// ```
/// use folio_model::{Choices, Seeded};
/// assert_eq!(Seeded::new(7).below(1000), Seeded::new(7).below(1000));
/// ```
#[derive(Clone, Debug)]
pub struct Seeded(fastrand::Rng);

impl Seeded {
    /// The choices of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }
}

impl Choices for Seeded {
    fn below(&mut self, n: u64) -> Option<u64> {
        Some(self.0.u64(..n))
    }
}

/// Choices read from bytes, for as long as there are some. A choice takes as many bytes as its bound has, so that a byte
/// changed is a choice changed, which is what a fuzzer learns from.
///
/// ```
/// use folio_model::{Bytes, Choices};
/// let mut choices = Bytes::new(&[3, 9, 1]);
/// assert_eq!([choices.below(6), choices.below(1 << 16), choices.below(2)], [Some(3), Some(0x109), None]);
/// ```
#[derive(Clone, Debug)]
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// The choices of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl Choices for Bytes<'_> {
    fn below(&mut self, n: u64) -> Option<u64> {
        if n == 1 {
            // No choice, so it takes no byte: but an end there must be.
            return if self.0.is_empty() { None } else { Some(0) };
        }
        let width = 8 - ((n - 1).leading_zeros() / 8) as usize;
        let (number, rest) = self.0.split_at_checked(width)?;
        self.0 = rest;
        Some(number.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte)) % n)
    }
}

/// Every choice in turn: a run with it takes one path, and [`advance`](Self::advance) turns to the next.
///
/// ```
/// use folio_model::{Choices, Exhaustive};
/// let (mut choices, mut seen) = (Exhaustive::default(), Vec::new());
/// loop {
///     let first = choices.below(2).unwrap();
///     seen.push(if first == 0 { (first, 0) } else { (first, choices.below(3).unwrap()) });
///     if !choices.advance() { break }
/// }
/// assert_eq!(seen, [(0, 0), (1, 0), (1, 1), (1, 2)]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Exhaustive {
    /// The choices of this path, each with its bound: the digits of an odometer whose wheels differ in size.
    path: Vec<(u64, u64)>,
    /// How many of them have been taken.
    taken: usize,
}

impl Exhaustive {
    /// Turn to the next path; `false` if there is none. What came after the last choice of this path is forgotten.
    #[must_use]
    pub fn advance(&mut self) -> bool {
        self.path.truncate(self.taken);
        self.taken = 0;
        while let Some((choice, bound)) = self.path.pop() {
            if choice + 1 < bound {
                self.path.push((choice + 1, bound));
                return true;
            }
        }
        false
    }
}

impl Choices for Exhaustive {
    fn below(&mut self, n: u64) -> Option<u64> {
        if self.taken == self.path.len() {
            self.path.push((0, n));
        }
        let (choice, _) = self.path[self.taken];
        self.taken += 1;
        Some(choice)
    }

    /// Each index once, however heavy.
    fn weighted(&mut self, weights: &[u32]) -> Option<usize> {
        let possible: Vec<usize> = (0..weights.len()).filter(|&at| weights[at] > 0).collect();
        self.one_of(&possible)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_chances() {
        let mut choices = Seeded::new(1);
        let mut counts = [0u32; 4];
        for _ in 0..9000 {
            counts[choices.weighted(&[1, 0, 2, 6]).unwrap()] += 1;
        }
        assert_eq!(counts[1], 0);
        for (count, expected) in [(counts[0], 1000), (counts[2], 2000), (counts[3], 6000)] {
            assert!(count.abs_diff(expected) < expected / 4, "{counts:?}");
        }
        assert_eq!(choices.weighted(&[0, 0]), None);
    }

    #[test]
    fn seeds_repeat_and_differ() {
        let numbers = |seed| -> Vec<_> {
            let mut choices = Seeded::new(seed);
            (0..50).map(|_| choices.below(1 << 40)).collect()
        };
        assert_eq!(numbers(3), numbers(3));
        assert_ne!(numbers(3), numbers(4));
    }

    #[test]
    fn bytes_end() {
        let mut choices = Bytes::new(&[0xFF, 1]);
        assert_eq!(choices.below(1), Some(0));
        assert_eq!(choices.below(256), Some(255));
        assert_eq!(choices.below(257), None, "one byte is left, and two are needed");
        assert_eq!(choices.below(2), Some(1));
        assert_eq!(choices.below(1), None);
    }

    #[test]
    fn every_path_is_taken_once_whatever_the_weights() {
        let mut choices = Exhaustive::default();
        let mut seen = Vec::new();
        loop {
            let kind = choices.weighted(&[5, 0, 1]).unwrap();
            seen.push((kind, choices.one_of(&['a', 'b'][..1 + kind / 2]).unwrap()));
            if !choices.advance() {
                break;
            }
        }
        assert_eq!(seen, [(0, 'a'), (2, 'a'), (2, 'b')]);
    }
}
