//! Mappings and processes exactly as the kernel gives them, for experiments: the floor below [`crate::raw`].
//!
//! Nothing here survives a fault, and nothing needs to: a signal that ends the process is safe. What has to hold all the
//! same is in the clauses R1 to R6 of `docs/soundness.md`: the bytes are touched by single instructions in assembly,
//! addresses are used by their owner alone, and a process forks only while it has one thread.
//!
//! | module | holds |
//! |---|---|
//! | `region` | an owned range of whole pages, and the system calls on it |
//! | `touch` | loading and storing one byte |
//! | `process` | fork(2), _exit(2), getrusage(2) |
//! | `holes` | addresses that a child does not have, filled with pages that cannot be touched |
//! | `signal` | blocking a signal, and its disposition |
//! | `control` | fcntl(2): leases and record locks |
//! | `userfault` | userfaultfd(2) |
//! | `disk` | where a file lies on its device, and getting it there |
//! | `namespaces` | unshare(2) |

pub(crate) mod control;
pub(crate) mod disk;
mod holes;
pub(crate) mod namespaces;
pub(crate) mod process;
pub(crate) mod region;
pub(crate) mod signal;
#[cfg_attr(target_arch = "x86_64", path = "touch/x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "touch/aarch64.rs")]
mod touch;
pub(crate) mod userfault;

use std::io;

/// What a system call of libc answers that returns -1 for an error.
fn done(answer: i32) -> io::Result<()> {
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
