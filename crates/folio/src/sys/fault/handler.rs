//! The SIGBUS handler.
//!
//! It is installed with `SA_ONSTACK`, so that it runs where the program gave a stack for signals and on the thread's own
//! stack elsewhere, and with all signals blocked: another signal's handler that ran in its middle and touched a mapping
//! would fault while SIGBUS is blocked, and then the kernel kills; and signals that somebody sends faster than they are
//! handled would pile up on a small stack. A handler that it chains to gets the mask that it would have had, so that
//! it may touch mappings if it asked for `SA_NODEFER`. `SA_RESTART` because a SIGBUS that somebody sends
//! to a process that ignores it must not interrupt system calls.

use core::ffi::{c_int, c_void};
use core::ptr;

use libc::{siginfo_t, ucontext_t};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};

use super::chain::{Chain, Signal, block_all_signals, readable, restore_signals};
use super::context::{program_counter, set_program_counter};
use super::gate::{SEGV, kernel_can_tell};
use super::report::{Line, Outcome};
use super::slot::{Found, Mapping};
use super::table::table;
use super::{Answer, Touch};
use crate::sys::copy;
use crate::sys::region::Access;

/// `BUS_ADRERR` of sigaction(2): no page can be had at the address. (The libc crate has these for other systems only.)
const BUS_ADRERR: c_int = 2;
/// `BUS_OBJERR`: the object behind the address failed.
const BUS_OBJERR: c_int = 3;
/// `BUS_MCEERR_AR`: the memory behind the address failed, and the instruction needs it.
const BUS_MCEERR_AR: c_int = 4;

/// How often in a row a fault on one page may find the page accessible before the kernel is not believed: more than there
/// are threads that could have been late, and soon enough not to look like a hang. Emulators answer every madvise(2) with
/// success.
const IN_VAIN: usize = 5000;

/// How many zero pages of a mapping may stand apart: each splits it, and the kernel allows a process 65,530 areas in all
/// (`vm.max_map_count`).
const MANY: usize = 1024;

pub(super) static BUS: Chain = Chain::new(libc::SIGBUS, on_bus, &SEGV);

/// Put the SIGBUS handler in place. One load if it is there.
#[inline]
pub(crate) fn install() {
    BUS.install();
}

extern "C" fn on_bus(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let signal = Signal::new(number, info, context);
    if !survive(&signal) {
        BUS.hand_over(&signal);
    }
    signal.restore_errno();
}

/// Make the interrupted thread able to go on; `false` if the signal is not folio's.
fn survive(signal: &Signal) -> bool {
    if !matches!(signal.code(), BUS_ADRERR | BUS_OBJERR | BUS_MCEERR_AR) {
        return false;
    }
    let address = signal.address();
    let found = table().find(address);
    // SAFETY: clause H1: the kernel passes the frame that it saved, which nobody else uses.
    let context = unsafe { &mut *signal.context().cast::<ucontext_t>() };
    if let Some(found) = found
        && found.mapping.touch == Touch::Slices
    {
        if is_code(&found.mapping, program_counter(context)) {
            // Zeros are instructions, too (clause H7).
            tell(&found, address, Outcome::Ends);
            return false;
        }
        return zero_page(&found, address);
    }
    if let Some(landing) = copy::landing(program_counter(context)) {
        set_program_counter(context, landing);
        return true;
    }
    found.is_some_and(|found| zero_page(&found, address))
}

/// Whether the instruction that faulted is one of the mapping's own bytes.
fn is_code(mapping: &Mapping, program_counter: usize) -> bool {
    mapping.access == Access::ReadExec && (mapping.base..mapping.end).contains(&program_counter)
}

/// Say on stderr that the byte at `address` is gone, if the mapping wants that and it was not said before.
#[inline(never)]
fn tell(found: &Found, address: usize, outcome: Outcome) {
    if found.mapping.answer != Answer::Zeros && found.slot.tell() {
        Line::about(address, outcome).write();
    }
}

/// Put a zero page at `address`, unless the page can be had by now. Where another handler is at work in the mapping, or it
/// is paused, nothing is done, and the instruction faults again. `false` if the kernel gives no page.
pub(super) fn zero_page(found: &Found, address: usize) -> bool {
    // A signal handler that runs while this thread is inside, and faults in the same mapping, would wait for itself.
    let mask = block_all_signals();
    let done = found.enter().map(|inside| {
        let mapping = &found.mapping;
        let page = address - (address - mapping.base) % mapping.page.bytes();
        if !still_faults(mapping, page) && inside.in_vain(page) < IN_VAIN {
            return true;
        }
        if mapping.answer == Answer::LineAndAbort {
            tell(found, address, Outcome::Ends);
            // What other threads hold does not matter any more: it takes no lock of the program's.
            std::process::abort();
        }
        // While the kernel still knows which file stands here.
        tell(found, address, Outcome::Zeros);
        // Marked before anybody can see the zeros.
        found.slot.poison(page - mapping.base);
        replace(found, page)
    });
    restore_signals(mask);
    if done.is_none() {
        rustix::thread::sched_yield();
    }
    done.unwrap_or(true)
}

/// Whether the page cannot be had even now. A thread may come here late: meanwhile another has put a zero page there and
/// stored to it, or the file has grown again.
fn still_faults(mapping: &Mapping, page: usize) -> bool {
    let writable = mapping.access == Access::ReadWrite;
    let advice = if writable { Advice::LinuxPopulateWrite } else { Advice::LinuxPopulateRead };
    let address = ptr::with_exposed_provenance_mut(page);
    // SAFETY: clause H3: the page is inside the mapping; faulting it in changes no byte.
    let answer = unsafe { rustix::mm::madvise(address, mapping.page.bytes(), advice) };
    match answer {
        Err(Errno::FAULT | Errno::HWPOISON) => true,
        // Stores are forbidden there just now (clause G6); a load tells.
        Err(Errno::INVAL) if writable && kernel_can_tell() => {
            // SAFETY: clause H3: as above.
            let answer = unsafe {
                rustix::mm::madvise(address, mapping.page.bytes(), Advice::LinuxPopulateRead)
            };
            matches!(answer, Err(Errno::FAULT | Errno::HWPOISON))
        }
        // Before 5.14 the kernel does not know the advice. What can be loaded may still fail to be stored to.
        Err(Errno::INVAL) => writable || !readable(page),
        // No memory just now, or a signal: executing the instruction again is what the kernel would do.
        Ok(()) | Err(_) => false,
    }
}

/// Map zeros over one page; or, from the [`MANY`]th page on, over the whole mapping, if its bytes are reached by atomics, which
/// bear it that others change.
fn replace(found: &Found, page: usize) -> bool {
    let mapping = &found.mapping;
    if mapping.touch == Touch::Atomics && found.slot.poison_count() >= MANY {
        let len = mapping.end - mapping.base;
        return map_zeros(mapping, mapping.base, len, MapFlags::NORESERVE);
    }
    let mapped = map_zeros(mapping, page, mapping.page.bytes(), MapFlags::empty());
    if mapped {
        make_present(mapping, page);
    }
    mapped
}

/// Let the page map tell of the zero page before anybody touches it: whoever materialises the mapping keeps the pages that it
/// tells of, and takes the file's for all others.
fn make_present(mapping: &Mapping, page: usize) {
    let address = ptr::with_exposed_provenance_mut(page);
    // Before 5.14, or without memory, the instruction that faulted does it.
    // SAFETY: clause H3: the page is inside the mapping; faulting it in changes no byte.
    let _ =
        unsafe { rustix::mm::madvise(address, mapping.page.bytes(), Advice::LinuxPopulateRead) };
}

fn map_zeros(mapping: &Mapping, start: usize, len: usize, extra: MapFlags) -> bool {
    let prot = match mapping.access {
        Access::Read => ProtFlags::READ,
        Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        Access::ReadExec => ProtFlags::READ | ProtFlags::EXEC,
    };
    let address = ptr::with_exposed_provenance_mut(start);
    let flags = MapFlags::PRIVATE | MapFlags::FIXED | extra;
    // SAFETY: clause H3: the pages belong to a mapping of the table, which stays there while this handler is inside.
    let answer = unsafe { rustix::mm::mmap_anonymous(address, len, prot, flags) };
    answer.is_ok()
}
