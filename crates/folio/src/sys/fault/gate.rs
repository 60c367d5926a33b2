//! The SIGSEGV handler that makes a store wait while its page is replaced (clause G6).
//!
//! Materialising a `Private` forbids stores to a window of pages, copies the window, and puts the copy in its place. A
//! thread that stores there meanwhile comes here with `SEGV_ACCERR`. It waits until the window is elsewhere and returns,
//! and the store is executed again, on the new page. A fault may also come late, when the window has moved on: it returns
//! at once.
//!
//! A store that is forbidden for another reason (the mapping was fenced off) must not be tried for ever: where no window is,
//! the kernel is asked whether the page takes stores, and if not, the signal goes to whoever was there before.

use core::ffi::{c_int, c_void};
use core::ptr;

use libc::{siginfo_t, ucontext_t};
use rustix::io::Errno;
use rustix::mm::Advice;

use super::Touch;
use super::chain::{Chain, Signal};
use super::context::program_counter;
use super::handler::BUS;
use super::slot::Found;
use super::table::table;
use crate::sys::region::Access;

/// `SEGV_ACCERR` of sigaction(2): the page is there and does not allow the access.
const SEGV_ACCERR: c_int = 2;

pub(super) static SEGV: Chain = Chain::new(libc::SIGSEGV, on_segv, &BUS);

/// Put the SIGSEGV handler in place. One load if it is there.
#[inline]
pub(crate) fn install() {
    SEGV.install();
}

extern "C" fn on_segv(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let signal = Signal::new(number, info, context);
    if !wait_for_the_gate(&signal) {
        SEGV.hand_over(&signal);
    }
    signal.restore_errno();
}

/// Wait until the store can be executed again; `false` if the signal is not folio's.
fn wait_for_the_gate(signal: &Signal) -> bool {
    if signal.code() != SEGV_ACCERR {
        return false;
    }
    let address = signal.address();
    // SAFETY: clause H1: the kernel passes the frame that it saved.
    let context = unsafe { &*signal.context().cast::<ucontext_t>() };
    if program_counter(context) == address {
        return false;
    }
    match table().find(address) {
        Some(found)
            if found.mapping.touch == Touch::Slices
                && found.mapping.access == Access::ReadWrite =>
        {
            takes_stores(&found, address)
        }
        _ => false,
    }
}

/// Wait while `address` is in the window; then, whether the page there takes stores.
fn takes_stores(found: &Found, address: usize) -> bool {
    let (slot, mapping) = (found.slot, &found.mapping);
    let position = address - mapping.base;
    loop {
        let windows = slot.windows();
        if windows == 0 {
            return false;
        }
        while slot.gated(position) {
            rustix::thread::sched_yield();
        }
        let page = ptr::with_exposed_provenance_mut(address - position % mapping.page.bytes());
        // SAFETY: clause H3: the page is inside the mapping; faulting it in changes no byte.
        let answer =
            unsafe { rustix::mm::madvise(page, mapping.page.bytes(), Advice::LinuxPopulateWrite) };
        // SIGBUS is not this handler's concern, and neither is a kernel that is short of memory.
        let forbidden = matches!(answer, Err(Errno::INVAL | Errno::FAULT)) && kernel_can_tell();
        if !forbidden {
            return true;
        }
        // The window may have come here between the two looks.
        if slot.windows() == windows {
            return false;
        }
    }
}

/// Whether the kernel knows `MADV_POPULATE_WRITE` (5.14). Before, every fault counts as a late one.
pub(super) fn kernel_can_tell() -> bool {
    // SAFETY: clause P2: no bytes, no pages.
    unsafe { rustix::mm::madvise(ptr::null_mut(), 0, Advice::LinuxPopulateWrite) }.is_ok()
}
