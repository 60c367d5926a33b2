//! userfaultfd(2): what there is of it here, and noting stores with it.

use core::ops::Range;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use bitflags::bitflags;

use super::Mapping;
use crate::sys::raw::userfault as sys;

/// Whose faults it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserfaultScope {
    /// Those of user code (`UFFD_USER_MODE_ONLY`): anybody may ask for it.
    User,
    /// Also those of system calls: needs CAP_SYS_PTRACE, or `vm.unprivileged_userfaultfd`.
    UserAndKernel,
}

bitflags! {
    /// What a userfaultfd can do, in the bits of linux/userfaultfd.h (`UFFD_FEATURE_…`). Bits without a name here are kept.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct UserfaultFeatures: u64 {
        /// Catching stores to memory without a file.
        const WRITE_PROTECT = 1;
        /// Faults of shared memory (memfds, tmpfs) where a page is missing.
        const MISSING_SHMEM = 1 << 5;
        /// Faults of shared memory where the page is there and only not mapped.
        const MINOR_SHMEM = 1 << 10;
        /// Catching stores to huge pages and shared memory.
        const WRITE_PROTECT_SHARED = 1 << 12;
        /// Catching stores to pages that are not there yet.
        const WRITE_PROTECT_UNPOPULATED = 1 << 13;
        /// Noting stores without anybody who answers (6.7).
        const WRITE_PROTECT_ASYNC = 1 << 15;
        /// Moving pages (6.8).
        const MOVE = 1 << 16;
        const _ = !0;
    }
}

/// A userfaultfd. Mappings that it watches are free again when it is dropped.
#[derive(Debug)]
pub struct Userfault {
    fd: OwnedFd,
    features: UserfaultFeatures,
}

impl Userfault {
    /// One that can do `wanted`, as well as the kernel can.
    ///
    /// # Errors
    /// What userfaultfd(2) answers: `EPERM` without the right, `ENOSYS` where there is none; `EINVAL` for features that the
    /// kernel has not.
    pub fn new(scope: UserfaultScope, wanted: UserfaultFeatures) -> io::Result<Self> {
        let fd = sys::open(scope == UserfaultScope::UserAndKernel)?;
        let features = sys::enable(fd.as_fd(), wanted.bits())?;
        Ok(Self { fd, features: UserfaultFeatures::from_bits_retain(features) })
    }

    /// Everything that the kernel has.
    #[must_use]
    pub fn features(&self) -> UserfaultFeatures {
        self.features
    }

    /// Note which pages of `range` are stored to: they are [`WRITTEN`](super::Categories::WRITTEN) in a
    /// [`scan`](Mapping::scan). With [`UserfaultFeatures::WRITE_PROTECT_ASYNC`], and `WRITE_PROTECT_UNPOPULATED` for files'
    /// pages; without the first, a store waits until the value is dropped.
    ///
    /// # Errors
    /// What the ioctl(2)s answer; [`InvalidInput`](io::ErrorKind::InvalidInput), without a number, for a range that does not
    /// lie within the mapping.
    pub fn note_stores(&self, mapping: &Mapping, range: Range<usize>) -> io::Result<()> {
        sys::protect(self.fd.as_fd(), mapping.region(), mapping.within(range)?)
    }
}
