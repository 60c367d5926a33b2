//! Files without a name, for what memory may be too small for.

use std::env;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};

/// A new one, to write and then to read. It is gone with its descriptor, however the process ends.
///
/// # Errors
/// What the kernel answers: among others that there is no such directory, or that its file system has no `O_TMPFILE`.
pub(crate) fn scratch() -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    Ok(rustix::fs::open(directory(), flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Unlike /tmp, /var/tmp is not in memory; file-hierarchy(7).
fn directory() -> PathBuf {
    env::var_os("TMPDIR").filter(|path| !path.is_empty()).unwrap_or("/var/tmp".into()).into()
}
