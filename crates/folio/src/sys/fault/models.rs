//! loom's proof of the table: each model runs once for every order in which its threads could see each other's stores.
//!
//!     RUSTFLAGS="--cfg loom" cargo test -p folio --lib --release loom
//!
//! A `Page` stands for the memory of a mapping, and loom ends a model in which two threads touch it without order. What
//! the kernel orders by itself (a fault comes after the mapping was made, zeros are seen after the page was put there)
//! the models order with an atomic.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::slot::{Mapping, Slot};
use super::sync::{AtomicUsize, Ordering};
use super::table::table;
use super::*;
use crate::page::PageSize;
use crate::sys::region::Access;

const FIRST: Mapping = mapping(0x1000, 0x9000, Touch::Slices, Access::Read);
const SECOND: Mapping = mapping(0x4000, 0x6000, Touch::Atomics, Access::ReadWrite);

const fn mapping(base: usize, end: usize, touch: Touch, access: Access) -> Mapping {
    let page = PageSize::new(4096).expect("a power of two");
    Mapping { base, end, page, touch, access, answer: Answer::Zeros }
}

/// The memory of a mapping: how often a zero page was put there.
struct Page(UnsafeCell<usize>);

// SAFETY: clause H3: loom checks that accesses are ordered; that is what the models are for.
unsafe impl Sync for Page {}
// SAFETY: clause H3: a number.
unsafe impl Send for Page {}

impl Page {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn replace(&self) {
        // SAFETY: clause H3: loom ends the model if anybody else is here.
        self.0.with_mut(|zeros| unsafe { *zeros += 1 });
    }

    fn zeros(&self) -> usize {
        // SAFETY: clause H3: loom ends the model if anybody else is writing.
        self.0.with(|zeros| unsafe { *zeros })
    }
}

fn leaked_slot() -> &'static Slot {
    Box::leak(Box::new(Slot::new()))
}

/// What the handler does: find, enter, put a zero page there if none is.
fn fault(slot: &'static Slot, address: usize, page: &Page) -> bool {
    let Some(found) = slot.find(address) else { return false };
    let inside = found.enter();
    if inside.is_some() && page.zeros() == 0 {
        slot.poison(address - found.mapping.base);
        page.replace();
    }
    inside.is_some()
}

#[test]
fn loom_a_lookup_never_sees_half_of_a_mapping() {
    loom::model(|| {
        let slot = leaked_slot();
        slot.set(FIRST);
        let writer = thread::spawn(move || slot.set(SECOND));
        if let Some(found) = slot.find(0x5000) {
            assert!(found.mapping == FIRST || found.mapping == SECOND, "{found:?}");
        }
        writer.join().unwrap();
        assert_eq!(slot.find(0x5000).unwrap().mapping, SECOND);
    });
}

#[test]
fn loom_two_faults_on_one_page_put_zeros_there_once() {
    loom::model(|| {
        let slot = leaked_slot();
        slot.set(FIRST);
        let page = Arc::new(Page::new());
        let other = Arc::clone(&page);
        let thread = thread::spawn(move || fault(slot, 0x1000, &other));
        let here = fault(slot, 0x1000, &page);
        let there = thread.join().unwrap();
        assert!(here || there, "one of them is never in the way of itself");
        assert_eq!((page.zeros(), slot.poison_count()), (1, 1));
    });
}

/// Materialising takes the file's page where it sees no zeros, so what is counted has to be there.
#[test]
fn loom_what_a_settled_count_counts_is_zeros() {
    loom::model(|| {
        let slot = leaked_slot();
        slot.set(FIRST);
        let page = Arc::new(Page::new());
        let other = Arc::clone(&page);
        let thread = thread::spawn(move || fault(slot, 0x1000, &other));
        if slot.settled_poison_count() == 1 {
            assert_eq!(page.zeros(), 1);
        }
        thread.join().unwrap();
    });
}

#[test]
fn loom_a_pause_and_a_handler_exclude_each_other() {
    loom::model(|| {
        let slot = leaked_slot();
        slot.set(FIRST);
        let page = Arc::new(Page::new());
        let other = Arc::clone(&page);
        let thread = thread::spawn(move || fault(slot, 0x1000, &other));
        slot.pause();
        // Materialising: nobody is inside now.
        page.replace();
        slot.resume();
        let inside = thread.join().unwrap();
        assert_eq!(slot.poison_count(), page.zeros() - 1);
        assert!(inside || slot.poison_count() == 0);
    });
}

/// The end of one pause does not end another.
#[test]
fn loom_pauses_nest() {
    loom::model(|| {
        let slot = leaked_slot();
        slot.set(FIRST);
        let page = Arc::new(Page::new());
        let other = Arc::clone(&page);
        let thread = thread::spawn(move || fault(slot, 0x1000, &other));
        slot.pause();
        slot.pause();
        slot.resume();
        page.replace();
        slot.resume();
        thread.join().unwrap();
        assert_eq!(slot.poison_count(), page.zeros() - 1);
    });
}

/// Taking a mapping out, unmapping it, and using the slot for another, while a handler is at work.
#[test]
fn loom_a_mapping_stays_until_the_handler_that_found_it_has_left() {
    loom::model(|| {
        let slot = leaked_slot();
        slot.set(FIRST);
        let page = Arc::new(Page::new());
        let other = Arc::clone(&page);
        let handler = thread::spawn(move || {
            let found = slot.find(0x1000)?;
            let inside = found.enter()?;
            other.replace();
            drop(inside);
            Some(found.mapping)
        });
        slot.clear();
        // Unmapped: nobody puts a zero page at these addresses any more.
        let zeros = page.zeros();
        slot.set(SECOND);
        let touched = handler.join().unwrap();
        assert_eq!(touched.is_some(), zeros == 1);
        assert!(touched.is_none_or(|mapping| mapping == FIRST));
        assert_eq!(page.zeros(), zeros);
    });
}

#[test]
fn loom_who_sees_the_zeros_sees_the_poison() {
    loom::model(|| {
        let slot = leaked_slot();
        slot.set(FIRST);
        let zeros = Arc::new(AtomicUsize::new(0));
        let other = Arc::clone(&zeros);
        let handler = thread::spawn(move || {
            slot.poison(0x3000);
            other.store(1, Ordering::Release);
        });
        if zeros.load(Ordering::Acquire) == 1 {
            assert_eq!((slot.poisoned_at(), slot.poison_count()), (Some(0x3000), 1));
        }
        handler.join().unwrap();
    });
}

#[test]
fn loom_the_table_grows_and_shrinks_under_lookups() {
    loom::model(|| {
        let first = table().insert(FIRST);
        let thread = thread::spawn(move || {
            let second = table().insert(SECOND);
            table().remove(second);
        });
        // One address is in the first alone, one in both, one in none.
        assert_eq!(table().find(0x8000).unwrap().mapping, FIRST);
        let both = table().find(0x5000).unwrap().mapping;
        assert!(both == FIRST || both == SECOND);
        assert!(table().find(0xa000).is_none());
        thread.join().unwrap();
        table().remove(first);
        assert!(table().find(0x8000).is_none());
    });
}
