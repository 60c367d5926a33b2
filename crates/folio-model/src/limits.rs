//! How much there is of everything.
//!
//! Address space, memory, disk and the length of a file all end somewhere, and not everywhere at the same place. Below the
//! first number of each there is always enough, above the second there never is, and in between the kernel may refuse.

use crate::why::{Stop, Why};
use crate::{Errno, Rule, rule};

/// The last position in a file: the largest `loff_t`.
pub(crate) const LAST: u64 = i64::MAX.unsigned_abs();

/// Every file system lets a file be this long: ext4 with blocks of 1 KiB is the one with the shortest.
const FILE: u64 = 1 << 41;

/// An allocation of this many bytes finds place on the disk, a mapping of this many in memory.
const ROOM: u64 = 1 << 30;

/// A mapping of this many bytes finds a place in the address space.
const ADDRESSES: u64 = 1 << 45;

/// None is longer than the address space: 47 bits on x86-64, 48 on aarch64, of which some is in use.
pub(crate) const ADDRESS_SPACE: u64 = 1 << 47;

/// Can a file be this long?
pub(crate) fn file(why: &mut Why, len: u64) -> Result<(), Stop> {
    up_to(why, len, FILE, LAST, Errno::EFBIG, &rule::FILE_TOO_BIG)
}

/// Can a mapping of a file end here?
pub(crate) fn mapped_file(why: &mut Why, end_page: u64, page_size: u64) -> Result<(), Stop> {
    let end = end_page.saturating_mul(page_size);
    up_to(why, end, FILE, LAST - LAST % page_size, Errno::EOVERFLOW, &rule::MAP_OVERFLOW)
}

/// Is there an address for so many bytes?
pub(crate) fn addresses(why: &mut Why, len: u64) -> Result<(), Stop> {
    up_to(why, len, ADDRESSES, ADDRESS_SPACE, Errno::ENOMEM, &rule::MAP_TOO_LONG)
}

/// Is there memory for so many bytes, should all of them be stored to? See proc(5), `overcommit_memory`.
pub(crate) fn memory(why: &mut Why, len: u64) -> Result<(), Stop> {
    up_to(why, len, ROOM, u64::MAX, Errno::ENOMEM, &rule::OVERCOMMIT)
}

/// Are there so many bytes on the disk?
pub(crate) fn disk(why: &mut Why, len: u64) -> Result<(), Stop> {
    up_to(why, len, ROOM, u64::MAX, Errno::ENOSPC, &rule::DISK_FULL)
}

/// Always up to `sure`, never beyond `most`.
fn up_to(
    why: &mut Why,
    wanted: u64,
    sure: u64,
    most: u64,
    errno: Errno,
    rule: &'static Rule,
) -> Result<(), Stop> {
    if wanted > most || wanted > sure && why.either(2, rule) == 1 {
        return Err(why.refuse(errno, rule));
    }
    Ok(())
}
