//! Writing stores to the file.

use std::io::{Error, Result};

use ::folio::best_effort::{BestEffort, Wait};

/// msync(2) on the `len` bytes from `offset` on; an error if the mapping lost bytes, for what was stored where zeros are now
/// reaches no file.
pub(crate) fn flush(map: &BestEffort, offset: usize, len: usize, wait: Wait) -> Result<()> {
    map.sync(offset, len, wait)?;
    match map.poisoned() {
        None => Ok(()),
        Some(at) => Err(Error::other(format!(
            "byte {at} of the mapping was lost (the file was truncated, its disk is full or failed), and what was stored there with it"
        ))),
    }
}
