//! What is written to the device: what this process caused, and what the device did.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;

/// Counters at one moment. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Bytes that this process made the kernel owe to a device (`write_bytes` of proc_pid_io(5)): counted page by page when they become
    /// dirty, or folio by folio.
    pub(super) by_process: Option<u64>,
    /// Bytes that the device wrote, whoever caused it (Linux `Documentation/block/stat.rst`).
    pub(super) by_device: Option<u64>,
    /// In how many requests.
    pub(super) requests: Option<u64>,
}

/// A sector of these statistics, in bytes, whatever the device's own is.
const SECTOR: u64 = 512;

impl Written {
    /// The counters for the device that `file` is on.
    pub(super) fn now(file: &File) -> Self {
        let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
        let stat = file.metadata().ok().and_then(|metadata| {
            let (major, minor) =
                (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
            std::fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")).ok()
        });
        let (requests, by_device) = stat.as_deref().and_then(writes).unzip();
        Self { by_process: process(&io), by_device, requests }
    }

    /// What was written since `before`.
    pub(super) fn since(self, before: Self) -> Self {
        let more = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        Self {
            by_process: more(self.by_process, before.by_process),
            by_device: more(self.by_device, before.by_device),
            requests: more(self.requests, before.requests),
        }
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        let sum = |one: Option<u64>, other: Option<u64>| Some(one? + other?);
        Self {
            by_process: sum(self.by_process, other.by_process),
            by_device: sum(self.by_device, other.by_device),
            requests: sum(self.requests, other.requests),
        }
    }
}

fn process(io: &str) -> Option<u64> {
    io.lines().find_map(|line| line.strip_prefix("write_bytes:"))?.trim().parse().ok()
}

/// Requests and bytes written: the fifth and the seventh field.
fn writes(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.split_whitespace().skip(4);
    let requests = fields.next()?.parse().ok()?;
    let sectors: u64 = fields.nth(1)?.parse().ok()?;
    Some((requests, sectors.checked_mul(SECTOR)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_those_of_the_kernels_documents() {
        let stat = "   11 12 13 14   25 26 27 28   0 1 2\n";
        assert_eq!(writes(stat), Some((25, 27 * 512)));
        assert_eq!(writes("1 2 3"), None);
        assert_eq!(process("rchar: 1\nwrite_bytes: 4096\ncancelled_write_bytes: 5\n"), Some(4096));
    }

    #[test]
    fn what_is_not_told_is_not_counted() {
        let told = Written { by_process: Some(5), by_device: Some(7), requests: None };
        let before = Written { by_process: Some(2), by_device: None, requests: None };
        assert_eq!(
            told.since(before),
            Written { by_process: Some(3), by_device: None, requests: None }
        );
        assert_eq!(told.and(told).by_device, Some(14));
    }
}
