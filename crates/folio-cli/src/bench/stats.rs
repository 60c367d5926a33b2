//! What repetitions say: a median, a spread, and whether two of them differ by more than the spread. Pure.
//!
//! The spread is from the lowest to the highest round. Two measurements differ only if these ranges do not touch: with
//! five rounds each, and nothing but chance between them, that happens once in 126 times.

use serde::Serialize;

/// The rounds of one measurement, in one unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rounds(Vec<f64>);

/// A measurement in three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) low: f64,
    pub(super) median: f64,
    pub(super) high: f64,
}

/// How one measurement compares with another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    /// So many times the other, and the ranges do not touch.
    Times(f64),
    /// The ranges touch.
    WithinNoise,
}

impl Rounds {
    pub(super) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.0
    }

    /// `None` if there are no rounds.
    pub(super) fn spread(&self) -> Option<Spread> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Spread { low, median, high })
    }
}

impl FromIterator<f64> for Rounds {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl Spread {
    /// How far the rounds are from the median at most, in percent of it.
    pub(super) fn percent(self) -> f64 {
        let far = (self.high - self.median).max(self.median - self.low);
        if self.median > 0.0 { far * 100.0 / self.median } else { 0.0 }
    }

    /// Whether some value may be of both.
    pub(super) fn touches(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }

    /// This one as a multiple of `other`.
    pub(super) fn compared_with(self, other: Self) -> Comparison {
        if self.touches(other) || other.median <= 0.0 {
            Comparison::WithinNoise
        } else {
            Comparison::Times(self.median / other.median)
        }
    }

    /// The spread of what goes the other way: time for a rate, rate for a time.
    pub(super) fn per(self, amount: f64) -> Self {
        let of = |value: f64| if value > 0.0 { amount / value } else { 0.0 };
        Self { low: of(self.high), median: of(self.median), high: of(self.low) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> Spread {
        values.iter().copied().collect::<Rounds>().spread().expect("there are rounds")
    }

    #[test]
    fn the_median_is_in_the_middle_and_the_spread_reaches_every_round() {
        assert_eq!(spread(&[5.0]), Spread { low: 5.0, median: 5.0, high: 5.0 });
        assert_eq!(spread(&[9.0, 1.0, 2.0]), Spread { low: 1.0, median: 2.0, high: 9.0 });
        assert_eq!(spread(&[4.0, 1.0, 2.0, 8.0]).median, 3.0);
        assert_eq!(Rounds::default().spread(), None);
        assert_eq!(spread(&[90.0, 100.0, 120.0]).percent(), 20.0);
    }

    #[test]
    fn only_ranges_that_do_not_touch_differ() {
        let slow = spread(&[1.0, 1.1, 1.2]);
        assert_eq!(spread(&[2.2, 2.3, 9.9]).compared_with(slow), Comparison::Times(2.3 / 1.1));
        assert_eq!(slow.compared_with(spread(&[2.2, 2.3])), Comparison::Times(1.1 / 2.25));
        assert_eq!(spread(&[1.2, 7.0, 9.0]).compared_with(slow), Comparison::WithinNoise);
        assert_eq!(slow.compared_with(slow), Comparison::WithinNoise);
    }

    #[test]
    fn the_slowest_round_took_the_longest() {
        assert_eq!(spread(&[2.0, 4.0, 8.0]).per(8.0), Spread { low: 1.0, median: 2.0, high: 4.0 });
    }
}
