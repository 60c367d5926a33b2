//! What a process leaves behind: to a child of fork(2), and to whoever shares its open files when it ends.
//!
//! A child has the one thread that forked. A lock that another thread held stays locked there for ever, and a mapping that a
//! handler of another thread was inside stays entered. A child that has the mappings of its parent ([`crate::best_effort`])
//! drops them and makes new ones, so the locks are held while the process forks (pthread_atfork(3)), as the C library does
//! with its own, and nobody is inside a mapping in the child.
//!
//! A lease that was taken through an open file description which others share (clause E2), a child above all, outlives the
//! process, and nobody would answer the kernel when a writer comes. So a process that ends by exit(3) gives up its leases.
//!
//! A child that was made without the C library (clone(2)) has no such care, and a process that ends otherwise takes none.

use core::cell::RefCell;
use std::sync::Once;

use super::{fault, lease};

/// All locks, in this order.
struct Held {
    _leases: lease::Held,
    _table: fault::Held,
}

thread_local! {
    /// What the forking thread holds meanwhile.
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// From now on, hold the locks while the process forks, and give up leases when it ends.
pub(crate) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: clauses S1 and T4: the handlers are functions that stay. Without memory for them, forking is as it was.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
        // SAFETY: clause S1: as above.
        unsafe { libc::atexit(at_exit) };
    });
}

extern "C" fn before() {
    let held = Held { _leases: lease::hold(), _table: fault::hold() };
    // A thread that ends while it forks has no such place; then the locks are free again at once.
    let _ = HELD.try_with(|place| *place.borrow_mut() = Some(held));
}

extern "C" fn in_parent() {
    let _ = HELD.try_with(|place| drop(place.borrow_mut().take()));
}

extern "C" fn at_exit() {
    lease::let_go_of_all();
}

extern "C" fn in_child() {
    fault::forget_other_threads();
    in_parent();
}
