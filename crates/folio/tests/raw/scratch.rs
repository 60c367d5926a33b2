//! Files to map.

use std::fs::File;

use folio::PageSize;
use folio::raw::{MapFlags, Mapping, Protection, Sharing};

/// The size of a page in bytes.
pub(crate) fn page() -> usize {
    PageSize::base().bytes()
}

pub(crate) const READ_WRITE: Protection = Protection::READ.union(Protection::WRITE);

/// A file without a name that holds `len` bytes 7.
pub(crate) fn sevens(len: usize) -> File {
    let file = tempfile::tempfile().unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![7; len], 0).unwrap();
    file
}

/// `len` bytes of `file` from its start.
pub(crate) fn map(file: &File, len: usize, protection: Protection, sharing: Sharing) -> Mapping {
    Mapping::file(file, 0, len, protection, sharing, MapFlags::empty()).unwrap()
}

/// `len` bytes of private memory.
pub(crate) fn memory(len: usize) -> Mapping {
    Mapping::anonymous(len, READ_WRITE, Sharing::Private, MapFlags::empty()).unwrap()
}
