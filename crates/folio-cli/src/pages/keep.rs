//! The files to be shown: of those that come first in an order only as many as are asked for are kept.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::flags::Sort;
use super::select::Name;
use super::survey::Survey;

/// A file that may be shown, with what it takes to show it.
#[derive(Clone, Debug)]
pub(crate) struct Kept<T> {
    /// What it is ordered by, but for the name.
    rank: u64,
    pub(crate) name: Box<[u8]>,
    pub(crate) survey: Survey,
    pub(crate) with: T,
}

/// Collects files in an order.
#[derive(Debug)]
pub(crate) struct Keep<T> {
    sort: Sort,
    most: usize,
    /// The last in the order is on top, to be replaced.
    heap: BinaryHeap<Kept<T>>,
}

impl<T> Keep<T> {
    pub(crate) fn new(sort: Sort, most: usize) -> Self {
        Self { sort, most, heap: BinaryHeap::new() }
    }

    /// Whether such a file would be kept.
    pub(crate) fn wants(&self, name: Name<'_>, survey: &Survey) -> bool {
        if self.heap.len() < self.most {
            return true;
        }
        let Some(last) = self.heap.peek() else { return false };
        let [directory, entry] = name.parts();
        let name = directory.iter().chain(entry);
        let order = Reverse(rank(self.sort, survey)).cmp(&Reverse(last.rank));
        order.then_with(|| name.cmp(last.name.iter())) == Ordering::Less
    }

    /// Keep a file that is wanted.
    pub(crate) fn add(&mut self, name: Name<'_>, survey: Survey, with: T) {
        let name = name.parts().concat().into();
        self.push(Kept { rank: rank(self.sort, &survey), name, survey, with });
    }

    fn push(&mut self, kept: Kept<T>) {
        self.heap.push(kept);
        if self.heap.len() > self.most {
            self.heap.pop();
        }
    }

    /// What two threads kept, if the first kept anything.
    pub(crate) fn both(one: Option<Self>, other: Self) -> Self {
        match one {
            Some(mut one) => {
                one.merge(other);
                one
            }
            None => other,
        }
    }

    fn merge(&mut self, other: Self) {
        other.heap.into_iter().for_each(|kept| self.push(kept));
    }

    /// In order.
    pub(crate) fn into_sorted(self) -> Vec<Kept<T>> {
        self.heap.into_sorted_vec()
    }
}

impl<T> PartialEq for Kept<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Kept<T> {}

/// What comes first is less.
impl<T> Ord for Kept<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        Reverse(self.rank).cmp(&Reverse(other.rank)).then_with(|| self.name.cmp(&other.name))
    }
}

impl<T> PartialOrd for Kept<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The larger comes first.
pub(super) fn rank(sort: Sort, survey: &Survey) -> u64 {
    let states = survey.states.unwrap_or_default();
    match sort {
        Sort::Size => survey.len,
        Sort::Cached => survey.cached_pages(),
        Sort::Absent => survey.absent_pages(),
        Sort::Percent => share(survey.cached_pages(), survey.pages()),
        Sort::Dirty => states.dirty,
        Sort::Writeback => states.writeback,
        Sort::Evicted => states.evicted,
        Sort::Holes => survey.holes(),
        Sort::Name | Sort::Found => 0,
    }
}

/// `part` of `whole` in units so fine that only equal shares are equal, as far as that matters.
fn share(part: u64, whole: u64) -> u64 {
    let share = (u128::from(part) << 32) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::survey::Cached;
    use std::path::Path;

    fn survey(len: u64, cached: u64) -> Survey {
        Survey { dev: 1, ino: 1, len, allocated: len, cached: Cached::Known(cached), states: None }
    }

    fn kept(sort: Sort, most: usize, files: &[(&str, u64, u64)]) -> Vec<String> {
        // By two threads.
        let mut both = [Keep::new(sort, most), Keep::new(sort, most)];
        for (index, &(name, pages, cached)) in files.iter().enumerate() {
            let (name, survey) = (Name::of(Path::new(name)), survey(pages * 4096, cached));
            let keep = &mut both[index % 2];
            if keep.wants(name, &survey) {
                keep.add(name, survey, ());
            }
        }
        let [mut one, other] = both;
        one.merge(other);
        let names = one.into_sorted().into_iter().map(|kept| kept.name.to_vec());
        names.map(|name| String::from_utf8(name).unwrap()).collect()
    }

    const FILES: &[(&str, u64, u64)] =
        &[("b", 10, 5), ("a", 10, 5), ("large", 100, 9), ("full", 3, 3), ("none", 7, 0)];

    #[test]
    fn the_first_of_an_order_are_kept_and_names_decide_among_equals() {
        assert_eq!(kept(Sort::Cached, 3, FILES), ["large", "a", "b"]);
        assert_eq!(kept(Sort::Percent, 2, FILES), ["full", "a"]);
        assert_eq!(kept(Sort::Size, 1, FILES), ["large"]);
        assert_eq!(kept(Sort::Absent, 2, FILES), ["large", "none"]);
        assert_eq!(kept(Sort::Name, usize::MAX, FILES), ["a", "b", "full", "large", "none"]);
        assert_eq!(kept(Sort::Cached, 0, FILES), [""; 0]);
    }
}
