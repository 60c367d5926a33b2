//! What may be on the disk: every content that may be found after a power cut.
//!
//! The kernel writes dirty pages when it likes and in what order it likes, and a disk promises no more than that a sector of
//! 512 bytes is written whole or not at all. So each sector has a list of contents: the one at the last sync, and one for
//! each time it was changed since. After a power cut it has one of them, whatever the others have. A sector that is written
//! while a store changes it can have some bytes of one content and some of the next. A file that grew may have any length on the
//! way: the file system notes it with the bytes that it makes room for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use crate::byte::Byte;

/// What a disk writes whole or not at all, in bytes.
pub(crate) const SECTOR: u64 = 512;

const SECTOR_BYTES: usize = 512;

/// One sector's bytes.
type Sector = Vec<Byte>;

/// What one file has on the disk, or may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disk {
    /// The contents since the last sync, oldest first, that one included. A sector that is not here is zero.
    sectors: BTreeMap<u64, Vec<Sector>>,
    /// The lengths since the last sync, oldest first, that one included.
    lens: Vec<u64>,
    /// Sectors that the operation under way has changed.
    changed: BTreeSet<u64>,
}

impl Disk {
    pub(crate) fn new(len: u64) -> Self {
        Self { sectors: BTreeMap::new(), lens: vec![len], changed: BTreeSet::new() }
    }

    /// The byte at `offset` is being changed.
    pub(crate) fn dirty(&mut self, offset: u64) {
        self.changed.insert(offset / SECTOR);
    }

    /// An operation is over, and this is the content now.
    pub(crate) fn settle(&mut self, len: u64, byte: impl Fn(u64) -> Byte) {
        for sector in std::mem::take(&mut self.changed) {
            let start = sector * SECTOR;
            let now: Sector = (start..start + SECTOR).map(&byte).collect();
            let zero = || vec![vec![Byte::ZERO; now.len()]];
            let contents = self.sectors.entry(sector).or_insert_with(zero);
            if contents.last() != Some(&now) {
                contents.push(now);
            }
        }
        if self.lens.last() != Some(&len) {
            self.lens.push(len);
        }
    }

    /// This range of bytes has reached the disk, and as much of the length as it takes to find what was changed there. (Zeros that
    /// only a length puts there need not be found.)
    pub(crate) fn sync(&mut self, range: Range<u64>) {
        let len = self.lens.last().copied().unwrap_or(0);
        let mut found = 0;
        for (sector, contents) in
            self.sectors.range_mut(range.start / SECTOR..range.end.div_ceil(SECTOR))
        {
            if contents.len() > 1 {
                found = len.min((sector + 1) * SECTOR);
            }
            contents.drain(..contents.len() - 1);
        }
        for earlier in &mut self.lens {
            *earlier = found.max(*earlier);
        }
        self.lens.dedup();
    }

    /// All of it has.
    pub(crate) fn sync_all(&mut self) {
        self.sync(0..u64::MAX);
        self.lens.drain(..self.lens.len() - 1);
    }
}

/// Everything that may be found of a file after a power cut; [`Model::disk`](crate::Model::disk).
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// model.run(&Op::Write { process, descriptor, offset: 0, len: 600, fill: 7 });
/// let disk = model.disk(File(0)); // of which nothing was synced
/// assert!(disk.allows(&[]).is_ok());
/// let mut torn = [7; 600];
/// torn[512..].fill(0);
/// assert!(disk.allows(&torn).is_ok()); // the first sector was written, the second was not
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskStates {
    sectors: BTreeMap<u64, Vec<Sector>>,
    lens: Vec<u64>,
}

impl DiskStates {
    pub(crate) fn new(disk: &Disk) -> Self {
        Self { sectors: disk.sectors.clone(), lens: disk.lens.clone() }
    }

    /// A file that does not outlive the machine.
    pub(crate) fn none() -> Self {
        Self { sectors: BTreeMap::new(), lens: Vec::new() }
    }

    /// The lengths that the file had since the last sync, oldest first, or had at least: it may have any of them, and where it
    /// grew any between the two, because the length follows what is written out. None if there will be no file.
    ///
    /// ```
    /// # use folio_model::*;
    /// # let (process, descriptor) = (Process(0), Descriptor(0));
    /// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
    /// # let (access, content) = (Access::ReadWrite, Content::Keep);
    /// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
    /// model.run(&Op::Truncate { process, descriptor, len: 10 });
    /// assert_eq!(model.disk(File(0)).lens(), [0, 10]);
    /// model.run(&Op::Sync { process, descriptor, how: FileSync::All });
    /// assert_eq!(model.disk(File(0)).lens(), [10]); // for certain
    /// ```
    #[must_use]
    pub fn lens(&self) -> &[u64] {
        &self.lens
    }

    /// May this be what is found?
    ///
    /// ```
    /// # use folio_model::*;
    /// # let (process, descriptor) = (Process(0), Descriptor(0));
    /// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
    /// # let (access, content) = (Access::ReadWrite, Content::Keep);
    /// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
    /// model.run(&Op::Write { process, descriptor, offset: 0, len: 3, fill: 7 });
    /// model.run(&Op::Sync { process, descriptor, how: FileSync::Content });
    /// let disk = model.disk(File(0));
    /// assert_eq!(disk.allows(&[7, 7, 7]), Ok(()));
    /// assert_eq!(disk.allows(&[7, 7, 0]), Err(Impossible::Sector { offset: 0 }));
    /// ```
    ///
    /// # Errors
    /// It cannot; where, is said.
    pub fn allows(&self, found: &[u8]) -> Result<(), Impossible> {
        let len = found.len() as u64;
        let grew = |pair: &[u64]| (pair[0]..=pair[1]).contains(&len);
        if !self.lens.contains(&len) && !self.lens.windows(2).any(grew) {
            return Err(Impossible::Len { found: len, allowed: self.lens.clone() });
        }
        for (sector, bytes) in (0..).zip(found.chunks(SECTOR_BYTES)) {
            let possible = match self.sectors.get(&sector) {
                Some(contents) => may_be(contents, bytes),
                None => bytes.iter().all(|&byte| byte == 0),
            };
            if !possible {
                return Err(Impossible::Sector { offset: sector * SECTOR });
            }
        }
        Ok(())
    }
}

/// One content, or a mixture of one and the next.
fn may_be(contents: &[Sector], found: &[u8]) -> bool {
    let mixture = |pair: &[Sector]| {
        (0..found.len()).all(|at| pair.iter().any(|content| content[at].allows(found[at])))
    };
    match contents {
        [only] => mixture(std::slice::from_ref(only)),
        several => several.windows(2).any(mixture),
    }
}

/// Why something cannot be found on the disk.
///
/// ```
/// # use folio_model::*;
/// # let (process, descriptor) = (Process(0), Descriptor(0));
/// # let mut model = Model::new(Setting::new(4096).file(FileKind::Disk));
/// # let (access, content) = (Access::ReadWrite, Content::Keep);
/// # model.run(&Op::Open { process, descriptor, file: File(0), access, content });
/// let lost = model.disk(File(0)).allows(b"never written").unwrap_err();
/// assert_eq!(lost, Impossible::Len { found: 13, allowed: vec![0] });
/// println!("{lost}"); // a length of 13, where it was [0] since the last sync
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Impossible {
    /// The file never had that length since it was last synced.
    Len {
        /// The length found.
        found: u64,
        /// Those it had; where it grew, any between is allowed too.
        allowed: Vec<u64>,
    },
    /// This sector never had that content since it was last synced.
    Sector {
        /// Of its first byte.
        offset: u64,
    },
}

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Len { found, allowed } => {
                write!(f, "a length of {found}, where it was {allowed:?} since the last sync")
            }
            Self::Sector { offset } => {
                write!(f, "the {SECTOR} bytes from {offset} never were so since the last sync")
            }
        }
    }
}

impl std::error::Error for Impossible {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen on XFS: a file of one byte is written to at 4097; msync(2) of its first page leaves the length for later.
    #[test]
    fn a_flush_makes_as_much_of_the_length_durable_as_finds_what_it_wrote() {
        let stored = |offset| if offset == 4097 { Byte::Known(7) } else { Byte::ZERO };
        let mut disk = Disk::new(1);
        disk.dirty(4097);
        disk.settle(4098, stored);
        let (short, mut whole) = (vec![0], vec![0; 4098]);
        whole[4097] = 7;
        disk.sync(0..4096);
        assert_eq!(DiskStates::new(&disk).allows(&short), Ok(()));
        disk.sync(4096..8192);
        assert!(DiskStates::new(&disk).allows(&short).is_err());
        assert_eq!(DiskStates::new(&disk).allows(&whole), Ok(()));
        whole[4097] = 0;
        let lost = Impossible::Sector { offset: 4096 };
        assert_eq!(DiskStates::new(&disk).allows(&whole), Err(lost));
    }

    /// Seen on ext4: a file that one write made four pages long is three pages long after an msync(2) of these.
    #[test]
    fn a_file_that_grew_may_have_any_length_on_the_way() {
        let stored = |offset| if offset < 100 { Byte::Known(7) } else { Byte::ZERO };
        let mut disk = Disk::new(10);
        for offset in 0..100 {
            disk.dirty(offset);
        }
        disk.settle(16384, stored);
        let allowed = |disk: &Disk, len| {
            let bytes: Vec<u8> = (0..len).map(|at| if at < 100 { 7 } else { 0 }).collect();
            DiskStates::new(disk).allows(&bytes).is_ok()
        };
        assert_eq!(
            [9, 10, 12288, 16384, 16385].map(|len| allowed(&disk, len)),
            [false, true, true, true, false]
        );
        disk.sync(0..512);
        assert_eq!([511, 512, 12288].map(|len| allowed(&disk, len)), [false, true, true]);
        disk.sync_all();
        assert_eq!([12288, 16384].map(|len| allowed(&disk, len)), [false, true]);
        // Shrinking is one step.
        disk.settle(20, stored);
        assert_eq!(
            [20, 21, 16383, 16384].map(|len| allowed(&disk, len)),
            [true, false, false, true]
        );
    }
}
