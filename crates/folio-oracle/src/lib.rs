//! Programs of mapping operations run on folio and on the bare kernel, so that each step can be compared with the model.
#![forbid(unsafe_code)]

mod kernel;
mod system;

pub use kernel::Kernel;
pub use system::System;
