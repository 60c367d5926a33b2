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
///
/// ```
/// use folio_model::FileKind;
/// use folio_oracle::{Folio, Processes, Until, random};
/// # let dir = tempfile::tempdir()?;
/// let mut bench = Folio::new(dir.path(), &[FileKind::Memory], Processes::Here)?;
/// let repertoires = bench.repertoires();
/// let over = Until::Time(std::time::Duration::ZERO);
/// assert_eq!(random(&mut bench, &repertoires, 1, 20, over)?.programs, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// This many programs.
    Programs(u64),
    /// The first program after this time.
    Time(Duration),
}

/// What was run.
///
/// ```
/// use folio_model::FileKind;
/// use folio_oracle::{Folio, Outcome, Processes, Until, random};
/// # let dir = tempfile::tempdir()?;
/// let mut bench = Folio::new(dir.path(), &[FileKind::Memory], Processes::Here)?;
/// let repertoires = [bench.repertoire()];
/// let Outcome { programs, steps, found } = random(&mut bench, &repertoires, 1, 20, Until::Programs(2))?;
/// assert_eq!((programs, steps), (2, 40));
/// assert!(found.is_none());
/// # Ok::<(), std::io::Error>(())
/// ```
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
///
/// ```
/// use folio_model::FileKind;
/// use folio_oracle::{Folio, Processes, Until, random};
/// # let dir = tempfile::tempdir()?;
/// let mut bench = Folio::new(dir.path(), &[FileKind::Memory], Processes::Here)?;
/// let repertoires = bench.repertoires();
/// if let Some(found) = random(&mut bench, &repertoires, 1, 20, Until::Programs(2))?.found {
///     println!("seed {:?}, after {:?}:\n{}", found.seed, found.after, found.disagreement);
///     # panic!("folio and the model disagree");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
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
/// ```
/// use folio_model::FileKind;
/// use folio_oracle::{Folio, Processes, Until, random};
/// # let dir = tempfile::tempdir()?;
/// let mut bench = Folio::new(dir.path(), &[FileKind::Memory], Processes::Here)?;
/// let repertoires = bench.repertoires();
/// let outcome = random(&mut bench, &repertoires, 7, 20, Until::Programs(4))?; // of the seeds 7 to 10
/// assert!(outcome.found.is_none());
/// # Ok::<(), std::io::Error>(())
/// ```
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
///
/// ```
/// use folio_model::Repertoire;
/// use folio_oracle::seeded;
/// let repertoires = [Repertoire::kernel(4096)];
/// assert_eq!(seeded(&repertoires, 7, 60), seeded(&repertoires, 7, 60)); // to look at it again
/// assert!(seeded(&[], 7, 60).is_empty());
/// ```
#[must_use]
pub fn seeded(repertoires: &[Repertoire], seed: u64, steps: usize) -> Program {
    let turn = usize::try_from(seed).unwrap_or(0).checked_rem(repertoires.len()).unwrap_or(0);
    let repertoire = repertoires.get(turn);
    repertoire.map_or_else(|| Program(Vec::new()), |it| it.program(&mut Seeded::new(seed), steps))
}

/// A small part of `repertoire`, for every program of a few steps: a file of two pages under a shared and a private mapping,
/// which is truncated and grown, loaded and stored around its end.
///
/// ```
/// use folio_model::Repertoire;
/// use folio_oracle::small;
/// let small = small(Repertoire::kernel(4096));
/// let programs = small.every_program(1).count();
/// assert!((1..100).contains(&programs)); // each with one step after the opening
/// ```
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
/// ```
/// use folio_model::FileKind;
/// use folio_oracle::{Folio, Processes, exhaustive, small};
/// # let dir = tempfile::tempdir()?;
/// let mut bench = Folio::new(dir.path(), &[FileKind::Memory], Processes::Here)?;
/// let repertoire = small(bench.repertoire());
/// let outcome = exhaustive(&mut bench, &repertoire, 1)?;
/// assert!(outcome.found.is_none());
/// assert_eq!(outcome.programs, 1 + repertoire.every_program(1).count() as u64); // and the opening alone
/// # Ok::<(), std::io::Error>(())
/// ```
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
