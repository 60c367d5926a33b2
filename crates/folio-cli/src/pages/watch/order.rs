//! In which order files are shown, and which of them.

use std::cmp::Ordering;

use super::files::{Files, Named};
use super::row::Row;

/// What files are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SortKey {
    Cached,
    Percent,
    Size,
    Dirty,
    /// Pages in and out in a second.
    Activity,
    Name,
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Numbers fall, names rise.
    Usual,
    Reversed,
}

impl SortKey {
    /// The next one, round and round.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Cached => Self::Percent,
            Self::Percent => Self::Size,
            Self::Size => Self::Dirty,
            Self::Dirty => Self::Activity,
            Self::Activity => Self::Name,
            Self::Name => Self::Cached,
        }
    }

    /// As a person would say it after "sorted by".
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Cached => "cached size",
            Self::Percent => "cached share",
            Self::Size => "file size",
            Self::Dirty => "dirty pages",
            Self::Activity => "pages in and out",
            Self::Name => "name",
        }
    }

    /// What comes first has the greatest one. A file of which it is not told comes after those of which it is.
    fn number(self, row: &Row) -> Option<u64> {
        let figures = row.figures()?;
        match self {
            Self::Cached => figures.cached_bytes(),
            Self::Percent => figures.permille(),
            Self::Size => Some(figures.len),
            Self::Dirty => figures.state(|states| states.dirty + states.writeback),
            Self::Activity => {
                let rate = row.rate();
                Some(rate.into.saturating_add(rate.out))
            }
            Self::Name => None,
        }
    }
}

impl Direction {
    pub(super) fn turned(self) -> Self {
        match self {
            Self::Usual => Self::Reversed,
            Self::Reversed => Self::Usual,
        }
    }

    fn apply(self, order: Ordering) -> Ordering {
        match self {
            Self::Usual => order,
            Self::Reversed => order.reverse(),
        }
    }
}

/// Sort the places of what is to be shown. Ties, and files of which nothing is told, are in the order of names.
pub(super) fn sort(
    files: &Files<Row>,
    shown: impl Iterator<Item = u32>,
    key: SortKey,
    direction: Direction,
) -> Vec<u32> {
    // The numbers are looked up once and not at every comparison.
    let number = |place| files.at(place).and_then(|row| key.number(row));
    let mut numbered: Vec<_> = shown.map(|place| (number(place), place)).collect();
    let name = |place| files.at(place).map(Named::file_name);
    numbered.sort_unstable_by(|&(a, one), &(b, other)| {
        let by_name = || name(one).cmp(&name(other));
        match (a, b) {
            _ if key == SortKey::Name => direction.apply(by_name()),
            (Some(a), Some(b)) => direction.apply(b.cmp(&a)).then_with(by_name),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => by_name(),
        }
    });
    numbered.into_iter().map(|(_, place)| place).collect()
}

/// A part of a name; capitals matter only if there are some in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter(pub(super) String);

impl Filter {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the name has it.
    pub(super) fn admits(&self, name: &str) -> bool {
        if self.0.is_empty() || name.contains(&self.0) {
            return true;
        }
        let has_capitals = self.0.chars().any(char::is_uppercase);
        !has_capitals && name.to_lowercase().contains(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_minds_capitals_only_where_it_has_some() {
        let filter = |text: &str| Filter(text.to_owned());
        assert!(filter("").admits("x"));
        assert!(filter("log").admits("a/Log.txt"));
        assert!(!filter("Log").admits("a/log.txt"));
        assert!(filter("Log").admits("a/Log.txt"));
        assert!(!filter("x").admits("a/log.tt"));
    }

    #[test]
    fn sort_keys_come_round() {
        let mut key = SortKey::Name;
        for _ in 0..6 {
            key = key.next();
        }
        assert_eq!(key, SortKey::Name);
    }
}
