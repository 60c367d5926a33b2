//! What may be done with the pages of a mapping and who sees it: the words of mmap(2), which `raw` and `process` share.

use bitflags::bitflags;

bitflags! {
    /// What may be done with a page; mmap(2), mprotect(2). Empty: `PROT_NONE`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Protection: u8 {
        /// `PROT_READ`
        const READ = 1;
        /// `PROT_WRITE`
        const WRITE = 2;
        /// `PROT_EXEC`
        const EXEC = 4;
    }
}

/// Whether stores reach the file, or the processes that inherit the memory; mmap(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// `MAP_SHARED`
    Shared,
    /// `MAP_PRIVATE`
    Private,
}
