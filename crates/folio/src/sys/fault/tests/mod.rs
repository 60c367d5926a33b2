//! The handler as a program meets it: on many threads, with other handlers before and after it, and in processes that
//! must end.

mod chaining;
mod gates;
mod surviving;

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicUsize, Ordering};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use libc::siginfo_t;

use super::*;
use crate::page::{PageRange, PageSize};
use crate::sys::region::{Access, Mode, Sharing};

/// The byte that all files of these tests are made of.
const FILLED: u8 = 0x5a;

fn page() -> usize {
    PageSize::base().bytes()
}

/// A mapping of `pages` pages, and its file.
fn mapped(pages: usize, access: Access, sharing: Sharing) -> (File, Region) {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&vec![FILLED; pages * page()], 0).unwrap();
    let region = map(&file, pages, access, sharing);
    (file, region)
}

fn map(file: &File, pages: usize, access: Access, sharing: Sharing) -> Region {
    let range = PageRange::new(PageSize::base(), 0, (pages * page()) as u64).unwrap();
    Region::map(file.as_fd(), &range, 0, Mode { access, sharing, no_reserve: false }).unwrap()
}

/// Load byte `at` with an instruction of the program's, as code that holds a slice does.
fn load(region: &Region, at: usize) -> u8 {
    assert!(at < region.len());
    // SAFETY: clause H3: the byte is in the mapping.
    unsafe { region.as_ptr().wrapping_add(at).read_volatile() }
}

/// Store byte `at` with an instruction of the program's.
fn store(region: &Region, at: usize, byte: u8) {
    assert!(at < region.len());
    // SAFETY: clause H3: the byte is in the mapping.
    unsafe { region.as_ptr().wrapping_add(at).write_volatile(byte) }
}

/// Where [`foreign_fault`] faults.
static FOREIGN: AtomicUsize = AtomicUsize::new(0);

/// Touch a mapping that folio knows nothing of. Returns only if a handler puts something there.
fn foreign_fault() -> u8 {
    let (file, region) = mapped(1, Access::Read, Sharing::Shared);
    file.set_len(0).unwrap();
    FOREIGN.store(region.as_ptr().addr() + 123, Ordering::SeqCst);
    load(&region, 123)
}

/// Copy from a page that faults after 100 bytes.
fn copy_into_a_fault() -> usize {
    let (file, region) = mapped(2, Access::Read, Sharing::Shared);
    file.set_len(page() as u64).unwrap();
    let mut buffer = [0u8; 300];
    let from = region.as_ptr().wrapping_add(page() - 100);
    // SAFETY: clause L2: the source is in the mapping, the destination is the buffer.
    let done = unsafe { crate::sys::copy::copy_in(buffer.as_mut_ptr(), from, buffer.len()) };
    assert!(buffer[..done].iter().all(|&byte| byte == FILLED));
    assert!(buffer[done..].iter().all(|&byte| byte == 0));
    done
}

/// Names the scenario in the environment of a child.
const SCENARIO: &str = "FOLIO_TEST_SCENARIO";

/// What a child ends with if its scenario returns: a test that never came to the scenario ends with 0.
const RETURNED: c_int = 42;

/// Run `scenario` in a process of its own: this test's binary once more, with this `test` alone, which comes here again.
fn in_child(test: &str, name: &str, scenario: impl FnOnce()) -> Option<Output> {
    match std::env::var(SCENARIO) {
        Ok(wanted) if wanted == name => {
            allow_core_dumps();
            scenario();
            std::process::exit(RETURNED);
        }
        Ok(_) => None,
        Err(_) => {
            let (_, module) = module_path!().split_once("::").unwrap();
            let directory = tempfile::tempdir().unwrap();
            let output = Command::new(std::env::current_exe().unwrap())
                .args([&format!("{module}::{test}"), "--exact", "--nocapture"])
                .env(SCENARIO, name)
                .current_dir(directory.path())
                .output()
                .unwrap();
            Some(output)
        }
    }
}

/// So that the core flag of the wait status tells something.
fn allow_core_dumps() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Core);
    let most = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Core, most).unwrap();
}

#[track_caller]
fn assert_returns(output: Option<Output>) {
    if let Some(output) = output {
        assert!(
            output.status.code() == Some(RETURNED),
            "{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Both ended by the same signal, and both dumped core or neither did.
#[track_caller]
fn assert_same_end(with: Option<Output>, without: Option<Output>, signal: c_int) {
    if let (Some(with), Some(without)) = (with, without) {
        assert_eq!(without.status.signal(), Some(signal), "without folio: {}", without.status);
        assert_eq!(
            with.status.into_raw(),
            without.status.into_raw(),
            "{} and {}",
            with.status,
            without.status
        );
    }
}

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// Install `handler`; returns what was there.
fn handle(signal: c_int, handler: usize, flags: c_int) -> libc::sigaction {
    // SAFETY: clause S1: zeros are a sigaction.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: clause S1: as above.
    let mut before: libc::sigaction = unsafe { core::mem::zeroed() };
    // SAFETY: clause S1: both are actions.
    let answer = unsafe { libc::sigaction(signal, &action, &mut before) };
    assert_eq!(answer, 0);
    before
}

/// What is installed.
fn handled_by(signal: c_int) -> usize {
    // SAFETY: clause S1: zeros are a sigaction.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    // SAFETY: clause S1: the kernel writes to the action.
    let answer = unsafe { libc::sigaction(signal, core::ptr::null(), &mut action) };
    assert_eq!(answer, 0);
    action.sa_sigaction
}

/// End the process from within a handler, without running what stands at exit.
fn end(status: c_int) -> ! {
    // SAFETY: clause S1: _exit(2) takes a number.
    unsafe { libc::_exit(status) }
}

/// Run `work` on a thread whose stack for signals has room for several signals at once. The one that Rust's runtime gives
/// its threads holds hardly two where the CPU has registers of 64 bytes.
fn with_roomy_signal_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let mut room = vec![0u8; 1 << 18];
            let stack =
                libc::stack_t { ss_sp: room.as_mut_ptr().cast(), ss_flags: 0, ss_size: room.len() };
            let before = signal_stack(&stack);
            let answer = work();
            signal_stack(&before);
            answer
        });
        thread.join().unwrap()
    })
}

/// Set this thread's stack for signals; returns the one before.
fn signal_stack(stack: &libc::stack_t) -> libc::stack_t {
    let mut before = *stack;
    // SAFETY: clause S1: both are stacks, and the caller keeps the new one until another is set.
    assert_eq!(unsafe { libc::sigaltstack(stack, &mut before) }, 0);
    before
}
