//! What becomes of the signals that experiments raise.

use std::io;

use crate::sys::raw::signal as sys;

/// A signal that has to do with mappings and leases, or that asks a process to end; signal(7).
///
/// ```
/// use folio::raw::{MapFlags, Mapping, Protection, Sharing, Signal, Touch, observe_touches};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// let file = std::fs::File::create_new(&path).and(std::fs::File::open(&path))?; // empty
/// let mapping = Mapping::file(&file, 0, 1, Protection::READ, Sharing::Shared, MapFlags::empty())?;
/// let touched = observe_touches(&mapping, 0..1, Touch::Load)?;
/// assert_eq!(touched.signal, Some(Signal::Bus.number())); // mapped, but there is no page
/// let touched = observe_touches(&mapping, 0..1, Touch::Store(7))?;
/// assert_eq!(touched.signal, Some(Signal::Segv.number())); // not for writing
/// # Ok::<(), std::io::Error>(())
/// ```
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
    ///
    /// ```
    /// use folio::raw::{Ended, Signal};
    /// let died_of_a_mapping = |ended| match ended {
    ///     Ended::Exited(_) => false,
    ///     Ended::Signalled(number) => number == Signal::Bus.number(),
    /// };
    /// assert!(died_of_a_mapping(Ended::Signalled(libc::SIGBUS)));
    /// ```
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
/// ```
/// use folio::Shared;
/// use folio::raw::{Ended, Signal, block_signal, observe};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
/// let shared = Shared::open(&path)?;
/// std::fs::File::create(&path)?; // somebody truncates the file
/// assert!(shared.load::<u8>(0).is_err()); // folio's handler sees to that
/// let seen = observe(|| {
///     let _ = block_signal(Signal::Bus).map(|()| shared.load::<u8>(0));
///     Vec::new()
/// })?;
/// assert_eq!(seen.ended, Ended::Signalled(Signal::Bus.number())); // it was not asked
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What pthread_sigmask(3) answers.
pub fn block_signal(signal: Signal) -> io::Result<()> {
    sys::set_blocked(signal.number(), true)
}

/// Let `signal` in again.
///
/// ```
/// use folio::raw::{Ended, Signal, block_signal, default_signal, observe, unblock_signal};
/// let seen = observe(|| {
///     let _ = default_signal(Signal::Terminate);
///     let _ = block_signal(Signal::Terminate);
///     let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM);
///     let _ = unblock_signal(Signal::Terminate); // it was waiting
///     b"too late".to_vec()
/// })?;
/// assert_eq!(seen.ended, Ended::Signalled(Signal::Terminate.number()));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// What pthread_sigmask(3) answers.
pub fn unblock_signal(signal: Signal) -> io::Result<()> {
    sys::set_blocked(signal.number(), false)
}

/// Let `signal` do to this process what it does by default; all of them end it. That takes away folio's own handler for good:
/// from then on no mapping of this process survives a fault.
///
/// ```
/// use folio::Shared;
/// use folio::raw::{Ended, Signal, default_signal, observe};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
/// let shared = Shared::open(&path)?;
/// std::fs::File::create(&path)?; // somebody truncates the file
/// let seen = observe(|| {
///     let _ = default_signal(Signal::Bus).map(|()| shared.load::<u8>(0));
///     Vec::new()
/// })?;
/// assert_eq!(seen.ended, Ended::Signalled(Signal::Bus.number()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What sigaction(2) answers.
pub fn default_signal(signal: Signal) -> io::Result<()> {
    sys::set_disposition(signal.number(), sys::Disposition::Default)
}

/// Ignore `signal`, unless the kernel raises it for a fault: then it ends the process, as [`default_signal`] says.
///
/// ```
/// use folio::raw::{Signal, ignore_signal, observe};
/// let seen = observe(|| {
///     let _ = ignore_signal(Signal::Terminate);
///     let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM);
///     b"goes on".to_vec()
/// })?;
/// assert_eq!(seen.bytes, b"goes on");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// What sigaction(2) answers.
pub fn ignore_signal(signal: Signal) -> io::Result<()> {
    sys::set_disposition(signal.number(), sys::Disposition::Ignore)
}
