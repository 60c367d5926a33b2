//! Every size against every place of the fault, in each routine.

use std::fs::File;
use std::os::fd::AsFd;

use super::*;
use crate::page::{PageRange, PageSize};
use crate::sys::fault;
use crate::sys::region::{Access, Mode, Region, Sharing};

/// Two pages of a file that has one: the second faults.
struct Cliff {
    region: Region,
    page: usize,
}

impl Cliff {
    fn new() -> Self {
        fault::install();
        let page = PageSize::base();
        let file = tempfile::tempfile().unwrap();
        file.set_len(2 * page.bytes() as u64).unwrap();
        let region = map(&file, 2 * page.bytes());
        file.set_len(page.bytes() as u64).unwrap();
        let cliff = Self { region, page: page.bytes() };
        for at in 0..cliff.page {
            // SAFETY: clause L2: the byte is in the first page.
            assert!(unsafe { store_u8(cliff.at(at), pattern(at)) });
        }
        cliff
    }

    /// The address of byte `at`; bytes from `page` on fault.
    fn at(&self, at: usize) -> *mut u8 {
        assert!(at <= 2 * self.page);
        self.region.as_ptr().wrapping_add(at)
    }

    /// What is there in `len` bytes from `at`, all before the cliff.
    fn bytes(&self, at: usize, len: usize) -> Vec<u8> {
        // SAFETY: clause L2: the byte is in the mapping.
        (at..at + len).map(|at| unsafe { load_u8(self.at(at)) }.unwrap()).collect()
    }
}

fn map(file: &File, len: usize) -> Region {
    let mode = Mode { access: Access::ReadWrite, sharing: Sharing::Shared, no_reserve: false };
    let range = PageRange::new(PageSize::base(), 0, len as u64).unwrap();
    Region::map(file.as_fd(), &range, 0, mode).unwrap()
}

/// A byte for each place, such that neighbours and far places differ.
fn pattern(at: usize) -> u8 {
    (at.wrapping_mul(31) ^ (at >> 8)).to_le_bytes()[0] | 1
}

const GUARD: u8 = 0xa6;
const MARGIN: usize = 64;

/// A destination with a margin of guard bytes on both sides.
struct Guarded(Vec<u8>);

impl Guarded {
    fn new(len: usize) -> Self {
        Self(vec![GUARD; len + 2 * MARGIN])
    }

    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0[MARGIN..].as_mut_ptr()
    }

    /// `done` bytes are those of the source at `from`, and no other byte has changed.
    #[track_caller]
    fn check(&self, from: usize, done: usize) {
        let (before, rest) = self.0.split_at(MARGIN);
        let (copied, after) = rest.split_at(done);
        assert!(before.iter().all(|&byte| byte == GUARD), "bytes below the destination");
        assert!(after.iter().all(|&byte| byte == GUARD), "bytes past the {done} that were copied");
        for (i, &byte) in copied.iter().enumerate() {
            assert_eq!(byte, pattern(from + i), "byte {i} of {done} from {from}");
        }
    }
}

#[test]
fn copying_in_tells_exactly_how_many_bytes_were_good() {
    let cliff = Cliff::new();
    for (name, copy) in arch::variants() {
        for len in 0..=600 {
            for good in (0..=len.min(cliff.page)).chain([len + 1, len + 17]) {
                let from = cliff.page - good;
                let mut buffer = Guarded::new(len);
                // SAFETY: clause L2: the source is in the mapping, the destination in the buffer.
                let done = unsafe { copy(buffer.as_mut_ptr(), cliff.at(from), len) };
                assert_eq!(done, good.min(len), "{name}: {len} bytes, {good} before the end");
                buffer.check(from, done);
            }
        }
    }
}
