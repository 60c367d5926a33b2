//! Where the stacks of threads are: `/proc/PID/task/TID/syscall`; proc_pid_syscall(5).
//!
//! The kernel calls the stack of the first thread `[stack]` and does not know what others use for one: from 3.4 to 4.4 it looked for their
//! stack pointers whenever it listed mappings, and no longer does because that is slow with many threads (commit 65376df58217).

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Dir, Mode, OFlags, openat};

use super::read;

/// The stack pointers of the threads of the process whose directory is `process`, but for those that run just now.
pub(super) fn stack_pointers(process: &OwnedFd) -> io::Result<Vec<u64>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let tasks = openat(process, "task", flags | OFlags::DIRECTORY, Mode::empty())?;
    let mut found = Vec::new();
    for task in Dir::read_from(&tasks)? {
        let task = task?;
        let Ok(thread) = task.file_name().to_str() else { continue };
        if thread.starts_with('.') {
            continue;
        }
        let syscall = openat(&tasks, Path::new(thread).join("syscall"), flags, Mode::empty());
        match syscall.map_err(io::Error::from).and_then(|file| read(File::from(file))) {
            Ok(text) => found.extend(pointer(&text)),
            // It has ended meanwhile.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The last number but one; the line of a thread that runs is `running`.
fn pointer(text: &[u8]) -> Option<u64> {
    let word = str::from_utf8(text).ok()?.split_ascii_whitespace().rev().nth(1)?;
    u64::from_str_radix(word.strip_prefix("0x")?, 16).ok().filter(|&pointer| pointer > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_pointer_stands_before_the_program_counter() {
        let waiting = "230 0x1 0x1 0x7ffd34cdd9d0 0x0 0x0 0x0 0x7ffd34cdd990 0x7faabdced545\n";
        for (line, expected) in [
            (waiting, Some(0x7ffd_34cd_d990)),
            ("-1 0x7faab7ffea70 0x7faabdced545\n", Some(0x7faa_b7ff_ea70)),
            ("running\n", None),
            ("-1 0x0 0x0\n", None),
            ("", None),
            ("230 x y\n", None),
        ] {
            assert_eq!(pointer(line.as_bytes()), expected, "{line}");
        }
    }
}
