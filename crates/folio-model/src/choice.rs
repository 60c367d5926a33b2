//! Where the choices of a generated program come from.
//!
//! A generator asks for numbers below a bound, and what it makes depends on nothing else. So one generator serves three
//! ends: [`Seeded`] choices for any number of random programs that a number repeats, the [`Bytes`] of a fuzzer, and
//! [`Exhaustive`] ones, which take every branch in turn.

/// A source of choices.
///
/// ```
/// use folio_model::{Choices, Repertoire};
/// /// The same choice always.
/// struct First;
/// impl Choices for First {
///     fn below(&mut self, _: u64) -> Option<u64> {
///         Some(0)
///     }
/// }
/// let program = Repertoire::kernel(4096).program(&mut First, 3);
/// assert_eq!(program.len(), 3);
/// ```
pub trait Choices {
    /// A number below `n`, which is not 0; `None` if there are no more choices to be had, and the program ends.
    ///
    /// ```
    /// use folio_model::{Bytes, Choices, Seeded};
    /// assert!(Seeded::new(1).below(6).is_some_and(|number| number < 6));
    /// assert_eq!(Bytes::new(&[]).below(6), None); // no more bytes, no more choices
    /// ```
    fn below(&mut self, n: u64) -> Option<u64>;

    /// An index into `weights`, each as likely as its weight; one with the weight 0 is not chosen. `None` also if all are 0.
    ///
    /// ```
    /// use folio_model::{Choices, Seeded};
    /// let mut choices = Seeded::new(1);
    /// assert_eq!(choices.weighted(&[0, 5, 0]), Some(1));
    /// assert_eq!(choices.weighted(&[0, 0]), None);
    /// ```
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
    ///
    /// ```
    /// use folio_model::{Choices, Seeded};
    /// let mut choices = Seeded::new(1);
    /// assert!(choices.one_of(&[512, 4096]).is_some_and(|len| len == 512 || len == 4096));
    /// assert_eq!(choices.one_of::<u64>(&[]), None);
    /// ```
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
    ///
    /// ```
    /// use folio_model::{Repertoire, Seeded};
    /// let kernel = Repertoire::kernel(4096);
    /// let [first, again, other] = [1, 1, 2].map(|seed| kernel.program(&mut Seeded::new(seed), 20));
    /// assert!(first == again && first != other);
    /// ```
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
    ///
    /// ```
    /// use folio_model::{Bytes, Repertoire};
    /// let input = [7; 40]; // as a fuzzer gives it
    /// let program = Repertoire::kernel(4096).program(&mut Bytes::new(&input), 1000);
    /// assert!(program.len() < 1000); // it ends where the bytes do
    /// ```
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
    ///
    /// ```
    /// use folio_model::{Choices, Exhaustive};
    /// let mut choices = Exhaustive::default();
    /// let mut seen = Vec::new();
    /// loop {
    ///     seen.extend(choices.one_of(&["shared", "private"]));
    ///     if !choices.advance() { break }
    /// }
    /// assert_eq!(seen, ["shared", "private"]);
    /// ```
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
