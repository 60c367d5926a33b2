//! Namespaces of one's own, in which an ordinary user may mount.

use std::io;

use rustix::thread::UnshareFlags;

use crate::sys::raw::namespaces as sys;

/// Which namespaces to leave; namespaces(7).
///
/// ```
/// use folio::raw::{Namespaces, observe, unshare};
/// let seen = observe(|| {
///     // As root; as anybody, where the kernel is set so.
///     let left = unshare(Namespaces::Mount).or_else(|_| unshare(Namespaces::UserAndMount));
///     vec![u8::from(left.is_ok())]
/// })?;
/// println!("{}", if seen.bytes == [1] { "it may mount" } else { "it may not" });
/// # Ok::<(), std::io::Error>(())
/// ```
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
/// ```
/// use folio::raw::{Namespaces, observe, unshare};
/// let namespace = || std::fs::read_link("/proc/self/ns/mnt").ok();
/// let before = namespace();
/// let seen = observe(|| { // in a child, because there is no way back
///     let left = unshare(Namespaces::UserAndMount).is_ok();
///     vec![u8::from(left), u8::from(namespace() != before)]
/// })?;
/// assert_eq!(seen.bytes[0], seen.bytes[1]);
/// assert_eq!(namespace(), before); // this process stays
/// # Ok::<(), std::io::Error>(())
/// ```
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
