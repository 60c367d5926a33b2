//! Namespaces of one's own, in which an ordinary user may mount.

use std::io;

use rustix::thread::UnshareFlags;

use crate::sys::raw::namespaces as sys;

/// Which namespaces to leave; namespaces(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Namespaces {
    /// That of mounts: what is mounted afterwards others do not see, unless it is mounted on what they share
    /// (mount_namespaces(7)). It needs `CAP_SYS_ADMIN`.
    Mount,
    /// Those of users and of mounts: with every capability in the new one, for what belongs to it (user_namespaces(7)). It
    /// needs no right where the kernel allows it at all.
    UserAndMount,
}

/// Leave namespaces for new ones. There is no way back.
///
/// # Errors
/// What unshare(2) answers: `EPERM`, `ENOSPC` or `EUSERS` where that is not allowed, `EINVAL` in a process with several
/// threads that wants a user namespace.
pub fn unshare(namespaces: Namespaces) -> io::Result<()> {
    sys::leave(match namespaces {
        Namespaces::Mount => UnshareFlags::NEWNS,
        Namespaces::UserAndMount => UnshareFlags::NEWNS | UnshareFlags::NEWUSER,
    })
}
