//! What the kernel tells of a page of a process, and what can be looked for among them: the words of `/proc/PID/pagemap` and
//! of `PAGEMAP_SCAN`, which `raw` and `process` show their users.
#![cfg_attr(
    not(any(feature = "raw", feature = "process")),
    expect(dead_code, unreachable_pub, reason = "folio itself needs fewer of these words")
)]

use bitflags::bitflags;

/// What `/proc/PID/pagemap` says of a page; Linux `Documentation/admin-guide/mm/pagemap.rst`.
///
/// ```
/// # #[cfg(feature = "raw")] {
/// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
/// let may = Protection::READ | Protection::WRITE;
/// let memory = Mapping::anonymous(4096, may, Sharing::Private, MapFlags::empty())?;
/// assert!(!memory.pagemap(0..1)?[0].is_present()); // mapped, and never touched
/// memory.store(0, 1);
/// let entry = memory.pagemap(0..1)?[0];
/// assert!(entry.is_present() && !entry.is_file());
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageEntry(u64);

impl PageEntry {
    /// All 64 bits.
    ///
    /// ```
    /// # #[cfg(feature = "raw")] {
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let may = Protection::READ | Protection::WRITE;
    /// let memory = Mapping::anonymous(4096, may, Sharing::Private, MapFlags::empty())?;
    /// let entry = memory.pagemap(0..1)?[0];
    /// assert_eq!(entry.bits() >> 63 == 1, entry.is_present()); // for what has no method of its own
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The entry of these bits.
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    fn bit(self, number: u32) -> bool {
        self.0 >> number & 1 == 1
    }

    /// The number of the frame of memory that the page is in; `None` where there is no page, and for whoever lacks
    /// `CAP_SYS_ADMIN`, from whom the kernel keeps it.
    ///
    /// ```
    /// # #[cfg(feature = "raw")] {
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let may = Protection::READ | Protection::WRITE;
    /// let memory = Mapping::anonymous(4096, may, Sharing::Private, MapFlags::empty())?;
    /// assert_eq!(memory.pagemap(0..1)?[0].frame(), None); // never touched: no frame, for whoever asks
    /// memory.store(0, 1);
    /// match memory.pagemap(0..1)?[0].frame() {
    ///     Some(number) => println!("at {:#x} in memory", number * 4096),
    ///     None => println!("only CAP_SYS_ADMIN is told"),
    /// }
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn frame(self) -> Option<u64> {
        let number = self.0 & ((1 << 55) - 1);
        (self.is_present() && number != 0).then_some(number)
    }

    /// Those of the categories of a scan that an entry tells: not the page of zeros, huge pages and stores written down.
    #[cfg(feature = "process")]
    pub(crate) fn categories(self) -> Categories {
        let mut categories = Categories::empty();
        categories.set(Categories::PRESENT, self.is_present());
        categories.set(Categories::SWAPPED, self.is_swapped());
        categories.set(Categories::FILE, self.is_file());
        categories.set(Categories::GUARD, self.is_guard());
        categories.set(Categories::SOFT_DIRTY, self.is_soft_dirty());
        categories
    }

    /// Whether there is a page at the address in this process now.
    ///
    /// ```
    /// # #[cfg(feature = "raw")] {
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let may = Protection::READ | Protection::WRITE;
    /// let memory = Mapping::anonymous(4096, may, Sharing::Private, MapFlags::empty())?;
    /// memory.store(0, 1);
    /// let entry = memory.pagemap(0..1)?[0];
    /// assert!(entry.is_present() || entry.is_swapped()); // either way, a byte of it counts as memory in use
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_present(self) -> bool {
        self.bit(63)
    }

    /// Whether the page is in swap space.
    ///
    /// ```
    /// # #[cfg(feature = "raw")] {
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let may = Protection::READ | Protection::WRITE;
    /// let memory = Mapping::anonymous(4096, may, Sharing::Private, MapFlags::empty())?;
    /// let in_swap = memory.pagemap(0..memory.len())?.iter().filter(|entry| entry.is_swapped()).count();
    /// assert_eq!(in_swap, 0); // what was never touched has nothing to swap out
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_swapped(self) -> bool {
        self.bit(62)
    }

    /// Whether the page is a file's, or shared memory's, and not this process's own copy.
    ///
    /// ```
    /// # #[cfg(feature = "raw")] {
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let file = std::fs::File::open(&path)?;
    /// let may = Protection::READ | Protection::WRITE;
    /// let memory = Mapping::file(&file, 0, 5, may, Sharing::Private, MapFlags::empty())?;
    /// assert_eq!(memory.load(0), b'h');
    /// assert!(memory.pagemap(0..1)?[0].is_file());
    /// memory.store(0, b'j'); // copied on write
    /// assert!(!memory.pagemap(0..1)?[0].is_file());
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_file(self) -> bool {
        self.bit(61)
    }

    /// Whether a guard is installed there (6.15).
    ///
    /// ```
    /// # #[cfg(feature = "raw")] {
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let may = Protection::READ | Protection::WRITE;
    /// let memory = Mapping::anonymous(4096, may, Sharing::Private, MapFlags::empty())?;
    /// memory.store(0, 1);
    /// assert!(!memory.pagemap(0..1)?[0].is_guard()); // so a touch of it does not end the process
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_guard(self) -> bool {
        self.bit(58)
    }

    /// Whether stores are caught by a userfaultfd.
    ///
    /// ```
    /// # #[cfg(feature = "raw")] {
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let may = Protection::READ | Protection::WRITE;
    /// let memory = Mapping::anonymous(4096, may, Sharing::Private, MapFlags::empty())?;
    /// memory.store(0, 1);
    /// assert!(!memory.pagemap(0..1)?[0].is_write_protected()); // the next store goes unnoticed
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_write_protected(self) -> bool {
        self.bit(57)
    }

    /// Whether the page is mapped by nobody else.
    ///
    /// ```
    /// # #[cfg(feature = "raw")] {
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let may = Protection::READ | Protection::WRITE;
    /// let memory = Mapping::anonymous(4096, may, Sharing::Private, MapFlags::empty())?;
    /// memory.store(0, 1);
    /// assert!(memory.pagemap(0..1)?[0].is_exclusive()); // until a child of fork(2) has it too
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_exclusive(self) -> bool {
        self.bit(56)
    }

    /// Whether the page was stored to since the bit was last cleared, where the kernel has the bit.
    ///
    /// ```
    /// # #[cfg(feature = "raw")] {
    /// use folio::raw::{MapFlags, Mapping, Protection, Sharing};
    /// let may = Protection::READ | Protection::WRITE;
    /// let memory = Mapping::anonymous(4096, may, Sharing::Private, MapFlags::empty())?;
    /// memory.store(0, 1);
    /// match memory.pagemap(0..1)?[0].is_soft_dirty() {
    ///     true => println!("stored to since /proc/self/clear_refs was written to"),
    ///     false => println!("this kernel does without CONFIG_MEM_SOFT_DIRTY"),
    /// }
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_soft_dirty(self) -> bool {
        self.bit(55)
    }
}

bitflags! {
    /// Categories of pages, in the bits of linux/fs.h (`PAGE_IS_…`).
    ///
    /// ```
    /// # #[cfg(feature = "process")] {
    /// use folio::process::Categories;
    /// let own_copy = Categories::PRESENT | Categories::HUGE;
    /// assert!(own_copy.contains(Categories::HUGE) && !own_copy.contains(Categories::FILE));
    /// # }
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Categories: u64 {
        /// Stores can be caught there.
        const WRITES_CAUGHT = 1;
        /// Stored to since stores were last caught.
        const WRITTEN = 1 << 1;
        /// A file's, or shared memory's.
        const FILE = 1 << 2;
        /// There is a page.
        const PRESENT = 1 << 3;
        /// In swap space.
        const SWAPPED = 1 << 4;
        /// The page of zeros.
        const ZERO = 1 << 5;
        /// Mapped as a huge page.
        const HUGE = 1 << 6;
        /// As [`PageEntry::is_soft_dirty`].
        const SOFT_DIRTY = 1 << 7;
        /// A guard is installed (6.15).
        const GUARD = 1 << 8;
    }
}

/// What to look for; Linux `Documentation/admin-guide/mm/pagemap.rst`, "Pagemap Scan IOCTL".
///
/// ```
/// # #[cfg(feature = "process")] {
/// use folio::process::{Categories, PagesVia, Process, Scan};
/// # use folio::{PageSize, SharedMut};
/// let page = PageSize::base().bytes();
/// let memory = SharedMut::anonymous(3 * page)?;
/// memory.store(page, &1_u8)?; // the second of three pages
/// let present = Scan { all_of: Categories::PRESENT, report: Categories::PRESENT, ..Scan::default() };
/// let start = memory.as_ptr().addr() as u64;
/// let runs = Process::current()?.pages(PagesVia::Best)?.runs(start..start + 3 * page as u64, present)?;
/// assert_eq!(runs[0].addresses, start + page as u64..start + 2 * page as u64);
/// # }
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Categories that are meant the other way round.
    pub inverted: Categories,
    /// A page has to be of all these.
    pub all_of: Categories,
    /// And of at least one of these, unless there are none.
    pub any_of: Categories,
    /// What to tell of the pages found.
    pub report: Categories,
}

#[cfg(feature = "process")]
impl Scan {
    /// Whether a page of these categories is looked for, as the kernel decides it (`pagemap_scan_is_interesting_page`).
    pub(crate) fn wants(self, categories: Categories) -> bool {
        let categories = categories ^ self.inverted;
        categories.contains(self.all_of)
            && (self.any_of.is_empty() || categories.intersects(self.any_of))
    }
}
