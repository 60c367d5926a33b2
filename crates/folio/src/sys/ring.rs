//! io_uring(7): requests that the kernel carries out later, into pages that it may write to until it says that it is done.
//!
//! Who owns a buffer is the whole difficulty. Here a *slot* is a stretch of pages that this module mapped, and it is either
//! idle, and then its bytes are this process's, or with the kernel, and then nobody here looks at them. What to read,
//! and what its results mean, is `crate::ring`'s.

use core::mem::ManuallyDrop;
use core::ptr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use io_uring::{CompletionQueue, EnterFlags, IoUring, Probe, opcode, types};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};

use crate::page::PageSize;
use crate::sys::process;

/// Whose the bytes of a slot are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// This process's.
    Us,
    /// The kernel's, from when its request was put into the queue until its completion was taken out.
    Kernel,
}

/// Pages of the ring's own, as many bytes for each slot.
#[derive(Debug)]
struct Slots {
    base: *mut u8,
    /// Bytes of each, whole pages.
    stride: usize,
    owners: Vec<Owner>,
}

// SAFETY: clause T1: it owns its pages, which any thread may touch; what the kernel may write to is known from `owners`,
// which moves along.
unsafe impl Send for Slots {}

impl Slots {
    fn map(count: usize, slot_len: usize) -> io::Result<Self> {
        let stride = slot_len.checked_next_multiple_of(PageSize::base().bytes());
        let stride = stride.ok_or(Errno::NOMEM)?;
        let len = stride.checked_mul(count).ok_or(Errno::NOMEM)?;
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: clause S1: without MAP_FIXED the kernel takes addresses that nobody uses.
        let base =
            unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), len, prot, MapFlags::PRIVATE) }?;
        Ok(Self { base: base.cast(), stride, owners: vec![Owner::Us; count] })
    }

    /// The address of a slot's byte; in the pages as long as `slot` is one and `at` is at most the stride.
    fn address(&self, slot: usize, at: usize) -> *mut u8 {
        self.base.wrapping_add(slot * self.stride + at)
    }

    /// Whether the slot is this process's, and holds bytes up to `end`.
    fn is_ours(&self, slot: usize, end: usize) -> bool {
        self.owners.get(slot) == Some(&Owner::Us) && end <= self.stride
    }

    fn with_kernel(&self) -> usize {
        self.owners.iter().filter(|&&owner| owner == Owner::Kernel).count()
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        // SAFETY: clause U2: it is dropped only while all slots are this process's, and nobody borrows one.
        let _ = unsafe { rustix::mm::munmap(self.base.cast(), self.stride * self.owners.len()) };
    }
}

/// A ring over one file, and the slots that it reads into.
pub(crate) struct Queue<'fd> {
    uring: ManuallyDrop<IoUring>,
    slots: ManuallyDrop<Slots>,
    fd: BorrowedFd<'fd>,
    /// The process that made it: the kernel's side of it belongs to that one.
    process: i32,
}

impl<'fd> Queue<'fd> {
    /// A ring that has `depth` requests under way at most, each of `slot_len` bytes at most. `EPERM` or `ENOSYS` where
    /// io_uring is not to be had, `EOPNOTSUPP` where it does not read.
    pub(crate) fn new(fd: BorrowedFd<'fd>, depth: u32, slot_len: usize) -> io::Result<Self> {
        // Completions are looked for in the kernel, so it need not interrupt the thread for them (5.19).
        let uring = match IoUring::builder().setup_coop_taskrun().build(depth) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => IoUring::new(depth)?,
            other => other?,
        };
        let mut probe = Probe::new();
        let reads = uring.submitter().register_probe(&mut probe).is_ok()
            && probe.is_supported(opcode::Read::CODE);
        if !reads {
            return Err(Errno::OPNOTSUPP.into());
        }
        let slots = Slots::map(depth as usize, slot_len)?;
        Ok(Self {
            uring: ManuallyDrop::new(uring),
            slots: ManuallyDrop::new(slots),
            fd,
            process: process::id(),
        })
    }

    /// Whether this is the process that made it. A child of fork(2) shares the kernel's side with its parent, and must not
    /// take completions that are the parent's (clause U3).
    pub(crate) fn is_ours(&self) -> bool {
        self.process == process::id()
    }

    /// Put a request into the queue: read `len` bytes at `offset` of the file to `at` in the slot. Says whether there was
    /// one to put: not if the slot is with the kernel, if it is too short, or in another process.
    pub(crate) fn push(&mut self, slot: usize, at: usize, len: usize, offset: u64) -> bool {
        let end = at.checked_add(len);
        let fits = end.is_some_and(|end| self.slots.is_ours(slot, end));
        let (true, true, Ok(len)) = (self.is_ours(), fits, u32::try_from(len)) else {
            return false;
        };
        let fd = types::Fd(self.fd.as_raw_fd());
        let request = opcode::Read::new(fd, self.slots.address(slot, at), len)
            .offset(offset)
            .build()
            .user_data(slot as u64);
        let mut queue = self.uring.submission();
        // SAFETY: clause U1: the slot is idle, becomes the kernel's in the next line, and holds `len` bytes from `at` on; the
        // descriptor is borrowed for as long as the queue lives.
        let pushed = unsafe { queue.push(&request) }.is_ok();
        if pushed {
            self.slots.owners[slot] = Owner::Kernel;
        }
        pushed
    }

    /// Hand what is queued to the kernel and wait until at least `want` completions are there.
    pub(crate) fn enter(&mut self, want: usize) -> io::Result<()> {
        if !self.is_ours() {
            return Err(Errno::PERM.into());
        }
        loop {
            match self.uring.submit_and_wait(want) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map(|_| ()),
            }
        }
    }

    /// Take the next completion: which slot, and how many bytes or minus an errno. The slot is this process's again.
    pub(crate) fn reap(&mut self) -> Option<(usize, i32)> {
        if !self.is_ours() {
            return None;
        }
        let mut completions: CompletionQueue<'_> = self.uring.completion();
        let completion = completions.next()?;
        let slot = usize::try_from(completion.user_data()).ok()?;
        // One completion for each request (clause U1).
        *self.slots.owners.get_mut(slot)? = Owner::Us;
        Some((slot, completion.result()))
    }

    /// The first `len` bytes of a slot; empty while the kernel has it.
    pub(crate) fn bytes(&self, slot: usize, len: usize) -> &[u8] {
        if !self.slots.is_ours(slot, len) {
            return &[];
        }
        // SAFETY: clause U1: the slot is this process's, and stays so while `self` is borrowed; its pages were zeros at first.
        unsafe { core::slice::from_raw_parts(self.slots.address(slot, 0), len) }
    }

    /// Bytes `at..end` of a slot, to read into without the ring; empty while the kernel has it.
    pub(crate) fn bytes_mut(&mut self, slot: usize, at: usize, end: usize) -> &mut [u8] {
        if at > end || !self.slots.is_ours(slot, end) {
            return &mut [];
        }
        // SAFETY: clause U1: the slot is this process's, and stays so while `self` is borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.slots.address(slot, at), end - at) }
    }

    /// Make the kernel give all slots back; whether it did.
    fn settle(&mut self) -> bool {
        if self.slots.with_kernel() > self.unseen() {
            // It need not work (6.0): a read of a file ends by itself, this is only to wait no longer than must be.
            let _ = self.uring.submitter().register_sync_cancel(None, types::CancelBuilder::any());
        }
        self.await_all()
    }

    /// How many requests the kernel has not been told of. They go with the queue.
    fn unseen(&mut self) -> usize {
        self.uring.submission().len()
    }

    /// Wait until each request that the kernel has seen is complete; whether they are.
    fn await_all(&mut self) -> bool {
        let unseen = self.unseen();
        while self.slots.with_kernel() > unseen {
            if self.reap().is_none() && self.wait_for_one().is_err() {
                return false;
            }
        }
        true
    }

    /// Wait for a completion, and hand nothing to the kernel.
    fn wait_for_one(&self) -> io::Result<()> {
        let flags = EnterFlags::GETEVENTS.bits();
        loop {
            // SAFETY: clause S1: there is no argument, so no pointer is passed.
            match unsafe { self.uring.submitter().enter::<libc::sigset_t>(0, 1, flags, None) } {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map(|_| ()),
            }
        }
    }
}

impl Drop for Queue<'_> {
    fn drop(&mut self) {
        if !self.is_ours() {
            return;
        }
        let settled = self.settle();
        // SAFETY: clause U2: this is the only place that drops it, and it is not used afterwards.
        unsafe { ManuallyDrop::drop(&mut self.uring) };
        if settled {
            // SAFETY: clause U2: the kernel has no slot any more; it is dropped only here, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.slots) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::fd::AsFd as _;

    /// Dropping a queue does this first, and unmaps the slots only then.
    #[test]
    fn settling_takes_every_slot_back() {
        let mut file = tempfile::tempfile().expect("there is room for a temporary file");
        file.write_all(&vec![7; 4 << 20]).expect("there is room for 4 MiB");
        for submitted in [0, 5, 16] {
            // Cold, so that the reads are under way for a while.
            file.sync_all().expect("it can be written out");
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("a hint");
            let Ok(mut queue) = Queue::new(file.as_fd(), 16, 256 << 10) else {
                testfs::skip("io_uring", "this process may not use it");
                return;
            };
            for slot in 0..submitted {
                assert!(queue.push(slot, 0, 256 << 10, (slot as u64) << 18));
            }
            queue.enter(0).expect("the queue is handed over");
            for slot in submitted..16 {
                assert!(queue.push(slot, 0, 4096, 0));
            }
            assert_eq!(queue.slots.with_kernel(), 16);
            assert!(queue.settle());
            assert_eq!(queue.slots.with_kernel(), 16 - submitted, "those it was not told of");
            // Nothing is written to any more: what is there is cancelled or whole.
            for slot in 0..submitted {
                let bytes = queue.bytes(slot, 256 << 10);
                assert_eq!(bytes.len(), 256 << 10);
            }
            let unseen = (submitted..16).all(|slot| queue.slots.owners[slot] == Owner::Kernel);
            assert!(unseen);
        }
    }

    /// A read of an empty pipe is surely under way, and ends when somebody writes: not before may the slots be given up.
    #[test]
    fn what_is_under_way_is_waited_for() {
        let (end, mut writer) = io::pipe().expect("a pipe");
        let Ok(mut queue) = Queue::new(end.as_fd(), 2, 4096) else {
            testfs::skip("io_uring", "this process may not use it");
            return;
        };
        assert!(queue.push(0, 0, 4096, 0));
        queue.enter(0).expect("the queue is handed over");
        assert_eq!((queue.reap(), queue.slots.with_kernel()), (None, 1));
        let syscall = format!("/proc/self/task/{}/syscall", rustix::thread::gettid().as_raw_pid());
        let waits = format!("{} ", libc::SYS_io_uring_enter);
        let given_up = core::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Not told where it is, write all the same: then the test shows less.
                while std::fs::read_to_string(&syscall).is_ok_and(|now| !now.starts_with(&waits))
                    && !given_up.load(core::sync::atomic::Ordering::Acquire)
                {
                    std::thread::yield_now();
                }
                writer.write_all(&[7; 4096]).expect("the pipe has a reader");
            });
            let all_are_back = queue.await_all();
            given_up.store(true, core::sync::atomic::Ordering::Release);
            assert!(all_are_back);
            assert!(queue.bytes(0, 4096).iter().all(|&byte| byte == 7));
            assert_eq!(queue.bytes(0, 4096).len(), 4096, "the slot is back");
        });
    }

    /// A request that the kernel still had would keep the pipe open for reading. Closing a ring cancels requests too, but
    /// later, and now and then early enough not to be seen.
    #[test]
    fn dropping_ends_what_would_never_end() {
        for _ in 0..20 {
            let (end, mut writer) = io::pipe().expect("a pipe");
            let Ok(mut queue) = Queue::new(end.as_fd(), 8, 4096) else {
                testfs::skip("io_uring", "this process may not use it");
                return;
            };
            for slot in 0..8 {
                assert!(queue.push(slot, 0, 4096, 0));
            }
            queue.enter(0).expect("the queue is handed over");
            assert_eq!((queue.reap(), queue.slots.with_kernel()), (None, 8));
            drop(queue);
            drop(end);
            let error = writer.write_all(&[7; 4096]).expect_err("nobody reads any more");
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        }
    }

    /// The child has a copy of the queue, refuses to use it, and drops nothing of its parent's.
    #[test]
    fn a_child_leaves_the_ring_to_its_parent() {
        let mut file = tempfile::tempfile().expect("there is room for a temporary file");
        file.write_all(&[7; 4096]).expect("there is room for a page");
        let Ok(mut queue) = Queue::new(file.as_fd(), 2, 4096) else {
            testfs::skip("io_uring", "this process may not use it");
            return;
        };
        assert!(queue.push(0, 0, 4096, 0));
        assert!(!queue.push(0, 0, 4096, 0), "the kernel has the slot");
        assert!(queue.bytes(0, 1).is_empty() && queue.bytes_mut(0, 0, 1).is_empty());
        // SAFETY: clause S1: the child makes system calls alone, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let refused = !queue.is_ours()
                && queue.enter(0).is_err()
                && queue.reap().is_none()
                && !queue.push(1, 0, 4096, 0);
            drop(queue);
            // SAFETY: clause S1: it ends here.
            unsafe { libc::_exit(if refused { 7 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: clause S1: the status is written to.
        let answer = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!((answer, libc::WEXITSTATUS(status)), (child, 7));

        assert!(!queue.push(1, 4000, 97, 0), "past the slot");
        assert!(!queue.push(2, 0, 1, 0), "there is no such slot");
        queue.enter(1).expect("a read of a file ends");
        assert_eq!(queue.reap(), Some((0, 4096)));
        assert_eq!(queue.reap(), None);
        assert!(queue.bytes(0, 4096).iter().all(|&byte| byte == 7));
    }
}
