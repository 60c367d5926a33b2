//! userfaultfd(2): what there is of it here, and noting stores with it.

use core::ops::Range;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use bitflags::bitflags;

use super::Mapping;
use crate::sys::raw::userfault as sys;

/// Whose faults it is for.
///
/// ```
/// use folio::raw::{Userfault, UserfaultFeatures, UserfaultScope};
/// let open = |scope| Userfault::new(scope, UserfaultFeatures::empty());
/// match open(UserfaultScope::UserAndKernel).or_else(|_| open(UserfaultScope::User)) {
///     Ok(fd) => println!("{:?}", fd.features()),
///     Err(error) => println!("there is no userfaultfd, or a sandbox forbids it: {error}"),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserfaultScope {
    /// Those of user code (`UFFD_USER_MODE_ONLY`): anybody may ask for it.
    User,
    /// Also those of system calls: needs CAP_SYS_PTRACE, or `vm.unprivileged_userfaultfd`.
    UserAndKernel,
}

bitflags! {
    /// What a userfaultfd can do, in the bits of linux/userfaultfd.h (`UFFD_FEATURE_…`). Bits without a name here are kept.
    ///
    /// ```
    /// use folio::raw::{Userfault, UserfaultFeatures, UserfaultScope};
    /// if let Ok(fd) = Userfault::new(UserfaultScope::User, UserfaultFeatures::empty()) {
    ///     if !fd.features().contains(UserfaultFeatures::WRITE_PROTECT_ASYNC) {
    ///         println!("before Linux 6.7: stores can be caught, but not just noted");
    ///     }
    /// }
    /// ```
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
///
/// ```
/// use folio::raw::{Categories, MapFlags, Mapping, Protection, Scan, Sharing};
/// use folio::raw::{Userfault, UserfaultFeatures, UserfaultScope};
/// let page = folio::PageSize::base().bytes();
/// let rw = Protection::READ | Protection::WRITE;
/// let mapping = Mapping::anonymous(8 * page, rw, Sharing::Shared, MapFlags::POPULATE)?;
/// let wanted = UserfaultFeatures::WRITE_PROTECT_ASYNC | UserfaultFeatures::WRITE_PROTECT_UNPOPULATED;
/// if let Ok(fd) = Userfault::new(UserfaultScope::User, wanted) { // Linux 6.7
///     fd.note_stores(&mapping, 0..8 * page)?;
///     mapping.store(3 * page, 7);
///     let written = Scan { all_of: Categories::WRITTEN, ..Scan::default() };
///     assert_eq!(mapping.scan(0..8 * page, written)?[0].range, 3 * page..4 * page);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Userfault {
    fd: OwnedFd,
    features: UserfaultFeatures,
}

impl Userfault {
    /// One that can do `wanted`, as well as the kernel can.
    ///
    /// ```
    /// use folio::raw::{Userfault, UserfaultFeatures, UserfaultScope};
    /// let unknown = UserfaultFeatures::from_bits_retain(1 << 63);
    /// let error = Userfault::new(UserfaultScope::User, unknown).unwrap_err();
    /// // The kernel lacks the feature, or the call, or a sandbox forbids it.
    /// let expected = [libc::EINVAL, libc::ENOSYS, libc::EPERM];
    /// assert!(expected.contains(&error.raw_os_error().expect("the kernel's answer")));
    /// ```
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
    ///
    /// ```
    /// use folio::raw::{Userfault, UserfaultFeatures, UserfaultScope};
    /// let wanted = UserfaultFeatures::WRITE_PROTECT_ASYNC;
    /// if let Ok(fd) = Userfault::new(UserfaultScope::User, wanted) { // Linux 6.7
    ///     assert!(fd.features().contains(wanted)); // and whatever else there is
    /// }
    /// ```
    #[must_use]
    pub fn features(&self) -> UserfaultFeatures {
        self.features
    }

    /// Note which pages of `range` are stored to: they are [`WRITTEN`](super::Categories::WRITTEN) in a
    /// [`scan`](Mapping::scan). With [`UserfaultFeatures::WRITE_PROTECT_ASYNC`], and `WRITE_PROTECT_UNPOPULATED` for files'
    /// pages; without the first, a store waits until the value is dropped.
    ///
    /// ```
    /// use folio::raw::{Categories, MapFlags, Mapping, Protection, Scan, Sharing};
    /// use folio::raw::{Userfault, UserfaultFeatures, UserfaultScope};
    /// let rw = Protection::READ | Protection::WRITE;
    /// let mapping = Mapping::anonymous(1, rw, Sharing::Private, MapFlags::POPULATE)?;
    /// let written = Scan { all_of: Categories::WRITTEN, ..Scan::default() };
    /// let wanted = UserfaultFeatures::WRITE_PROTECT_ASYNC;
    /// if let Ok(fd) = Userfault::new(UserfaultScope::User, wanted) { // Linux 6.7
    ///     let whole = 0..mapping.len();
    ///     fd.note_stores(&mapping, whole.clone())?;
    ///     assert!(mapping.scan(whole.clone(), written)?.is_empty()); // stores before do not count
    ///     mapping.store(0, 7);
    ///     assert_eq!(mapping.scan(whole, written)?.len(), 1);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the ioctl(2)s answer; [`InvalidInput`](io::ErrorKind::InvalidInput), without a number, for a range that does not
    /// lie within the mapping.
    pub fn note_stores(&self, mapping: &Mapping, range: Range<usize>) -> io::Result<()> {
        sys::protect(self.fd.as_fd(), mapping.region(), mapping.within(range)?)
    }
}
