//! What the kernel tells of the pages behind a process's addresses: `PAGEMAP_SCAN` (6.7), which passes over what is not there a table
//! at a time, and the entries of its `pagemap`, 64 bits for each page. Linux `Documentation/admin-guide/mm/pagemap.rst`.
//!
//! With both, which pages of a private mapping were copied on write: such a page is the file's until the first store, then it
//! is anonymous, present or swapped.

use core::ops::Range;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::stable::read_full;
use crate::own_file::OwnFile;
use crate::page::PageSize;
use crate::page_entry::{Categories, PageEntry, Scan};

/// `struct pm_scan_arg` of linux/fs.h.
#[repr(C)]
#[derive(Default)]
struct ScanArg {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region` of linux/fs.h.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

/// `_IOWR('f', 16, struct pm_scan_arg)`
const PAGEMAP_SCAN: libc::Ioctl = 0xc060_6610u32 as libc::Ioctl;

/// How many runs one scan returns at the most.
const BATCH: usize = 512;
/// How many entries are read at once.
const ENTRIES: usize = 4096;

/// The ranges of addresses within `addresses` (whole pages) whose pages may be anonymous, in order: all of them where
/// nobody tells, because there is no /proc or it is one of an emulator's.
pub(crate) fn anonymous_pages(addresses: Range<usize>) -> Vec<Range<usize>> {
    told(addresses.clone()).unwrap_or_else(|_| vec![addresses])
}

fn told(addresses: Range<usize>) -> io::Result<Vec<Range<usize>>> {
    let pagemap = OwnFile::new(File::open("/proc/self/pagemap")?)?;
    let answer = match anonymous_by_scan(pagemap.as_fd(), addresses.clone()) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTTY | libc::EINVAL)) => {
            anonymous_by_entries(pagemap.as_fd(), addresses)
        }
        answer => answer,
    };
    // Otherwise it is another file that answered.
    pagemap.still()?;
    answer
}

fn anonymous_by_scan(
    pagemap: BorrowedFd<'_>,
    addresses: Range<usize>,
) -> io::Result<Vec<Range<usize>>> {
    let there = Categories::PRESENT | Categories::SWAPPED;
    let anonymous =
        Scan { inverted: Categories::FILE, all_of: Categories::FILE, any_of: there, report: there };
    let mut found = Vec::new();
    scan(pagemap, wide(addresses), anonymous, |run, _| push(&mut found, here(run)))?;
    Ok(found)
}

fn anonymous_by_entries(
    pagemap: BorrowedFd<'_>,
    addresses: Range<usize>,
) -> io::Result<Vec<Range<usize>>> {
    let mut found = Vec::new();
    each_entry(pagemap, wide(addresses), |page, entry| {
        if (entry.is_present() || entry.is_swapped()) && !entry.is_file() {
            push(&mut found, here(page));
        }
    })?;
    Ok(found)
}

/// Have `take` see the runs of pages within `addresses` (whole pages) that are what `wanted` looks for, in order, each with what
/// was to be reported of it.
///
/// In a process that has ended nothing is found, and no error says so.
pub(crate) fn scan(
    pagemap: BorrowedFd<'_>,
    addresses: Range<u64>,
    wanted: Scan,
    mut take: impl FnMut(Range<u64>, Categories),
) -> io::Result<()> {
    let mut regions = [PageRegion::default(); BATCH];
    let Range { mut start, end } = addresses;
    while start < end {
        let mut arg = ScanArg {
            start,
            end,
            category_inverted: wanted.inverted.bits(),
            category_mask: wanted.all_of.bits(),
            category_anyof_mask: wanted.any_of.bits(),
            return_mask: wanted.report.bits(),
            ..ScanArg::default()
        };
        let count = ask(pagemap, &mut arg, &mut regions)?;
        for region in &regions[..count] {
            take(region.start..region.end, Categories::from_bits_retain(region.categories));
        }
        if arg.walk_end <= start {
            break;
        }
        start = arg.walk_end;
    }
    Ok(())
}

/// Have the kernel put what `arg` asks for into `regions`; gives how many there are.
fn ask(
    pagemap: BorrowedFd<'_>,
    arg: &mut ScanArg,
    regions: &mut [PageRegion],
) -> io::Result<usize> {
    arg.size = size_of::<ScanArg>() as u64;
    arg.flags = 0;
    arg.vec = regions.as_mut_ptr().expose_provenance() as u64;
    arg.vec_len = regions.len() as u64;
    // SAFETY: clause S3: `arg` is the struct that the call takes, its flags are zero, and `vec` has room for `vec_len` regions.
    let count = unsafe { libc::ioctl(pagemap.as_raw_fd(), PAGEMAP_SCAN, core::ptr::from_mut(arg)) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// Have `take` see the entry of each page that `addresses` touch, in order, with the page's addresses.
///
/// In a process that has ended there is nothing to read: ESRCH.
pub(crate) fn each_entry(
    pagemap: BorrowedFd<'_>,
    addresses: Range<u64>,
    mut take: impl FnMut(Range<u64>, PageEntry),
) -> io::Result<()> {
    const ENTRY: usize = size_of::<u64>();
    let page = PageSize::base().bytes() as u64;
    let (mut first, end) = (addresses.start / page, addresses.end.div_ceil(page));
    let at_once = |left: u64| usize::try_from(left).unwrap_or(usize::MAX).min(ENTRIES);
    let mut buffer = vec![0u8; at_once(end.saturating_sub(first)) * ENTRY];
    while first < end {
        let count = at_once(end - first);
        let bytes = &mut buffer[..count * ENTRY];
        if read_full(pagemap, first * ENTRY as u64, bytes)? < bytes.len() {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        let (entries, _) = bytes.as_chunks();
        for (number, entry) in (first..).zip(entries) {
            let entry = PageEntry::from_bits(u64::from_ne_bytes(*entry));
            take(number * page..(number + 1) * page, entry);
        }
        first += count as u64;
    }
    Ok(())
}

/// Addresses of this process as the kernel writes them.
pub(crate) fn wide(addresses: Range<usize>) -> Range<u64> {
    addresses.start as u64..addresses.end as u64
}

/// Addresses of this process that the kernel gave as 64 bits; folio runs on 64-bit targets alone.
#[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits on both targets")]
pub(crate) fn here(addresses: Range<u64>) -> Range<usize> {
    addresses.start as usize..addresses.end as usize
}

/// Add a range, joining it to the last one where they touch.
fn push(found: &mut Vec<Range<usize>>, range: Range<usize>) {
    match found.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => found.push(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::MemRange;
    use crate::page::PageRange;
    use crate::sys::region::{Access, Mode, Region, Sharing};
    use std::io::Write;

    #[test]
    fn both_ways_find_the_pages_that_were_stored_to() {
        let page = PageSize::base();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![1u8; page.bytes() * 5000]).unwrap();
        let range = PageRange::new(page, 0, page.bytes() as u64 * 5000).unwrap();
        let mode = Mode { access: Access::ReadWrite, sharing: Sharing::Private, no_reserve: false };
        let region = Region::map(file.as_fd(), &range, 0, mode).unwrap();
        let all = MemRange::new(0..range.len(), range.len()).unwrap();
        region.populate(all, false).unwrap();
        for first in [0, 7, 8, 4999] {
            let at = MemRange::at(first * page.bytes(), page.bytes(), range.len()).unwrap();
            region.populate(at, true).unwrap();
        }
        let base = region.base().addr();
        let at = |first: usize, end: usize| base + first * page.bytes()..base + end * page.bytes();
        let expected = vec![at(0, 1), at(7, 9), at(4999, 5000)];
        let addresses = base..base + region.map_len();
        let pagemap = File::open("/proc/self/pagemap").unwrap();
        assert_eq!(anonymous_by_entries(pagemap.as_fd(), addresses.clone()).unwrap(), expected);
        assert_eq!(told(addresses.clone()).unwrap(), expected);
        assert_eq!(anonymous_pages(addresses), expected);
    }
}
