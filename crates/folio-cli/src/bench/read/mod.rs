//! Carrying a plan out in one way, and timing it.
//!
//! What a program does once for a file, opening a mapping and giving advice, is in the time, and so is unmapping. What it does once and
//! for all its files is not: buffers, pipes and rings are made before. Every way looks at every byte that it reads: the bytes are added
//! up, and the sum must be that of all other ways.

mod calls;
mod mapped;
mod piped;
mod ringed;
mod sum;

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, why};

use super::place::Subject;
use super::plan::{BLOCK, Piece, Plan};
use super::way::Way;

pub(super) use sum::Tally;

use mapped::Mapped;

/// What one run through a plan took and found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Once {
    pub(super) took: Duration,
    pub(super) tally: Tally,
}

/// Why a way did not read.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is not to be had here, for this file: why. The others are.
    NotHere(String),
    /// The file ended before the bytes that were to be read.
    Short,
    /// Reading failed.
    Failed(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<rustix::io::Errno> for Trouble {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Failed(errno.into())
    }
}

impl From<folio::Error> for Trouble {
    fn from(error: folio::Error) -> Self {
        match error.kind() {
            folio::ErrorKind::Truncated { .. } => Self::Short,
            _ => Self::Failed(error.into()),
        }
    }
}

impl Trouble {
    /// As a failure of the whole bench, which it is unless the way is just not to be had.
    pub(super) fn into_failure(self, subject: &Subject) -> Result<String, Failure> {
        match self {
            Self::NotHere(why) => Ok(why),
            Self::Short => {
                subject.check_length()?;
                Err(subject.failed("read", &io::ErrorKind::UnexpectedEof.into()))
            }
            Self::Failed(error) => {
                subject.check_length()?;
                Err(subject.failed("read", &error))
            }
        }
    }
}

/// O_DIRECT reads multiples of this, in bytes: whole sectors of any disk.
const SECTORS: usize = 4096;

/// One thread's side of a way: the buffers that it has before the clock starts.
trait Hand: Send {
    /// Read `pieces` and add their bytes up. `mapped` is the mapping, for those ways that have one.
    fn read(&mut self, mapped: &Mapped, pieces: &[Piece]) -> Result<Tally, Trouble>;
}

/// Read `plan` in this way, once.
pub(super) fn once(way: Way, subject: &Subject, plan: &Plan, depth: u32) -> Result<Once, Trouble> {
    let mut hands = Vec::new();
    for _ in &plan.shares {
        hands.push(hand(way, subject, plan, depth)?);
    }
    let start = Instant::now();
    let mapped = Mapped::open(way, subject, plan)?;
    let tally = if let ([hand], [share]) = (&mut hands[..], &plan.shares[..]) {
        hand.read(&mapped, share)?
    } else {
        together(&mut hands, &mapped, plan)?
    };
    mapped.close()?;
    Ok(Once { took: start.elapsed(), tally })
}

/// Each share by a thread of its own. Starting them is in the time; it is some 30 µs each.
fn together<'a>(
    hands: &mut [Box<dyn Hand + 'a>],
    mapped: &Mapped,
    plan: &Plan,
) -> Result<Tally, Trouble> {
    thread::scope(|scope| {
        let threads: Vec<_> = hands
            .iter_mut()
            .zip(&plan.shares)
            .map(|(hand, share)| scope.spawn(move || hand.read(mapped, share)))
            .collect();
        let mut whole = Tally::default();
        for thread in threads {
            let part = thread.join().unwrap_or_else(|_| {
                Err(Trouble::Failed(io::Error::other("a thread of the bench ended early")))
            })?;
            whole.add(part);
        }
        Ok(whole)
    })
}

/// What a thread needs before the clock starts.
fn hand<'a>(
    way: Way,
    subject: &'a Subject,
    plan: &Plan,
    depth: u32,
) -> Result<Box<dyn Hand + 'a>, Trouble> {
    let direct = || subject.direct.as_ref().map_err(|why| Trouble::NotHere(why.clone()));
    let piece = plan.pattern.piece();
    Ok(match way {
        Way::Read => Box::new(calls::Positioned::new(subject.reopened()?)),
        Way::Pread => Box::new(calls::Calls::new(&subject.file, calls::Call::Pread)),
        Way::Preadv2 => Box::new(calls::Calls::new(&subject.file, calls::Call::Preadv2)),
        Way::NoWait => Box::new(calls::Calls::new(&subject.file, calls::Call::NoWait)),
        Way::Direct => Box::new(calls::Calls::new(direct()?, calls::Call::Direct)),
        Way::Sendfile => Box::new(piped::Pipe::new(&subject.file, piped::By::Sendfile)?),
        Way::Splice => Box::new(piped::Pipe::new(&subject.file, piped::By::Splice)?),
        Way::Ring => Box::new(ringed::Reads::new(&subject.file, depth, piece)?),
        Way::RingDirect => Box::new(ringed::Reads::new(direct()?, depth, piece)?),
        Way::Shared | Way::Chunks => Box::new(mapped::Copies::new(way)),
        Way::MapAhead => Box::new(mapped::Slices::ahead()),
        Way::Map
        | Way::MapPopulate
        | Way::MapRandom
        | Way::MapSequential
        | Way::MapWillNeed
        | Way::MapHuge
        | Way::Frozen => Box::new(mapped::Slices::plain()),
    })
}

/// The buffer of a thread; its pages are there before the clock starts.
fn warm_buffer() -> crate::buffer::Buffer {
    let mut buffer = crate::buffer::Buffer::new(usize::try_from(BLOCK).unwrap_or(1 << 18));
    buffer.get().fill(1);
    buffer
}

/// The reason in a mapping's error, without the kernel's number.
fn not_here(error: &folio::Error) -> Trouble {
    Trouble::NotHere(crate::failure::reason(error))
}

/// The same for a system call's.
fn not_here_os(errno: rustix::io::Errno) -> Trouble {
    Trouble::NotHere(why(&errno.into()))
}

#[cfg(test)]
mod tests {
    use super::super::place::Place;
    use super::super::plan::Pattern;
    use super::super::way::Cache;
    use super::*;

    /// What the bytes of the plan add up to, found without any of the ways.
    fn expected(content: &[u8], plan: &Plan) -> Tally {
        let mut tally = Tally::default();
        for piece in plan.shares.iter().flatten() {
            let start = usize::try_from(piece.offset).unwrap();
            tally.bytes += piece.len as u64;
            tally.sum +=
                content[start..start + piece.len].iter().map(|&byte| u64::from(byte)).sum::<u64>();
        }
        tally
    }

    #[test]
    fn every_way_reads_the_bytes_of_the_plan() {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = dir.path().join("f");
        // The last block, the last record and the last sector are short.
        for len in [1usize, 4096, 100_000, (5 << 20) + 4096 + 77] {
            let content: Vec<u8> = (0..len as u64)
                .map(|at| (at.wrapping_mul(0x9e37_79b9) >> 13).to_le_bytes()[0])
                .collect();
            std::fs::write(&path, &content).unwrap();
            let place = Place::open(&path, None, false).unwrap();
            let subject = place.subject();
            for pattern in Pattern::ALL {
                for threads in [1, 3] {
                    let plan = Plan::new(pattern, subject.span, 300, threads, 4);
                    let expected = expected(&content, &plan);
                    for way in Way::ALL {
                        if way.fits(pattern, Cache::Cold).is_err() {
                            continue;
                        }
                        let what = format!("{} {} {len} {threads}", way.name(), pattern.name());
                        match once(way, subject, &plan, 8) {
                            Ok(once) => assert_eq!(once.tally, expected, "{what}"),
                            Err(Trouble::NotHere(why)) => testfs::skip(what, why),
                            Err(error) => panic!("{what}: {error:?}"),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_truncation_meanwhile_is_an_error_of_every_way() {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = dir.path().join("f");
        for way in Way::ALL {
            std::fs::write(&path, vec![3; 1 << 20]).unwrap();
            let place = Place::open(&path, None, false).unwrap();
            let subject = place.subject();
            let plan = Plan::new(Pattern::Sequential, subject.span, u64::MAX, 1, 0);
            std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(300_000).unwrap();
            match once(way, subject, &plan, 8) {
                Err(Trouble::NotHere(why)) if !why.contains("past the end") => {
                    testfs::skip(way.name(), why)
                }
                Ok(once) => panic!("{}: {once:?}", way.name()),
                Err(_) => assert!(subject.check_length().is_err()),
            }
        }
    }
}
