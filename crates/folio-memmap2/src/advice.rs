//! The advice of madvise(2), by the names and numbers that memmap2 gives it.

use ::folio::best_effort;

/// Advice that changes no byte; for [`Mmap::advise`](crate::Mmap::advise) and its like. Each is named as in madvise(2).
#[repr(i32)]
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Advice {
    /// `MADV_NORMAL`: no special treatment, the default.
    Normal = libc::MADV_NORMAL,
    /// `MADV_RANDOM`: pages are wanted in no order, so that reading ahead is of little use.
    Random = libc::MADV_RANDOM,
    /// `MADV_SEQUENTIAL`: pages are wanted in order.
    Sequential = libc::MADV_SEQUENTIAL,
    /// `MADV_WILLNEED`: the pages are wanted soon.
    WillNeed = libc::MADV_WILLNEED,
    /// `MADV_DONTFORK`: a child of fork(2) does not get the pages.
    DontFork = libc::MADV_DONTFORK,
    /// `MADV_DOFORK`: it gets them after all.
    DoFork = libc::MADV_DOFORK,
    /// `MADV_MERGEABLE`: equal pages may be merged (KSM). Private pages without a file alone.
    Mergeable = libc::MADV_MERGEABLE,
    /// `MADV_UNMERGEABLE`: the opposite.
    Unmergeable = libc::MADV_UNMERGEABLE,
    /// `MADV_HUGEPAGE`: huge pages are welcome.
    HugePage = libc::MADV_HUGEPAGE,
    /// `MADV_NOHUGEPAGE`: they are not.
    NoHugePage = libc::MADV_NOHUGEPAGE,
    /// `MADV_DONTDUMP`: core dumps go without the pages.
    DontDump = libc::MADV_DONTDUMP,
    /// `MADV_DODUMP`: they go with them after all.
    DoDump = libc::MADV_DODUMP,
    /// `MADV_HWPOISON`: treat the pages as if their memory had failed. For tests of that, with CAP_SYS_ADMIN.
    HwPoison = libc::MADV_HWPOISON,
    /// `MADV_POPULATE_READ` (5.14): fault the pages in for loads; an error, and no signal, where one cannot be had.
    PopulateRead = libc::MADV_POPULATE_READ,
    /// `MADV_POPULATE_WRITE` (5.14): the same for stores.
    PopulateWrite = libc::MADV_POPULATE_WRITE,
}

/// Advice that can change bytes, so that it is unsafe to give: for [`Mmap::unchecked_advise`](crate::Mmap::unchecked_advise)
/// and its like.
///
/// What a guarantee keeps stays: there, pages are forgotten only where the same bytes can be had again.
#[repr(i32)]
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum UncheckedAdvice {
    /// `MADV_DONTNEED`: forget the pages. Pages of a shared mapping come from the file again; those of a private one lose
    /// what was stored to them, and those without a file become zeros.
    DontNeed = libc::MADV_DONTNEED,
    /// `MADV_FREE`: the kernel may turn the pages into zeros when it wants their memory. Pages without a file alone.
    Free = libc::MADV_FREE,
    /// `MADV_REMOVE`: punch a hole into the file. Shared writable mappings alone.
    Remove = libc::MADV_REMOVE,
}

impl Advice {
    /// Whether this kernel knows the advice.
    pub fn is_supported(self) -> bool {
        best_effort::knows_advice(self as i32)
    }
}

impl UncheckedAdvice {
    /// Whether this kernel knows the advice.
    pub fn is_supported(self) -> bool {
        best_effort::knows_advice(self as i32)
    }
}
