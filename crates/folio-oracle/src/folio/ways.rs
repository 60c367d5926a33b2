//! Which of folio's calls does an operation. There are several that load and several that store; the operation's own numbers
//! choose, so that a program always does the same, and a part of it too.

use std::io::Read;
use std::sync::atomic::Ordering;

use folio::{Shared, SharedMut};

use super::answer::Answer;

/// How bytes are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadWay {
    /// `load` of a word, which does not ask for the length of the file.
    Word,
    /// `read_at`
    Copy,
    /// `slice` and `chunks`
    Chunks,
    /// `slice` and `reader`
    Reader,
}

/// How bytes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreWay {
    /// `store` of a word, which does not ask for the length of the file.
    Word,
    /// `write_at`
    Copy,
    /// `fill`
    Fill,
    /// `slice` and `fill`
    Slice,
}

/// How changes are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommitWay {
    /// `commit_in_place`
    InPlace,
    /// `commit`, after which the name stands for another file.
    Replace,
}

impl CommitWay {
    /// How often a process replaces a file in one program: each time the model needs another one.
    pub(crate) const MOST: usize = 8;

    /// After `replaced` times.
    pub(crate) fn of(offset: u64, len: u64, replaced: usize) -> Self {
        match offset.wrapping_add(len).is_multiple_of(2) || replaced >= Self::MOST {
            true => Self::InPlace,
            false => Self::Replace,
        }
    }
}

impl LoadWay {
    pub(crate) fn of(offset: u64, len: u64) -> Self {
        let mix = offset.wrapping_add(len);
        match (len, mix % 5) {
            (1 | 2 | 4 | 8, 0..3) => Self::Word,
            (_, 0 | 3) => Self::Copy,
            (_, 1) => Self::Reader,
            (_, 2) => Self::Chunks,
            _ => Self::Copy,
        }
    }
}

impl StoreWay {
    pub(crate) fn of(len: u64, fill: u8) -> Self {
        match (len, fill % 4) {
            (1 | 2 | 4 | 8, 0 | 1) => Self::Word,
            (_, 0 | 1) => Self::Copy,
            (_, 2) => Self::Fill,
            _ => Self::Slice,
        }
    }
}

/// A mapping of live bytes, either kind.
pub(crate) trait Live {
    fn read_at(&self, offset: usize, buf: &mut [u8]) -> folio::Result<()>;
    fn load_word(&self, offset: usize, len: usize) -> folio::Result<Vec<u8>>;
    fn slice_chunks(&self, offset: usize, len: usize) -> (Vec<u8>, folio::Result<()>);
    fn slice_reader(&self, offset: usize, len: usize) -> (Vec<u8>, folio::Result<()>);
}

/// Load `len` bytes at `offset`.
pub(crate) fn load(map: &impl Live, offset: u64, len: u64) -> Answer {
    let (at, size) = (to_usize(offset), to_usize(len));
    let (mut bytes, result) = match LoadWay::of(offset, len) {
        LoadWay::Word => match map.load_word(at, size) {
            Ok(bytes) => (bytes, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        },
        LoadWay::Copy => {
            let mut buf = vec![0xEE; size];
            let result = map.read_at(at, &mut buf);
            (buf, result)
        }
        LoadWay::Chunks => map.slice_chunks(at, size),
        LoadWay::Reader => map.slice_reader(at, size),
    };
    match (result, LoadWay::of(offset, len)) {
        (Ok(()), _) => Answer::Bytes(bytes),
        // These two lend what is good before the error, which then counts none of it.
        (Err(error), LoadWay::Chunks | LoadWay::Reader) => {
            let done = bytes.len() as u64;
            match Answer::refused(&error, bytes) {
                Answer::Refused { reason, bytes, message, .. } => {
                    Answer::Refused { reason, done, bytes, message }
                }
                other => other,
            }
        }
        (Err(error), _) => {
            bytes.truncate(error.bytes_done());
            Answer::refused(&error, bytes)
        }
    }
}

/// Store `len` bytes `fill` at `offset`.
pub(crate) fn store(map: &SharedMut, offset: u64, len: u64, fill: u8) -> Answer {
    let (at, size) = (to_usize(offset), to_usize(len));
    Answer::done(match StoreWay::of(len, fill) {
        StoreWay::Word => store_word(map, at, size, fill),
        StoreWay::Copy => map.write_at(at, &vec![fill; size]),
        StoreWay::Fill => map.fill(at..at.saturating_add(size), fill),
        StoreWay::Slice => {
            map.slice(at..at.saturating_add(size)).and_then(|slice| slice.fill(.., fill))
        }
    })
}

/// A word of equal bytes, by an atomic where that cannot fault, as it would poison the mapping.
fn store_word(map: &SharedMut, at: usize, size: usize, fill: u8) -> folio::Result<()> {
    let atomic = fill % 8 < 4 && is_atomic(map, at, size);
    match size {
        1 if atomic => map.atomic_u8(at).map(|word| word.store(fill, Ordering::Relaxed)),
        4 if atomic => map
            .atomic_u32(at)
            .map(|word| word.store(u32::from_ne_bytes([fill; 4]), Ordering::Relaxed)),
        8 if atomic => map
            .atomic_u64(at)
            .map(|word| word.store(u64::from_ne_bytes([fill; 8]), Ordering::Relaxed)),
        1 => map.store(at, &fill),
        2 => map.store(at, &[fill; 2]),
        4 => map.store(at, &u32::from_ne_bytes([fill; 4])),
        _ => map.store(at, &u64::from_ne_bytes([fill; 8])),
    }
}

/// Whether the file reaches `size` bytes at `at`, and they are aligned as an atomic is.
fn is_atomic(map: &SharedMut, at: usize, size: usize) -> bool {
    let Some(end) = at.checked_add(size) else { return false };
    let first = map.file_offset() + at as u64;
    let reaches = map.file_len().is_ok_and(|len| first + size as u64 <= len);
    end <= map.len() && reaches && first.is_multiple_of(size as u64)
}

/// A position for a call that checks it.
fn to_usize(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

macro_rules! live {
    ($kind:ty) => {
        impl Live for $kind {
            fn read_at(&self, offset: usize, buf: &mut [u8]) -> folio::Result<()> {
                <$kind>::read_at(self, offset, buf)
            }

            fn load_word(&self, offset: usize, len: usize) -> folio::Result<Vec<u8>> {
                match len {
                    1 => self.load::<u8>(offset).map(|word| vec![word]),
                    2 => self.load::<u16>(offset).map(|word| word.to_ne_bytes().to_vec()),
                    4 => self.load::<u32>(offset).map(|word| word.to_ne_bytes().to_vec()),
                    _ => self.load::<u64>(offset).map(|word| word.to_ne_bytes().to_vec()),
                }
            }

            fn slice_chunks(&self, offset: usize, len: usize) -> (Vec<u8>, folio::Result<()>) {
                let mut bytes = Vec::new();
                let slice = match self.slice(offset..offset.saturating_add(len)) {
                    Ok(slice) => slice,
                    Err(error) => return (bytes, Err(error)),
                };
                let mut chunks = slice.chunks();
                loop {
                    match chunks.next_chunk() {
                        Ok(Some(chunk)) => bytes.extend_from_slice(chunk),
                        Ok(None) => return (bytes, Ok(())),
                        Err(error) => return (bytes, Err(error)),
                    }
                }
            }

            fn slice_reader(&self, offset: usize, len: usize) -> (Vec<u8>, folio::Result<()>) {
                let mut bytes = Vec::new();
                let slice = match self.slice(offset..offset.saturating_add(len)) {
                    Ok(slice) => slice,
                    Err(error) => return (bytes, Err(error)),
                };
                let read = slice.reader().read_to_end(&mut bytes);
                let result = match read {
                    Ok(_) => Ok(()),
                    Err(error) => match error.downcast::<folio::Error>() {
                        Ok(error) => Err(error),
                        // Not folio's own: an answer that nothing promises.
                        Err(_) => return (vec![0xEE; len + 1], Ok(())),
                    },
                };
                (bytes, result)
            }
        }
    };
}

live!(Shared);
live!(SharedMut);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_taken() {
        let loads: Vec<_> = (0..10).flat_map(|at| [1, 3].map(|len| LoadWay::of(at, len))).collect();
        for way in [LoadWay::Word, LoadWay::Copy, LoadWay::Chunks, LoadWay::Reader] {
            assert!(loads.contains(&way), "{way:?}");
        }
        let stores: Vec<_> =
            (0..8).flat_map(|fill| [1, 3].map(|len| StoreWay::of(len, fill))).collect();
        for way in [StoreWay::Word, StoreWay::Copy, StoreWay::Fill, StoreWay::Slice] {
            assert!(stores.contains(&way), "{way:?}");
        }
    }
}
