//! `stable_deref_trait`: values that borrow from a mapping and carry it with them, by `yoke` and by `self_cell`.

use folio::Frozen;
use self_cell::self_cell;
use stable_deref_trait::{CloneStableDeref, StableDeref};
use yoke::{Yoke, Yokeable};

use crate::scratch::{Scratch, assert_in, lines, mapping};

/// A table whose columns lie in the file.
#[derive(Yokeable)]
struct Index<'a> {
    lines: Vec<&'a str>,
}

impl<'a> Index<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, std::str::Utf8Error> {
        Ok(Self { lines: std::str::from_utf8(bytes)?.lines().collect() })
    }
}

self_cell!(
    struct Document {
        owner: Frozen,
        #[covariant]
        dependent: Index,
    }
);

#[test]
fn the_traits_are_there() {
    fn stable<T: StableDeref<Target = [u8]> + CloneStableDeref>() {}
    stable::<Frozen>();
}

#[test]
fn a_yoke_carries_its_mapping() {
    let file = Scratch::new(lines(10_000).as_bytes());
    let frozen = Frozen::open(file.path()).unwrap();
    let pages = mapping(&frozen);
    let index: Yoke<Index<'static>, Frozen> =
        Yoke::try_attach_to_cart(frozen, |bytes| Index::of(bytes)).unwrap();
    file.truncate();
    let moved = std::thread::spawn(move || index).join().unwrap();
    assert_eq!(moved.get().lines.len(), 10_000);
    assert_eq!(moved.get().lines[9_999], "line 9999");
    assert_in(&pages, moved.get().lines[9_999].as_bytes());
}

#[test]
fn a_self_cell_carries_its_mapping() {
    let file = Scratch::new(lines(10_000).as_bytes());
    let frozen = Frozen::open(file.path()).unwrap();
    let document = Document::try_new(frozen, |bytes| Index::of(bytes)).unwrap();
    file.truncate();
    let moved = Box::new(document);
    assert_eq!(moved.borrow_dependent().lines[5_000], "line 5000");
    assert_in(&mapping(moved.borrow_owner()), moved.borrow_dependent().lines[5_000].as_bytes());
}
