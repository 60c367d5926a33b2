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

/// The methods, for a type whose field `map` is a [`BestEffort`] and that has a `len`.
macro_rules! flush_methods {
    () => {
        /// Write stores to the file and wait until they are on the disk; msync(2).
        ///
        /// # Errors
        /// What msync(2) answers; and if zeros took the place of bytes, because stores there reach no file.
        pub fn flush(&self) -> std::io::Result<()> {
            self.flush_range(0, self.len())
        }

        /// The same without waiting.
        ///
        /// # Errors
        /// As [`flush`](Self::flush).
        pub fn flush_async(&self) -> std::io::Result<()> {
            self.flush_async_range(0, self.len())
        }

        /// Write stores to the `len` bytes from `offset` on to the file and wait until they are on the disk; msync(2).
        ///
        /// # Errors
        /// `InvalidInput` if they reach past the end, and as [`flush`](Self::flush).
        pub fn flush_range(&self, offset: usize, len: usize) -> std::io::Result<()> {
            $crate::flush::flush(&self.map, offset, len, ::folio::best_effort::Wait::Yes)
        }

        /// The same without waiting.
        ///
        /// # Errors
        /// As [`flush_range`](Self::flush_range).
        pub fn flush_async_range(&self, offset: usize, len: usize) -> std::io::Result<()> {
            $crate::flush::flush(&self.map, offset, len, ::folio::best_effort::Wait::No)
        }
    };
}

pub(crate) use flush_methods;
