//! What a signal does to this process, and whether this thread lets it in.

use core::mem::MaybeUninit;
use core::ptr;
use std::io;

use super::done;

/// What the kernel does with a signal, if it is not blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    Default,
    Ignore,
}

/// Set what becomes of the signal `number`; sigaction(2).
pub(crate) fn set_disposition(number: i32, disposition: Disposition) -> io::Result<()> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    let handler = match disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
    };
    // SAFETY: clause S1: zeros are a value of the struct.
    let action = unsafe { action.assume_init_mut() };
    action.sa_sigaction = handler;
    // SAFETY: clause R5: the struct outlives the call, and no handler runs.
    done(unsafe { libc::sigaction(number, action, ptr::null_mut()) })
}

/// Block the signal `number` in this thread, or let it in; pthread_sigmask(3).
pub(crate) fn set_blocked(number: i32, blocked: bool) -> io::Result<()> {
    let how = if blocked { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK };
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: clause S1: the call makes the set.
    done(unsafe { libc::sigemptyset(set.as_mut_ptr()) })?;
    // SAFETY: clause S1: the set was made.
    done(unsafe { libc::sigaddset(set.as_mut_ptr(), number) })?;
    // SAFETY: clause R5: the set outlives the call; a blocked signal is not delivered, or ends the process.
    let answer = unsafe { libc::pthread_sigmask(how, set.as_ptr(), ptr::null_mut()) };
    if answer == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(answer)) }
}
