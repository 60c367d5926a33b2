//! Advice: every hint of madvise(2), and which of them are safe to give.
//!
//! A hint of [`Advice`] changes how pages are read in, kept, merged or dumped, and never what is read from them
//! (clause P1 of `docs/soundness.md`). What can change the bytes, or take pages away, is a [`RawAdvice`] and needs
//! `unsafe`: [`Pages::advise_unchecked`](crate::Pages::advise_unchecked).

use std::io;

use crate::error::Cause;
use crate::pages::Backing;

/// A hint of madvise(2) that changes how pages are read in, kept or dumped, and never what is read.
///
/// Hints take whole pages: those that the range touches, so also a neighbour's bytes on the first and last page.
///
/// All of madvise(2) as of Linux 6.18:
///
/// | `MADV_` | here | because |
/// |---|---|---|
/// | `NORMAL`, `RANDOM`, `SEQUENTIAL` | [`Advice`] | how far to read ahead |
/// | `WILLNEED` | [`Advice::WillNeed`], [`Pages::prefetch`](crate::Pages::prefetch) | starts reading |
/// | `POPULATE_READ`, `POPULATE_WRITE` (5.14) | [`Advice`], [`Pages::populate`](crate::Pages::populate) | faults pages in, and tells errors |
/// | `DONTNEED`, `DONTNEED_LOCKED` (5.18) | [`Advice`], except on private changes and private memory | there it takes changes back, or leaves zeros |
/// | `COLD`, `PAGEOUT` (5.4) | [`Advice`] | writes out what it evicts |
/// | `HUGEPAGE`, `NOHUGEPAGE`, `COLLAPSE` (6.1) | [`Advice`] | the size of pages |
/// | `MERGEABLE`, `UNMERGEABLE` | [`Advice`], on private pages | merged pages are copied on write |
/// | `DONTDUMP`, `DODUMP` | [`Advice`] | what a core dump holds |
/// | `DONTFORK` | [`Advice::DontFork`] | the child has no such pages; calling fork(2) is `unsafe` already, and `raw::fork` puts pages there that cannot be touched |
/// | `DOFORK` | [`RawAdvice`] | undoes `DONTFORK`, which keeps bytes under a lease from a child without a lease thread (clause G8) |
/// | `FREE` | [`RawAdvice`] | the bytes become zeros at any later moment |
/// | `REMOVE` | [`RawAdvice`] | punches a hole into the file |
/// | `WIPEONFORK`, `KEEPONFORK` | [`RawAdvice`] | a child reads zeros; the second undoes it |
/// | `GUARD_INSTALL`, `GUARD_REMOVE` (6.13) | [`RawAdvice`] | pages that cannot be touched |
/// | `HWPOISON`, `SOFT_OFFLINE` | [`RawAdvice`] | takes memory out of use, to test the kernel |
///
/// ```
/// use folio::{Advice, Shared};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 100_000])?;
/// let map = Shared::open(&path)?;
/// map.pages().advise(.., Advice::Random)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Advice {
    /// `MADV_NORMAL`: read ahead a little; undoes [`Random`](Self::Random) and [`Sequential`](Self::Sequential).
    Normal,
    /// `MADV_RANDOM`: read no page that is not touched.
    Random,
    /// `MADV_SEQUENTIAL`: read far ahead, and let go soon of what was read.
    Sequential,
    /// `MADV_WILLNEED`: start to read the pages in, and do not wait. Better in windows, as
    /// [`Pages::prefetch`](crate::Pages::prefetch) gives it.
    WillNeed,
    /// `MADV_DONTNEED`: forget the pages of this mapping; the next touch looks them up in the page cache, which keeps
    /// them. Refused where private changes or memory without a file would be lost: `Private::revert` does that on
    /// purpose. Locked pages refuse it.
    DontNeed,
    /// `MADV_DONTNEED_LOCKED` (5.18): the same for locked pages too.
    DontNeedLocked,
    /// `MADV_COLD` (5.4): these pages may go first when memory is short.
    Cold,
    /// `MADV_PAGEOUT` (5.4): write the pages out and take them from memory now. The kernel leaves pages that others have
    /// mapped, and still answers with success: look at [`Pages::residency`](crate::Pages::residency) afterwards.
    PageOut,
    /// `MADV_POPULATE_READ` (5.14): the same as [`Pages::populate`](crate::Pages::populate) for reading.
    PopulateRead,
    /// `MADV_POPULATE_WRITE` (5.14): the same as [`Pages::populate`](crate::Pages::populate) for writing.
    PopulateWrite,
    /// `MADV_HUGEPAGE`: use huge pages where they are to be had.
    HugePage,
    /// `MADV_NOHUGEPAGE`: use none.
    NoHugePage,
    /// `MADV_COLLAPSE` (6.1): make huge pages of what is in memory, now.
    Collapse,
    /// `MADV_MERGEABLE`: let the kernel's merger (KSM) look for equal private pages. How long a store then takes tells
    /// whether another process has an equal page.
    Mergeable,
    /// `MADV_UNMERGEABLE`: undo that.
    Unmergeable,
    /// `MADV_DONTDUMP`: leave the pages out of a core dump.
    DontDump,
    /// `MADV_DODUMP`: undo that.
    DoDump,
    /// `MADV_DONTFORK`: a child of fork(2) does not have the pages. It must not touch the mapping, which would end it
    /// with SIGSEGV, and not drop it either, because something else may lie at the addresses by then. A
    /// [`Command`](std::process::Command) is not concerned.
    DontFork,
}

/// A hint of madvise(2) that can change what is read or make pages inaccessible; see
/// [`Pages::advise_unchecked`](crate::Pages::advise_unchecked) and the table of [`Advice`].
///
/// ```
/// use folio::{PageSize, RawAdvice, SharedMut};
/// let page = PageSize::base().bytes();
/// let memory = SharedMut::anonymous(2 * page)?;
/// memory.fill(.., 1)?;
/// // SAFETY: nobody has a reference to these bytes, and zeros are what is wanted there.
/// unsafe { memory.pages().advise_unchecked(..page, RawAdvice::Remove) }?;
/// assert_eq!((memory.load::<u8>(0)?, memory.load::<u8>(page)?), (0, 1)); // a hole, and what follows it
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RawAdvice {
    /// `MADV_DONTNEED`, wherever: private changes are taken back, private memory becomes zeros.
    DontNeed,
    /// `MADV_FREE` (4.5): private memory becomes zeros at some later moment, unless it is stored to before.
    Free,
    /// `MADV_REMOVE`: the file gets a hole there, as from fallocate(2) with `FALLOC_FL_PUNCH_HOLE`.
    Remove,
    /// `MADV_DOFORK`: a child of fork(2) has the pages again.
    DoFork,
    /// `MADV_WIPEONFORK` (4.14): a child of fork(2) has zeros in place of this private memory.
    WipeOnFork,
    /// `MADV_KEEPONFORK` (4.14): undo that.
    KeepOnFork,
    /// `MADV_GUARD_INSTALL` (6.13): the pages become inaccessible, and private memory is lost.
    GuardInstall,
    /// `MADV_GUARD_REMOVE` (6.13): undo that; private memory is zeros then.
    GuardRemove,
    /// `MADV_HWPOISON`: treat the memory as broken; needs CAP_SYS_ADMIN.
    HwPoison,
    /// `MADV_SOFT_OFFLINE`: move the bytes elsewhere and use the memory no more; needs CAP_SYS_ADMIN.
    SoftOffline,
}

/// `MADV_GUARD_INSTALL`, `MADV_GUARD_REMOVE` and `MADV_SOFT_OFFLINE`, which libc does not have for every C library.
const GUARD_INSTALL: i32 = 102;
const GUARD_REMOVE: i32 = 103;
const SOFT_OFFLINE: i32 = 101;
/// `MADV_COLLAPSE`
const COLLAPSE: i32 = 25;

/// Advice that was checked against what stands behind the pages: it changes nothing that is read (clause P1). Only
/// [`Advice::checked`] makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked(i32);

impl Checked {
    pub(crate) fn number(self) -> i32 {
        self.0
    }
}

impl Advice {
    /// The advice for pages that `backing` stands behind, or why it cannot be given there.
    pub(crate) fn checked(self, backing: Backing) -> Result<Checked, Cause> {
        let private =
            matches!(backing, Backing::Memory | Backing::PrivateFile | Backing::StableFile);
        let refused = match (self, backing) {
            (Self::DontNeed | Self::DontNeedLocked, Backing::Memory) => Some(
                "MADV_DONTNEED would turn these bytes into zeros, because no file stands behind them; of a Private, revert() takes changes back",
            ),
            (Self::DontNeed | Self::DontNeedLocked, Backing::PrivateFile) => Some(
                "MADV_DONTNEED would take back what was changed here and is not in the file; revert() does that on purpose",
            ),
            (Self::Mergeable | Self::Unmergeable, _) if !private => Some(
                "the kernel merges equal private pages only, and ignores MADV_MERGEABLE for a shared mapping",
            ),
            _ => None,
        };
        match refused {
            Some(why) => Err(Cause::Unsupported(why.into())),
            None => Ok(Checked(self.number())),
        }
    }

    fn number(self) -> i32 {
        match self {
            Self::Normal => libc::MADV_NORMAL,
            Self::Random => libc::MADV_RANDOM,
            Self::Sequential => libc::MADV_SEQUENTIAL,
            Self::WillNeed => libc::MADV_WILLNEED,
            Self::DontNeed => libc::MADV_DONTNEED,
            Self::DontNeedLocked => libc::MADV_DONTNEED_LOCKED,
            Self::Cold => libc::MADV_COLD,
            Self::PageOut => libc::MADV_PAGEOUT,
            Self::PopulateRead => libc::MADV_POPULATE_READ,
            Self::PopulateWrite => libc::MADV_POPULATE_WRITE,
            Self::HugePage => libc::MADV_HUGEPAGE,
            Self::NoHugePage => libc::MADV_NOHUGEPAGE,
            Self::Collapse => COLLAPSE,
            Self::Mergeable => libc::MADV_MERGEABLE,
            Self::Unmergeable => libc::MADV_UNMERGEABLE,
            Self::DontDump => libc::MADV_DONTDUMP,
            Self::DoDump => libc::MADV_DODUMP,
            Self::DontFork => libc::MADV_DONTFORK,
        }
    }

    /// What the kernel's answer means for this hint.
    #[cold]
    pub(crate) fn explain(self, error: io::Error) -> Cause {
        let why = match (self, error.raw_os_error()) {
            (Self::Collapse, Some(libc::EINVAL)) => {
                "MADV_COLLAPSE found nothing to make a huge page of: it takes a whole, aligned stretch of one (2 MiB on x86-64) of memory, tmpfs or a memfd, or of a program's file on a kernel with CONFIG_READ_ONLY_THP_FOR_FS; and /sys/kernel/mm/transparent_hugepage must not say never; it came with Linux 6.1"
            }
            (Self::HugePage | Self::NoHugePage, Some(libc::EINVAL)) => {
                "the kernel was built without transparent huge pages, or has none for these pages"
            }
            (Self::Mergeable | Self::Unmergeable, Some(libc::EINVAL)) => {
                "the kernel was built without CONFIG_KSM"
            }
            (Self::DontNeed, Some(libc::EINVAL)) => {
                "MADV_DONTNEED is refused for locked pages (unlock them, or use DontNeedLocked) and for huge pages of hugetlbfs before Linux 5.18"
            }
            (Self::DontNeedLocked, Some(libc::EINVAL)) => {
                "MADV_DONTNEED_LOCKED came with Linux 5.18"
            }
            (Self::Cold | Self::PageOut, Some(libc::EINVAL)) => {
                "this advice is refused for locked pages and for huge pages of hugetlbfs, and came with Linux 5.4"
            }
            (Self::WillNeed, Some(libc::EBADF)) => {
                "there is neither a file nor swap space to read these pages from"
            }
            (_, Some(libc::EINVAL)) => {
                "the kernel does not know this advice, or not for these pages"
            }
            _ => return Cause::Os(error),
        };
        Cause::Unsupported(why.into())
    }
}

impl RawAdvice {
    pub(crate) fn number(self) -> i32 {
        match self {
            Self::DontNeed => libc::MADV_DONTNEED,
            Self::Free => libc::MADV_FREE,
            Self::Remove => libc::MADV_REMOVE,
            Self::DoFork => libc::MADV_DOFORK,
            Self::WipeOnFork => libc::MADV_WIPEONFORK,
            Self::KeepOnFork => libc::MADV_KEEPONFORK,
            Self::GuardInstall => GUARD_INSTALL,
            Self::GuardRemove => GUARD_REMOVE,
            Self::HwPoison => libc::MADV_HWPOISON,
            Self::SoftOffline => SOFT_OFFLINE,
        }
    }
}
