use folio::raw::{
    Advice, Ended, Fork, Mapping, Protection, Sharing, Touch, exit, faults, fork, observe,
    observe_touches,
};

use crate::scratch::{READ_WRITE, map, memory, page, sevens};

const SIGBUS: Option<i32> = Some(7);
const SIGSEGV: Option<i32> = Some(11);

pub(crate) fn is_forked_while_it_has_one_thread() {
    // A thread that has ended is none, also when the kernel still counts it.
    for _ in 0..20 {
        std::thread::spawn(|| ()).join().unwrap();
        match fork().unwrap() {
            Fork::Child => exit(3),
            Fork::Parent(child) => assert_eq!(child.wait().unwrap(), Ended::Exited(3)),
        }
    }
}

pub(crate) fn is_not_forked_while_it_has_more() {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || wait.recv().is_err());
    let error = fork().unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (std::io::ErrorKind::WouldBlock, None));
    assert!(observe(Vec::new).is_err());
    drop(release);
    assert!(thread.join().unwrap());
    // Nor is one under whose feet a lease is, which has a thread to watch it.
    let dir = tempfile::tempdir_in(testfs::with_leases()).unwrap();
    let path = dir.path().join("leased");
    std::fs::write(&path, vec![7; 1 << 20]).unwrap();
    let inside = observe(|| {
        let frozen = folio::Frozen::open(&path).unwrap();
        let refused = fork().is_err();
        vec![u8::from(frozen.guarantee() == folio::Guarantee::Lease), u8::from(refused)]
    });
    match inside.unwrap().bytes[..] {
        [1, refused] => assert_eq!(refused, 1),
        [0, _] => testfs::skip("a lease", "the file system of temporary files has none"),
        ref other => panic!("{other:?}"),
    }
}

/// What a closure panics with, and what panics when that is dropped.
struct PanicsAgain;

impl Drop for PanicsAgain {
    fn drop(&mut self) {
        panic!("again");
    }
}

pub(crate) fn is_observed_to_return_panic_and_die() {
    let seen = observe(|| vec![1; 1 << 20]).unwrap();
    assert_eq!((seen.bytes.len(), seen.ended), (1 << 20, Ended::Exited(0)));
    let seen = observe(|| {
        std::panic::set_hook(Box::new(|_| ()));
        panic!("told to nobody")
    });
    let seen = seen.unwrap();
    assert_eq!((seen.bytes.len(), seen.ended), (0, Ended::Exited(101)));
    let parent = std::process::id();
    let seen = observe(|| {
        std::panic::set_hook(Box::new(|_| ()));
        std::panic::panic_any(PanicsAgain)
    });
    assert_eq!(std::process::id(), parent, "a child came back");
    assert_eq!(seen.unwrap().ended, Ended::Exited(101));
    let memory = memory(page());
    memory.protect(0..page(), Protection::empty()).unwrap();
    let seen = observe(|| memory.load_range(0..1)).unwrap();
    assert_eq!(Some(seen.ended), SIGSEGV.map(Ended::Signalled));
}

pub(crate) fn counts_its_faults() {
    let memory = memory(64 * page());
    memory.advise(0..64 * page(), Advice::NoHugePage).unwrap();
    let before = faults().unwrap().minor;
    for at in 0..64 {
        memory.store(at * page(), 1);
    }
    assert!(faults().unwrap().minor - before >= 64);
}

#[track_caller]
fn touched(mapping: &Mapping, range: std::ops::Range<usize>, touch: Touch) -> (usize, Option<i32>) {
    let touched = observe_touches(mapping, range, touch).unwrap();
    let loaded = if touch == Touch::Load { touched.done } else { 0 };
    assert_eq!(touched.bytes.len(), loaded);
    (touched.done, touched.signal)
}

pub(crate) fn touches_end_where_the_file_does() {
    let file = sevens(page() + 1);
    let mapping = map(&file, 3 * page(), READ_WRITE, Sharing::Shared);
    let seen = observe_touches(&mapping, page() - 1..page() + 3, Touch::Load).unwrap();
    assert_eq!((seen.bytes.as_slice(), seen.done, seen.signal), ([7, 7, 0, 0].as_slice(), 4, None));
    let end = 2 * page();
    assert_eq!(touched(&mapping, end - 3..end + 3, Touch::Load), (3, SIGBUS));
    assert_eq!(touched(&mapping, end..end + 3, Touch::Load), (0, SIGBUS));
    assert_eq!(touched(&mapping, end - 3..end + 3, Touch::Store(1)), (3, SIGBUS));
    assert_eq!(touched(&mapping, 0..0, Touch::Load), (0, None));
    // A child's stores to shared pages are the file's.
    assert_eq!(touched(&mapping, 0..2, Touch::Store(9)), (2, None));
    assert_eq!(mapping.load_range(0..3), [9, 9, 7]);
    let private = map(&file, page(), READ_WRITE, Sharing::Private);
    assert_eq!(touched(&private, 0..2, Touch::Store(1)), (2, None));
    assert_eq!(private.load_range(0..3), [9, 9, 7]);
    assert!(observe_touches(&mapping, 0..3 * page() + 1, Touch::Load).is_err());
}

pub(crate) fn touches_end_where_the_protection_does() {
    let memory = memory(2 * page());
    memory.protect(page()..2 * page(), Protection::READ).unwrap();
    let edge = page() - 2..page() + 2;
    assert_eq!(touched(&memory, edge.clone(), Touch::Load), (4, None));
    assert_eq!(touched(&memory, edge.clone(), Touch::Store(1)), (2, SIGSEGV));
    memory.protect(page()..2 * page(), Protection::empty()).unwrap();
    assert_eq!(touched(&memory, edge, Touch::Load), (2, SIGSEGV));
}

pub(crate) fn touches_end_at_a_guard() {
    let memory = memory(2 * page());
    if let Err(error) = memory.advise(page()..2 * page(), Advice::GuardInstall) {
        return testfs::skip("guard pages", error);
    }
    assert_eq!(touched(&memory, page() - 1..page() + 1, Touch::Load), (1, SIGSEGV));
    memory.advise(page()..2 * page(), Advice::GuardRemove).unwrap();
    assert_eq!(touched(&memory, page() - 1..page() + 1, Touch::Load), (2, None));
}
