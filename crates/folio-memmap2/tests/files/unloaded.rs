//! A plugin that maps files and is unloaded: the handler that it left must not be code that is gone.

use std::ffi::{CString, c_char};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use memmap2::MmapMut;

use crate::child::in_child;
use crate::support::*;

/// The plugin, which cargo built for this test.
fn plugin() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("libunloaded.so")
}

/// Load the plugin, have it map a file, and unload it.
fn load_and_unload(folder: &std::path::Path) {
    let (name, path) = (plugin(), patterned(folder, "plugged", PAGE));
    let [name, path] =
        [name, path].map(|path| CString::new(path.into_os_string().into_encoded_bytes()).unwrap());
    // SAFETY: its initialisers are those of the standard library.
    let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!library.is_null(), "{name:?}");
    // SAFETY: both are what dlsym takes.
    let symbol = unsafe { libc::dlsym(library, c"not_zero".as_ptr()) };
    assert!(!symbol.is_null());
    type NotZero = unsafe extern "C" fn(*const c_char) -> usize;
    // SAFETY: that is its type.
    let not_zero = unsafe { std::mem::transmute::<*mut libc::c_void, NotZero>(symbol) };
    // SAFETY: the name ends with a zero.
    assert_eq!(unsafe { not_zero(path.as_ptr()) }, PAGE);
    // SAFETY: nothing of it is used any more.
    assert_eq!(unsafe { libc::dlclose(library) }, 0);
}

/// A signal that is nobody's comes to the plugin's handler, directly or by way of one that was installed later.
#[test]
fn a_signal_that_is_nobody_s_does_what_it_would_have_done() {
    let test = "unloaded::a_signal_that_is_nobody_s_does_what_it_would_have_done";
    for mapped_afterwards in [false, true] {
        let name = if mapped_afterwards { "two handlers" } else { "one handler" };
        let output = in_child(test, name, &[], || {
            let folder = tempfile::tempdir_in(testfs::with_leases()).unwrap();
            load_and_unload(folder.path());
            if mapped_afterwards {
                let path = patterned(folder.path(), "file", 2 * PAGE);
                let file = read_write(&path);
                // SAFETY: what becomes of the bytes is what is tested.
                let map = unsafe { MmapMut::map_mut(&file) }.unwrap();
                file.set_len(PAGE as u64).unwrap();
                assert_eq!((map[0], map[PAGE]), (pattern(0), 0));
            }
            // SAFETY: the signal ends the process.
            unsafe { libc::raise(libc::SIGBUS) };
        });
        if let Some(output) = output {
            assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{name}: {output:?}");
        }
    }
}
