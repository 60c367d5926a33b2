//! What a child of fork(2) does not have (`MADV_DONTFORK`), made safe.
//!
//! The child's values still name the addresses. If the child mapped something else there, dropping such a value would
//! take it away. So before the child runs anything, pages that cannot be touched are put where pages are missing.

use core::ops::Range;
use core::ptr;
use std::io;

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};

use crate::sys::region::are_pages_kept_from_children;

/// The exit code of a child whose holes could not be filled.
pub(super) const UNFILLED: i32 = 125;

/// The addresses that a child of this process would not have.
#[derive(Debug)]
pub(super) struct Holes(Vec<Range<usize>>);

impl Holes {
    /// Find them, in the process that is going to fork.
    pub(super) fn find() -> io::Result<Self> {
        if !are_pages_kept_from_children() {
            return Ok(Self(Vec::new()));
        }
        // Names of mapped files are in it, and need not be UTF-8.
        let maps = std::fs::read("/proc/self/smaps")?;
        Ok(Self(parse(&String::from_utf8_lossy(&maps))))
    }

    /// Fill them, in the child, before anything else is mapped there (clause R3).
    pub(super) fn fill(&self) -> io::Result<()> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE;
        for hole in &self.0 {
            let address = ptr::with_exposed_provenance_mut(hole.start);
            // SAFETY: clause R3: the flag keeps the call from replacing anything, and what it maps stays for the values
            // that name these addresses.
            let answer = unsafe {
                rustix::mm::mmap_anonymous(address, hole.len(), ProtFlags::empty(), flags)
            };
            match answer {
                Ok(filled) if filled.addr() == hole.start => {}
                // Kernels before 4.17 do not know the flag and take another place.
                Ok(_) => return Err(Errno::NOSYS.into()),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }
}

/// The ranges of /proc/PID/smaps whose flags say that they are not copied on fork: `dc`; proc_pid_smaps(5).
fn parse(smaps: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut current = None;
    for line in smaps.lines() {
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            if flags.split_whitespace().any(|flag| flag == "dc") {
                found.extend(current.take());
            }
        } else if let Some(range) = line.split(' ').next().and_then(addresses) {
            current = Some(range);
        }
    }
    found
}

/// `7f00-7f10`, in hexadecimal.
fn addresses(word: &str) -> Option<Range<usize>> {
    let (start, end) = word.split_once('-')?;
    Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_belong_to_the_range_before_them() {
        let smaps = "1000-3000 rw-p 00000000 00:00 0 \nSize: 8 kB\nVmFlags: rd wr mr mw me ac \n\
                     3000-4000 r--s 00000000 00:00 0  /a-b dc\nVmFlags: rd dc \n\
                     ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\nVmFlags: ex \n";
        assert_eq!(parse(smaps), [0x3000..0x4000]);
    }
}
