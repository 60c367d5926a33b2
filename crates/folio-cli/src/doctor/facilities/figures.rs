//! Numbers that the kernel tells as text in /proc and /sys, and words for those that were measured. Pure but for the reading.

use std::fs;
use std::time::Duration;

/// The whole number in a file such as /proc/sys/vm/max_map_count; `None` if there is no such file, or something else in it.
pub(super) fn setting(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The choice in a file such as /sys/kernel/mm/transparent_hugepage/enabled.
pub(super) fn choice(path: &str) -> Option<String> {
    chosen(&fs::read_to_string(path).ok()?).map(str::to_owned)
}

/// What is in brackets: `madvise` of `always [madvise] never`.
fn chosen(text: &str) -> Option<&str> {
    Some(text.split_once('[')?.1.split_once(']')?.0)
}

/// The bytes that this process has caused to be written, proc_pid_io(5). They count when pages become dirty.
pub(super) fn written() -> Option<u64> {
    field(&fs::read_to_string("/proc/self/io").ok()?, "write_bytes")
}

/// A line of /proc/meminfo, in bytes: `MemTotal`.
pub(super) fn meminfo(name: &str) -> Option<u64> {
    Some(field(&fs::read_to_string("/proc/meminfo").ok()?, name)? * unit(name))
}

/// What a line of /proc/meminfo counts, in bytes: all but the numbers of huge pages are in KiB.
fn unit(name: &str) -> u64 {
    if name.starts_with("HugePages_") { 1 } else { 1024 }
}

/// The number after `name:`.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The bytes of the mapped areas within `addresses` that are mapped by huge page table entries, proc_pid_smaps(5).
pub(super) fn huge_bytes(addresses: core::ops::Range<usize>) -> Option<u64> {
    huge_in(&fs::read_to_string("/proc/self/smaps").ok()?, addresses)
}

fn huge_in(smaps: &str, addresses: core::ops::Range<usize>) -> Option<u64> {
    let mut within = false;
    let mut kib = None;
    for line in smaps.lines() {
        if let Some(area) = area_of(line) {
            within = addresses.start <= area.start && area.end <= addresses.end;
            continue;
        }
        let huge = ["AnonHugePages", "ShmemPmdMapped", "FilePmdMapped"];
        if within && let Some(more) = huge.iter().find_map(|name| field(line, name)) {
            kib = Some(kib.unwrap_or(0) + more);
        }
    }
    kib.map(|kib| kib * 1024)
}

/// The addresses of an area, of the first line about it: `7f00-7f01 rw-p …`.
fn area_of(line: &str) -> Option<core::ops::Range<usize>> {
    let (start, end) = line.split(' ').next()?.split_once('-')?;
    let address = |digits| usize::from_str_radix(digits, 16).ok();
    Some(address(start)?..address(end)?)
}

/// The middle one; of an even number the later of the two. `None` if there are none.
pub(in crate::doctor) fn median<T: Ord + Copy>(values: &mut [T]) -> Option<T> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// A duration in the unit that suits it: `104 µs`, `12 ms`.
pub(super) fn duration(time: Duration) -> String {
    match time.as_micros() {
        0 => "less than 1 µs".to_owned(),
        micros @ 1..10_000 => format!("{micros} µs"),
        micros => format!("{} ms", micros / 1000),
    }
}

/// A number of bytes in the largest unit that divides it: `64 KiB`, `5000 bytes`.
pub(super) fn size(bytes: u64) -> String {
    let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => counted(bytes, "byte"),
    }
}

/// A number with what it counts: `1 page`, `256 pages`.
pub(super) fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_in_brackets() {
        assert_eq!(chosen("always [madvise] never\n"), Some("madvise"));
        assert_eq!(chosen("always\n"), None);
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "wchar: 7\nwrite_bytes: 4096\ncancelled_write_bytes: 12\n";
        assert_eq!(field(text, "write_bytes"), Some(4096));
        assert_eq!(field(text, "bytes"), None);
        assert_eq!(field("MemTotal:       24650752 kB\n", "MemTotal"), Some(24_650_752));
    }

    #[test]
    fn memory_is_in_bytes_and_huge_pages_are_counted() {
        assert!(meminfo("MemTotal").unwrap() > 1 << 20);
        assert_eq!((unit("HugePages_Free"), unit("MemTotal")), (1, 1024));
    }

    #[test]
    fn huge_bytes_are_those_of_the_areas_within() {
        let smaps = "10000-20000 rw-s 00000000 00:01 7 /f\nRss: 4 kB\nFilePmdMapped:      2048 kB\n\
                     20000-30000 rw-p 00000000 00:00 0\nAnonHugePages:     4096 kB\nShmemPmdMapped: 0 kB\n\
                     30000-40000 rw-p 00000000 00:00 0\nAnonHugePages:     8 kB\n";
        assert_eq!(huge_in(smaps, 0x10000..0x20000), Some(2048 << 10));
        assert_eq!(huge_in(smaps, 0x10000..0x30000), Some(6144 << 10));
        assert_eq!(huge_in(smaps, 0x50000..0x60000), None);
    }

    #[test]
    fn medians() {
        assert_eq!(median(&mut [3, 1, 2]), Some(2));
        assert_eq!(median(&mut [4, 1]), Some(4));
        assert_eq!(median::<u8>(&mut []), None);
    }

    #[test]
    fn numbers_in_words() {
        assert_eq!(duration(Duration::from_nanos(800)), "less than 1 µs");
        assert_eq!(duration(Duration::from_micros(104)), "104 µs");
        assert_eq!(duration(Duration::from_millis(12)), "12 ms");
        assert_eq!(size(64 << 10), "64 KiB");
        assert_eq!(size(5000), "5000 bytes");
        assert_eq!(size(3 << 30), "3 GiB");
        assert_eq!(counted(1, "page"), "1 page");
    }
}
