//! What a mapping costs, from `/proc/PID/smaps`; proc_pid_smaps(5), Linux `Documentation/filesystems/proc.rst`.
//!
//! The kernel walks the page tables for these figures and counts for each page who else has it. No other source tells a
//! process without privileges its proportional share: with `PAGEMAP_SCAN` and `/proc/kpagecount` it could be computed,
//! by root, and not faster.

use core::iter::Sum;
use core::ops::{Add, AddAssign};
use std::io::{self, Read};

use bitflags::bitflags;

use super::mapping::Mapping;
use super::text::{self, Name};

/// A mapping and what it costs.
///
/// ```
/// use folio::process::{Process, VmFlags};
/// for found in Process::current()?.usage()? {
///     if found.flags.contains(VmFlags::LOCKED) && found.usage.swapped == 0 {
///         println!("{:x?}: {} bytes stay in memory", found.mapping.addresses, found.usage.resident);
///     }
///     # assert!(found.page_size >= 4096 && found.usage.size == found.mapping.len());
/// }
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingUsage {
    /// The mapping.
    pub mapping: Mapping,
    /// Its pages, in bytes.
    pub usage: Usage,
    /// The size of its pages in bytes, as the kernel keeps them: more than the base page's for huge pages from the pool.
    pub page_size: u64,
    /// What the kernel was told about it.
    pub flags: VmFlags,
    /// Codes of two letters that folio has no name for.
    pub unknown_flags: Vec<String>,
}

/// What pages cost, in bytes. A figure that this kernel does not tell is 0.
///
/// Each figure is a whole number of pages but for the proportional ones, which the kernel rounds down to whole KiB for each
/// mapping. So their sum over many mappings is too small, by less than 1 KiB for each mapping with pages that others have
/// too; [`Process::rollup`](super::Process::rollup) has the exact sum.
///
/// ```
/// use folio::process::{Process, Usage};
/// let process = Process::current()?;
/// let files = process.usage()?.into_iter().filter(|found| found.mapping.file.is_some());
/// let sum: Usage = files.map(|found| found.usage).sum(); // of many mappings, figure by figure
/// assert!(sum.proportional <= sum.resident && sum.resident <= sum.size);
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Addresses, with pages or without.
    pub size: u64,
    /// In memory (RSS), but for huge pages from the pool.
    pub resident: u64,
    /// The same, each page divided by the number of mappings that have it (PSS).
    pub proportional: u64,
    /// The part of `proportional` that is dirty (6.0).
    pub proportional_dirty: u64,
    /// Pages that others have too, clean.
    pub shared_clean: u64,
    /// Pages that others have too, dirty.
    pub shared_dirty: u64,
    /// Pages that nobody else has mapped, clean.
    pub private_clean: u64,
    /// Pages that nobody else has mapped, dirty.
    pub private_dirty: u64,
    /// Touched since the kernel last looked.
    pub referenced: u64,
    /// Pages of no file: in a private mapping of a file, those copied on write.
    pub anonymous: u64,
    /// Merged with equal pages (6.7); ksm(7).
    pub merged: u64,
    /// To be dropped when memory is short (`MADV_FREE`).
    pub lazy_free: u64,
    /// In huge pages of anonymous memory.
    pub anonymous_huge: u64,
    /// In huge pages of shared memory.
    pub shmem_huge: u64,
    /// In huge pages of files (5.4).
    pub file_huge: u64,
    /// Huge pages from the pool that others have too. Not in `resident`.
    pub pool_shared: u64,
    /// Huge pages from the pool that nobody else has. Not in `resident`.
    pub pool_private: u64,
    /// In swap space.
    pub swapped: u64,
    /// The same, divided as `proportional` is.
    pub swapped_proportional: u64,
    /// The proportional share of what mlock(2) keeps in memory.
    pub locked: u64,
}

impl Usage {
    /// What nobody else has, in memory (USS): about what is free again when the process ends.
    ///
    /// ```
    /// use folio::process::Usage;
    /// let usage = Usage { private_dirty: 8192, shared_clean: 1 << 20, ..Usage::default() };
    /// assert_eq!(usage.unique(), 8192); // the library that others map too stays when this process ends
    /// ```
    #[must_use]
    pub fn unique(&self) -> u64 {
        self.private_clean + self.private_dirty + self.pool_private
    }

    /// All that is in memory: [`resident`](Self::resident), and huge pages from the pool, which the kernel does not count there.
    ///
    /// ```
    /// use folio::process::Usage;
    /// let usage = Usage { resident: 8192, pool_private: 2 << 20, ..Usage::default() };
    /// assert_eq!(usage.in_memory(), 8192 + (2 << 20)); // the figures of top(1) lack the huge page
    /// ```
    #[must_use]
    pub fn in_memory(&self) -> u64 {
        self.resident + self.pool_shared + self.pool_private
    }

    /// Its part of the memory in use: [`proportional`](Self::proportional), and huge pages from the pool, which the kernel does
    /// not count there, if nobody else has them. For those that others have too it tells no share.
    ///
    /// ```
    /// use folio::process::Usage;
    /// // A page of its own, and two that four processes have.
    /// let usage = Usage { resident: 3 * 4096, proportional: 4096 + 2 * 1024, ..Usage::default() };
    /// assert_eq!(usage.share(), 6144); // summed over all processes, this is the memory in use
    /// ```
    #[must_use]
    pub fn share(&self) -> u64 {
        self.proportional + self.pool_private
    }

    /// Pages that others have too, in memory.
    ///
    /// ```
    /// use folio::process::Usage;
    /// let usage = Usage { shared_clean: 4096, shared_dirty: 4096, resident: 12288, ..Usage::default() };
    /// assert_eq!(usage.in_memory() - usage.shared(), 4096); // nobody else's
    /// ```
    #[must_use]
    pub fn shared(&self) -> u64 {
        self.shared_clean + self.shared_dirty + self.pool_shared
    }

    /// Pages that were stored to and are not written out.
    ///
    /// ```
    /// use folio::process::Usage;
    /// let usage = Usage { private_dirty: 4096, shared_dirty: 4096, resident: 12288, ..Usage::default() };
    /// assert_eq!(usage.dirty(), 8192); // has to be written before it can go, to the file or to swap space
    /// ```
    #[must_use]
    pub fn dirty(&self) -> u64 {
        self.shared_dirty + self.private_dirty
    }

    /// In huge pages of any kind.
    ///
    /// ```
    /// use folio::process::Usage;
    /// let usage = Usage { anonymous_huge: 2 << 20, resident: 3 << 20, ..Usage::default() };
    /// println!("{} % is in huge pages", 100 * usage.huge() / usage.in_memory().max(1));
    /// assert_eq!(usage.huge(), 2 << 20);
    /// ```
    #[must_use]
    pub fn huge(&self) -> u64 {
        self.anonymous_huge
            + self.shmem_huge
            + self.file_huge
            + self.pool_shared
            + self.pool_private
    }

    /// The figure with the name that the kernel gives it.
    fn figure(&mut self, name: &[u8]) -> Option<&mut u64> {
        Some(match name {
            b"Size" => &mut self.size,
            b"Rss" => &mut self.resident,
            b"Pss" => &mut self.proportional,
            b"Pss_Dirty" => &mut self.proportional_dirty,
            b"Shared_Clean" => &mut self.shared_clean,
            b"Shared_Dirty" => &mut self.shared_dirty,
            b"Private_Clean" => &mut self.private_clean,
            b"Private_Dirty" => &mut self.private_dirty,
            b"Referenced" => &mut self.referenced,
            b"Anonymous" => &mut self.anonymous,
            b"KSM" => &mut self.merged,
            b"LazyFree" => &mut self.lazy_free,
            b"AnonHugePages" => &mut self.anonymous_huge,
            b"ShmemPmdMapped" => &mut self.shmem_huge,
            b"FilePmdMapped" => &mut self.file_huge,
            b"Shared_Hugetlb" => &mut self.pool_shared,
            b"Private_Hugetlb" => &mut self.pool_private,
            b"Swap" => &mut self.swapped,
            b"SwapPss" => &mut self.swapped_proportional,
            b"Locked" => &mut self.locked,
            _ => return None,
        })
    }

    fn all(&mut self) -> [&mut u64; 20] {
        [
            &mut self.size,
            &mut self.resident,
            &mut self.proportional,
            &mut self.proportional_dirty,
            &mut self.shared_clean,
            &mut self.shared_dirty,
            &mut self.private_clean,
            &mut self.private_dirty,
            &mut self.referenced,
            &mut self.anonymous,
            &mut self.merged,
            &mut self.lazy_free,
            &mut self.anonymous_huge,
            &mut self.shmem_huge,
            &mut self.file_huge,
            &mut self.pool_shared,
            &mut self.pool_private,
            &mut self.swapped,
            &mut self.swapped_proportional,
            &mut self.locked,
        ]
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, mut other: Self) {
        for (sum, more) in self.all().into_iter().zip(other.all()) {
            *sum += *more;
        }
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        usages.fold(Self::default(), Add::add)
    }
}

/// The flags of a mapping that `VmFlags` names: what is allowed, and what was advised.
macro_rules! vm_flags {
    ($($(#[doc = $doc:literal])* $code:literal $name:ident = $bit:literal;)*) => {
        bitflags! {
            /// What the kernel was told about a mapping: `VmFlags` of proc_pid_smaps(5) and
            /// `Documentation/filesystems/proc.rst`.
            ///
            /// ```
            /// use folio::Advice;
            /// use folio::process::{Process, VmFlags};
            /// # let dir = tempfile::tempdir()?; let path = dir.path().canonicalize()?.join("f"); std::fs::write(&path, b"hello")?;
            /// let shared = folio::Shared::open(&path)?;
            /// shared.pages().advise(.., Advice::Random)?;
            /// let mappings = Process::current()?.usage()?;
            /// let found = mappings.iter().find(|found| found.mapping.path() == Some(&path)).expect("it is mapped");
            /// assert!(found.flags.contains(VmFlags::RANDOM | VmFlags::MAY_SHARE));
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
            pub struct VmFlags: u64 {
                $($(#[doc = $doc])* const $name = 1 << $bit;)*
            }
        }

        impl VmFlags {
            /// The flag of the kernel's code of two letters.
            ///
            /// ```
            /// use folio::process::VmFlags;
            /// assert_eq!(VmFlags::of_code(b"lo"), Some(VmFlags::LOCKED));
            /// assert_eq!(VmFlags::of_code(b"zz"), None); // as of a kernel to come
            /// ```
            #[must_use]
            pub fn of_code(code: &[u8]) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The kernel's codes of two letters, in the order in which it writes them or nearly so.
            ///
            /// ```
            /// use folio::process::VmFlags;
            /// let flags = VmFlags::RANDOM | VmFlags::READ;
            /// assert_eq!(flags.codes().collect::<Vec<_>>(), ["rd", "rr"]);
            /// ```
            pub fn codes(self) -> impl Iterator<Item = &'static str> {
                [$((str::from_utf8($code), Self::$name)),*]
                    .into_iter()
                    .filter_map(move |(code, flag)| code.ok().filter(|_| self.contains(flag)))
            }
        }
    };
}

vm_flags! {
    /// May be read now.
    b"rd" READ = 0;
    /// May be written now.
    b"wr" WRITE = 1;
    /// May be executed now.
    b"ex" EXEC = 2;
    /// Shared, and the file, if there is one, is open for writing.
    b"sh" SHARED = 3;
    /// mprotect(2) may allow reading.
    b"mr" MAY_READ = 4;
    /// mprotect(2) may allow writing.
    b"mw" MAY_WRITE = 5;
    /// mprotect(2) may allow executing.
    b"me" MAY_EXEC = 6;
    /// Shared, whatever the file is open for.
    b"ms" MAY_SHARE = 7;
    /// Grows downward when it is touched below its start, as stacks do.
    b"gd" GROWS_DOWN = 8;
    /// Physical addresses without page structures, as of devices.
    b"pf" PFN_MAP = 9;
    /// Locked in memory.
    b"lo" LOCKED = 10;
    /// Memory of a device.
    b"io" DEVICE = 11;
    /// `MADV_SEQUENTIAL`
    b"sr" SEQUENTIAL = 12;
    /// `MADV_RANDOM`
    b"rr" RANDOM = 13;
    /// `MADV_DONTFORK`
    b"dc" DONT_FORK = 14;
    /// Not extended by mremap(2).
    b"de" DONT_EXPAND = 15;
    /// Counted against the limit of committed memory.
    b"ac" ACCOUNTED = 16;
    /// No swap space was reserved for it.
    b"nr" NO_RESERVE = 17;
    /// Huge pages from the pool.
    b"ht" HUGETLB = 18;
    /// `MAP_SYNC`
    b"sf" SYNC = 19;
    /// The architecture's own.
    b"ar" ARCHITECTURE = 20;
    /// `MADV_WIPEONFORK`
    b"wf" WIPE_ON_FORK = 21;
    /// `MADV_DONTDUMP`
    b"dd" DONT_DUMP = 22;
    /// New, as far as soft-dirty tracking goes.
    b"sd" SOFT_DIRTY = 23;
    /// Pages of several kinds, as drivers map them.
    b"mm" MIXED = 24;
    /// `MADV_HUGEPAGE`
    b"hg" HUGE = 25;
    /// `MADV_NOHUGEPAGE`
    b"nh" NO_HUGE = 26;
    /// `MADV_MERGEABLE`
    b"mg" MERGEABLE = 27;
    /// A userfaultfd hears of missing pages.
    b"um" USERFAULT_MISSING = 28;
    /// A userfaultfd hears of stores.
    b"uw" USERFAULT_WRITE = 29;
    /// A userfaultfd hears of minor faults.
    b"ui" USERFAULT_MINOR = 30;
    /// Memory tags of arm64.
    b"mt" TAGGED = 31;
    /// Branch targets of arm64 are guarded.
    b"bt" BRANCH_TARGETS = 32;
    /// A shadow stack.
    b"ss" SHADOW_STACK = 33;
    /// mseal(2): cannot be changed or unmapped.
    b"sl" SEALED = 34;
    /// `MAP_DROPPABLE`: the kernel may drop the pages.
    b"dp" DROPPABLE = 35;
    /// May have guards in it (6.19).
    b"gu" MAYBE_GUARD = 36;
}

/// Every mapping of `smaps`, with those whose names are not certain given to `name`.
pub(super) fn parse(
    smaps: &mut impl Read,
    mut name: impl FnMut(&mut Mapping),
) -> io::Result<Vec<MappingUsage>> {
    let mut found: Vec<MappingUsage> = Vec::new();
    text::lines(smaps, |line| {
        if line.first().is_some_and(u8::is_ascii_uppercase) {
            let usage = found.last_mut().ok_or_else(|| text::odd(line))?;
            return field(line, usage);
        }
        let (mut mapping, exact) = text::mapping(line)?;
        if exact == Name::Escaped {
            name(&mut mapping);
        }
        found.push(MappingUsage {
            mapping,
            usage: Usage::default(),
            page_size: 0,
            flags: VmFlags::empty(),
            unknown_flags: Vec::new(),
        });
        Ok(())
    })?;
    Ok(found)
}

/// The sums of `smaps_rollup`: a head and figures. `None` if there is nothing in it.
pub(super) fn parse_rollup(rollup: &mut impl Read) -> io::Result<Option<Usage>> {
    let mut sums = Usage::default();
    let read = text::lines(rollup, |line| {
        if let Some((name, value)) = figure(line) {
            sums.figure(name).into_iter().for_each(|sum| *sum = value);
        }
        Ok(())
    })?;
    Ok((read > 0).then_some(sums))
}

fn field(line: &[u8], found: &mut MappingUsage) -> io::Result<()> {
    if let Some(codes) = line.strip_prefix(b"VmFlags:") {
        for code in codes.split(|&byte| byte == b' ').filter(|code| !code.is_empty()) {
            match VmFlags::of_code(code) {
                Some(flag) => found.flags |= flag,
                None => found.unknown_flags.push(String::from_utf8_lossy(code).into_owned()),
            }
        }
        return Ok(());
    }
    // Lines without kB are not sizes: THPeligible, ProtectionKey, and what newer kernels add.
    let Some((name, value)) = figure(line) else { return Ok(()) };
    if name == b"KernelPageSize" {
        found.page_size = value;
    } else if let Some(figure) = found.usage.figure(name) {
        *figure = value;
    }
    Ok(())
}

/// The name and the bytes of `NAME:   N kB`.
fn figure(line: &[u8]) -> Option<(&[u8], u64)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let rest = line[colon + 1..].trim_ascii_start();
    let (value, b" kB") = text::number(rest, 10)? else { return None };
    Some((&line[..colon], value.checked_mul(1024)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_flags_belong_to_the_head_before_them() {
        let text = "1000-3000 rw-p 00000000 00:00 0                          [heap]\nSize:                  8 kB\n\
            KernelPageSize:        4 kB\nRss:                   4 kB\nPrivate_Dirty:         4 kB\nNewFigure: 7 kB\n\
            THPeligible:           1\nProtectionKey:         2\nVmFlags: rd wr lo zz \n\
            3000-4000 r--p 00000000 00:00 0 \nRss:                   0 kB\n";
        let found = parse(&mut text.as_bytes(), |_| {}).unwrap();
        assert_eq!(found.len(), 2);
        let heap = &found[0];
        assert_eq!((heap.usage.size, heap.usage.resident, heap.usage.unique()), (8192, 4096, 4096));
        assert_eq!(heap.page_size, 4096);
        assert_eq!(heap.flags, VmFlags::READ | VmFlags::WRITE | VmFlags::LOCKED);
        assert_eq!(heap.flags.codes().collect::<Vec<_>>(), ["rd", "wr", "lo"]);
        assert_eq!(heap.unknown_flags, ["zz"]);
        assert_eq!(found[1].usage, Usage::default());
        assert!(parse(&mut "Rss: 4 kB\n".as_bytes(), |_| {}).is_err());
    }

    #[test]
    fn a_rollup_is_its_sums() {
        let text = "1000-3000 ---p 00000000 00:00 0                          [rollup]\nRss:      8 kB\nPss_Anon: 1 kB\n";
        let sums = parse_rollup(&mut text.as_bytes()).unwrap().unwrap();
        assert_eq!(sums, Usage { resident: 8192, ..Usage::default() });
        assert_eq!(parse_rollup(&mut &b""[..]).unwrap(), None);
    }

    #[test]
    fn usages_add_up() {
        let one = Usage { resident: 1, locked: 2, ..Usage::default() };
        let sum: Usage =
            [one, one, Usage { pool_private: 5, ..Usage::default() }].into_iter().sum();
        assert_eq!((sum.resident, sum.locked, sum.unique()), (2, 4, 5));
        // Never less than what nobody else has.
        assert_eq!(sum.in_memory(), 7);
    }
}
