//! Adding up: mappings by kind, and by the file that they belong to.

use std::collections::HashMap;
use std::ffi::OsString;
use std::hash::Hash;
use std::iter::Sum;

use folio::process::Usage;

use super::flags::Sort;
use super::kind::Kind;
use super::look::Mapped;

/// Figures of one mapping or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) usage: Usage,
    pub(super) copied: u64,
    pub(super) mappings: usize,
}

impl Figures {
    pub(super) fn of(mapped: &Mapped) -> Self {
        Self { usage: mapped.found.usage, copied: mapped.copied(), mappings: 1 }
    }

    fn add(&mut self, other: Self) {
        self.usage += other.usage;
        self.copied += other.copied;
        self.mappings += other.mappings;
    }

    /// What `sort` compares; nothing for names and addresses.
    pub(super) fn key(&self, sort: Sort) -> u64 {
        let usage = &self.usage;
        match sort {
            Sort::Share => usage.share(),
            Sort::Own => usage.unique(),
            Sort::Resident => usage.in_memory(),
            Sort::Shared => usage.shared(),
            Sort::Copied => self.copied,
            Sort::Dirty => usage.dirty(),
            Sort::Swapped => usage.swapped,
            Sort::Locked => usage.locked,
            Sort::Huge => usage.huge(),
            Sort::Size => usage.size,
            Sort::Name | Sort::Address => 0,
        }
    }
}

impl Sum for Figures {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, figures| {
            sum.add(figures);
            sum
        })
    }
}

/// Mappings that belong together, by what.
#[derive(Clone, Debug)]
pub(super) struct Group<K> {
    pub(super) key: K,
    pub(super) figures: Figures,
}

/// By what they are for.
pub(super) fn by_kind<'a>(
    mappings: impl Iterator<Item = &'a Mapped>,
    sort: Sort,
) -> Vec<Group<Kind>> {
    let mut groups = grouped(mappings.map(|mapped| (mapped.kind, mapped)));
    order(&mut groups, sort);
    groups
}

/// By the file that they belong to, or what stands for one.
pub(super) fn by_file<'a>(
    mappings: impl Iterator<Item = &'a Mapped>,
    sort: Sort,
) -> Vec<Group<OsString>> {
    let groups = grouped(mappings.map(|mapped| (&mapped.belongs, mapped)));
    let mut groups: Vec<_> = groups
        .into_iter()
        .map(|Group { key, figures }| Group { key: key.clone(), figures })
        .collect();
    order(&mut groups, sort);
    groups
}

/// Groups in the order in which they first occur, which is that of their addresses.
fn grouped<'a, K: Clone + Eq + Hash>(
    mappings: impl Iterator<Item = (K, &'a Mapped)>,
) -> Vec<Group<K>> {
    let mut groups: Vec<Group<K>> = Vec::new();
    let mut index = HashMap::new();
    for (key, mapped) in mappings {
        let at = *index.entry(key.clone()).or_insert_with(|| {
            groups.push(Group { key, figures: Figures::default() });
            groups.len() - 1
        });
        groups[at].figures.add(Figures::of(mapped));
    }
    groups
}

fn order<K: Ord>(groups: &mut [Group<K>], sort: Sort) {
    match sort {
        Sort::Address => {}
        Sort::Name => groups.sort_by(|a, b| a.key.cmp(&b.key)),
        by => groups.sort_by(|a, b| {
            b.figures.key(by).cmp(&a.figures.key(by)).then_with(|| a.key.cmp(&b.key))
        }),
    }
}

/// The mappings in the order asked for.
pub(super) fn ordered<'a>(
    mappings: impl Iterator<Item = &'a Mapped>,
    sort: Sort,
) -> Vec<&'a Mapped> {
    let mut ordered: Vec<_> = mappings.collect();
    match sort {
        Sort::Address => {}
        Sort::Name => ordered.sort_by(|a, b| a.belongs.cmp(&b.belongs)),
        by => ordered.sort_by_key(|mapped| std::cmp::Reverse(Figures::of(mapped).key(by))),
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::super::look::Look;
    use super::*;
    use crate::maps::flags::Pid;
    use crate::maps::look::look;

    fn this_process() -> Look {
        look(Pid(std::process::id())).expect("this process may look at itself")
    }

    #[test]
    fn groups_hold_every_mapping_once_whatever_the_order() {
        let look = this_process();
        for sort in [Sort::Share, Sort::Name, Sort::Address, Sort::Size] {
            let kinds = by_kind(look.mappings.iter(), sort);
            let files = by_file(look.mappings.iter(), sort);
            for sums in [
                kinds.iter().map(|group| group.figures).collect::<Vec<_>>(),
                files.iter().map(|group| group.figures).collect(),
            ] {
                let all: Figures = sums.into_iter().sum();
                assert_eq!(all.mappings, look.mappings.len());
                let size: u64 = look.mappings.iter().map(|mapped| mapped.found.mapping.len()).sum();
                assert_eq!(all.usage.size, size);
                assert_eq!(Some(all.copied), look.totals.copied);
            }
            assert_eq!(ordered(look.mappings.iter(), sort).len(), look.mappings.len());
        }
        let sizes: Vec<_> = by_file(look.mappings.iter(), Sort::Size)
            .iter()
            .map(|g| g.figures.usage.size)
            .collect();
        assert!(sizes.is_sorted_by(|a, b| a >= b));
    }
}
