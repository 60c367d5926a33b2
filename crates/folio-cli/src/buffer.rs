//! A buffer that begins at a page boundary.
//!
//! The kernel copies with `rep movsb`, which is a third slower to a place that is not aligned to a cache line; what the
//! allocator gives for a large vector begins 16 bytes into a page.

/// Bytes to read into, aligned. They are allocated when they are first asked for.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

/// The smallest page of any machine.
const ALIGN: usize = 4096;

impl Buffer {
    /// A buffer of `len` bytes, zeros at first.
    pub(crate) fn new(len: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, len }
    }

    /// All of it.
    pub(crate) fn get(&mut self) -> &mut [u8] {
        if self.bytes.is_empty() {
            self.bytes = vec![0; self.len + ALIGN];
            // Where alignment is not known, as in an interpreter, any place will do.
            self.start = self.bytes.as_ptr().align_offset(ALIGN).min(ALIGN);
        }
        &mut self.bytes[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_long_as_asked_for_and_aligned() {
        for len in [1, 4096, 512 << 10] {
            let mut buffer = Buffer::new(len);
            assert_eq!(buffer.get().len(), len);
            assert_eq!(buffer.get().as_ptr().addr() % ALIGN, 0);
        }
    }
}
