//! What single things cost here, apart from each other: the reasons behind the rows.
//!
//! Each is measured over many of its kind in one stretch, so that the clock does not show, and several times.

use std::hint::black_box;
use std::io;
use std::time::Instant;

use folio::{MapOptions, PageSize};

use super::place::Subject;
use super::plan::{Pattern, Plan, RECORD, STRIDE};
use super::read::Tally;
use super::stats::{Rounds, Spread};

/// What things cost, in seconds each; `None` where they could not be measured.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Costs {
    /// Asking the clock.
    pub(super) clock: Option<Spread>,
    /// pread(2) of one byte that is in memory.
    pub(super) call: Option<Spread>,
    /// A page fault on a page that is in memory: what the kernel does, and the pages around that it maps with it.
    pub(super) fault: Option<Spread>,
    /// Looking at 4 KiB that are mapped: what none of the ways can save.
    pub(super) look: Option<Spread>,
}

/// How often each is measured.
const ROUNDS: usize = 7;
/// How many of a kind in one stretch.
const MANY: usize = 2000;

/// Measure them on a file whose pages are in memory.
pub(super) fn measure(subject: &Subject) -> Costs {
    Costs {
        clock: several(|| Some(clock())),
        call: several(|| call(subject).ok()),
        fault: several(|| fault(subject).ok()),
        look: several(|| Some(look())),
    }
}

fn several(mut once: impl FnMut() -> Option<f64>) -> Option<Spread> {
    // The first is to warm up.
    let rounds: Option<Vec<f64>> = (0..=ROUNDS).map(|_| once()).collect();
    rounds?.into_iter().skip(1).collect::<Rounds>().spread()
}

fn each(start: Instant, count: usize) -> f64 {
    start.elapsed().as_secs_f64() / count.max(1) as f64
}

fn clock() -> f64 {
    let start = Instant::now();
    for _ in 0..MANY {
        black_box(Instant::now());
    }
    each(start, MANY)
}

fn call(subject: &Subject) -> io::Result<f64> {
    let plan = Plan::new(Pattern::Hot, subject.span, MANY as u64, 1, 1);
    let mut byte = [0];
    let start = Instant::now();
    for piece in &plan.shares[0] {
        rustix::io::pread(&subject.file, &mut byte, piece.offset)?;
    }
    Ok(each(start, plan.shares[0].len()))
}

/// One byte every 64 KiB: the kernel maps up to so much around each fault, so each touch is one.
fn fault(subject: &Subject) -> folio::Result<f64> {
    let len = subject.span.min(STRIDE * MANY as u64);
    let map = MapOptions::new().range(0..len).map_shared(&subject.file)?;
    let step = usize::try_from(STRIDE).unwrap_or(1 << 16).max(PageSize::base().bytes());
    let start = Instant::now();
    let mut count = 0;
    for at in (0..map.len()).step_by(step) {
        black_box(map.load::<u8>(at)?);
        count += 1;
    }
    Ok(each(start, count))
}

/// In memory of the program's own, more of it than the caches hold.
fn look() -> f64 {
    let bytes = vec![1u8; usize::try_from(RECORD).unwrap_or(4096) * 8192];
    let start = Instant::now();
    let mut tally = Tally::default();
    for record in bytes.chunks(4096) {
        tally.look_at(black_box(record));
    }
    black_box(tally);
    each(start, bytes.len() / 4096)
}

#[cfg(test)]
mod tests {
    use super::super::place::Place;
    use super::*;

    #[test]
    fn everything_costs_something() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::open(dir.path(), Some(8 << 20), false).unwrap();
        let costs = measure(place.subject());
        for cost in [costs.clock, costs.call, costs.fault, costs.look] {
            let cost = cost.unwrap();
            assert!(cost.low > 0.0 && cost.low <= cost.median && cost.median <= cost.high);
        }
    }
}
