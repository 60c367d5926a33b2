//! Keeping the code of the handlers in memory.
//!
//! folio may be part of a shared library (a plugin, a module of some interpreter) that the program unloads again. A handler cannot
//! be taken away then: one that was installed later may chain to it. So the library stays, as with dlopen(3)'s `RTLD_NODELETE`.

use core::ffi::c_void;
use core::mem::zeroed;
use core::sync::atomic::{AtomicBool, Ordering};

use libc::Dl_info;

/// See to it that dlclose(3) leaves the library with this code where it is. Nothing is to be done for a program of its own.
///
/// Not under a lock: the loader's own is held while a library's initialisers run, which may map files.
pub(super) fn stay_loaded() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if DONE.swap(true, Ordering::Relaxed) {
        return;
    }
    let Some(here) = object_at(stay_loaded as *const c_void) else { return };
    // SAFETY: clause S1: it takes a number.
    let entry = unsafe { libc::getauxval(libc::AT_ENTRY) };
    let program = usize::try_from(entry)
        .ok()
        .and_then(|entry| object_at(core::ptr::without_provenance(entry)));
    if program.is_some_and(|program| program.dli_fbase == here.dli_fbase) {
        return;
    }
    let flags = libc::RTLD_NOLOAD | libc::RTLD_NODELETE | libc::RTLD_LAZY;
    // SAFETY: clause H8: the loader's own name of a library that is loaded; with RTLD_NOLOAD nothing else is.
    unsafe { libc::dlopen(here.dli_fname, flags) };
}

/// The library or program that `address` is in; dladdr(3).
fn object_at(address: *const c_void) -> Option<Dl_info> {
    // SAFETY: clause S1: zeros are a Dl_info, with pointers to nothing.
    let mut object: Dl_info = unsafe { zeroed() };
    // SAFETY: clause S1: the address is looked up, and the structure written to.
    let found = unsafe { libc::dladdr(address, &raw mut object) };
    (found != 0).then_some(object)
}
