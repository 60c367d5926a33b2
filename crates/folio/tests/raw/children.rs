use folio::raw::{Advice, Ended, Touch, observe, observe_touches};
use folio::{MapOptions, Shared};

use crate::scratch::{memory, page, sevens};

/// The child's values name addresses where nothing of theirs is; nothing else may come to be there.
pub(crate) fn inherit_nothing_that_is_kept_from_them_and_put_nothing_in_its_place() {
    const PAGES: usize = 1000;
    let kept = memory(PAGES * page());
    kept.store(0, 1);
    kept.advise(0..PAGES * page(), Advice::DontFork).unwrap();
    // So too for what the library's own kinds keep.
    let file = sevens(PAGES * page());
    let shared: Shared = MapOptions::new().map_shared(&file).unwrap();
    shared.pages().advise(.., folio::Advice::DontFork).unwrap();
    let touched = observe_touches(&kept, 0..1, Touch::Load).unwrap();
    assert_eq!((touched.done, touched.signal), (0, Some(11)));

    let (start, end) = (kept.address(), kept.address() + kept.len());
    let seen = observe(move || {
        let mut others = Vec::new();
        for _ in 0..2 * PAGES {
            let other = memory(page());
            assert!(!(start..end).contains(&other.address()));
            other.store(0, 5);
            others.push(other);
        }
        drop((kept, shared));
        others.iter().map(|other| other.load(0)).collect()
    });
    let seen = seen.unwrap();
    assert_eq!(seen.ended, Ended::Exited(0));
    assert_eq!(seen.bytes, vec![5; 2 * PAGES]);
}

pub(crate) fn of_children_are_forked_as_well() {
    let seen = observe(|| observe(|| vec![4]).unwrap().bytes).unwrap();
    assert_eq!((seen.bytes.as_slice(), seen.ended), ([4].as_slice(), Ended::Exited(0)));
}
