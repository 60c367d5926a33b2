//! The files that are watched, each with its name. There may be a million of them, so what one takes is kept small: the name
//! of a directory is there once for the files that were found in it one after the other, and what finds a file by its name is
//! a table of places in a vector.

use std::cmp::Ordering;
use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::pages::select::Name;

/// The name of a file, in two parts: its directory with the slash behind it, or nothing, and what is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileName {
    directory: Arc<[u8]>,
    entry: Box<[u8]>,
}

/// The two parts of a path.
fn split(path: &Path) -> (&[u8], &[u8]) {
    let bytes = path.as_os_str().as_bytes();
    let entry = bytes.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    bytes.split_at(entry)
}

impl FileName {
    fn parts(&self) -> (&[u8], &[u8]) {
        (&self.directory, &self.entry)
    }

    fn name(&self) -> Name<'_> {
        Name { directory: &self.directory, entry: &self.entry }
    }

    /// As a path of its own.
    pub(super) fn to_path(&self) -> Arc<Path> {
        self.name().to_path().into()
    }

    /// Fit for a terminal.
    pub(super) fn quoted(&self) -> String {
        self.name().quoted()
    }

    /// Its bytes, slashes first of all.
    fn letters(&self) -> impl Iterator<Item = u8> {
        let bytes = self.directory.iter().chain(&self.entry);
        bytes.map(|&byte| if byte == b'/' { 0 } else { byte })
    }

    /// Whether it is that of `path`.
    pub(super) fn is(&self, path: &Path) -> bool {
        self.parts() == split(path)
    }
}

impl Ord for FileName {
    /// What is in a directory comes together.
    fn cmp(&self, other: &Self) -> Ordering {
        if self.directory == other.directory {
            return self.entry.cmp(&other.entry);
        }
        self.letters().cmp(other.letters())
    }
}

impl PartialOrd for FileName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What has the name of a file.
pub(super) trait Named {
    /// The name.
    fn file_name(&self) -> &FileName;
}

/// Something for each file, by its place: as long as none is taken away, it stays in its place.
#[derive(Debug)]
pub(super) struct Files<T> {
    all: Vec<T>,
    places: HashTable<u32>,
    hasher: RandomState,
    /// The directory of the last file that was added.
    directory: Arc<[u8]>,
}

impl<T> Default for Files<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            places: HashTable::new(),
            hasher: RandomState::new(),
            directory: Arc::default(),
        }
    }
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

impl<T: Named> Files<T> {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.all.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.all.iter_mut()
    }

    /// All, each with its place.
    pub(super) fn places(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.all)
    }

    /// What is in a place.
    pub(super) fn at(&self, place: u32) -> Option<&T> {
        self.all.get(index(place))
    }

    pub(super) fn at_mut(&mut self, place: u32) -> Option<&mut T> {
        self.all.get_mut(index(place))
    }

    /// Where the file of this name is.
    pub(super) fn place(&self, path: &Path) -> Option<u32> {
        let parts = split(path);
        let is_it =
            |&place: &u32| self.at(place).is_some_and(|one| one.file_name().parts() == parts);
        self.places.find(self.hasher.hash_one(parts), is_it).copied()
    }

    /// That of this name; `new` makes one if there is none.
    pub(super) fn of(&mut self, path: &Path, new: impl FnOnce(FileName) -> T) -> &mut T {
        let place = self.place(path).unwrap_or_else(|| {
            let (directory, entry) = split(path);
            if *self.directory != *directory {
                self.directory = directory.into();
            }
            let directory = Arc::clone(&self.directory);
            self.all.push(new(FileName { directory, entry: entry.into() }));
            let place = u32::try_from(self.all.len() - 1).expect("so many do not fit in memory");
            self.enter(place);
            place
        });
        &mut self.all[index(place)]
    }

    /// Make the one in this place be found by its name.
    fn enter(&mut self, place: u32) {
        let Self { all, places, hasher, .. } = self;
        let hash = |&place: &u32| hasher.hash_one(all[index(place)].file_name().parts());
        places.insert_unique(hash(&place), place, hash);
    }

    /// Take away all but those that `keep` keeps. Whether there were any, so that others have a new place.
    pub(super) fn retain(&mut self, keep: impl FnMut(&T) -> bool) -> bool {
        let before = self.all.len();
        self.all.retain(keep);
        let is_less = self.all.len() < before;
        if is_less {
            self.places.clear();
            for (place, _) in (0..).zip(0..self.all.len()) {
                self.enter(place);
            }
        }
        is_less
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::ffi::OsStr;

    impl Named for (FileName, u32) {
        fn file_name(&self) -> &FileName {
            &self.0
        }
    }

    proptest! {
        /// Files come and go, and each is found by its name and no other.
        #[test]
        fn files_are_found_by_their_names(
            rounds in prop::collection::vec(prop::collection::vec("[ab/]{0,4}", 0..20), 1..6),
        ) {
            let mut files: Files<(FileName, u32)> = Files::default();
            for (round, names) in (0..).zip(&rounds) {
                let expected: BTreeMap<&str, u32> =
                    names.iter().map(|name| (name.as_str(), round)).collect();
                for name in names {
                    files.of(Path::new(name), |name| (name, 0)).1 = round;
                }
                files.retain(|(_, seen)| *seen == round);
                prop_assert_eq!(files.len(), expected.len());
                for name in expected.keys() {
                    let found = files.place(Path::new(name)).and_then(|place| files.at(place));
                    prop_assert!(found.is_some_and(|(found, _)| found.is(Path::new(name))));
                    prop_assert!(found.is_some_and(|(found, _)| found.to_path().as_os_str() == OsStr::new(name)));
                }
                prop_assert!(files.place(Path::new("c")).is_none());
            }
        }

        /// One order, in which nothing stands between the files of a directory.
        #[test]
        fn names_are_in_the_order_of_paths(mut names in prop::collection::vec("[-a]{1,2}(/[-a]{1,2}){0,3}", 0..20)) {
            let mut files: Files<(FileName, u32)> = Files::default();
            names.sort_unstable();
            names.dedup();
            for name in &names {
                files.of(Path::new(name), |name| (name, 0));
            }
            names.sort_unstable_by(|a, b| Path::new(a).cmp(Path::new(b)));
            let mut sorted: Vec<_> = files.iter().map(|(name, _)| name).collect();
            sorted.sort_unstable();
            let sorted: Vec<_> = sorted.iter().map(|name| name.quoted()).collect();
            prop_assert_eq!(sorted, names);
        }
    }

    #[test]
    fn a_directory_is_kept_once() {
        let mut files: Files<(FileName, u32)> = Files::default();
        for name in ["d/a", "d/b", "e/a"] {
            files.of(Path::new(name), |name| (name, 0));
        }
        let directory = |place| &files.at(place).unwrap().0.directory;
        assert!(Arc::ptr_eq(directory(0), directory(1)));
        assert_eq!(**directory(2), *b"e/");
    }
}
