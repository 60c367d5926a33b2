//! [`OwnFile`]: a file that folio opened while other threads may close its descriptor.

use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};

use rustix::io::Errno;

/// A file that nobody else has open.
///
/// Another thread of the program may close all descriptors at any moment, as daemons do, and open others. So whoever writes here asks
/// before each part whether the descriptor is that file's still, and whoever makes something of what it read or wrote asks once more
/// afterwards (clause S2). Nothing else is closed.
#[derive(Debug)]
pub(crate) struct OwnFile {
    /// `None` for one that is being dropped.
    fd: Option<OwnedFd>,
    /// Device and inode number.
    file: (u64, u64),
}

impl OwnFile {
    /// What was opened just now.
    pub(crate) fn new(fd: impl Into<OwnedFd>) -> rustix::io::Result<Self> {
        let mut new = Self { fd: Some(fd.into()), file: (0, 0) };
        new.file = file_of(new.as_fd())?;
        Ok(new)
    }

    /// Whether the descriptor is still the file's. Once it is not it never is again.
    pub(crate) fn is_still(&self) -> bool {
        file_of(self.as_fd()) == Ok(self.file)
    }

    /// An error where it is not.
    pub(crate) fn still(&self) -> rustix::io::Result<()> {
        if self.is_still() { Ok(()) } else { Err(Errno::BADF) }
    }
}

impl AsFd for OwnFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_ref().expect("it is there until it is dropped").as_fd()
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        let is_still = self.is_still();
        if let Some(fd) = self.fd.take()
            && !is_still
        {
            // Somebody else's, or nobody's.
            let _ = fd.into_raw_fd();
        }
    }
}

fn file_of(fd: BorrowedFd<'_>) -> rustix::io::Result<(u64, u64)> {
    rustix::fs::fstat(fd).map(|stat| (stat.st_dev, stat.st_ino))
}
