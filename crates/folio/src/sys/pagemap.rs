//! Which pages of a private mapping were copied on write.
//!
//! A page of a private file mapping is the file's until the first store; then it is anonymous. `PAGEMAP_SCAN` (6.7)
//! lists ranges of anonymous pages, present or swapped; before 6.7 /proc/self/pagemap has 64 bits a page, of which
//! bit 63 says present, 62 swapped, 61 file. Linux `Documentation/admin-guide/mm/pagemap.rst`.

use core::ops::Range;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::stable::read_full;
use crate::own_file::OwnFile;
use crate::page::PageSize;

/// `struct pm_scan_arg` of linux/fs.h.
#[repr(C)]
#[derive(Default)]
pub(crate) struct ScanArg {
    pub(crate) size: u64,
    pub(crate) flags: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) walk_end: u64,
    pub(crate) vec: u64,
    pub(crate) vec_len: u64,
    pub(crate) max_pages: u64,
    pub(crate) category_inverted: u64,
    pub(crate) category_mask: u64,
    pub(crate) category_anyof_mask: u64,
    pub(crate) return_mask: u64,
}

/// `struct page_region` of linux/fs.h.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct PageRegion {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) categories: u64,
}

impl PageRegion {
    pub(crate) fn addresses(&self) -> Range<usize> {
        address(self.start)..address(self.end)
    }
}

/// `_IOWR('f', 16, struct pm_scan_arg)`
const PAGEMAP_SCAN: libc::Ioctl = 0xc060_6610u32 as libc::Ioctl;
const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_SWAPPED: u64 = 1 << 4;

/// How many ranges one scan returns at the most.
const BATCH: usize = 1024;

/// The ranges of addresses within `addresses` (whole pages) whose pages may be anonymous, in order: all of them where
/// nobody tells, because there is no /proc or it is one of an emulator's.
pub(crate) fn anonymous_pages(addresses: Range<usize>) -> Vec<Range<usize>> {
    told(addresses.clone()).unwrap_or_else(|_| vec![addresses])
}

fn told(addresses: Range<usize>) -> io::Result<Vec<Range<usize>>> {
    let pagemap = OwnFile::new(File::open("/proc/self/pagemap")?)?;
    let answer = match scan(pagemap.as_fd(), addresses.clone()) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTTY | libc::EINVAL)) => {
            read_entries(pagemap.as_fd(), addresses)
        }
        answer => answer,
    };
    // Otherwise it is another file that answered.
    pagemap.still()?;
    answer
}

fn scan(pagemap: BorrowedFd<'_>, addresses: Range<usize>) -> io::Result<Vec<Range<usize>>> {
    let mut found = Vec::new();
    let mut regions = [PageRegion::default(); BATCH];
    let mut start = addresses.start as u64;
    let end = addresses.end as u64;
    while start < end {
        let mut arg = ScanArg {
            start,
            end,
            category_inverted: IS_FILE,
            category_mask: IS_FILE,
            category_anyof_mask: IS_PRESENT | IS_SWAPPED,
            return_mask: IS_PRESENT | IS_SWAPPED,
            ..ScanArg::default()
        };
        let count = ask(pagemap, &mut arg, &mut regions)?;
        for region in &regions[..count] {
            push(&mut found, region.addresses());
        }
        if arg.walk_end <= start {
            break;
        }
        start = arg.walk_end;
    }
    Ok(found)
}

/// Have the kernel put what `arg` asks for into `regions`; gives how many there are.
pub(crate) fn ask(
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

/// An address that the kernel gave as 64 bits; folio runs on 64-bit targets alone.
#[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits on both targets")]
fn address(bits: u64) -> usize {
    bits as usize
}

fn read_entries(pagemap: BorrowedFd<'_>, addresses: Range<usize>) -> io::Result<Vec<Range<usize>>> {
    const ENTRY: usize = 8;
    let page = PageSize::base().bytes();
    let mut found = Vec::new();
    let mut buffer = [0u8; 4096 * ENTRY];
    let mut at = addresses.start;
    while at < addresses.end {
        let pages = ((addresses.end - at) / page).min(buffer.len() / ENTRY);
        let bytes = &mut buffer[..pages * ENTRY];
        if read_full(pagemap, (at / page * ENTRY) as u64, bytes)? < bytes.len() {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        let (entries, _) = bytes.as_chunks::<ENTRY>();
        for (index, entry) in entries.iter().enumerate() {
            let entry = u64::from_ne_bytes(*entry);
            let (there, file) = (entry >> 62 != 0, entry >> 61 & 1 == 1);
            if there && !file {
                push(&mut found, at + index * page..at + (index + 1) * page);
            }
        }
        at += pages * page;
    }
    Ok(found)
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
        assert_eq!(read_entries(pagemap.as_fd(), addresses.clone()).unwrap(), expected);
        assert_eq!(told(addresses.clone()).unwrap(), expected);
        assert_eq!(anonymous_pages(addresses), expected);
    }
}
