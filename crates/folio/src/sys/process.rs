//! The number of this process, remembered: getpid(2) is a system call, and a mapping under lease asks four times.
//!
//! A child of fork(2) must not find its parent's number. It is remembered in a page that the kernel empties in a child
//! (`MADV_WIPEONFORK` of madvise(2), 4.14), so that every way to fork is covered, and no handler has to run.

use core::ptr;
use core::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags};

use crate::page::PageSize;

/// The page, never unmapped; null before the first need, and where it cannot be had.
static REMEMBERED: AtomicPtr<AtomicI32> = AtomicPtr::new(ptr::null_mut());

/// The number of this process.
pub(crate) fn id() -> i32 {
    let page = match REMEMBERED.load(Ordering::Acquire) {
        page if page.is_null() => remember(),
        page => page,
    };
    // SAFETY: clause S1: it is null, or a page of zeros or of a number, which stays mapped.
    let Some(remembered) = (unsafe { page.as_ref() }) else { return ask() };
    match remembered.load(Ordering::Relaxed) {
        0 => {
            let id = ask();
            remembered.store(id, Ordering::Relaxed);
            id
        }
        id => id,
    }
}

fn ask() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

/// Map the page; null if the kernel does not give one that is empty in children.
#[cold]
fn remember() -> *mut AtomicI32 {
    let len = PageSize::base().bytes();
    let prot = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: clause S1: without MAP_FIXED the kernel takes addresses that nobody uses.
    let page = unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), len, prot, MapFlags::PRIVATE) };
    let Ok(page) = page else { return ptr::null_mut() };
    // SAFETY: clause P2: the page was mapped just above, and nobody knows it yet.
    let wiped = unsafe { rustix::mm::madvise(page, len, Advice::LinuxWipeOnFork) };
    let page = page.cast::<AtomicI32>();
    let mine = wiped.is_ok()
        && REMEMBERED
            .compare_exchange(ptr::null_mut(), page, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
    if mine {
        return page;
    }
    // SAFETY: clause P2: nobody else knows the page.
    let _ = unsafe { rustix::mm::munmap(page.cast(), len) };
    REMEMBERED.load(Ordering::Acquire)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_kernel_says_each_time() {
        assert_eq!((id(), id()), (ask(), ask()));
        assert!(!REMEMBERED.load(Ordering::Acquire).is_null());
    }

    #[test]
    fn a_child_has_its_own() {
        let parent = id();
        // SAFETY: clause S1: the child makes system calls alone, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let right = id() == ask() && id() != parent;
            // SAFETY: clause S1: it ends here.
            unsafe { libc::_exit(if right { 7 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: clause S1: the status is written to.
        let answer = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!((answer, libc::WEXITSTATUS(status)), (child, 7));
        assert_eq!(id(), parent);
    }
}
