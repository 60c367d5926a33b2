//! What becomes of the signals that experiments raise.

use std::io;

use crate::sys::raw::signal as sys;

/// A signal that has to do with mappings and leases, or that asks a process to end; signal(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGBUS: there is no page to be had.
    Bus,
    /// SIGSEGV: nothing is mapped there, or its protection forbids the touch.
    Segv,
    /// SIGIO: somebody wants a lease broken.
    Io,
    /// SIGHUP: the terminal is gone.
    Hangup,
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGQUIT: Ctrl-\.
    Quit,
    /// SIGTERM: somebody wants the process to end.
    Terminate,
    /// SIGXFSZ: a file would become longer than RLIMIT_FSIZE allows.
    FileSize,
}

impl Signal {
    /// Its number.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::Bus => libc::SIGBUS,
            Self::Segv => libc::SIGSEGV,
            Self::Io => libc::SIGIO,
            Self::Hangup => libc::SIGHUP,
            Self::Interrupt => libc::SIGINT,
            Self::Quit => libc::SIGQUIT,
            Self::Terminate => libc::SIGTERM,
            Self::FileSize => libc::SIGXFSZ,
        }
    }
}

/// Block `signal` in this thread, and in those that it starts. The kernel ends a process that faults while the signal is
/// blocked, whatever handler there is.
///
/// # Errors
/// What pthread_sigmask(3) answers.
pub fn block_signal(signal: Signal) -> io::Result<()> {
    sys::set_blocked(signal.number(), true)
}

/// Let `signal` in again.
///
/// # Errors
/// What pthread_sigmask(3) answers.
pub fn unblock_signal(signal: Signal) -> io::Result<()> {
    sys::set_blocked(signal.number(), false)
}

/// Let `signal` do to this process what it does by default; all of them end it. That takes away folio's own handler for good:
/// from then on no mapping of this process survives a fault.
///
/// # Errors
/// What sigaction(2) answers.
pub fn default_signal(signal: Signal) -> io::Result<()> {
    sys::set_disposition(signal.number(), sys::Disposition::Default)
}

/// Ignore `signal`, unless the kernel raises it for a fault: then it ends the process, as [`default_signal`] says.
///
/// # Errors
/// What sigaction(2) answers.
pub fn ignore_signal(signal: Signal) -> io::Result<()> {
    sys::set_disposition(signal.number(), sys::Disposition::Ignore)
}
