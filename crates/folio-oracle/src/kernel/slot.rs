//! What is in a slot for a mapping: the mapping, or what is left of it.
//!
//! Pages that were unmapped are no longer ours: anything may have been mapped there since, by the allocator for one. So a
//! call on a range that reaches over them is made piece by piece, as the kernel itself goes from one area to the next, and what
//! it says of addresses where nothing is mapped is said here. A mapping without holes is one call.

use std::io;
use std::ops::Range;

use folio::PageSize;
use folio::raw::{self, Growth, NotUnmapped};
use rustix::io::Errno;

/// A mapping with holes.
#[derive(Debug)]
pub(super) struct Slot {
    /// In order.
    pieces: Vec<Piece>,
    /// The length that mmap(2) and mremap(2) gave it, in bytes: whole pages.
    len: usize,
}

#[derive(Debug)]
struct Piece {
    /// Where it begins, in bytes from the first of the whole.
    start: usize,
    mapping: raw::Mapping,
}

impl Piece {
    fn end(&self) -> usize {
        self.start + self.mapping.len()
    }
}

/// A part of a range.
#[derive(Clone, Debug)]
pub(super) enum Part<'a> {
    /// These bytes of this mapping.
    Mapped(&'a raw::Mapping, Range<usize>),
    /// Nothing is there.
    Hole,
}

/// What a call does where nothing is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holes {
    /// It ends there, with `ENOMEM`.
    End,
    /// It goes on behind, and is answered with `ENOMEM` when all is done.
    Pass,
}

impl Slot {
    pub(super) fn new(mapping: raw::Mapping) -> Self {
        let len = mapping.len();
        Self { pieces: vec![Piece { start: 0, mapping }], len }
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The parts of `range`, in order; what lies behind the mapping is a hole.
    pub(super) fn parts(&self, range: Range<usize>) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        let mut at = range.start;
        for piece in &self.pieces {
            let within = at.max(piece.start)..range.end.min(piece.end());
            if within.is_empty() {
                continue;
            }
            if at < within.start {
                parts.push(Part::Hole);
            }
            at = within.end;
            let within = within.start - piece.start..within.end - piece.start;
            parts.push(Part::Mapped(&piece.mapping, within));
        }
        if at < range.end {
            parts.push(Part::Hole);
        }
        parts
    }

    /// Make a call on each part of `len` bytes from `offset` on.
    pub(super) fn call(
        &self,
        offset: usize,
        len: usize,
        holes: Holes,
        mut call: impl FnMut(&raw::Mapping, Range<usize>) -> io::Result<()>,
    ) -> io::Result<()> {
        if len == 0 {
            return match self.piece(offset) {
                Some(piece) => {
                    let at = offset - piece.start;
                    call(&piece.mapping, at..at)
                }
                None => check_aligned(offset),
            };
        }
        let mut passed = Ok(());
        for part in self.parts(offset..offset.saturating_add(len)) {
            match part {
                Part::Mapped(mapping, range) => call(mapping, range)?,
                Part::Hole => {
                    check_aligned(offset)?;
                    passed = Err(Errno::NOMEM.into());
                    if holes == Holes::End {
                        break;
                    }
                }
            }
        }
        passed
    }

    fn piece(&self, offset: usize) -> Option<&Piece> {
        self.pieces.iter().find(|piece| (piece.start..piece.end()).contains(&offset))
    }

    /// munmap(2). Where nothing is mapped it has nothing to do.
    pub(super) fn unmap(&mut self, offset: usize, len: usize) -> io::Result<()> {
        let end = offset.saturating_add(len);
        let mut answer = match len {
            0 => Err(Errno::INVAL.into()),
            _ => check_aligned(offset),
        };
        // A range that is none is a mistake that the kernel shall find, in the piece where it begins.
        let touched = match answer {
            Ok(()) => offset..end,
            Err(_) => offset..offset.saturating_add(1),
        };
        let mut pieces = Vec::new();
        for piece in std::mem::take(&mut self.pieces) {
            if piece.end() <= touched.start || touched.end <= piece.start {
                pieces.push(piece);
                continue;
            }
            let within = offset.max(piece.start)..end.min(piece.end());
            let range = within.start - piece.start..within.end - piece.start;
            answer = unmap_within(piece, range, &mut pieces);
        }
        self.pieces = pieces;
        answer
    }

    /// mremap(2) of the whole to `len` bytes. What has holes shrinks by unmapping, as in the kernel, and does not grow.
    pub(super) fn remap(&mut self, len: usize) -> io::Result<()> {
        let whole = self.len;
        match self.pieces.as_mut_slice() {
            [piece] if piece.start == 0 && piece.end() == whole => {
                piece.mapping.remap(len, Growth::MayMove)?;
                self.len = piece.mapping.len();
                return Ok(());
            }
            _ => {}
        }
        let page = PageSize::base().bytes();
        let new = match len.checked_next_multiple_of(page) {
            None | Some(0) => return Err(Errno::INVAL.into()),
            Some(new) => new,
        };
        if new > whole || self.piece(0).is_none() {
            return Err(Errno::FAULT.into());
        }
        if new < whole {
            self.unmap(new, whole - new)?;
        }
        self.len = new;
        Ok(())
    }
}

/// Unmap `range` of a piece; what is left goes to `pieces`.
fn unmap_within(piece: Piece, range: Range<usize>, pieces: &mut Vec<Piece>) -> io::Result<()> {
    let (start, end) = (piece.start, piece.end());
    match piece.mapping.unmap(range) {
        Ok((before, behind)) => {
            pieces.extend(before.map(|mapping| Piece { start, mapping }));
            pieces.extend(behind.map(|mapping| Piece { start: end - mapping.len(), mapping }));
            Ok(())
        }
        Err(NotUnmapped { mapping, error }) => {
            pieces.push(Piece { start, mapping });
            Err(error)
        }
    }
}

/// What every call asks first.
fn check_aligned(offset: usize) -> io::Result<()> {
    match offset.is_multiple_of(PageSize::base().bytes()) {
        true => Ok(()),
        false => Err(Errno::INVAL.into()),
    }
}
