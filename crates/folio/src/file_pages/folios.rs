//! How large the folios are that hold the cached pages of a file.
//!
//! A folio is what the page cache keeps and writes back as one: a page, or a power of two of them. The kernel tells the
//! size only of what is mapped, so the resident pages, and no others, are mapped here for the moment of asking:
//!
//! - /proc/self/pagemap gives the frame number of each page and /proc/kpageflags says which frames are the head and the
//!   tail of a folio (Linux `Documentation/admin-guide/mm/pagemap.rst`). Both take CAP_SYS_ADMIN.
//! - `PAGEMAP_SCAN` (6.7) says to anybody which pages are mapped by an entry of the middle level, 2 MiB on x86-64. A huge folio
//!   that is mapped at addresses that do not fit it is not among them.
//!
//! The mapping is advised `MADV_RANDOM`, because faults on such a mapping read nothing ahead and do not make the pages
//! look used when it is taken away (`vma_has_recency` of include/linux/mm_inline.h).

use core::ops::Range;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use super::{FilePages, PageState, named};
use crate::error::{Error, Result};
use crate::page::{MemRange, PageRange, PageSize};
use crate::page_entry::{Categories, Scan};
use crate::sys::pagemap;
use crate::sys::region::{Access, Mode, Region, Sharing};

const OP: &str = "tell the folios of";

/// How much is mapped at a time, in bytes.
const WINDOW: u64 = 64 << 20;

/// The folios of the resident pages of a range, as far as the kernel tells. From [`FilePages::folios`].
///
/// ```
/// use folio::{FilePages, Folios};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![1; 1 << 20])?;
/// let file = std::fs::File::open(&path)?;
/// let pages = FilePages::of(&file)?;
/// if let Folios::BySize(sizes) = pages.folios(..)? { // to root alone
///     for (size, count) in sizes {
///         assert!(size.is_power_of_two() && size >= pages.page_size().bytes() as u64);
///         println!("{count} pages are in folios of {size} bytes");
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Folios {
    /// By size, in bytes: how many resident pages of the range are in folios of that size.
    BySize(BTreeMap<u64, u64>),
    /// Without CAP_SYS_ADMIN: how many of the resident pages were mapped as huge ones. Others may be in large folios too.
    HugeAlone {
        /// Those mapped by an entry for a huge page.
        huge: u64,
        /// All that were asked about.
        resident: u64,
    },
    /// Nothing is told: before Linux 6.7, without CAP_SYS_ADMIN.
    Unknown,
}

/// From where the sizes come.
enum Source {
    Frames { pagemap: File, flags: Flags },
    Scan { pagemap: File },
}

impl Source {
    fn open() -> io::Result<Self> {
        let pagemap = File::open("/proc/self/pagemap")?;
        Ok(match File::open("/proc/kpageflags") {
            Ok(file) => {
                Self::Frames { pagemap, flags: Flags { file, first: 0, flags: Vec::new() } }
            }
            Err(_) => Self::Scan { pagemap },
        })
    }
}

impl FilePages<'_> {
    /// Tell the sizes of the folios that hold the resident pages of `range`, in bytes.
    ///
    /// Unlike the other questions it maps and touches these pages. One that is evicted in the middle of it is read in again.
    ///
    /// ```
    /// use folio::{FilePages, Folios};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
    /// std::fs::write(&path, vec![1; 1 << 20])?;
    /// let file = std::fs::File::open(&path)?;
    /// match FilePages::of(&file)?.folios(..)? {
    ///     Folios::BySize(pages) => assert_eq!(pages.values().sum::<u64>(), 256), // as root
    ///     Folios::HugeAlone { resident, .. } => assert_eq!(resident, 256),
    ///     other => println!("{other:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`runs`](Self::runs).
    pub fn folios(&self, range: impl core::ops::RangeBounds<u64>) -> Result<Folios> {
        let range = self.within(OP, &range)?;
        let failed = |error: io::Error| named(self.fd(), Error::os(OP, error));
        let Ok(mut source) = Source::open() else { return Ok(Folios::Unknown) };
        let mut found = match source {
            Source::Frames { .. } => Folios::BySize(BTreeMap::new()),
            Source::Scan { .. } => Folios::HugeAlone { huge: 0, resident: 0 },
        };
        for run in self.runs(range)? {
            let run = run?;
            if run.state != PageState::Resident {
                continue;
            }
            let mut at = run.range.start;
            while at < run.range.end {
                let end = run.range.end.min(at.saturating_add(WINDOW));
                let mapped = self.map_present(at..end)?;
                match source.ask(&mapped, &mut found) {
                    // The kernel does not know the question, or gives no frame numbers.
                    Err(error) if is_refusal(&error) => return Ok(Folios::Unknown),
                    asked => asked.map_err(failed)?,
                }
                at = end;
            }
        }
        Ok(found)
    }

    /// Map resident pages, and have them in the page table.
    fn map_present(&self, range: Range<u64>) -> Result<Region> {
        let mode = Mode { access: Access::Read, sharing: Sharing::Shared, no_reserve: true };
        let of_file = PageRange::new(PageSize::base(), range.start, range.end - range.start)
            .map_err(|error| Error::range(OP, error))?;
        let failed = |error: io::Error| named(self.fd(), Error::os(OP, error));
        let region = Region::map(self.fd(), &of_file, 0, mode).map_err(failed)?;
        region.expect_random().map_err(failed)?;
        match region.populate(region.whole(), false) {
            // Truncated meanwhile, or before Linux 5.14: what is not there is not told of.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EFAULT | libc::EINVAL)) => {}
            populated => populated.map_err(failed)?,
        }
        Ok(region)
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOTTY | libc::EINVAL | libc::EPERM | libc::EACCES))
}

impl Source {
    fn ask(&mut self, mapped: &Region, found: &mut Folios) -> io::Result<()> {
        let base = mapped.base().addr();
        let addresses = pagemap::wide(base..base + mapped.map_len());
        match (self, found) {
            (Self::Frames { pagemap, flags }, Folios::BySize(sizes)) => {
                by_frames(pagemap, flags, addresses, sizes)
            }
            (Self::Scan { pagemap }, Folios::HugeAlone { huge, resident }) => {
                let pages = MemRange::outer_pages(&mapped.whole(), PageSize::base(), mapped.lead());
                *resident += (pages.len() / PageSize::base().bytes()) as u64;
                *huge += huge_pages(pagemap, addresses)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn by_frames(
    pagemap: &File,
    flags: &mut Flags,
    addresses: Range<u64>,
    sizes: &mut BTreeMap<u64, u64>,
) -> io::Result<()> {
    let page = PageSize::base().bytes() as u64;
    let mut present = Vec::new();
    pagemap::each_entry(pagemap.as_fd(), addresses, |_, entry| {
        if entry.is_present() {
            present.push(entry);
        }
    })?;
    // The folio that was found last: its frames.
    let mut last = 0..0;
    for entry in present {
        let Some(frame) = entry.frame() else {
            // Frame numbers are hidden from this process.
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        };
        if !last.contains(&frame) {
            last = flags.folio(frame)?;
        }
        *sizes.entry((last.end - last.start) * page).or_default() += 1;
    }
    Ok(())
}

/// /proc/kpageflags, some frames at a time.
struct Flags {
    file: File,
    first: u64,
    flags: Vec<u64>,
}

/// `KPF_COMPOUND_HEAD` and `KPF_COMPOUND_TAIL` of linux/kernel-page-flags.h.
const HEAD: u64 = 1 << 15;
const TAIL: u64 = 1 << 16;
/// How many frames are read at a time: those of a huge folio on x86-64.
const CHUNK: u64 = 512;
/// No folio has more frames, whatever is read: one may be taken apart in the middle of it.
const MOST: u64 = 1 << 16;

impl Flags {
    fn of(&mut self, frame: u64) -> io::Result<u64> {
        if frame < self.first || frame - self.first >= self.flags.len() as u64 {
            let first = frame / CHUNK * CHUNK;
            let mut bytes = vec![0u8; 8 * usize::try_from(CHUNK).unwrap_or(0)];
            let read = self.file.read_at(&mut bytes, first * 8)?;
            let (flags, _) = bytes[..read].as_chunks::<8>();
            self.flags = flags.iter().map(|&bytes| u64::from_ne_bytes(bytes)).collect();
            self.first = first;
        }
        let index = usize::try_from(frame - self.first).unwrap_or(usize::MAX);
        Ok(self.flags.get(index).copied().unwrap_or(0))
    }

    /// The frames of the folio that `frame` is of.
    fn folio(&mut self, frame: u64) -> io::Result<Range<u64>> {
        let mut start = frame;
        while self.of(start)? & TAIL != 0 && start > 0 && frame - start < MOST {
            start -= 1;
        }
        if self.of(start)? & HEAD == 0 {
            return Ok(frame..frame + 1);
        }
        let mut end = frame.max(start + 1);
        while self.of(end)? & TAIL != 0 && end - start < MOST {
            end += 1;
        }
        Ok(start..end)
    }
}

/// How many pages at these addresses are mapped as huge ones.
fn huge_pages(pagemap: &File, addresses: Range<u64>) -> io::Result<u64> {
    let huge = Scan {
        all_of: Categories::HUGE | Categories::PRESENT,
        report: Categories::HUGE,
        ..Scan::default()
    };
    let mut bytes = 0;
    pagemap::scan(pagemap.as_fd(), addresses, huge, |run, _| bytes += run.end - run.start)?;
    Ok(bytes / PageSize::base().bytes() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resident_page_is_in_a_folio_of_some_size() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(64 << 20).unwrap();
        file.write_all_at(&vec![1; 3 << 20], 5 << 20).unwrap();
        let pages = FilePages::of(&file).unwrap();
        let resident = pages.counts(..).unwrap().cached;
        let page = PageSize::base().bytes() as u64;
        match pages.folios(..).unwrap() {
            Folios::BySize(sizes) => {
                assert_eq!(sizes.values().sum::<u64>(), resident, "{sizes:?}");
                assert!(
                    sizes.keys().all(|size| size.is_power_of_two() && *size >= page),
                    "{sizes:?}"
                );
            }
            Folios::HugeAlone { huge, resident: asked } => {
                assert_eq!(asked, resident);
                assert!(huge <= resident);
            }
            Folios::Unknown => testfs::skip("the sizes of folios", "the kernel does not tell them"),
        }
        assert_eq!(pages.counts(..).unwrap().cached, resident, "nothing was read in");
    }

    /// The question that needs no privileges, also where they are there.
    #[test]
    fn what_is_mapped_as_huge_is_no_more_than_what_is_mapped() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&vec![1; 4 << 20], 0).unwrap();
        let pages = FilePages::of(&file).unwrap();
        let mapped = pages.map_present(0..4 << 20).unwrap();
        let mut source = Source::Scan { pagemap: File::open("/proc/self/pagemap").unwrap() };
        let mut found = Folios::HugeAlone { huge: 0, resident: 0 };
        match source.ask(&mapped, &mut found) {
            Err(error) if is_refusal(&error) => testfs::skip("PAGEMAP_SCAN", error),
            asked => asked.unwrap(),
        }
        let Folios::HugeAlone { huge, resident } = found else { panic!("{found:?}") };
        assert!(huge <= resident && resident <= (4 << 20) / PageSize::base().bytes() as u64);
    }
}
