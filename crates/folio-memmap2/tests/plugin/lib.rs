//! A plugin: it maps a file, without a lease (whose thread would keep it in memory), and the program unloads it.

use std::ffi::{CStr, OsStr, c_char};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;

/// How many bytes the file of that name has that are not zero.
///
/// # Safety
/// `name` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn not_zero(name: *const c_char) -> usize {
    // SAFETY: the caller's promise.
    let name = OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes());
    let Ok(file) = File::options().read(true).write(true).open(name) else { return 0 };
    // SAFETY: a test's own file.
    let map = unsafe { memmap2::Mmap::map(&file) };
    map.map_or(0, |map| map.iter().filter(|&&byte| byte != 0).count())
}
