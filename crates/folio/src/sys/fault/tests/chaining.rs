//! Signals that are not folio's, with each kind of handler before and after it.

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::thread;

use rustix::mm::{MapFlags, ProtFlags};

use super::*;
use crate::sys::copy::copy_in;

/// What stands for SIGBUS before folio.
#[derive(Clone, Copy, Debug)]
enum Before {
    /// Rust's own handler, which each Rust program has.
    Runtime,
    Default,
    Ignored,
}

impl Before {
    const ALL: [Self; 3] = [Self::Runtime, Self::Default, Self::Ignored];

    fn set(self) {
        match self {
            Self::Runtime => assert!(handled_by(libc::SIGBUS) > libc::SIG_IGN),
            Self::Default => drop(handle(libc::SIGBUS, libc::SIG_DFL, 0)),
            Self::Ignored => drop(handle(libc::SIGBUS, libc::SIG_IGN, 0)),
        }
    }
}

fn send_bus() {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::BUS).unwrap();
}

#[test]
fn a_fault_that_is_not_ours_ends_the_process_as_without_folio() {
    let test = "chaining::a_fault_that_is_not_ours_ends_the_process_as_without_folio";
    for before in Before::ALL {
        let with = in_child(test, &format!("{before:?} with folio"), || {
            before.set();
            install();
            assert_eq!(copy_into_a_fault(), 100);
            foreign_fault();
        });
        let without = in_child(test, &format!("{before:?} without folio"), || {
            before.set();
            foreign_fault();
        });
        assert_same_end(with, without, libc::SIGBUS);
    }
}

#[test]
fn an_address_is_foreign_again_when_its_entry_is_dropped() {
    let test = "chaining::an_address_is_foreign_again_when_its_entry_is_dropped";
    let with = in_child(test, "with", || {
        let (file, region) = mapped(2, Access::Read, Sharing::Private);
        let entry = Entry::new(&region, Touch::Slices);
        file.set_len(0).unwrap();
        assert_eq!(load(&region, 0), 0);
        drop(entry);
        load(&region, page());
    });
    let without = in_child(test, "without", || {
        foreign_fault();
    });
    assert_same_end(with, without, libc::SIGBUS);
}

#[test]
fn a_signal_that_somebody_sends_ends_the_process_or_is_ignored_as_without_folio() {
    let test =
        "chaining::a_signal_that_somebody_sends_ends_the_process_or_is_ignored_as_without_folio";
    for before in [Before::Default, Before::Runtime] {
        let with = in_child(test, &format!("{before:?} with"), || {
            before.set();
            install();
            send_bus();
            // Another thread may take it.
            loop {
                thread::yield_now();
            }
        });
        let without = in_child(test, &format!("{before:?} without"), || {
            Before::Default.set();
            send_bus();
            loop {
                thread::yield_now();
            }
        });
        assert_same_end(with, without, libc::SIGBUS);
    }
    assert_returns(in_child(test, "ignored", || {
        Before::Ignored.set();
        install();
        let (_file, region) = mapped(16, Access::Read, Sharing::Shared);
        let mut buffer = vec![0u8; 16 * page()];
        for _ in 0..1000 {
            send_bus();
            // SAFETY: clause L2: the source is the mapping, the destination as long.
            let done = unsafe { copy_in(buffer.as_mut_ptr(), region.as_ptr(), buffer.len()) };
            assert_eq!(done, buffer.len(), "a sent signal is no fault, wherever it interrupts");
        }
        assert_eq!(copy_into_a_fault(), 100);
    }));
}

/// Whether `signal` is blocked for this thread.
fn blocked(signal: c_int) -> bool {
    // SAFETY: clause S1: zeros are a set.
    let mut set: libc::sigset_t = unsafe { core::mem::zeroed() };
    // SAFETY: clause S1: the set is written to.
    assert_eq!(unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, core::ptr::null(), &mut set) }, 0);
    // SAFETY: clause S1: the set was filled.
    unsafe { libc::sigismember(&set, signal) == 1 }
}

/// What a handler of the program's saw.
static CALLS: AtomicUsize = AtomicUsize::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);
static ADDRESS: AtomicUsize = AtomicUsize::new(0);
static VALUE: AtomicUsize = AtomicUsize::new(0);
static BLOCKED: AtomicBool = AtomicBool::new(false);

/// Notes what it is told, and makes the page of a fault readable, as a program with mappings of its own does.
extern "C" fn note_and_map(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: clause H1: what a handler gets.
    let info = unsafe { &*info };
    CODE.store(info.si_code, Ordering::SeqCst);
    BLOCKED.store(blocked(libc::SIGBUS), Ordering::SeqCst);
    // SAFETY: clause H1: any bytes are a value.
    VALUE.store(unsafe { info.si_value() }.sival_ptr.addr(), Ordering::SeqCst);
    // SAFETY: clause H1: any bytes are an address.
    let address = unsafe { info.si_addr() };
    if info.si_code > 0 {
        ADDRESS.store(address.addr(), Ordering::SeqCst);
        let start = address.map_addr(|address| address & !(page() - 1));
        // SAFETY: clause H3: the test's own mapping.
        unsafe {
            rustix::mm::mmap_anonymous(
                start,
                page(),
                ProtFlags::READ,
                MapFlags::PRIVATE | MapFlags::FIXED,
            )
        }
        .unwrap();
    }
    CALLS.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn a_handler_that_was_there_before_gets_the_fault_as_the_kernel_raised_it() {
    let test = "chaining::a_handler_that_was_there_before_gets_the_fault_as_the_kernel_raised_it";
    for (name, flags, block) in [("plain", 0, true), ("nodefer", libc::SA_NODEFER, false)] {
        assert_returns(in_child(test, name, || {
            handle(libc::SIGBUS, note_and_map as Handler as usize, libc::SA_SIGINFO | flags);
            install();
            for calls in 1..=3 {
                assert_eq!(foreign_fault(), 0);
                assert_eq!(CALLS.load(Ordering::SeqCst), calls);
                assert_eq!(CODE.load(Ordering::SeqCst), 2);
                assert_eq!(ADDRESS.load(Ordering::SeqCst), FOREIGN.load(Ordering::SeqCst));
                assert_eq!(BLOCKED.load(Ordering::SeqCst), block);
                assert!(!blocked(libc::SIGBUS));
                assert_eq!(copy_into_a_fault(), 100);
                assert_eq!(
                    CALLS.load(Ordering::SeqCst),
                    calls,
                    "a fault of folio's is not handed over"
                );
            }
        }));
    }
}

#[test]
fn a_handler_that_was_there_before_gets_what_somebody_sends() {
    let test = "chaining::a_handler_that_was_there_before_gets_what_somebody_sends";
    assert_returns(in_child(test, "queued", || {
        handle(libc::SIGBUS, note_and_map as Handler as usize, libc::SA_SIGINFO);
        install();
        let value = libc::sigval { sival_ptr: core::ptr::without_provenance_mut(4711) };
        let own = rustix::process::getpid().as_raw_pid();
        // SAFETY: clause S1: numbers.
        assert_eq!(unsafe { libc::sigqueue(own, libc::SIGBUS, value) }, 0);
        while CALLS.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        assert_eq!(
            (CODE.load(Ordering::SeqCst), VALUE.load(Ordering::SeqCst)),
            (libc::SI_QUEUE, 4711)
        );
        assert_eq!(copy_into_a_fault(), 100);
    }));
}

extern "C" fn count_number(signal: c_int) {
    assert_eq!(signal, libc::SIGBUS);
    CALLS.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn a_handler_for_one_call_with_one_argument_is_called_once() {
    let test = "chaining::a_handler_for_one_call_with_one_argument_is_called_once";
    let output = in_child(test, "once", || {
        let handler: extern "C" fn(c_int) = count_number;
        handle(libc::SIGBUS, handler as usize, libc::SA_RESETHAND);
        install();
        send_bus();
        while CALLS.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        assert_eq!(copy_into_a_fault(), 100);
        send_bus();
        loop {
            thread::yield_now();
        }
    });
    assert!(output.is_none_or(|output| output.status.signal() == Some(libc::SIGBUS)));
}

/// folio's handler, for those that come after it.
static FOLIOS: AtomicUsize = AtomicUsize::new(0);

/// A handler that counts and then chains to folio's.
extern "C" fn count_and_chain(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    CALLS.fetch_add(1, Ordering::SeqCst);
    // SAFETY: clause H4: what sigaction(2) gave.
    let next = unsafe { core::mem::transmute::<usize, Handler>(FOLIOS.load(Ordering::SeqCst)) };
    next(signal, info, context);
}

#[test]
fn a_handler_that_comes_later_and_chains_to_folio_works() {
    let test = "chaining::a_handler_that_comes_later_and_chains_to_folio_works";
    for flags in [0, libc::SA_ONSTACK, libc::SA_NODEFER] {
        let with = in_child(test, &format!("flags {flags}"), || {
            install();
            let later = count_and_chain as Handler as usize;
            let before = handle(libc::SIGBUS, later, libc::SA_SIGINFO | flags);
            FOLIOS.store(before.sa_sigaction, Ordering::SeqCst);
            assert_eq!(copy_into_a_fault(), 100);
            let (file, region) = mapped(1, Access::Read, Sharing::Private);
            let entry = Entry::new(&region, Touch::Slices);
            file.set_len(0).unwrap();
            assert_eq!((load(&region, 0), entry.poison_count()), (0, 1));
            // Two for the copy: the block, and the byte that it ends at.
            assert_eq!(CALLS.load(Ordering::SeqCst), 3);
            assert_eq!(handled_by(libc::SIGBUS), later, "folio does not install itself over it");
            foreign_fault();
        });
        let without = in_child(test, &format!("without {flags}"), || {
            foreign_fault();
        });
        assert_same_end(with, without, libc::SIGBUS);
    }
}

#[test]
fn a_crash_reporter_for_both_signals_gets_the_genuine_one_and_folio_comes_back() {
    let test =
        "chaining::a_crash_reporter_for_both_signals_gets_the_genuine_one_and_folio_comes_back";
    assert_returns(in_child(test, "reporter", || {
        let reporter = note_and_map as Handler as usize;
        for signal in [libc::SIGBUS, libc::SIGSEGV] {
            handle(signal, reporter, libc::SA_SIGINFO | libc::SA_ONSTACK);
        }
        for calls in 1..=3 {
            install();
            assert_ne!(handled_by(libc::SIGBUS), reporter);
            assert_eq!(copy_into_a_fault(), 100);
            assert_eq!(foreign_fault(), 0);
            assert_eq!(handled_by(libc::SIGBUS), reporter);
            assert_eq!(CALLS.load(Ordering::SeqCst), calls);
            assert_eq!(ADDRESS.load(Ordering::SeqCst), FOREIGN.load(Ordering::SeqCst));
        }
    }));
}

/// A handler that itself reads a mapping that faults.
extern "C" fn copy_and_end(_: c_int, _: *mut siginfo_t, _: *mut c_void) {
    end(if copy_into_a_fault() == 100 { 33 } else { 1 });
}

#[test]
fn a_handler_that_folio_chains_to_may_itself_read_a_mapping() {
    let test = "chaining::a_handler_that_folio_chains_to_may_itself_read_a_mapping";
    let output = in_child(test, "nested", || {
        handle(libc::SIGBUS, copy_and_end as Handler as usize, libc::SA_SIGINFO | libc::SA_NODEFER);
        install();
        with_roomy_signal_stack(foreign_fault);
    });
    assert!(output.is_none_or(|output| output.status.code() == Some(33)));
}
