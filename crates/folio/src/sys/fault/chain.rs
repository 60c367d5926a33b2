//! What was installed for a signal before folio, and handing over to it without anybody noticing folio.
//!
//! What becomes of a signal that is not folio's depends on what was there:
//!
//! | before | a fault | a signal that somebody sent |
//! |---|---|---|
//! | the default | put the default back and return: the instruction faults again | put the default back, send it to this thread again |
//! | ignored | the same: the kernel does not let a fault be ignored | ignore it |
//! | a handler for SIGBUS and SIGSEGV alike | put it back and return: it gets the genuine signal | as for the default |
//! | any other handler | call it, under its own mask | the same |
//!
//! The third row is Rust's own handler, which tells a stack overflow from other faults. It expects to be the one that is
//! installed: for what is none it sets the signal to its default and returns. Crash reporters look the same, and to get
//! the genuine signal is right for them too. When such a handler, or the default, has been put back and the process
//! lives on, folio installs itself again with the next mapping.
//!
//! A handler that is installed later and chains to folio's works, because folio's needs nothing but its arguments. folio
//! never installs itself over it.
//!
//! Everything here but [`Chain::install`] is async-signal-safe.

use core::ffi::{c_int, c_void};
use core::mem::{transmute, zeroed};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use libc::{sigaction, siginfo_t, ucontext_t};

use super::stay::stay_loaded;

/// `BUS_MCEERR_AO` of sigaction(2): memory failed, but no instruction needs it yet. Like a signal that somebody sent.
const BUS_MCEERR_AO: c_int = 5;
/// `SA_RESTORER`: set by the C library on some architectures, of no meaning here.
const SA_RESTORER: c_int = 0x0400_0000;
/// How many bytes of a signal set the kernel uses.
const KERNEL_SET: usize = 8;

/// A handler as the kernel calls it.
pub(super) type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// One delivery of a signal, and the errno of the thread that it interrupted.
pub(super) struct Signal {
    number: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
    errno: c_int,
}

impl Signal {
    /// What the kernel passed to a handler with `SA_SIGINFO`.
    pub(super) fn new(number: c_int, info: *mut siginfo_t, context: *mut c_void) -> Self {
        let errno = errno();
        Self { number, info, context, errno }
    }

    /// `si_code`: above zero for what the kernel raised.
    pub(super) fn code(&self) -> c_int {
        // SAFETY: clause H1: the kernel passes a siginfo.
        unsafe { (*self.info).si_code }
    }

    /// `si_addr`, which is meaningful for faults only.
    pub(super) fn address(&self) -> usize {
        // SAFETY: clause H1: the kernel passes a siginfo; the field is read as the number that it is.
        let info = unsafe { &*self.info };
        // SAFETY: clause H1: any bytes there are an address.
        unsafe { info.si_addr() }.addr()
    }

    /// The frame of the interrupted thread, a `ucontext_t`.
    pub(super) fn context(&self) -> *mut c_void {
        self.context
    }

    /// What the interrupted thread blocks.
    fn mask(&self) -> u64 {
        // SAFETY: clause H1: the kernel passes the frame that it saved.
        let context = unsafe { &*self.context.cast::<ucontext_t>() };
        kernel_set(&context.uc_sigmask)
    }

    /// Whether an instruction raised it, which would raise it again.
    fn is_fault(&self) -> bool {
        self.code() > 0 && self.code() != BUS_MCEERR_AO
    }

    pub(super) fn restore_errno(&self) {
        // SAFETY: clause H1: the C library's errno is this thread's own.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: clause H1: as above, and nobody else writes to it now.
        unsafe { errno.write(self.errno) };
    }

    /// Queue it for this thread again, with all that came with it; rt_tgsigqueueinfo(2).
    fn send_again(&self) {
        let process = rustix::process::getpid().as_raw_nonzero().get();
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        // SAFETY: clause S1: the siginfo is the one that the kernel passed.
        unsafe {
            libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, self.number, self.info)
        };
    }
}

/// What there was for a signal before folio.
#[derive(Clone, Copy)]
struct Before {
    action: sigaction,
    /// Whether the same handler stood for SIGBUS and SIGSEGV, with the flags of Rust's own.
    shared: bool,
}

/// One signal's handler of folio's, and what was there before it.
pub(super) struct Chain {
    number: c_int,
    handler: Handler,
    /// SIGSEGV's for SIGBUS, and the other way round.
    twin: &'static Chain,
    installed: AtomicBool,
    /// Never freed nor written to once it is here; null for the default.
    before: AtomicPtr<Before>,
    installing: Mutex<()>,
}

impl Chain {
    pub(super) const fn new(number: c_int, handler: Handler, twin: &'static Chain) -> Self {
        Self {
            number,
            handler,
            twin,
            installed: AtomicBool::new(false),
            before: AtomicPtr::new(ptr::null_mut()),
            installing: Mutex::new(()),
        }
    }

    /// Put the handler in place if it is not.
    #[inline]
    pub(super) fn install(&self) {
        if !self.installed.load(Ordering::Acquire) {
            self.install_now();
        }
    }

    #[cold]
    fn install_now(&self) {
        stay_loaded();
        let _turn = self.installing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.installed.load(Ordering::Acquire) {
            return;
        }
        let current = self.current();
        if current.sa_sigaction != self.address() {
            // Remembered first: a signal may come as soon as the handler is there.
            self.remember(current);
            self.set(&self.action(&current));
        }
        self.installed.store(true, Ordering::Release);
    }

    fn remember(&self, action: sigaction) {
        let flags = action.sa_flags & !SA_RESTORER;
        let shared = flags == libc::SA_SIGINFO | libc::SA_ONSTACK
            && action.sa_sigaction == self.twin.foreign();
        let known = self.before();
        if known.action.sa_sigaction != action.sa_sigaction
            || known.action.sa_flags != action.sa_flags
        {
            self.before.store(Box::leak(Box::new(Before { action, shared })), Ordering::Release);
        }
    }

    /// The handler of the program or its runtime: the current one, or the one before folio's.
    fn foreign(&self) -> usize {
        match self.current().sa_sigaction {
            handler if handler == self.address() => self.before().action.sa_sigaction,
            handler => handler,
        }
    }

    /// folio's own action; the module documentation of `handler` says why these flags.
    fn action(&self, before: &sigaction) -> sigaction {
        let mut action = default_action();
        action.sa_sigaction = self.address();
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: clause S1: the set is written to.
        unsafe { libc::sigfillset(&raw mut action.sa_mask) };
        let handled = !matches!(before.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN);
        if !handled || before.sa_flags & libc::SA_RESTART != 0 {
            action.sa_flags |= libc::SA_RESTART;
        }
        action
    }

    fn address(&self) -> usize {
        self.handler as usize
    }

    fn before(&self) -> Before {
        // SAFETY: clause H1: what is stored there is never freed nor written to again.
        let before = unsafe { self.before.load(Ordering::Acquire).as_ref() };
        before.copied().unwrap_or(Before { action: default_action(), shared: false })
    }

    /// Do with a signal that is not folio's what would have been done without folio; the table above.
    pub(super) fn hand_over(&self, signal: &Signal) {
        let before = self.before();
        match (before.action.sa_sigaction, signal.is_fault()) {
            (libc::SIG_IGN, false) => {}
            (libc::SIG_DFL | libc::SIG_IGN, true) => self.put_back(&default_action()),
            (_, true) if before.shared => self.put_back(&before.action),
            (libc::SIG_DFL, false) => self.end_by(signal),
            (_, false) if before.shared => self.end_by(signal),
            _ => self.call(&before.action, signal),
        }
    }

    /// Leave the signal to `action` until the next mapping.
    fn put_back(&self, action: &sigaction) {
        self.set(action);
        // Only now: whoever installs folio's again must find the other.
        self.installed.store(false, Ordering::Release);
    }

    /// Let a signal that somebody sent do what it does by default.
    fn end_by(&self, signal: &Signal) {
        self.put_back(&default_action());
        signal.send_again();
    }

    /// Call the handler that was there before, under the mask that the kernel would have called it under.
    fn call(&self, action: &sigaction, signal: &Signal) {
        if action.sa_flags & libc::SA_RESETHAND != 0 {
            self.before.store(ptr::null_mut(), Ordering::Release);
        }
        let own = if action.sa_flags & libc::SA_NODEFER == 0 { bit(self.number) } else { 0 };
        let mask = change_mask(signal.mask() | kernel_set(&action.sa_mask) | own);
        if action.sa_flags & libc::SA_SIGINFO == 0 {
            // SAFETY: clause H4: without SA_SIGINFO, this is what was installed.
            let handler = unsafe { transmute::<usize, extern "C" fn(c_int)>(action.sa_sigaction) };
            handler(signal.number);
        } else {
            // SAFETY: clause H4: with SA_SIGINFO, this is what was installed.
            let handler = unsafe { transmute::<usize, Handler>(action.sa_sigaction) };
            handler(signal.number, signal.info, signal.context);
        }
        change_mask(mask);
    }

    fn current(&self) -> sigaction {
        let mut action = default_action();
        // SAFETY: clause S1: the kernel writes to the action.
        let answer = unsafe { sigaction(self.number, ptr::null(), &mut action) };
        debug_assert_eq!(answer, 0);
        action
    }

    fn set(&self, action: &sigaction) {
        // SAFETY: clause S1: the action is read, and its handler is one for this signal (H4).
        let answer = unsafe { sigaction(self.number, action, ptr::null_mut()) };
        debug_assert_eq!(answer, 0);
    }
}

/// The C library's errno of this thread.
fn errno() -> c_int {
    // SAFETY: clause H1: the place is this thread's own.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: clause H1: as above, and it always holds a number.
    unsafe { errno.read() }
}

fn default_action() -> sigaction {
    // SAFETY: clause S1: zeros are a sigaction: the default, no flags, an empty mask.
    unsafe { zeroed() }
}

/// The part of a signal set that the kernel knows.
fn kernel_set(set: &libc::sigset_t) -> u64 {
    // SAFETY: clause S1: a signal set is at least as large as the kernel's.
    unsafe { ptr::from_ref(set).cast::<u64>().read() }
}

fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// Set this thread's mask; returns the old one. Of the kernel's own set, for the C library keeps two signals out of its.
fn change_mask(mask: u64) -> u64 {
    let mut old = 0u64;
    // SAFETY: clause S1: both sets are as long as the call is told.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const mask,
            &raw mut old,
            KERNEL_SET,
        )
    };
    old
}

/// Let no signal interrupt this thread until [`restore_signals`] gets what this returns.
pub(super) fn block_all_signals() -> u64 {
    change_mask(u64::MAX)
}

pub(super) fn restore_signals(mask: u64) {
    change_mask(mask);
}

/// Whether the eight bytes at `address` can be loaded, found out without loading them here: rt_sigprocmask(2) reads its new
/// set before it refuses to do something unknown with it.
pub(super) fn readable(address: usize) -> bool {
    let (unknown, no_old) = (-1, ptr::null_mut::<u64>());
    // SAFETY: clause S1: the kernel answers EFAULT for an address that it cannot read, and changes nothing.
    let answer =
        unsafe { libc::syscall(libc::SYS_rt_sigprocmask, unknown, address, no_old, KERNEL_SET) };
    debug_assert_eq!(answer, -1);
    errno() != libc::EFAULT
}
