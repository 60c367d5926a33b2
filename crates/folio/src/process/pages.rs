//! The pages behind the addresses of a process: `PAGEMAP_SCAN` (6.7) and the entries of `/proc/PID/pagemap`.
//!
//! Linux `Documentation/admin-guide/mm/pagemap.rst`. A scan passes over what is not there a table at a time, entries are
//! eight bytes for each page of addresses, with pages or without. Both tell of the moment when the kernel looked.

use core::ops::Range;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use crate::page_entry::{Categories, PageEntry, Scan};
use crate::sys::pagemap;
use crate::{Error, Result};

/// Which of the kernel's two ways tells of pages.
///
/// ```
/// use folio::process::{Categories, PagesVia, Process, Scan};
/// let value = 7_u8;
/// let address = (&raw const value).addr() as u64;
/// let scan = Scan { any_of: Categories::HUGE, ..Scan::default() };
/// let process = Process::current()?;
/// let huge = process.pages(PagesVia::Entries)?.runs(address..address + 1, scan)?;
/// assert!(huge.is_empty()); // entries never tell; `Best` may
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PagesVia {
    /// `PAGEMAP_SCAN`, and entries where the kernel has no such call.
    #[default]
    Best,
    /// The entries of `/proc/PID/pagemap`. They do not tell [`ZERO`](Categories::ZERO), [`HUGE`](Categories::HUGE) and
    /// what a userfaultfd writes down.
    Entries,
}

/// Neighbouring pages of which the same is to be told.
///
/// ```
/// use folio::process::{Categories, PagesVia, Process, Scan};
/// let mut memory = folio::Private::anonymous(1 << 20)?;
/// memory[..100_000].fill(1);
/// let start = memory.as_ptr().addr() as u64;
/// let present = Scan { all_of: Categories::PRESENT, ..Scan::default() };
/// let runs = Process::current()?.pages(PagesVia::Best)?.runs(start..start + (1 << 20), present)?;
/// let bytes: u64 = runs.iter().map(|run| run.addresses.end - run.addresses.start).sum();
/// assert!(bytes >= 100_000); // whole pages
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRun {
    /// Their addresses.
    pub addresses: Range<u64>,
    /// Those of their categories that were to be reported.
    pub categories: Categories,
}

/// The pages of a process; [`Process::pages`](super::Process::pages) gives them.
///
/// ```
/// use folio::process::{Categories, PagesVia, Process, Scan};
/// let mut memory = folio::Private::anonymous(1 << 20)?;
/// memory[500_000] = 1; // takes a page; the rest is addresses
/// let start = memory.as_ptr().addr() as u64;
/// let pages = Process::current()?.pages(PagesVia::Best)?;
/// let present = Scan { all_of: Categories::PRESENT, ..Scan::default() };
/// let runs = pages.runs(start..start + (1 << 20), present)?;
/// assert!(runs[0].addresses.contains(&(start + 500_000)));
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Debug)]
pub struct ProcessPages {
    pagemap: File,
    via: PagesVia,
}

impl ProcessPages {
    pub(super) fn new(pagemap: File, via: PagesVia) -> Self {
        Self { pagemap, via }
    }

    /// The runs of pages within `addresses` (whole pages) that are what `scan` looks for, in order. Neighbours differ in
    /// what is reported.
    ///
    /// ```
    /// use folio::process::{Categories, PagesVia, Process, Scan};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, b"hello")?;
    /// let shared = folio::Shared::open(&path)?;
    /// assert_eq!(shared.load::<u8>(0)?, b'h');
    /// let start = shared.as_ptr().addr() as u64;
    /// let addresses = start..start + folio::PageSize::base().bytes() as u64;
    /// let pages = Process::current()?.pages(PagesVia::Best)?;
    /// let copied = Categories::PRESENT | Categories::FILE; // there, and not the file's own
    /// let copied = Scan { all_of: copied, inverted: Categories::FILE, ..Scan::default() };
    /// assert!(pages.runs(addresses, copied)?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the process has ended, and what the kernel answers.
    pub fn runs(&self, addresses: Range<u64>, scan: Scan) -> Result<Vec<PageRun>> {
        let answer = match self.via {
            PagesVia::Entries => self.runs_by_entries(addresses, scan),
            PagesVia::Best => match self.runs_by_scan(addresses.clone(), scan) {
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTTY | libc::EINVAL)) => {
                    self.runs_by_entries(addresses, scan)
                }
                answer => answer,
            },
        };
        answer.map_err(|error| Error::os("tell the pages of the process", error))
    }

    /// What the kernel tells of each page of `addresses` (whole pages); [`PageEntry`].
    ///
    /// ```
    /// use folio::process::{PagesVia, Process};
    /// let mut memory = folio::Private::anonymous(100_000)?;
    /// memory[0] = 1;
    /// let start = memory.as_ptr().addr() as u64;
    /// let page = folio::PageSize::base().bytes() as u64;
    /// let entries = Process::current()?.pages(PagesVia::Best)?.entries(start..start + 2 * page)?;
    /// assert_eq!(entries.len(), 2); // one for each page, with memory or without
    /// assert!(entries[0].is_present() && !entries[0].is_file());
    /// # Ok::<(), folio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`runs`](Self::runs).
    pub fn entries(&self, addresses: Range<u64>) -> Result<Vec<PageEntry>> {
        let mut found = Vec::new();
        self.each_entry(addresses, |_, entry| found.push(entry))
            .map_err(|error| Error::os("read the page map of the process", error))?;
        Ok(found)
    }

    fn runs_by_scan(&self, addresses: Range<u64>, scan: Scan) -> io::Result<Vec<PageRun>> {
        let mut found = Vec::new();
        pagemap::scan(self.pagemap.as_fd(), addresses.clone(), scan, |addresses, categories| {
            push(&mut found, PageRun { addresses, categories });
        })?;
        // A scan does not tell that the process has ended; reading an entry does.
        self.each_entry(addresses.start..addresses.start.saturating_add(1), |_, _| {})?;
        Ok(found)
    }

    fn runs_by_entries(&self, addresses: Range<u64>, scan: Scan) -> io::Result<Vec<PageRun>> {
        let mut found = Vec::new();
        self.each_entry(addresses, |addresses, entry| {
            let categories = entry.categories();
            if scan.wants(categories) {
                push(&mut found, PageRun { addresses, categories: categories & scan.report });
            }
        })?;
        Ok(found)
    }

    fn each_entry(
        &self,
        addresses: Range<u64>,
        take: impl FnMut(Range<u64>, PageEntry),
    ) -> io::Result<()> {
        pagemap::each_entry(self.pagemap.as_fd(), addresses, take)
    }
}

/// Add a run, joining it to the last one where they touch and say the same.
fn push(found: &mut Vec<PageRun>, run: PageRun) {
    match found.last_mut() {
        Some(last)
            if last.addresses.end == run.addresses.start && last.categories == run.categories =>
        {
            last.addresses.end = run.addresses.end;
        }
        _ => found.push(run),
    }
}
