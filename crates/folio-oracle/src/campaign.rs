//! Many programs, one after the other, until one shows something or the time is up.

use std::io;
use std::time::{Duration, Instant};

use folio_model::{
    Access, Backing, Content, Descriptor, File, Mapping, Op, Positions, Process, Program,
    Protection, Repertoire, Seeded, Sharing, Verb,
};

use crate::Bench;
use crate::compare::{Disagreement, compare, explain};

/// How long to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// This many programs.
    Programs(u64),
    /// The first program after this time.
    Time(Duration),
}

/// What was run.
#[derive(Clone, Debug)]
pub struct Outcome<Seen> {
    /// How many programs.
    pub programs: u64,
    /// How many steps of them.
    pub steps: u64,
    /// What was found.
    pub found: Option<Found<Seen>>,
}

/// A disagreement, and how to come by it again.
#[derive(Clone, Debug)]
pub struct Found<Seen> {
    /// The seed of the program that showed it first; `None` if programs were not random.
    pub seed: Option<u64>,
    /// How long it took to find.
    pub after: Duration,
    /// The plainest program that shows it.
    pub disagreement: Disagreement<Seen>,
}

/// Random programs of `steps` steps, with one repertoire after the other: the first is that of `seed`, the next that of the
/// number after it.
///
/// # Errors
/// If one could not be run: see [`System::step`](crate::System::step).
pub fn random<B: Bench>(
    bench: &mut B,
    repertoires: &[Repertoire],
    seed: u64,
    steps: usize,
    until: Until,
) -> io::Result<Outcome<B::Seen>> {
    let start = Instant::now();
    let programs = (0..)
        .take_while(|&count| match until {
            Until::Programs(most) => count < most,
            Until::Time(time) => start.elapsed() < time,
        })
        .map(|count| {
            let seed = seed.wrapping_add(count);
            (Some(seed), seeded(repertoires, seed, steps))
        });
    each(bench, programs, start)
}

/// The random program of `seed`, of `steps` steps. Without a repertoire it has none.
#[must_use]
pub fn seeded(repertoires: &[Repertoire], seed: u64, steps: usize) -> Program {
    let turn = usize::try_from(seed).unwrap_or(0).checked_rem(repertoires.len()).unwrap_or(0);
    let repertoire = repertoires.get(turn);
    repertoire.map_or_else(|| Program(Vec::new()), |it| it.program(&mut Seeded::new(seed), steps))
}

/// A small part of `repertoire`, for every program of a few steps: a file of two pages under a shared and a private mapping,
/// which is truncated and grown, loaded and stored around its end.
#[must_use]
pub fn small(repertoire: Repertoire) -> Repertoire {
    let process = Process(0);
    let page = repertoire.page_size;
    let open = Op::Open {
        process,
        descriptor: Descriptor(0),
        file: File(0),
        access: Access::ReadWrite,
        content: Content::Keep,
    };
    let write = Op::Write { process, descriptor: Descriptor(0), offset: 0, len: 2 * page, fill: 1 };
    let map = |mapping, sharing| Op::Map {
        process,
        mapping: Mapping(mapping),
        backing: Backing::File(Descriptor(0)),
        sharing,
        protection: Protection::READ | Protection::WRITE,
        offset: 0,
        len: 2 * page,
    };
    let opening = vec![open, write, map(0, Sharing::Shared), map(1, Sharing::Private)];
    let positions = Positions::Listed { offsets: vec![0, page], lens: vec![1, page + 1] };
    Repertoire { opening, positions, fills: vec![2], ..repertoire }.only(&[
        Verb::Truncate,
        Verb::Remap,
        Verb::Load,
        Verb::Store,
    ])
}

/// Every program of up to `steps` steps.
///
/// # Errors
/// As [`random`].
pub fn exhaustive<B: Bench>(
    bench: &mut B,
    repertoire: &Repertoire,
    steps: usize,
) -> io::Result<Outcome<B::Seen>> {
    let programs = (0..=steps).flat_map(|steps| repertoire.every_program(steps));
    each(bench, programs.map(|program| (None, program)), Instant::now())
}

fn each<B: Bench>(
    bench: &mut B,
    programs: impl Iterator<Item = (Option<u64>, Program)>,
    start: Instant,
) -> io::Result<Outcome<B::Seen>> {
    let mut outcome = Outcome { programs: 0, steps: 0, found: None };
    for (seed, program) in programs {
        outcome.programs += 1;
        outcome.steps += program.len() as u64;
        if let Some(disagreement) = compare(bench, &program)? {
            let after = start.elapsed();
            let disagreement = explain(bench, disagreement)?;
            outcome.found = Some(Found { seed, after, disagreement });
            break;
        }
    }
    Ok(outcome)
}
