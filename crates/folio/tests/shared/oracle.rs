//! A `SharedMut` against a vector that stands for the file, step by step, while the file is also written, cut and grown
//! from outside.

use std::fs::File;
use std::os::unix::fs::FileExt;

use folio::{Error, ErrorKind, MapOptions, SharedMut};
use proptest::prelude::*;

use crate::scratch::{Scratch, numbered, page};

#[derive(Clone, Debug)]
enum Step {
    Read { at: usize, len: usize },
    Write { at: usize, len: usize, byte: u8 },
    Load { at: usize },
    Store { at: usize, value: u64 },
    Fill { at: usize, len: usize, byte: u8 },
    Copy { from: usize, len: usize, to: usize },
    Grow { len: usize },
    Shrink { len: usize },
    Flush,
    Chunks,
    // What another process does:
    SetLen { len: usize },
    WriteFile { at: usize, len: usize, byte: u8 },
}

/// The file and the mapping as they should be.
#[derive(Debug)]
struct Model {
    /// The file from the mapping's first byte on.
    file: Vec<u8>,
    map_len: usize,
    /// A `store`, which does not ask for the length, went past the end: reads may take its bytes for the file's.
    stored_unasked: bool,
    /// Something was stored past the end of the file, in its last page. What becomes of it when the file grows is the file
    /// system's affair.
    stored_past_end: bool,
}

impl Model {
    /// What an operation on `len` bytes at `at` must answer: how many bytes are good, and the error's kind.
    fn verdict(&self, offset: usize, at: usize, len: usize) -> Result<(), (usize, ErrorKind)> {
        let end = at.checked_add(len).filter(|&end| end <= self.map_len);
        let Some(end) = end else { return Err((0, ErrorKind::OutOfRange)) };
        if end <= self.file.len() || len == 0 {
            return Ok(());
        }
        let now = (offset + self.file.len()) as u64;
        let gone = now.max((offset + at) as u64);
        let good = self.file.len().saturating_sub(at);
        Err((good, ErrorKind::Truncated { offset: gone, len: now }))
    }

    fn store(&mut self, at: usize, bytes: impl IntoIterator<Item = u8>) {
        for (at, byte) in (at..).zip(bytes) {
            match self.file.get_mut(at) {
                Some(place) => *place = byte,
                None => self.stored_past_end = true,
            }
        }
    }

    fn set_len(&mut self, len: usize) {
        self.file.resize(len, 0);
    }
}

/// The real thing and the model, which step together.
struct Pair {
    real: SharedMut,
    file: File,
    offset: usize,
    model: Model,
}

impl Pair {
    fn apply(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let (offset, real) = (self.offset, &mut self.real);
        match *step {
            Step::Read { at, len } => {
                let mut bytes = vec![0xa5; len];
                let answer = real.read_at(at, &mut bytes);
                let good = self.agree(at, len, answer)?;
                if good > 0 {
                    prop_assert_eq!(&bytes[..good], &self.model.file[at..at + good]);
                }
            }
            Step::Load { at } => {
                // A load does not ask for the length: only whole values that are in the file are compared.
                let verdict = self.model.verdict(offset, at, 8);
                let answer = real.load::<u64>(at);
                match verdict {
                    Ok(()) => {
                        let bytes = answer.map_err(fail)?.to_ne_bytes();
                        prop_assert_eq!(&bytes[..], &self.model.file[at..at + 8]);
                    }
                    Err((_, ErrorKind::OutOfRange)) => prop_assert!(answer.is_err()),
                    Err((_, kind)) => {
                        prop_assert!(answer.map_or_else(|e| e.kind() == kind, |_| true))
                    }
                }
            }
            Step::Write { at, len, byte } => {
                let answer = real.write_at(at, &vec![byte; len]);
                self.stored(at, len, byte, answer)?;
            }
            Step::Fill { at, len, byte } => {
                let answer = real.fill(at..at.saturating_add(len), byte);
                self.stored(at, len, byte, answer)?;
            }
            Step::Store { at, value } => {
                match (self.model.verdict(offset, at, 8), real.store(at, &value)) {
                    (Ok(()), answer) => {
                        answer.map_err(fail)?;
                        self.model.store(at, value.to_ne_bytes());
                    }
                    (Err((_, ErrorKind::OutOfRange)), answer) => {
                        prop_assert_eq!(answer.unwrap_err().kind(), ErrorKind::OutOfRange);
                    }
                    (Err(_), _) => {
                        self.model.store(at, value.to_ne_bytes());
                        self.model.stored_unasked = true;
                    }
                }
            }
            Step::Copy { from, len, to } => {
                let answer = real.copy_within(from..from.saturating_add(len), to);
                let both =
                    [self.model.verdict(offset, from, len), self.model.verdict(offset, to, len)];
                // Bounds come first.
                let out = both.into_iter().find(|v| matches!(v, Err((_, ErrorKind::OutOfRange))));
                let verdict = out.unwrap_or(both[0].and(both[1]));
                match verdict {
                    Ok(()) => {
                        answer.map_err(fail)?;
                        if len > 0 {
                            self.model.file.copy_within(from..from + len, to);
                        }
                    }
                    Err((_, kind)) => {
                        let error = answer.expect_err("the model expects an error");
                        let truncated = |kind| matches!(kind, ErrorKind::Truncated { .. });
                        prop_assert!(
                            error.kind() == kind || truncated(error.kind()) && truncated(kind)
                        );
                        if truncated(kind) {
                            self.model.stored_past_end = true;
                            self.look_again(0..self.model.file.len());
                        }
                    }
                }
            }
            Step::Grow { len } => {
                real.grow(len).map_err(fail)?;
                self.model.map_len = self.model.map_len.max(len);
                let len = self.model.file.len().max(len);
                self.grown(len);
            }
            Step::Shrink { len } => {
                let (mapped, file) = (self.model.map_len, self.model.file.len());
                match real.shrink(len) {
                    Ok(()) => {
                        prop_assert!(len <= mapped && file <= mapped && file >= len);
                        self.model.set_len(len);
                        self.model.map_len = len;
                    }
                    Err(error) if matches!(error.kind(), ErrorKind::Truncated { .. }) => {
                        prop_assert!(file < len && len <= mapped);
                    }
                    Err(error) => {
                        prop_assert_eq!(error.kind(), ErrorKind::InvalidInput);
                        prop_assert!(len > mapped || file > mapped);
                    }
                }
            }
            Step::Flush => {
                let whole = self.model.map_len <= self.model.file.len() || self.model.map_len == 0;
                prop_assert_eq!(real.flush().is_ok(), whole);
            }
            Step::Chunks => {
                let (mut seen, mut chunks) = (Vec::new(), real.chunks());
                let answer = loop {
                    match chunks.next_chunk() {
                        Ok(Some(chunk)) => seen.extend_from_slice(chunk),
                        Ok(None) => break Ok(()),
                        Err(error) => break Err(error.kind()),
                    }
                };
                let there = self.model.map_len.min(self.model.file.len());
                prop_assert_eq!(&seen[..], &self.model.file[..there]);
                prop_assert_eq!(answer.is_ok(), there == self.model.map_len);
            }
            Step::SetLen { len } => {
                self.file.set_len((offset + len) as u64).unwrap();
                if len > self.model.file.len() { self.grown(len) } else { self.model.set_len(len) }
            }
            Step::WriteFile { at, len, byte } => {
                self.file.write_all_at(&vec![byte; len], (offset + at) as u64).unwrap();
                if len > 0 {
                    let end = self.model.file.len().max(at + len);
                    self.grown(end);
                    self.model.file[at..at + len].fill(byte);
                }
            }
        }
        self.compare()
    }

    /// The file is `len` bytes long now, and was not longer before.
    fn grown(&mut self, len: usize) {
        let before = self.model.file.len();
        self.model.set_len(len);
        if self.model.stored_past_end && len > before {
            let page_end = (self.offset + before).next_multiple_of(page()) - self.offset;
            self.look_again(before..page_end.min(len));
            self.model.stored_past_end = false;
        }
    }

    /// Take what the file holds for what it should: where nothing says what it must be.
    fn look_again(&mut self, range: std::ops::Range<usize>) {
        let at = (self.offset + range.start) as u64;
        self.file.read_exact_at(&mut self.model.file[range], at).unwrap();
    }

    /// The answer to a write or fill of `len` times `byte`.
    fn stored(
        &mut self,
        at: usize,
        len: usize,
        byte: u8,
        answer: folio::Result<()>,
    ) -> Result<(), TestCaseError> {
        let out_of_range = matches!(&answer, Err(error) if error.kind() == ErrorKind::OutOfRange);
        self.agree(at, len, answer)?;
        if !out_of_range {
            self.model.store(at, std::iter::repeat_n(byte, len));
        }
        Ok(())
    }

    /// The answer is what the model says; how many bytes are good.
    fn agree(
        &self,
        at: usize,
        len: usize,
        answer: folio::Result<()>,
    ) -> Result<usize, TestCaseError> {
        match (self.model.verdict(self.offset, at, len), answer) {
            (Ok(()), Ok(())) => Ok(len),
            (Err((good, kind)), Err(error)) => {
                prop_assert_eq!(error.kind(), kind, "{}", error);
                prop_assert_eq!(error.bytes_done(), good, "{}", error);
                Ok(good)
            }
            (Err((good, ErrorKind::Truncated { .. })), Ok(())) if self.model.stored_unasked => {
                Ok(good)
            }
            (verdict, answer) => {
                Err(TestCaseError::fail(format!("the model says {verdict:?}, folio {answer:?}")))
            }
        }
    }

    /// File and mapping are what they should be, seen through read(2).
    fn compare(&self) -> Result<(), TestCaseError> {
        let len = usize::try_from(self.file.metadata().unwrap().len()).unwrap();
        prop_assert_eq!(len, self.offset + self.model.file.len());
        prop_assert_eq!(self.real.len(), self.model.map_len);
        let mut bytes = vec![0; self.model.file.len()];
        self.file.read_exact_at(&mut bytes, self.offset as u64).unwrap();
        prop_assert!(bytes == self.model.file, "the file differs");
        Ok(())
    }
}

fn fail(error: Error) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let top = 5 * page();
    let near = move || {
        prop_oneof![0..top, 0..200usize, page() - 20..page() + 20, 2 * page() - 9..2 * page() + 9]
    };
    let size = move || prop_oneof![0..top, 0..100usize, Just(8usize)];
    let step = prop_oneof![
        4 => (near(), size()).prop_map(|(at, len)| Step::Read { at, len }),
        4 => (near(), size(), any::<u8>()).prop_map(|(at, len, byte)| Step::Write { at, len, byte }),
        2 => near().prop_map(|at| Step::Load { at }),
        2 => (near(), any::<u64>()).prop_map(|(at, value)| Step::Store { at, value }),
        2 => (near(), size(), any::<u8>()).prop_map(|(at, len, byte)| Step::Fill { at, len, byte }),
        4 => (near(), size(), near()).prop_map(|(from, len, to)| Step::Copy { from, len, to }),
        2 => near().prop_map(|len| Step::Grow { len }),
        2 => near().prop_map(|len| Step::Shrink { len }),
        1 => Just(Step::Flush),
        1 => Just(Step::Chunks),
        2 => near().prop_map(|len| Step::SetLen { len }),
        2 => (near(), size(), any::<u8>()).prop_map(|(at, len, byte)| Step::WriteFile { at, len, byte }),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, fork: false, ..ProptestConfig::default() })]

    #[test]
    fn a_shared_mut_is_a_vector_that_others_can_cut(
        start in prop_oneof![Just(0usize), 0..3 * page()],
        offset in prop_oneof![Just(0usize), 0..5000usize],
        reserve in prop_oneof![Just(None), Just(Some(1u64 << 20))],
        steps in steps(),
    ) {
        let scratch = Scratch::numbered(offset + start);
        let mut options = MapOptions::new().offset(offset as u64);
        if let Some(reserve) = reserve {
            options = options.reserve(reserve);
        }
        let real = options.open_shared_mut(scratch.path()).unwrap();
        let model = Model { file: numbered(offset, start), map_len: start, stored_past_end: false, stored_unasked: false };
        let mut pair = Pair { real, file: scratch.read_write(), offset, model };
        pair.compare()?;
        for step in &steps {
            pair.apply(step).map_err(|error| TestCaseError::fail(format!("{step:?}: {error}")))?;
        }
    }
}
