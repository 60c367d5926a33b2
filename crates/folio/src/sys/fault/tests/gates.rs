//! Stores that wait while their page is replaced, and segmentation faults that are not folio's.

use core::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::sys::copy::copy_in;

/// Replace the page at `at` by a copy of it, as materialising does.
fn replace_by_copy(region: &Region, entry: &Entry, at: usize) {
    let window = at..at + page();
    let mode = Mode { access: Access::ReadWrite, sharing: Sharing::Private, no_reserve: false };
    let copy = Region::anonymous(page(), 0, mode).unwrap();
    entry.gate(window.clone());
    // SAFETY: clause G6: the window is gated.
    unsafe { region.forbid_stores(window.clone()) }.unwrap();
    // SAFETY: clause L2: both are pages of their own.
    let done = unsafe { copy_in(copy.base(), region.base().wrapping_add(at), page()) };
    assert_eq!(done, page());
    // SAFETY: clause G6: the bytes are the same, and no store comes between.
    unsafe { region.replace(window, copy) }.unwrap();
}

/// The thread that copies a window gets zeros for a page that is gone, and the pages beside it stay.
#[test]
fn a_page_that_is_gone_is_replaced_where_stores_are_forbidden() {
    let (file, region) = mapped(3, Access::ReadWrite, Sharing::Private);
    let entry = Entry::new(&region, Touch::Slices);
    store(&region, 0, 7);
    store(&region, 2 * page(), 7);
    // SAFETY: clause G6: nobody stores.
    unsafe { region.forbid_stores(0..3 * page()) }.unwrap();
    file.set_len(page() as u64).unwrap();
    let mut copy = vec![1; 3 * page()];
    // SAFETY: clause L2: the pages are the region's, and the vector is as long.
    let done = unsafe { copy_in(copy.as_mut_ptr(), region.base(), copy.len()) };
    assert_eq!((done, entry.poison_count()), (3 * page(), 2));
    assert_eq!((copy[0], copy[1]), (7, FILLED));
    assert!(copy[page()..].iter().all(|&byte| byte == 0));
}

#[test]
fn no_store_is_lost_while_pages_are_replaced_under_a_writer() {
    const PAGES: usize = 4;
    let (_file, region) = mapped(PAGES, Access::ReadWrite, Sharing::Private);
    let entry = Entry::new(&region, Touch::Slices);
    install_store_gate();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut stored = [FILLED; PAGES];
            while !stop.load(Ordering::Relaxed) {
                for (i, stored) in stored.iter_mut().enumerate() {
                    let at = i * page() + 77;
                    *stored = stored.wrapping_add(1);
                    store(&region, at, load(&region, at).wrapping_add(1));
                    assert_eq!(load(&region, at), *stored, "page {i}");
                }
            }
            stored
        });
        for round in 0..2000 {
            replace_by_copy(&region, &entry, round % PAGES * page());
            if round % 3 == 0 {
                entry.ungate();
            }
        }
        entry.ungate();
        stop.store(true, Ordering::Relaxed);
        let stored = writer.join().unwrap();
        for (i, stored) in stored.iter().enumerate() {
            assert_eq!(load(&region, i * page() + 77), *stored);
            assert_eq!(load(&region, i * page() + 78), FILLED);
        }
    });
    assert_eq!(entry.poisoned_at(), None);
}

/// What ends a process by SIGSEGV.
fn null() {
    // SAFETY: none; the test is about what becomes of it (E1).
    unsafe { core::ptr::without_provenance::<u8>(8).read_volatile() };
}

#[test]
fn segmentation_faults_that_are_not_ours_end_the_process_as_without_folio() {
    let test = "gates::segmentation_faults_that_are_not_ours_end_the_process_as_without_folio";
    for (name, before) in [("runtime", None), ("default", Some(libc::SIG_DFL))] {
        let prepare = || {
            before.map(|before| handle(libc::SIGSEGV, before, 0));
        };
        let without = || {
            in_child(test, &format!("{name} without"), || {
                prepare();
                null();
            })
        };
        let null_with = in_child(test, &format!("{name} null"), || {
            prepare();
            install_store_gate();
            null();
        });
        assert_same_end(null_with, without(), libc::SIGSEGV);
        let read_only = in_child(test, &format!("{name} read-only"), || {
            prepare();
            install_store_gate();
            let (_file, region) = mapped(1, Access::Read, Sharing::Private);
            let _entry = Entry::new(&region, Touch::Slices);
            store(&region, 0, 1);
        });
        assert_same_end(read_only, without(), libc::SIGSEGV);
        let fenced = in_child(test, &format!("{name} fenced"), || {
            prepare();
            install_store_gate();
            let (_file, region) = mapped(2, Access::ReadWrite, Sharing::Private);
            let entry = Entry::new(&region, Touch::Slices);
            replace_by_copy(&region, &entry, 0);
            entry.ungate();
            store(&region, 0, 1);
            region.fence().unwrap();
            store(&region, 0, 1);
        });
        assert_same_end(fenced, without(), libc::SIGSEGV);
    }
}

/// Recursion without end.
fn overflow(depth: usize) -> usize {
    let frame = core::hint::black_box([depth; 100]);
    if depth == usize::MAX { frame[0] } else { overflow(depth + 1) + frame[1] }
}

#[test]
fn a_stack_overflow_still_prints_its_message() {
    let test = "gates::a_stack_overflow_still_prints_its_message";
    let overflows = |folio: bool| {
        move || {
            if folio {
                install();
                install_store_gate();
            }
            let sum =
                thread::Builder::new().name("deep".into()).spawn(|| overflow(0)).unwrap().join();
            drop(sum);
        }
    };
    let with = in_child(test, "with", overflows(true));
    let without = in_child(test, "without", overflows(false));
    let message = "thread 'deep'";
    for output in [&with, &without].into_iter().flatten() {
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(message) && text.contains("has overflowed its stack"), "{text}");
    }
    assert_same_end(with, without, libc::SIGABRT);
}
