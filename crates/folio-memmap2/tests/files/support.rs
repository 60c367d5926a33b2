//! Files with a pattern, mappings of them, and others who disturb them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use memmap2::{Mmap, MmapMut, MmapOptions};
use testfs::Kind;

/// Where leases are to be had.
pub(crate) const LEASING: &[Kind] = &[Kind::Ext4, Kind::Tmpfs, Kind::Xfs, Kind::Btrfs];
pub(crate) const PAGE: usize = 4096;

/// Byte `at` of a file with the pattern: never zero, and different from page to page.
pub(crate) fn pattern(at: usize) -> u8 {
    u8::try_from(at % 251).unwrap() + 1
}

/// A file of `len` bytes with the pattern.
pub(crate) fn patterned(folder: &Path, name: &str, len: usize) -> PathBuf {
    let path = folder.join(name);
    let bytes: Vec<u8> = (0..len).map(pattern).collect();
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The first byte of `bytes`, which begin at `offset` of the file, that is not the pattern's.
pub(crate) fn first_wrong(bytes: &[u8], offset: usize) -> Option<usize> {
    bytes.iter().enumerate().position(|(at, &byte)| byte != pattern(offset + at))
}

/// The file at `path`, open for reading alone, mapped.
pub(crate) fn map(path: &Path) -> Mmap {
    map_with(path, &MmapOptions::new())
}

pub(crate) fn map_with(path: &Path, options: &MmapOptions) -> Mmap {
    // SAFETY: a test's own file; what others do to it is what is tested.
    unsafe { options.map(&File::open(path).unwrap()) }.unwrap()
}

pub(crate) fn map_copy(path: &Path) -> MmapMut {
    // SAFETY: as above.
    unsafe { MmapOptions::new().map_copy(&File::open(path).unwrap()) }.unwrap()
}

/// The file at `path`, open for reading and writing.
pub(crate) fn read_write(path: &Path) -> File {
    File::options().read(true).write(true).open(path).unwrap()
}

/// Another process truncates the file to `len` bytes, by its path, and succeeds.
pub(crate) fn truncate_elsewhere(path: &Path, len: u64) {
    perl("truncate($ARGV[0], $ARGV[1]) or die $!", path, &len.to_string());
    assert_eq!(std::fs::metadata(path).unwrap().len(), len);
}

/// A child that truncates the file by its path, and waits there for as long as the kernel holds it back. It needs no descriptor and no
/// more memory.
pub(crate) fn truncate_in_a_child(path: &Path) -> libc::pid_t {
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the child makes one call, and waits there.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: the name ends with a zero.
        unsafe { libc::truncate(name.as_ptr(), 0) };
        // SAFETY: it ends here and nowhere else.
        unsafe { libc::_exit(0) };
    }
    child
}

/// Wait until `child`, which was not waited for, has ended.
pub(crate) fn wait_for(child: libc::pid_t) {
    // SAFETY: no status is asked for.
    assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
}

/// Another process writes `byte` over the whole file, and succeeds.
pub(crate) fn overwrite_elsewhere(path: &Path, byte: u8) {
    let program =
        "open(my $f, '+<', $ARGV[0]) or die $!; print $f chr($ARGV[1]) x -s $f; close $f or die $!";
    perl(program, path, &byte.to_string());
    assert!(std::fs::read(path).unwrap().iter().all(|&now| now == byte));
}

/// perl, because the standard library's and most tools' truncate opens the file first.
fn perl(program: &str, path: &Path, argument: &str) {
    let output = Command::new("perl").args(["-e", program]).arg(path).arg(argument).output();
    let output = output.expect("perl can be run");
    assert!(output.status.success(), "{output:?}");
}

/// How many descriptors this process has.
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
