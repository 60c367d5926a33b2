//! What the kernel tells of each page: /proc/self/pagemap and its `PAGEMAP_SCAN`.

use core::ops::Range;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use crate::page::PageSize;
use crate::sys::pagemap::{self, PageRegion, ScanArg};

/// The entries of the pages of `addresses`.
pub(crate) fn entries(addresses: Range<usize>) -> io::Result<Vec<u64>> {
    let page = PageSize::base().bytes();
    let first = addresses.start / page;
    let pages = addresses.end.div_ceil(page).saturating_sub(first);
    let mut bytes = vec![0u8; pages * size_of::<u64>()];
    let pagemap = File::open("/proc/self/pagemap")?;
    pagemap.read_exact_at(&mut bytes, (first * size_of::<u64>()) as u64)?;
    let (entries, _) = bytes.as_chunks();
    Ok(entries.iter().map(|entry| u64::from_ne_bytes(*entry)).collect())
}

/// Which categories a scan looks for, in the bits of linux/fs.h (`PAGE_IS_…`).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Categories {
    pub(crate) inverted: u64,
    pub(crate) all_of: u64,
    pub(crate) any_of: u64,
    pub(crate) report: u64,
}

/// How many ranges one call gives.
const BATCH: usize = 256;

/// The ranges of pages within `addresses` that are of these categories, each with those that were to be reported.
pub(crate) fn scan(
    addresses: Range<usize>,
    categories: Categories,
) -> io::Result<Vec<(Range<usize>, u64)>> {
    let pagemap = File::open("/proc/self/pagemap")?;
    let mut found = Vec::new();
    let mut regions = [PageRegion::default(); BATCH];
    let (mut start, end) = (addresses.start as u64, addresses.end as u64);
    while start < end {
        let mut arg = ScanArg {
            start,
            end,
            category_inverted: categories.inverted,
            category_mask: categories.all_of,
            category_anyof_mask: categories.any_of,
            return_mask: categories.report,
            ..ScanArg::default()
        };
        let count = pagemap::ask(pagemap.as_fd(), &mut arg, &mut regions)?;
        found.extend(regions[..count].iter().map(|region| (region.addresses(), region.categories)));
        if arg.walk_end <= start {
            break;
        }
        start = arg.walk_end;
    }
    Ok(found)
}
