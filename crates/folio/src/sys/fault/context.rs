//! The program counter in the frame that the kernel saved for the thread that a signal interrupted.

#[cfg(target_arch = "x86_64")]
#[path = "context_x86_64.rs"]
mod arch;
#[cfg(target_arch = "aarch64")]
#[path = "context_aarch64.rs"]
mod arch;

pub(super) use arch::{program_counter, set_program_counter};
