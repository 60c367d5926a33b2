//! Namespaces of one's own; unshare(2).

use std::io;

use rustix::thread::UnshareFlags;

/// Leave the namespaces of `flags`, which are of mounts and of users.
pub(crate) fn leave(flags: UnshareFlags) -> io::Result<()> {
    debug_assert!((UnshareFlags::NEWNS | UnshareFlags::NEWUSER).contains(flags));
    // SAFETY: clause R6: the table of descriptors stays as it is.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}
